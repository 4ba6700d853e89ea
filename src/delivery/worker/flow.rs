//! The flow of messages: out to the lines, back from them, into the group that is committed next.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::carry::{self, Attempt, Carried, Order};
use super::super::classify::Scope;
use super::super::decide::{Ending, History, decide};
use super::super::job::Job;
use super::super::line::{self, LineEvent};
use super::super::live::Live;
use super::super::watch::Watch;
use super::relays::Verdict;
use super::{Committed, Event, Report, Worker, WorkerError};
use crate::clock::instant;
use crate::domain::campaign::reason;
use crate::domain::event::EntryKind;
use crate::domain::outcome::{AttemptOutcome, FailureClass, SendFailure};
use crate::domain::rate::Rate;
use crate::domain::recipient::RecipientState;
use crate::ledger::entry::{Actor, Draft};
use crate::store::{Begin, Claim, ClaimedRow, Ended, Returned, Store, StoreError, Tile, TileKind, Unsent};

/// Claimed ahead of the lines at full speed: enough that a commit's worth of people is always at hand.
const AHEAD_MAX: usize = 512;
/// And at a limited rate: two seconds' worth, at least this.
const AHEAD_MIN: usize = 8;
/// After a claim that came back short, how long until the next one.
const DRY: Duration = Duration::from_millis(250);

impl Worker {
    /// Hands ready messages to idle lines, opens lines where they are wanted, asks for more people.
    pub(super) fn dispatch(&mut self, now: Instant) {
        self.wake_at = None;
        let mut ids: Vec<i64> = self.live.keys().copied().collect();
        // Each has its turn to be first at lines and permits that they share.
        self.turn = if self.turn + 1 < ids.len() { self.turn + 1 } else { 0 };
        ids.rotate_left(self.turn);
        for id in ids {
            self.dispatch_campaign(id, now);
            self.ask_for_more(id, now);
        }
    }

    fn dispatch_campaign(&mut self, id: i64, now: Instant) {
        let Some(live) = self.live.get_mut(&id) else { return };
        let approved = live.approved.clone();
        let name = approved.row().name.as_str();
        let most = approved.connections().map_or(usize::MAX, |most| most as usize);
        while live.is_open && live.in_flight < most && live.canary_left() > 0 {
            let relay = match self.relays.usable(approved.relays(), now) {
                Ok(relay) => relay,
                Err(at) => return wake(&mut self.wake_at, at),
            };
            let relay_name = self.relays.state(relay).named.name.clone();
            match live.lanes.ready_at(name, &relay_name, &self.pace, now) {
                None => return,
                Some(at) if at > now => return wake(&mut self.wake_at, Some(at)),
                Some(_) => {}
            }
            let is_limited = self.pace.relay_rate(&relay_name) != Rate::Unlimited || approved.rate() != Rate::Unlimited;
            let idle = self.relays.take_idle(relay);
            if idle.is_none() {
                let ready = if is_limited { 1 } else { live.lanes.len().min(most - live.in_flight) };
                for _ in 0..self.relays.may_open(relay, ready) {
                    let (line, orders) = self.relays.opening(relay);
                    let named = self.relays.state(relay).named.clone();
                    let options = self.line_options.clone();
                    self.tasks.spawn(line::run(line, named, options, orders, self.sender.clone()));
                }
            }
            // Without a limit a busy line gets its next message early, to be composed meanwhile; a permit is for now.
            let ahead = || if is_limited { None } else { self.relays.take_unaccompanied(relay) };
            let Some(line) = idle.or_else(ahead) else { return };
            let Some(job) = live.lanes.next(name, &relay_name, &mut self.pace, now) else {
                match idle {
                    Some(line) => self.relays.put_back(relay, line),
                    None => self.relays.busy(line),
                }
                return;
            };
            let begun_at = self.clock.now_millis();
            let (leave, may_leave) = oneshot::channel();
            self.waiting.insert(job.recipient_id, leave);
            let begin = Begin { recipient_id: job.recipient_id, campaign_id: id, relay: relay_name, at: begun_at };
            live.in_flight += 1;
            live.handed_out += 1;
            let (job, options) = (Box::new(job), self.line_options.clone());
            let prepared = tokio::spawn(async move {
                let composed = carry::prepare(&job, begun_at, options.return_path.as_ref());
                (job, composed)
            });
            self.relays.order(line, Order { begun_at, leave: may_leave, gate: live.gate.clone(), prepared });
            if idle.is_some() {
                self.pending.begins.push(begin);
                self.relays.busy(line);
            } else {
                self.relays.set_ahead(line, begin);
            }
        }
    }

