//! One bad server: a fault at one phase, once or for ever, and what must have become of three people at the end.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use candor::domain::outcome::Phase;
use candor::smtp::inbox::{Action, Extensions, Inbox, InboxOptions, Moment};
use tokio::runtime::Handle;

use crate::judge::{C, Said, judge, number, text};
use crate::settings::Settings;
use crate::template::{PEOPLE, approved};

/// The one that faults from MAIL on are about.
pub const SECOND: &str = "p2@example.org";
/// Longer than a good server takes on a machine that compiles meanwhile.
const LIMIT_MS: u64 = 900;

/// How often the fault happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    Once,
    Always,
}

/// What must have come of it. Whoever is not meant is accepted, with one copy and one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Everybody is told, the second after so many attempts, in so many copies.
    Told(u64, usize),
    /// Everybody is told; how many attempts it took depends on where the bytes were when it happened.
    ToldSomehow,
    /// The second failed for good, in this class.
    Failed(&'static str),
    /// The second waits, in this state and class.
    Waits(&'static str, &'static str),
    /// The second stays in doubt, after so many attempts.
    InDoubt(u64),
    /// Nobody was told, and nothing taken: all in this class.
    Nobody(&'static str),
}

#[derive(Debug, Clone)]
pub struct Case {
    pub phase: Phase,
    pub fault: String,
    pub action: Action,
    pub times: Times,
    pub ends: Ends,
    pub pipelining: bool,
}

impl Case {
    pub fn name(&self) -> String {
        let Self { phase, fault, times, pipelining, .. } = self;
        let how = if *pipelining { "pipelined" } else { "one at a time" };
        format!("{phase} {fault} {times:?}, {how}")
    }

    fn is_meant(&self, moment: &Moment<'_>, met: &AtomicU32) -> bool {
        if moment.step.phase() != self.phase {
            return false;
        }
        match (moment.step.mailbox(), self.times) {
            (Some(to), Times::Once) => {
                to == SECOND && moment.seen_before == 0 && met.fetch_add(1, Ordering::SeqCst) == 0
            }
            (Some(to), Times::Always) => to == SECOND,
            // The second MAIL, and the first of anything earlier; QUIT always.
            (None, Times::Once) => met.fetch_add(1, Ordering::SeqCst) == u32::from(self.phase == Phase::Mail),
            (None, Times::Always) => true,
        }
    }

    /// The settings: only the time limit that the case is about is short.
    fn settings(&self, inbox: &Inbox) -> Settings {
        let waits = matches!(self.action, Action::Hang | Action::Drip(..));
        let limit = match self.phase {
            _ if !waits => "",
            Phase::Connect | Phase::Banner => "banner",
            Phase::Data => "data",
            Phase::Body | Phase::EndOfData => "end_of_data",
            _ => "command",
        };
        let give_up = match self.ends {
            Ends::Nobody(_) => "700ms",
            // Longer than a greylisted or full mailbox waits.
            Ends::Waits(..) => "72h",
            _ => "10s",
        };
        Settings::to(inbox).connections(1).delivery(&format!("give_up_after = \"{give_up}\"")).limit(limit, LIMIT_MS)
    }

    /// Sends three people's messages to this server and judges the end.
    pub fn run(&self, handle: &Handle) {
        let (case, met) = (self.clone(), AtomicU32::new(0));
        let script = move |moment: Moment<'_>| {
            if case.is_meant(&moment, &met) { case.action.clone() } else { Action::Default }
        };
        let extensions = Extensions { pipelining: self.pipelining, ..Extensions::default() };
        let options = InboxOptions { extensions, ..InboxOptions::scripted(script) };
        let inbox = handle.block_on(Inbox::start(options)).expect("loopback has a port");
        let house = approved(&self.settings(&inbox));
        let how = if matches!(self.ends, Ends::Waits(..)) { "send c" } else { "send c --until-final" };
        let ran = house.line(how);
        let (said, taken) = (Said::of(&house), handle.block_on(inbox.stop()));
        judge(&said, &taken, PEOPLE);
        assert_eq!(said.count("sending"), 0, "{}", said.status);
        assert!(matches!(ran.code, Some(0 | 1 | 3)), "{ran:?}");
        let copies = |address: &str| crate::judge::copies(&taken, address);
        if let Ends::Nobody(class) = self.ends {
            assert_eq!((taken.len(), said.count("accepted")), (0, 0), "{}", said.status);
            for person in &said.people {
                assert_eq!(person["class"], class, "{person}\n{}\n{}", said.status, ran.err);
            }
            return;
        }
        for address in ["p1@example.org", "p3@example.org"] {
            let person = said.person(address);
            assert_eq!((text(person, "state"), number(person, "attempts")), ("accepted", 1), "{person}");
            assert_eq!(copies(address), 1, "{address}");
        }
        let second = said.person(SECOND);
        let is = (text(second, "state"), second["class"].as_str(), number(second, "attempts"));
        match self.ends {
            Ends::Told(attempts, wanted) => {
                assert_eq!((is, copies(SECOND)), (("accepted", None, attempts), wanted), "{second}");
            }
            Ends::ToldSomehow => assert_eq!((is.0, copies(SECOND)), ("accepted", 1), "{second}"),
            Ends::Failed(class) => assert_eq!((is.0, is.1, copies(SECOND)), ("failed", Some(class), 0), "{second}"),
            Ends::Waits(state, class) => assert_eq!((is.0, is.1), (state, Some(class)), "{second}"),
            Ends::InDoubt(attempts) => assert_eq!((is.0, is.2), ("in-doubt", attempts), "{second}"),
            Ends::Nobody(_) => unreachable!("it was looked at before"),
        }
        assert_eq!(said.status["campaign"], C);
    }
}

/// A good reply, so slow that no limit is kept.
pub fn slowly(reply: &str) -> Action {
    Action::Drip(format!("{reply}\r\n").into_bytes(), Duration::from_millis(400))
}
