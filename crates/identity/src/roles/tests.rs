use proptest::prelude::*;

use super::*;

fn rule(role: &str, effect: Effect, scope: &str) -> Rule {
    Rule {
        role: role.into(),
        effect,
        scope: Scope::or_everything(scope).unwrap(),
        line: 0,
    }
}

fn table(rules: &[(&str, Effect, &str)]) -> RoleTable {
    let rules = rules
        .iter()
        .map(|(role, effect, scope)| rule(role, *effect, scope));
    RoleTable::new(Vec::new(), rules.collect()).unwrap()
}

/// What the words of the rules say, one by one.
fn plainly(rules: &[Rule], roles: &[&str], method: &str, path: &str) -> Ruling {
    let speaks = |effect| {
        rules.iter().any(|rule| {
            rule.effect == effect && roles.contains(&&*rule.role) && rule.scope.covers(method, path)
        })
    };
    if speaks(Effect::Deny) {
        Ruling::Denied
    } else if speaks(Effect::Allow) {
        Ruling::Allowed
    } else {
        Ruling::Absent
    }
}

#[test]
fn what_no_rule_allows_is_not_allowed() {
    let table = table(&[("sales", Effect::Allow, "GET /api")]);
    for (roles, method, path, ruling) in [
        (&["sales"][..], "GET", "/api", Ruling::Allowed),
        (&["sales"], "GET", "/api/a/b", Ruling::Allowed),
        (&["sales"], "GET", "/api/", Ruling::Allowed),
        (&["sales"], "POST", "/api", Ruling::Absent),
        (&["sales"], "HEAD", "/api", Ruling::Absent),
        (&["sales"], "get", "/api", Ruling::Absent),
        (&["sales"], "GET", "/", Ruling::Absent),
        (&["sales"], "GET", "/apis", Ruling::Absent),
        (&["sales"], "GET", "api", Ruling::Absent),
        (&["sales"], "GET", "", Ruling::Absent),
        (&["Sales"], "GET", "/api", Ruling::Absent),
        (&["other"], "GET", "/api", Ruling::Absent),
        (&[], "GET", "/api", Ruling::Absent),
    ] {
        assert_eq!(
            table.judge(roles, method, path),
            ruling,
            "{roles:?} {method} {path}"
        );
    }
}

#[test]
fn a_rule_that_denies_wins_over_any_that_allows() {
    let table = table(&[
        ("staff", Effect::Allow, "*"),
        ("staff", Effect::Deny, "DELETE /api"),
        ("guest", Effect::Deny, "* /api/secret"),
    ]);
    let judge = |roles: &[&str], method, path| table.judge(roles, method, path);
    assert_eq!(judge(&["staff"], "GET", "/"), Ruling::Allowed);
    assert_eq!(judge(&["staff"], "GET", "/api/secret/x"), Ruling::Allowed);
    assert_eq!(judge(&["staff"], "DELETE", "/"), Ruling::Allowed);
    assert_eq!(judge(&["staff"], "DELETE", "/api/x"), Ruling::Denied);
    assert_eq!(
        judge(&["staff", "guest"], "GET", "/api/secret/x"),
        Ruling::Denied
    );
    assert_eq!(judge(&["guest"], "GET", "/api"), Ruling::Absent);
}

#[test]
fn a_role_without_a_rule_is_known_and_may_nothing() {
    let table = RoleTable::new(vec!["idle".into()], Vec::new()).unwrap();
    assert!(table.knows("idle") && !table.knows("other"));
    assert_eq!(table.judge(&["idle"], "GET", "/"), Ruling::Absent);
}

#[test]
fn the_last_role_that_fits_counts_and_one_more_is_refused() {
    let named = |count: usize| (0..count).map(|at| format!("r{at}").into()).collect();
    let last = rule("r127", Effect::Allow, "GET /");
    let table = RoleTable::new(named(ROLES_LIMIT), vec![last.clone()]).unwrap();
    assert_eq!(table.judge(&["r127"], "GET", "/x"), Ruling::Allowed);
    assert_eq!(table.judge(&["r126"], "GET", "/x"), Ruling::Absent);
    let fault = RoleTable::new(named(ROLES_LIMIT + 1), Vec::new()).unwrap_err();
    assert_eq!(fault, RolesFault::TooManyRoles);
    let fault = RoleTable::new(Vec::new(), vec![last; RULES_LIMIT + 1]).unwrap_err();
    assert_eq!(fault, RolesFault::TooManyRules);
}

fn a_path() -> impl Strategy<Value = String> {
    prop::collection::vec("[ab]{0,2}", 0..4).prop_map(|parts| format!("/{}", parts.join("/")))
}

fn a_rule() -> impl Strategy<Value = Rule> {
    let methods = prop::sample::select(vec!["GET", "POST", "GET,POST", "*"]);
    let path = prop::collection::vec("[ab]{1,2}", 0..3);
    let effect = prop::sample::select(vec![Effect::Allow, Effect::Deny]);
    (
        prop::sample::select(vec!["x", "y", "z"]),
        effect,
        methods,
        path,
    )
        .prop_map(|(role, effect, methods, path)| {
            let text = match (methods, path.join("/")) {
                ("*", path) if path.is_empty() => "*".to_owned(),
                (methods, path) => format!("{methods} /{path}"),
            };
            rule(role, effect, &text)
        })
}

proptest! {
    /// The tree says what the rules say.
    #[test]
    fn the_tree_judges_as_the_rules_read(
        rules in prop::collection::vec(a_rule(), 0..24),
        path in a_path(),
        method in prop::sample::select(vec!["GET", "POST", "PUT"]),
        roles in prop::sample::subsequence(vec!["x", "y", "z", "w"], 0..4),
    ) {
        let expected = plainly(&rules, &roles, method, &path);
        let table = RoleTable::new(Vec::new(), rules).unwrap();
        prop_assert_eq!(table.judge(&roles, method, &path), expected);
    }
}
