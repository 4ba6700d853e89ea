//! Servers that are bad before the first message, or after the last one: everybody is told later, or nobody is, and says so.

use candor::domain::outcome::Phase;
use candor::smtp::inbox::Action;

use crate::bad::{Case, Ends, Times, slowly};
use crate::cases::try_all;

/// What no reader should hold in memory.
const ENDLESS_OCTETS: usize = 16 * 1_024 * 1_024;

fn raw(text: &str) -> Action {
    Action::Raw(text.as_bytes().to_vec())
}

/// Replies that are none (faults.md, 10), as the answer to any command.
pub fn malformed() -> Vec<(&'static str, Action)> {
    vec![
        ("no code", raw("what do you want\r\n")),
        ("no digits", raw("2x0 ok\r\n")),
        ("code 299", raw("299 ok\r\n")),
        ("code 600", raw("600 ok\r\n")),
        ("mixed codes", raw("250-one\r\n550 two\r\n")),
        ("a line of a megabyte", Action::Raw([b"250 ".to_vec(), vec![b'x'; 1_024 * 1_024], b"\r\n".to_vec()].concat())),
        ("a line without an end", Action::Raw([b"250 ".to_vec(), vec![b'x'; ENDLESS_OCTETS]].concat())),
        ("lines without an end", raw(&"250-more\r\n".repeat(ENDLESS_OCTETS / 10))),
        ("a zero octet for a space", raw("250\0ok\r\n")),
        ("a code in other digits", raw("２５０ ok\r\n")),
        ("a bare line feed", raw("250 ok\n")),
        ("a bare carriage return", raw("250 ok\r250 ok\r\n")),
    ]
}

/// Once: everybody is told a moment later, by one attempt each. For ever: nobody is, and nobody was tried.
fn before_the_first_message() -> Vec<Case> {
    let both = |phase: Phase, fault: &str, action: Action, always: &'static str| {
        [(Times::Once, Ends::Told(1, 1)), (Times::Always, Ends::Nobody(always))].map(|(times, ends)| Case {
            phase,
            fault: fault.to_owned(),
            action: action.clone(),
            times,
            ends,
            pipelining: true,
        })
    };
    let mut cases = Vec::new();
    for (phase, good) in [(Phase::Banner, "220 hello"), (Phase::Ehlo, "250 hello")] {
        cases.extend(both(phase, "closes", Action::Close, "expired"));
        cases.extend(both(phase, "hangs", Action::Hang, "expired"));
        cases.extend(both(phase, "drips", slowly(good), "expired"));
        for line in ["421 4.3.2 going down", "450 not today", "554 5.3.2 no service here"] {
            cases.extend(both(phase, line, Action::reply(line), "expired"));
        }
        for (fault, action) in malformed() {
            cases.extend(both(phase, fault, action, "expired"));
        }
    }
    cases.extend(both(Phase::Connect, "closes", Action::Close, "expired"));
    cases.extend(both(Phase::Connect, "hangs", Action::Hang, "expired"));
    cases.extend(both(Phase::Banner, "354 for 220", Action::reply("354 go ahead"), "expired"));
    cases.extend(both(Phase::Banner, "two banners", raw("220 one\r\n220 two\r\n"), "expired"));
    cases
}

#[test]
fn a_server_that_is_bad_before_the_first_message_costs_nobody_an_attempt() {
    try_all(&before_the_first_message(), Case::name, Case::run);
}

#[test]
fn whatever_a_server_does_at_quit_everybody_stays_accepted() {
    let faults = [
        ("closes", Action::Close),
        ("hangs", Action::Hang),
        ("drips", slowly("221 bye")),
        ("421", Action::reply("421 4.3.2 going down")),
        ("500", Action::reply("500 5.5.1 never heard of it")),
        ("250 for 221", Action::reply("250 ok")),
    ];
    let cases = faults.into_iter().chain(malformed()).map(|(fault, action)| Case {
        phase: Phase::Quit,
        fault: fault.to_owned(),
        action,
        times: Times::Always,
        ends: Ends::Told(1, 1),
        pipelining: true,
    });
    try_all(&cases.collect::<Vec<_>>(), Case::name, Case::run);
}
