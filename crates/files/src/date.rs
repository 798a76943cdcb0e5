//! Dates as HTTP writes them.
//!
//! Owns the one form of RFC 9110, section 5.6.7, that is sent today. Refuses the two old forms: who
//! sends one gets the whole file, which is right at any date.

use time::{OffsetDateTime, PrimitiveDateTime, format_description::FormatItem, macros};

const FORM: &[FormatItem<'_>] = macros::format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);

/// This second since 1970 as a date; empty where there is none.
#[must_use]
pub fn write(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|at| at.format(FORM).ok())
        .unwrap_or_default()
}

/// The second since 1970 that a date names.
#[must_use]
pub fn read(date: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(date).ok().filter(|it| it.len() == 29)?;
    let at = PrimitiveDateTime::parse(text, FORM).ok()?;
    Some(at.assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_read_as_it_is_written() {
        // The example of RFC 9110, section 5.6.7.
        let example = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(write(784_111_777), example);
        assert_eq!(read(example.as_bytes()), Some(784_111_777));
        for other in [
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "",
        ] {
            assert_eq!(read(other.as_bytes()), None, "{other}");
        }
    }
}
