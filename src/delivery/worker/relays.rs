//! The relays and their lines: which may be used, which are set aside, which line is idle.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::carry::Order;
use super::super::relay::NamedRelay;
use crate::domain::outcome::{FailureClass, SendFailure};
use crate::domain::retry::AUTH_TRIES;
use crate::store::Begin;

/// Connections in a row without an accepted message before a relay is set aside (delivery.md, "Rates").
const FRUITLESS_MAX: u32 = 5;
/// The message that a line is about to carry, and the one after it.
const ORDERS_MAX: usize = 2;
/// The longest that a relay is set aside before it is probed again.
const ASIDE_MAX: Duration = Duration::from_secs(5 * 60);

/// All relays of a worker.
pub struct Relays {
    states: Vec<RelayState>,
    lines: HashMap<u64, Line>,
    next_line: u64,
    aside_first: Duration,
}

/// One relay.
pub struct RelayState {
    /// Its name and limits.
    pub named: NamedRelay,
    idle: Vec<u64>,
    /// Busy lines that may be given the message after their present one.
    unaccompanied: Vec<u64>,
    open: u32,
    opening: u32,
    /// It lets us in, and has taken a message if it was set aside; until then one connection at a time is enough.
    is_proven: bool,
    fruitless: u32,
    auth_refused: u32,
    aside: Option<Aside>,
}

struct Aside {
    until: Instant,
    wait: Duration,
}

struct Line {
    relay: usize,
    orders: mpsc::Sender<Order>,
    is_opening: bool,
    has_accepted: bool,
    /// The message that comes after the one it carries: handed over to be composed, not yet begun.
    ahead: Option<Begin>,
}

/// What follows when a line has carried a message.
#[derive(Debug, Default)]
pub struct After {
    /// Its relay is back after having been set aside.
    pub is_back: bool,
    /// The message that it carries next, which may now begin.
    pub next: Option<Begin>,
}

/// What the end of a line means for its relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Fine,
    /// It is set aside for so long.
    Aside(Duration),
    /// It refuses the credentials, for good.
    AuthRefused,
}

impl Relays {
    /// None open yet. `aside_first`: how long a relay is set aside the first time.
    pub fn new(named: Vec<NamedRelay>, aside_first: Duration) -> Self {
        let states = named.into_iter().map(|named| RelayState {
            named,
            idle: Vec::new(),
            unaccompanied: Vec::new(),
            open: 0,
            opening: 0,
            is_proven: false,
            fruitless: 0,
            auth_refused: 0,
            aside: None,
        });
        Self { states: states.collect(), lines: HashMap::new(), next_line: 0, aside_first }
    }

    /// The first of these relays that may be used now; otherwise when one may be probed.
    pub fn usable(&self, names: &[String], now: Instant) -> Result<usize, Option<Instant>> {
        let mut soonest = None;
        for name in names {
            let Some(index) = self.states.iter().position(|state| state.named.name == *name) else { continue };
            let state = &self.states[index];
            if state.auth_refused >= AUTH_TRIES {
                continue;
            }
            match &state.aside {
                Some(aside) if aside.until > now => {
                    soonest = Some(soonest.map_or(aside.until, |other: Instant| other.min(aside.until)));
                }
                _ => return Ok(index),
            }
        }
        Err(soonest)
    }

    /// The relay of an index that [`Relays::usable`] gave.
    pub fn state(&self, index: usize) -> &RelayState {
        &self.states[index]
    }

    /// The relay of a line.
    pub fn of_line(&self, id: u64) -> Option<&RelayState> {
        self.lines.get(&id).map(|line| &self.states[line.relay])
    }

    /// An idle line of a relay.
    pub fn take_idle(&mut self, index: usize) -> Option<u64> {
        self.states[index].idle.pop()
    }

    /// Gives an order to a line. A line that has just gone gives it back by dropping it.
    pub fn order(&self, id: u64, order: Order) {
        if let Some(line) = self.lines.get(&id) {
            // There is room for what a line may be given; if its task is gone, its event will say so.
            drop(line.orders.try_send(order));
        }
    }

    /// How many lines may be opened for so many ready messages.
    pub fn may_open(&self, index: usize, ready: usize) -> u32 {
        let state = &self.states[index];
        let most = if state.is_proven { state.named.connections } else { 1 };
        let room = most.saturating_sub(state.open + state.opening);
        let wanted = u32::try_from(ready).unwrap_or(u32::MAX).saturating_sub(state.opening);
        room.min(wanted)
    }

    /// Notes a line that is being opened; returns its id and where its orders come from.
    pub fn opening(&mut self, index: usize) -> (u64, mpsc::Receiver<Order>) {
        let id = self.next_line;
        self.next_line += 1;
        let (orders, receiver) = mpsc::channel(ORDERS_MAX);
        self.states[index].opening += 1;
        self.lines.insert(id, Line { relay: index, orders, is_opening: true, has_accepted: false, ahead: None });
        (id, receiver)
    }

