//! Bodies of the fuzz targets, callable from tests.
//!
//! Owns the invariants of judging. Each function takes any bytes and panics when an invariant is
//! broken. `serde_json` is the second reader of JSON; the others are held against themselves:
//! divided, repeated, or written in another way.

use serde_json::Value;

use crate::{
    Fault, Place, Refusal,
    csv_export::{CsvExport, CsvRules, Delimiter},
    document::Schema,
    form::{FormLimits, FormRules},
    inflate::{Coding, Expansion, Inflater},
    json::{JsonRules, Limits},
    openapi::{Api, ApiOptions},
    pointer::{Pointers, unescape},
    text::{TextRules, fold},
};

/// Text rules that let through all that some text may hold.
const OPEN: TextRules = TextRules {
    bidi: true,
    invisible: true,
    ..TextRules::PROSE
};

fn wide() -> Option<JsonRules> {
    JsonRules::new(Limits::WIDE, OPEN).ok()
}

/// Any bytes as a JSON body, beside `serde_json`.
pub fn json(bytes: &[u8]) {
    let Some(rules) = wide() else {
        return;
    };
    let theirs: Result<Value, _> = serde_json::from_slice(bytes);
    match rules.judge(bytes) {
        Ok(()) => assert!(theirs.is_ok(), "we read what they do not"),
        Err(refusal) => {
            assert_place(&refusal, bytes);
            if is_grammar(&refusal.fault) {
                assert!(theirs.is_err(), "they read what we do not: {refusal}");
            }
        }
    }
    // Written anew, what they read has one key of each name and passes, but for our own rules.
    if let Ok(value) = theirs {
        let again = rules.judge(value.to_string().as_bytes());
        let fault = again.map_err(|it| it.fault).err();
        assert!(
            !fault.is_some_and(|it| is_grammar(&it) || it == Fault::JsonDuplicate),
            "their own writing is refused"
        );
    }
    if let Ok(rules) = JsonRules::new(Limits::DEFAULT, TextRules::POLICY)
        && let Err(refusal) = rules.judge(bytes)
    {
        assert_place(&refusal, bytes);
    }
}

const fn is_grammar(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Empty
            | Fault::NotUtf8
            | Fault::ByteOrderMark
            | Fault::JsonSyntax { .. }
            | Fault::JsonTrailing
            | Fault::JsonControl
            | Fault::JsonEscape
            | Fault::JsonSurrogate
    )
}

/// A place lies in the body, and names nothing of it.
fn assert_place(refusal: &Refusal, body: &[u8]) {
    match &refusal.place {
        Place::Json {
            line,
            column,
            pointer,
        } => {
            let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').collect();
            let at = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
            let line = lines.get(at);
            assert!(line.is_some_and(|line| *column <= crate::count(line.len()) + 1));
            let plain = |it: char| matches!(it, '/' | '?' | '…') || it.is_ascii_digit();
            assert!(pointer.chars().all(plain), "{pointer}");
        }
        Place::Byte(at) => assert!(*at <= crate::count(body.len())),
        place => assert_eq!(place, &Place::Body),
    }
}

/// The first line as a pointer that blocks, the rest as a JSON body; beside a search of the value.
pub fn blocked(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (Some(Ok(pointer)), Some(body)) = (parts.next().map(str::from_utf8), parts.next()) else {
        return;
    };
    let Some(open) = wide() else {
        return;
    };
    let read = Pointers::folded([pointer]);
    let Ok(rules) = open.clone().with_blocked([pointer]) else {
        assert!(read.is_err());
        return;
    };
    if open.judge(body).is_err() {
        return;
    }
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let segments: Vec<String> = pointer.split('/').skip(1).map(str::to_owned).collect();
    let found = finds(&value, &segments);
    let refused = rules.judge(body).map_err(|it| it.code());
    assert_eq!(refused.err(), found.then_some("blocked-field"));
}

/// Whether a value has something at a pointer, by the plainest of searches.
fn finds(value: &Value, segments: &[String]) -> bool {
    let Some((first, rest)) = segments.split_first() else {
        return true;
    };
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(object) => object.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(items) => (0..).map(|at: usize| at.to_string()).zip(items).collect(),
        _ => Vec::new(),
    };
    match first.as_str() {
        "*" => inner.iter().any(|(_, inner)| finds(inner, rest)),
        "**" => finds(value, rest) || inner.iter().any(|(_, inner)| finds(inner, segments)),
        name => {
            let name = unescape(name).unwrap_or_default();
            let same = |key: &str| fold(key) == fold(&name);
            let mut fitting = inner.iter().filter(|(key, _)| same(key));
            fitting.any(|(_, inner)| finds(inner, rest))
        }
    }
}

