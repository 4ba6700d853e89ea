//! Numbers, times and this program's name as people read them, here and on every page.

use chrono_tz::Tz;

use crate::clock::from_epoch_millis;

/// A number in groups of three: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A moment in the organization's zone with UTC beside it, to the minute: `2018-04-05 12:00 EDT (16:00 UTC)`. UTC gets
/// its own date where it is another one.
pub fn both_times(ms: i64, zone: Tz) -> String {
    both(ms, zone, "%H:%M")
}

/// The same to the second: where two moments of one minute have to be told apart.
pub fn both_times_to_the_second(ms: i64, zone: Tz) -> String {
    both(ms, zone, "%H:%M:%S")
}

fn both(ms: i64, zone: Tz, clock: &str) -> String {
    let utc = from_epoch_millis(ms);
    let local = utc.with_timezone(&zone);
    if zone == Tz::UTC {
        return utc.format(&format!("%Y-%m-%d {clock} UTC")).to_string();
    }
    let day = if utc.date_naive() == local.date_naive() { "" } else { "%Y-%m-%d " };
    let utc = utc.format(&format!("{day}{clock} UTC")).to_string();
    format!("{} ({utc})", local.format(&format!("%Y-%m-%d {clock} %Z")))
}

/// A moment in the organization's zone, to the second: `2018-04-05 12:00:07 EDT`.
pub fn to_the_second(ms: i64, zone: Tz) -> String {
    from_epoch_millis(ms).with_timezone(&zone).format("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// This program as it can be typed: by its path where it was started by one (`target/release/candor`), else by its name.
pub fn program() -> String {
    let name = std::env::args_os().next().and_then(|name| name.into_string().ok());
    name.filter(|name| name.ends_with("/candor")).unwrap_or_else(|| "candor".to_owned())
}

/// Lines of words: the first begins at the column `first`, the others at `indent`, none goes past `width` unless one word
/// does.
pub fn wrapped(text: &str, first: usize, indent: usize, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut columns = first;
    for word in text.split(' ') {
        let length = word.chars().count();
        let Some(line) = lines.last_mut() else { break };
        if line.is_empty() {
            line.push_str(word);
            columns += length;
        } else if columns + 1 + length > width {
            lines.push(word.to_owned());
            columns = indent + length;
        } else {
            line.push(' ');
            line.push_str(word);
            columns += 1 + length;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let texts: Vec<_> = [0, 999, 1_000, 12_345, 1_234_567].into_iter().map(grouped).collect();
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn a_time_is_shown_in_the_zone_and_in_utc() {
        let at = |ms| both_times(ms, chrono_tz::America::New_York);
        assert_eq!(at(1_522_944_000_000), "2018-04-05 12:00 EDT (16:00 UTC)");
        assert_eq!(
            both_times_to_the_second(1_522_944_007_000, chrono_tz::America::New_York),
            "2018-04-05 12:00:07 EDT (16:00:07 UTC)"
        );
        assert_eq!(at(1_522_980_000_000), "2018-04-05 22:00 EDT (2018-04-06 02:00 UTC)");
        assert_eq!(both_times(1_522_944_000_000, Tz::UTC), "2018-04-05 16:00 UTC");
    }
}
