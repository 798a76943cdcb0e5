use super::*;

fn open() -> FormRules {
    FormRules::new(FormLimits::DEFAULT, TextRules::PROSE).unwrap()
}

fn field(name: &str, required: bool, repeats: bool) -> Field {
    Field {
        name: name.into(),
        required,
        repeats,
        text: TextRules::LINE.length(1, 5),
    }
}

fn closed() -> FormRules {
    open()
        .with_fields(
            vec![field("name", true, false), field("tag", false, true)],
            false,
        )
        .unwrap()
}

fn fault(rules: &FormRules, body: &str) -> Option<Fault> {
    rules.judge(body.as_bytes()).err().map(|it| it.fault)
}

#[test]
fn what_browsers_send_passes() {
    for body in [
        "",
        "a=1&b=2",
        "a=",
        "text=one+two%0D%0Athree",
        "name=J%C3%BCrgen&e=a%40b.example",
        "a=1=2",
        "*-._=*-._",
    ] {
        assert_eq!(fault(&open(), body), None, "{body}");
    }
}

#[test]
fn what_readers_differ_about_is_refused() {
    for (body, wanted) in [
        ("a", Fault::FormPair),
        ("a=1&", Fault::FormPair),
        ("a=1&&b=2", Fault::FormPair),
        ("=1", Fault::FormPair),
        ("a=%", Fault::FormEscape),
        ("a=%4", Fault::FormEscape),
        ("a=%zz", Fault::FormEscape),
        ("a=%+1", Fault::FormEscape),
        ("a=1;b=2", Fault::FormByte),
        ("a=1 2", Fault::FormByte),
        ("a=é", Fault::FormByte),
        ("a=\n", Fault::FormByte),
        ("a=%ff", Fault::NotUtf8),
        ("a=%c0%80", Fault::NotUtf8),
        ("a=%00", Fault::TextNul),
        ("a%0a=1", Fault::TextLineBreak),
        ("a=1&a=2", Fault::FormDuplicate),
        ("a=1&%61=2", Fault::FormDuplicate),
    ] {
        assert_eq!(fault(&open(), body), Some(wanted), "{body}");
    }
}

#[test]
fn fields_are_known_required_and_repeated_as_the_rules_say() {
    let rules = closed();
    assert_eq!(fault(&rules, "name=Ann&tag=a&tag=b"), None);
    assert_eq!(fault(&rules, "tag=a"), Some(Fault::FormMissing));
    assert_eq!(fault(&rules, ""), Some(Fault::FormMissing));
    assert_eq!(fault(&rules, "name=A&name=B"), Some(Fault::FormDuplicate));
    assert_eq!(fault(&rules, "name=A&role=admin"), Some(Fault::FormUnknown));
    assert_eq!(fault(&rules, "name="), Some(Fault::TextShort { limit: 1 }));
    assert_eq!(
        fault(&rules, "name=abcdef"),
        Some(Fault::TextLong { limit: 5 })
    );
    assert_eq!(fault(&rules, "name=%0a"), Some(Fault::TextLineBreak));
}

#[test]
fn limits_are_met_and_not_passed() {
    let limits = FormLimits {
        fields: 2,
        name: 3,
        value: 4,
    };
    let rules = FormRules::new(limits, TextRules::PROSE).unwrap();
    assert_eq!(fault(&rules, "abc=abcd&b=%61%61%61%61"), None);
    assert_eq!(
        fault(&rules, "a=1&b=2&c=3"),
        Some(Fault::FormFields { limit: 2 })
    );
    assert_eq!(fault(&rules, "abcd=1"), Some(Fault::FormName { limit: 3 }));
    assert_eq!(
        fault(&rules, "a=abcde"),
        Some(Fault::FormValue { limit: 4 })
    );
    let none = FormLimits {
        fields: 0,
        ..FormLimits::DEFAULT
    };
    assert!(FormRules::new(none, TextRules::PROSE).is_err());
}

#[test]
fn blocked_names_are_found_however_apps_take_them_apart() {
    let rules = open()
        .with_blocked(["/host", "/user/role", "/**/template"])
        .unwrap();
    for body in [
        "host=a",
        "HOST=a",
        "%EF%BC%A8ost=a",
        "host[]=a",
        "host[name]=a",
        "host.name=a",
        "user[role]=a",
        "user.role=a",
        "user[role][0]=a",
        "template=a",
        "a[b][template]=x",
        "+host=a",
    ] {
        assert!(
            matches!(fault(&rules, body), Some(Fault::Blocked { .. })),
            "{body}"
        );
    }
    for body in ["hosts=a", "role=a", "user=a", "user[name]=a", "a[host]=b"] {
        assert_eq!(fault(&rules, body), None, "{body}");
    }
}

#[test]
fn rules_that_contradict_themselves_are_refused() {
    assert!(matches!(
        closed().with_blocked(["/NAME"]),
        Err(LoadError::KnownAndBlocked(_))
    ));
    let twice = vec![field("a", true, true), field("a", true, true)];
    assert!(matches!(
        open().with_fields(twice, true),
        Err(LoadError::Twice { .. })
    ));
}

#[test]
fn only_known_names_are_shown() {
    let place = |body: &str| closed().judge(body.as_bytes()).unwrap_err().to_string();
    assert!(place("name=abcdef").starts_with("field `name`, the 1st"));
    assert!(place("name=A&Jane=1").starts_with("the 2nd field"));
    assert!(place("tag=1").starts_with("field `name`:"));
}
