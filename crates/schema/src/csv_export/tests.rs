use super::*;
use proptest::prelude::*;

const COMMA: CsvRules = CsvRules {
    delimiter: Delimiter::Comma,
    numbers: true,
};

fn export(rules: CsvRules, input: &[u8], piece: usize) -> Vec<u8> {
    let mut csv = CsvExport::new(rules);
    let mut out = Vec::new();
    for piece in input.chunks(piece) {
        csv.push(piece, &mut out).unwrap();
    }
    csv.finish(&mut out).unwrap();
    out
}

fn text(rules: CsvRules, input: &str) -> String {
    String::from_utf8(export(rules, input.as_bytes(), 1000)).unwrap()
}

fn table(bytes: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(bytes);
    let rows = reader.byte_records().map(|row| row.unwrap());
    rows.map(|row| row.iter().map(<[u8]>::to_vec).collect())
        .collect()
}

/// The second opinion about a cell, on whole values.
fn is_formula(value: &[u8]) -> bool {
    let text = String::from_utf8_lossy(value);
    let text = text.trim_start_matches(|c: char| {
        !"\t\r\n".contains(c)
            && (c.is_whitespace() || c.is_control() || "\"\u{feff}\u{200b}".contains(c))
    });
    let begins = text.starts_with(|c| "=+-@\t\r\n＝＋－＠".contains(c));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| {
        let text = text.trim_end_matches(' ');
        let text = text.strip_suffix('%').unwrap_or(text);
        let Some(text) = text.strip_prefix(['+', '-']) else {
            return false;
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let mut parts = mantissa.split(['.', ',']);
        let first = parts.next().unwrap();
        let rest: Vec<&str> = parts.collect();
        (digits(first) || first.is_empty() && !rest.is_empty())
            && rest.into_iter().all(digits)
            && digits(exponent)
    };
    begins && !number(text)
}

#[test]
fn formulas_become_text_and_the_rest_stays() {
    for (input, wanted) in [
        ("a,b\n=1+1,x\n", "a,b\n\"'=1+1\",x\n"),
        ("\"=1+1\",x", "\"'=1+1\",x"),
        ("+cmd|' /C calc'!A0", "\"'+cmd|' /C calc'!A0\""),
        ("-2+3,@SUM(A1)", "\"'-2+3\",\"'@SUM(A1)\""),
        ("\t=1", "\"'\t=1\""),
        ("\"\r=1\",\"\n\"", "\"'\r=1\",\"'\n\""),
        ("  =1, @a", "\"'  =1\",\"' @a\""),
        ("＝1,＋1,－1,＠a", "\"'＝1\",\"'＋1\",\"'－1\",\"'＠a\""),
        ("\u{feff}=1,a", "\u{feff}\"'=1\",a"),
        ("\u{feff}\"=1\",a", "\u{feff}\"'=1\",a"),
        ("a,\u{feff}=1", "a,\"'\u{feff}=1\""),
        ("\u{a0}=1,\u{200b}=1", "\"'\u{a0}=1\",\"'\u{200b}=1\""),
        ("=\"a\"", "\"'=\"\"a\"\"\""),
        ("\"\"\"=1\"\"\"", "\"'\"\"=1\"\"\""),
        (" \"=1\"", "\"' \"\"=1\"\"\""),
        ("\"=1\"x,b", "\"'=1x\",b"),
        ("\"a\"x,b", "\"ax\",b"),
        ("=1\r\n=2\r\n", "\"'=1\"\r\n\"'=2\"\r\n"),
        ("\"=1", "\"'=1\""),
        (
            "\"a\nb\",\"c,d\",\"e\"\"f\",\"\"",
            "\"a\nb\",\"c,d\",\"e\"\"f\",\"\"",
        ),
        ("a=b,c-d,'=1,1+1,a@b.example", "a=b,c-d,'=1,1+1,a@b.example"),
        ("", ""),
        (",,\n\n , ", ",,\n\n , "),
    ] {
        assert_eq!(text(COMMA, input), wanted, "{input:?}");
        assert_eq!(text(COMMA, wanted), wanted, "again: {input:?}");
    }
}

#[test]
fn a_number_stays_where_the_rules_say_so() {
    for cell in [
        "-12.5",
        "+31",
        "-1.000",
        "-1e5",
        "+1E-5",
        "-5%",
        "-.5",
        "+31612345678",
        " -5 ",
        "\"-1,5\"",
        "-0",
    ] {
        assert_eq!(text(COMMA, cell), cell, "{cell}");
        let strict = CsvRules {
            numbers: false,
            ..COMMA
        };
        assert_ne!(text(strict, cell), cell, "{cell}");
    }
    for cell in [
        "-", "+", "-1-1", "-1+A1", "+31 6", "--1", "-1.", "-e5", "-1e", "-5%5", "-.", "+A1",
        "-1(2)",
    ] {
        assert_eq!(text(COMMA, cell), format!("\"'{cell}\""), "{cell}");
    }
    let long = format!("-{}", "1".repeat(100));
    assert_eq!(text(COMMA, &long), format!("\"'{long}\""));
}

#[test]
fn the_delimiter_is_given_or_found_in_the_first_line() {
    let found = |input: &str| text(CsvRules::DEFAULT, input);
    assert_eq!(found("a;b;c\nx;=1;y,z"), "a;b;c\nx;\"'=1\";y,z");
    assert_eq!(found("a\tb\nx\t=1"), "a\tb\nx\t\"'=1\"");
    assert_eq!(found("a,b;c,d\nx,=1"), "a,b;c,d\nx,\"'=1\"");
    assert_eq!(found("\"a;b;c;d\",e\nx,=1"), "\"a;b;c;d\",e\nx,\"'=1\"");
    assert_eq!(found("sep=;\r\na,b\r\nx;=1"), "sep=;\r\na,b\r\nx;\"'=1\"");
    assert_eq!(found("sep=\t\na,b\nx\t=1"), "sep=\t\na,b\nx\t\"'=1\"");
    let semicolon = CsvRules {
        delimiter: Delimiter::Semicolon,
        numbers: true,
    };
    assert_eq!(text(semicolon, "a,=1;=2"), "a,=1;\"'=2\"");
    let tab = CsvRules {
        delimiter: Delimiter::Tab,
        numbers: true,
    };
    assert_eq!(text(tab, "a\t\t=2"), "a\t\t\"'=2\"");
}

#[test]
fn what_cannot_be_told_into_cells_is_refused() {
    for input in [&b"\xff\xfea\n"[..], b"\xfe\xffa\n"] {
        let mut csv = CsvExport::new(COMMA);
        let refused = csv.push(input, &mut Vec::new()).map_err(|it| it.fault);
        assert_eq!(refused, Err(Fault::NotUtf8));
    }
    let mut csv = CsvExport::new(COMMA);
    csv.push(b"abc", &mut Vec::new()).unwrap();
    let refused = csv.push(b"d\0", &mut Vec::new()).unwrap_err();
    assert_eq!(
        (refused.fault, refused.place),
        (Fault::TextNul, Place::Byte(4))
    );
    assert_eq!(
        export(COMMA, b"\xe9t\xe9,\xa0=1", 1),
        b"\xe9t\xe9,\"'\xa0=1\""
    );
}

#[test]
fn a_long_cell_takes_no_memory_and_a_long_blank_is_no_escape() {
    let mut csv = CsvExport::new(COMMA);
    let mut out = Vec::new();
    csv.push(b"a\n", &mut out).unwrap();
    for _ in 0..1000 {
        out.clear();
        csv.push(&[b' '; 1000], &mut out).unwrap();
        assert!(csv.held.capacity() <= FIRST_LINE);
    }
    csv.push(b"=1", &mut out).unwrap();
    assert_eq!(csv.finish(&mut out).unwrap(), 1);
}

fn cells() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        8 => Just(","), 2 => Just(";"), 1 => Just("\t"), 6 => Just("\n"), 2 => Just("\r\n"), 1 => Just("\r"),
        6 => Just("\""), 3 => Just("="), 3 => Just("-"), 3 => Just("+"), 2 => Just("@"), 3 => Just(" "),
        4 => Just("1"), 2 => Just("12.5"), 1 => Just("e"), 3 => Just("a"), 1 => Just("é"), 1 => Just("＝"),
        1 => Just("\u{feff}"), 1 => Just("'"), 1 => Just("%"),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_table_is_the_same_but_for_formulas(input in cells(), piece in 1usize..9) {
        let out = export(COMMA, &input, piece);
        prop_assert_eq!(&out, &export(COMMA, &input, usize::MAX), "pieces");
        prop_assert_eq!(&export(COMMA, &out, 3), &out, "again");
        let (before, after) = (table(&input, b','), table(&out, b','));
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            prop_assert_eq!(before.len(), after.len());
            for (before, after) in before.iter().zip(after) {
                prop_assert!(!is_formula(after), "{:?}", String::from_utf8_lossy(after));
                let neutral = [b"'", before.as_slice()].concat();
                let wanted = if is_formula(before) { &neutral } else { before };
                prop_assert_eq!(after, wanted);
            }
        }
    }
}
