use super::*;
use serde_json::json;

fn load(schema: Value) -> Result<Schema, LoadError> {
    Schema::load(schema.to_string().as_bytes())
}

fn refused(schema: Value, value: Value) -> Option<String> {
    let schema = load(schema).unwrap();
    schema.judge(&value).err().map(|it| it.to_string())
}

#[test]
fn a_violation_is_told_by_place_keyword_and_limit() {
    let schema = json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "maxLength": 5, "pattern": "^[a-z]+$"},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
            "mail": {"type": "string", "format": "email"},
            "day": {"format": "date"},
        },
        "additionalProperties": false,
    });
    let good =
        json!({"name": "ann", "age": 3, "tags": ["a"], "mail": "a@b.example", "day": "2026-02-28"});
    assert_eq!(refused(schema.clone(), good), None);
    for (value, wanted) in [
        (
            json!({}),
            "``: the schema of this route does not allow this (`required`: \"name\")",
        ),
        (
            json!({"name": 1}),
            "`/name`: the schema of this route does not allow this (`type`: string)",
        ),
        (
            json!({"name": "abcdef"}),
            "`/name`: the schema of this route does not allow this (`maxLength`: 5)",
        ),
        (
            json!({"name": "A"}),
            "`/name`: the schema of this route does not allow this (`pattern`: ^[a-z]+$)",
        ),
        (
            json!({"name": "a", "age": 151}),
            "`/age`: the schema of this route does not allow this (`maximum`: 150)",
        ),
        (
            json!({"name": "a", "tags": ["a", "Jane"]}),
            "`/tags/1`: the schema of this route does not allow this (`enum`: [\"a\",\"b\"])",
        ),
        (
            json!({"name": "a", "mail": "Jane"}),
            "`/mail`: the schema of this route does not allow this (`format`: email)",
        ),
        (
            json!({"name": "a", "day": "2026-02-30"}),
            "`/day`: the schema of this route does not allow this (`format`: date)",
        ),
        (
            json!({"name": "a", "Jane": 1}),
            "``: the schema of this route does not allow this (`additionalProperties`)",
        ),
    ] {
        assert_eq!(
            refused(schema.clone(), value.clone()).as_deref(),
            Some(wanted),
            "{value}"
        );
    }
}

#[test]
fn places_name_only_what_the_schema_names() {
    let schema = json!({"additionalProperties": {"properties": {"known": {"type": "string"}}}});
    let value = json!({"Jane Doe": {"known": 1}});
    assert!(
        refused(schema.clone(), value)
            .unwrap()
            .starts_with("`/?/known`")
    );
    let schema = json!({"propertyNames": {"maxLength": 3}});
    let told = refused(schema, json!({"Jane": 1})).unwrap();
    assert!(
        !told.contains("Jane") && told.contains("propertyNames"),
        "{told}"
    );
}

#[test]
fn drafts_2020_12_and_7_are_read_and_no_other() {
    let tuple = |draft: &str, keyword: &str| {
        let schema = json!({"$schema": draft, keyword: [{"type": "string"}]});
        load(schema).map(|schema| schema.judge(&json!([1])).is_err())
    };
    let new = "https://json-schema.org/draft/2020-12/schema";
    let seven = "http://json-schema.org/draft-07/schema#";
    assert_eq!(tuple(new, "prefixItems"), Ok(true));
    assert_eq!(tuple(seven, "items"), Ok(true));
    for draft in [
        "http://json-schema.org/draft-04/schema#",
        "https://a.example/s",
        "",
    ] {
        assert!(
            matches!(tuple(draft, "items"), Err(LoadError::Schema { .. })),
            "{draft}"
        );
    }
}

#[test]
fn references_stay_in_the_file() {
    let good = json!({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}});
    assert!(refused(good.clone(), json!(1)).is_some() && refused(good, json!("a")).is_none());
    for to in [
        "https://a.example/s.json",
        "file:///etc/passwd",
        "other.json#/a",
        "//a.example/s",
    ] {
        assert!(
            matches!(load(json!({"$ref": to})), Err(LoadError::Remote { .. })),
            "{to}"
        );
    }
    assert!(load(json!({"$ref": "#/$defs/none"})).is_err());
    let data = json!({"const": {"$ref": "https://a.example"}});
    assert_eq!(refused(data, json!({"$ref": "https://a.example"})), None);
    let moved = json!({"$defs": {"a": {"$id": "https://a.example/", "type": "string"}}});
    assert!(load(moved).is_err());
}

#[test]
fn a_reference_to_itself_ends() {
    for schema in [
        json!({"$ref": "#"}),
        json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"anyOf": [{"$ref": "#"}, {"type": "string"}]}),
    ] {
        if let Ok(schema) = load(schema) {
            let _ = schema.judge(&json!({"a": [1]}));
        }
    }
    let tree = json!({"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": false});
    assert_eq!(refused(tree.clone(), json!({"child": {"child": {}}})), None);
    assert!(refused(tree, json!({"child": {"child": {"x": 1}}})).is_some());
}

