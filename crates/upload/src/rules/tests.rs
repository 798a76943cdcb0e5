use super::*;

fn columns(names: &[&str]) -> Vec<Column> {
    names
        .iter()
        .map(|name| Column {
            name: (*name).to_owned(),
            required: true,
        })
        .collect()
}

fn limits() -> CsvLimits {
    CsvLimits {
        rows: Span::new("rows", 1, 10).unwrap(),
        columns: 3,
        cell: 10,
    }
}

#[test]
fn a_layout_needs_a_name_columns_and_no_repetition() {
    assert!(Layout::new("a", columns(&["x", "y"]), true).is_ok());
    assert_eq!(
        Layout::new("", columns(&["x"]), true),
        Err(RuleFault::EmptyLayout)
    );
    assert_eq!(Layout::new("a", vec![], true), Err(RuleFault::EmptyLayout));
    let optional = vec![Column {
        name: "x".to_owned(),
        required: false,
    }];
    assert_eq!(
        Layout::new("a", optional, true),
        Err(RuleFault::EmptyLayout)
    );
    let twice = Err(RuleFault::Twice("x".to_owned()));
    assert_eq!(Layout::new("a", columns(&["x", "x"]), true), twice);
    let fault = RuleFault::ColumnName {
        layout: "a".to_owned(),
        column: 2,
    };
    assert_eq!(Layout::new("a", columns(&["x", "\n"]), true), Err(fault));
}

#[test]
fn csv_rules_need_usable_delimiters_and_limits() {
    let layout = |name| Layout::new(name, columns(&["x", "y"]), true).unwrap();
    assert!(Csv::new(b",;", vec![layout("a"), layout("b")], limits()).is_ok());
    let fault = |delimiters: &[u8]| Csv::new(delimiters, vec![], limits()).unwrap_err();
    assert_eq!(fault(b""), RuleFault::Delimiters);
    assert_eq!(fault(b",,"), RuleFault::Delimiters);
    assert_eq!(fault(b"\""), RuleFault::Delimiter);
    let twice = Csv::new(b",", vec![layout("a"), layout("a")], limits());
    assert_eq!(twice, Err(RuleFault::Twice("a".to_owned())));
    let narrow = CsvLimits {
        columns: 1,
        ..limits()
    };
    let wide = Csv::new(b",", vec![layout("a")], narrow);
    assert_eq!(wide, Err(RuleFault::WideLayout("a".to_owned())));
    let zero = CsvLimits {
        cell: 0,
        ..limits()
    };
    assert_eq!(Csv::new(b",", vec![], zero), Err(RuleFault::Zero("cell")));
}

#[test]
fn a_range_cannot_be_upside_down() {
    assert!(Span::new("rate", 8_000, 48_000).unwrap().contains(48_000));
    assert_eq!(Span::new("rate", 2, 1), Err(RuleFault::Range("rate")));
}

#[test]
fn a_section_holds_only_its_own_kinds_and_a_route_at_least_one() {
    let images = [Kind::Png].into_iter().collect();
    assert!(Image::new(images, 10, 100).is_ok());
    let rate = Span::new("rate", 1, 2).unwrap();
    let lasts = Span::new("lasts", Duration::ZERO, Duration::MAX).unwrap();
    assert_eq!(
        Audio::new(images, rate, 2, lasts),
        Err(RuleFault::ForeignKind(Kind::Png))
    );
    assert_eq!(Image::new(Kinds::default(), 1, 1), Err(RuleFault::NoKinds));
    let limits = Limits {
        file: 1,
        files: 1,
        fields: 0,
        field: 0,
    };
    let none = Rules::new(limits, Hold::Whole, Accepts::default());
    assert_eq!(none, Err(RuleFault::NoKinds));
    let pdf = Accepts {
        pdf: true,
        ..Accepts::default()
    };
    assert!(Rules::new(limits, Hold::Whole, pdf.clone()).is_ok());
    let empty = Limits { file: 0, ..limits };
    assert_eq!(
        Rules::new(empty, Hold::Whole, pdf),
        Err(RuleFault::Zero("file"))
    );
}
