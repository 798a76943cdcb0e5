//! What passes of an answer, and what does not.

use proptest::prelude::*;

use super::*;

fn texts(all: &[&str]) -> Vec<Box<str>> {
    all.iter().map(|&text| text.into()).collect()
}

fn collection(at: &str) -> Arc<Collection> {
    Arc::new(Collection {
        name: "checks".into(),
        at: Pointer::read(at).unwrap(),
        beside: texts(&["total"]),
        issuer: None,
        counts: Some(Counts {
            at: Pointer::read(at).unwrap(),
            show: texts(&["week", "urgency", "count"]),
            count: "count".into(),
            least: 5,
        }),
        views: Vec::new(),
    })
}

fn own(at: &str, answer: &str) -> Result<String, Unseen> {
    let me = Some("ann".into());
    let narrow = Narrow::of_rows(collection(at), texts(&["mentor"]), me, texts(&["phone"]));
    cut(&narrow, answer)
}

fn cut(narrow: &Narrow, answer: &str) -> Result<String, Unseen> {
    let cut = narrow.cut(answer.as_bytes())?;
    Ok(String::from_utf8(cut).unwrap())
}

#[test]
fn a_list_is_cut_to_the_rows_of_whoever_asks_digit_for_digit() {
    let answer = r#"[{"mentor":"ann","n":12345678901234567890123.10},{"mentor":"bob","n":1},
        {"n":2},{"mentor":null},{"mentor":["ann"]},{"mentor":{"name":"ann"}},"ann",["ann"]]"#;
    let left = r#"[{"mentor":"ann","n":12345678901234567890123.10}]"#;
    assert_eq!(own("", answer).unwrap(), left);
    assert_eq!(own("", "[]").unwrap(), "[]");
    assert_eq!(own("", "null").unwrap(), "null");
}

