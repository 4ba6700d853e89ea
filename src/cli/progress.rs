//! How far a long work has come: bars on a terminal, a line now and then in a pipe, nothing with `--quiet` or `--json`.
//!
//! Decides only how it looks; the caller says how far it is and what time it is. Everything goes to stderr.

use std::io::{self, Write};
use std::sync::LazyLock;
use std::time::Duration;

use chrono_tz::Tz;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;

use super::output::{Output, both_times, grouped};
use crate::domain::text::escape_controls;

/// A pipe's reader wants to see that it goes on, not every step.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often a spinner turns while nothing is reported.
const SPIN_EVERY: Duration = Duration::from_millis(120);
/// Times a second that a bar is drawn at most.
const DRAWN_HZ: u8 = 10;

/// A work of known length.
const KNOWN: &str = "{msg} [{bar:30}] {human_pos} of {human_len}, {eta} left";
/// A work of unknown length.
const UNKNOWN: &str = "{spinner} {msg} {human_pos}";
/// A campaign, on two lines, so that 80 columns hold it. Its end is the worker's estimate, not the bar's: limits and
/// windows are known there.
const SENDING: &str = "[{bar:20}] {percent}%  {prefix}\n{wide_msg}";

/// All bars of the process: lines go above them, wherever they come from.
static BARS: LazyLock<MultiProgress> =
    LazyLock::new(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(DRAWN_HZ)));

/// Writes to stderr above the bars: for the log ([`crate::telemetry::init`]).
#[derive(Debug, Clone, Copy, Default)]
pub struct AboveBars;

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A line on stderr above the bars. A stderr that cannot be written loses it.
pub(super) fn line_above(text: &str) {
    // Nobody is left to tell.
    let _ = AboveBars.write_all(format!("{text}\n").as_bytes());
}

/// How progress is shown in this run.
#[derive(Debug)]
enum Shown {
    Bar(ProgressBar),
    Lines(Pace),
    Nothing,
}

/// When the next line is due.
#[derive(Debug)]
struct Pace {
    next: Instant,
}

impl Pace {
    fn new(now: Instant) -> Self {
        Self { next: now + LINE_EVERY }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + LINE_EVERY;
        }
        due
    }
}

impl Shown {
    fn new(output: &Output, now: Instant, bar: impl FnOnce() -> ProgressBar) -> Self {
        match (output.quiet || output.json, output.stderr_terminal) {
            (true, _) => Self::Nothing,
            (false, true) => {
                // Only then may it turn: a bar that draws before it belongs to the others leaves a line behind.
                let bar = BARS.add(bar());
                bar.enable_steady_tick(SPIN_EVERY);
                Self::Bar(bar)
            }
            (false, false) => Self::Lines(Pace::new(now)),
        }
    }

    fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
            BARS.remove(bar);
        }
    }
}

/// The progress of one work. Its bar goes away with it.
#[derive(Debug)]
pub struct Progress {
    what: String,
    total: Option<u64>,
    done: u64,
    shown: Shown,
}

impl Progress {
    /// A work of so many steps: `reading rows 1,200 of 5,000`. With a total of `None`, of unknown length.
    pub fn new(output: &Output, what: &str, total: Option<u64>, now: Instant) -> Self {
        let what = escape_controls(what);
        let bar = || {
            let bar = match total {
                Some(total) => ProgressBar::new(total).with_style(styled(KNOWN)),
                None => ProgressBar::no_length().with_style(styled(UNKNOWN)),
            };
            bar.with_message(what.clone())
        };
        Self { shown: Shown::new(output, now, bar), what, total, done: 0 }
    }

    /// So many steps are done.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        if let Shown::Bar(bar) = &self.shown {
            bar.set_position(done);
        }
    }

    /// One more step is done.
    pub fn step(&mut self) {
        self.set(self.done.saturating_add(1));
    }

    /// In a pipe, prints a line if ten seconds have gone by since the last. Call it as often as is convenient.
    pub fn tick(&mut self, now: Instant) {
        if let Shown::Lines(pace) = &mut self.shown
            && pace.is_due(now)
        {
            line_above(&self.text());
        }
    }

    fn text(&self) -> String {
        match self.total {
            Some(total) => format!("{} {} of {}", self.what, grouped(self.done), grouped(total)),
            None => format!("{} {}", self.what, grouped(self.done)),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shown.end();
    }
}

/// Where a running campaign stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SendingCounts {
    /// Everybody in the audience.
    pub audience: u64,
    /// Those for whom nothing more happens by itself.
    pub settled: u64,
    /// Taken by their relay.
    pub accepted: u64,
    /// To be tried again.
    pub deferred: u64,
    /// Failed for good, bounced or in doubt.
    pub failed: u64,
    /// Messages a second, lately.
    pub per_second: f64,
    /// When it should end, in milliseconds since 1970; `None`: not known.
    pub expected_end: Option<i64>,
}

