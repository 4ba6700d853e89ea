//! The relays and their lines: which may be used, which are set aside, which line is idle.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::super::carry::Order;
use super::super::relay::NamedRelay;
use super::super::talk::Word;
use crate::domain::outcome::{FailureClass, SendFailure};
use crate::domain::retry::AUTH_TRIES;

/// Connections in a row without an accepted message before a relay is set aside (delivery.md, "Rates").
const FRUITLESS_MAX: u32 = 5;
/// The longest that a relay is set aside before it is probed again.
const ASIDE_MAX: Duration = Duration::from_secs(5 * 60);
/// Messages with one line at a time: on the wire, its envelope behind that one, composed.
pub const DEPTH: usize = 3;
/// Room for these and for the word that one may leave.
const WORDS_MAX: usize = DEPTH + 2;
/// While some domain is limited, one line of so many carries one message at a time, to be free when that domain's turn
/// comes.
const SHALLOW_SHARE: u64 = 4;

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
    /// Open lines, by how many messages are with them.
    by_load: BTreeSet<(usize, u64)>,
    opening: u32,
    /// It lets us in, and has taken a message if it was set aside; until then one connection at a time is enough.
    is_proven: bool,
    fruitless: u32,
    auth_refused: u32,
    aside: Option<Aside>,
}

struct Aside {
    since: Instant,
    until: Instant,
    wait: Duration,
}

struct Line {
    relay: usize,
    words: mpsc::Sender<Word>,
    begun: Instant,
    is_opening: bool,
    /// It may be picked: open, and listening.
    is_listed: bool,
    has_accepted: bool,
    load: usize,
}

