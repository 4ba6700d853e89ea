//! One campaign while it is being sent: its people under way, its clock, its gate.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::time::Instant;

use super::carry::Gate;
use super::job::Job;
use super::lanes::Lanes;
use super::spill::Spill;
use super::watch::Watch;
use crate::approval::Approved;
use crate::store::{Pass, PulseRow};

/// A campaign that this worker is sending.
pub struct Live {
    /// As approved.
    pub approved: Arc<Approved>,
    /// As the database last said; a change means that it has to be loaded again.
    pub pulse: PulseRow,
    /// Claimed and waiting.
    pub lanes: Lanes,
    /// Claimed, and one relay cannot carry their message: to be handed to another.
    pub detours: Vec<Job>,
    /// Due and left for later, because their domain's lane is full.
    pub spill: Spill,
    /// How far the pass over the recipients has come.
    pub pass: Pass,
    /// Which pass it is: what a claim of an earlier one brings is dropped.
    pub pass_number: u64,
    /// Everybody claimed, waiting or handed out, until their outcome is committed.
    pub held: HashSet<i64>,
    /// Handed to a line.
    pub in_flight: usize,
    /// The lines that they are with, and how many each has.
    pub lines: HashMap<u64, usize>,
    /// A claim is under way.
    pub is_claiming: bool,
    /// The last claim came back short: nothing more before then.
    pub dry_until: Option<Instant>,
    /// May send now: sending, and inside its window.
    pub is_open: bool,
    /// Shut as soon as it may not.
    pub gate: Gate,
    /// Milliseconds spent sending.
    pub active_ms: i64,
    /// Milliseconds of that which are not committed yet.
    pub active_due_ms: i64,
    /// When `active_ms` was last brought up to date.
    pub counted_at: Instant,
    /// What would make it pause itself.
    pub watch: Watch,
    /// That it waits for its window was said.
    pub is_waiting_said: bool,
    /// It has to pause itself: why, and what was seen.
    pub must_pause: Option<(&'static str, String)>,
    /// Handed out, for the canary.
    pub handed_out: i64,
}

impl Live {
    /// A campaign that has just been loaded, with its gate shut. `handed_out`: what the canary counts so far.
    pub fn new(approved: Approved, pulse: PulseRow, handed_out: i64, now: Instant) -> Self {
        let active_ms = approved.row().active_ms;
        Self {
            approved: Arc::new(approved),
            pulse,
            lanes: Lanes::default(),
            detours: Vec::new(),
            spill: Spill::default(),
            pass: Pass::default(),
            pass_number: 0,
            held: HashSet::new(),
            in_flight: 0,
            lines: HashMap::new(),
            is_claiming: false,
            dry_until: None,
            is_open: false,
            gate: Gate::default(),
            active_ms,
            active_due_ms: 0,
            counted_at: now,
            watch: Watch::default(),
            is_waiting_said: false,
            must_pause: None,
            handed_out,
        }
    }

    /// Notes that it no longer sends, though messages of it may still be under way.
    pub fn has_stopped(&mut self) {
        self.pulse.state.clear();
    }

    /// Takes in what has changed; after a stop it counts anew. `handed_out` as in [`Live::new`].
    pub fn load(&mut self, approved: Approved, pulse: PulseRow, handed_out: i64) {
        if self.pulse.state != pulse.state {
            self.watch = Watch::default();
            self.handed_out = handed_out;
        }
        self.approved = Arc::new(approved);
        self.pulse = pulse;
    }

    /// Brings the time spent sending up to date.
    pub fn count_active(&mut self, now: Instant) {
        if self.is_open {
            let ms = i64::try_from((now - self.counted_at).as_millis()).unwrap_or(0);
            self.active_ms += ms;
            self.active_due_ms += ms;
        }
        self.counted_at = now;
    }

    /// Whether nobody is claimed, under way or asked for.
    pub fn is_quiet(&self) -> bool {
        self.lanes.len() == 0 && self.detours.is_empty() && self.in_flight == 0 && !self.is_claiming
    }

    /// Gives back everybody who waits in memory. Their rows were never changed, so the next pass finds them.
    pub fn give_back(&mut self) {
        for job in self.lanes.drain().into_iter().chain(self.detours.drain(..)) {
            self.held.remove(&job.recipient_id);
        }
        self.pass_anew();
    }

    /// Begins a new pass over the recipients: somebody may have been passed over, or changed since they were read.
    pub fn pass_anew(&mut self) {
        self.spill.clear();
        self.pass = Pass::default();
        self.pass_number += 1;
        self.dry_until = None;
    }

    /// Whether somebody may be handed to a line now.
    pub fn may_hand_out(&self) -> bool {
        self.is_open && self.canary_left() > 0
    }

    /// Whether it may use a line, with `most` of them at once.
    pub fn may_use(&self, line: u64, most: usize) -> bool {
        self.lines.len() < most || self.lines.contains_key(&line)
    }

    /// A line is done with one of its messages.
    pub fn back_from(&mut self, line: u64) {
        self.in_flight -= 1;
        if let Some(count) = self.lines.get_mut(&line) {
            *count -= 1;
            if *count == 0 {
                self.lines.remove(&line);
            }
        }
    }

    /// How many more the canary lets go.
    pub fn canary_left(&self) -> i64 {
        self.approved.row().canary.map_or(i64::MAX, |canary| canary - self.handed_out)
    }
}
