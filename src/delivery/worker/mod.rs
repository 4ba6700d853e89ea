//! The worker: one actor that claims, hands out, records and claims again, for every campaign that is sending.
//!
//! [`Worker::step`] waits for one thing to happen and does what follows; [`Worker::run`] is the loop around it. All state
//! is in this one task; lines carry messages and report back, one commit at a time is under way.

mod dispatch;
mod flow;
mod pulse;
mod relays;
mod terms;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::live::Live;
use super::pace::{Pace, Slow};
use super::recover::{Recovered, recover};
use super::relay::{NamedRelay, RelayError};
use super::talk::{LineEvent, LineOptions};
use crate::approval::ApprovalError;
use crate::clock::{Clock, instant};
use crate::config::Settings;
use crate::ledger::entry::{Actor, By};
use crate::shutdown::Shutdown;
use crate::store::{Claimable, Group, OnlyTo, Recorded, Store, StoreError, WorkerLock};
use relays::Relays;
pub use terms::{Report, Step, Until, WorkerOptions};

/// How often the database is asked what other processes have changed: well within the 250 ms of interface.md.
const PULSE: Duration = Duration::from_millis(100);
/// What a server's answers said about its pace is forgotten after a day.
const LEARNED_FOR_MS: i64 = 24 * 60 * 60 * 1_000;
/// Events handled before the next commit and hand-out, so that neither starves.
const EVENTS_AT_ONCE_MAX: usize = 512;
/// Events under way; lines wait when the worker is behind.
const EVENTS_MAX: usize = 4_096;

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The database. Nothing leaves without a commit.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A campaign.
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    /// A relay.
    #[error(transparent)]
    Relay(#[from] RelayError),
    /// No relay is named.
    #[error("nothing can be sent: no relay is configured; add [relays.main] with a url to candor.toml")]
    NoRelay,
}

/// What the worker's own tasks tell it.
pub enum Event {
    /// A line.
    Line(u64, LineEvent),
    /// A commit.
    Committed(Result<Recorded, StoreError>),
    /// An answer to a claim.
    Claimed(Result<Claimed, StoreError>),
    /// Somebody else's clock: look at the database now.
    Tick,
}

/// Who was claimed, with their commitments.
pub struct Claimed {
    campaign_id: i64,
    pass_number: u64,
    claimable: Claimable,
    /// Tiles of `candor/rendered/1` by batch and number.
    tiles: HashMap<(i64, i64), Vec<u8>>,
}

/// See the module.
pub struct Worker {
    store: Arc<Store>,
    settings: Arc<Settings>,
    clock: Arc<dyn Clock>,
    _lock: WorkerLock,
    only: Option<String>,
    until: Until,
    reports: mpsc::UnboundedSender<Report>,
    only_to: Option<OnlyTo>,
    line_options: Arc<LineOptions>,
    message_domain: String,
    relays: Relays,
    pace: Pace,
    live: BTreeMap<i64, Live>,
    /// Which campaign comes first in the next round.
    turn: usize,
    /// The lines whose message waits for its begin to be committed, by recipient.
    waiting: HashMap<i64, u64>,
    pending: Group,
    is_committing: bool,
    next_pulse: Instant,
    wake_at: Option<Instant>,
    sender: mpsc::Sender<Event>,
    events: mpsc::Receiver<Event>,
    tasks: JoinSet<()>,
}

impl Worker {
    /// Prepares the relays and settles what a dead worker left.
    ///
    /// # Errors
    /// [`WorkerError::NoRelay`], a relay that cannot be used as configured, or the database.
    pub async fn start(options: WorkerOptions) -> Result<Self, WorkerError> {
        let WorkerOptions { store, settings, clock, lock, hello, only, until, reports, dial, signers } = options;
        if settings.relays.is_empty() {
            return Err(WorkerError::NoRelay);
        }
        let timeouts = &settings.delivery.timeouts;
        let named = settings.relays.iter().map(|relay| NamedRelay::new(relay, timeouts, &hello));
        let named = named.map(|named| Ok(named?.dialled_by(dial.clone())));
        let named = named.collect::<Result<Vec<NamedRelay>, RelayError>>()?;
        let now = instant();
        let mut pace = Pace::new(now);
        for relay in &named {
            pace.set_relay(&relay.name, relay.rate, now);
        }
        for (domain, rate) in &settings.delivery.domain_rate {
            pace.set_domain(domain, *rate, now);
        }
        let since = clock.now_millis() - LEARNED_FOR_MS;
        for row in store.learned_rates(since).await? {
            // What another version kept is learned anew.
            if let (Some(slow), Ok(kept)) = (Slow::parse(&row.scope), serde_json::from_str(&row.learned)) {
                pace.learn(slow, &row.name, kept, now);
            }
        }
        let message_domain = settings.organization.from.as_ref().map_or("", |from| from.mailbox.domain()).to_owned();
        let recovered = recover(&store, &settings.delivery, &message_domain, clock.now_millis()).await?;
        if recovered != Recovered::default() {
            drop(reports.send(Report::Recovered(recovered)));
        }
        let (sender, events) = mpsc::channel(EVENTS_MAX);
        let line_options = LineOptions {
            return_path: settings.organization.return_path.clone(),
            dsn_success: settings.delivery.dsn_success,
            clock: clock.clone(),
            signers,
            parts: Arc::default(),
        };
        Ok(Self {
            only_to: only_to(&settings),
            line_options: Arc::new(line_options),
            relays: Relays::new(named, settings.delivery.retry_first),
            store,
            settings,
            clock,
            _lock: lock,
            only,
            until,
            reports,
            message_domain,
            pace,
            live: BTreeMap::new(),
            turn: 0,
            waiting: HashMap::new(),
            pending: Group::default(),
            is_committing: false,
            next_pulse: now,
            wake_at: None,
            sender,
            events,
            tasks: JoinSet::new(),
        })
    }

