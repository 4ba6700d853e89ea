//! The rules of this room, tried on the session without a socket and on a connection against a real inbox.

mod certificates;
mod connection;
mod faults;
mod opening;
mod session;

use std::sync::Arc;
use std::time::Duration;

use super::inbox::{Inbox, InboxOptions};
use super::{Connection, Envelope, EnvelopeAnswer, Security, Server, SmtpError, Timeouts, WireBody};
use crate::domain::address::Mailbox;
use crate::domain::outcome::Reply;

/// Far longer than anything here takes, and short enough to end a test that hangs.
const AMPLE: Duration = Duration::from_secs(20);
/// Short, for a limit that is meant to run out; long enough for the steps before it on a busy machine.
const SHORT: Duration = Duration::from_millis(300);

const AMPLE_TIMEOUTS: Timeouts =
    Timeouts { connect: AMPLE, banner: AMPLE, command: AMPLE, data: AMPLE, block: AMPLE, end_of_data: AMPLE };

/// What trusts nobody, for plaintext.
fn no_trust() -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Arc::new(
        rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth(),
    )
}

fn server(inbox: &Inbox) -> Server {
    Server {
        host: inbox.address().ip().to_string(),
        port: inbox.address().port(),
        security: Security::Plaintext,
        tls: no_trust(),
        credentials: None,
        hello: "client.example".into(),
        timeouts: AMPLE_TIMEOUTS,
        dial: None,
    }
}

async fn inbox(options: InboxOptions) -> Inbox {
    Inbox::start(options).await.unwrap()
}

async fn connect(inbox: &Inbox) -> Connection {
    Connection::open(&server(inbox)).await.unwrap()
}

fn envelope(to: &str, body: &WireBody) -> Envelope {
    Envelope {
        from: Some(Mailbox::parse("bounces@example.com").unwrap()),
        to: Mailbox::parse(to).unwrap(),
        size: body.size(),
        body_is_8bit: body.is_8bit(),
        smtputf8: false,
        dsn: None,
    }
}

fn body() -> WireBody {
    WireBody::new(b"Subject: x\r\n\r\n.dot\r\ntext\r\n").unwrap()
}

/// More than the buffers of two sockets hold, so that its dot cannot have left while the server does not read.
fn large_body() -> WireBody {
    WireBody::new(&[b'x'; 70].iter().chain(b"\r\n").copied().collect::<Vec<u8>>().repeat(400_000)).unwrap()
}

/// How sending one message ended.
#[derive(Debug)]
enum Sent {
    Reply(Reply),
    Envelope(EnvelopeAnswer),
}

async fn send(connection: &mut Connection, to: &str, body: &WireBody) -> Result<Sent, SmtpError> {
    match connection.envelope(&envelope(to, body)).await? {
        EnvelopeAnswer::Ready => deliver(connection, body).await.map(Sent::Reply),
        other => Ok(Sent::Envelope(other)),
    }
}

async fn deliver(connection: &mut Connection, body: &WireBody) -> Result<Reply, SmtpError> {
    connection.send_body(body, None).await?;
    connection.body_reply().await
}

async fn is_taken(connection: &mut Connection, to: &str) -> bool {
    matches!(send(connection, to, &body()).await, Ok(Sent::Reply(reply)) if reply.code == 250)
}
