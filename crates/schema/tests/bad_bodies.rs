//! Bad bodies of many kinds, each beside a good twin that differs in that one thing, and what their
//! refusals say: a code, a status, and nothing of the body.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{collections::BTreeSet, sync::Arc};

use schema::{
    Body, Refusal, Rules,
    document::Schema,
    form::{Field, FormLimits, FormRules},
    inflate::Expansion,
    intake::{Intake, Sizes},
    json::{JsonRules, Limits},
    media::MediaType,
    text::TextRules,
};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const TEXT: &str = "text/plain";

const SCHEMA: &str = r##"{
  "type": "object",
  "properties": {
    "name": {"type": "string", "minLength": 1},
    "age": {"type": "integer", "minimum": 0, "maximum": 150, "multipleOf": 1},
    "mail": {"type": "string", "format": "email"},
    "code": {"type": "string", "pattern": "^[A-Z]{3}$"},
    "kind": {"enum": ["text", "audio"]},
    "tags": {"type": "array", "maxItems": 2, "uniqueItems": true},
    "version": {"const": 1},
    "both": {"dependentRequired": {"from": ["to"]}},
    "choice": {"oneOf": [{"type": "integer"}, {"type": "boolean"}]},
    "names": {"propertyNames": {"maxLength": 3}},
    "closed": {"type": "object", "properties": {"a": {}}, "additionalProperties": false},
    "tree": {"$ref": "#/$defs/tree"}
  },
  "$defs": {"tree": {"type": "object", "required": ["leaf"], "properties": {"leaf": {}, "tree": {"$ref": "#/$defs/tree"}}}}
}"##;

fn limits() -> Limits {
    Limits {
        depth: 5,
        values: 40,
        keys: 20,
        object: 12,
        array: 15,
        key: 40,
        string: 60,
        digits: 12,
        exponent: 20,
    }
}

fn rules() -> Rules {
    let json = JsonRules::new(limits(), TextRules::PROSE)
        .unwrap()
        .with_blocked(["/host", "/config/path", "/**/command", "/rows/*/template"])
        .unwrap()
        .with_text([
            ("/name", TextRules::POLICY.length(1, 20)),
            ("/title", TextRules::LINE.length(1, 10)),
        ])
        .unwrap();
    let schema = Arc::new(Schema::load(SCHEMA.as_bytes()).unwrap());
    let field = |name: &str, required, repeats| Field {
        name: name.into(),
        required,
        repeats,
        text: TextRules::LINE.length(0, 20),
    };
    let form_limits = FormLimits {
        fields: 4,
        name: 30,
        value: 25,
    };
    let form = FormRules::new(form_limits, TextRules::PROSE)
        .unwrap()
        .with_fields(
            vec![
                field("name", true, false),
                field("tag", false, true),
                field("config", false, false),
            ],
            false,
        )
        .unwrap()
        .with_blocked(["/host", "/config/path"])
        .unwrap();
    let bodies = vec![
        Body::json(json, Some(schema)).unwrap(),
        Body::Form { rules: form },
        Body::text(TextRules::PROSE.length(1, 30)).unwrap(),
        Body::Any {
            types: vec![MediaType::new("image/png").unwrap()],
        },
    ];
    Rules::new(Sizes::DEFAULT, false, bodies).unwrap()
}

/// What is wrong, its code, the media type, the bad body and the good one.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static [u8],
    &'static [u8],
);

