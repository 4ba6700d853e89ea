//! The time: the only `now()` in the program.
//!
//! Decides where the time comes from and how a moment is written. Everything else takes time as a value, so that tests
//! set it. Sits in layer 1; the database holds the milliseconds that [`epoch_millis`] gives.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// 0001-01-01T00:00:00.000Z. RFC 3339 §5.6 writes years with four digits.
const EARLIEST_MS: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z.
const LATEST_MS: i64 = 253_402_300_799_999;

/// Something that knows the time of day.
pub trait Clock: Send + Sync {
    /// The present moment. It may go back when somebody sets the system's clock: for lengths of time, [`instant`].
    fn now(&self) -> DateTime<Utc>;

    /// The present moment in milliseconds since 1970, as the database keeps it.
    fn now_millis(&self) -> i64 {
        epoch_millis(self.now())
    }
}

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A clock that stands still until a test moves it.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `now`.
    pub fn new(now: DateTime<Utc>) -> Self {
        Self(AtomicI64::new(epoch_millis(now)))
    }

    /// Moves it to `now`, forward or back.
    pub fn set(&self, now: DateTime<Utc>) {
        self.0.store(epoch_millis(now), Ordering::SeqCst);
    }

    /// Moves it forward, by whole milliseconds.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(LATEST_MS);
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        from_epoch_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A moment that only goes forward, for time limits and rates. Tests pause it with `tokio::time::pause`.
pub fn instant() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Milliseconds since 1970-01-01T00:00:00Z; what is below a millisecond is cut off.
pub fn epoch_millis(moment: DateTime<Utc>) -> i64 {
    moment.timestamp_millis()
}

/// The moment so many milliseconds after 1970-01-01T00:00:00Z; outside the years 1 to 9999, the nearest within.
pub fn from_epoch_millis(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms.clamp(EARLIEST_MS, LATEST_MS)).unwrap_or_default()
}

/// RFC 3339 in UTC with milliseconds, as in JSON and in the ledger: `2018-04-05T16:00:00.000Z`.
pub fn rfc3339_millis(ms: i64) -> String {
    from_epoch_millis(ms).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_milliseconds_and_a_z() {
        assert_eq!(rfc3339_millis(1_522_944_000_000), "2018-04-05T16:00:00.000Z");
        assert_eq!(rfc3339_millis(-1), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_moment_that_cannot_be_written_becomes_the_nearest_that_can() {
        assert_eq!(rfc3339_millis(i64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(rfc3339_millis(i64::MIN), "0001-01-01T00:00:00.000Z");
    }

    #[test]
    fn milliseconds_come_back_as_they_were() {
        for ms in [0, 1, -1, 1_522_944_000_123, LATEST_MS, EARLIEST_MS] {
            assert_eq!(epoch_millis(from_epoch_millis(ms)), ms);
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_it_is_told_to() {
        let clock = ManualClock::new(from_epoch_millis(1_000));
        assert_eq!(clock.now_millis(), clock.now_millis());
        clock.advance(Duration::from_millis(500));
        assert_eq!(clock.now_millis(), 1_500);
        clock.set(from_epoch_millis(10));
        assert_eq!(clock.now(), from_epoch_millis(10));
    }
}
