//! What a worker is made of, what it says, and when it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::super::recover::Recovered;
use crate::clock::Clock;
use crate::config::Settings;
use crate::notice::Signers;
use crate::smtp::Dial;
use crate::store::{Store, WorkerLock};

/// What a worker is made of.
pub struct WorkerOptions {
    /// The database.
    pub store: Arc<Store>,
    /// The settings that it starts with.
    pub settings: Arc<Settings>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Proof that there is no other.
    pub lock: WorkerLock,
    /// The name that it greets servers with.
    pub hello: String,
    /// Only this campaign; `None`: all.
    pub only: Option<String>,
    /// When to end by itself.
    pub until: Until,
    /// Where it says what happens.
    pub reports: mpsc::UnboundedSender<Report>,
    /// Who makes the connections to relays; `None`: TCP.
    pub dial: Option<Arc<dyn Dial>>,
    /// Who signs each message.
    pub signers: Arc<Signers>,
}

/// When a worker ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Stopped,
    /// When nothing is pending any more in any campaign it sends: what is deferred is left to the next worker.
    NothingPending,
    /// When everybody is settled, or no campaign is sending any more.
    Settled,
}

/// What a worker says while it works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// What a dead one had left.
    Recovered(Recovered),
    /// A campaign has started, so many milliseconds after its time.
    Started {
        /// Its name.
        campaign: String,
        /// Milliseconds.
        late_ms: i64,
    },
    /// A campaign is paused, by the worker itself.
    Paused {
        /// Its name.
        campaign: String,
        /// One of `campaign::reason`.
        reason: &'static str,
        /// What was seen.
        words: String,
    },
    /// A campaign whose time had come is back in draft: frozen settings have changed.
    BackToDraft {
        /// Its name.
        campaign: String,
        /// Which.
        changed: String,
    },
    /// A campaign waits for its window.
    Waiting {
        /// Its name.
        campaign: String,
        /// When it opens, epoch milliseconds.
        opens_at: i64,
    },
    /// Everybody in a campaign is settled.
    Finished {
        /// Its name.
        campaign: String,
    },
    /// A relay is not used for a while.
    RelayAside {
        /// Its name.
        relay: String,
        /// For so long.
        wait: Duration,
        /// What it did, in plain words.
        words: String,
    },
    /// It takes mail again.
    RelayBack {
        /// Its name.
        relay: String,
    },
}

/// What happened in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There is more to do, or to wait for.
    On,
    /// The worker's time to end by itself has come.
    Done,
}
