//! Ten times a second: what has changed in the database, who may send, who is done.

use tokio::time::Instant;

use super::super::job::Job;
use super::super::live::Live;
use super::flow::failed;
use super::{Report, Step, Until, Worker, WorkerError};
use crate::approval::{self, ApprovalError, Start};
use crate::clock::instant;
use crate::domain::campaign::{CampaignState, reason};
use crate::domain::outcome::FailureClass;
use crate::domain::rate::Rate;
use crate::store::PulseRow;

/// Milliseconds of sending that may be lost in a crash: the count is committed this often.
const ACTIVE_COMMIT_MS: i64 = 1_000;

impl Worker {
    pub(super) async fn pulse(&mut self, now: Instant) -> Result<Step, WorkerError> {
        let mut rows = self.store.pulse().await?;
        rows.retain(|row| self.only.as_ref().is_none_or(|only| *only == row.name));
        self.drop_others(&rows);
        let at = self.clock.now_millis();
        for row in rows {
            if row.state == CampaignState::Sending.as_str() {
                self.keep_up(row, now).await?;
            } else if row.scheduled_at.is_some_and(|scheduled| scheduled <= at) {
                self.start_due(&row).await?;
            }
        }
        for change in self.pace.climb(now) {
            self.rate_changed(change);
        }
        let ids: Vec<i64> = self.live.keys().copied().collect();
        let mut is_done = self.until != Until::Stopped;
        for id in ids {
            is_done &= self.look_after(id, now).await?;
        }
        is_done &= !self.is_committing && self.pending.is_empty();
        Ok(if is_done && !self.is_awaited().await? { Step::Done } else { Step::On })
    }

    /// Campaigns that no longer send: nothing more of them leaves, and their people go back.
    fn drop_others(&mut self, rows: &[PulseRow]) {
        let sending = |id: i64| rows.iter().any(|row| row.id == id && row.state == CampaignState::Sending.as_str());
        let gone: Vec<i64> = self.live.keys().copied().filter(|id| !sending(*id)).collect();
        for id in gone {
            let Some(live) = self.live.get_mut(&id) else { continue };
            live.has_stopped();
            live.count_active(instant());
            if live.active_due_ms > 0 {
                self.pending.active.push((id, std::mem::take(&mut live.active_due_ms)));
            }
            live.gate.shut();
            live.is_open = false;
            live.give_back();
            if live.in_flight == 0 && !live.is_claiming {
                self.pace.set_campaign(&live.pulse.name, Rate::Unlimited, instant());
                self.live.remove(&id);
            }
        }
    }

    /// Loads a campaign that is sending, or loads it again after its settings or batches changed.
    async fn keep_up(&mut self, row: PulseRow, now: Instant) -> Result<(), WorkerError> {
        let has_changed = self.live.get(&row.id).is_none_or(|live| live.pulse != row);
        if !has_changed {
            return Ok(());
        }
        let Some(campaign) = self.store.campaign_by_name(&row.name).await? else { return Ok(()) };
        // The first so many are the same people whichever worker has sent to them.
        let handed_out = if campaign.canary.is_some() { self.store.attempts_total(campaign.id).await? } else { 0 };
        match approval::load(&self.store, &self.settings, campaign).await {
            Ok(approved) => {
                self.pace.set_campaign(&row.name, approved.rate(), now);
                if self.live.get(&row.id).is_none_or(|live| live.pulse.state != row.state) {
                    let settings = &self.settings;
                    self.relays.try_again(approved.relays(), |named| named.again(settings));
                }
                match self.live.get_mut(&row.id) {
                    Some(live) => live.load(approved, row, handed_out),
                    None => drop(self.live.insert(row.id, Live::new(approved, row, handed_out, now))),
                }
                Ok(())
            }
            Err(ApprovalError::Store(error)) => Err(error.into()),
            Err(error) => self.pause(&row.name, reason::SETTINGS_CHANGED, error.to_string()).await,
        }
    }

    async fn start_due(&mut self, row: &PulseRow) -> Result<(), WorkerError> {
        let Some(campaign) = self.store.campaign_by_name(&row.name).await? else { return Ok(()) };
        match approval::start_due(&self.store, &self.settings, &self.by(), &campaign).await? {
            Start::Started { late_ms } => self.report(Report::Started { campaign: row.name.clone(), late_ms }),
            Start::Held(reason) => {
                let words = String::new();
                self.report(Report::Paused { campaign: row.name.clone(), reason, words });
            }
            Start::BackToDraft(changed) => {
                self.report(Report::BackToDraft { campaign: row.name.clone(), changed: changed.join(", ") });
            }
            Start::Gone => {}
        }
        self.next_pulse = instant();
        Ok(())
    }

