//! Bodies of the fuzz targets, callable from tests.
//!
//! Owns the invariants of the readers: any division of the input gives the same outcome, what was
//! accepted keeps the rules, and nothing panics or goes on for ever.

use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

use crate::{
    csv::{CsvFacts, Validator},
    judge::{Accepted, Judge},
    kind::{self, Kind},
    multipart::{Boundary, Multipart, PartHead, Sink},
    name::FileName,
    refusal::UploadRefusal,
    rules::{Accepts, Audio, Csv, CsvLimits, Hold, Image, Limits, RuleFault, Rules, Span},
};

/// Rules that take every kind, with small limits, so that short inputs reach them.
///
/// # Errors
///
/// None; the values are fixed.
pub fn rules() -> Result<Rules, RuleFault> {
    let limits = CsvLimits {
        rows: Span::new("rows", 0, 20)?,
        columns: 5,
        cell: 12,
    };
    let lasts = Span::new("lasts", Duration::ZERO, Duration::from_secs(3600))?;
    let audio = Kind::ALL
        .into_iter()
        .filter(|kind| kind.is_audio())
        .collect();
    let image = Kind::ALL
        .into_iter()
        .filter(|kind| kind.is_image())
        .collect();
    let accepts = Accepts {
        csv: Some(Csv::new(b",;", vec![], limits)?),
        audio: Some(Audio::new(audio, Span::new("rate", 1, 400_000)?, 8, lasts)?),
        image: Some(Image::new(image, 10_000, 1_000_000)?),
        pdf: true,
    };
    let limits = Limits {
        file: 1 << 20,
        files: 3,
        fields: 3,
        field: 64,
    };
    Rules::new(limits, Hold::Whole, accepts)
}

/// Asserts that the whole and pieces of several sizes come to the same.
fn undivided<T: PartialEq + std::fmt::Debug>(bytes: &[u8], run: impl Fn(usize) -> T) -> T {
    let whole = run(bytes.len().max(1));
    for size in [1, 2, 3, 7, 64, 1000] {
        assert_eq!(run(size), whole, "in pieces of {size}");
    }
    whole
}

/// Any bytes as a CSV file.
pub fn csv(bytes: &[u8]) {
    let Ok(rules) = rules() else { return };
    let Some(rules) = rules.csv() else { return };
    let run = |size: usize| -> Result<CsvFacts, UploadRefusal> {
        let mut validator = Validator::new(Arc::clone(rules));
        bytes
            .chunks(size)
            .try_for_each(|piece| validator.push(piece))?;
        validator.finish()
    };
    let Ok(facts) = undivided(bytes, run) else {
        return;
    };
    assert!(facts.rows <= 20 && (1..=5).contains(&facts.columns));
    assert!(std::str::from_utf8(bytes).is_ok() && !bytes.contains(&0));
    let quoted = bytes.contains(&b'"');
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    assert!(quoted || lines.count() as u64 == facts.rows + 1);
}

#[derive(Default, PartialEq, Eq, Debug)]
struct Parts {
    parts: Vec<(String, Vec<u8>)>,
    ended: usize,
}

impl Sink for Parts {
    fn begin(&mut self, head: &PartHead) -> Result<(), UploadRefusal> {
        assert_eq!(self.parts.len(), self.ended);
        self.parts.push((head.field.clone(), Vec::new()));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        assert!(!bytes.is_empty());
        if let Some((_, data)) = self.parts.last_mut() {
            data.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), UploadRefusal> {
        self.ended += 1;
        assert_eq!(self.parts.len(), self.ended);
        Ok(())
    }
}

/// Any bytes as a form body with the boundary `b`, and as the value of a Content-Type.
pub fn multipart(bytes: &[u8]) {
    if let Ok(Some(boundary)) = Boundary::of_content_type(bytes) {
        assert!((1..=70).contains(&boundary.as_bytes().len()));
    }
    let (Ok(rules), Ok(boundary)) = (rules(), Boundary::read(b"b")) else {
        return;
    };
    let run = |size: usize| -> Result<Parts, UploadRefusal> {
        let mut reader = Multipart::new(&boundary, *rules.limits());
        let mut parts = Parts::default();
        bytes
            .chunks(size)
            .try_for_each(|piece| reader.push(piece, &mut parts))?;
        reader.finish().map(|()| parts)
    };
    let Ok(parts) = undivided(bytes, run) else {
        return;
    };
    assert!(bytes.starts_with(b"--b\r\n"));
    assert!(bytes.ends_with(b"\r\n--b--") || bytes.ends_with(b"\r\n--b--\r\n"));
    assert!(!parts.parts.is_empty() && parts.parts.len() <= 6);
    for (field, data) in &parts.parts {
        assert!(!field.is_empty());
        let line = [b"\n", data.as_slice()].concat();
        assert!(
            memchr::memmem::find(&line, b"\n--b").is_none(),
            "a boundary within data"
        );
    }
}

/// Any bytes as a file of whatever kind: CSV, sound, picture, PDF.
pub fn file(bytes: &[u8]) {
    let Ok(rules) = rules() else { return };
    let rules = Arc::new(rules);
    let run = |size: usize| -> Result<Accepted, UploadRefusal> {
        let mut judge = Judge::new(Arc::clone(&rules), None, None)?;
        bytes.chunks(size).try_for_each(|piece| judge.push(piece))?;
        judge.finish(Some(&mut Cursor::new(bytes)))
    };
    let Ok(accepted) = undivided(bytes, run) else {
        return;
    };
    assert_eq!(accepted.len, bytes.len() as u64);
    assert_eq!(
        kind::recognise(bytes.get(..kind::HEAD).unwrap_or(bytes)),
        Ok(accepted.kind)
    );
    // Nothing that was accepted is still accepted with another file behind it.
    let mut longer = bytes.to_vec();
    longer.extend_from_slice(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let judge = Judge::new(rules, None, None);
    let refused = judge.and_then(|mut judge| {
        judge.push(&longer)?;
        judge.finish(Some(&mut Cursor::new(longer.as_slice())))
    });
    assert!(refused.is_err(), "an archive behind its end");
}

/// Any bytes as the name of a file.
pub fn name(bytes: &[u8]) {
    let Ok(name) = FileName::read(bytes) else {
        return;
    };
    let text = name.as_str();
    assert!(!text.is_empty() && text.len() <= 255);
    assert!(!text.contains(['/', '\\', '\0', '\n', '"']) && !text.contains(".."));
    assert!(!text.starts_with('.') && !text.ends_with(['.', ' ']));
    assert!(!text.chars().any(char::is_control));
    assert_eq!(
        FileName::read(text.as_bytes()).as_ref(),
        Ok(&name),
        "read twice"
    );
}
