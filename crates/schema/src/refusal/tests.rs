use std::collections::BTreeSet;

use super::*;

/// The rows of the one table, so that a new fault is tested by standing there.
fn rows() -> Vec<(&'static str, u16)> {
    let table = include_str!("words.rs");
    let row = |line: &'static str| {
        let (_, rest) = line.split_once("=> words(\"")?;
        let (code, rest) = rest.split_once("\", ")?;
        let (status, _) = rest.split_once(',')?;
        Some((code, status.parse().unwrap()))
    };
    table.lines().filter_map(row).collect()
}

#[test]
fn codes_are_distinct_words_with_a_status_of_their_kind() {
    let rows = rows();
    assert!(rows.len() > 55, "{}", rows.len());
    let codes: BTreeSet<&str> = rows.iter().map(|row| row.0).collect();
    assert_eq!(codes.len(), rows.len());
    for (code, status) in rows {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        assert!(code.bytes().all(plain) && !code.ends_with('-'), "{code}");
        // What a description does not have is not there, or not to be done.
        let kind = match code {
            "api-path" => status == 404,
            "api-method" => status == 405,
            _ => matches!(status, 400 | 413 | 415 | 422),
        };
        assert!(kind, "{code}");
    }
}

#[test]
fn places_are_said_in_words() {
    let said = |place: Place| {
        let fault = Fault::TextLong { limit: 5 };
        Refusal { fault, place }.to_string()
    };
    let long = "the text is too long: at most 5 characters";
    assert_eq!(said(Place::Body), long);
    assert_eq!(said(Place::Byte(7)), format!("byte 7 of the body: {long}"));
    assert_eq!(
        said(Place::Parameter("limit".into())),
        format!("parameter `limit`: {long}")
    );
    let json = Place::Json {
        line: 2,
        column: 3,
        pointer: "/a/?".into(),
    };
    assert_eq!(said(json), format!("line 2, column 3 (`/a/?`): {long}"));
    let numbers = [1, 2, 3, 4, 11, 12, 13, 21, 102, 113].map(ordinal);
    assert_eq!(
        numbers.join(" "),
        "1st 2nd 3rd 4th 11th 12th 13th 21st 102nd 113th"
    );
}
