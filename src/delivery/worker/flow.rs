//! The flow of messages: out to the lines, back from them, into the group that is committed next.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::super::carry::{Attempt, Carried};
use super::super::classify::Scope;
use super::super::decide::{Ending, History, decide};
use super::super::job::Job;
use super::super::line::LineEvent;
use super::super::live::Live;
use super::super::watch::Watch;
use super::relays::Verdict;
use super::{Committed, Event, Report, Worker, WorkerError};
use crate::clock::instant;
use crate::domain::campaign::reason;
use crate::domain::event::EntryKind;
use crate::domain::outcome::{AttemptOutcome, FailureClass, SendFailure};
use crate::domain::recipient::RecipientState;
use crate::ledger::entry::{Actor, Draft};
use crate::store::{Begin, ClaimedRow, Ended, Returned, Store, StoreError, Tile, TileKind, Unsent};

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
            // Nothing was ahead of a line that never opened.
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
                if !is_open {
                    self.give_back_ahead(id);
                }
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

    /// The message that a line which has ended was given early goes back.
    fn give_back_ahead(&mut self, id: u64) {
        let Some(Begin { recipient_id, campaign_id, .. }) = self.relays.take_ahead(id) else { return };
        self.waiting.remove(&recipient_id);
        self.pending.returned.push(Returned { recipient_id, attempt_id: None, due_at: None });
        if let Some(live) = self.live.get_mut(&campaign_id) {
            live.in_flight -= 1;
            live.handed_out -= 1;
        }
    }

    async fn line_ended(&mut self, id: u64, trouble: Option<&SendFailure>) -> Result<(), WorkerError> {
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
