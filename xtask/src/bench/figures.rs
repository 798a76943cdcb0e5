//! What is made of many measurements: percentiles, and the middle with its range.

use std::{
    fmt,
    time::{Duration, Instant},
};

/// The value below which `percent` of the sorted times lie, by the nearest rank.
pub(crate) fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

/// The middle of some measurements and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl Spread {
    /// `None` where nothing was measured.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_unstable_by(f64::total_cmp);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self {
            median: lower.midpoint(upper),
            least: *values.first()?,
            greatest: *values.last()?,
        })
    }
}

impl fmt::Display for Spread {
    /// With as many decimals as the format asks for, 1 where it asks for none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = f.precision().unwrap_or(1);
        let (median, least, greatest) = (self.median, self.least, self.greatest);
        write!(
            f,
            "{median:.decimals$} ({least:.decimals$}–{greatest:.decimals$})"
        )
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_by_the_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn a_spread_is_the_median_and_both_ends() {
        let odd = Spread::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!(format!("{odd}"), "2.0 (1.0–3.0)");
        let even = Spread::of([1.0, 2.0, 4.0, 5.0]).unwrap();
        assert_eq!(format!("{even:.2}"), "3.00 (1.00–5.00)");
        assert_eq!(Spread::of([]), None);
    }
}
