//! The flow of messages: out to the lines, back from them, into the group that is committed next.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use super::super::carry::{Attempt, Carried};
use super::super::classify::Scope;
use super::super::decide::{Ending, History, decide};
use super::super::job::Job;
use super::super::live::Live;
use super::super::pace::{RateChange, Slow};
use super::super::parts::Part;
use super::super::talk::{Done, LineEvent, Ready, Turn};
use super::super::watch::Watch;
use super::relays::Verdict;
use super::{Claimed, Event, Report, Worker, WorkerError};
use crate::clock::instant;
use crate::domain::campaign::reason;
use crate::domain::event::EntryKind;
use crate::domain::outcome::{AttemptOutcome, FailureClass, SendFailure};
use crate::domain::rate::MilliRate;
use crate::domain::recipient::RecipientState;
use crate::ledger::entry::{Actor, Draft};
use crate::store::{Claim, Ended, LearnedRate, Recorded, Store, StoreError, Tile, TileKind, Unsent};

/// After a claim that came back short, how long until the next one.
const DRY: Duration = Duration::from_millis(250);

impl Worker {
    /// Commits the group, if there is one and no other is under way.
    pub(super) fn commit(&mut self) {
        if self.is_committing || self.pending.is_empty() {
            return;
        }
        self.is_committing = true;
        let group = std::mem::take(&mut self.pending);
        let (store, sender, parts) = (self.store.clone(), self.sender.clone(), self.line_options.parts.clone());
        let at = self.clock.now_millis();
        parts.count(group.ended.len());
        self.tasks.spawn(async move {
            let begun = instant();
            let result = store.record(group, at).await;
            parts.add(Part::Record, begun);
            // A worker that no longer listens has ended; the next one settles what was begun.
            drop(sender.send(Event::Committed(result)).await);
        });
    }

    pub(super) fn committed(&mut self, recorded: Recorded) {
        self.is_committing = false;
        for (recipient_id, may) in recorded.begun {
            if let Some(line) = self.waiting.remove(&recipient_id) {
                self.relays.leave(line, recipient_id, may);
            }
        }
        for live in self.live.values_mut() {
            for id in &recorded.settled {
                live.held.remove(id);
            }
        }
    }

    pub(super) fn claimed(&mut self, claimed: Claimed) {
        let Claimed { campaign_id, pass_number, claimable, tiles } = claimed;
        let Some(live) = self.live.get_mut(&campaign_id) else { return };
        live.is_claiming = false;
        // Their rows were never changed: whoever is dropped here comes with the next pass.
        if live.pass_number != pass_number || !live.is_open {
            return;
        }
        live.pass = claimable.pass;
        if claimable.is_dry {
            live.dry_until = Some(instant() + DRY);
        }
        for row in claimable.rows {
            if live.held.contains(&row.id) {
                continue;
            }
            let expected = tiles.get(&(row.batch_id, row.position / Tile::WIDTH)).and_then(|tile| {
                let at = usize::try_from(row.position % Tile::WIDTH).ok()? * 32;
                tile.get(at..at + 32)?.try_into().ok()
            });
            let (id, is_suppressed) = (row.id, row.is_suppressed);
            match Job::new(&live.approved, row, expected) {
                Ok(job) if is_suppressed => {
                    live.held.insert(id);
                    self.pending.unsent.push(suppressed(&job));
                }
                Ok(job) => match live.lanes.push(job, &self.pace) {
                    Ok(()) => drop(live.held.insert(id)),
                    Err(job) => live.spill.push(&job.domain, id),
                },
                Err(error) => {
                    tracing::error!(%error, "a recipient's row is not as it was imported");
                    live.gate.shut();
                    live.is_open = false;
                    live.must_pause = Some((reason::NOT_AS_APPROVED, error.to_string()));
                }
            }
        }
    }

    pub(super) async fn line_event(&mut self, id: u64, event: LineEvent) -> Result<(), WorkerError> {
        match event {
            LineEvent::Open => self.relays.opened(id),
            LineEvent::Idle => self.relays.let_go(id),
            LineEvent::Turn(Turn { done, ready }) => {
                self.all_done(id, done);
                if let Some(ready) = ready {
                    self.wants_to_leave(id, ready);
                }
            }
            LineEvent::Gone { done, trouble, is_own } => {
                self.all_done(id, done);
                if is_own {
                    self.relays.closed(id);
                } else {
                    self.line_ended(id, trouble.as_ref()).await?;
                }
            }
        }
        Ok(())
    }

