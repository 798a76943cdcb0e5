//! Generated bodies against the invariants of the fuzz bodies.

use proptest::prelude::*;
use schema::fuzz;
use serde_json::{Value, json};

/// Values of every kind, with strings that need escapes.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300..1e300f64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[ -~\u{80}-\u{ffff}]{0,60}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::vec(("[a-dA-D]{0,2}|.{0,4}", inner), 0..12)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Pieces of JSON that fit together more often than bytes do.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"a\"",
        "\"b\"",
        "\"\\u0061\"",
        "1",
        "-0",
        "01",
        "1e5",
        "1e999",
        "0e999",
        "1.7976931348623157e308",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "true",
        "null",
        "nul",
        " ",
        "\n",
        "\t",
        "\u{a0}",
        "\u{feff}",
        "\0",
        "\"",
        "\\",
        "\"\u{7f}\"",
        "//",
        "é",
        "\"é\"",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat().into_bytes())
}

fn pointers() -> impl Strategy<Value = String> {
    let segment = prop::sample::select(vec!["a", "A", "b", "*", "**", "0", "1", "ａ", "~0", "c"]);
    prop::collection::vec(segment, 1..5).prop_map(|segments| format!("/{}", segments.join("/")))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_serde_json_refuses_we_refuse(bytes in prop_oneof![pieces(), prop::collection::vec(any::<u8>(), 0..30)]) {
        fuzz::json(&bytes);
    }

    #[test]
    fn what_serde_json_writes_is_judged_as_it_reads(value in values(), at in any::<prop::sample::Index>(), by in any::<u8>()) {
        let mut text = value.to_string().into_bytes();
        fuzz::json(&text);
        fuzz::json(serde_json::to_string_pretty(&value).unwrap().as_bytes());
        let at = at.index(text.len());
        *text.get_mut(at).unwrap() ^= by;
        fuzz::json(&text);
    }

    #[test]
    fn blocked_fields_are_those_a_search_finds(pointer in pointers(), value in values()) {
        fuzz::blocked(format!("{pointer}\n{value}").as_bytes());
        let inner = json!({"a": [value.clone(), {"b": value}], "b": {"A": {"c": 1}}});
        fuzz::blocked(format!("{pointer}\n{inner}").as_bytes());
    }

    #[test]
    fn forms_mean_the_same_however_they_are_escaped(form in "([ab%+=&;é.\\[\\]]|%[0-9a-fA-F]{2}|a=b&){0,12}") {
        fuzz::form(form.as_bytes());
    }

    #[test]
    fn csv_needs_no_second_change(bytes in "[,;\t\r\n\"=+@a1 'é＝\u{feff}-]{0,30}") {
        fuzz::csv_export(bytes.as_bytes());
    }

    #[test]
    fn streams_inflate_alike_in_all_pieces(bytes in prop::collection::vec(any::<u8>(), 0..200), head in any::<bool>()) {
        fuzz::inflate(&bytes);
        if head {
            let framed = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &bytes].concat();
            fuzz::inflate(&framed);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_loads_judges_without_panic(schema in values(), keyword in "type|items|properties|\\$ref|pattern|enum|allOf|not|required") {
        fuzz::load(schema.to_string().as_bytes());
        let framed = json!({ (keyword): schema });
        fuzz::load(framed.to_string().as_bytes());
        let api = json!({
            "openapi": "3.0.0",
            "paths": {"/a": {"post": {
                "requestBody": {"content": {"application/json": {"schema": framed}}},
                "responses": {"default": {"content": {"application/json": {"schema": framed}}}},
            }}},
        });
        fuzz::load(api.to_string().as_bytes());
    }
}