/// Any bytes as a form: escaping more of it changes nothing, and names stand once.
pub fn form(bytes: &[u8]) {
    let Ok(rules) = FormRules::new(FormLimits::DEFAULT, OPEN) else {
        return;
    };
    let verdict = rules.judge(bytes).map_err(|it| it.fault);
    if verdict.is_err() {
        return;
    }
    let mut escaped = Vec::new();
    let mut rest = bytes.iter();
    let mut in_value = false;
    while let Some(byte) = rest.next() {
        match byte {
            b'&' => in_value = false,
            b'=' if !in_value => in_value = true,
            b'%' => {
                escaped.push(*byte);
                escaped.extend(rest.by_ref().take(2).map(u8::to_ascii_lowercase));
                continue;
            }
            b'+' => {
                escaped.extend_from_slice(b"%20");
                continue;
            }
            other => {
                escaped.extend_from_slice(format!("%{other:02x}").as_bytes());
                continue;
            }
        }
        escaped.push(*byte);
    }
    assert_eq!(rules.judge(&escaped).map_err(|it| it.fault), Ok(()));
    // In lower case throughout and with nothing raw, equal names are equal bytes.
    let mut names: Vec<&[u8]> = escaped
        .split(|byte| *byte == b'&')
        .filter_map(|pair| pair.split(|byte| *byte == b'=').next())
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "a name stands twice");
    if !bytes.is_empty() {
        let twice = [bytes, b"&", bytes].concat();
        assert!(rules.judge(&twice).is_err(), "everything stands twice");
    }
}

fn export(rules: CsvRules, pieces: &[&[u8]]) -> Result<(Vec<u8>, u64), Fault> {
    let mut csv = CsvExport::new(rules);
    let mut out = Vec::new();
    for piece in pieces {
        csv.push(piece, &mut out).map_err(|it| it.fault)?;
    }
    let changed = csv.finish(&mut out).map_err(|it| it.fault)?;
    Ok((out, changed))
}

/// Any bytes as a CSV file: pieces change nothing, and what was written needs no more change.
pub fn csv_export(bytes: &[u8]) {
    for delimiter in [Delimiter::Comma, Delimiter::Semicolon, Delimiter::Tab] {
        for numbers in [true, false] {
            let rules = CsvRules { delimiter, numbers };
            let whole = export(rules, &[bytes]);
            let middle = bytes.split_at_checked(bytes.len() / 2).unwrap_or_default();
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            assert_eq!(export(rules, &[middle.0, middle.1]), whole, "in halves");
            assert_eq!(export(rules, &single), whole, "byte by byte");
            if let Ok((out, changed)) = whole {
                let grown = crate::count(out.len()) >= crate::count(bytes.len()) + changed;
                assert!(grown, "every change adds an apostrophe");
                assert_eq!(export(rules, &[&out]), Ok((out.clone(), 0)), "again");
            }
        }
    }
    let found = export(CsvRules::DEFAULT, &[bytes]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(export(CsvRules::DEFAULT, &single), found);
}

fn inflated(coding: Coding, bounds: Expansion, pieces: &[&[u8]]) -> Result<Vec<u8>, Fault> {
    let mut inflater = Inflater::new(coding, bounds);
    let mut out = Vec::new();
    for piece in pieces {
        let outcome = inflater.push(piece, &mut out);
        let bound = usize::try_from(bounds.bytes).unwrap_or(usize::MAX);
        assert!(out.len() <= bound + 16_384, "more came out than may");
        outcome.map_err(|it| it.fault)?;
    }
    inflater.finish().map_err(|it| it.fault)?;
    assert!(crate::count(out.len()) <= bounds.bytes);
    Ok(out)
}

/// Any bytes as a compressed stream, and as the content of one.
pub fn inflate(bytes: &[u8]) {
    let bounds = Expansion {
        bytes: 100_000,
        ratio: u32::MAX,
    };
    for coding in [Coding::Gzip, Coding::Deflate, Coding::Plain] {
        let whole = inflated(coding, bounds, &[bytes]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        let divided = inflated(coding, bounds, &single);
        assert_eq!(divided.as_ref().ok(), whole.as_ref().ok(), "byte by byte");
    }
    let zlib = miniz_oxide::deflate::compress_to_vec_zlib(bytes, 6);
    if bytes.len() <= 100_000 {
        let back = inflated(Coding::Deflate, bounds, &[&zlib]);
        assert_eq!(back.as_deref(), Ok(bytes));
        let behind = [zlib.as_slice(), b"x"].concat();
        let refused = inflated(Coding::Deflate, bounds, &[&behind]);
        assert_eq!(refused, Err(Fault::CodingTrailing));
    }
}

/// Any bytes as a schema and as an API description. What loads judges without panic.
pub fn load(bytes: &[u8]) {
    if let Ok(schema) = Schema::load(bytes) {
        for value in [Value::Null, serde_json::json!({"a": [1, "b", {}]})] {
            let _ = schema.judge(&value);
        }
    }
    let Some(rules) = wide() else {
        return;
    };
    let options = ApiOptions {
        base: "".into(),
        unknown_query: false,
        set_read_only: false,
        requests: rules.clone(),
        answers: rules,
    };
    if let Ok(api) = Api::load(bytes, options) {
        for path in [&b"/"[..], b"/a", b"/a/b", b"/a/%41"] {
            for method in ["GET", "POST"] {
                if let Ok(asked) = api.request(method, path, Some(b"a=1&b=c")) {
                    let _ = asked.judge(Some(b"application/json"), b"{\"a\":1}");
                    let _ = asked.judge_answer(200, Some(b"application/json"), b"[1]");
                }
            }
        }
    }
}