    /// A message whose body the server waits for begins, if its campaign still may send.
    fn wants_to_leave(&mut self, line: u64, ready: Ready) {
        let Ready { campaign_id, begin } = ready;
        if self.live.get(&campaign_id).is_some_and(|live| live.is_open) {
            self.waiting.insert(begin.recipient_id, line);
            self.pending.begins.push(begin);
        } else {
            self.relays.leave(line, begin.recipient_id, false);
        }
    }

    fn all_done(&mut self, line: u64, done: Vec<Done>) {
        let Some(relay) = self.relays.of_line(line) else { return };
        let is_accepted = |done: &Done| matches!(&done.carried, Carried::Attempt(a) if a.ending == Ending::Accepted);
        let is_back = self.relays.carried(line, done.len(), done.iter().any(is_accepted));
        if is_back {
            let name = self.relays.state(relay).named.name.clone();
            self.pending.entries.push(relay_entry(EntryKind::RelayBack, &name));
            self.report(Report::RelayBack { relay: name.to_string() });
        }
        for Done { job, carried } in done {
            if let Some(live) = self.live.get_mut(&job.campaign_id) {
                live.back_from(line);
            }
            self.done(job, carried, relay);
        }
    }

    async fn line_ended(&mut self, id: u64, trouble: Option<&SendFailure>) -> Result<(), WorkerError> {
        let relay = self.relays.of_line(id).map(|index| self.relays.state(index).named.name.to_string());
        let relay = relay.unwrap_or_default();
        let words = trouble.map_or_else(
            || "it closed connections without taking a message".to_owned(),
            |trouble| format!("{} ({})", trouble.reply, trouble.phase),
        );
        if trouble.is_some_and(|trouble| trouble.class == FailureClass::RateLimited) {
            let change = self.pace.slow_down(Slow::Relay, &relay, instant());
            change.into_iter().for_each(|change| self.rate_changed(change));
        }
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

    /// Takes in what became of one message.
    fn done(&mut self, mut job: Box<Job>, carried: Carried, relay: usize) {
        let recipient_id = job.recipient_id;
        self.waiting.remove(&recipient_id);
        match carried {
            Carried::Attempt(attempt) => self.attempt_ended(&job, *attempt, relay),
            Carried::NotTried { had_begun, is_stale } => {
                if had_begun {
                    self.pending.returned.push(recipient_id);
                }
                self.not_tried(job, is_stale);
            }
            Carried::CannotCarry { class, reply } => {
                job.cannot_carry.push((relay, class, reply));
                self.detour(job);
            }
            Carried::Unsent { class, reply } => {
                self.watch(job.campaign_id, &reply, |watch| watch.settled(true));
                self.pending.unsent.push(failed(&job, class, Some(reply)));
            }
            Carried::Differs => {
                if let Some(live) = self.live.get_mut(&job.campaign_id) {
                    live.gate.shut();
                    live.is_open = false;
                    live.held.remove(&recipient_id);
                    let words =
                        "a message would not be what was approved: a row, a key or a template was changed".into();
                    live.must_pause = Some((reason::NOT_AS_APPROVED, words));
                }
            }
        }
    }

    /// Nothing left: the recipient waits again, first of all.
    fn not_tried(&mut self, job: Box<Job>, is_stale: bool) {
        let Some(live) = self.live.get_mut(&job.campaign_id) else { return };
        live.handed_out -= 1;
        if live.is_open && !is_stale {
            live.lanes.push_front(*job, &self.pace);
        } else {
            live.held.remove(&job.recipient_id);
            live.pass_anew();
        }
    }

    /// Hands a message that one relay cannot carry to another; fails it where none can.
    fn detour(&mut self, job: Box<Job>) {
        let Some(live) = self.live.get_mut(&job.campaign_id) else { return };
        let is_left = |name: &String| {
            let index = self.relays.index(name);
            index.is_some_and(|index| !job.cannot_carry.iter().any(|(other, ..)| *other == index))
        };
        if live.approved.relays().iter().any(is_left) {
            live.handed_out -= 1;
            live.detours.push(*job);
            return;
        }
        let Some((_, class, reply)) = job.cannot_carry.last().cloned() else { return };
        self.watch(job.campaign_id, &reply, |watch| {
            watch.settled(true);
            // The relay's own limit: it is the same for everybody.
            if class == FailureClass::TooLarge {
                watch.refused(Some(Scope::Sender));
            }
        });
        self.pending.unsent.push(failed(&job, class, Some(reply)));
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

    fn attempt_ended(&mut self, job: &Job, attempt: Attempt, relay: usize) {
        self.learn_pace(job, &attempt, relay);
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
            begin: attempt.begin,
            had_begun: attempt.had_begun,
            at: now,
            outcome,
            phase: if is_positive { None } else { attempt.phase },
            class: attempt.class,
            code: attempt.reply.as_ref().map(|reply| reply.code),
            enhanced: attempt.reply.and_then(|reply| reply.enhanced),
            reply: Some(attempt.words),
            tls: attempt.tls,
            queue_id: attempt.queue_id,
            content: Some(attempt.content),
            message_id: attempt.message_id,
            next,
            entry: attempt.entry.with("outcome", outcome.as_str()),
        });
    }
}