    fn ask_for_more(&mut self, id: i64, now: Instant) {
        let Some(live) = self.live.get_mut(&id) else { return };
        if !live.is_open || live.is_claiming || live.dry_until.is_some_and(|until| until > now) {
            return;
        }
        let ahead = match live.approved.rate().per_second() {
            None => AHEAD_MAX,
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            Some(rate) => ((rate * 2.0) as usize).clamp(AHEAD_MIN, AHEAD_MAX),
        };
        let wanted = ahead.saturating_sub(live.lanes.free_len());
        if wanted < ahead / 2 || live.lanes.len() > 8 * AHEAD_MAX {
            return;
        }
        live.is_claiming = true;
        let claim = Claim {
            campaign_id: id,
            limit: i64::try_from(wanted).unwrap_or(i64::MAX),
            now: self.clock.now_millis(),
            only_to: self.only_to.clone(),
        };
        self.pending.claims.push(claim);
    }

    /// Commits the group, if there is one and no other is under way.
    pub(super) fn commit(&mut self) {
        if self.is_committing || self.pending.is_empty() {
            return;
        }
        self.is_committing = true;
        let group = std::mem::take(&mut self.pending);
        let (store, sender) = (self.store.clone(), self.sender.clone());
        let at = self.clock.now_millis();
        self.tasks.spawn(async move {
            let result = record(&store, group, at).await;
            // A worker that no longer listens has ended; the next one settles what was begun.
            drop(sender.send(Event::Committed(result)).await);
        });
    }

    pub(super) fn committed(&mut self, committed: Committed) {
        self.is_committing = false;
        let Committed { recorded, tiles } = committed;
        let begun: HashMap<i64, i64> = recorded.begun.into_iter().collect();
        let answered: Vec<i64> = recorded.asked;
        for recipient_id in answered {
            if let Some(leave) = self.waiting.remove(&recipient_id) {
                // A line that has gone does not need the answer: its attempt is then settled by recovery.
                let _ = leave.send(begun.get(&recipient_id).copied());
            }
        }
        let now = instant();
        for (campaign_id, limit, rows) in recorded.claimed {
            self.claimed(campaign_id, limit, rows, &tiles, now);
        }
    }

