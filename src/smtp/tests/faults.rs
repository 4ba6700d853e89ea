//! Closes, silence and nonsense at each step of a message: what is in doubt and what is not.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::timeout;

use super::*;
use crate::domain::outcome::Phase;
use crate::smtp::ErrorKind;
use crate::smtp::inbox::script::{always, first};
use crate::smtp::inbox::{Action, Moment, Step};

/// Opens, sends one message and gives the first error.
async fn failure(inbox: &Inbox, timeouts: Timeouts, body: &WireBody) -> SmtpError {
    let mut connection = match Connection::open(&Server { timeouts, ..server(inbox) }).await {
        Ok(connection) => connection,
        Err(error) => return error,
    };
    let error = send(&mut connection, "a@example.org", body).await.unwrap_err();
    assert!(!connection.is_usable());
    error
}

#[tokio::test]
async fn a_close_is_in_doubt_only_after_the_final_dot() {
    for (at, phase, in_doubt) in [
        (Phase::Connect, Phase::Banner, false),
        (Phase::Banner, Phase::Banner, false),
        (Phase::Ehlo, Phase::Ehlo, false),
        (Phase::Mail, Phase::Mail, false),
        (Phase::Rcpt, Phase::Rcpt, false),
        (Phase::Data, Phase::Data, false),
        (Phase::EndOfData, Phase::EndOfData, true),
    ] {
        let inbox = inbox(InboxOptions::scripted(always(at, Action::Close))).await;
        let error = failure(&inbox, AMPLE_TIMEOUTS, &body()).await;
        assert_eq!((error.phase, error.kind, error.end_of_data_sent), (phase, ErrorKind::Closed, in_doubt), "{at}");
        assert!(inbox.stop().await.is_empty());
    }
}

#[tokio::test]
async fn a_close_in_the_middle_of_a_body_is_not_in_doubt() {
    let inbox = inbox(InboxOptions::scripted(|moment: Moment<'_>| match moment.step {
        Step::Body { octets, .. } if octets > 100_000 => Action::Close,
        _ => Action::Default,
    }))
    .await;
    let error = failure(&inbox, AMPLE_TIMEOUTS, &large_body()).await;
    assert_eq!((error.phase, error.kind, error.end_of_data_sent), (Phase::Body, ErrorKind::Closed, false));
}

#[tokio::test]
async fn a_message_taken_without_a_reply_is_in_doubt() {
    let inbox = inbox(InboxOptions::scripted(always(Phase::EndOfData, Action::CloseAfterTaking))).await;
    let error = failure(&inbox, AMPLE_TIMEOUTS, &body()).await;
    assert!(error.end_of_data_sent);
    assert!(error.to_string().contains("may have been taken"), "{error}");
    assert_eq!(inbox.stop().await.len(), 1);
}

#[tokio::test]
async fn silence_ends_with_the_time_limit_of_its_own_phase() {
    for (at, in_doubt) in [
        (Phase::Banner, false),
        (Phase::Ehlo, false),
        (Phase::Mail, false),
        (Phase::Rcpt, false),
        (Phase::Data, false),
        (Phase::Body, false),
        (Phase::EndOfData, true),
    ] {
        let mut timeouts = AMPLE_TIMEOUTS;
        let limit = match at {
            Phase::Banner => &mut timeouts.banner,
            Phase::Data => &mut timeouts.data,
            Phase::Body => &mut timeouts.block,
            Phase::EndOfData => &mut timeouts.end_of_data,
            _ => &mut timeouts.command,
        };
        *limit = SHORT;
        let inbox = inbox(InboxOptions::scripted(always(at, Action::Hang))).await;
        let body = if at == Phase::Body { large_body() } else { body() };
        let error = failure(&inbox, timeouts, &body).await;
        assert_eq!((error.phase, error.kind, error.end_of_data_sent), (at, ErrorKind::Timeout, in_doubt));
    }
}

#[tokio::test]
async fn a_reply_that_drips_has_no_more_time_than_one_that_comes_whole() {
    let drip = |text: &str| Action::Drip(text.as_bytes().to_vec(), SHORT / 4);
    let slow = inbox(InboxOptions::scripted(always(Phase::EndOfData, drip("250 this takes a while\r\n")))).await;
    let timeouts = Timeouts { end_of_data: SHORT, ..AMPLE_TIMEOUTS };
    let error = failure(&slow, timeouts, &body()).await;
    assert_eq!((error.phase, error.kind, error.end_of_data_sent), (Phase::EndOfData, ErrorKind::Timeout, true));

    let brisk = Action::Drip(b"250 2.0.0 ok\r\n".to_vec(), Duration::from_millis(1));
    let inbox = inbox(InboxOptions::scripted(always(Phase::EndOfData, brisk))).await;
    assert!(is_taken(&mut connect(&inbox).await, "a@example.org").await);
}

#[tokio::test]
async fn a_421_is_the_answer_and_the_end_of_the_connection() {
    for phase in [Phase::Mail, Phase::Rcpt, Phase::Data] {
        let inbox = inbox(InboxOptions::scripted(always(phase, Action::reply("421 4.3.2 going down")))).await;
        let mut connection = connect(&inbox).await;
        let answer = connection.envelope(&envelope("a@example.org", &body())).await.unwrap();
        let EnvelopeAnswer::Refused { phase: refused, reply } = answer else { panic!("{phase}: {answer:?}") };
        assert_eq!((refused, reply.code, connection.is_usable()), (phase, 421, false));
    }
    let inbox = inbox(InboxOptions::scripted(always(Phase::EndOfData, Action::reply("421 going down")))).await;
    let mut connection = connect(&inbox).await;
    let Ok(Sent::Reply(reply)) = send(&mut connection, "a@example.org", &body()).await else { panic!() };
    assert_eq!((reply.code, connection.is_usable(), connection.messages()), (421, false, 0));
}

