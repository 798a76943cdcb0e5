use control::{Verdict, probe::Guard};
use serde_json::json;

use super::*;
use crate::target::double::{Double, answer, echo};

const HEADER: &str = "sku,price\n";

/// A gate that takes the uploads that `takes` says so of, by head and body, and refuses others with 422.
fn gate(takes: impl Fn(&str, &str) -> bool + 'static) -> Double {
    telling(takes, &json!({ "error": "row 2, column 1: a word on it" }))
}

fn telling(takes: impl Fn(&str, &str) -> bool + 'static, told: &Value) -> Double {
    let told = told.clone();
    let mut at = Double::answering(move |request| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
        match takes(head, body) {
            true => echo(&[]),
            false if head.contains("100-continue") || head.contains("gzip") => answer(413, &told),
            false if (501..600).contains(&file(body).1.len()) => answer(413, &told),
            false => answer(422, &told),
        }
    });
    at.facts.routes.truncate(1);
    at.facts.routes[0].guard = Guard::Open("test".to_owned());
    "/app".clone_into(&mut at.facts.routes[0].path);
    at.facts.configuration = json!({ "route": [{ "path": "/app", "uploads": {
        "file": "500B", "csv": { "rows": 9, "layouts": [{ "columns": ["sku", "price"] }] },
        "audio": { "kinds": ["wav"] },
    } }] });
    at
}

fn verdict(probe: &dyn Probe, at: &Double) -> Verdict {
    let pairs = [
        ("on", "/app"),
        ("file", "500B"),
        ("rows", "9"),
        ("kinds", "csv"),
        ("lowest", "8000"),
        ("highest", "48000"),
    ];
    let asked = Asked {
        promise: probe.promise().to_owned(),
        values: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        line: 1,
        sentence: String::new(),
    };
    let mut sheet = Sheet::new();
    probe.run(&asked, at, &mut sheet).unwrap();
    sheet.verdict()
}

/// What a file is called and holds, as a careful reader finds it.
fn file(body: &str) -> (&str, &str) {
    let (_, rest) = body.split_once("filename=\"").unwrap_or_default();
    let (name, rest) = rest.split_once('"').unwrap_or_default();
    let (_, content) = rest.split_once("\r\n\r\n").unwrap_or_default();
    (name, content.split("\r\n--").next().unwrap_or_default())
}

fn named(body: &str) -> bool {
    file(body).0 == "vouchsafe.csv"
}

fn is_table(body: &str) -> bool {
    let lines: Vec<&str> = file(body).1.trim_start_matches(HEADER).lines().collect();
    let whole =
        |line: &&str| line.matches(',').count() == 1 && line.chars().all(|c| c == ',' || c == '1');
    file(body).1.starts_with(HEADER) && lines.iter().all(whole)
}

#[test]
fn a_gate_that_overlooks_a_size_in_one_way_is_found_out() {
    let fits = |_: &str, body: &str| file(body).1.len() <= 500;
    let plain = |head: &str| !head.contains("100-continue") && !head.contains("gzip");
    let strict = move |head: &str, body: &str| plain(head) && fits(head, body);
    assert_eq!(verdict(&Size, &gate(strict)), Verdict::Kept);
    let careless: [fn(&str, &str) -> bool; 4] = [
        |head, body| !head.contains("gzip") && file(body).1.len() <= 500,
        |head, body| !head.contains("100-continue") && file(body).1.len() <= 500,
        |head, body| {
            let plain = !head.contains("100-continue") && !head.contains("gzip");
            plain && (head.contains("chunked") || file(body).1.len() <= 500)
        },
        |head, _| !head.contains("100-continue") && !head.contains("gzip"),
    ];
    for takes in careless {
        assert_eq!(verdict(&Size, &gate(takes)), Verdict::Broken);
    }
    assert_eq!(verdict(&Size, &gate(|_, _| false)), Verdict::Error);
}

#[test]
fn a_gate_that_believes_a_name_or_a_type_is_found_out() {
    let typed = |body: &str| body.contains("Content-Type: text/csv");
    let strict = move |_: &str, body: &str| typed(body) && named(body) && is_table(body);
    assert_eq!(verdict(&Type, &gate(strict)), Verdict::Kept);
    let careless: [fn(&str, &str) -> bool; 4] = [
        |_, body| named(body) && is_table(body),
        |_, body| body.contains("Content-Type: text/csv") && is_table(body),
        |_, body| body.contains("Content-Type: text/csv") && named(body),
        |_, body| body.contains("%PDF") || (named(body) && is_table(body)),
    ];
    for takes in careless {
        assert_eq!(verdict(&Type, &gate(takes)), Verdict::Broken);
    }
}

#[test]
fn one_name_that_is_overlooked_is_found() {
    assert_eq!(verdict(&Names, &gate(|_, body| named(body))), Verdict::Kept);
    let careless: [fn(&str, &str) -> bool; 3] = [
        |_, body| {
            !file(body)
                .0
                .contains(['/', '\\', '\0', ':', '%', '\u{2215}', '\u{202e}'])
        },
        |_, body| named(body) || file(body).0.starts_with('.'),
        |_, body| named(body) || file(body).0.contains("%2f"),
    ];
    for takes in careless {
        assert_eq!(verdict(&Names, &gate(takes)), Verdict::Broken);
    }
}

#[test]
fn rows_and_columns_are_tried_on_both_sides_of_what_is_promised() {
    let rows = |body: &str| file(body).1.lines().count() - 1;
    assert_eq!(
        verdict(&Rows, &gate(move |_, body| rows(body) <= 9)),
        Verdict::Kept
    );
    assert_eq!(
        verdict(&Rows, &gate(move |_, body| rows(body) <= 10)),
        Verdict::Broken
    );
    assert_eq!(
        verdict(&Rows, &gate(move |_, body| rows(body) <= 8)),
        Verdict::Error
    );
    let known = |_: &str, body: &str| file(body).1.starts_with(HEADER);
    assert_eq!(verdict(&Schema, &gate(known)), Verdict::Kept);
    let begins = |_: &str, body: &str| file(body).1.starts_with("sku,price");
    assert_eq!(verdict(&Schema, &gate(begins)), Verdict::Broken);
}

#[test]
fn a_refusal_without_a_word_or_with_too_many_is_no_kind_one() {
    let good = |_: &str, body: &str| is_table(body);
    assert_eq!(verdict(&Friendly, &gate(good)), Verdict::Kept);
    for told in [
        json!({}),
        json!({ "error": "422" }),
        json!({ "error": "Traceback (most recent call last) in read" }),
        json!({ "error": "thread main panicked at src/csv.rs:3" }),
    ] {
        let verdict = verdict(&Friendly, &telling(good, &told));
        assert_eq!(verdict, Verdict::Broken, "{told}");
    }
}
