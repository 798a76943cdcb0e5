//! What judging costs: megabytes a second of one core.
//!
//! `cargo run --release -p schema --example validate`
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement reads the clock and may fail loudly"
)]

use std::{hint::black_box, sync::Arc, time::Instant};

use schema::{
    Body, Rules,
    csv_export::{CsvExport, CsvRules},
    document::Schema,
    form::{FormLimits, FormRules},
    inflate::{Coding, Expansion, Inflater},
    intake::Sizes,
    json::{JsonRules, Limits},
    text::TextRules,
};

const SCHEMA: &str = r#"{"type": "array", "items": {
    "type": "object", "required": ["id", "name"], "additionalProperties": false,
    "properties": {
        "id": {"type": "integer", "minimum": 0}, "name": {"type": "string", "maxLength": 100},
        "mail": {"type": "string", "pattern": "^[^@]+@[^@]+$"}, "active": {"type": "boolean"},
        "score": {"type": "number"}, "tags": {"type": "array", "items": {"enum": ["new", "old"]}},
        "note": {"type": ["string", "null"]}
    }}}"#;

/// The best of several runs, in MB/s.
fn rate(what: &str, bytes: usize, mut run: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..15 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
    }
    let megabytes = f64::from(u32::try_from(bytes).unwrap()) / 1e6;
    println!(
        "{what:<44} {:>8.0} MB/s {:>9.3} ms",
        megabytes / best,
        best * 1e3
    );
}

fn people(note: &str) -> String {
    let row = |id: usize| {
        format!(
            r#"{{"id":{id},"name":"Person Number {id}","mail":"p{id}@school.example","active":true,"score":{}.5,"tags":["new","old"],"note":"{note}"}}"#,
            id % 100
        )
    };
    let rows: Vec<String> = (0..5_000).map(row).collect();
    format!("[{}]", rows.join(","))
}

fn json(blocked: bool) -> JsonRules {
    let limits = Limits {
        keys: 100_000,
        ..Limits::DEFAULT
    };
    let rules = JsonRules::new(limits, TextRules::PROSE).unwrap();
    if !blocked {
        return rules;
    }
    rules
        .with_blocked([
            "/*/host",
            "/*/path",
            "/*/command",
            "/*/template",
            "/**/role",
        ])
        .unwrap()
}

fn judge(what: &str, body: Body, media: &str, bytes: &[u8]) {
    let rules = Rules::new(Sizes::DEFAULT, false, vec![body]).unwrap();
    rate(what, bytes.len(), || {
        black_box(rules.judge(Some(media.as_bytes()), black_box(bytes))).unwrap();
    });
}

fn main() {
    const JSON: &str = "application/json";
    let schema = Arc::new(Schema::load(SCHEMA.as_bytes()).unwrap());
    let ascii = people("seen on Monday\\nin the library");
    let unicode = people("gesehen in Zürich, später in Łódź – 図書館で");
    for (what, text) in [("ASCII", &ascii), ("other scripts", &unicode)] {
        println!("JSON, {what}, {} bytes", text.len());
        let bytes = text.as_bytes();
        rate("serde_json to a value", bytes.len(), || {
            black_box(serde_json::from_slice::<serde_json::Value>(black_box(bytes)).unwrap());
        });
        rate("serde_json, read and dropped", bytes.len(), || {
            let ignored =
                serde_json::from_slice::<Box<serde_json::value::RawValue>>(black_box(bytes));
            black_box(ignored.unwrap());
        });
        judge("judge", Body::json(json(false), None).unwrap(), JSON, bytes);
        judge(
            "judge, five blocked pointers",
            Body::json(json(true), None).unwrap(),
            JSON,
            bytes,
        );
        let body = Body::json(json(false), Some(Arc::clone(&schema))).unwrap();
        judge("judge and schema", body, JSON, bytes);
    }
    let small = br#"{"id":7,"name":"Ann","mail":"a@b.example","active":true}"#;
    println!("JSON, {} bytes", small.len());
    judge("judge", Body::json(json(true), None).unwrap(), JSON, small);

    let prose = "A line of text with nothing odd in it, as people write.\n".repeat(20_000);
    println!("text, {} bytes", prose.len());
    judge(
        "judge",
        Body::text(TextRules::PROSE).unwrap(),
        "text/plain",
        prose.as_bytes(),
    );

    let form: Vec<String> = (0..150)
        .map(|at| format!("field{at}={}", "some+words%2C+".repeat(20)))
        .collect();
    let form = form.join("&");
    println!("form, {} bytes", form.len());
    let rules = FormRules::new(FormLimits::DEFAULT, TextRules::PROSE).unwrap();
    judge(
        "judge",
        Body::Form { rules },
        "application/x-www-form-urlencoded",
        form.as_bytes(),
    );

    let row = |id: usize| {
        format!("{id},Person {id},-12.5,\"Street {id}, town\",=1+1,note of some words\r\n")
    };
    let csv: String = (0..40_000).map(row).collect();
    println!("CSV, {} bytes", csv.len());
    let mut out = Vec::with_capacity(csv.len() * 2);
    rate("neutralise in pieces of 16 KiB", csv.len(), || {
        out.clear();
        let mut export = CsvExport::new(CsvRules::DEFAULT);
        for piece in csv.as_bytes().chunks(16_384) {
            export.push(piece, &mut out).unwrap();
        }
        black_box(export.finish(&mut out).unwrap());
    });

    let zlib = miniz_oxide::deflate::compress_to_vec_zlib(ascii.as_bytes(), 6);
    println!("deflate, {} bytes to {}", zlib.len(), ascii.len());
    let bounds = Expansion {
        bytes: 1 << 30,
        ratio: 1000,
    };
    rate("inflate", ascii.len(), || {
        out.clear();
        let mut inflater = Inflater::new(Coding::Deflate, bounds);
        inflater.push(&zlib, &mut out).unwrap();
        inflater.finish().unwrap();
    });
}
