use super::*;
use crate::refusal::{Fault, Place};

fn rules() -> JsonRules {
    JsonRules::new(Limits::DEFAULT, TextRules::PROSE).unwrap()
}

fn small() -> JsonRules {
    let limits = Limits {
        depth: 3,
        values: 8,
        keys: 4,
        object: 3,
        array: 4,
        key: 5,
        string: 6,
        digits: 4,
        exponent: 9,
    };
    JsonRules::new(limits, TextRules::PROSE).unwrap()
}

fn fault(rules: &JsonRules, body: &str) -> Option<Fault> {
    rules.judge(body.as_bytes()).err().map(|it| it.fault)
}

fn pointer(rules: &JsonRules, body: &str) -> (u64, u64, String) {
    match rules.judge(body.as_bytes()).unwrap_err().place {
        Place::Json {
            line,
            column,
            pointer,
        } => (line, column, pointer.into()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn json_passes() {
    for body in [
        "null",
        " true ",
        "\t\n\r false",
        "0",
        "-0",
        "-0.0e-0",
        "1.5E+3",
        "123456789012345678",
        "1e308",
        "1e-308",
        "\"\"",
        "\"a\\u00e9\\ud83d\\ude00\\n\\/\\\\\\\"\\b\\f\"",
        "[]",
        "[ ]",
        "[1,2 , 3]",
        "{}",
        "{ }",
        "{\"a\":1,\"b\":{\"a\":[{}]}}",
        "[[],{},[]]",
    ] {
        let refused = fault(&rules(), body);
        // What the escapes say is control characters, which only the text rules mind.
        let escaped = body.contains("\\b");
        assert_eq!(refused, escaped.then_some(Fault::TextControl), "{body}");
        assert!(
            serde_json::from_str::<serde_json::Value>(body).is_ok(),
            "{body}"
        );
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for body in [
        " ",
        "nul",
        "nulll",
        "True",
        "NaN",
        "Infinity",
        "-",
        "+1",
        "01",
        "-01",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "1_000",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[1;2]",
        "{",
        "}",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{,}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "\"",
        "\"a",
        "'a'",
        "// a\n1",
        "/**/1",
        "\u{a0}1",
        "[}",
        "{]",
        "\"\\\"",
        "#",
    ] {
        let refused = fault(&rules(), body);
        assert!(
            matches!(
                refused,
                Some(Fault::JsonSyntax { .. } | Fault::JsonTrailing)
            ),
            "{body}: {refused:?}"
        );
        assert!(
            serde_json::from_str::<serde_json::Value>(body).is_err(),
            "{body}"
        );
    }
    for body in ["1 2", "{}{}", "[] ]", "null,", "1\0"] {
        assert_eq!(fault(&rules(), body), Some(Fault::JsonTrailing), "{body}");
    }
}

#[test]
fn strings_are_read_strictly() {
    for (body, wanted) in [
        ("\"a\nb\"", Fault::JsonControl),
        ("\"\0\"", Fault::JsonControl),
        ("\"\t\"", Fault::JsonControl),
        ("\"\\a\"", Fault::JsonEscape),
        ("\"\\u12\"", Fault::JsonEscape),
        ("\"\\u12g4\"", Fault::JsonEscape),
        ("\"\\u+123\"", Fault::JsonEscape),
        ("\"\\U0041\"", Fault::JsonEscape),
        ("\"\\x41\"", Fault::JsonEscape),
        ("\"\\ud800\"", Fault::JsonSurrogate),
        ("\"\\udc00\"", Fault::JsonSurrogate),
        ("\"\\ud800\\ud800\"", Fault::JsonSurrogate),
        ("\"\\ud800\\n\"", Fault::JsonSurrogate),
        ("\"\\ud800x\"", Fault::JsonSurrogate),
        ("{\"\\ud800\":1}", Fault::JsonSurrogate),
    ] {
        assert_eq!(fault(&rules(), body), Some(wanted), "{body}");
    }
    let long = "x".repeat(500);
    assert_eq!(fault(&rules(), &format!("\"{long}\"")), None);
    assert_eq!(
        fault(&rules(), &format!("\"{long}\n{long}\"")),
        Some(Fault::JsonControl)
    );
    assert_eq!(fault(&rules(), &format!("\"{long}\\n{long}\"")), None);
}

#[test]
fn keys_that_are_equal_once_unescaped_are_refused() {
    for body in [
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "[{\"x\":{\"b\":1,\"b\":1}}]",
    ] {
        assert_eq!(fault(&rules(), body), Some(Fault::JsonDuplicate), "{body}");
    }
    let many = |last: &str| {
        let keys: String = (0..100).map(|at| format!("\"k{at}\":{at},")).collect();
        format!("{{{keys}\"{last}\":0}}")
    };
    assert_eq!(fault(&rules(), &many("k57")), Some(Fault::JsonDuplicate));
    assert_eq!(fault(&rules(), &many("k100")), None);
    for body in [
        "{\"a\":{\"a\":1}}",
        "[{\"a\":1},{\"a\":1}]",
        "{\"a\":1,\"A\":2}",
    ] {
        assert_eq!(fault(&rules(), body), None, "{body}");
    }
}

#[test]
fn each_limit_is_met_and_not_passed() {
    let rules = small();
    for (good, bad, wanted) in [
        ("[[[1]]]", "[[[[1]]]]", Fault::JsonDepth { limit: 3 }),
        (
            "{\"a\":{\"b\":{}}}",
            "[[{\"a\":{}}]]",
            Fault::JsonDepth { limit: 3 },
        ),
        (
            "[[1,1],[1,1],1]",
            "[[1,1],[1,1],[1,1]]",
            Fault::JsonValues { limit: 8 },
        ),
        (
            "[{\"a\":1,\"b\":1},{\"a\":1,\"b\":1}]",
            "[{\"a\":1,\"b\":1},{\"a\":1,\"b\":1,\"c\":1}]",
            Fault::JsonKeys { limit: 4 },
        ),
        (
            "{\"a\":1,\"b\":1,\"c\":1}",
            "{\"a\":1,\"b\":1,\"c\":1,\"d\":1}",
            Fault::JsonObject { limit: 3 },
        ),
        ("[1,2,3,4]", "[1,2,3,4,5]", Fault::JsonArray { limit: 4 }),
        (
            "{\"abcde\":1}",
            "{\"abcdef\":1}",
            Fault::JsonKey { limit: 5 },
        ),
        (
            "\"abc\\u00e9d\"",
            "\"abc\\u00e9de\"",
            Fault::JsonString { limit: 6 },
        ),
        ("-12.34", "-12.345", Fault::JsonDigits { limit: 4 }),
        ("1e-9", "1e-10", Fault::JsonExponent { limit: 9 }),
        ("1E+0009", "1E+10", Fault::JsonExponent { limit: 9 }),
        (
            "1e9",
            "1e99999999999999999999",
            Fault::JsonExponent { limit: 9 },
        ),
    ] {
        assert_eq!(fault(&rules, good), None, "{good}");
        assert_eq!(fault(&rules, bad), Some(wanted), "{bad}");
    }
    assert_eq!(
        fault(&super::tests::rules(), "10e308"),
        Some(Fault::JsonRange)
    );
    assert_eq!(fault(&super::tests::rules(), "1.7e308"), None);
}

#[test]
fn a_deep_body_takes_no_stack() {
    let wide = JsonRules::new(Limits::WIDE, TextRules::PROSE).unwrap();
    let deep = "[".repeat(1_000_000);
    assert_eq!(fault(&wide, &deep), Some(Fault::JsonDepth { limit: 100 }));
    let fits = format!("{}{}", "[".repeat(100), "]".repeat(100));
    assert_eq!(fault(&wide, &fits), None);
    for limits in [
        Limits {
            depth: 0,
            ..Limits::DEFAULT
        },
        Limits {
            depth: 101,
            ..Limits::DEFAULT
        },
    ] {
        assert!(JsonRules::new(limits, TextRules::PROSE).is_err());
    }
}

#[test]
fn encodings_other_than_plain_utf_8_are_refused() {
    let judge = |body: &[u8]| rules().judge(body).map_err(|it| (it.fault, it.place));
    assert_eq!(
        judge(b"\xef\xbb\xbf{}"),
        Err((Fault::ByteOrderMark, Place::Byte(0)))
    );
    assert_eq!(judge(b"\"ab\xff\""), Err((Fault::NotUtf8, Place::Byte(3))));
    assert_eq!(
        judge(b"\"\xed\xa0\x80\""),
        Err((Fault::NotUtf8, Place::Byte(1)))
    );
    assert_eq!(
        judge(b"\xff\xfe{\0}\0").map_err(|it| it.0),
        Err(Fault::NotUtf8)
    );
    assert_eq!(judge(b"").map_err(|it| it.0), Err(Fault::Empty));
    assert_eq!(judge("\"é\"".as_bytes()), Ok(()));
}

#[test]
fn text_rules_hold_for_strings_and_keys_and_give_way_at_their_pointers() {
    let rules = rules()
        .with_text([
            ("/name", TextRules::POLICY.length(1, 5)),
            ("/rows/*/id", TextRules::LINE),
        ])
        .unwrap();
    assert_eq!(fault(&rules, "{\"name\":\"Ann\",\"note\":\"a\\nb\"}"), None);
    assert_eq!(
        fault(&rules, "{\"name\":\"\"}"),
        Some(Fault::TextShort { limit: 1 })
    );
    assert_eq!(
        fault(&rules, "{\"name\":\"abcdef\"}"),
        Some(Fault::TextLong { limit: 5 })
    );
    assert_eq!(fault(&rules, "{\"a\":{\"name\":\"abcdef\"}}"), None);
    assert_eq!(
        fault(&rules, "{\"rows\":[{\"id\":\"a\"},{\"id\":\"a\\nb\"}]}"),
        Some(Fault::TextLineBreak)
    );
    assert_eq!(
        fault(&rules, "{\"note\":\"a\u{202e}b\"}"),
        Some(Fault::TextBidi)
    );
    assert_eq!(
        fault(&rules, "{\"note\":\"a\\u202eb\"}"),
        Some(Fault::TextBidi)
    );
    assert_eq!(
        fault(&rules, "{\"note\":\"a\\u0000\"}"),
        Some(Fault::TextNul)
    );
    assert_eq!(fault(&rules, "{\"a\\nb\":1}"), Some(Fault::TextLineBreak));
    assert_eq!(
        fault(&rules, "{\"a\u{200b}\":1}"),
        Some(Fault::TextInvisible)
    );
}

#[test]
fn blocked_fields_are_refused_whatever_their_value_and_spelling() {
    let rules = rules()
        .with_blocked(["/host", "/config/*/command", "/**/template"])
        .unwrap();
    for body in [
        "{\"host\":null}",
        "{\"HOST\":{}}",
        "{\"\\u0068ost\":1}",
        "{\"ＨＯＳＴ\":1}",
        "{\"hoſt\":1}",
        "{\"config\":{\"x\":{\"command\":\"ls\"}}}",
        "{\"config\":[{\"Command\":1}]}",
        "{\"template\":1}",
        "[[{\"a\":{\"TEMPLATE\":1}}]]",
    ] {
        assert!(
            matches!(fault(&rules, body), Some(Fault::Blocked { .. })),
            "{body}"
        );
    }
    for body in [
        "{\"hostname\":1}",
        "{\"a\":{\"host\":1}}",
        "[{\"host\":1}]",
        "{\"config\":{\"command\":1}}",
        "{\"a\":\"template\"}",
        "\"host\"",
    ] {
        assert_eq!(fault(&rules, body), None, "{body}");
    }
}

#[test]
fn places_are_lines_columns_and_pointers_without_foreign_names() {
    let rules = rules()
        .with_text([("/people/*/name", TextRules::LINE)])
        .unwrap();
    let body = "{\n  \"people\": [\n    {\"é\": 1, \"name\": \"a\\nb\"}\n  ]\n}";
    assert_eq!(pointer(&rules, body), (3, 22, "/people/0/name".into()));
    assert_eq!(pointer(&rules, "{\"Jane\":[1,[x"), (1, 13, "/?/1/0".into()));
    assert_eq!(pointer(&rules, "[1,2"), (1, 5, "/1".into()));
    assert_eq!(
        pointer(&rules, "{\"name\":1,\"name\":2,\"b\":1}"),
        (1, 11, "/name".into())
    );
    assert_eq!(pointer(&rules, "x"), (1, 1, String::new()));
}

#[test]
fn the_reader_of_our_own_files_is_strict_about_equal_keys_alone() {
    assert!(strict(b"{\"a\":\"\\u202e\"}").is_ok());
    assert!(strict(b"{\"a\":1,\"a\":1}").is_err());
}

proptest::proptest! {
    #[test]
    fn strings_say_what_serde_json_reads(text in "([ -~é😀]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-f]{4}|\\\\ud83d\\\\ude0[0-9]){0,40}") {
        let quoted = format!("\"{text}\"");
        let theirs: Result<String, _> = serde_json::from_str(&quoted);
        let ours = string::scan(&quoted, 1);
        if let Ok(theirs) = theirs {
            let ours = ours.map(|it| (it.text.into_owned(), it.end));
            proptest::prop_assert_eq!(ours, Ok((theirs, quoted.len())));
        } else {
            let whole = ours.is_ok_and(|it| it.end == quoted.len());
            proptest::prop_assert!(!whole);
        }
    }
}
