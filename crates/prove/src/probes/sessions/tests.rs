use control::probe::Guard;
use serde_json::json;

use super::*;
use crate::target::double::{Double, answer, echo};

fn asked(name: &str, value: &str) -> Asked {
    Asked {
        promise: String::new(),
        values: [(name.to_owned(), value.to_owned())].into(),
        line: 1,
        sentence: String::new(),
    }
}

/// A target with one route for people.
fn people(answer: impl Fn(&str) -> Reply + 'static) -> Double {
    let mut at = Double::answering(answer);
    at.facts.routes.truncate(1);
    if let Some(route) = at.facts.routes.first_mut() {
        route.guard = Guard::Session(Vec::new());
        route.sessions = true;
    }
    at
}

/// The echo of a request of the person called `subject`.
fn told(subject: &str) -> Reply {
    let claims = seal::encode::base64url(json!({ "sub": subject }).to_string().as_bytes());
    echo(&[("X-Vouchsafe-Assertion", &format!("e30.{claims}.c2ln"))])
}

/// Number, age and idle time of the session in a request to the double.
fn session_in(request: &str) -> Option<(String, u64, u64)> {
    let (_, rest) = request.split_once("__Host-vouchsafe=")?;
    let mut parts = rest.split("\r\n").next()?.split('.');
    let number = parts.next()?.to_owned();
    Some((
        number,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    ))
}

fn cleared(status: u16) -> Reply {
    let mut reply = answer(status, &json!({}));
    if let Reply::Answer(answer) = &mut reply {
        let cookie = "__Host-vouchsafe=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Lax";
        answer
            .fields
            .push(("Set-Cookie".to_owned(), cookie.to_owned()));
    }
    reply
}

fn verdict(probe: &dyn Probe, asked: &Asked, at: &Double) -> control::Verdict {
    let mut sheet = Sheet::new();
    probe.run(asked, at, &mut sheet).unwrap();
    sheet.verdict()
}

/// A gate under which sessions end `idle` and `longest` seconds after use and login.
fn gate(idle: u64, longest: u64) -> Double {
    people(move |request| match session_in(request) {
        Some((number, created, seen)) if created < longest && seen < idle => {
            told(&format!("user:{number}"))
        }
        _ if request.contains("Sec-Fetch-Mode: navigate") => cleared(303),
        _ => cleared(401),
    })
}

#[test]
fn sessions_that_go_on_too_long_are_noticed_to_the_minute() {
    use control::Verdict::{Broken, Error, Kept};
    let idle = asked("idle", "30m");
    for (seconds, expected) in [(1800, Kept), (1861, Broken), (1700, Error)] {
        assert_eq!(
            verdict(&Idle, &idle, &gate(seconds, 28_800)),
            expected,
            "{seconds}"
        );
    }
    let longest = asked("longest", "8h");
    for (seconds, expected) in [(28_800, Kept), (28_861, Broken), (28_700, Error)] {
        assert_eq!(
            verdict(&Longest, &longest, &gate(1800, seconds)),
            expected,
            "{seconds}"
        );
    }
}

#[test]
fn a_dead_session_whose_cookie_stays_breaks_the_promise() {
    let at = people(|request| match session_in(request) {
        Some((number, _, seen)) if seen < 1800 => told(&format!("user:{number}")),
        _ => answer(401, &json!({})),
    });
    assert_eq!(
        verdict(&Idle, &asked("idle", "30m"), &at),
        control::Verdict::Broken
    );
}

#[test]
fn one_person_under_the_name_of_another_breaks_the_promise() {
    let good = |request: &str| match request.matches("__Host-vouchsafe=").count() {
        1 => session_in(request).map_or_else(|| cleared(401), |it| told(&format!("user:{}", it.0))),
        _ => cleared(401),
    };
    let nothing = asked("", "");
    assert_eq!(
        verdict(&Isolated, &nothing, &people(good)),
        control::Verdict::Kept
    );
    let mixed = people(move |request| match session_in(request) {
        Some((number, ..)) if number == "s1" => told("user:s0"),
        _ => good(request),
    });
    let everybody = people(|_| told("user:the-last"));
    for wrong in [mixed, everybody] {
        let verdict = verdict(&Isolated, &nothing, &wrong);
        assert_eq!(verdict, control::Verdict::Broken);
    }
}

#[test]
fn an_altered_session_differs_in_one_character_of_its_id() {
    assert_eq!(flipped("__Host-vouchsafe=Abc"), "__Host-vouchsafe=Bbc");
    assert_eq!(flipped("__Host-vouchsafe=xbc"), "__Host-vouchsafe=Abc");
}
