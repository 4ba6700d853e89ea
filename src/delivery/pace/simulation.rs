//! A provider whose limit nobody knows, in simulated time: how much of what it would take it is sent, and how often it has
//! to refuse (delivery.md, "Rates").

use std::time::Duration;

use tokio::time::Instant;

use super::{Lane, Pace, Slow};
use crate::domain::rate::Rate;

const LANE: Lane<'static> = Lane { campaign: "c", relay: "main", domain: "gmail.com" };
/// Messages on their way at once; an answer comes after [`ROUND_TRIP_MS`].
const CONNECTIONS: usize = 10;
const ROUND_TRIP_MS: u64 = 30;
const TEN_MINUTES_MS: u64 = 600_000;

/// How a provider counts.
#[derive(Clone, Copy, Debug)]
enum Counts {
    /// A bucket that holds a second's worth.
    Bucket,
    /// So many in each second by its clock.
    Seconds,
    /// So many in each minute by its clock.
    Minutes,
}

struct Provider {
    counts: Counts,
    per_second: f64,
    tokens: f64,
    filled_ms: u64,
    window: u64,
    used: f64,
}

impl Provider {
    fn takes(&mut self, now_ms: u64) -> bool {
        let (length_ms, most) = match self.counts {
            Counts::Bucket => {
                let gained = (now_ms - self.filled_ms) as f64 / 1000.0 * self.per_second;
                (self.tokens, self.filled_ms) = ((self.tokens + gained).min(self.per_second), now_ms);
                let takes = self.tokens >= 1.0;
                self.tokens -= f64::from(u8::from(takes));
                return takes;
            }
            Counts::Seconds => (1_000, self.per_second),
            Counts::Minutes => (60_000, self.per_second * 60.0),
        };
        if now_ms / length_ms != self.window {
            (self.window, self.used) = (now_ms / length_ms, 0.0);
        }
        let takes = self.used + 1.0 <= most;
        self.used += f64::from(u8::from(takes));
        takes
    }
}

struct Outcome {
    accepted: u64,
    refused: u64,
}

/// Ten minutes with more people waiting than could ever be told; `per_second` is what it takes at each second.
fn ten_minutes(counts: Counts, configured: Rate, per_second: impl Fn(u64) -> f64) -> Outcome {
    let start = Instant::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut pace = Pace::new(start);
    pace.set_relay("main", Rate::Unlimited, start);
    assert!(pace.set_domain("gmail.com", configured, start));
    let first = per_second(0);
    let mut provider = Provider { counts, per_second: first, tokens: first, filled_ms: 0, window: 0, used: 0.0 };
    let (mut free_at, mut answers) = ([0_u64; CONNECTIONS], Vec::new());
    let mut outcome = Outcome { accepted: 0, refused: 0 };
    for ms in 0..TEN_MINUTES_MS {
        provider.per_second = per_second(ms / 1000);
        answers.retain(|(due, took): &(u64, bool)| {
            if *due > ms {
                return true;
            }
            if *took {
                pace.accepted("main", "gmail.com", at(ms));
            } else {
                pace.slow_down(Slow::Domain, "gmail.com", at(ms));
            }
            false
        });
        if ms % 100 == 0 {
            pace.climb(at(ms));
        }
        for free_at in free_at.iter_mut().filter(|free_at| **free_at <= ms) {
            if pace.take(LANE, at(ms)).is_err() {
                break;
            }
            let took = provider.takes(ms);
            (outcome.accepted, outcome.refused) =
                (outcome.accepted + u64::from(took), outcome.refused + u64::from(!took));
            answers.push((ms + ROUND_TRIP_MS, took));
            *free_at = ms + ROUND_TRIP_MS;
        }
    }
    outcome
}

/// The least share of what it would take, and the largest share of refusals, over the ten minutes as a whole.
fn judge(name: &str, outcome: &Outcome, would_take: f64, share: f64, refusals: f64) {
    let taken = outcome.accepted as f64 / would_take;
    let refused = outcome.refused as f64 / (outcome.accepted + outcome.refused) as f64;
    eprintln!("{name}: {:.3} of what it would take, {:.2} % refused", taken, refused * 100.0);
    assert!(taken >= share, "{name}: {taken}");
    assert!(refused < refusals, "{name}: {refused}");
}

#[test]
fn of_an_unknown_fifty_a_second_nine_tenths_are_used_and_under_one_percent_refused() {
    for configured in ["unlimited", "200/s"] {
        for counts in [Counts::Bucket, Counts::Seconds] {
            let outcome = ten_minutes(counts, configured.parse().unwrap(), |_| 50.0);
            judge(&format!("{counts:?}, {configured}"), &outcome, 30_000.0, 0.9, 0.01);
        }
    }
}

#[test]
fn a_provider_that_counts_by_the_minute_is_learned_too() {
    let outcome = ten_minutes(Counts::Minutes, Rate::Unlimited, |_| 50.0);
    // It refuses for the rest of each minute, and a halving helps only every ten seconds.
    judge("Minutes", &outcome, 30_000.0, 0.85, 0.30);
}

#[test]
fn a_capacity_that_falls_and_rises_is_followed() {
    let capacity = |second| {
        if second < 200 {
            50.0
        } else if second < 400 {
            20.0
        } else {
            80.0
        }
    };
    let outcome = ten_minutes(Counts::Bucket, Rate::Unlimited, capacity);
    judge("50, then 20, then 80", &outcome, 30_000.0, 0.5, 0.02);
}