/// The progress of a campaign that is being sent. Its bar goes away with it.
#[derive(Debug)]
pub struct Sending {
    zone: Tz,
    shown: Shown,
}

impl Sending {
    /// `zone` is the organization's.
    pub fn new(output: &Output, zone: Tz, now: Instant) -> Self {
        let bar = || ProgressBar::no_length().with_style(styled(SENDING));
        Self { zone, shown: Shown::new(output, now, bar) }
    }

    /// Shows these counts; in a pipe, if ten seconds have gone by since the last line.
    pub fn show(&mut self, counts: &SendingCounts, now: Instant) {
        match &mut self.shown {
            Shown::Bar(bar) => {
                bar.set_length(counts.audience);
                bar.set_position(counts.settled);
                bar.set_prefix(outcomes(counts));
                bar.set_message(pace(counts, self.zone));
            }
            Shown::Lines(lines) => {
                if lines.is_due(now) {
                    line_above(&sending_line(counts, self.zone));
                }
            }
            Shown::Nothing => {}
        }
    }
}

fn outcomes(counts: &SendingCounts) -> String {
    let (accepted, deferred, failed) = (grouped(counts.accepted), grouped(counts.deferred), grouped(counts.failed));
    format!("{accepted} accepted, {deferred} deferred, {failed} failed")
}

fn pace(counts: &SendingCounts, zone: Tz) -> String {
    let end = counts.expected_end.map(|end| format!(", ends about {}", both_times(end, zone)));
    format!("{:.1}/s{}", counts.per_second, end.unwrap_or_default())
}

fn sending_line(counts: &SendingCounts, zone: Tz) -> String {
    let (settled, audience) = (grouped(counts.settled), grouped(counts.audience));
    format!("{settled} of {audience} settled: {}, {}", outcomes(counts), pace(counts, zone))
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.shown.end();
    }
}

/// `template` is one of those above, each of which a test reads; without one it would still be a bar.
fn styled(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("█▉▊▋▌▍▎▏ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipe() -> Output {
        Output::for_pipe(false, io::sink())
    }

    #[test]
    fn a_pipe_gets_a_line_every_ten_seconds_at_most() {
        let start = crate::clock::instant();
        let mut pace = Pace::new(start);
        let due: Vec<u64> = (0..=35).filter(|second| pace.is_due(start + Duration::from_secs(*second))).collect();
        assert_eq!(due, [10, 20, 30]);
    }

    #[test]
    fn quiet_and_json_show_nothing_and_only_a_terminal_gets_a_bar() {
        let now = crate::clock::instant();
        let shown = |json, quiet, stderr_terminal| {
            let mut output = pipe();
            (output.json, output.quiet, output.stderr_terminal) = (json, quiet, stderr_terminal);
            Progress::new(&output, "reading", Some(5), now).shown.is()
        };
        assert_eq!(shown(false, false, false), "lines");
        assert_eq!(shown(false, false, true), "bar");
        for stderr_terminal in [true, false] {
            assert_eq!(shown(true, false, stderr_terminal), "nothing");
            assert_eq!(shown(false, true, stderr_terminal), "nothing");
        }
    }

    impl Shown {
        fn is(&self) -> &'static str {
            match self {
                Self::Bar(_) => "bar",
                Self::Lines(_) => "lines",
                Self::Nothing => "nothing",
            }
        }
    }

    #[test]
    fn a_known_length_is_said_and_an_unknown_one_is_not_made_up() {
        let now = crate::clock::instant();
        let mut known = Progress::new(&pipe(), "reading rows", Some(5_000), now);
        known.set(1_199);
        known.step();
        assert_eq!(known.text(), "reading rows 1,200 of 5,000");
        let mut unknown = Progress::new(&pipe(), "reading \u{1b}[2J", None, now);
        unknown.step();
        assert_eq!(unknown.text(), "reading \\u{1b}[2J 1");
    }

    #[test]
    fn a_campaign_says_counts_rate_and_end_in_both_zones() {
        let zone = chrono_tz::America::New_York;
        let mut counts = SendingCounts {
            audience: 5_000,
            settled: 1_215,
            accepted: 1_200,
            deferred: 3,
            failed: 15,
            per_second: 41.82,
            expected_end: Some(1_522_944_000_000),
        };
        assert_eq!(
            sending_line(&counts, zone),
            "1,215 of 5,000 settled: 1,200 accepted, 3 deferred, 15 failed, 41.8/s, ends about 2018-04-05 12:00 EDT \
             (16:00 UTC)"
        );
        counts.expected_end = None;
        assert!(sending_line(&counts, zone).ends_with("41.8/s"));
    }

    #[test]
    fn every_template_is_one_that_the_library_reads() {
        for template in [KNOWN, UNKNOWN, SENDING] {
            assert!(ProgressStyle::with_template(template).is_ok());
        }
    }
}
