//! One learned rate: what a server's "slow down" answers say about how fast it takes messages.
//!
//! Decides by how much to slow down, how to climb back, and when to try for more. Pure: every instant comes in as a value.
//!
//! A "slow down" halves the rate, at most once in ten seconds (delivery.md, "Rates"): from what was accepted in the last ten
//! seconds or the limit in force, whichever is lower, and never under 1/s or 1 % of it. Then it climbs, every ten seconds,
//! by a tenth of the rate before the halving. Where it was refused is remembered: a little below, it stays, and tries for
//! more only after five minutes, and twice as long after each try that failed. Halving and climbing alone would swing
//! between half of what the server takes and too much. Above where it was once refused it climbs by a tenth of itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::domain::rate::MilliRate;

/// Between two halvings, and between two steps of the climb.
pub const STEP: Duration = Duration::from_secs(10);
/// A step of the climb, in percent.
const CLIMB_PERCENT: u64 = 10;
/// It stays at so many percent of what the server took before it refused.
const PLATEAU_PERCENT: u64 = 97;
/// A refusal at the plateau itself lowers it to so many percent.
const LOWERED_PERCENT: u64 = 95;
/// So far above it, it is forgotten: the server takes more now.
const FORGOTTEN_PERCENT: u64 = 150;
/// How long it stays there before it tries for more, the first time, and at most.
const PROBE_FIRST: Duration = Duration::from_secs(5 * 60);
const PROBE_MAX: Duration = Duration::from_secs(4 * 60 * 60);

/// What is known of one server's pace.
#[derive(Debug, Clone)]
pub struct Learned {
    /// In force.
    rate: MilliRate,
    /// Before the last halving.
    before: MilliRate,
    /// Where it stays; `None` while it has gone beyond all refusals.
    plateau: Option<MilliRate>,
    cut_at: Instant,
    stepped_at: Instant,
    probe_after: Duration,
    /// Since when it has been at the plateau.
    resting_since: Option<Instant>,
}

/// A learned rate as it is kept across a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    rate: u64,
    before: u64,
    plateau: Option<u64>,
    probe_after_s: u64,
}

impl Learned {
    /// After the first "slow down": `seen` is what was accepted in the last ten seconds, `limit` the limit in force.
    pub fn new(seen: MilliRate, limit: Option<MilliRate>, now: Instant) -> Self {
        let base = limit.map_or(seen, |limit| seen.min(limit)).max(MilliRate::ONE_PER_SECOND);
        let mut learned = Self {
            rate: base,
            before: base,
            plateau: None,
            cut_at: now,
            stepped_at: now,
            probe_after: PROBE_FIRST,
            resting_since: None,
        };
        learned.cut(base, now);
        learned
    }

    /// The rate in force.
    pub fn rate(&self) -> MilliRate {
        self.rate
    }

    /// A further "slow down"; whether it changed anything.
    pub fn slow_down(&mut self, seen: MilliRate, now: Instant) -> bool {
        if now < self.cut_at + STEP {
            return false;
        }
        if now < self.cut_at + STEP * 2 {
            // Still refused right after a halving: one and the same slow-down, in which little was accepted to learn from.
            self.rate = MilliRate(self.rate.0 / 2).max(MilliRate::ONE_PER_SECOND.max(self.before.percent(1)));
            (self.cut_at, self.stepped_at) = (now, now);
        } else {
            self.cut(seen.clamp(MilliRate::ONE_PER_SECOND, self.rate.max(MilliRate::ONE_PER_SECOND)), now);
        }
        true
    }

    fn cut(&mut self, base: MilliRate, now: Instant) {
        let sustained = base.percent(PLATEAU_PERCENT);
        let plateau = match self.plateau {
            // What seemed to be below its limit was not.
            Some(old) if self.rate <= old => sustained.min(old.percent(LOWERED_PERCENT)),
            // A try for more has failed: what it took for minutes before is known to be right.
            Some(old) => {
                self.probe_after = (self.probe_after * 2).min(PROBE_MAX);
                old
            }
            None => sustained,
        };
        let least = MilliRate::ONE_PER_SECOND.max(base.percent(1));
        self.plateau = Some(plateau.max(MilliRate::ONE_PER_SECOND));
        self.before = base;
        self.rate = MilliRate(base.0 / 2).max(least);
        (self.cut_at, self.stepped_at, self.resting_since) = (now, now, None);
    }

    /// Climbs, if a step is due; whether it did.
    pub fn climb(&mut self, now: Instant) -> bool {
        if now < self.stepped_at + STEP {
            return false;
        }
        self.stepped_at = now;
        let old = self.rate;
        match self.plateau {
            Some(plateau) if self.rate < plateau => {
                let step = MilliRate(self.before.percent(CLIMB_PERCENT).0.max(1));
                self.rate = MilliRate(self.rate.0 + step.0).min(plateau);
            }
            Some(_) => {
                let since = *self.resting_since.get_or_insert(now);
                if now < since + self.probe_after {
                    return false;
                }
                self.beyond();
            }
            None => self.beyond(),
        }
        self.rate != old
    }

    /// A tenth of itself more.
    fn beyond(&mut self) {
        self.rate = MilliRate(self.rate.0 + self.rate.percent(CLIMB_PERCENT).0.max(1));
        if self.plateau.is_some_and(|plateau| self.rate > plateau.percent(FORGOTTEN_PERCENT)) {
            self.plateau = None;
            self.probe_after = PROBE_FIRST;
        }
    }

    /// As it is kept.
    pub fn kept(&self) -> Kept {
        Kept {
            rate: self.rate.0,
            before: self.before.0,
            plateau: self.plateau.map(|plateau| plateau.0),
            probe_after_s: self.probe_after.as_secs(),
        }
    }

    /// From what was kept; the next step is due in ten seconds.
    pub fn again(kept: Kept, now: Instant) -> Self {
        Self {
            rate: MilliRate(kept.rate).max(MilliRate::ONE_PER_SECOND),
            before: MilliRate(kept.before).max(MilliRate::ONE_PER_SECOND),
            plateau: kept.plateau.map(MilliRate),
            cut_at: now,
            stepped_at: now,
            probe_after: Duration::from_secs(kept.probe_after_s).clamp(PROBE_FIRST, PROBE_MAX),
            resting_since: None,
        }
    }
}
