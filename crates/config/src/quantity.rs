//! Durations and sizes as people write them.
//!
//! Owns the two notations, both a whole number and a unit without a space: `30d`, `500ms`,
//! `10MiB`, `500MB`. Refuses signs, fractions, missing units and values that overflow.

use std::time::Duration;

const TIMES: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1000),
    ("m", 60 * 1000),
    ("h", 3600 * 1000),
    ("d", 24 * 3600 * 1000),
    ("w", 7 * 24 * 3600 * 1000),
];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("kB", 1000),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// How a duration is written, for hints.
pub const DURATION: &str = "a whole number and ms, s, m, h, d or w, such as \"500ms\" or \"30d\"";

/// How a size is written, for hints.
pub const SIZE: &str = "a whole number and B, KB, MB, GB, KiB, MiB or GiB, such as \"10MiB\"";

/// Reads `500ms`, `60s`, `15m`, `24h`, `30d` or `2w`.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    amount(text, TIMES).map(Duration::from_millis)
}

/// Reads `512B`, `8KiB`, `10MiB`, `500MB` as bytes. Units with an `i` are powers of 1024, those
/// without are powers of 1000.
#[must_use]
pub fn size(text: &str) -> Option<u64> {
    amount(text, SIZES)
}

/// Writes a duration with the largest unit that divides it: `90s`, `30d`.
#[must_use]
pub fn write_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, length) = TIMES
        .iter()
        .rev()
        .filter(|(unit, _)| *unit != "w")
        .find(|(_, length)| millis.is_multiple_of(*length) && millis >= *length)
        .unwrap_or(&("ms", 1));
    format!("{}{unit}", millis / length)
}

/// Writes a size with the largest unit that divides it, binary units first: `8KiB`, `500MB`.
#[must_use]
pub fn write_size(bytes: u64) -> String {
    let (unit, length) = SIZES
        .iter()
        .rev()
        .filter(|(unit, _)| *unit != "kB")
        .find(|(_, length)| bytes.is_multiple_of(*length) && bytes >= *length)
        .unwrap_or(&("B", 1));
    format!("{}{unit}", bytes / length)
}

fn amount(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, each) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*each)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        let day = Duration::from_secs(24 * 3600);
        for (text, value) in [
            ("500ms", Duration::from_millis(500)),
            ("0s", Duration::ZERO),
            ("60s", Duration::from_secs(60)),
            ("15m", Duration::from_secs(900)),
            ("24h", day),
            ("30d", day * 30),
            ("2w", day * 14),
        ] {
            assert_eq!(duration(text), Some(value), "{text}");
        }
        for text in [
            "",
            "30",
            "d",
            "-1s",
            "+1s",
            "1.5h",
            "30 d",
            "30D",
            "1s ",
            "99999999999999999999s",
            "9999999999999999w",
            "٣s",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, value) in [
            ("512B", 512),
            ("8KiB", 8192),
            ("10MiB", 10 << 20),
            ("500MB", 500_000_000),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(size(text), Some(value), "{text}");
        }
        for text in ["", "10", "10M", "10mib", "1.5MiB", "99999999999TiB"] {
            assert_eq!(size(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(millis in 0..u64::MAX / 2) {
            let time = Duration::from_millis(millis);
            proptest::prop_assert_eq!(duration(&write_duration(time)), Some(time));
            proptest::prop_assert_eq!(size(&write_size(millis)), Some(millis));
        }
    }
}
