//! Days as people write them.

use control::Timestamp;
use time::{Date, macros::format_description};

/// The moment at which the day `YYYY-MM-DD` is over, in UTC.
pub(crate) fn end_of_day(text: &str) -> Option<Timestamp> {
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
    let midnight = date.next_day()?.midnight().assume_utc();
    Some(Timestamp::from_seconds(midnight.unix_timestamp()))
}

/// The day of a moment, `YYYY-MM-DD`, in UTC.
pub(crate) fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

/// The last day that is over at `end`, as [`end_of_day`] read it.
pub(crate) fn last_day(end: Timestamp) -> String {
    day(Timestamp::from_millis(end.millis().saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_the_next_midnight() {
        let end = end_of_day("2027-02-01").unwrap();
        assert_eq!(end.to_string(), "2027-02-02T00:00:00.000Z");
        assert_eq!(last_day(end), "2027-02-01");
        assert_eq!(end_of_day("2027-02-30"), None);
        assert_eq!(end_of_day("tomorrow"), None);
    }
}
