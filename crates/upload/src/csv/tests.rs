use proptest::prelude::*;

use super::*;
use crate::rules::{Column, CsvLimits, Layout, Span};

fn limits() -> CsvLimits {
    CsvLimits {
        rows: Span::new("rows", 0, 5).unwrap(),
        columns: 4,
        cell: 8,
    }
}

fn layout(name: &str, columns: &[(&str, bool)], ordered: bool) -> Layout {
    let column = |(name, required): &(&str, bool)| Column {
        name: (*name).to_owned(),
        required: *required,
    };
    Layout::new(name, columns.iter().map(column).collect(), ordered).unwrap()
}

fn rules() -> Arc<Csv> {
    let layouts = vec![
        layout(
            "ordered",
            &[("sku", true), ("note", false), ("price", true)],
            true,
        ),
        layout("loose", &[("id", true), ("x,y", true)], false),
    ];
    Arc::new(Csv::new(b",;\t", layouts, limits()).unwrap())
}

fn anything() -> Arc<Csv> {
    Arc::new(Csv::new(b",", vec![], limits()).unwrap())
}

fn judge(rules: &Arc<Csv>, bytes: &[u8]) -> Result<CsvFacts, UploadRefusal> {
    let run = |size: usize| {
        let mut validator = Validator::new(Arc::clone(rules));
        bytes
            .chunks(size)
            .try_for_each(|piece| validator.push(piece))?;
        validator.finish()
    };
    let whole = run(bytes.len().max(1));
    for size in [1, 2, 3, 7, 8, 9] {
        assert_eq!(run(size), whole, "in pieces of {size}");
    }
    whole
}

#[test]
fn good_files_are_measured() {
    for (text, rows, delimiter, place) in [
        ("sku,note,price\na,b,1\n", 1, b',', 0),
        ("sku;price\r\na;1\r\nb;2", 2, b';', 0),
        ("\u{feff}sku\tprice\na\t1\n", 1, b'\t', 0),
        ("\"x,y\",id\n\"a\"\"b\",\"1\n2\"\n", 1, b',', 1),
        ("id;x,y\n", 0, b';', 1),
    ] {
        let facts = judge(&rules(), text.as_bytes()).unwrap();
        assert_eq!(
            (facts.rows, facts.delimiter, facts.layout),
            (rows, delimiter, Some(place))
        );
    }
}

#[test]
fn a_header_must_be_one_of_the_layouts() {
    let missing = |layout: &str, column: &str| UploadRefusal::CsvColumnMissing {
        layout: layout.to_owned(),
        column: column.to_owned(),
    };
    for (text, refusal) in [
        ("a,b\n1,2\n", UploadRefusal::CsvColumnUnknown { column: 1 }),
        (
            "sku,price,more\n",
            UploadRefusal::CsvColumnUnknown { column: 3 },
        ),
        ("sku,note\n", missing("ordered", "price")),
        ("price,sku\n", missing("ordered", "sku")),
        ("id\n", missing("loose", "x,y")),
        (
            "sku,sku,price\n",
            UploadRefusal::CsvColumnTwice { column: 2 },
        ),
        ("SKU,PRICE\n", UploadRefusal::CsvColumnUnknown { column: 1 }),
    ] {
        assert_eq!(judge(&rules(), text.as_bytes()), Err(refusal), "{text:?}");
    }
}

