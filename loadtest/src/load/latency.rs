//! Latencies, in histograms.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The longest latency that is told apart from longer ones: two minutes, in microseconds.
const MOST: u64 = 120_000_000;

/// Latencies of one kind.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

impl Latencies {
    /// None yet.
    #[expect(clippy::missing_panics_doc, reason = "the bounds are right for every run or for none")]
    pub fn new() -> Self {
        Self(Histogram::new_with_bounds(1, MOST, 3).expect("the bounds of the histogram make sense"))
    }

    /// Adds one.
    pub fn add(&mut self, span: Duration) {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(micros.clamp(1, MOST));
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        // The bounds are the same everywhere.
        let _ = self.0.add(&other.0);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The summary.
    pub fn summary(&self) -> Summary {
        let at = |quantile| self.0.value_at_quantile(quantile);
        Summary {
            count: self.0.len(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: self.0.max(),
        }
    }
}

/// A summary of latencies, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many.
    pub count: u64,
    /// Half are at most this.
    pub p50_us: u64,
    /// Nine in ten are at most this.
    pub p90_us: u64,
    /// 99 in a hundred are at most this.
    pub p99_us: u64,
    /// 999 in a thousand are at most this.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Summary {
    /// p50, p99 and the longest as cells of a table, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "microseconds of minutes fit")]
    pub fn cells(&self) -> [String; 3] {
        [self.p50_us, self.p99_us, self.max_us].map(|micros| format!("{:.2}", micros as f64 / 1_000.0))
    }
}

/// The middle of some numbers.
pub fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_shows() {
        let mut latencies = Latencies::new();
        (1..=99).for_each(|_| latencies.add(Duration::from_millis(1)));
        latencies.add(Duration::from_secs(1));
        let summary = latencies.summary();
        assert_eq!(summary.count, 100);
        assert!(summary.p50_us < 1_100 && summary.p99_us < 1_100, "{summary:?}");
        assert!(summary.max_us > 990_000, "{summary:?}");
    }

    #[test]
    fn the_middle_is_found() {
        assert!((median(vec![5.0, 1.0, 3.0]) - 3.0).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }
}
