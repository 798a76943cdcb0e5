use control::{Catalogue, catalogue::Kind};
use serde_json::json;

use super::*;

fn asked(promise: &str, values: &[(&str, &str)]) -> Asked {
    Asked {
        promise: promise.to_owned(),
        values: values
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        line: 12,
        sentence: String::new(),
    }
}

fn with_keys() -> Value {
    json!({ "route": [
        { "path": "/", "auth": "none", "reason": "public" },
        { "path": "/api", "auth": ["api-key"] },
    ] })
}

fn with_people() -> Value {
    json!({
        "login": { "issuer": "https://login.test", "domains": ["school.test"] },
        "roles": { "clerk": { "deny": ["* /"], "rows": { "cases": {
            "see": "own", "by": "clerk", "hide": ["phone"],
        } } } },
        "collections": { "cases": { "counts": { "show": ["week"] } } },
        "accounts": {},
        "issuer": [{ "issuer": "https://jobs.test", "once": true }],
        "route": [{ "path": "/", "auth": ["session"] }],
    })
}

fn wrong(fit: Fit) -> Option<String> {
    match fit {
        Fit::Fits => None,
        Fit::Falls(mend) => {
            assert!(!mend.write.is_empty());
            Some(mend.wrong)
        }
    }
}

#[test]
fn every_promise_stands_in_the_catalogue() {
    let catalogue = Catalogue::built_in().unwrap();
    for control in CONTROLS {
        for id in control.card().promises {
            assert!(catalogue.get(id).is_some(), "{id}");
        }
    }
}

#[test]
fn a_route_that_asks_for_a_key_keeps_them_and_without_one_they_fall() {
    for (control, promise, values) in [
        (&CONTROLS[0], "key.digest-only", &[][..]),
        (&CONTROLS[0], "key.random", &[]),
        (&CONTROLS[0], "key.prefix-entropy", &[("bits", "112")]),
        (&CONTROLS[0], "key.revocable", &[("within", "1s")]),
        (&CONTROLS[1], "key.scoped", &[]),
    ] {
        let asked = asked(promise, values);
        assert_eq!(control.fit(&with_keys(), &asked), Fit::Fits, "{promise}");
        for bare in [
            json!({}),
            json!({ "route": [] }),
            json!({ "route": [{ "path": "/", "auth": "none" }] }),
            json!({ "route": [{ "path": "/", "auth": ["none"] }] }),
            json!({ "route": [{ "path": "/", "webhook": {} }] }),
        ] {
            assert!(wrong(control.fit(&bare, &asked)).is_some(), "{bare}");
        }
    }
}

#[test]
fn numbers_beyond_what_is_built_fall() {
    let fit = |promise, key, value| Keys.fit(&with_keys(), &asked(promise, &[(key, value)]));
    for bits in ["112", "256"] {
        assert_eq!(fit("key.prefix-entropy", "bits", bits), Fit::Fits);
    }
    for bits in ["257", "-1", "many", ""] {
        assert!(wrong(fit("key.prefix-entropy", "bits", bits)).is_some());
    }
    for within in ["1s", "1000ms", "5m"] {
        assert_eq!(fit("key.revocable", "within", within), Fit::Fits);
    }
    for within in ["999ms", "0s", "soon", "1"] {
        assert!(wrong(fit("key.revocable", "within", within)).is_some());
    }
    let missing = asked("key.revocable", &[]);
    assert!(wrong(Keys.fit(&with_keys(), &missing)).is_some());
}

#[test]
fn as_many_keys_without_limit_as_limit_nothing_fall() {
    let fit =
        |values: &[(&str, &str)]| KeyScopes.fit(&with_keys(), &asked("key.unrestricted", values));
    for most in ["0", "1", "100"] {
        assert_eq!(fit(&[("most", most)]), Fit::Fits, "{most}");
    }
    for most in ["101", "-1", "few", ""] {
        assert!(wrong(fit(&[("most", most)])).is_some(), "{most}");
    }
    assert!(wrong(fit(&[])).is_some());
}

#[test]
fn a_login_of_the_documentation_is_promised_where_nobody_may_have_its_password() {
    let fit = |documented: Value, login: &str| {
        let tree = json!({"accounts": {"documented": documented}});
        LocalAccounts.fit(
            &tree,
            &asked("password.none-documented", &[("login", login)]),
        )
    };
    let listed = json!(["open sesame", "x:y"]);
    for login in ["demo:open sesame", "a:x:y", "demo:open sesame, ann:x:y"] {
        assert_eq!(fit(listed.clone(), login), Fit::Fits, "{login}");
    }
    for (documented, login) in [
        (listed.clone(), "demo:other"),
        (listed.clone(), "demo:open sesame,demo:other"),
        (listed, "demo"),
        (json!([]), "demo:open sesame"),
        (Value::Null, "demo:open sesame"),
    ] {
        let said = wrong(fit(documented, login)).unwrap();
        assert!(
            !said.contains("other") && !said.contains("sesame"),
            "{said}"
        );
    }
    let bare = LocalAccounts.fit(
        &json!({}),
        &asked("password.none-documented", &[("login", "a:b")]),
    );
    assert!(wrong(bare).is_some());
}