const ROWS: &[Row] = &[
    ("nothing at all", "body-empty", JSON, b"", b"{}"),
    ("a byte order mark", "byte-order-mark", JSON, b"\xef\xbb\xbf{}", b"{}"),
    ("UTF-16", "not-utf8", JSON, b"\xff\xfe{\0}\0", b"{}"),
    ("Latin-1", "not-utf8", JSON, b"{\"a\":\"caf\xe9\"}", b"{\"a\":\"caf\xc3\xa9\"}"),
    ("an overlong byte pair", "not-utf8", JSON, b"{\"a\":\"\xc0\xaf\"}", b"{\"a\":\"/\"}"),
    ("a surrogate in UTF-8", "not-utf8", JSON, b"{\"a\":\"\xed\xa0\x80\"}", b"{\"a\":\"\xed\x9f\xbf\"}"),
    ("a character cut short", "not-utf8", JSON, b"{\"a\":\"\xe2\x82\"}", b"{\"a\":\"\xe2\x82\xac\"}"),
    ("an object without end", "json-syntax", JSON, b"{\"a\":1", b"{\"a\":1}"),
    ("an array without end", "json-syntax", JSON, b"{\"a\":[1}", b"{\"a\":[1]}"),
    ("a comma too many in an object", "json-syntax", JSON, b"{\"a\":1,}", b"{\"a\":1}"),
    ("a comma too many in an array", "json-syntax", JSON, b"{\"a\":[1,]}", b"{\"a\":[1]}"),
    ("a comma too few", "json-syntax", JSON, b"{\"a\":1 \"b\":2}", b"{\"a\":1,\"b\":2}"),
    ("a comma first", "json-syntax", JSON, b"{\"a\":[,1]}", b"{\"a\":[1]}"),
    ("a key without quotes", "json-syntax", JSON, b"{a:1}", b"{\"a\":1}"),
    ("single quotes", "json-syntax", JSON, b"{'a':1}", b"{\"a\":1}"),
    ("a comment", "json-syntax", JSON, b"{\"a\":1/*b*/}", b"{\"a\":1}"),
    ("a literal in capitals", "json-syntax", JSON, b"{\"a\":True}", b"{\"a\":true}"),
    ("not a number", "json-syntax", JSON, b"{\"a\":NaN}", b"{\"a\":0}"),
    ("a leading zero", "json-syntax", JSON, b"{\"a\":01}", b"{\"a\":1}"),
    ("a leading plus", "json-syntax", JSON, b"{\"a\":+1}", b"{\"a\":1}"),
    ("a point without digit", "json-syntax", JSON, b"{\"a\":1.}", b"{\"a\":1.0}"),
    ("a hexadecimal number", "json-syntax", JSON, b"{\"a\":0x1}", b"{\"a\":1}"),
    ("a blank of another kind", "json-syntax", JSON, b"{\xc2\xa0\"a\":1}", b"{ \"a\":1}"),
    ("a second value", "json-trailing", JSON, b"{}{}", b"{}"),
    ("a zero byte behind", "json-trailing", JSON, b"{}\0", b"{}\n"),
    ("a raw line break in a string", "json-control", JSON, b"{\"a\":\"b\nc\"}", b"{\"a\":\"b\\nc\"}"),
    ("a raw tab in a string", "json-control", JSON, b"{\"a\":\"b\tc\"}", b"{\"a\":\"b\\tc\"}"),
    ("a foreign escape", "json-escape", JSON, b"{\"a\":\"\\x41\"}", b"{\"a\":\"\\u0041\"}"),
    ("an escape cut short", "json-escape", JSON, b"{\"a\":\"\\u004\"}", b"{\"a\":\"\\u0041\"}"),
    ("a high surrogate alone", "json-surrogate", JSON, b"{\"a\":\"\\ud83d\"}", b"{\"a\":\"\\ud83d\\ude00\"}"),
    ("a low surrogate alone", "json-surrogate", JSON, b"{\"a\":\"\\ude00\"}", b"{\"a\":\"\\ud83d\\ude00\"}"),
    ("surrogates in the wrong order", "json-surrogate", JSON, b"{\"a\":\"\\ude00\\ud83d\"}", b"{\"a\":\"\\ud83d\\ude00\"}"),
    ("a key twice", "json-duplicate", JSON, b"{\"a\":1,\"a\":1}", b"{\"a\":1,\"b\":1}"),
    ("a key twice, once escaped", "json-duplicate", JSON, b"{\"a\":1,\"\\u0061\":1}", b"{\"a\":1,\"\\u0062\":1}"),
    ("a key twice, far inside", "json-duplicate", JSON, b"{\"a\":[{\"b\":{\"c\":1,\"c\":2}}]}", b"{\"a\":[{\"b\":{\"c\":1,\"d\":2}}]}"),
    ("nested too deeply", "json-depth", JSON, b"{\"a\":[[[[[1]]]]]}", b"{\"a\":[[[[1]]]]}"),
    ("too many items", "json-array", JSON, b"{\"a\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6]}", b"{\"a\":[1,2,3,4,5,6,7,8,9,0,1,2,3,4,5]}"),
    ("too many values", "json-values", JSON, b"{\"a\":[1,2,3,4,5,6,7,8,9,0,1,2,3],\"b\":[1,2,3,4,5,6,7,8,9,0,1,2,3],\"c\":[1,2,3,4,5,6,7,8,9,0,1,2]}", b"{\"a\":[1,2,3,4,5,6,7,8,9,0,1,2,3],\"b\":[1,2,3,4,5,6,7,8,9,0,1,2,3],\"c\":[1,2,3]}"),
    ("too many keys in one object", "json-object", JSON, b"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1}", b"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1,\"k\":1,\"l\":1}"),
    ("too many keys", "json-keys", JSON, b"{\"x\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1},\"y\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1}}", b"{\"x\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1},\"y\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1}}"),
    ("a long key", "json-key", JSON, b"{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}", b"{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\":1}"),
    ("a long string", "json-string", JSON, b"{\"a\":\"0123456789012345678901234567890123456789012345678901234567890\"}", b"{\"a\":\"012345678901234567890123456789012345678901234567890123456789\"}"),
    ("a long number", "json-digits", JSON, b"{\"a\":1234567890123}", b"{\"a\":123456789012}"),
    ("a large exponent", "json-exponent", JSON, b"{\"a\":1e21}", b"{\"a\":1e20}"),
    ("a small exponent", "json-exponent", JSON, b"{\"a\":1e-21}", b"{\"a\":1e-20}"),
    ("a zero character", "text-nul", JSON, b"{\"a\":\"b\\u0000\"}", b"{\"a\":\"b0\"}"),
    ("an escape sequence of a terminal", "text-control", JSON, b"{\"a\":\"\\u001b[31m\"}", b"{\"a\":\"[31m\"}"),
    ("a lone carriage return", "text-line-break", JSON, b"{\"a\":\"b\\rc\"}", b"{\"a\":\"b\\r\\nc\"}"),
    ("a log line of its own", "text-line-break", JSON, b"{\"title\":\"a\\r\\nb\"}", b"{\"title\":\"a b\"}"),
    ("a line separator", "text-line-break", JSON, b"{\"a\":\"b\\u2028c\"}", b"{\"a\":\"b\\nc\"}"),
    ("a tab in one line", "text-tab", JSON, b"{\"title\":\"a\\tb\"}", b"{\"title\":\"a b\"}"),
    ("an override of direction", "text-bidi", JSON, b"{\"a\":\"\\u202egnp.exe\"}", b"{\"a\":\"gnp.exe\"}"),
    ("an isolate", "text-bidi", JSON, b"{\"a\":\"\\u2066b\"}", b"{\"a\":\"b\"}"),
    ("a blank without width", "text-invisible", JSON, b"{\"a\":\"ad\\u200bmin\"}", b"{\"a\":\"admin\"}"),
    ("a joiner between Latin letters", "text-invisible", JSON, b"{\"a\":\"ad\\u200dmin\"}", b"{\"a\":\"\\ud83d\\udc69\\u200d\\ud83d\\udc67\"}"),
    ("words in tag characters", "text-invisible", JSON, b"{\"a\":\"\\udb40\\udc41\"}", b"{\"a\":\"A\"}"),
    ("a noncharacter", "text-noncharacter", JSON, b"{\"a\":\"\\uffff\"}", b"{\"a\":\"\\ufffd\"}"),
    ("an invisible key", "text-invisible", JSON, b"{\"a\\u200b\":1}", b"{\"a\":1}"),
    ("a key of two lines", "text-line-break", JSON, b"{\"a\\nb\":1}", b"{\"a b\":1}"),
    ("a full-width name", "text-form", JSON, b"{\"name\":\"\\uff21nn\"}", b"{\"name\":\"Ann\"}"),
    ("a name of private characters", "text-private", JSON, b"{\"name\":\"\\ue000\"}", b"{\"name\":\"x\"}"),
    ("a name of unassigned characters", "text-unassigned", JSON, b"{\"name\":\"\\u0378\"}", b"{\"name\":\"x\"}"),
    ("a title without letters", "text-short", JSON, b"{\"title\":\"  \"}", b"{\"title\":\" a \"}"),
    ("a long title", "text-long", JSON, b"{\"title\":\"abcdefghijk\"}", b"{\"title\":\"abcdefghij\"}"),
    ("a blocked field", "blocked-field", JSON, b"{\"host\":\"a\"}", b"{\"hosts\":\"a\"}"),
    ("a blocked field without value", "blocked-field", JSON, b"{\"host\":null}", b"{\"a\":null}"),
    ("a blocked field in capitals", "blocked-field", JSON, b"{\"HOST\":\"a\"}", b"{\"GHOST\":\"a\"}"),
    ("a blocked field in full width", "blocked-field", JSON, b"{\"\\uff28ost\":\"a\"}", b"{\"\\uff29ost\":\"a\"}"),
    ("a blocked field, escaped", "blocked-field", JSON, b"{\"\\u0068ost\":\"a\"}", b"{\"\\u0067ost\":\"a\"}"),
    ("a blocked field inside", "blocked-field", JSON, b"{\"config\":{\"path\":\"/\"}}", b"{\"config\":{\"pat\":\"/\"}}"),
    ("a blocked field anywhere", "blocked-field", JSON, b"{\"a\":[{\"command\":1}]}", b"{\"a\":[{\"commands\":1}]}"),
    ("a blocked field in every row", "blocked-field", JSON, b"{\"rows\":[{},{\"template\":1}]}", b"{\"rows\":[{},{\"templates\":1}]}"),
    ("not an object", "schema", JSON, b"[]", b"{}"),
    ("a text for a number", "schema", JSON, b"{\"age\":\"7\"}", b"{\"age\":7}"),
    ("a number too large", "schema", JSON, b"{\"age\":151}", b"{\"age\":150}"),
    ("a negative number", "schema", JSON, b"{\"age\":-1}", b"{\"age\":0}"),
    ("a fraction", "schema", JSON, b"{\"age\":1.5}", b"{\"age\":1.0}"),
    ("no mail address", "schema", JSON, b"{\"mail\":\"a\"}", b"{\"mail\":\"a@b.example\"}"),
    ("against the pattern", "schema", JSON, b"{\"code\":\"ABc\"}", b"{\"code\":\"ABC\"}"),
    ("not in the list", "schema", JSON, b"{\"kind\":\"video\"}", b"{\"kind\":\"audio\"}"),
    ("too many items for the schema", "schema", JSON, b"{\"tags\":[1,2,3]}", b"{\"tags\":[1,2]}"),
    ("equal items", "schema", JSON, b"{\"tags\":[1,1]}", b"{\"tags\":[1,2]}"),
    ("another constant", "schema", JSON, b"{\"version\":2}", b"{\"version\":1}"),
    ("one without the other", "schema", JSON, b"{\"both\":{\"from\":1}}", b"{\"both\":{\"from\":1,\"to\":2}}"),
    ("none of the choices", "schema", JSON, b"{\"choice\":\"a\"}", b"{\"choice\":true}"),
    ("a name against its rule", "schema", JSON, b"{\"names\":{\"abcd\":1}}", b"{\"names\":{\"abc\":1}}"),
    ("a field that is not known", "schema", JSON, b"{\"closed\":{\"b\":1}}", b"{\"closed\":{\"a\":1}}"),
    ("a missing field, far inside", "schema", JSON, b"{\"tree\":{\"leaf\":1,\"tree\":{}}}", b"{\"tree\":{\"leaf\":1,\"tree\":{\"leaf\":1}}}"),
    ("a pair without equals sign", "form-pair", FORM, b"name=a&tag", b"name=a&tag="),
    ("a pair without name", "form-pair", FORM, b"name=a&=b", b"name=a&tag=b"),
    ("an empty pair", "form-pair", FORM, b"name=a&&tag=b", b"name=a&tag=b"),
    ("an escape without digits", "form-escape", FORM, b"name=100%", b"name=100%25"),
    ("an escape of other letters", "form-escape", FORM, b"name=%g0", b"name=%60"),
    ("a raw blank", "form-byte", FORM, b"name=a b", b"name=a+b"),
    ("a raw semicolon", "form-byte", FORM, b"name=a;tag=b", b"name=a%3Btag%3Db"),
    ("raw UTF-8", "form-byte", FORM, b"name=\xc3\xa9", b"name=%C3%A9"),
    ("escaped Latin-1", "not-utf8", FORM, b"name=%E9", b"name=%C3%A9"),
    ("an escaped zero", "text-nul", FORM, b"name=a%00", b"name=a%30"),
    ("an escaped line break", "text-line-break", FORM, b"name=a%0D%0Ab", b"name=a+b"),
    ("a field twice", "form-duplicate", FORM, b"name=a&name=b", b"name=a&tag=a&tag=b"),
    ("a field twice, once escaped", "form-duplicate", FORM, b"name=a&n%61me=b", b"name=a&t%61g=b"),
    ("an unknown field", "form-unknown", FORM, b"name=a&role=admin", b"name=a&tag=admin"),
    ("a missing field", "form-missing", FORM, b"tag=a", b"name=a"),
    ("too many fields", "form-fields", FORM, b"name=a&tag=1&tag=2&tag=3&tag=4", b"name=a&tag=1&tag=2&tag=3"),
    ("a long name", "form-name", FORM, b"name=a&aaaaaaaaaabbbbbbbbbbccccccccccd=1", b"name=a"),
    ("a long value", "form-value", FORM, b"name=aaaaaaaaaabbbbbbbbbbcccccd", b"name=aaaaaaaaaabbbbbbbbbb"),
    ("a long text in a field", "text-long", FORM, b"name=aaaaaaaaaabbbbbbbbbbc", b"name=aaaaaaaaaabbbbbbbbbb"),
    ("a blocked field of a form", "blocked-field", FORM, b"name=a&host=b", b"name=a&tag=b"),
    ("a blocked field in brackets", "blocked-field", FORM, b"name=a&config%5Bpath%5D=b", b"name=a&config=b"),
    ("no text", "text-short", TEXT, b"\n \n", b"\n.\n"),
    ("a long text", "text-long", TEXT, b"aaaaaaaaaabbbbbbbbbbccccccccccd", b"aaaaaaaaaabbbbbbbbbbcccccccccc"),
    ("a text with a bell", "text-control", TEXT, b"ding\x07", b"ding\n"),
    ("a text that is not UTF-8", "not-utf8", TEXT, b"caf\xe9", b"caf\xc3\xa9"),
    ("a text with byte order mark", "byte-order-mark", TEXT, b"\xef\xbb\xbfa", b"a"),
];