/// Which lines may be given one more message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Only those with nothing to do.
    Idle,
    /// Those with fewer than [`DEPTH`]; with `spare`, some are kept shallow.
    Deep {
        /// Some domain is limited.
        spare: bool,
    },
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
            by_load: BTreeSet::new(),
            opening: 0,
            is_proven: false,
            fruitless: 0,
            auth_refused: 0,
            aside: None,
        });
        Self { states: states.collect(), lines: HashMap::new(), next_line: 0, aside_first }
    }

    /// The first of these relays that may be used now, but for those in `except`; otherwise when one may be probed.
    pub fn usable(
        &self,
        names: &[String],
        now: Instant,
        except: impl Fn(usize) -> bool,
    ) -> Result<usize, Option<Instant>> {
        let mut soonest = None;
        for name in names {
            let Some(index) = self.index(name).filter(|index| !except(*index)) else { continue };
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

    /// The place of a relay in the list.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.states.iter().position(|state| *state.named.name == *name)
    }

    /// The relay of an index that [`Relays::usable`] gave.
    pub fn state(&self, index: usize) -> &RelayState {
        &self.states[index]
    }

    /// The relay of a line.
    pub fn of_line(&self, id: u64) -> Option<usize> {
        self.lines.get(&id).map(|line| line.relay)
    }

    /// The line of a relay that has least to do, if it may be given one more message. `may`: which lines come into
    /// question.
    pub fn pick(&self, index: usize, depth: Depth, may: impl Fn(u64) -> bool) -> Option<u64> {
        for &(load, id) in &self.states[index].by_load {
            let has_room = match depth {
                Depth::Idle => load == 0,
                Depth::Deep { spare } => load == 0 || load < DEPTH && !(spare && id % SHALLOW_SHARE == 0),
            };
            if has_room && may(id) {
                return Some(id);
            }
            if load >= DEPTH || (depth == Depth::Idle && load > 0) {
                return None;
            }
        }
        None
    }

    /// Gives an order to a line.
    ///
    /// # Errors
    /// The order, where the line has just gone.
    pub fn order(&mut self, id: u64, order: Order) -> Result<(), Order> {
        let Some(line) = self.lines.get_mut(&id) else { return Err(order) };
        match line.words.try_send(Word::Order(order)) {
            Ok(()) => {
                set_load(&mut self.states, line, id, line.load + 1);
                Ok(())
            }
            Err(refused) => {
                // It is not picked again until its task has said that it is gone.
                self.states[line.relay].by_load.remove(&(line.load, id));
                line.is_listed = false;
                match refused.into_inner() {
                    Word::Order(order) => Err(order),
                    Word::Leave { .. } => Ok(()),
                }
            }
        }
    }

    /// Tells a line whether the message that it has asked about may leave.
    pub fn leave(&self, id: u64, recipient_id: i64, may: bool) {
        if let Some(line) = self.lines.get(&id) {
            // There is room for it; a line that has gone has given its messages back.
            drop(line.words.try_send(Word::Leave { recipient_id, may }));
        }
    }

    /// How many lines may be opened for so many ready messages.
    pub fn may_open(&self, index: usize, ready: usize) -> u32 {
        let state = &self.states[index];
        let most = if state.is_proven { state.named.connections } else { 1 };
        let room = most.saturating_sub(u32::try_from(state.by_load.len()).unwrap_or(u32::MAX) + state.opening);
        let wanted = u32::try_from(ready).unwrap_or(u32::MAX).saturating_sub(state.opening);
        // However many connections are lost at once, credentials that are no longer right are tried three times.
        let tries =
            if state.named.signs_in() { AUTH_TRIES.saturating_sub(state.auth_refused + state.opening) } else { room };
        room.min(wanted).min(tries)
    }

    /// Notes a line that is being opened; returns its id and where its words come from.
    pub fn opening(&mut self, index: usize, now: Instant) -> (u64, mpsc::Receiver<Word>) {
        let id = self.next_line;
        self.next_line += 1;
        let (words, receiver) = mpsc::channel(WORDS_MAX);
        self.states[index].opening += 1;
        let line =
            Line { relay: index, words, begun: now, is_opening: true, is_listed: false, has_accepted: false, load: 0 };
        self.lines.insert(id, line);
        (id, receiver)
    }

    /// A line is open and idle.
    pub fn opened(&mut self, id: u64) {
        let Some(line) = self.lines.get_mut(&id) else { return };
        line.is_opening = false;
        line.is_listed = true;
        let state = &mut self.states[line.relay];
        state.opening -= 1;
        state.by_load.insert((line.load, id));
        state.auth_refused = 0;
        // One that was set aside has to take a message first.
        state.is_proven |= state.aside.is_none();
    }

    /// A line is done with so many messages, one of them accepted or none. Returns whether its relay is back after having
    /// been set aside.
    pub fn carried(&mut self, id: u64, messages: usize, has_accepted: bool) -> bool {
        let Some(line) = self.lines.get_mut(&id) else { return false };
        set_load(&mut self.states, line, id, line.load.saturating_sub(messages));
        if !has_accepted {
            return false;
        }
        line.has_accepted = true;
        let state = &mut self.states[line.relay];
        state.is_proven = true;
        state.fruitless = 0;
        state.aside.take().is_some()
    }

    /// A line that has been idle for long is let go, if it still is idle.
    pub fn let_go(&mut self, id: u64) {
        if self.lines.get(&id).is_some_and(|line| line.load == 0) {
            self.forget(id);
        }
    }

    /// A line was closed by the worker itself, which says nothing about its relay.
    pub fn closed(&mut self, id: u64) {
        self.forget(id);
    }

    fn forget(&mut self, id: u64) -> Option<Line> {
        let line = self.lines.remove(&id)?;
        let state = &mut self.states[line.relay];
        if line.is_opening {
            state.opening -= 1;
        } else {
            state.by_load.remove(&(line.load, id));
        }
        Some(line)
    }

    /// A person has resumed a campaign: relays of its that refused the credentials get one more try, with what the
    /// password file holds now.
    pub fn try_again(&mut self, names: &[String], prepare: impl Fn(&NamedRelay) -> Option<NamedRelay>) {
        let refused = |state: &&mut RelayState| state.auth_refused >= AUTH_TRIES && state.is_among(names);
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
        let mut states = self.states.iter().filter(|state| state.is_among(names));
        states.all(|state| state.auth_refused >= AUTH_TRIES)
    }

    /// Lets every idle line go.
    pub fn close_idle(&mut self) {
        let idle: Vec<u64> = self.lines.iter().filter(|(_, line)| line.load == 0).map(|(id, _)| *id).collect();
        for id in idle {
            self.forget(id);
        }
    }

    /// A line has ended, or could not be opened.
    pub fn ended(&mut self, id: u64, trouble: Option<&SendFailure>, now: Instant) -> Verdict {
        let Some(line) = self.forget(id) else { return Verdict::Fine };
        let state = &mut self.states[line.relay];
        // Whoever was on the way when the relay was set aside is no probe of it.
        let is_late = state.aside.as_ref().is_some_and(|aside| line.begun < aside.since);
        if line.has_accepted || is_late {
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
        state.aside = Some(Aside { since: now, until: now + wait, wait });
        state.is_proven = false;
        Verdict::Aside(wait)
    }
}

impl RelayState {
    fn is_among(&self, names: &[String]) -> bool {
        names.iter().any(|name| **name == *self.named.name)
    }
}

fn set_load(states: &mut [RelayState], line: &mut Line, id: u64, load: usize) {
    if line.is_listed {
        let by_load = &mut states[line.relay].by_load;
        by_load.remove(&(line.load, id));
        by_load.insert((load, id));
    }
    line.load = load;
}
