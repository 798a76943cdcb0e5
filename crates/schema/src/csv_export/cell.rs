//! Whether the value of a cell begins a formula.
//!
//! Owns the characters that do, the ones that spreadsheets pass over before them, and what is a
//! number after all.

use icu_properties::{CodePointSetData, props::DefaultIgnorableCodePoint};

/// What is known of a cell by its beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Text,
    Formula,
    /// More is needed. At the end of a cell: nothing stands in it that could begin a formula.
    Unknown,
}

/// The next character, and the bytes behind it.
enum Next<'b> {
    None,
    /// The beginning of a character whose end has not come.
    Part,
    Character(char, &'b [u8]),
    /// A byte of no UTF-8 text: another encoding, of which only the blank of Latin-1 matters.
    Foreign(u8, &'b [u8]),
}

/// Judges a value by its first bytes; `whole` says that they are all there are.
pub(super) fn judge(value: &[u8], numbers: bool, whole: bool) -> Verdict {
    let mut rest = value;
    loop {
        match next(rest) {
            Next::None => return Verdict::Unknown,
            Next::Part if whole => return Verdict::Text,
            Next::Part => return Verdict::Unknown,
            Next::Foreign(0xa0, behind) => rest = behind,
            Next::Foreign(..) => return Verdict::Text,
            Next::Character('+' | '-', behind) if numbers => return number(behind, whole),
            Next::Character(character, _) if begins_formula(character) => return Verdict::Formula,
            Next::Character(character, behind) if is_passed_over(character) => rest = behind,
            Next::Character(..) => return Verdict::Text,
        }
    }
}

fn next(bytes: &[u8]) -> Next<'_> {
    let Some((first, behind)) = bytes.split_first() else {
        return Next::None;
    };
    if first.is_ascii() {
        return Next::Character(char::from(*first), behind);
    }
    let start = bytes.get(..4).unwrap_or(bytes);
    let known = match std::str::from_utf8(start) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            let valid = start.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        }
        Err(error) if error.error_len().is_none() => return Next::Part,
        Err(_) => return Next::Foreign(*first, behind),
    };
    match known.chars().next() {
        Some(character) => {
            let behind = bytes.get(character.len_utf8()..).unwrap_or_default();
            Next::Character(character, behind)
        }
        None => Next::Foreign(*first, behind),
    }
}

/// The characters of OWASP's list, with their full-width and small forms.
const fn begins_formula(character: char) -> bool {
    matches!(
        character,
        '=' | '+'
            | '-'
            | '@'
            | '\t'
            | '\r'
            | '\n'
            | '＝'
            | '＋'
            | '－'
            | '＠'
            | '﹦'
            | '﹢'
            | '﹣'
            | '﹫'
    )
}

/// Blanks, quotes, control and invisible characters.
fn is_passed_over(character: char) -> bool {
    character == '"'
        || character.is_whitespace()
        || character.is_control()
        || !character.is_ascii()
            && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(character)
}

/// What follows a sign: digits with points and commas between them, an exponent, a percent sign and
/// blanks behind.
fn number(rest: &[u8], whole: bool) -> Verdict {
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        Sign,
        Digit,
        Point,
        Exponent,
        ExponentSign,
        ExponentDigit,
        Percent,
        Blank,
    }
    let mut at = At::Sign;
    for byte in rest {
        at = match (at, byte) {
            (At::Sign | At::Digit | At::Point, b'0'..=b'9') => At::Digit,
            (At::Sign | At::Digit, b'.' | b',') => At::Point,
            (At::Digit, b'e' | b'E') => At::Exponent,
            (At::Exponent, b'+' | b'-') => At::ExponentSign,
            (At::Exponent | At::ExponentSign | At::ExponentDigit, b'0'..=b'9') => At::ExponentDigit,
            (At::Digit | At::ExponentDigit, b'%') => At::Percent,
            (At::Digit | At::ExponentDigit | At::Percent | At::Blank, b' ') => At::Blank,
            _ => return Verdict::Formula,
        };
    }
    match at {
        _ if !whole => Verdict::Unknown,
        At::Digit | At::ExponentDigit | At::Percent | At::Blank => Verdict::Text,
        At::Sign | At::Point | At::Exponent | At::ExponentSign => Verdict::Formula,
    }
}