#[test]
fn every_attacked_promise_has_a_weakening_of_its_own() {
    let catalogue = Catalogue::built_in().unwrap();
    let (mut faults, mut settings) = (Vec::new(), Vec::new());
    for control in CONTROLS {
        for id in control.card().promises {
            if catalogue.get(id).is_some_and(|p| p.kind == Kind::Probed) {
                let before = with_people();
                let mut after = before.clone();
                let cases = [("collection", "cases"), ("role", "clerk")];
                match control.weaken(&mut after, &asked(id, &cases)) {
                    Weakening::Configured(_) => {
                        assert_ne!(before, after, "{id}");
                        settings.push(*id);
                    }
                    sham => {
                        assert_eq!(before, after, "a sham leaves the configuration alone");
                        faults.push(sham);
                    }
                }
            }
        }
    }
    let by_setting = [
        "access.restricted",
        "access.assigned-only",
        "access.fields-withheld",
        "access.no-free-text-in-aggregates",
        "token.once",
        "session.idle",
        "session.longest",
        "account.lockout",
        "password.rules",
    ];
    assert_eq!(settings, by_setting);
    let expected = [
        "key-stored-raw",
        "key-shown-whole",
        "revocation-ignored",
        "scope-ignored",
        "keys-unrestricted",
        "role-ignored",
        "keys-for-anybody",
        "token-forged",
        "token-endless",
        "token-revocation-ignored",
        "login-forged",
        "session-mixed",
        "cookie-readable",
        "sign-in-dropped",
        "names-told",
        "documented-taken",
    ];
    assert_eq!(faults, expected.map(Weakening::Sham));
}

#[test]
fn tokens_are_promised_where_they_are_taken_and_for_as_long_as_they_live() {
    let with = |tokens: Value, auth: Value| {
        let mut tree = json!({"route": [{"path": "/api", "auth": auth}]});
        if !tokens.is_null() {
            tree["tokens"] = tokens;
        }
        tree
    };
    let fits = |tree: &Value, age: &str| {
        let asked = asked("token.expires", &[("route", "/api"), ("age", age)]);
        Tokens.fit(tree, &asked) == Fit::Fits
    };
    let both = json!(["api-key", "token"]);
    assert!(fits(&with(json!({}), both.clone()), "60m"));
    assert!(fits(&with(json!({}), both.clone()), "1h"));
    assert!(fits(&with(json!({"life": "30m"}), json!(["token"])), "30m"));
    assert!(!fits(&with(json!({"life": "30m"}), both.clone()), "60m"));
    assert!(!fits(&with(Value::Null, both), "60m"));
    assert!(!fits(&with(json!({}), json!(["api-key"])), "60m"));
}

#[test]
fn a_token_that_is_good_once_is_one_of_an_issuer_that_says_so() {
    let asked = asked(
        "token.once",
        &[("route", "/api"), ("issuer", "https://jobs.test")],
    );
    let with = |once: Value, auth: &str| {
        json!({
            "issuer": [{"issuer": "https://jobs.test", "once": once}],
            "route": [{"path": "/api", "auth": [auth]}],
        })
    };
    let fits = |tree: &Value| Tokens.fit(tree, &asked) == Fit::Fits;
    let mut good = with(json!(true), "token");
    assert!(fits(&good));
    for bad in [
        json!({}),
        with(json!(false), "token"),
        with(Value::Null, "token"),
        with(json!(true), "api-key"),
    ] {
        assert!(!fits(&bad), "{bad}");
    }
    assert!(matches!(
        Tokens.weaken(&mut good, &asked),
        Weakening::Configured(_)
    ));
    assert!(!fits(&good));
}

#[test]
fn keys_are_made_where_and_by_whom_the_document_says() {
    let fits = |desk: Value, path: &str| {
        let asked = asked("key.issuing", &[("path", path), ("role", "admin")]);
        KeyDesk.fit(&json!({"keys": desk}), &asked) == Fit::Fits
    };
    assert!(fits(json!({}), "/.vouchsafe/keys"));
    assert!(fits(json!({"aliases": ["/auth/key"]}), "/auth/key"));
    assert!(!fits(json!({}), "/auth/key"));
    assert!(!fits(json!({"role": "owner"}), "/.vouchsafe/keys"));
    let asked = asked(
        "key.issuing",
        &[("path", "/.vouchsafe/keys"), ("role", "admin")],
    );
    assert!(matches!(KeyDesk.fit(&json!({}), &asked), Fit::Falls(_)));
}

