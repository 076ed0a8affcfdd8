//! Chance that a seed repeats.

use std::time::Duration;

/// `SplitMix64`: small, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Starts where the seed says.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another source, so that what one task draws does not depend on what others do.
    #[must_use]
    pub fn branch(&mut self) -> Self {
        Self(self.draw())
    }

    /// Any number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.draw() % bound }
    }

    /// Whether something that happens in so many of a hundred cases happens now.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A span between two others, to the microsecond.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(u64::MAX);
        least + Duration::from_micros(self.below(span.saturating_add(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_bounds_hold() {
        let draw = |seed| {
            let mut random = Random::new(seed);
            (0..1_000)
                .map(|_| random.between(Duration::from_millis(2), Duration::from_millis(9)))
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let bounds = Duration::from_millis(2)..=Duration::from_millis(9);
        assert!(draw(3).iter().all(|span| bounds.contains(span)));
        let mut random = Random::new(4);
        let hits = (0..10_000).filter(|_| random.percent(20)).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
    }
}