#[tokio::test]
async fn nonsense_is_never_an_acceptance() {
    for raw in ["299 ok\r\n", "250 ok\n", "251 ok\r\n", "ok\r\n", "250-a\r\n251 b\r\n", "250 a\0\r\n", "354 go\r\n"] {
        let script = always(Phase::EndOfData, Action::Raw(raw.as_bytes().to_vec()));
        let inbox = inbox(InboxOptions::scripted(script)).await;
        let error = failure(&inbox, AMPLE_TIMEOUTS, &body()).await;
        assert_eq!((error.kind, error.end_of_data_sent), (ErrorKind::Protocol, true), "{raw:?}");
    }
    let line = [b"250 ".to_vec(), vec![b'x'; 1 << 20], b"\r\n".to_vec()].concat();
    let inbox = inbox(InboxOptions::scripted(always(Phase::EndOfData, Action::Raw(line)))).await;
    assert_eq!(failure(&inbox, AMPLE_TIMEOUTS, &body()).await.kind, ErrorKind::Protocol);
}

#[tokio::test]
async fn a_250_to_data_or_ahead_of_the_dot_takes_no_message() {
    for raw in ["250 ok\r\n", "354 go\r\n250 ok\r\n"] {
        let script = first(1, Phase::Data, Action::Raw(raw.as_bytes().to_vec()));
        let inbox = inbox(InboxOptions::scripted(script)).await;
        let error = failure(&inbox, AMPLE_TIMEOUTS, &body()).await;
        assert_eq!((error.kind, error.end_of_data_sent), (ErrorKind::Protocol, false), "{raw:?}");
        assert!(inbox.stop().await.is_empty());
    }
}

#[tokio::test]
async fn a_doubled_250_leaves_the_message_accepted_and_the_connection_spent() {
    let script = always(Phase::EndOfData, Action::Raw(b"250 ok\r\n250 ok\r\n".to_vec()));
    let inbox = inbox(InboxOptions::scripted(script)).await;
    let mut connection = connect(&inbox).await;
    assert!(is_taken(&mut connection, "a@example.org").await);
    let error = connection.envelope(&envelope("b@example.org", &body())).await.unwrap_err();
    assert_eq!((error.kind, error.end_of_data_sent), (ErrorKind::Protocol, false));
    assert!(!connection.is_usable());
    assert_eq!(inbox.stop().await.len(), 1);
}

#[tokio::test]
async fn a_refusal_before_the_dot_is_heard_and_leaves_nothing_in_doubt() {
    let inbox = inbox(InboxOptions::scripted(|moment: Moment<'_>| match moment.step {
        Step::Body { octets: 0, .. } => Action::reply("552 5.3.4 too large"),
        _ => Action::Default,
    }))
    .await;
    let error = failure(&inbox, AMPLE_TIMEOUTS, &large_body()).await;
    assert_eq!((error.phase, error.end_of_data_sent), (Phase::Body, false));
    assert!(matches!(error.kind, ErrorKind::Refused(reply) if reply.code == 552));
}

#[tokio::test]
async fn a_250_in_the_middle_of_a_body_is_not_taken_for_its_own() {
    let early = AtomicBool::new(true);
    let inbox = inbox(InboxOptions::scripted(move |moment: Moment<'_>| match moment.step {
        Step::Body { octets, .. } if octets > 100_000 && early.swap(false, Ordering::SeqCst) => {
            Action::Drip(b"250 ok\r\n".to_vec(), Duration::ZERO)
        }
        _ => Action::Default,
    }))
    .await;
    let error = failure(&inbox, AMPLE_TIMEOUTS, &large_body()).await;
    assert_eq!((error.phase, error.kind, error.end_of_data_sent), (Phase::Body, ErrorKind::Protocol, false));
    assert!(inbox.stop().await.is_empty());
}

#[tokio::test]
async fn a_step_that_was_dropped_half_way_spends_the_connection() {
    for at in [Phase::Rcpt, Phase::EndOfData] {
        let inbox = inbox(InboxOptions::scripted(always(at, Action::Hang))).await;
        let mut connection = connect(&inbox).await;
        assert!(timeout(SHORT, send(&mut connection, "a@example.org", &body())).await.is_err());
        assert!(!connection.is_usable());
        let error = connection.envelope(&envelope("b@example.org", &body())).await.unwrap_err();
        assert_eq!((error.kind, error.end_of_data_sent), (ErrorKind::Protocol, false));
    }
}

#[tokio::test]
async fn a_refusal_that_came_before_the_connection_broke_is_still_a_refusal() {
    let inbox = inbox(InboxOptions::scripted(|moment: Moment<'_>| match moment.step {
        Step::Rcpt { .. } => Action::reply("550 5.1.1 unknown"),
        Step::Data { .. } => Action::Close,
        _ => Action::Default,
    }))
    .await;
    let mut connection = connect(&inbox).await;
    let answer = connection.envelope(&envelope("a@example.org", &body())).await.unwrap();
    assert!(matches!(answer, EnvelopeAnswer::Refused { phase: Phase::Rcpt, reply } if reply.code == 550));
    assert!(!connection.is_usable());
}

#[tokio::test]
async fn errors_show_neither_addresses_nor_the_servers_words() {
    let script = always(Phase::Ehlo, Action::reply("450 \x1b[31m anna@example.org"));
    let inbox = inbox(InboxOptions::scripted(script)).await;
    let error = failure(&inbox, AMPLE_TIMEOUTS, &body()).await;
    assert_eq!(error.to_string(), "at ehlo: the server refused with 450");
}