#[test]
fn sessions_last_as_long_as_the_document_says_and_a_weaker_setting_is_noticed() {
    let limits = [
        ("session.idle", "idle", "30m"),
        ("session.longest", "longest", "8h"),
    ];
    for (promise, name, promised) in limits {
        let asked = asked(promise, &[(name, promised)]);
        let mut tree = with_people();
        assert_eq!(KeptSessions.fit(&tree, &asked), Fit::Fits, "the default");
        tree["login"][name] = json!(promised);
        assert_eq!(KeptSessions.fit(&tree, &asked), Fit::Fits);
        KeptSessions.weaken(&mut tree, &asked);
        let said = wrong(KeptSessions.fit(&tree, &asked)).unwrap();
        assert!(said.starts_with(name), "{said}");
        for bare in [json!({}), json!({ "login": {} })] {
            assert!(wrong(KeptSessions.fit(&bare, &asked)).is_some());
        }
        // Whoever signs in with a password has a session like any other.
        for way in ["login", "accounts"] {
            let mut tree = with_people();
            tree["accounts"] = json!({});
            assert_eq!(KeptSessions.fit(&tree, &asked), Fit::Fits);
            tree[way][name] = json!("9m");
            let said = wrong(KeptSessions.fit(&tree, &asked)).unwrap();
            assert!(said.contains("9m"), "{said}");
        }
    }
}

#[test]
fn the_domains_of_people_are_those_of_the_document() {
    let fit = |named: &[&str], promised: &str| {
        let mut tree = with_people();
        tree["login"]["domains"] = json!(named);
        wrong(People.fit(&tree, &asked("login.genuine", &[("domains", promised)])))
    };
    assert_eq!(fit(&["a.test", "b.test"], "b.test, a.test"), None);
    assert!(fit(&["a.test", "b.test"], "a.test").is_some());
    assert!(fit(&[], "a.test").unwrap().contains("any domain"));
    let nothing_said = asked("login.genuine", &[]);
    assert_eq!(wrong(People.fit(&with_people(), &nothing_said)), None);
    assert!(wrong(People.fit(&json!({}), &nothing_said)).is_some());
}

#[test]
fn local_accounts_are_promised_as_they_are_configured() {
    let fit = |accounts: &Value, promise: &str, name: &str, value: &str| {
        let tree = json!({ "accounts": accounts });
        wrong(LocalAccounts.fit(&tree, &asked(promise, &[(name, value)])))
    };
    let none = json!({});
    assert_eq!(fit(&none, "account.lockout", "attempts", "5"), None);
    assert_eq!(fit(&none, "password.rules", "shortest", "12"), None);
    assert_eq!(fit(&none, "account.monitored", "within", "2s"), None);
    let other = json!({ "attempts": 7, "shortest": 20, "address_attempts": 11 });
    for (promise, name, value, said) in [
        ("account.lockout", "attempts", "5", "7 failed"),
        ("account.lockout", "attempts", "7", "11 failed"),
        ("account.lockout", "attempts", "few", "does not read"),
        ("password.rules", "shortest", "12", "20 characters"),
        ("account.monitored", "within", "1s", "two seconds"),
    ] {
        let told = fit(&other, promise, name, value).unwrap();
        assert!(told.contains(said), "{told}");
        let bare = LocalAccounts.fit(&json!({}), &asked(promise, &[(name, value)]));
        assert!(wrong(bare).unwrap().contains("no local accounts"));
    }
    for (promise, name, value) in [
        ("account.lockout", "attempts", "5"),
        ("password.rules", "shortest", "12"),
    ] {
        let asked = asked(promise, &[(name, value)]);
        let mut tree = json!({ "accounts": {} });
        LocalAccounts.weaken(&mut tree, &asked);
        assert!(
            wrong(LocalAccounts.fit(&tree, &asked)).is_some(),
            "{promise}"
        );
    }
}

#[test]
fn what_is_said_of_accounts_where_nothing_is_set_holds() {
    let settings = crate::account::Settings::default();
    let asked_for = [
        ("account.lockout", "attempts", u64::from(settings.attempts)),
        ("password.rules", "shortest", settings.shortest as u64),
    ];
    let tree = json!({ "accounts": {} });
    for (promise, name, value) in asked_for {
        let value = value.to_string();
        let fit = LocalAccounts.fit(&tree, &asked(promise, &[(name, &value)]));
        assert_eq!(fit, Fit::Fits, "{promise}");
    }
    assert_eq!(settings.address_attempts, 25);
}
