//! What the program says about itself while it works: lines on stderr.
//!
//! Decides which lines are worth reading and how they look. It never sees a secret or a full address: those types mask
//! themselves. Sits in layer 1; `main` starts it once.

use tracing::level_filters::LevelFilter;
use tracing::subscriber::{self, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// This crate's own lines.
const OWN_TARGET: &str = "candor";

/// The level for `--quiet` and so many `-v`: errors; else warnings, and for the worker, whose lines are all that anybody
/// sees of it, what it does as well; each `-v` one more.
pub fn level(quiet: bool, verbose: u8, worker: bool) -> LevelFilter {
    match (quiet, verbose.saturating_add(u8::from(worker))) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    }
}

/// Starts the log. `colour` must be false unless stderr is a terminal and the user does not refuse it. A second call
/// changes nothing.
pub fn init<W>(level: LevelFilter, colour: bool, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // It fails only where a log was started before, which then stays.
    let _ = subscriber::set_global_default(log(level, colour, writer));
}

fn log<W>(level: LevelFilter, colour: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // Other crates' lines below a warning hold SQL, TLS records and SMTP commands: noise, and personal data.
    let others = level.min(LevelFilter::WARN);
    let targets = Targets::new().with_default(others).with_target(OWN_TARGET, level);
    let lines = tracing_subscriber::fmt::layer().compact().with_ansi(colour).with_writer(writer);
    tracing_subscriber::registry().with(targets).with(lines)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LevelFilter, colour: bool, say: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        subscriber::with_default(log(level, colour, move || writer.clone()), say);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_v_says_more_and_quiet_leaves_errors() {
        assert_eq!(level(true, 3, true), LevelFilter::ERROR);
        let levels: Vec<_> = (0..5).map(|verbose| level(false, verbose, false)).collect();
        let expected =
            [LevelFilter::WARN, LevelFilter::INFO, LevelFilter::DEBUG, LevelFilter::TRACE, LevelFilter::TRACE];
        assert_eq!(levels, expected);
        assert_eq!(level(false, 0, true), LevelFilter::INFO);
    }

    #[test]
    fn other_crates_are_heard_from_a_warning_up_even_with_every_v() {
        let text = logged(LevelFilter::TRACE, false, || {
            tracing::info!(target: "sqlx::query", "select secret");
            tracing::debug!(target: "rustls::client", "secret");
            tracing::warn!(target: "sqlx::pool", "slow");
            tracing::trace!(target: "candor::delivery", "own");
        });
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("slow") && text.contains("own"), "{text}");
    }

    #[test]
    fn without_colour_there_is_no_escape_sequence_even_from_outside() {
        let text = logged(LevelFilter::INFO, false, || tracing::info!(target: "candor", "a {}", "\u{1b}[31mred"));
        assert!(!text.contains('\u{1b}'), "{text:?}");
        let text = logged(LevelFilter::INFO, true, || tracing::info!(target: "candor", "a"));
        assert!(text.contains('\u{1b}'), "{text:?}");
    }
}
