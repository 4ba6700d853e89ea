//! Temporary: replaced at merge.
use chrono::{DateTime, SecondsFormat, Utc};
/// ms to text
pub fn rfc3339_millis(ms: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}