fn refusal(rules: &Rules, media: &str, body: &[u8]) -> Option<Refusal> {
    rules.judge(Some(media.as_bytes()), body).err()
}

#[test]
fn each_bad_body_is_refused_for_its_reason_and_its_twin_passes() {
    let rules = rules();
    for (what, code, media, bad, good) in ROWS {
        let refused = refusal(&rules, media, bad);
        assert_eq!(refused.map(|it| it.code()), Some(*code), "{what}");
        assert_eq!(refusal(&rules, media, good), None, "{what}: its twin");
    }
    let kinds: BTreeSet<&str> = ROWS.iter().map(|row| row.0).collect();
    assert_eq!(kinds.len(), ROWS.len(), "each kind stands once");
    assert!(kinds.len() >= 60);
}

#[test]
fn each_bad_type_is_refused_and_its_twin_passes() {
    let rules = rules();
    for (bad, code, good) in [
        ("", "type-malformed", "application/json"),
        ("json", "type-malformed", "application/json"),
        (
            "application/json, text/plain",
            "type-malformed",
            "application/json",
        ),
        ("application/json;", "type-malformed", "application/json"),
        (
            "application/json; a=1; a=1",
            "type-malformed",
            "application/json; a=1; b=1",
        ),
        (
            "application/json; charset=utf-16",
            "charset",
            "application/json; charset=utf-8",
        ),
        (
            "application/json; charset=utf-7",
            "charset",
            "application/json; charset=\"UTF-8\"",
        ),
        ("application/xml", "type-not-allowed", "application/json"),
        (
            "application/vnd.api+json",
            "type-not-allowed",
            "application/json",
        ),
        (
            "multipart/form-data; boundary=x",
            "type-not-allowed",
            "image/png",
        ),
    ] {
        assert_eq!(
            refusal(&rules, bad, b"{}").map(|it| it.code()),
            Some(code),
            "{bad}"
        );
        assert_eq!(refusal(&rules, good, b"{}"), None, "{good}");
    }
}

