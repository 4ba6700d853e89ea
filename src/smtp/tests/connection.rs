//! Messages over a connection to an inbox that means well, or refuses in order.

use super::*;
use crate::domain::outcome::Phase;
use crate::smtp::inbox::script::{always, first, for_mailbox};
use crate::smtp::inbox::{Action, Extensions, Moment, Step};
use crate::smtp::{Dsn, ErrorKind};

fn without_pipelining(options: InboxOptions) -> InboxOptions {
    InboxOptions { extensions: Extensions { pipelining: false, ..options.extensions }, ..options }
}

#[tokio::test]
async fn messages_arrive_byte_for_byte_one_after_the_other() {
    for extensions in [Extensions::default(), Extensions::NONE] {
        let inbox = inbox(InboxOptions { extensions, ..InboxOptions::default() }).await;
        let mut connection = connect(&inbox).await;
        for n in 0..5 {
            assert!(is_taken(&mut connection, &format!("a{n}@example.org")).await);
        }
        assert_eq!((connection.messages(), connection.is_usable()), (5, true));
        connection.quit().await;
        let received = inbox.stop().await;
        let to: Vec<&str> = received.iter().map(|message| message.to[0].as_str()).collect();
        assert_eq!(to, ["a0@example.org", "a1@example.org", "a2@example.org", "a3@example.org", "a4@example.org"]);
        for message in received {
            assert_eq!(&message.bytes[..], b"Subject: x\r\n\r\n.dot\r\ntext\r\n");
            assert_eq!((message.from.as_str(), message.connection), ("bounces@example.com", 1));
            assert!(message.mail_at <= message.at);
        }
    }
}

#[tokio::test]
async fn a_body_of_many_blocks_arrives_whole() {
    let inbox = inbox(InboxOptions::default()).await;
    let body = large_body();
    assert!(
        matches!(send(&mut connect(&inbox).await, "a@example.org", &body).await, Ok(Sent::Reply(r)) if r.code == 250)
    );
    assert_eq!(inbox.stop().await[0].bytes.len() as u64, body.size());
}

#[tokio::test]
async fn a_refusal_at_any_step_leaves_the_connection_usable() {
    for phase in [Phase::Mail, Phase::Rcpt, Phase::Data, Phase::EndOfData] {
        for pipelining in [true, false] {
            let script = first(1, phase, Action::reply("451 4.3.0 not now"));
            let options = InboxOptions::scripted(script);
            let inbox = inbox(if pipelining { options } else { without_pipelining(options) }).await;
            let mut connection = connect(&inbox).await;
            match send(&mut connection, "a@example.org", &body()).await.unwrap() {
                Sent::Reply(reply) => assert_eq!((phase, reply.code), (Phase::EndOfData, 451)),
                Sent::Envelope(EnvelopeAnswer::Refused { phase: refused, reply }) => {
                    assert_eq!((refused, reply.code), (phase, 451));
                    assert_eq!(reply.enhanced.as_deref(), Some("4.3.0"));
                }
                other => panic!("{phase}: {other:?}"),
            }
            assert!(connection.is_usable(), "{phase}");
            assert!(is_taken(&mut connection, "b@example.org").await, "{phase}");
            assert_eq!(inbox.stop().await.len(), 1);
        }
    }
}

#[tokio::test]
async fn a_354_for_nobody_is_ended_by_a_lone_dot_and_counts_as_refused() {
    let inbox = inbox(InboxOptions::scripted(|moment: Moment<'_>| match moment.step {
        Step::Rcpt { to: "a@example.org" } => Action::reply("550 5.1.1 unknown"),
        Step::Data { .. } => Action::reply("354 go ahead"),
        _ => Action::Default,
    }))
    .await;
    let mut connection = connect(&inbox).await;
    let Ok(Sent::Envelope(EnvelopeAnswer::Refused { phase, reply })) =
        send(&mut connection, "a@example.org", &body()).await
    else {
        panic!("taken")
    };
    assert_eq!((phase, reply.code), (Phase::Rcpt, 550));
    assert!(is_taken(&mut connection, "b@example.org").await);
    let received = inbox.stop().await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].to, ["b@example.org"]);
}

