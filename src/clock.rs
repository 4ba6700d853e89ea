//! The time: the only place that asks for it.
//!
//! Everything else is handed a [`Clock`], or a time as a value, so that a test decides what time it is.

use chrono::{DateTime, SecondsFormat, Utc};
use tokio::time::Instant;

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The time of day. It may be set back or forward by whoever keeps the machine.
    fn now(&self) -> DateTime<Utc>;

    /// A time that only goes forward, for limits and waits. Tests pause it with tokio's own clock.
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// Epoch milliseconds as a time; the epoch itself for what no calendar holds.
pub fn from_epoch_millis(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

/// Epoch milliseconds as RFC 3339 UTC with milliseconds: `2018-04-05T16:00:00.000Z`.
pub fn rfc3339_millis(ms: i64) -> String {
    from_epoch_millis(ms).to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_with_milliseconds() {
        assert_eq!(rfc3339_millis(1_522_944_000_007), "2018-04-05T16:00:00.007Z");
        assert_eq!(rfc3339_millis(i64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
