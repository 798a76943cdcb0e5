//! Amounts with a unit, in one form.
//!
//! Owns the normal form in which a sentence's numbers and an anchor's values are compared: 60
//! minutes are one hour, 1000 kB are one MB, twelve months are one year. Months are never turned
//! into days: a month has no fixed number of them.

use std::fmt;

/// What an amount measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dimension {
    /// Milliseconds.
    Time,
    /// Calendar months.
    Months,
    /// Bytes.
    Size,
    /// A plain count, a percentage or a number of bits.
    Count,
}

/// An amount: thousandths of its dimension's smallest unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// What it measures.
    pub dimension: Dimension,
    thousandths: u128,
}

/// A unit: its dimension and how many of the smallest unit it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit(pub(crate) Dimension, pub(crate) u128);

pub(crate) const MILLISECOND: Unit = Unit(Dimension::Time, 1);
pub(crate) const SECOND: Unit = Unit(Dimension::Time, 1_000);
pub(crate) const MINUTE: Unit = Unit(Dimension::Time, 60_000);
pub(crate) const HOUR: Unit = Unit(Dimension::Time, 3_600_000);
pub(crate) const DAY: Unit = Unit(Dimension::Time, 86_400_000);
pub(crate) const WEEK: Unit = Unit(Dimension::Time, 604_800_000);
pub(crate) const MONTH: Unit = Unit(Dimension::Months, 1);
pub(crate) const YEAR: Unit = Unit(Dimension::Months, 12);
pub(crate) const BYTE: Unit = Unit(Dimension::Size, 1);
pub(crate) const KB: Unit = Unit(Dimension::Size, 1_000);
pub(crate) const MB: Unit = Unit(Dimension::Size, 1_000_000);
pub(crate) const GB: Unit = Unit(Dimension::Size, 1_000_000_000);
pub(crate) const TB: Unit = Unit(Dimension::Size, 1_000_000_000_000);
pub(crate) const KIB: Unit = Unit(Dimension::Size, 1 << 10);
pub(crate) const MIB: Unit = Unit(Dimension::Size, 1 << 20);
pub(crate) const GIB: Unit = Unit(Dimension::Size, 1 << 30);
pub(crate) const TIB: Unit = Unit(Dimension::Size, 1 << 40);
pub(crate) const PIECE: Unit = Unit(Dimension::Count, 1);

/// A number as written, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u128);

impl Number {
    pub(crate) const fn whole(number: u32) -> Self {
        Self(number as u128 * 1_000)
    }

    /// Reads digits with separators. A separator before exactly three digits groups thousands, in
    /// English and in Dutch; any other is the decimal sign. `None` for what is no number or has
    /// more digits than a promise needs.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let text = text.trim_end_matches(['.', ',']);
        let parts: Vec<&str> = text.split(['.', ',', '\u{a0}', '\u{202f}', '\'']).collect();
        let (first, rest) = parts.split_first()?;
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !parts.iter().all(|part| digits(part)) || text.len() > 24 {
            return None;
        }
        let groups = *first != "0" && first.len() <= 3;
        let (whole, decimals) = match rest.split_last() {
            None => ((*first).to_owned(), ""),
            Some((last, middle)) if last.len() == 3 && groups => {
                (format!("{first}{}{last}", middle.concat()), "")
            }
            Some((last, middle)) => (format!("{first}{}", middle.concat()), *last),
        };
        if decimals.len() > 3 || whole.len() > 15 {
            return None;
        }
        let whole: u128 = whole.parse().ok()?;
        let decimals: u128 = format!("{decimals:0<3}").parse().ok()?;
        Some(Self(whole * 1_000 + decimals))
    }

    pub(crate) fn of(self, unit: Unit) -> Option<Quantity> {
        Some(Quantity {
            dimension: unit.0,
            thousandths: self.0.checked_mul(unit.1)?,
        })
    }
}

