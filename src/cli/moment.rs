//! A moment on the command line, other than a start: `--since`, `--deadline`.

use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;

use crate::domain::when::{WhenError, parse_at};

/// Epoch milliseconds of what `--at` takes, of what this program prints (RFC 3339 with milliseconds), and of a day alone,
/// which is its midnight in `zone`.
///
/// # Errors
/// [`WhenError`] for anything that is no time.
pub fn moment(text: &str, zone: Tz) -> Result<i64, WhenError> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.timestamp_millis());
    }
    let is_day = text.parse::<NaiveDate>().is_ok();
    let at = if is_day { parse_at(&format!("{text}T00:00"), zone)? } else { parse_at(text, zone)? };
    Ok(at.utc.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_day_a_time_as_for_at_or_a_time_as_this_program_prints_it() {
        let read = |text: &str| moment(text, chrono_tz::America::New_York).unwrap();
        let noon = 1_522_944_000_000;
        for text in ["2018-04-05T16:00:00.000Z", "2018-04-05T12:00", "2018-04-05T18:00[Europe/Berlin]"] {
            assert_eq!(read(text), noon, "{text}");
        }
        assert_eq!(read("2018-04-05"), noon - 12 * 3_600_000);
        assert!(moment("yesterday", Tz::UTC).is_err());
    }
}
