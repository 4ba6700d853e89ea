//! A rate as people write it: `50/s`, `600/min`, `10000/h`, `unlimited`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Above this, waiting between messages is below what a timer resolves; `unlimited` says the same honestly.
const MESSAGES_PER_SECOND_MAX: u64 = 100_000;
/// One second's worth, but no more than this at once (delivery.md, "Rates").
const BURST_MAX: u64 = 100;

/// Messages in a thousand seconds: a rate as fine as one that was measured, and still a whole number (ledger.md allows
/// no other).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MilliRate(pub u64);

impl MilliRate {
    /// One message a second.
    pub const ONE_PER_SECOND: Self = Self(1000);
    /// Above this, `unlimited` says the same.
    pub const MAX: Self = Self(MESSAGES_PER_SECOND_MAX * 1000);

    /// So many percent of it, rounded down.
    #[must_use]
    pub fn percent(self, percent: u64) -> Self {
        Self(self.0.saturating_mul(percent) / 100)
    }

    /// The time between two messages, rounded up: rounded down, a long window would hold one too many.
    pub fn interval(self) -> Duration {
        Duration::from_nanos(1_000_000_000_000_u64.div_ceil(self.0.max(1)))
    }
}

impl fmt::Display for MilliRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}/s", self.0 / 1000, self.0 % 1000)
    }
}

impl From<MilliRate> for Rate {
    /// As messages an hour, rounded down, at least one.
    fn from(rate: MilliRate) -> Self {
        let an_hour = (rate.0.saturating_mul(36) / 10).max(1);
        Self::Limited { messages: u32::try_from(an_hour).unwrap_or(u32::MAX), per: Duration::from_secs(3600) }
    }
}

/// At most so many messages in so much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rate {
    /// No limit.
    Unlimited,
    /// `messages` in `per` (1 s, 1 min or 1 h).
    Limited {
        /// At least 1.
        messages: u32,
        /// The unit it was written with.
        per: Duration,
    },
}

impl Rate {
    /// Messages a second; `None` without a limit.
    pub fn per_second(self) -> Option<f64> {
        match self {
            Self::Unlimited => None,
            Self::Limited { messages, per } => Some(f64::from(messages) / per.as_secs_f64()),
        }
    }

    /// In thousandths of a message a second, rounded down, at least one; `None` without a limit.
    pub fn milli(self) -> Option<MilliRate> {
        match self {
            Self::Unlimited => None,
            Self::Limited { messages, per } => {
                Some(MilliRate((u64::from(messages) * 1000 / per.as_secs().max(1)).max(1)))
            }
        }
    }

    /// The time between two messages at this rate; zero without a limit.
    pub fn interval(self) -> Duration {
        match self {
            Self::Unlimited => Duration::ZERO,
            Self::Limited { messages, per } => per / messages,
        }
    }

    /// How many may leave at once after a rest: one second's worth, at least 1, at most 100.
    pub fn burst(self) -> u32 {
        self.per_second().map_or(BURST_MAX as u32, |rate| (rate as u64).clamp(1, BURST_MAX) as u32)
    }

    /// The lower of two rates.
    pub fn min(self, other: Self) -> Self {
        match (self.per_second(), other.per_second()) {
            (_, None) => self,
            (None, _) => other,
            (Some(a), Some(b)) => {
                if a <= b {
                    self
                } else {
                    other
                }
            }
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let wrong = || format!("{text:?} is not a rate: write 50/s, 600/min, 10000/h or unlimited");
        let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
        let seconds = match unit {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            _ => return Err(wrong()),
        };
        let messages: u32 = number.parse().map_err(|_| wrong())?;
        if messages == 0 {
            return Err("a rate of zero never sends anything: use `campaign pause` to stop a campaign".into());
        }
        if u64::from(messages) > MESSAGES_PER_SECOND_MAX * seconds {
            return Err(format!("{text:?} is more than {MESSAGES_PER_SECOND_MAX}/s: write unlimited"));
        }
        Ok(Self::Limited { messages, per: Duration::from_secs(seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Limited { messages, per } => {
                let unit = match per.as_secs() {
                    1 => "s",
                    60 => "min",
                    _ => "h",
                };
                write!(f, "{messages}/{unit}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_back_as_it_was_written() {
        for text in ["50/s", "600/min", "10000/h", "unlimited"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn zero_negative_huge_and_nonsense_are_refused() {
        for text in ["0/s", "-1/s", "99999999999/s", "200000/s", "5", "5/day", "1.5/s", "", "/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn burst_is_one_seconds_worth_between_1_and_100() {
        let burst = |text: &str| text.parse::<Rate>().unwrap().burst();
        assert_eq!((burst("1/h"), burst("50/s"), burst("5000/s"), burst("600/min")), (1, 50, 100, 10));
    }

    #[test]
    fn thousandths_are_read_shown_and_turned_back() {
        let milli = |text: &str| text.parse::<Rate>().unwrap().milli();
        assert_eq!(milli("50/s"), Some(MilliRate(50_000)));
        assert_eq!((milli("1/h"), milli("unlimited")), (Some(MilliRate(1)), None));
        assert_eq!(MilliRate(24_250).to_string(), "24.250/s");
        assert_eq!(Rate::from(MilliRate(24_250)).to_string(), "87300/h");
        assert_eq!(MilliRate(50_000).interval(), Duration::from_millis(20));
        assert_eq!(MilliRate(50_000).percent(97), MilliRate(48_500));
    }

    #[test]
    fn the_lower_rate_wins() {
        let rate = |text: &str| text.parse::<Rate>().unwrap();
        assert_eq!(rate("600/min").min(rate("50/s")), rate("600/min"));
        assert_eq!(rate("unlimited").min(rate("1/h")), rate("1/h"));
    }
}