#[test]
fn each_bad_size_is_refused_and_its_twin_passes() {
    let sizes = Sizes {
        sent: 200,
        inflated: Some(Expansion {
            bytes: 100_000,
            ratio: 10,
        }),
    };
    let take = |coding: Option<&[u8]>, length, body: &[u8]| {
        let mut intake = Intake::new(sizes, coding, length)?;
        body.chunks(7).try_for_each(|piece| intake.push(piece))?;
        intake.finish()
    };
    let code = |outcome: Result<Vec<u8>, Refusal>| outcome.err().map(|it| it.code());
    let zlib = miniz_oxide::deflate::compress_to_vec_zlib;
    let small = zlib(&[b'a'; 500], 9);
    let (bomb, large) = (zlib(&[b'a'; 99_000], 9), zlib(&[b'a'; 101_000], 9));
    let cut = small.get(..small.len() - 1).unwrap();
    let mut changed = small.clone();
    *changed.last_mut().unwrap() ^= 1;
    let twice = [small.as_slice(), &small].concat();
    assert_eq!(code(take(None, Some(200), &[0; 200])), None);
    assert_eq!(code(take(None, Some(201), &[])), Some("body-too-large"));
    assert_eq!(code(take(None, None, &[0; 201])), Some("body-too-large"));
    assert_eq!(code(take(None, Some(5), &[0; 6])), Some("length-mismatch"));
    assert_eq!(code(take(None, Some(5), &[0; 4])), Some("length-mismatch"));
    assert_eq!(code(take(Some(b"deflate"), None, &small)), None);
    for (coding, body, wanted) in [
        ("br", &small, "coding-unknown"),
        ("deflate, gzip", &small, "coding-nested"),
        ("gzip", &small, "coding-broken"),
        ("deflate", &bomb, "coding-ratio"),
        ("deflate", &large, "coding-ratio"),
        ("deflate", &cut.to_vec(), "coding-cut"),
        ("deflate", &changed, "coding-broken"),
        ("deflate", &twice, "coding-trailing"),
    ] {
        assert_eq!(
            code(take(Some(coding.as_bytes()), None, body)),
            Some(wanted),
            "{coding}"
        );
    }
}

