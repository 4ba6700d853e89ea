//! Where the time goes: what one message costs in each part of the way, summed up while a worker works.
//!
//! Decides nothing. `candor send -v` and the benchmark show it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::clock::instant;

/// The parts of a message's way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Templates filled in.
    Render,
    /// Compared with what was approved.
    Compare,
    /// Made a message, and held against the last gate.
    Compose,
    /// Signed.
    Sign,
    /// Handed to the system: the body, and the envelope behind it.
    Send,
    /// Entries made, outcomes and begins committed.
    Record,
}

impl Part {
    /// All parts, in the order of the way.
    pub const ALL: [Self; 6] = [Self::Render, Self::Compare, Self::Compose, Self::Sign, Self::Send, Self::Record];

    /// Its name on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Render => "render",
            Self::Compare => "compare",
            Self::Compose => "compose",
            Self::Sign => "sign",
            Self::Send => "send",
            Self::Record => "record",
        }
    }
}

/// The time that a worker has spent in each part, over all its tasks.
#[derive(Debug, Default)]
pub struct Parts {
    nanoseconds: [AtomicU64; Part::ALL.len()],
    messages: AtomicU64,
}

impl Parts {
    /// Adds the time since `begun` to a part; returns now, for the part that comes next.
    pub fn add(&self, part: Part, begun: Instant) -> Instant {
        let now = instant();
        let spent = u64::try_from((now - begun).as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds[part as usize].fetch_add(spent, Ordering::Relaxed);
        now
    }

    /// Counts messages whose outcome is known.
    pub fn count(&self, messages: usize) {
        self.messages.fetch_add(messages as u64, Ordering::Relaxed);
    }

    /// Writes the mean time of one message in each part to the log, in microseconds.
    pub fn say(&self) {
        let messages = self.messages.load(Ordering::Relaxed);
        if messages == 0 {
            return;
        }
        let mean = |part: Part| {
            let all = self.nanoseconds[part as usize].load(Ordering::Relaxed);
            format!("{} {:.1}", part.as_str(), Duration::from_nanos(all / messages).as_secs_f64() * 1e6)
        };
        let means = Part::ALL.map(mean).join(", ");
        tracing::info!(messages, "microseconds a message: {means}");
    }
}
