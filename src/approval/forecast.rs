//! How long a campaign will take at the rate and in the window that hold for it.

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use super::Plan;
use crate::config::Settings;
use crate::domain::rate::Rate;

/// Longest look ahead: a year of windows. Beyond it no date is given.
const AHEAD_DAYS_MAX: i64 = 366;

/// What can be said in advance. Unknown where no rate limits the sending.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Messages a second, by the lowest limit that always holds.
    pub rate_per_second: Option<f64>,
    /// Seconds of sending, pauses between windows included.
    pub duration_seconds: Option<i64>,
    /// Epoch milliseconds.
    #[serde(skip)]
    pub expected_end_ms: Option<i64>,
    /// RFC 3339.
    pub expected_end: Option<String>,
}

impl Forecast {
    /// For `people` who are to be sent to from `from` on.
    pub fn of(settings: &Settings, plan: &Plan, people: i64, from: DateTime<Utc>) -> Self {
        let relay = plan.relay_names(settings).first().and_then(|name| settings.relay(name)).map(|relay| relay.rate);
        let rate = plan.rate(settings).min(relay.unwrap_or(Rate::Unlimited));
        let Some(per_second) = rate.per_second() else {
            return Self { rate_per_second: None, duration_seconds: None, expected_end_ms: None, expected_end: None };
        };
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "people and seconds are far below 2^52"
        )]
        let sending_ms = (people.max(0) as f64 / per_second * 1000.0).ceil() as i64;
        let end = end_of(plan, settings.organization.time_zone, from, sending_ms);
        let expected_end_ms = end.map(|end| end.timestamp_millis());
        Self {
            rate_per_second: Some(per_second),
            duration_seconds: end.map(|end| ((end - from).num_milliseconds() + 999) / 1000),
            expected_end_ms,
            expected_end: expected_end_ms.map(crate::clock::rfc3339_millis),
        }
    }
}

fn end_of(plan: &Plan, zone: Tz, from: DateTime<Utc>, sending_ms: i64) -> Option<DateTime<Utc>> {
    let mut left = Duration::try_milliseconds(sending_ms)?;
    let last = from + Duration::days(AHEAD_DAYS_MAX);
    let Some(window) = plan.window() else { return from.checked_add_signed(left).filter(|end| *end < last) };
    let mut at = from;
    while at < last {
        if !window.contains(at, zone) {
            at = window.next_open(at, zone);
        }
        let close = window.next_close(at, zone);
        if at + left <= close {
            return Some(at + left);
        }
        left -= close - at;
        at = close;
    }
    None
}