#[tokio::test]
async fn no_empty_letter_goes_to_a_recipient_that_was_taken() {
    let inbox = inbox(InboxOptions::scripted(|moment: Moment<'_>| match moment.step {
        Step::Mail { .. } => Action::reply("550 no"),
        Step::Rcpt { .. } => Action::reply("250 yes"),
        Step::Data { .. } => Action::reply("354 go ahead"),
        Step::EndOfData { .. } => Action::reply("250 taken"),
        _ => Action::Default,
    }))
    .await;
    let mut connection = connect(&inbox).await;
    let answer = connection.envelope(&envelope("a@example.org", &body())).await.unwrap();
    assert!(matches!(answer, EnvelopeAnswer::Refused { phase: Phase::Mail, .. }));
    assert!(!connection.is_usable());
    connection.abandon();
    assert!(inbox.stop().await.is_empty());
}

#[tokio::test]
async fn abandoning_after_the_354_sends_nothing() {
    let inbox = inbox(InboxOptions::default()).await;
    let mut connection = connect(&inbox).await;
    let answer = connection.envelope(&envelope("a@example.org", &body())).await.unwrap();
    assert_eq!(answer, EnvelopeAnswer::Ready);
    connection.abandon();
    inbox.until(|counts| counts.refused_messages == 1).await;
    assert!(inbox.stop().await.is_empty());
}

#[tokio::test]
async fn a_body_without_a_354_does_not_leave() {
    let inbox = inbox(InboxOptions::default()).await;
    let mut connection = connect(&inbox).await;
    let error = deliver(&mut connection, &body()).await.unwrap_err();
    assert_eq!((error.kind, error.end_of_data_sent), (ErrorKind::Protocol, false));
    assert!(!connection.is_usable());
}

#[tokio::test]
async fn a_message_that_a_server_cannot_carry_is_not_offered_to_it() {
    let inbox = inbox(InboxOptions {
        extensions: Extensions { size: true, size_max_octets: 100, ..Extensions::NONE },
        ..InboxOptions::default()
    })
    .await;
    let mut connection = connect(&inbox).await;
    let plain = envelope("a@example.org", &body());
    for obstacle in [
        Envelope { size: 101, ..plain.clone() },
        Envelope { body_is_8bit: true, ..plain.clone() },
        Envelope { smtputf8: true, ..plain.clone() },
        envelope("josé@example.org", &body()),
    ] {
        let answer = connection.envelope(&obstacle).await.unwrap();
        assert!(matches!(answer, EnvelopeAnswer::CannotCarry { .. }), "{answer:?}");
    }
    assert!(is_taken(&mut connection, "a@example.org").await);
}

#[tokio::test]
async fn reports_and_utf8_are_asked_for_only_where_announced() {
    for (extensions, to) in [(Extensions::default(), "josé@example.org"), (Extensions::NONE, "a+b@example.org")] {
        let inbox = inbox(InboxOptions { extensions, ..InboxOptions::default() }).await;
        let mut connection = connect(&inbox).await;
        let dsn = Some(Dsn { envid: "tag-1".into(), success: true });
        // The inbox refuses a parameter that it did not announce.
        let answer = connection.envelope(&Envelope { from: None, dsn, ..envelope(to, &body()) }).await.unwrap();
        assert_eq!(answer, EnvelopeAnswer::Ready);
        assert_eq!(deliver(&mut connection, &body()).await.unwrap().code, 250);
        let received = inbox.stop().await;
        assert_eq!((received[0].from.as_str(), received[0].to[0].as_str()), ("", to));
    }
}

