//! How many messages were accepted in the last ten seconds, by name, in bounded memory.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::rate::MilliRate;

/// The window, in buckets of a second.
const SECONDS: u64 = 10;
/// Names that are counted at once: a campaign has a few large providers and a long tail, and only large ones ask for less.
const NAMES_MAX: usize = 1_024;

/// Counts by name.
#[derive(Debug)]
pub struct Taken {
    began: Instant,
    names: HashMap<String, Buckets>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Buckets {
    first: u64,
    last: u64,
    counts: [u32; SECONDS as usize],
}

impl Taken {
    /// Nothing yet.
    pub fn new(now: Instant) -> Self {
        Self { began: now, names: HashMap::new() }
    }

    /// Counts one.
    pub fn add(&mut self, name: &str, now: Instant) {
        let second = self.second(now);
        if let Some(buckets) = self.names.get_mut(name) {
            return buckets.add(second);
        }
        if self.names.len() >= NAMES_MAX {
            // Whoever has had nothing for a window makes room; where all are busy, this one is not counted.
            self.names.retain(|_, buckets| buckets.last + SECONDS > second);
        }
        if self.names.len() < NAMES_MAX {
            let mut buckets = Buckets { first: second, last: second, ..Buckets::default() };
            buckets.add(second);
            self.names.insert(name.to_owned(), buckets);
        }
    }

    /// The rate of the last ten seconds, or of the time since the first message where that is shorter.
    pub fn rate(&self, name: &str, now: Instant) -> MilliRate {
        let Some(buckets) = self.names.get(name) else { return MilliRate(0) };
        let second = self.second(now);
        let oldest = (second + 1).saturating_sub(SECONDS);
        let counted = (oldest.max(buckets.first)..=second.min(buckets.last))
            .map(|second| u64::from(buckets.counts[(second % SECONDS) as usize]));
        let window = (now - self.began).saturating_sub(Duration::from_secs(oldest.max(buckets.first)));
        let window_ms = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1_000);
        MilliRate(counted.sum::<u64>() * 1_000_000 / window_ms)
    }

    fn second(&self, now: Instant) -> u64 {
        (now - self.began).as_secs()
    }
}

impl Buckets {
    fn add(&mut self, second: u64) {
        if second >= self.last + SECONDS {
            *self = Self { first: second, last: second, ..Self::default() };
        }
        while self.last < second {
            self.last += 1;
            self.counts[(self.last % SECONDS) as usize] = 0;
        }
        let count = &mut self.counts[(second % SECONDS) as usize];
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_ten_seconds_or_of_the_time_since_the_first() {
        let start = Instant::now();
        let mut taken = Taken::new(start);
        let at = |ms: u64| start + Duration::from_millis(ms);
        (0..100).for_each(|n| taken.add("a.example", at(n * 20)));
        assert_eq!(taken.rate("a.example", at(2_000)), MilliRate(50_000));
        assert_eq!(taken.rate("b.example", at(2_000)), MilliRate(0));
        assert_eq!(taken.rate("a.example", at(8_000)), MilliRate(12_500));
        assert_eq!(taken.rate("a.example", at(30_000)), MilliRate(0));
        (0..6).for_each(|_| taken.add("a.example", at(30_500)));
        assert_eq!(taken.rate("a.example", at(31_000)), MilliRate(6_000));
    }

    #[test]
    fn memory_is_bounded_and_the_idle_make_room() {
        let start = Instant::now();
        let mut taken = Taken::new(start);
        (0..5_000).for_each(|n| taken.add(&format!("d{n}.example"), start));
        assert_eq!(taken.names.len(), NAMES_MAX);
        let later = start + Duration::from_secs(20);
        taken.add("new.example", later);
        assert_eq!(taken.names.len(), 1);
        assert!(taken.rate("new.example", later) > MilliRate(0));
    }
}
