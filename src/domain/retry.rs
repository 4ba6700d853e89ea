//! How long to wait before the next try: a pure function of how many came before. Jitter is added outside.

use std::time::Duration;

/// RFC 5321 §4.5.4.1 asks for at least 30 minutes in the long run; four hours keep a busy relay's queue small.
pub const WAIT_MAX: Duration = Duration::from_secs(4 * 60 * 60);
/// A full mailbox empties when its owner comes back: once a day is enough (delivery.md).
pub const MAILBOX_FULL_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
/// A mailbox that was full three times stays full.
pub const MAILBOX_FULL_TRIES: u32 = 3;
/// Wrong credentials locked out are worse than wrong credentials.
pub const AUTH_TRIES: u32 = 3;

/// The wait after the `tries`-th temporary failure: `first`, then twice as long each time, at most [`WAIT_MAX`]
/// (or `first`, if that is longer).
///
/// With `first` = 1 min: 1, 2, 4, 8, 16, 32, 64, 128, 240, 240 … minutes.
pub fn wait(first: Duration, tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(20);
    first.saturating_mul(1 << doublings).min(WAIT_MAX.max(first))
}

/// Spreads a wait over ± 10 %, by a number drawn outside in 0.0 … 1.0, so that what failed together does not return
/// together.
pub fn with_jitter(wait: Duration, drawn: f64) -> Duration {
    wait.mul_f64(0.9 + 0.2 * drawn.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_four_hours() {
        let minutes: Vec<u64> = (1..=10).map(|n| wait(Duration::from_secs(60), n).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 240, 240]);
        assert_eq!(wait(Duration::from_secs(60), u32::MAX), WAIT_MAX);
        assert_eq!(wait(Duration::from_secs(86_400), 3), Duration::from_secs(86_400));
    }

    #[test]
    fn jitter_stays_within_a_tenth() {
        let wait = Duration::from_secs(100);
        assert_eq!(with_jitter(wait, 0.0), Duration::from_secs(90));
        assert_eq!(with_jitter(wait, 1.0), Duration::from_secs(110));
    }
}