impl Quantity {
    /// Reads an anchor's or a configuration's value: `30d`, `1s`, `10MiB`, `112`, `99.5%`.
    /// `None` for what is no amount.
    #[must_use]
    pub fn read(value: &str) -> Option<Self> {
        let value = value.trim();
        let digits = value.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = value.split_at(digits);
        let unit = match unit.trim() {
            "ms" => MILLISECOND,
            "s" => SECOND,
            "m" | "min" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            "w" => WEEK,
            "mo" => MONTH,
            "y" => YEAR,
            "B" => BYTE,
            "kB" | "KB" => KB,
            "MB" => MB,
            "GB" => GB,
            "TB" => TB,
            "KiB" => KIB,
            "MiB" => MIB,
            "GiB" => GIB,
            "TiB" => TIB,
            "%" | "bit" | "bits" => PIECE,
            _ => return None,
        };
        Number::read(number)?.of(unit)
    }

    /// Reads a plain whole or decimal number as a count.
    #[must_use]
    pub fn count(value: &str) -> Option<Self> {
        Number::read(value.trim())?.of(PIECE)
    }
}

impl fmt::Display for Quantity {
    /// In the largest unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: &[(u128, &str)] = match self.dimension {
            Dimension::Time => &[
                (DAY.1, "d"),
                (HOUR.1, "h"),
                (MINUTE.1, "m"),
                (SECOND.1, "s"),
                (1, "ms"),
            ],
            Dimension::Months => &[(12, "y"), (1, "mo")],
            Dimension::Size => &[
                (GIB.1, "GiB"),
                (GB.1, "GB"),
                (MIB.1, "MiB"),
                (MB.1, "MB"),
                (KIB.1, "KiB"),
                (KB.1, "kB"),
                (1, "B"),
            ],
            Dimension::Count => &[(1, "")],
        };
        for (unit, name) in names {
            let unit = unit * 1_000;
            if self.thousandths >= unit && self.thousandths.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.thousandths / unit);
            }
        }
        let name = names.last().map_or("", |(_, name)| name);
        write!(
            f,
            "{}.{:03}{name}",
            self.thousandths / 1_000,
            self.thousandths % 1_000
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn units_are_normalised() {
        assert_eq!(Quantity::read("60m"), Quantity::read("1h"));
        assert_eq!(Quantity::read("7d"), Quantity::read("1w"));
        assert_eq!(Quantity::read("12mo"), Quantity::read("1y"));
        assert_eq!(Quantity::read("1024KiB"), Quantity::read("1MiB"));
        assert_eq!(Quantity::read("1.5h"), Quantity::read("90m"));
        assert_ne!(Quantity::read("1MB"), Quantity::read("1MiB"));
        assert_ne!(Quantity::read("30d"), Quantity::read("1mo"));
    }

    #[test]
    fn separators_group_or_divide() {
        assert_eq!(Number::read("10,000"), Some(Number::whole(10_000)));
        assert_eq!(Number::read("10.000"), Some(Number::whole(10_000)));
        assert_eq!(Number::read("1,5"), Some(Number(1_500)));
        assert_eq!(Number::read("0.125"), Some(Number(125)));
        assert_eq!(Number::read("30."), Some(Number::whole(30)));
        assert_eq!(Number::read("1..2"), None);
        assert_eq!(Number::read(""), None);
    }

    #[test]
    fn amounts_print_in_their_largest_whole_unit() {
        assert_eq!(Quantity::read("3600s").unwrap().to_string(), "1h");
        assert_eq!(Quantity::read("90s").unwrap().to_string(), "90s");
        assert_eq!(Quantity::read("10485760B").unwrap().to_string(), "10MiB");
        assert_eq!(Quantity::count("112").unwrap().to_string(), "112");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(amount in 1u32..100_000, unit in "ms|s|m|h|d|mo|y|B|kB|MiB") {
            let quantity = Quantity::read(&format!("{amount}{unit}")).unwrap();
            prop_assert_eq!(Quantity::read(&quantity.to_string()), Some(quantity));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = Quantity::read(&text);
            let _ = Number::read(&text);
        }
    }
}
