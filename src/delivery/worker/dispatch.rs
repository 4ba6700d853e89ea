//! Handing out: who may leave now, over which line; who is composed next; when more people are asked for.

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::super::carry::{self, Order};
use super::super::line;
use super::Worker;
use crate::domain::rate::Rate;
use crate::store::{Begin, Claim};

/// Claimed ahead of the lines at full speed: enough that a commit's worth of people is always at hand.
const AHEAD_MAX: usize = 512;
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
            // Without a limit a busy line gets its next message early, to be composed meanwhile; a permit holds only at once.
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
}

fn wake(wake_at: &mut Option<Instant>, at: Option<Instant>) {
    if let Some(at) = at {
        *wake_at = Some(wake_at.map_or(at, |other| other.min(at)));
    }
}