    /// A line is open and idle.
    pub fn opened(&mut self, id: u64) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.is_opening = false;
        let state = &mut self.states[line.relay];
        state.opening -= 1;
        state.open += 1;
        state.auth_refused = 0;
        // One that was set aside has to take a message first.
        state.is_proven |= state.aside.is_none();
        state.idle.push(id);
    }

    /// A line has carried a message; if it is still open it goes on with the next one, or is idle.
    pub fn carried(&mut self, id: u64, is_accepted: bool, is_open: bool) -> After {
        let mut after = After::default();
        let Some(line) = self.lines.get_mut(&id) else { return after };
        let state = &mut self.states[line.relay];
        if is_accepted {
            line.has_accepted = true;
            state.is_proven = true;
            state.fruitless = 0;
            after.is_back = state.aside.take().is_some();
        }
        if is_open {
            after.next = line.ahead.take();
            if after.next.is_none() {
                state.idle.push(id);
            } else {
                state.unaccompanied.push(id);
            }
        }
        after
    }

    /// A line that was taken from the idle ones and got nothing to carry.
    pub fn put_back(&mut self, index: usize, id: u64) {
        self.states[index].idle.push(id);
    }

    /// A busy line of a relay that has nothing to carry after its present message.
    pub fn take_unaccompanied(&mut self, index: usize) -> Option<u64> {
        let state = &mut self.states[index];
        while let Some(id) = state.unaccompanied.pop() {
            // A line may have gone, or become idle, since.
            let is_idle = |state: &RelayState| state.idle.contains(&id);
            if self.lines.get(&id).is_some_and(|line| line.ahead.is_none()) && !is_idle(state) {
                return Some(id);
            }
        }
        None
    }

    /// Notes that a line has begun to carry a message and could be given the next one.
    pub fn busy(&mut self, id: u64) {
        if let Some(line) = self.lines.get(&id) {
            self.states[line.relay].unaccompanied.push(id);
        }
    }

    /// Notes what a line carries after its present message.
    pub fn set_ahead(&mut self, id: u64, begin: Begin) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.ahead = Some(begin);
        }
    }

    /// The message that a line which has ended was to carry next.
    pub fn take_ahead(&mut self, id: u64) -> Option<Begin> {
        self.lines.get_mut(&id)?.ahead.take()
    }

    /// A line that has been idle for long is let go, if it still is idle.
    pub fn let_go(&mut self, id: u64) {
        let Some(line) = self.lines.get(&id) else { return };
        let state = &mut self.states[line.relay];
        if let Some(at) = state.idle.iter().position(|other| *other == id) {
            state.idle.remove(at);
            state.open -= 1;
            self.lines.remove(&id);
        }
    }

    /// A line was closed by the worker itself, which says nothing about its relay.
    pub fn closed(&mut self, id: u64) {
        if let Some(line) = self.lines.remove(&id) {
            self.states[line.relay].open -= 1;
        }
    }

    /// A person has resumed a campaign: relays of its that refused the credentials get one more try, with what the
    /// password file holds now.
    pub fn try_again(&mut self, names: &[String], prepare: impl Fn(&NamedRelay) -> Option<NamedRelay>) {
        let refused = |state: &&mut RelayState| state.auth_refused >= AUTH_TRIES && names.contains(&state.named.name);
        for state in self.states.iter_mut().filter(refused) {
            state.auth_refused = AUTH_TRIES - 1;
            state.aside = None;
            if let Some(named) = prepare(&state.named) {
                state.named = named;
            }
        }
    }

    /// Whether every one of these relays has refused the credentials for good.
    pub fn all_refused(&self, names: &[String]) -> bool {
        let mut states = self.states.iter().filter(|state| names.contains(&state.named.name));
        states.all(|state| state.auth_refused >= AUTH_TRIES)
    }

    /// Lets every idle line go.
    pub fn close_idle(&mut self) {
        for state in &mut self.states {
            for id in state.idle.drain(..) {
                self.lines.remove(&id);
                state.open -= 1;
            }
        }
    }

    /// A line has ended, or could not be opened.
    pub fn ended(&mut self, id: u64, trouble: Option<&SendFailure>, now: Instant) -> Verdict {
        let Some(line) = self.lines.remove(&id) else { return Verdict::Fine };
        let state = &mut self.states[line.relay];
        state.idle.retain(|other| *other != id);
        if line.is_opening {
            state.opening -= 1;
        } else {
            state.open -= 1;
        }
        if line.has_accepted {
            return Verdict::Fine;
        }
        state.fruitless += 1;
        let is_auth = trouble.is_some_and(|trouble| trouble.class == FailureClass::Auth);
        if is_auth {
            state.auth_refused += 1;
            if state.auth_refused >= AUTH_TRIES {
                return Verdict::AuthRefused;
            }
        }
        let was_probe = state.aside.is_some();
        if !(is_auth || was_probe || state.fruitless >= FRUITLESS_MAX) {
            return Verdict::Fine;
        }
        let wait = state.aside.as_ref().map_or(self.aside_first, |aside| (aside.wait * 2).min(ASIDE_MAX));
        state.aside = Some(Aside { until: now + wait, wait });
        state.is_proven = false;
        Verdict::Aside(wait)
    }
}