    /// One campaign: its clock, its window, its pauses, its end. Returns whether this worker has nothing more to do there
    /// by [`Until`].
    async fn look_after(&mut self, id: i64, now: Instant) -> Result<bool, WorkerError> {
        let utc = self.clock.now();
        let zone = self.settings.organization.time_zone;
        let Some(live) = self.live.get_mut(&id) else { return Ok(true) };
        live.count_active(now);
        if live.active_due_ms >= ACTIVE_COMMIT_MS {
            self.pending.active.push((id, std::mem::take(&mut live.active_due_ms)));
        }
        let name = live.pulse.name.clone();
        // Taken away only when it is done: this may be dropped while it waits.
        if let Some((reason, words)) = live.must_pause.clone() {
            self.pause(&name, reason, words).await?;
            self.live.entry(id).and_modify(|live| live.must_pause = None);
            return Ok(false);
        }
        let is_in_window = live.approved.window().is_none_or(|window| window.contains(utc, zone));
        let is_sending = live.pulse.state == CampaignState::Sending.as_str();
        set_open(live, is_sending && is_in_window);
        if !is_in_window {
            if !std::mem::replace(&mut live.is_waiting_said, true) {
                let opens_at = live.approved.window().map_or(utc, |window| window.next_open(utc, zone));
                let report = Report::Waiting { campaign: name, opens_at: opens_at.timestamp_millis() };
                drop(self.reports.send(report));
            }
            live.give_back();
            return Ok(false);
        }
        live.is_waiting_said = false;
        self.expire(id);
        let Some(live) = self.live.get(&id) else { return Ok(true) };
        if live.canary_left() <= 0 && live.in_flight == 0 {
            let words = format!("{} people have been sent to", live.handed_out);
            self.pause(&name, reason::CANARY, words).await?;
            return Ok(false);
        }
        let is_dry = live.is_quiet() && live.dry_until.is_some() && !self.is_committing && self.pending.is_empty();
        if !is_dry {
            return Ok(false);
        }
        self.at_rest(id, &name).await
    }

    /// Nobody is due: the campaign has ended, waits, or is held back by `[safety] only_to`.
    async fn at_rest(&mut self, id: i64, name: &str) -> Result<bool, WorkerError> {
        if let Some(due_at) = self.store.next_due(id, self.only_to.as_ref()).await? {
            let is_later = due_at > self.clock.now_millis();
            if !is_later && let Some(live) = self.live.get_mut(&id) {
                // Due, and not found: passed over before it was, as when the clock was set back.
                live.pass_anew();
            }
            return Ok(is_later && self.until == Until::NothingPending);
        }
        let Some(campaign) = self.store.campaign_by_name(name).await? else { return Ok(true) };
        if let Some(live) = self.live.get_mut(&id).filter(|live| live.active_due_ms > 0) {
            // The speed that is shown afterwards counts all of the time.
            self.pending.active.push((id, std::mem::take(&mut live.active_due_ms)));
        }
        if approval::finish(&self.store, &self.by(), &campaign).await? {
            self.live.remove(&id);
            self.report(Report::Finished { campaign: name.to_owned() });
            return Ok(true);
        }
        if let Some(only_to) = &self.only_to
            && !self.store.has_pending(id, only_to).await?
        {
            let words = "[safety] only_to lets nothing go to those who are left".to_owned();
            self.pause(name, reason::ONLY_TO, words).await?;
        } else if let Some(live) = self.live.get_mut(&id) {
            live.pass_anew();
        }
        Ok(false)
    }

    /// Claimed recipients whose time is over.
    fn expire(&mut self, id: i64) {
        let give_up_ms = i64::try_from(self.settings.delivery.give_up_after.as_millis()).unwrap_or(i64::MAX);
        let Some(live) = self.live.get_mut(&id) else { return };
        let active_ms = live.active_ms;
        if active_ms < give_up_ms {
            return;
        }
        let is_over = |job: &Job| active_ms - job.due_active_ms >= give_up_ms;
        let mut over = live.lanes.take_if(is_over);
        over.extend(live.detours.extract_if(.., |job| is_over(job)));
        for job in over {
            let class = job.last_class.unwrap_or(FailureClass::Expired);
            let words = (job.attempts == 0).then(|| "no relay could be reached until give_up_after".to_owned());
            self.pending.unsent.push(failed(&job, class, words));
        }
    }

    pub(super) async fn pause(&mut self, name: &str, reason: &'static str, words: String) -> Result<(), WorkerError> {
        let is_paused = approval::pause_by_worker(&self.store, &self.by(), name, reason).await?;
        if is_paused {
            self.live.values_mut().filter(|live| live.pulse.name == name).for_each(Live::has_stopped);
            self.report(Report::Paused { campaign: name.to_owned(), reason, words });
        }
        self.next_pulse = instant();
        Ok(())
    }

    /// Whether a campaign of this worker's is due, or sending and not yet loaded, which keeps it from ending by itself.
    async fn is_awaited(&self) -> Result<bool, WorkerError> {
        let now = self.clock.now_millis();
        let rows = self.store.pulse().await?;
        let mut mine = rows.iter().filter(|row| self.only.as_ref().is_none_or(|only| *only == row.name));
        Ok(mine.any(|row| match row.state == CampaignState::Sending.as_str() {
            true => !self.live.contains_key(&row.id),
            false => row.scheduled_at.is_some_and(|at| at <= now),
        }))
    }
}

fn set_open(live: &mut Live, is_open: bool) {
    if live.is_open == is_open {
        return;
    }
    live.is_open = is_open;
    if is_open {
        live.gate = super::super::carry::Gate::open();
    } else {
        live.gate.shut();
    }
}
