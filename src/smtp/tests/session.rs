//! The session without a socket: every trap of faults.md 10 to 12, and arbitrary bytes.

use proptest::prelude::*;

use crate::domain::address::Mailbox;
use crate::domain::outcome::Phase;
use crate::smtp::command::{Command, MailParameters};
use crate::smtp::reply::ReplyError;
use crate::smtp::session::{Answer, Awaited, Session, SessionFailure};

/// What a client saw of one message.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    accepted: bool,
    refused: Option<(Awaited, u16)>,
    failure: Option<(Phase, SessionFailure)>,
    /// Octets received when the end of the data left.
    at_end_of_data: usize,
}

/// Sends one message through a session, reacting to each answer at once, as `Connection` does with PIPELINING.
fn client(pieces: &[Vec<u8>]) -> Seen {
    let mut session = Session::new();
    let mut seen = Seen::default();
    let mut octets = 0;
    for piece in pieces {
        octets += piece.len();
        session.receive(piece);
        loop {
            let phase = session.phase();
            match session.next_answer() {
                Ok(None) => break,
                Ok(Some(answer)) => react(&mut session, &mut seen, &answer, octets),
                Err(failure) => {
                    seen.failure = Some((phase, failure));
                    return seen;
                }
            }
        }
    }
    seen
}

fn react(session: &mut Session, seen: &mut Seen, answer: &Answer, octets: usize) {
    if answer.reply.code >= 400 {
        seen.refused.get_or_insert((answer.to, answer.reply.code));
        return;
    }
    let to = Mailbox::parse("anna@example.org").unwrap();
    match answer.to {
        Awaited::Banner => drop(session.command(&Command::Ehlo("client.example"))),
        Awaited::Ehlo => {
            for command in [Command::Mail(None, MailParameters::default()), Command::Rcpt(&to, None), Command::Data] {
                drop(session.command(&command));
            }
        }
        Awaited::Data if seen.refused.is_none() && session.end_of_data().is_ok() => seen.at_end_of_data = octets,
        Awaited::EndOfData => seen.accepted = true,
        _ => {}
    }
}