/// Every way a body can say a word: as key, as value, raw, escaped, in each kind of fault.
const TEMPLATES: &[(&str, &str)] = &[
    (JSON, "§"),
    (JSON, "{\"§\""),
    (JSON, "{\"§\":"),
    (JSON, "{\"§\":1,}"),
    (JSON, "{\"§\":§}"),
    (JSON, "{\"§\":1,\"§\":2}"),
    (JSON, "{\"a\":{\"§\":{\"§\":[1,2,x]}}}"),
    (JSON, "\"§"),
    (JSON, "{}§"),
    (JSON, "{\"§\":\"§\\ud800\"}"),
    (JSON, "{\"§\":\"§\\q\"}"),
    (JSON, "{\"§\":\"§\u{202e}\"}"),
    (JSON, "{\"§\\u200b\":1}"),
    (JSON, "{\"§\\n\":1}"),
    (JSON, "{\"name\":\"§\\ue000\"}"),
    (JSON, "{\"name\":\"§§§\"}"),
    (JSON, "{\"title\":\"§§\"}"),
    (JSON, "{\"host\":\"§\"}"),
    (JSON, "{\"§\":[{\"command\":\"§\"}]}"),
    (JSON, "{\"§§§§§\":1}"),
    (JSON, "{\"§\":\"§§§§§§§§§§\"}"),
    (JSON, "{\"§\":[[[[[[\"§\"]]]]]]}"),
    (JSON, "{\"§\":1e999}"),
    (JSON, "{\"§\":12345678901234567890}"),
    (JSON, "\"§\""),
    (JSON, "[\"§\"]"),
    (JSON, "{\"age\":\"§\"}"),
    (JSON, "{\"mail\":\"§\"}"),
    (JSON, "{\"code\":\"§\"}"),
    (JSON, "{\"kind\":\"§\"}"),
    (JSON, "{\"tags\":[\"§\",\"§\"]}"),
    (JSON, "{\"tags\":[\"§\",\"b\",\"c\"]}"),
    (JSON, "{\"version\":\"§\"}"),
    (JSON, "{\"choice\":\"§\"}"),
    (JSON, "{\"names\":{\"§\":\"§\"}}"),
    (JSON, "{\"closed\":{\"§\":\"§\"}}"),
    (JSON, "{\"tree\":{\"§\":\"§\"}}"),
    (JSON, "{\"tree\":{\"leaf\":\"§\",\"tree\":\"§\"}}"),
    (JSON, "{\"both\":{\"from\":\"§\"}}"),
    (JSON, "\u{feff}§"),
    (FORM, "§"),
    (FORM, "§=§"),
    (FORM, "name=§;"),
    (FORM, "name=§%"),
    (FORM, "name=§%zz"),
    (FORM, "name=§%0a"),
    (FORM, "name=§&§=1"),
    (FORM, "name=1&name=§"),
    (FORM, "tag=§"),
    (FORM, "name=§§x"),
    (FORM, "name=§§§"),
    (FORM, "name=a&§§§§=1"),
    (FORM, "name=a&host=§"),
    (FORM, "name=a&host[§]=§"),
    (FORM, "name=§&=§"),
    (TEXT, "§\u{7}"),
    (TEXT, "§§§§"),
    (TEXT, "§\u{202e}"),
    (TEXT, "\u{feff}§"),
    ("text/§", "§"),
    ("§", "§"),
    ("application/json; charset=§", "{}"),
    ("application/json; §", "{}"),
];

