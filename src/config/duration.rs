//! A length of time as people write it: `500ms`, `30s`, `5m`, `72h`, `400d`.

use std::time::Duration;

/// Ten years: longer than any duty to keep a record, and far from where adding it to a date overflows.
const DURATION_MAX: Duration = Duration::from_secs(3_650 * 24 * 60 * 60);

/// Reads one whole number with one unit: `ms`, `s`, `m` or `min`, `h`, `d` (24 hours).
///
/// # Errors
/// What to write instead, for anything else and for more than 3650d.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a whole number and a unit: 500ms, 30s, 5m, 72h or 400d".to_owned();
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= DURATION_MAX)
        .ok_or_else(|| "it may be at most 3650d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_whole_number_and_one_unit() {
        let milliseconds = |text: &str| parse_duration(text).unwrap().as_millis();
        assert_eq!((milliseconds("500ms"), milliseconds("30s"), milliseconds("0s")), (500, 30_000, 0));
        assert_eq!((milliseconds("5m"), milliseconds("5min"), milliseconds("72h")), (300_000, 300_000, 259_200_000));
        assert_eq!(milliseconds("400d"), 34_560_000_000);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "5", "s", "-5s", "1.5h", "5 minutes", "1h30m", "5M", "3651d", "99999999999999999999s", "∞"] {
            assert!(parse_duration(text).is_err(), "{text:?} was taken");
        }
    }
}
