//! Handing out: who may leave now, over which line; who is composed next; when more people are asked for.

use tokio::time::Instant;

use super::super::carry::Order;
use super::super::job::Job;
use super::super::line::{self, Line};
use super::super::pace::Lane;
use super::relays::Depth;
use super::{Event, Worker, flow};
use crate::domain::rate::Rate;
use crate::store::Claim;

/// Claimed ahead of the lines at full speed: enough that a commit's worth of people is always at hand.
const AHEAD_MAX: usize = 512;
/// A full lane is filled again when it has room for so many.
const LANE_REFILL: usize = 128;
/// And at a limited rate: two seconds' worth, at least this.
const AHEAD_MIN: usize = 8;

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
        self.dispatch_detours(id, now);
        loop {
            let Some(live) = self.live.get_mut(&id).filter(|live| live.may_hand_out()) else { return };
            live.lanes.sort_front(&self.pace);
            let approved = live.approved.clone();
            let name = approved.row().name.as_str();
            let relay = match self.relays.usable(approved.relays(), now, |_| false) {
                Ok(relay) => relay,
                Err(at) => return wake(&mut self.wake_at, at),
            };
            let relay_name = self.relays.state(relay).named.name.clone();
            let is_limited = self.pace.relay_rate(&relay_name) != Rate::Unlimited || approved.rate() != Rate::Unlimited;
            match live.lanes.ready_at(name, &relay_name, &self.pace, now) {
                None => return,
                Some(at) if at > now => return wake(&mut self.wake_at, Some(at)),
                Some(_) => {}
            }
            let most = approved.connections().map_or(usize::MAX, |most| most as usize);
            let idle = self.relays.pick(relay, Depth::Idle, |line| live.may_use(line, most));
            if idle.is_none() {
                let ready = if is_limited { 1 } else { live.lanes.len() };
                let room = most.saturating_sub(live.lines.len());
                self.open_lines(relay, ready.min(room), now);
            }
            let Some(live) = self.live.get_mut(&id) else { return };
            // A permit holds only at once, so whoever needs one goes to a line with nothing else to carry.
            let (line, job) = match idle {
                Some(line) => (line, live.lanes.next(name, &relay_name, &mut self.pace, now)),
                None if is_limited => return,
                None => {
                    let deep = Depth::Deep { spare: live.lanes.has_limited() };
                    let Some(line) = self.relays.pick(relay, deep, |line| live.may_use(line, most)) else { return };
                    (line, live.lanes.next_free())
                }
            };
            let Some(job) = job else { return };
            let is_alone = is_limited || self.pace.domain_rate(&job.domain) != Rate::Unlimited;
            self.hand_out(id, line, Box::new(job), is_alone);
        }
    }

    /// Messages that one relay cannot carry, to the first that may.
    fn dispatch_detours(&mut self, id: i64, now: Instant) {
        let Some(live) = self.live.get_mut(&id) else { return };
        for job in std::mem::take(&mut live.detours) {
            let Some(live) = self.live.get_mut(&id) else { return };
            let approved = live.approved.clone();
            let except = |relay| job.cannot_carry.iter().any(|(other, ..)| *other == relay);
            let usable = self.relays.usable(approved.relays(), now, except).ok().filter(|_| live.may_hand_out());
            let line = usable.and_then(|relay| {
                let line = self.relays.pick(relay, Depth::Idle, |_| true);
                if line.is_none() {
                    self.open_lines(relay, 1, now);
                }
                let relay = self.relays.state(relay).named.name.clone();
                let lane = Lane { campaign: &approved.row().name, relay: &relay, domain: &job.domain };
                line.filter(|_| self.pace.take(lane, now).is_ok())
            });
            match line {
                Some(line) => self.hand_out(id, line, Box::new(job), true),
                None => {
                    if let Some(live) = self.live.get_mut(&id) {
                        live.detours.push(job);
                    }
                }
            }
        }
    }

    fn open_lines(&mut self, relay: usize, ready: usize, now: Instant) {
        for _ in 0..self.relays.may_open(relay, ready) {
            let (id, words) = self.relays.opening(relay, now);
            let (options, events) = (self.line_options.clone(), self.sender.clone());
            let relay = self.relays.state(relay).named.clone();
            self.tasks.spawn(line::run(Line { id, relay, options, words, events }));
        }
    }

    fn hand_out(&mut self, id: i64, line: u64, job: Box<Job>, is_alone: bool) {
        let Some(live) = self.live.get_mut(&id) else { return };
        match self.relays.order(line, Order { job, gate: live.gate.clone(), is_alone }) {
            Ok(()) => {
                live.in_flight += 1;
                live.handed_out += 1;
                *live.lines.entry(line).or_default() += 1;
            }
            // It has just ended, and will say so.
            Err(order) => live.lanes.push_front(*order.job, &self.pace),
        }
    }

    fn ask_for_more(&mut self, id: i64, now: Instant) {
        let Some(live) = self.live.get_mut(&id) else { return };
        if !live.is_open || live.is_claiming {
            return;
        }
        let lanes = &live.lanes;
        let left = live.spill.take(|domain| if lanes.room(domain) >= LANE_REFILL { lanes.room(domain) } else { 0 });
        let is_dry = live.dry_until.is_some_and(|until| until > now);
        let ahead = match live.approved.rate().per_second() {
            None => AHEAD_MAX,
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
            Some(rate) => ((rate * 2.0) as usize).clamp(AHEAD_MIN, AHEAD_MAX),
        };
        let wanted = ahead.saturating_sub(live.lanes.free_len());
        let is_enough = wanted < ahead / 2 || live.lanes.len() > 8 * AHEAD_MAX;
        if left.is_empty() && (is_dry || is_enough) {
            return;
        }
        live.is_claiming = true;
        let claim = Claim {
            campaign_id: id,
            limit: if is_dry || is_enough { 0 } else { i64::try_from(wanted).unwrap_or(i64::MAX) },
            now: self.clock.now_millis(),
            only_to: self.only_to.clone(),
            pass: live.pass.clone(),
            left,
        };
        let (store, sender, pass_number) = (self.store.clone(), self.sender.clone(), live.pass_number);
        self.tasks.spawn(async move {
            let claimed = flow::claim(&store, id, pass_number, claim).await;
            // A worker that no longer listens has ended.
            drop(sender.send(Event::Claimed(claimed)).await);
        });
    }
}

fn wake(wake_at: &mut Option<Instant>, at: Option<Instant>) {
    if let Some(at) = at {
        *wake_at = Some(wake_at.map_or(at, |other| other.min(at)));
    }
}