/// Found by fuzzing, against the oracle: JSON bounds no number.
#[test]
fn a_number_that_no_float_holds_passes_as_it_is_written() {
    let answer = r#"{"total":8E888,"rows":[{"mentor":"ann","n":-1e999},{"mentor":8E888}]}"#;
    let left = r#"{"total":8E888,"rows":[{"mentor":"ann","n":-1e999}]}"#;
    assert_eq!(own("/rows", answer).unwrap(), left);
    crate::fuzz::rows(answer.as_bytes());
    // How large a group is has to be known.
    let counts = Narrow::of_counts(collection(""));
    let groups = r#"[{"week":"1","count":8E888},{"week":"2","count":5}]"#;
    assert_eq!(cut(&counts, groups).unwrap(), r#"[{"week":"2","count":5}]"#);
}

#[test]
fn beside_the_rows_only_listed_fields_pass() {
    let answer = r#"{"total":2,"latest":{"mentor":"ann"},"note":"bob said",
        "rows":[{"mentor":"bob"},{"mentor":"ann"}]}"#;
    let left = r#"{"total":2,"rows":[{"mentor":"ann"}]}"#;
    assert_eq!(own("/rows", answer).unwrap(), left);
    let nested = r#"{"data":{"rows":[{"mentor":"bob"}],"all":[1]}}"#;
    assert_eq!(
        own("/data/rows", nested).unwrap(),
        r#"{"data":{"rows":[]}}"#
    );
    // What may stand beside holds no rows of its own.
    let hidden = r#"{"total":[{"mentor":"bob"}],"rows":[]}"#;
    assert_eq!(own("/rows", hidden).unwrap(), r#"{"rows":[]}"#);
}

#[test]
fn one_row_is_theirs_or_not_there() {
    assert_eq!(
        own("/rows", r#"{"mentor":"ann"}"#).unwrap(),
        r#"{"mentor":"ann"}"#
    );
    for other in [
        r#"{"mentor":"bob"}"#,
        r#"{"id":1}"#,
        "{}",
        r#"{"Mentor":"ann"}"#,
    ] {
        assert_eq!(own("/rows", other), Err(Unseen::NotTheirs), "{other}");
    }
}

#[test]
fn an_owner_may_be_written_with_escapes_or_as_a_number() {
    assert!(
        own("", r#"[{"\u006dentor":"\u0061nn"}]"#)
            .unwrap()
            .contains("mentor")
    );
    let number = |me: &str, answer| {
        let me = Some(me.into());
        cut(
            &Narrow::of_rows(collection(""), texts(&["mentor"]), me, vec![]),
            answer,
        )
    };
    assert_eq!(
        number("17", r#"[{"mentor":17}]"#).unwrap(),
        r#"[{"mentor":17}]"#
    );
    for (me, answer) in [
        ("1", r#"[{"mentor":17}]"#),
        ("true", r#"[{"mentor":true}]"#),
    ] {
        assert_eq!(number(me, answer).unwrap(), "[]", "{answer}");
    }
}

#[test]
fn whoever_has_no_name_here_owns_nothing() {
    let nobody = Narrow::of_rows(collection(""), texts(&["mentor"]), None, vec![]);
    for answer in [r#"[{"mentor":null}]"#, r#"[{"mentor":""}]"#, "[{}]"] {
        assert_eq!(cut(&nobody, answer).unwrap(), "[]");
    }
}

#[test]
fn hidden_fields_are_left_out_at_any_depth_and_in_any_case() {
    let answer = r#"[{"mentor":"ann","Phone":1,"pupil":{"PHONE":2,"x":[{"phone":3},4]}}]"#;
    let left = r#"[{"mentor":"ann","pupil":{"x":[{},4]}}]"#;
    assert_eq!(own("", answer).unwrap(), left);
    let escaped = r#"[{"mentor":"ann","\u0070hone":1}]"#;
    assert_eq!(own("", escaped).unwrap(), r#"[{"mentor":"ann"}]"#);
}

#[test]
fn what_two_readers_could_understand_differently_is_not_passed_on() {
    for answer in [
        r#"[{"mentor":"ann","mentor":"bob"}]"#,
        r#"[{"mentor":"bob","\u006dentor":"ann"}]"#,
        r#"[{"mentor":"ann","x":{"y":1,"y":2}}]"#,
    ] {
        assert_eq!(own("", answer), Err(Unseen::Ambiguous), "{answer}");
    }
    let twice = r#"{"rows":[],"rows":[{"mentor":"ann"}]}"#;
    assert_eq!(own("/rows", twice), Err(Unseen::Ambiguous));
}

#[test]
fn what_is_not_what_the_collection_says_is_not_passed_on() {
    for answer in [
        "",
        "no",
        "17",
        "\"ann\"",
        "[",
        "[]x",
        "\u{feff}[]",
        "<p>",
        "[1,]",
    ] {
        assert_eq!(own("", answer), Err(Unseen::NoRows), "{answer}");
    }
    assert_eq!(own("/rows", "[]"), Err(Unseen::NoRows));
    let deep = format!(
        r#"[{{"mentor":"ann","x":{}1{}}}]"#,
        "[".repeat(40),
        "]".repeat(40)
    );
    assert_eq!(own("", &deep), Err(Unseen::TooDeep));
}

#[test]
fn counts_have_their_fields_and_no_sentence_and_no_small_group() {
    let narrow = Narrow::of_counts(collection("/groups"));
    let sentence = "I have not slept since the day that it happened";
    let answer = format!(
        r#"{{"note":"{sentence}","total":9,"groups":[
            {{"week":"2026-47","urgency":3,"count":5,"text":"{sentence}","rows":[1]}},
            {{"week":"2026-48","urgency":2,"count":4}},
            {{"week":"{sentence}","urgency":1,"count":50}},
            {{"week":"2026-49"}},{{"count":"50"}},{{"count":5.0}},{{"count":-6}}]}}"#
    );
    let left = r#"{"groups":[{"week":"2026-47","urgency":3,"count":5},{"urgency":1,"count":50}]}"#;
    assert_eq!(cut(&narrow, &answer).unwrap(), left);
    let one = r#"{"week":"2026-47","count":4}"#;
    assert_eq!(cut(&narrow, one), Err(Unseen::NotTheirs));
}

#[test]
fn a_view_says_who_may_change_what() {
    let view = |all, own: bool, write: &[&str]| View {
        all,
        own: own.then(|| "mentor".into()),
        write: texts(write),
        ..View::default()
    };
    assert!(view(true, false, &[]).permits("DELETE"));
    assert!(view(false, true, &[]).permits("GET") && view(false, true, &[]).permits("HEAD"));
    assert!(!view(false, true, &["POST"]).permits("DELETE"));
    assert!(view(false, true, &["POST"]).permits("POST"));
    assert!(!view(false, false, &["POST"]).permits("POST"));
}

#[test]
fn a_pointer_leads_through_fields() {
    assert_eq!(Pointer::read("").unwrap(), Pointer::default());
    assert_eq!(
        Pointer::read("/a~1b/~0").unwrap(),
        Pointer(texts(&["a/b", "~"]))
    );
    for bad in ["rows", "/", "/a//b", "/1/2/3/4/5/6/7/8/9"] {
        assert!(Pointer::read(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_answer_is_cut_to_what_may_be_seen(
        rows in prop::collection::vec((0_u8..4, any::<u32>(), ".{0,40}"), 0..20),
    ) {
        let owner = |who| match who {
            0 => r#""ann""#,
            1 => r#""bob""#,
            2 => "null",
            _ => "[\"ann\"]",
        };
        let rows: Vec<String> = rows
            .iter()
            .map(|(who, n, text)| {
                let text = serde_json::to_string(text).unwrap();
                let owner = owner(*who);
                format!(r#"{{"mentor":{owner},"n":{n},"count":{n},"week":{text},"phone":{text}}}"#)
            })
            .collect();
        let answer = format!(r#"{{"rows":[{}],"total":1}}"#, rows.join(","));
        crate::fuzz::rows(answer.as_bytes());
        crate::fuzz::rows(format!("[{}]", rows.join(",")).as_bytes());
    }

    #[test]
    fn any_bytes_are_cut_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::rows(&bytes);
    }
}
