use control::{Verdict, probe::RouteFact};
use serde_json::json;

use super::{super::restricted::Restricted, *};
use crate::target::double::{Double, answer, echo};

/// In the place of roles: no credential is shown.
const NOTHING: &str = "nothing is shown";

/// A deployment whose table lets clerks read and write and keeps them from the archive.
fn deployment(judge: impl Fn(&Rights, &[&str], &str, &str) -> bool + 'static) -> Double {
    let configuration = json!({
        "roles": {
            "clerk": {"allow": ["GET,POST /api"], "deny": ["* /api/archive"]},
            "chief": {"allow": ["*"]},
        },
        "route": [
            {"path": "/health"},
            {"path": "/api", "roles": ["clerk", "chief"]},
        ],
    });
    let rights = Rights::of(&configuration).unwrap();
    let mut at = Double::answering(move |text| {
        let (method, rest) = text.split_once(' ').unwrap();
        let path = rest.split(' ').next().unwrap();
        let roles: Vec<&str> = text
            .lines()
            .find_map(|line| line.strip_prefix("Authorization: "))
            .map(|value| value.split('~').skip(1).collect())
            .unwrap_or_else(|| vec![NOTHING]);
        if judge(&rights, &roles, method, path) {
            echo(&[])
        } else {
            let status = if roles == [NOTHING] { 401 } else { 403 };
            let mut reply = answer(status, &json!({}));
            if let Reply::Answer(answer) = &mut reply {
                answer
                    .fields
                    .push(("X-Request-Id".to_owned(), "r1".to_owned()));
            }
            reply
        }
    });
    at.facts.configuration = configuration;
    let able = vec!["chief".to_owned(), "clerk".to_owned()];
    if let Some(RouteFact { guard, .. }) = at.facts.routes.get_mut(1) {
        *guard = Guard::Key(able);
    }
    at
}

fn asked(promise: &str, values: &[(&str, &str)]) -> Asked {
    let values = values
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Asked {
        promise: promise.to_owned(),
        values: values.collect(),
        line: 1,
        sentence: String::new(),
    }
}

fn by_role(at: &Double) -> Verdict {
    let mut sheet = Sheet::new();
    let asked = asked("access.by-role", &[]);
    ByRole.run(&asked, at, &mut sheet).unwrap();
    sheet.verdict()
}

fn restricted(at: &Double, roles: &str) -> Verdict {
    let asked = asked("access.restricted", &[("path", "/api"), ("roles", roles)]);
    let mut sheet = Sheet::new();
    Restricted.run(&asked, at, &mut sheet).unwrap();
    sheet.verdict()
}

/// What a gate in good order says.
fn good(rights: &Rights, roles: &[&str], method: &str, path: &str) -> bool {
    let named = roles.iter().any(|role| matches!(*role, "clerk" | "chief"));
    named && rights.may(roles, method, path)
}

#[test]
fn a_gate_that_keeps_to_its_table_is_believed() {
    assert_eq!(by_role(&deployment(good)), Verdict::Kept);
}

#[test]
fn a_gate_with_a_gap_in_its_table_is_noticed() {
    let anybody = |_: &Rights, _: &[&str], _: &str, _: &str| true;
    assert_eq!(by_role(&deployment(anybody)), Verdict::Broken);
    let one_cell = |rights: &Rights, roles: &[&str], method: &str, path: &str| {
        good(rights, roles, method, path)
            || (roles, method, path) == (&["clerk"][..], "DELETE", "/api/vsc")
    };
    assert_eq!(by_role(&deployment(one_cell)), Verdict::Broken);
    let denial_lost = |rights: &Rights, roles: &[&str], method: &str, path: &str| {
        roles.iter().any(|role| good(rights, &[role], method, path))
    };
    assert_eq!(by_role(&deployment(denial_lost)), Verdict::Broken);
}

#[test]
fn a_gate_that_refuses_what_its_table_allows_proves_nothing() {
    let nobody = |_: &Rights, _: &[&str], _: &str, _: &str| false;
    assert_eq!(by_role(&deployment(nobody)), Verdict::Error);
}

#[test]
fn without_a_table_there_is_nothing_to_prove() {
    assert_eq!(by_role(&Double::new()), Verdict::Unproven);
}

#[test]
fn a_path_for_some_roles_refuses_the_others_and_records_it() {
    let mut at = deployment(good);
    assert_eq!(restricted(&at, "clerk,chief"), Verdict::Broken, "no event");
    at.events = vec![json!({"kind": "request", "request": "r1"})];
    assert_eq!(restricted(&at, "clerk,chief"), Verdict::Kept);
    // The clerks may read there, and the document says that only the chief may.
    assert_eq!(restricted(&at, "chief"), Verdict::Broken);
    let mut at = deployment(|rights, roles, method, path| {
        roles == [NOTHING] || good(rights, roles, method, path)
    });
    at.events = vec![json!({"kind": "request", "request": "r1"})];
    assert_eq!(restricted(&at, "clerk,chief"), Verdict::Broken, "open");
}