#[tokio::test]
async fn an_inbox_that_went_away_comes_back_on_its_port() {
    let inbox = inbox(InboxOptions::default()).await;
    let mut connection = connect(&inbox).await;
    assert!(is_taken(&mut connection, "a@example.org").await);
    inbox.set_available(false).await.unwrap();
    let error = connection.envelope(&envelope("b@example.org", &body())).await.unwrap_err();
    assert_eq!((error.kind, error.end_of_data_sent), (ErrorKind::Closed, false));
    let error = Connection::open(&server(&inbox)).await.unwrap_err();
    assert_eq!((error.phase, error.kind), (Phase::Connect, ErrorKind::Io));
    inbox.set_available(true).await.unwrap();
    assert!(is_taken(&mut connect(&inbox).await, "b@example.org").await);
    inbox.until_taken(2).await;
    assert_eq!(inbox.stop().await.len(), 2);
}

#[tokio::test]
async fn a_script_can_mean_one_mailbox_and_the_first_times_only() {
    let script = for_mailbox("a@example.org", 2, Phase::Rcpt, Action::reply("450 4.7.1 greylisted"));
    let inbox = inbox(InboxOptions::scripted(script)).await;
    let mut connection = connect(&inbox).await;
    let mut taken = Vec::new();
    for to in ["a@example.org", "b@example.org", "a@example.org", "a@example.org"] {
        taken.push(is_taken(&mut connection, to).await);
    }
    assert_eq!(taken, [false, true, false, true]);
    assert_eq!(inbox.counts().refused_recipients, 2);
}

#[tokio::test]
async fn each_taken_message_is_a_file_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let options = InboxOptions { keep_in_memory: false, folder: Some(folder.path().into()), ..Default::default() };
    let inbox = inbox(options).await;
    assert!(is_taken(&mut connect(&inbox).await, "o'neill@example.org").await);
    let file = folder.path().join("000001-o_neill@example.org.eml");
    assert_eq!(std::fs::read(&file).unwrap(), b"Subject: x\r\n\r\n.dot\r\ntext\r\n");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!((inbox.counts().taken, inbox.received().len()), (1, 0));
}

#[tokio::test]
async fn an_answer_to_quit_changes_nothing() {
    for action in [Action::Close, Action::reply("500 what"), Action::Raw(b"\0\0".to_vec())] {
        let inbox = inbox(InboxOptions::scripted(always(Phase::Quit, action))).await;
        let mut connection = connect(&inbox).await;
        assert!(is_taken(&mut connection, "a@example.org").await);
        connection.quit().await;
        assert_eq!(inbox.stop().await.len(), 1);
    }
}

#[tokio::test]
async fn an_inbox_answers_a_dot_and_the_envelope_behind_it_in_one_piece() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let inbox = inbox(InboxOptions::default()).await;
    let mut stream = tokio::net::TcpStream::connect(inbox.address()).await.unwrap();
    let envelope = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
    let mut heard = String::new();
    let mut read = vec![0; 4_096];
    for (said, last) in [
        ("", "220 "),
        ("EHLO client.example\r\n", "250 "),
        (envelope, "354 "),
        (&format!("one\r\n.\r\n{envelope}"), "354 "),
        ("two\r\n.\r\nQUIT\r\n", "221 "),
    ] {
        stream.write_all(said.as_bytes()).await.unwrap();
        // One read: what a group of commands is answered with leaves in one write.
        let octets = stream.read(&mut read).await.unwrap();
        heard = String::from_utf8(read[..octets].to_vec()).unwrap();
        assert!(heard.lines().last().is_some_and(|line| line.starts_with(last)), "{said:?}: {heard:?}");
    }
    assert!(heard.starts_with("250 2.6.0 taken, queued as T000002\r\n"), "{heard:?}");
    let received = inbox.stop().await;
    assert_eq!([&received[0].bytes[..], &received[1].bytes[..]], [&b"one\r\n"[..], b"two\r\n"]);
}
