//! Whether figures stayed where they were.
//!
//! Owns the slope through samples, by Theil and Sen: the median of the slopes between all pairs,
//! which a few outliers do not move. Judged is the second half: in the first, caches fill.

/// What was sampled each second, and how much it may drift over the second half of the run.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// Greatest drift, upwards or downwards; none where it is only shown.
    pub(super) bound: Option<f64>,
    pub(super) values: Vec<f64>,
}

/// What became of a series.
#[derive(Debug, PartialEq)]
pub(super) struct Judgement {
    pub(super) first: f64,
    pub(super) middle: f64,
    pub(super) last: f64,
    pub(super) greatest: f64,
    /// The change over the second half, by its slope.
    pub(super) drift: f64,
    pub(super) flat: bool,
}

impl Series {
    pub(super) fn judge(&self) -> Judgement {
        let half = self.values.get(self.values.len() / 2..).unwrap_or_default();
        let drift = slope(half) * half.len().saturating_sub(1) as f64;
        let at = |place: usize| self.values.get(place).copied().unwrap_or_default();
        Judgement {
            first: at(0),
            middle: at(self.values.len() / 2),
            last: self.values.last().copied().unwrap_or_default(),
            greatest: self.values.iter().copied().fold(0.0, f64::max),
            drift,
            // What shrinks does not leak.
            flat: self.bound.is_none_or(|bound| drift <= bound),
        }
    }
}

/// The median of the slopes between all pairs of samples that are one apart in time each.
fn slope(values: &[f64]) -> f64 {
    let mut slopes: Vec<f64> = values
        .iter()
        .enumerate()
        .flat_map(|(at, first)| {
            let later = values.iter().skip(at + 1).enumerate();
            later.map(move |(more, second)| (second - first) / (more + 1) as f64)
        })
        .collect();
    let middle = slopes.len() / 2;
    if slopes.is_empty() {
        return 0.0;
    }
    let (_, median, _) = slopes.select_nth_unstable_by(middle, f64::total_cmp);
    *median
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(bound: f64, values: impl IntoIterator<Item = f64>) -> Judgement {
        let series = Series {
            name: "memory",
            unit: "KiB",
            bound: Some(bound),
            values: values.into_iter().collect(),
        };
        series.judge()
    }

    #[test]
    fn what_climbs_in_the_second_half_is_not_flat() {
        let climbing = series(10.0, (0..100).map(f64::from));
        assert_eq!((climbing.drift, climbing.flat), (49.0, false));
        assert!(series(50.0, (0..100).map(f64::from)).flat);
    }

    #[test]
    fn what_fills_in_the_first_half_and_stays_is_flat() {
        let filling = series(0.0, (0..100).map(|at| f64::from(at.min(49))));
        assert_eq!((filling.drift, filling.flat), (0.0, true));
        assert_eq!(
            (filling.first, filling.last, filling.greatest),
            (0.0, 49.0, 49.0)
        );
    }

    #[test]
    fn a_few_outliers_do_not_make_a_slope() {
        let spiky = (0..100).map(|at| if at % 10 == 9 { 1000.0 } else { 5.0 });
        assert!(series(0.1, spiky).flat);
    }

    #[test]
    fn what_shrinks_does_not_leak() {
        assert!(series(0.0, (0..100).map(|at| f64::from(-at))).flat);
        assert!(series(0.0, []).flat);
    }
}