#[test]
fn every_fault_has_its_row_and_column() {
    let at = |row, column| Cell { row, column };
    for (bytes, refusal) in [
        (
            &b"a,b\n1,2,3\n"[..],
            UploadRefusal::CsvRagged {
                row: 2,
                found: 3,
                expected: 2,
            },
        ),
        (
            b"a,b\n1,2\n1\n",
            UploadRefusal::CsvRagged {
                row: 3,
                found: 1,
                expected: 2,
            },
        ),
        (
            b"a,b\n1,x\"y\n",
            UploadRefusal::CsvQuoteInside { at: at(2, 2) },
        ),
        (
            b"a,b\n\"x\"y,2\n",
            UploadRefusal::CsvQuoteTail { at: at(2, 1) },
        ),
        (
            b"a,b\n1,2\n3,\"x\n,",
            UploadRefusal::CsvQuoteOpen { at: at(3, 2) },
        ),
        (
            b"a,\"b\n1,2\n",
            UploadRefusal::CsvQuoteOpen { at: at(1, 2) },
        ),
        (
            b"a,b\n1,\xe9\n",
            UploadRefusal::CsvEncoding { at: at(2, 2) },
        ),
        (b"a,b\n1,\xc3", UploadRefusal::CsvEncoding { at: at(2, 2) }),
        (b"a,b\n1,\0\n", UploadRefusal::CsvControl { at: at(2, 2) }),
        (
            b"a,b\n\"\x1b\",1\n",
            UploadRefusal::CsvControl { at: at(2, 1) },
        ),
        (b"a,b\n1,\x7f\n", UploadRefusal::CsvControl { at: at(2, 2) }),
        (
            b"a,b\n1,2\r3,4\n",
            UploadRefusal::CsvBareCr { at: at(2, 2) },
        ),
        (b"a,b\n1,2\r", UploadRefusal::CsvBareCr { at: at(2, 2) }),
        (
            b"a,b\n\"1\r2\",2\n",
            UploadRefusal::CsvBareCr { at: at(2, 1) },
        ),
        (b"a,b\n\n1,2\n", UploadRefusal::CsvEmptyLine { row: 2 }),
        (b"a,b\n1,2\n\r\n", UploadRefusal::CsvEmptyLine { row: 3 }),
        (
            b"a,b\n1,123456789\n",
            UploadRefusal::CsvCell {
                at: at(2, 2),
                limit: 8,
            },
        ),
        (
            b"a,b\n1,\"1234\"\"6789\"\n",
            UploadRefusal::CsvCell {
                at: at(2, 2),
                limit: 8,
            },
        ),
        (
            b"a,b,c,d,e\n",
            UploadRefusal::CsvColumns { row: 1, limit: 4 },
        ),
        (
            b"a\n1\n2\n3\n4\n5\n6\n",
            UploadRefusal::CsvRows { limit: 5 },
        ),
        (
            b"a\n,\n",
            UploadRefusal::CsvRagged {
                row: 2,
                found: 2,
                expected: 1,
            },
        ),
        (b"", UploadRefusal::Empty),
        (b"\xef\xbb\xbf", UploadRefusal::Empty),
        (b"a,a\n", UploadRefusal::CsvColumnTwice { column: 2 }),
    ] {
        assert_eq!(
            judge(&anything(), bytes),
            Err(refusal),
            "{:?}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn values_of_exactly_the_limits_pass() {
    let facts = judge(
        &anything(),
        b"a,b,c,d\n1,2,3,12345678\n,,,\n,,,\n,,,\n,,,\n",
    )
    .unwrap();
    assert_eq!((facts.rows, facts.columns), (5, 4));
}

#[test]
fn a_header_that_does_not_end_is_refused_early() {
    let mut validator = Validator::new(anything());
    let refusal = UploadRefusal::CsvHeaderTooLong { limit: HEADER };
    assert_eq!(
        validator.push(&vec![b'a'; HEADER + 1]),
        Err(refusal.clone())
    );
    assert_eq!(validator.push(b"\n"), Err(refusal));
}

#[test]
fn too_few_rows_are_refused() {
    let limits = CsvLimits {
        rows: Span::new("rows", 1, 5).unwrap(),
        ..limits()
    };
    let rules = Arc::new(Csv::new(b",", vec![], limits).unwrap());
    let refusal = UploadRefusal::CsvFewRows { found: 0, limit: 1 };
    assert_eq!(judge(&rules, b"a,b\n"), Err(refusal));
    assert_eq!(judge(&rules, b"a,b\n1,2\n").unwrap().rows, 1);
}

proptest! {
    // What the validator accepts, another reader divides into just as many rows and columns; what a
    // writer writes, the validator accepts.
    #[test]
    fn accepted_files_are_read_alike_by_another_reader(
        text in proptest::collection::vec(
            proptest::sample::select(&b"ab,,\"\"\n\n\r \xc3\xa9"[..]), 0..40)
    ) {
        if let Ok(facts) = judge(&anything(), &text) {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
            let records: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(records.len() as u64, facts.rows + 1);
            prop_assert!(records.iter().all(|it| it.len() as u64 == u64::from(facts.columns)));
        }
    }

    #[test]
    fn written_files_are_accepted(
        rows in proptest::collection::vec(
            proptest::collection::vec("[a-z,\"é\n ]{0,3}", 2..=2), 0..5)
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["one", "two"]).unwrap();
        for row in &rows {
            writer.write_record(row).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let facts = judge(&anything(), &bytes).unwrap();
        prop_assert_eq!(facts.rows, rows.len() as u64);
    }
}
