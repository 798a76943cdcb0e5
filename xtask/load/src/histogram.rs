//! Times in buckets whose width is below one per cent of what they hold.
//!
//! Owns recording in constant time and memory, adding up, and percentiles. Every time finds a
//! bucket: nothing is cut off, because the slowest requests are what is looked for.

use std::time::Duration;

/// Buckets for each power of two.
const PARTS: u64 = 128;

/// Bits that tell the parts apart.
const BITS: u32 = PARTS.trailing_zeros();

#[derive(Clone, Debug, Default)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    greatest: Duration,
}

impl Histogram {
    pub(crate) fn record(&mut self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let at = bucket(nanos);
        if at >= self.counts.len() {
            self.counts.resize(at + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        self.total += 1;
        self.greatest = self.greatest.max(time);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.greatest = self.greatest.max(other.greatest);
    }

    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    pub(crate) const fn greatest(&self) -> Duration {
        self.greatest
    }

    /// The time that `share` (0 to 1) of the recorded did not exceed, by the nearest rank; zero
    /// where nothing was recorded.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let rank = ((self.total as f64 * share).ceil() as u64).clamp(1, self.total.max(1));
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(last_of(at)).min(self.greatest);
            }
        }
        Duration::ZERO
    }
}

/// The bucket of a value: small ones have one each, larger ones share with their neighbours.
fn bucket(value: u64) -> usize {
    let power = u64::BITS - value.leading_zeros();
    let shift = power.saturating_sub(BITS + 1);
    let part = value >> shift;
    usize::try_from(u64::from(shift) * PARTS + part).unwrap_or(usize::MAX)
}

/// The greatest value of a bucket.
fn last_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / PARTS).saturating_sub(1);
    let part = bucket - shift * PARTS;
    // The topmost bucket ends at the greatest number there is.
    let next = u128::from(part + 1) << shift;
    u64::try_from(next - 1).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(nanos: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        for nanos in nanos {
            histogram.record(Duration::from_nanos(nanos));
        }
        histogram
    }

    #[test]
    fn every_value_lies_in_a_bucket_less_than_a_hundredth_wide() {
        let values = (0..2000).chain((0..64).flat_map(|power| {
            let one = 1_u64 << power;
            [one - 1, one, one + one / 3, one + (one - 1)]
        }));
        for value in values.chain([u64::MAX]) {
            let last = last_of(bucket(value));
            assert!(last >= value, "{value} is above its bucket's end {last}");
            assert!(last - value <= value / 100, "{value} may be read as {last}");
        }
    }

    #[test]
    fn buckets_follow_each_other_without_a_gap() {
        for at in 0..7000 {
            assert_eq!(bucket(last_of(at)), at);
            assert_eq!(bucket(last_of(at) + 1), at + 1);
        }
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let histogram = of((1..=1000).rev().map(|n| n * 1_000_000));
        for (share, millis) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let (found, right) = (histogram.percentile(share), Duration::from_millis(millis));
            assert!(found >= right && found <= right.mul_f64(1.01), "{found:?}");
        }
        assert_eq!(of([]).percentile(0.99), Duration::ZERO);
    }

    #[test]
    fn what_is_added_up_is_as_if_recorded_in_one() {
        let mut one = of([5, 70_000]);
        one.add(&of([900_000_000]));
        assert_eq!(
            (one.total(), one.greatest()),
            (3, Duration::from_millis(900))
        );
        assert_eq!(one.percentile(1.0), Duration::from_millis(900));
        let mut empty = Histogram::default();
        empty.add(&one);
        assert_eq!(empty.total(), 3);
    }
}
