use control::rng::SystemRng;

use super::*;
use crate::kind::Kind;
use crate::rules::{Accepts, Csv, CsvLimits, Hold, Span};

const HEAD: &str = "--b\r\nContent-Disposition: form-data; name=";
const TABLE: &str = "sku,price\nA,1\n";

fn form(bare: bool) -> Arc<Form> {
    let limits = CsvLimits {
        rows: Span::new("rows", 1, 5).unwrap(),
        columns: 3,
        cell: 9,
    };
    let accepts = Accepts {
        csv: Some(Csv::new(b",", vec![], limits).unwrap()),
        pdf: true,
        ..Accepts::default()
    };
    let limits = Limits {
        file: 1 << 20,
        files: 2,
        fields: 0,
        field: 0,
    };
    let rules = Rules::new(limits, Hold::Whole, accepts).unwrap();
    let field = Field {
        name: "practice".into(),
        longest: 4,
        required: true,
    };
    Arc::new(Form::new(rules, vec!["table".into()], vec![field], bare))
}

fn file(field: &str, name: &str, content: &str) -> String {
    format!("{HEAD}\"{field}\"; filename=\"{name}\"\r\n\r\n{content}\r\n")
}

fn field(name: &str, text: &str) -> String {
    format!("{HEAD}\"{name}\"\r\n\r\n{text}\r\n")
}

fn taken(
    bare: bool,
    content_type: &str,
    body: &[u8],
    size: usize,
) -> Result<(Proof, Vec<u8>), UploadRefusal> {
    let folder = tempfile::tempdir().unwrap();
    let quota = Quota::new(1 << 20);
    let place = Place {
        folder: folder.path(),
        quota: &quota,
    };
    let content_type = Some(content_type.as_bytes());
    let intake = Intake::new(&form(bare), content_type, place, true, &SystemRng);
    let judged = intake.and_then(|mut intake| {
        body.chunks(size).try_for_each(|piece| intake.push(piece))?;
        intake.finish()
    });
    let read = judged.map(|(proof, mut kept)| {
        assert_eq!(kept.len(), body.len() as u64);
        let digest = aws_lc_rs::digest::digest(&SHA256, body);
        assert_eq!(kept.digest().unwrap().as_slice(), digest.as_ref());
        let mut out = Vec::new();
        while out.len() < body.len() {
            kept.read(&mut out, 7).unwrap();
        }
        kept.read(&mut out, 7).unwrap();
        (proof, out)
    });
    assert_eq!(quota.used(), 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    read
}

const FORM: &str = "multipart/form-data; boundary=b";

#[test]
fn a_good_form_comes_back_as_it_came_in_any_division() {
    let body = [
        field("practice", "p1"),
        file("table", "a.csv", TABLE),
        file("table", "b.csv", "a,b\r\n\"x\r\ny\",2\r\n"),
        "--b--\r\n".to_owned(),
    ]
    .concat();
    for size in [1, 2, 5, 1000] {
        let (proof, read) = taken(true, FORM, body.as_bytes(), size).unwrap();
        assert_eq!(read, body.as_bytes());
        let kinds: Vec<_> = proof.files().iter().map(|file| file.kind).collect();
        assert_eq!(kinds, [Kind::Csv, Kind::Csv]);
    }
}

#[test]
fn a_file_that_is_judged_as_a_whole_is_found_where_it_lies() {
    // Two of them, so that the second begins far from the beginning.
    let pdf = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n\
               2 0 obj\n<< /Type /Pages /Kids [] /Count 0 >>\nendobj\n\
               trailer\n<< /Root 1 0 R >>\nstartxref\n0\n%%EOF\n";
    let alive = pdf.replace("/Pages 2 0 R", "/OpenAction << /S /JavaScript >>");
    let of = |second: &str| {
        [
            field("practice", "p1"),
            file("table", "a.pdf", pdf),
            file("table", "b.pdf", second),
            "--b--".to_owned(),
        ]
        .concat()
    };
    let (proof, _) = taken(true, FORM, of(pdf).as_bytes(), 100).unwrap();
    assert_eq!(proof.files().len(), 2);
    let refused = taken(true, FORM, of(&alive).as_bytes(), 100).map(drop);
    assert_eq!(refused.unwrap_err().code(), "pdf-active");
}

#[test]
fn what_a_form_does_not_expect_is_refused() {
    let good = field("practice", "p1");
    let table = file("table", "a.csv", TABLE);
    for (parts, code) in [
        (vec![&table], "field-missing"),
        (vec![&good], "file-missing"),
        (vec![&good, &good, &table], "too-many-fields"),
        (vec![&field("other", "1"), &table], "field-unknown"),
        (
            vec![&good, &file("practice", "a.csv", TABLE)],
            "field-unknown",
        ),
        (vec![&good, &file("other", "a.csv", TABLE)], "field-unknown"),
        (vec![&field("table", "text"), &table], "field-unknown"),
        (vec![&field("practice", "p1234"), &table], "field-too-large"),
        (vec![&field("practice", "p\0"), &table], "field-text"),
        (
            vec![&good, &file("table", "../a.csv", TABLE)],
            "name-separator",
        ),
        (vec![&good, &table, &table, &table], "too-many-files"),
    ] {
        let parts: String = parts.into_iter().map(String::as_str).collect();
        let body = format!("{parts}--b--\r\n");
        let refused = taken(true, FORM, body.as_bytes(), 100).map(drop);
        assert_eq!(refused.unwrap_err().code(), code, "{body}");
    }
}

#[test]
fn a_body_may_be_the_file_itself_where_that_is_allowed() {
    let table = TABLE.as_bytes();
    assert!(taken(true, "text/csv", table, 3).is_ok());
    for (bare, content_type, body, code) in [
        (false, "text/csv", table, "upload-not-form"),
        (true, "application/json", table, "kind-type-disagrees"),
        (true, "text/csv", b"", "file-empty"),
        (true, "text/csv", b"MZ\x90\0", "kind-foreign"),
        (true, "multipart/form-data", table, "multipart-boundary"),
    ] {
        let refused = taken(bare, content_type, body, 100).map(drop);
        assert_eq!(refused.unwrap_err().code(), code, "{content_type}");
    }
}