    fn claimed(
        &mut self,
        campaign_id: i64,
        limit: i64,
        rows: Vec<ClaimedRow>,
        tiles: &HashMap<(i64, i64), Vec<u8>>,
        now: Instant,
    ) {
        let Some(live) = self.live.get_mut(&campaign_id) else {
            let back = rows.into_iter().map(|row| Returned { recipient_id: row.id, attempt_id: None, due_at: None });
            self.pending.returned.extend(back);
            return;
        };
        live.is_claiming = false;
        if i64::try_from(rows.len()).unwrap_or(i64::MAX) < limit {
            live.dry_until = Some(now + DRY);
        }
        for row in rows {
            let expected = tiles.get(&(row.batch_id, row.position / Tile::WIDTH)).and_then(|tile| {
                let at = usize::try_from(row.position % Tile::WIDTH).ok()? * 32;
                tile.get(at..at + 32)?.try_into().ok()
            });
            let (id, is_suppressed) = (row.id, row.is_suppressed);
            match Job::new(&live.approved, row, expected) {
                Ok(job) if is_suppressed => self.pending.unsent.push(suppressed(&job)),
                Ok(job) => {
                    if let Err(job) = live.lanes.push(job, &self.pace) {
                        let wait = self.pace.domain_rate(&job.domain).interval() * 256;
                        let due_at = self.clock.now() + chrono::Duration::from_std(wait).unwrap_or_default();
                        let due_at = Some(due_at.timestamp_millis());
                        self.pending.returned.push(Returned { recipient_id: id, attempt_id: None, due_at });
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a recipient's row is not as it was imported");
                    live.gate.shut();
                    live.is_open = false;
                    live.must_pause = Some((reason::NOT_AS_APPROVED, error.to_string()));
                    self.pending.returned.push(Returned { recipient_id: id, attempt_id: None, due_at: None });
                }
            }
        }
    }

    pub(super) async fn line_event(&mut self, id: u64, event: LineEvent) -> Result<(), WorkerError> {
        match event {
            LineEvent::Open => self.relays.opened(id),
            LineEvent::Idle => self.relays.let_go(id),
            LineEvent::Failed(trouble) => self.line_ended(id, Some(&trouble)).await?,
            LineEvent::Done { job, carried, is_open } => {
                let is_ours = matches!(&carried, Carried::NotTried { trouble: None, .. });
                let is_accepted = matches!(&carried, Carried::Attempt(attempt) if attempt.ending == Ending::Accepted);
                let relay = self.relays.of_line(id).map(|state| state.named.name.clone()).unwrap_or_default();
                let after = self.relays.carried(id, is_accepted, is_open);
                if let Some(begin) = after.next {
                    self.begin_next(begin);
                }
                if after.is_back {
                    self.pending.entries.push(relay_entry(EntryKind::RelayBack, &relay));
                    self.report(Report::RelayBack { relay: relay.clone() });
                }
                let trouble = self.done(&job, carried, relay);
                if is_ours && !is_open {
                    self.relays.closed(id);
                } else if !is_open {
                    self.line_ended(id, trouble.as_ref()).await?;
                }
            }
        }
        Ok(())
    }

    /// A line goes on with the message that it was given early, if its campaign still may.
    fn begin_next(&mut self, begin: Begin) {
        if self.live.get(&begin.campaign_id).is_some_and(|live| live.is_open) {
            self.pending.begins.push(begin);
        } else {
            // Without an answer the line gives it back.
            self.waiting.remove(&begin.recipient_id);
        }
    }

    async fn line_ended(&mut self, id: u64, trouble: Option<&SendFailure>) -> Result<(), WorkerError> {
        if let Some(Begin { recipient_id, campaign_id, .. }) = self.relays.take_ahead(id) {
            self.waiting.remove(&recipient_id);
            self.pending.returned.push(Returned { recipient_id, attempt_id: None, due_at: None });
            if let Some(live) = self.live.get_mut(&campaign_id) {
                live.in_flight -= 1;
                live.handed_out -= 1;
            }
        }
        let relay = self.relays.of_line(id).map(|state| state.named.name.clone()).unwrap_or_default();
        let words = trouble.map_or_else(
            || "it closed connections without taking a message".to_owned(),
            |trouble| format!("{} ({})", trouble.reply, trouble.phase),
        );
        match self.relays.ended(id, trouble, instant()) {
            Verdict::Fine => {}
            Verdict::Aside(wait) => {
                let seconds = wait.as_secs();
                let class = trouble.map(|trouble| trouble.class.as_str());
                let entry = relay_entry(EntryKind::RelaySetAside, &relay).with("seconds", seconds).with("class", class);
                self.pending.entries.push(entry);
                self.report(Report::RelayAside { relay, wait, words });
            }
            Verdict::AuthRefused => {
                tracing::error!(relay, words, "the relay refuses the credentials and is not used any more");
                let relays = &self.relays;
                let left_with = |live: &&mut Live| relays.all_refused(live.approved.relays());
                for live in self.live.values_mut().filter(left_with) {
                    live.must_pause = Some((reason::RELAY_AUTH, format!("relay {relay}: {words}")));
                }
            }
        }
        Ok(())
    }

    /// Takes in what became of one message; returns what was wrong with the relay, if that was it.
    fn done(&mut self, job: &Job, carried: Carried, relay: String) -> Option<SendFailure> {
        if let Some(live) = self.live.get_mut(&job.campaign_id) {
            live.in_flight -= 1;
        }
        self.waiting.remove(&job.recipient_id);
        let recipient_id = job.recipient_id;
        match carried {
            Carried::Attempt(attempt) => {
                let trouble = (attempt.scope == Some(Scope::Relay)).then(|| failure_of(&attempt)).flatten();
                self.attempt_ended(job, *attempt, relay);
                trouble
            }
            Carried::NotTried { attempt_id, trouble } => {
                if let Some(live) = self.live.get_mut(&job.campaign_id) {
                    live.handed_out -= 1;
                }
                self.pending.returned.push(Returned { recipient_id, attempt_id, due_at: None });
                trouble
            }
            Carried::Unsent { attempt_id, class, reply } => {
                self.watch(job.campaign_id, &reply, |watch| {
                    watch.settled(true);
                    // The relay's own limit: it is the same for everybody.
                    if class == FailureClass::TooLarge {
                        watch.refused(Some(Scope::Sender));
                    }
                });
                self.pending.unsent.push(failed(job, attempt_id, class, Some(reply)));
                None
            }
            Carried::Differs { attempt_id } => {
                if let Some(live) = self.live.get_mut(&job.campaign_id) {
                    live.gate.shut();
                    live.is_open = false;
                    let words =
                        "a message would not be what was approved: a row, a key or a template was changed".into();
                    live.must_pause = Some((reason::NOT_AS_APPROVED, words));
                }
                self.pending.returned.push(Returned { recipient_id, attempt_id, due_at: None });
                None
            }
        }
    }

    /// Notes an outcome, and whether it is the one after which the campaign has to pause itself.
    fn watch(&mut self, campaign_id: i64, words: &str, note: impl FnOnce(&mut Watch)) {
        let Some(live) = self.live.get_mut(&campaign_id) else { return };
        note(&mut live.watch);
        if let Some(verdict) = live.watch.verdict(self.settings.delivery.pause_at_failure_share) {
            live.must_pause.get_or_insert((verdict, words.to_owned()));
            live.is_open = false;
        }
    }

    fn attempt_ended(&mut self, job: &Job, attempt: Attempt, relay: String) {
        let now = self.clock.now_millis();
        let active_ms = self.live.get(&job.campaign_id).map_or(job.due_active_ms, |live| live.active_ms);
        let due_for = Duration::from_millis(u64::try_from(active_ms - job.due_active_ms).unwrap_or(0));
        let history = History { tries: job.tries, doubts: job.doubts, due_for };
        let (outcome, next) = decide(attempt.ending, history, &self.settings.delivery, now, rand::random());
        self.watch(job.campaign_id, &attempt.words, |watch| {
            watch.refused(attempt.scope);
            match outcome {
                AttemptOutcome::Accepted => watch.settled(false),
                AttemptOutcome::Failed => watch.settled(true),
                AttemptOutcome::Deferred | AttemptOutcome::InDoubt => {}
            }
        });
        let is_positive = outcome == AttemptOutcome::Accepted;
        self.pending.ended.push(Ended {
            recipient_id: job.recipient_id,
            attempt_id: attempt.attempt_id,
            at: now,
            outcome,
            phase: if is_positive { None } else { attempt.phase },
            class: attempt.class,
            code: attempt.reply.as_ref().map(|reply| reply.code),
            enhanced: attempt.reply.as_ref().and_then(|reply| reply.enhanced.clone()),
            reply: Some(attempt.words),
            relay,
            tls: attempt.tls,
            queue_id: attempt.queue_id,
            content: Some(attempt.content),
            message_id: attempt.message_id,
            next,
            entry: attempt.entry.with("outcome", outcome.as_str()),
        });
    }
}

/// Somebody whose time is over without an acceptance, or whose message cannot be made.
pub(super) fn failed(job: &Job, attempt_id: Option<i64>, class: FailureClass, reply: Option<String>) -> Unsent {
    // Doubt never turns into failure (interface.md, "Later moves").
    let state = if job.doubts > 0 { RecipientState::InDoubt } else { RecipientState::Failed };
    let entry = Draft::new(EntryKind::RecipientFailed, &Actor::Worker, Some(job.campaign()))
        .about(job.recipient_id, &job.customer.key, &job.customer.reference)
        .with("class", class.as_str())
        .with("state", state.as_str());
    Unsent { recipient_id: job.recipient_id, attempt_id, state, class: Some(class), reason: None, reply, entry }
}

fn suppressed(job: &Job) -> Unsent {
    let state = if job.doubts > 0 { RecipientState::InDoubt } else { RecipientState::Suppressed };
    let entry = Draft::new(EntryKind::RecipientSuppressed, &Actor::Worker, Some(job.campaign()))
        .about(job.recipient_id, &job.customer.key, &job.customer.reference)
        .with("reason", "suppression-list")
        .with("state", state.as_str());
    let reason = Some("suppression-list");
    Unsent { recipient_id: job.recipient_id, attempt_id: None, state, class: None, reason, reply: None, entry }
}

fn relay_entry(kind: EntryKind, relay: &str) -> Draft {
    Draft::new(kind, &Actor::Worker, None).with("relay", relay)
}

fn failure_of(attempt: &Attempt) -> Option<SendFailure> {
    Some(SendFailure {
        phase: attempt.phase?,
        code: attempt.reply.as_ref().map(|reply| reply.code),
        enhanced: attempt.reply.as_ref().and_then(|reply| reply.enhanced.clone()),
        class: attempt.class?,
        permanent: false,
        reply: attempt.words.clone(),
    })
}

fn wake(wake_at: &mut Option<Instant>, at: Option<Instant>) {
    if let Some(at) = at {
        *wake_at = Some(wake_at.map_or(at, |other| other.min(at)));
    }
}

/// Commits a group and reads the commitments of those it claimed.
async fn record(store: &Arc<Store>, group: crate::store::Group, at: i64) -> Result<Committed, StoreError> {
    let recorded = store.record(group, at).await?;
    let mut tiles = HashMap::new();
    for row in recorded.claimed.iter().flat_map(|(_, _, rows)| rows) {
        let key = (row.batch_id, row.position / Tile::WIDTH);
        if let Entry::Vacant(place) = tiles.entry(key) {
            place.insert(store.tile(key.0, TileKind::Rendered, key.1).await?.unwrap_or_default());
        }
    }
    Ok(Committed { recorded, tiles })
}