#[test]
fn deep_values_and_long_chains_fit_a_small_stack() {
    let run = || {
        let tree = load(json!({"properties": {"a": {"$ref": "#"}}, "additionalProperties": false}));
        let deep = format!(
            "{}1{}",
            "{\"a\":".repeat(json::DEEPEST),
            "}".repeat(json::DEEPEST)
        );
        assert!(tree.unwrap().judge_read(deep.as_bytes()).is_ok());
        let mut chain = json!({"$ref": "#/$defs/d0"});
        let links = (0..2000).map(|at| {
            (
                format!("d{at}"),
                json!({"$ref": format!("#/$defs/d{}", at + 1)}),
            )
        });
        let last = [("d2000".to_owned(), json!({"type": "string"}))];
        chain["$defs"] = Value::Object(links.chain(last).collect());
        let chain = load(chain);
        assert!(chain.is_err() || chain.is_ok_and(|it| it.judge(&json!(1)).is_err()));
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run);
    thread.unwrap().join().unwrap();
}

#[test]
fn patterns_that_need_backtracking_are_refused() {
    for pattern in [
        r"^(?=.*\d).+$",
        "(?!a)b",
        "(?<=a)b",
        "(?<!a)b",
        r"(a)\1",
        r"(?<n>a)\k<n>",
    ] {
        for schema in [
            json!({"pattern": pattern}),
            json!({"patternProperties": {pattern: {}}}),
            json!({"properties": {"a": {"items": [{"pattern": pattern}]}}}),
        ] {
            assert!(
                matches!(load(schema), Err(LoadError::Pattern { .. })),
                "{pattern}"
            );
        }
    }
    for pattern in [
        r"^\d{3}$", "(?:a|b)+", "(?i)abc", r"\(?=\)", "[(?=)]", r"[\]1]",
    ] {
        assert!(load(json!({"pattern": pattern})).is_ok(), "{pattern}");
    }
    for pattern in [
        "(",
        "[z-a]",
        "(((((a{1000}){1000}){1000}))))",
        "((((a{1000}){1000}){1000}))",
    ] {
        assert!(load(json!({"pattern": pattern})).is_err(), "{pattern}");
    }
}

#[test]
fn a_pattern_that_backtracks_elsewhere_takes_no_time_here() {
    let schema = load(json!({"pattern": "^(a+)+$"})).unwrap();
    let long = format!("{}b", "a".repeat(100_000));
    assert!(schema.judge(&json!(long)).is_err());
}

#[test]
fn what_is_no_schema_is_refused() {
    for bytes in [
        &b"{"[..],
        b"[]",
        b"1",
        b"{\"type\":1}",
        b"{\"type\":\"text\"}",
        b"{\"a\":1,\"a\":1}",
        b"{\"minimum\":\"1\"}",
    ] {
        assert!(
            Schema::load(bytes).is_err(),
            "{}",
            String::from_utf8_lossy(bytes)
        );
    }
    let large = format!("{{\"title\":\"{}\"}}", "a".repeat(LARGEST));
    assert!(matches!(
        Schema::load(large.as_bytes()),
        Err(LoadError::TooMany { .. })
    ));
    assert!(Schema::load(b"true").is_ok());
}

#[test]
fn a_long_limit_is_cut() {
    let options: Vec<String> = (0..100).map(|at| format!("é{at}")).collect();
    let told = refused(json!({"enum": options}), json!(1)).unwrap();
    assert!(told.len() < 300 && told.contains('…'), "{told}");
}

#[test]
fn a_schema_that_branches_into_itself_judges_shallow_values_alone() {
    let child = |need: &str| json!({"properties": {"c": {"$ref": "#"}}, "required": [need]});
    let branching = load(json!({"anyOf": [child("x"), child("y")]})).unwrap();
    let nested =
        |depth: usize| (0..depth).fold(json!(1), |inner, _| json!({"x": 1, "y": 1, "c": inner}));
    let deepest = branching.deepest();
    assert!((4..=13).contains(&deepest), "{deepest}");
    assert_eq!(branching.judge(&nested(deepest)), Ok(()));
    let refused = branching.judge(&nested(deepest + 1)).map_err(|it| it.fault);
    assert_eq!(
        refused,
        Err(Fault::JsonDepth {
            limit: crate::count(deepest)
        })
    );
    for plain in [
        json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}, "additionalProperties": {"$ref": "#"}}),
        json!({"anyOf": [{"type": "string"}, {"items": {"$ref": "#"}}]}),
        json!({"oneOf": [{"properties": {"and": {"$ref": "#"}}}, {"properties": {"or": {"$ref": "#"}}}]}),
        json!({"type": "object"}),
        json!(true),
    ] {
        assert_eq!(
            load(plain.clone()).unwrap().deepest(),
            json::DEEPEST,
            "{plain}"
        );
    }
    for branching in [
        json!({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}),
        json!({"$ref": "#/$defs/a%7E1b", "$defs": {"a/b": {"oneOf": [{"additionalProperties": {"$ref": "#"}}, {"patternProperties": {"^c": {"$ref": "#/$defs/a~1b"}}}]}}}),
    ] {
        assert!(
            load(branching.clone()).unwrap().deepest() < 20,
            "{branching}"
        );
    }
}