impl Worker {
    /// What an answer says about how fast its server takes messages.
    fn learn_pace(&mut self, job: &Job, attempt: &Attempt, relay: usize) {
        let now = instant();
        let relay = self.relays.state(relay).named.name.clone();
        if attempt.ending == Ending::Accepted {
            self.pace.accepted(&relay, &job.domain, now);
        } else if attempt.class == Some(FailureClass::RateLimited) {
            let change = match attempt.scope {
                Some(Scope::Relay) => self.pace.slow_down(Slow::Relay, &relay, now),
                _ => self.pace.slow_down(Slow::Domain, &job.domain, now),
            };
            change.into_iter().for_each(|change| self.rate_changed(change));
        }
    }

    /// Puts a changed rate on record, and keeps it for the next worker.
    pub(super) fn rate_changed(&mut self, change: RateChange) {
        let RateChange { slow, name, from, to, kept } = change;
        let milli = |rate: Option<MilliRate>| rate.map(|rate| rate.0);
        tracing::info!(
            scope = slow.as_str(),
            name,
            from = milli(from),
            to = milli(to),
            "a rate has changed, in thousandths"
        );
        let entry = Draft::new(EntryKind::RateChanged, &Actor::Worker, None)
            .with("scope", slow.as_str())
            .with("from_milli_per_second", milli(from))
            .with("to_milli_per_second", milli(to));
        // A domain may be one person's own.
        let entry = match slow {
            Slow::Relay => entry.with("relay", name.as_str()),
            Slow::Domain => entry.with_text("domain", Some(&name)),
        };
        self.pending.entries.push(entry);
        let learned = kept.and_then(|kept| serde_json::to_string(&kept).ok());
        self.pending.learned.push(LearnedRate { scope: slow.as_str().to_owned(), name, learned });
    }
}

/// Somebody whose time is over without an acceptance, or whose message cannot be made.
pub(super) fn failed(job: &Job, class: FailureClass, reply: Option<String>) -> Unsent {
    // Doubt never turns into failure (interface.md, "Later moves").
    let state = if job.doubts > 0 { RecipientState::InDoubt } else { RecipientState::Failed };
    let entry = Draft::new(EntryKind::RecipientFailed, &Actor::Worker, Some(job.campaign()))
        .about(job.recipient_id, &job.customer.key, &job.customer.reference)
        .with("class", class.as_str())
        .with("state", state.as_str());
    let (recipient_id, from) = (job.recipient_id, job.from);
    Unsent { recipient_id, from, state, class: Some(class), reason: None, reply, entry }
}

fn suppressed(job: &Job) -> Unsent {
    let state = if job.doubts > 0 { RecipientState::InDoubt } else { RecipientState::Suppressed };
    let entry = Draft::new(EntryKind::RecipientSuppressed, &Actor::Worker, Some(job.campaign()))
        .about(job.recipient_id, &job.customer.key, &job.customer.reference)
        .with("reason", "suppression-list")
        .with("state", state.as_str());
    let (recipient_id, from) = (job.recipient_id, job.from);
    Unsent { recipient_id, from, state, class: None, reason: Some("suppression-list"), reply: None, entry }
}

fn relay_entry(kind: EntryKind, relay: &str) -> Draft {
    Draft::new(kind, &Actor::Worker, None).with("relay", relay)
}

/// Reads who may be claimed, and their commitments.
pub(super) async fn claim(
    store: &Store,
    campaign_id: i64,
    pass_number: u64,
    claim: Claim,
) -> Result<Claimed, StoreError> {
    let claimable = store.claimable(claim).await?;
    let mut tiles = HashMap::new();
    for row in &claimable.rows {
        let key = (row.batch_id, row.position / Tile::WIDTH);
        if let Entry::Vacant(place) = tiles.entry(key) {
            place.insert(store.tile(key.0, TileKind::Rendered, key.1).await?.unwrap_or_default());
        }
    }
    Ok(Claimed { campaign_id, pass_number, claimable, tiles })
}
