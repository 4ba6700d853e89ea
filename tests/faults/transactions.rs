//! Faults in the middle of three people's messages: what becomes of the one they hit, and of the two beside.
//!
//! With pipelining the trouble of one message meets the next one's envelope, already sent: both are looked at.

use std::time::Duration;

use candor::domain::outcome::Phase;
use candor::smtp::inbox::Action;

use crate::bad::{Case, Ends, Times, slowly};
use crate::cases::try_all;
use crate::servers::malformed;
use crate::support::tools::full;

use Ends::{Failed, InDoubt, Told, ToldSomehow, Waits};
use Phase::{Body, Data, EndOfData, Mail, Rcpt};
use Times::{Always, Once};

fn raw(text: &str) -> Action {
    Action::Raw(text.as_bytes().to_vec())
}

fn reply(line: &str) -> (String, Action) {
    (line.to_owned(), Action::reply(line))
}

fn named(name: &str, action: Action) -> (String, Action) {
    (name.to_owned(), action)
}

type Row = (Phase, (String, Action), Times, Ends);

/// Each with and without pipelining; what makes no sense in any case, in turns, unless all is asked for.
fn both_ways(table: Vec<Row>) -> Vec<Case> {
    let malformed: Vec<&str> = malformed().into_iter().map(|(name, _)| name).collect();
    let ways = |(at, (phase, (fault, action), times, ends)): (usize, Row)| {
        let in_turns = !full() && malformed.contains(&fault.as_str());
        let ways = [true, false].into_iter().filter(move |way| !in_turns || *way == (at % 2 == 0));
        ways.map(move |pipelining| Case {
            phase,
            fault: fault.clone(),
            action: action.clone(),
            times,
            ends,
            pipelining,
        })
    };
    table.into_iter().enumerate().flat_map(ways).collect()
}

/// Nothing of the message has been taken, and the server said no or nothing: the next try brings it.
fn before_the_body() -> Vec<Case> {
    let mut table = Vec::new();
    for (phase, good) in [(Mail, "250 ok"), (Rcpt, "250 ok"), (Data, "354 go ahead")] {
        for fault in [
            named("closes", Action::Close),
            named("hangs", Action::Hang),
            named("drips", slowly(good)),
            reply("421 4.3.2 going down"),
        ] {
            table.push((phase, fault, Once, Told(1, 1)));
        }
        for (fault, action) in malformed() {
            table.push((phase, named(fault, action), Once, ToldSomehow));
        }
    }
    table.extend([
        (Mail, reply("451 4.3.0 later"), Once, Told(1, 1)),
        (Rcpt, reply("450 4.2.0 busy"), Once, Told(2, 1)),
        (Rcpt, reply("452 4.5.3 too many recipients"), Once, Told(2, 1)),
        (Rcpt, reply("552 too many recipients"), Once, Told(2, 1)),
        (Rcpt, reply("251 will forward"), Always, Told(1, 1)),
        (Rcpt, reply("252 cannot say"), Always, Told(1, 1)),
        (Rcpt, reply("550 5.1.1 no such user"), Always, Failed("bad-address")),
        (Rcpt, reply("550 5.7.1 blocked"), Always, Failed("policy")),
        (Rcpt, reply("556 5.1.10 null MX"), Always, Failed("bad-domain")),
        (Rcpt, reply("450 4.2.0 busy"), Always, Failed("other-temporary")),
        (Rcpt, reply("450 4.7.1 greylisted"), Once, Waits("deferred", "greylisted")),
        (Rcpt, reply("452 4.2.2 mailbox full"), Always, Waits("deferred", "mailbox-full")),
        (Data, reply("451 4.3.0 later"), Once, Told(2, 1)),
        (Data, reply("554 5.7.1 blocked"), Always, Failed("policy")),
        (Data, reply("250 ok"), Once, ToldSomehow),
        (Data, named("354 with a 250 behind it", raw("354 go ahead\r\n250 taken\r\n")), Once, ToldSomehow),
        (Data, named("a 250 before the 354", raw("250 ok\r\n354 go ahead\r\n")), Once, ToldSomehow),
    ]);
    both_ways(table)
}

/// The body was on its way, or the dot had left.
fn from_the_body_on() -> Vec<Case> {
    let mut table = vec![
        (Body, named("closes", Action::Close), Once, ToldSomehow),
        (Body, named("hangs", Action::Hang), Once, ToldSomehow),
        (Body, reply("421 4.3.2 going down"), Once, ToldSomehow),
        (Body, reply("451 4.3.0 later"), Once, ToldSomehow),
        (EndOfData, named("closes", Action::Close), Once, Told(2, 1)),
        (EndOfData, named("takes and closes", Action::CloseAfterTaking), Once, Told(2, 2)),
        (EndOfData, named("takes and closes", Action::CloseAfterTaking), Always, InDoubt(2)),
        (EndOfData, named("closes", Action::Close), Always, InDoubt(2)),
        (EndOfData, named("hangs", Action::Hang), Once, Told(2, 1)),
        (EndOfData, named("drips", slowly("250 2.0.0 ok, in a moment or two")), Once, Told(2, 2)),
        (EndOfData, reply("421 4.3.2 going down"), Once, Told(2, 1)),
        (EndOfData, reply("450 4.2.0 busy"), Once, Told(2, 1)),
        (EndOfData, reply("550 5.7.1 blocked"), Always, Failed("policy")),
        (EndOfData, reply("554 5.6.0 no"), Always, Failed("policy")),
        (EndOfData, reply("550 5.1.1 no such user"), Always, Failed("bad-address")),
        (EndOfData, reply("552 full"), Always, Waits("deferred", "mailbox-full")),
        (EndOfData, reply("354 go on"), Always, InDoubt(2)),
        (EndOfData, reply("299 what"), Always, InDoubt(2)),
        (
            EndOfData,
            named("no last line", Action::Drip(b"250-ok\r\n250-more\r\n".to_vec(), Duration::from_millis(1))),
            Always,
            InDoubt(2),
        ),
        (EndOfData, named("250 twice", raw("250 2.0.0 ok\r\n250 2.0.0 ok\r\n")), Once, Told(1, 1)),
        (
            EndOfData,
            named("250 and more than is owed", raw("250 ok\r\n250 ok\r\n250 ok\r\n354 ok\r\n250 ok\r\n")),
            Once,
            Told(1, 1),
        ),
        (
            EndOfData,
            named("250 in several lines", raw("250-2.0.0 ok\r\n250-2.0.0 so\r\n250 2.0.0 it is\r\n")),
            Always,
            Told(1, 1),
        ),
        (
            EndOfData,
            named("250 in no known letters", Action::Raw(b"250 2.0.0 \xff\xfe ok\r\n".to_vec())),
            Always,
            Told(1, 1),
        ),
        (
            EndOfData,
            named("250 in pieces", Action::Drip(b"250 2.0.0 ok\r\n".to_vec(), Duration::from_millis(5))),
            Always,
            Told(1, 1),
        ),
    ];
    for (fault, action) in malformed() {
        table.push((EndOfData, named(fault, action), Always, InDoubt(2)));
    }
    both_ways(table)
}

#[test]
fn a_fault_before_the_body_delays_the_one_it_hits_and_nobody_else() {
    try_all(&before_the_body(), Case::name, Case::run);
}

#[test]
fn a_fault_after_the_dot_leaves_its_one_in_doubt_and_nobody_else() {
    try_all(&from_the_body_on(), Case::name, Case::run);
}
