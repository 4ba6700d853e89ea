//! The steps before the first message: EHLO or HELO, TLS, signing in.

use secrecy::SecretString;

use super::certificates::certified;
use super::*;
use crate::domain::outcome::Phase;
use crate::smtp::inbox::script::{always, first};
use crate::smtp::inbox::{Action, InboxTls};
use crate::smtp::{Credentials, ErrorKind, client_config};

fn credentials(password: &str) -> Option<Credentials> {
    Some(Credentials { username: "anna".into(), password: SecretString::from(password) })
}

fn auth() -> Option<(String, String)> {
    Some(("anna".into(), "s3cret".into()))
}

/// An inbox with a certificate for `name`, and a client that trusts its authority.
async fn over_tls(name: &str, expired: bool, security: Security, options: InboxOptions) -> (Inbox, Server) {
    let certified = certified(name, expired);
    let tls = match security {
        Security::Implicit => InboxTls::Implicit(certified.server),
        _ => InboxTls::StartTls(certified.server),
    };
    let inbox = inbox(InboxOptions { tls, ..options }).await;
    let tls = client_config(Some(certified.ca_file.path())).unwrap();
    let server = Server { security, tls, ..server(&inbox) };
    (inbox, server)
}

#[tokio::test]
async fn messages_go_through_tls_from_the_start_or_after_starttls() {
    for security in [Security::Implicit, Security::StartTls] {
        let options = InboxOptions { auth: auth(), ..InboxOptions::default() };
        let (inbox, server) = over_tls("127.0.0.1", false, security, options).await;
        let mut connection = Connection::open(&Server { credentials: credentials("s3cret"), ..server }).await.unwrap();
        assert_eq!(connection.tls().unwrap().version, "TLS 1.3");
        assert!(connection.tls().unwrap().cipher.starts_with("TLS13_"));
        assert!(connection.capabilities().pipelining && !connection.capabilities().starttls);
        assert!(is_taken(&mut connection, "a@example.org").await);
        let body = large_body();
        assert!(matches!(send(&mut connection, "b@example.org", &body).await, Ok(Sent::Reply(r)) if r.code == 250));
        connection.quit().await;
        assert_eq!(inbox.stop().await.len(), 2);
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_trusted_is_refused_in_plain_words() {
    for security in [Security::Implicit, Security::StartTls] {
        for (name, expired, trusted, words) in [
            ("127.0.0.1", true, true, "has expired"),
            ("other.example", false, true, "another name"),
            ("127.0.0.1", false, false, "self-signed or from an authority"),
        ] {
            let (inbox, mut server) = over_tls(name, expired, security, InboxOptions::default()).await;
            if !trusted {
                server.tls = client_config(Some(certified("x.example", false).ca_file.path())).unwrap();
            }
            let error = Connection::open(&server).await.unwrap_err();
            assert_eq!((error.phase, &error.kind), (Phase::Handshake, &ErrorKind::Tls), "{error}");
            assert!(error.to_string().contains(words), "{error}");
            drop(inbox);
        }
    }
}

#[tokio::test]
async fn without_starttls_nothing_secret_is_sent() {
    let inbox = inbox(InboxOptions { auth: auth(), ..InboxOptions::default() }).await;
    let server = Server { security: Security::StartTls, credentials: credentials("s3cret"), ..server(&inbox) };
    let error = Connection::open(&server).await.unwrap_err();
    assert_eq!((error.phase, error.kind), (Phase::StartTls, ErrorKind::Tls));
}

#[tokio::test]
async fn plaintext_behind_the_answer_to_starttls_ends_the_connection() {
    for raw in ["220 go\r\n250 AUTH PLAIN\r\n", "220 go\r\n2"] {
        let script = always(Phase::StartTls, Action::Raw(raw.as_bytes().to_vec()));
        let (_inbox, server) = over_tls("127.0.0.1", false, Security::StartTls, InboxOptions::scripted(script)).await;
        let error = Connection::open(&server).await.unwrap_err();
        assert_eq!((error.phase, &error.kind), (Phase::StartTls, &ErrorKind::Protocol), "{error}");
    }
}

#[tokio::test]
async fn starttls_that_is_refused_is_not_gone_on_without() {
    let script = always(Phase::StartTls, Action::reply("454 4.7.0 no TLS now"));
    let (_inbox, server) = over_tls("127.0.0.1", false, Security::StartTls, InboxOptions::scripted(script)).await;
    let error = Connection::open(&server).await.unwrap_err();
    assert!(matches!(error.kind, ErrorKind::Refused(reply) if reply.code == 454));
}

#[tokio::test]
async fn a_handshake_that_hangs_closes_or_is_none_ends_as_such() {
    for (action, kind) in [
        (Action::Hang, ErrorKind::Timeout),
        (Action::Close, ErrorKind::Closed),
        (Action::Raw(b"250 this is no handshake\r\n".to_vec()), ErrorKind::Tls),
    ] {
        let script = always(Phase::Handshake, action);
        let (_inbox, mut server) =
            over_tls("127.0.0.1", false, Security::Implicit, InboxOptions::scripted(script)).await;
        if kind == ErrorKind::Timeout {
            server.timeouts.command = SHORT;
        }
        let error = Connection::open(&server).await.unwrap_err();
        assert_eq!((error.phase, error.kind), (Phase::Handshake, kind));
    }
}

#[tokio::test]
async fn a_server_that_knows_no_ehlo_is_asked_with_helo() {
    let script = first(1, Phase::Ehlo, Action::reply("502 5.5.1 what"));
    let inbox = inbox(InboxOptions::scripted(script)).await;
    let mut connection = connect(&inbox).await;
    assert_eq!(*connection.capabilities(), crate::smtp::Capabilities::default());
    assert!(is_taken(&mut connection, "a@example.org").await);
}

#[tokio::test]
async fn a_refusal_of_banner_or_ehlo_carries_its_reply() {
    for (phase, line) in [(Phase::Banner, "554 go away"), (Phase::Ehlo, "421 busy"), (Phase::Banner, "421 busy")] {
        let inbox = inbox(InboxOptions::scripted(always(phase, Action::reply(line)))).await;
        let error = Connection::open(&server(&inbox)).await.unwrap_err();
        assert_eq!(error.phase, phase);
        assert_eq!(error.reply.unwrap().code.to_string(), line[..3]);
    }
}

#[tokio::test]
async fn wrong_credentials_are_told_apart_and_never_shown() {
    let inbox = inbox(InboxOptions { auth: auth(), ..InboxOptions::default() }).await;
    let error = Connection::open(&Server { credentials: credentials("wr0ng"), ..server(&inbox) }).await.unwrap_err();
    assert_eq!((error.phase, &error.kind), (Phase::Auth, &ErrorKind::AuthRefused));
    assert_eq!(error.reply.as_ref().unwrap().enhanced.as_deref(), Some("5.7.8"));
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("wr0ng") && !shown.contains("d3Iwbmc"), "{shown}");
}

#[tokio::test]
async fn login_is_spoken_where_plain_is_not_offered() {
    let ehlo = always(Phase::Ehlo, Action::reply("250-hi\r\n250 AUTH=LOGIN"));
    let options = InboxOptions { auth: auth(), ..InboxOptions::scripted(ehlo) };
    let inbox = inbox(options).await;
    let server = Server { credentials: credentials("s3cret"), ..server(&inbox) };
    assert!(is_taken(&mut Connection::open(&server).await.unwrap(), "a@example.org").await);
}

#[tokio::test]
async fn endless_questions_and_other_refusals_end_the_sign_in() {
    for (reply, kind, code) in [
        ("334 ", ErrorKind::AuthRefused, None),
        ("454 4.7.0 later", ErrorKind::AuthRefused, Some(454)),
        ("535 5.7.8 no", ErrorKind::AuthRefused, Some(535)),
        ("250 ok", ErrorKind::Protocol, None),
    ] {
        for mechanism in ["PLAIN", "LOGIN"] {
            let script = move |moment: crate::smtp::inbox::Moment<'_>| match moment.step.phase() {
                Phase::Ehlo => Action::Reply(format!("250-hi\r\n250 AUTH {mechanism}")),
                Phase::Auth => Action::reply(reply),
                _ => Action::Default,
            };
            let inbox = inbox(InboxOptions { auth: auth(), ..InboxOptions::scripted(script) }).await;
            let server = Server { credentials: credentials("s3cret"), ..server(&inbox) };
            let error = Connection::open(&server).await.unwrap_err();
            assert_eq!((error.phase, &error.kind), (Phase::Auth, &kind), "{reply} {mechanism}");
            assert_eq!(error.reply.map(|reply| reply.code), code);
        }
    }
}

#[tokio::test]
async fn a_server_without_a_way_to_sign_in_is_said_to_have_none() {
    let inbox = inbox(InboxOptions::default()).await;
    let server = Server { credentials: credentials("s3cret"), ..server(&inbox) };
    let error = Connection::open(&server).await.unwrap_err();
    assert_eq!((error.kind, error.reply), (ErrorKind::AuthRefused, None));
}

#[tokio::test]
async fn a_name_for_ehlo_cannot_add_a_command() {
    let inbox = inbox(InboxOptions::default()).await;
    let server = Server { hello: "x\r\nMAIL FROM:<a@b.c>".into(), ..server(&inbox) };
    assert_eq!(Connection::open(&server).await.unwrap_err().kind, ErrorKind::Protocol);
}
