//! Where a process is killed: at what the server sees, or at any time.

use std::fmt;
use std::hint;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use candor::domain::outcome::Phase;
use candor::smtp::inbox::{Action, Moment, Script};
use rand::Rng as _;
use rand::rngs::StdRng;

use crate::house::{Background, Killer};
use crate::support::wait_for;

/// A program that neither ends nor comes to where it is to be killed is killed after this.
const AT_MOST: Duration = Duration::from_millis(1_500);
/// From the 250 until its commit at the latest, and some more.
const AFTER_REPLY_US_MAX: u64 = 4_000;
/// How long a start and some messages take.
const TIME_MS_MAX: u64 = 400;

/// When to kill. What is counted is counted over all connections, from the start of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// At the nth step of this phase, before the server answers; at a final dot, the message is taken all the same.
    At(Phase, u32),
    /// At the nth final dot; the server forgets the message.
    AtDotNotTaken(u32),
    /// So many microseconds after the server was about to answer the nth final dot.
    AfterReply(u32, u64),
    /// So many milliseconds after the start.
    After(u64),
}

impl Cut {
    pub fn random(choices: &mut StdRng) -> Self {
        // Envelopes and bodies have several steps a message.
        const PHASES: [Phase; 7] =
            [Phase::Banner, Phase::Ehlo, Phase::Mail, Phase::Rcpt, Phase::Data, Phase::Body, Phase::EndOfData];
        let nth = choices.random_range(1..=25);
        match choices.random_range(0..6) {
            0 => Self::At(PHASES[choices.random_range(0..2)], choices.random_range(1..=4)),
            1 => Self::At(PHASES[choices.random_range(2..7)], nth * 2),
            2 => Self::At(Phase::EndOfData, nth),
            3 => Self::AtDotNotTaken(nth),
            4 => Self::AfterReply(nth, choices.random_range(0..=AFTER_REPLY_US_MAX)),
            _ => Self::After(choices.random_range(0..=TIME_MS_MAX)),
        }
    }
}

/// The inbox's script that kills.
#[derive(Clone, Default)]
pub struct Executioner(Arc<Mutex<Option<Order>>>);

struct Order {
    cut: Cut,
    killer: Killer,
    seen: u32,
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} seen", self.cut, self.seen)
    }
}

impl Executioner {
    /// Lets the program run until the cut, or until it ends; true if it was killed.
    pub fn lets_run(&self, running: Background, cut: Cut) -> bool {
        let killer = running.killer();
        *self.order() = Some(Order { cut, killer: killer.clone(), seen: 0 });
        let at_most = if let Cut::After(ms) = cut { Duration::from_millis(ms) } else { AT_MOST };
        let has_ended = wait_for(at_most, || !killer.is_running());
        let was_cut = self.order().take().is_none();
        killer.kill();
        was_cut || !has_ended
    }

    fn order(&self) -> std::sync::MutexGuard<'_, Option<Order>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script for Executioner {
    fn at(&self, moment: Moment<'_>) -> Action {
        let mut held = self.order();
        let Some(order) = held.as_mut() else { return Action::Default };
        let (phase, nth) = match order.cut {
            Cut::At(phase, nth) => (phase, nth),
            Cut::AtDotNotTaken(nth) | Cut::AfterReply(nth, _) => (Phase::EndOfData, nth),
            Cut::After(_) => return Action::Default,
        };
        if moment.step.phase() != phase {
            return Action::Default;
        }
        order.seen += 1;
        if order.seen < nth {
            return Action::Default;
        }
        let Order { cut, killer, .. } = held.take().expect("it was there two lines ago");
        match cut {
            Cut::AfterReply(_, us) => {
                thread::spawn(move || {
                    let end = Instant::now() + Duration::from_micros(us);
                    // Shorter than the scheduler's own grain.
                    while Instant::now() < end {
                        hint::spin_loop();
                    }
                    killer.kill();
                });
                Action::Default
            }
            Cut::AtDotNotTaken(_) => {
                killer.kill();
                Action::Close
            }
            _ => {
                killer.kill();
                Action::Default
            }
        }
    }
}