    /// Where a scheduler can send [`Event::Tick`].
    pub fn ticker(&self) -> mpsc::Sender<Event> {
        self.sender.clone()
    }

    /// Works until it is told to stop or its time to end has come; then finishes what is on the wire, within
    /// `delivery.grace`, and gives the rest back.
    ///
    /// # Errors
    /// [`WorkerError`]; claims are then settled by the next worker.
    pub async fn run(mut self, shutdown: &Shutdown) -> Result<(), WorkerError> {
        loop {
            let step = tokio::select! {
                biased;
                () = shutdown.requested() => break,
                step = self.step() => step?,
            };
            if step == Step::Done {
                break;
            }
        }
        self.stop(shutdown).await
    }

    /// Waits for one thing to happen and does what follows from it. May be dropped while it waits.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub async fn step(&mut self) -> Result<Step, WorkerError> {
        let wake_at = self.wake_at.map_or(self.next_pulse, |at| at.min(self.next_pulse));
        tokio::select! {
            event = self.events.recv() => {
                if let Some(event) = event {
                    self.take_events(event).await?;
                }
            }
            () = tokio::time::sleep_until(wake_at) => {}
            // A finished task is only cleared away; what it had to say came as an event. One that panicked said nothing,
            // and whoever waits for it would wait for ever.
            Some(ended) = self.tasks.join_next() => {
                if let Err(error) = ended && error.is_panic() {
                    std::panic::resume_unwind(error.into_panic());
                }
            }
        }
        let now = instant();
        if now >= self.next_pulse {
            self.next_pulse = now + PULSE;
            if self.pulse(now).await? == Step::Done {
                return Ok(Step::Done);
            }
        }
        self.dispatch(now);
        self.commit();
        Ok(Step::On)
    }

    async fn take_events(&mut self, first: Event) -> Result<(), WorkerError> {
        let mut next = Some(first);
        let mut left = EVENTS_AT_ONCE_MAX;
        while let Some(event) = next {
            match event {
                Event::Line(id, event) => self.line_event(id, event).await?,
                Event::Committed(result) => self.committed(result?),
                Event::Claimed(result) => self.claimed(result?),
                Event::Tick => self.next_pulse = instant(),
            }
            left -= 1;
            next = if left == 0 { None } else { self.events.try_recv().ok() };
        }
        Ok(())
    }

    /// Hands out nothing more, waits for what is on the wire, records it, gives the rest back.
    async fn stop(mut self, shutdown: &Shutdown) -> Result<(), WorkerError> {
        let until = instant() + self.settings.delivery.grace;
        for (id, live) in &mut self.live {
            live.count_active(instant());
            // What is on the wire ends; what waits behind it goes back.
            live.gate.shut();
            live.is_open = false;
            if live.active_due_ms > 0 {
                self.pending.active.push((*id, std::mem::take(&mut live.active_due_ms)));
            }
        }
        self.relays.close_idle();
        loop {
            let is_busy = self.is_committing || self.live.values().any(|live| live.in_flight > 0);
            if !is_busy && self.pending.is_empty() {
                break;
            }
            self.commit();
            tokio::select! {
                biased;
                () = shutdown.at_once() => break,
                event = self.events.recv() => {
                    if let Some(event) = event {
                        self.take_events(event).await?;
                    }
                }
                () = tokio::time::sleep_until(until) => break,
            }
        }
        self.tasks.shutdown().await;
        let must_pause =
            self.live.values_mut().filter_map(|live| Some((live.pulse.name.clone(), live.must_pause.take()?)));
        for (name, (reason, words)) in must_pause.collect::<Vec<_>>() {
            self.pause(&name, reason, words).await?;
        }
        self.line_options.parts.say();
        let now = self.clock.now_millis();
        recover(&self.store, &self.settings.delivery, &self.message_domain, now).await?;
        Ok(())
    }

    fn by(&self) -> By {
        By { actor: Actor::Worker, at: self.clock.now_millis() }
    }

    fn report(&self, report: Report) {
        // Nobody has to listen.
        drop(self.reports.send(report));
    }
}

fn only_to(settings: &Settings) -> Option<OnlyTo> {
    use crate::config::OnlyTo as Entry;
    let mut only = OnlyTo::default();
    for entry in &settings.safety.only_to {
        match entry {
            Entry::Address(mailbox) => only.mailboxes.push(mailbox.reveal()),
            Entry::Domain(domain) => only.domains.push(domain.clone()),
        }
    }
    (!settings.safety.only_to.is_empty()).then_some(only)
}
