//! Whether a campaign that starts now would be through in time: the rule of `check --deadline`.

use crate::approval::Forecast;
use crate::clock::rfc3339_millis;
use crate::notice::{RuleResult, Severity};

/// The rule's result; `deadline` is epoch milliseconds. It depends on the time, so it is never kept with a check.
pub fn deadline(forecast: &Forecast, deadline: i64) -> RuleResult {
    let by = rfc3339_millis(deadline);
    let (ok, detail) = match forecast.expected_end_ms {
        Some(end) if end <= deadline => (true, format!("it ends at {}, before {by}", rfc3339_millis(end))),
        Some(end) => (
            false,
            format!(
                "it ends at {}, after {by}: raise the rate, widen the window or begin earlier",
                rfc3339_millis(end)
            ),
        ),
        None => (true, format!("no rate limits it, so that no end can be foretold; it has until {by}")),
    };
    RuleResult { rule: "deadline".to_owned(), severity: Severity::Error, locale: None, ok, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_after_the_deadline_is_an_error() {
        let forecast = Forecast {
            rate_per_second: Some(1.0),
            duration_seconds: Some(5),
            expected_end_ms: Some(5_000),
            expected_end: None,
        };
        assert!(deadline(&forecast, 5_000).ok && !deadline(&forecast, 4_999).ok);
    }
}