fn pieces(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

const GOOD: [&str; 4] =
    ["220 hi\r\n", "250-hi\r\n250 PIPELINING\r\n", "250 a\r\n250 b\r\n354 go\r\n", "250 2.0.0 queued as 7\r\n"];

#[test]
fn a_message_is_accepted_with_its_own_250() {
    assert!(client(&pieces(&GOOD)).accepted);
    let bytes: Vec<Vec<u8>> = GOOD.concat().bytes().map(|b| vec![b]).collect();
    assert!(client(&bytes).accepted);
    let with_251 = [GOOD[0], GOOD[1], "250 a\r\n252 b\r\n354 go\r\n", GOOD[3]];
    assert!(client(&pieces(&with_251)).accepted);
}

#[test]
fn replies_that_make_no_sense_end_the_session_in_their_phase() {
    use SessionFailure::*;
    for (end, phase, failure) in [
        (vec!["250 a\r\n250 b\r\n250 c\r\n"], Phase::Data, WrongReply { code: 250 }),
        (vec!["250 a\r\n250 b\r\n354 go\r\n250 early\r\n"], Phase::Data, OutOfStep),
        (vec!["250 a\r\n250 b\r\n354 go\r\n2"], Phase::Data, OutOfStep),
        (vec!["354 a\r\n"], Phase::Rcpt, WrongReply { code: 354 }),
        (vec!["250 a\r\n220 b\r\n"], Phase::Data, WrongReply { code: 220 }),
        (vec!["250 a\r\n250 b\r\n354 go\r\n", "354 more\r\n"], Phase::EndOfData, WrongReply { code: 354 }),
        (vec!["250 a\r\n250 b\r\n354 go\r\n", "251 odd\r\n"], Phase::EndOfData, WrongReply { code: 251 }),
        (vec!["250 a\r\n250 b\r\n354 go\r\n", "299 odd\r\n"], Phase::EndOfData, Reply(ReplyError::Code(299))),
        (vec!["250 a\r\n250 b\r\n354 go\r\n", "250 ok\n"], Phase::EndOfData, Reply(ReplyError::BareLineEnd)),
        (vec!["250 a\r\n250 b\r\n354 go\r\n", "250 o\0k\r\n"], Phase::EndOfData, Reply(ReplyError::Nul)),
        (vec!["250 a\r\n250 b\r\n354 go\r\n", "250-a\r\n550 b\r\n"], Phase::EndOfData, Reply(ReplyError::MixedCodes)),
        (vec!["250 a\r\n250 b\r\n354 go\r\n", "ok\r\n"], Phase::EndOfData, Reply(ReplyError::NoCode)),
    ] {
        let all = [pieces(&GOOD[..2]), pieces(&end)].concat();
        let seen = client(&all);
        assert!(!seen.accepted, "{end:?}");
        assert_eq!(seen.failure, Some((phase, failure)), "{end:?}");
    }
}

#[test]
fn a_second_250_ends_the_session_and_leaves_the_message_accepted() {
    for last in ["250 ok\r\n250 ok\r\n", "250 ok\r\ngarbage", "250 ok\r\n250-"] {
        let seen = client(&[pieces(&GOOD[..3]), pieces(&[last])].concat());
        assert!(seen.accepted, "{last:?}");
        assert_eq!(seen.failure.map(|(_, failure)| failure), Some(SessionFailure::OutOfStep), "{last:?}");
    }
}

#[test]
fn refusals_are_answers_and_421_is_the_last_one() {
    for (end, to, code) in [
        ("450 a\r\n503 b\r\n503 c\r\n", Awaited::Mail, 450),
        ("250 a\r\n571 b\r\n354 c\r\n", Awaited::Rcpt, 571),
        ("421 bye\r\n250 b\r\n354 c\r\n250 d\r\n", Awaited::Mail, 421),
        ("250 a\r\n421 bye\r\nanything", Awaited::Rcpt, 421),
    ] {
        let seen = client(&[pieces(&GOOD[..2]), pieces(&[end])].concat());
        assert_eq!((seen.accepted, seen.refused, seen.failure), (false, Some((to, code)), None), "{end:?}");
    }
}

#[test]
fn a_refusal_that_nobody_asked_for_is_told_apart_from_noise() {
    let seen = client(&[pieces(&GOOD[..3]), pieces(&[GOOD[3]]), pieces(&["421 idle\r\n"])].concat());
    assert!(seen.accepted);
    assert!(matches!(seen.failure, Some((_, SessionFailure::Unasked(reply))) if reply.code == 421));
}

#[test]
fn body_and_next_envelope_may_leave_in_one_group() {
    let mut session = Session::new();
    let mail = || Command::Mail(None, MailParameters::default());
    session.receive(b"220 hi\r\n");
    session.command(&mail()).unwrap();
    session.command(&Command::Data).unwrap();
    assert_eq!(session.command(&mail()), Err(SessionFailure::NotNow));
    session.receive(b"250 a\r\n354 go\r\n");
    assert_eq!(session.command(&mail()), Err(SessionFailure::NotNow));
    session.end_of_data().unwrap();
    session.command(&mail()).unwrap();
    session.receive(b"250 taken\r\n250 next\r\n");
    let answers: Vec<Awaited> = std::iter::from_fn(|| session.next_answer().unwrap()).map(|a| a.to).collect();
    assert_eq!(answers, [Awaited::Banner, Awaited::Mail, Awaited::Data, Awaited::EndOfData, Awaited::Mail]);
}

#[test]
fn an_end_of_data_without_354_is_not_possible() {
    assert_eq!(Session::new().end_of_data(), Err(SessionFailure::NotNow));
}

/// One of the good replies, or something else in its place.
fn reply(good: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(vec![
        "250 ok\r\n",
        "250 ok\r\n250 ok\r\n",
        "250\r\n",
        "250-ok\r\n",
        "250 ok\n",
        "250 ok\r",
        "299 x\r\n",
        "354 go\r\n",
        "421 bye\r\n",
        "550 no\r\n",
        "250-a\r\n251 b\r\n",
        "2500 x\r\n",
        "\r\n",
        "250 \0\r\n",
        " 250 ok\r\n",
        "",
    ]);
    prop_oneof![
        12 => Just(good.as_bytes().to_vec()),
        1 => odd.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..30),
    ]
}

fn conversation() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let replies =
        ["220 hi\r\n", "250-hi\r\n250 X\r\n", "250 a\r\n", "250 b\r\n", "354 go\r\n", "250 ok\r\n", ""].map(reply);
    // Each reply comes whole, cut in two at some place, or stuck to the next one.
    (replies, prop::collection::vec((0_usize..12, 0_u8..4), 7)).prop_map(|(replies, cuts)| {
        let mut pieces = vec![Vec::new()];
        for (reply, (cut, how)) in replies.into_iter().zip(cuts) {
            let cut = if how == 0 { cut.min(reply.len()) } else { reply.len() };
            pieces.last_mut().unwrap().extend_from_slice(&reply[..cut]);
            if how != 1 {
                pieces.push(reply[cut..].to_vec());
            }
        }
        pieces
    })
}

/// The code of the `n`th reply of a text, read in the simplest way there is.
fn nth_code(text: &[u8], n: usize) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let last_lines = text.split_terminator("\r\n").filter(|line| line.as_bytes().get(3) != Some(&b'-'));
    last_lines.map(|line| line.chars().take(3).collect()).nth(n)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nothing_is_accepted_without_a_250_to_its_own_end_of_data(pieces in conversation()) {
        let seen = client(&pieces);
        if seen.accepted {
            let all = pieces.concat();
            let (before, after) = all.split_at(seen.at_end_of_data);
            prop_assert!(before.ends_with(b"\r\n") && after.starts_with(b"250"));
            prop_assert_eq!(nth_code(before, 4), Some("354".to_owned()));
            prop_assert_eq!(nth_code(before, 5), None);
            prop_assert_eq!(nth_code(after, 0), Some("250".to_owned()));
        }
    }

    #[test]
    fn arbitrary_bytes_never_accept_anything(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..20)) {
        prop_assert!(!client(&pieces).accepted);
    }
}