#[test]
fn no_refusal_repeats_the_body() {
    let rules = rules();
    for canary in ["JaneCanary", "0612345678"] {
        for (media, template) in TEMPLATES {
            let (media, body) = (media.replace('§', canary), template.replace('§', canary));
            let Some(refused) = refusal(&rules, &media, body.as_bytes()) else {
                // A number is JSON of its own, and digits fit where letters do not.
                assert!(canary.starts_with('0'), "{template} is refused");
                continue;
            };
            for said in [
                format!("{refused}"),
                format!("{refused:?}"),
                format!("{refused:#?}"),
            ] {
                assert!(!said.contains(canary), "{template}: {said}");
                let part = canary.get(..6).unwrap();
                assert!(!said.contains(part), "{template}: {said}");
            }
            let public = control::Refusal::from(&refused).public;
            assert!(!public.contains(canary));
            assert!(matches!(refused.status(), 400 | 413 | 415 | 422));
        }
    }
}

#[test]
fn each_row_says_something_a_person_understands() {
    let rules = rules();
    for (what, _, media, bad, _) in ROWS {
        let Some(refused) = refusal(&rules, media, bad) else {
            panic!("{what} passes");
        };
        let said = refused.to_string();
        assert!(said.len() > 15 && said.len() < 300, "{what}: {said}");
        assert!(
            !said.contains("Error") && !said.contains("::"),
            "{what}: {said}"
        );
    }
}
