//! A client against a server that says anything at all, and what may be believed afterwards.
//!
//! Shared by the property test beside it and by `fuzz/`. The judge knows nothing of the session: it counts the commands in
//! what the client wrote and the replies in what the server said, and a message is accepted only if the reply at the place
//! of its final dot is 250.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use candor::domain::address::Mailbox;
use candor::smtp::{
    Connection, Dial, Dialling, Duplex, Envelope, EnvelopeAnswer, Security, Server, Timeouts, WireBody,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Messages that the client would like to hand over.
const MESSAGES: usize = 4;
/// What begins every body, so that the judge can tell it from a command.
const BODY: &[u8] = b"Subject: x\r\n\r\n.dot\r\ntext\r\n";

/// What both sides have said.
#[derive(Default)]
struct Said {
    by_client: Vec<u8>,
    by_server: Vec<u8>,
}

/// A stream whose server says the next piece after each write of the client; nothing but silence, or the end, afterwards.
struct Script {
    pieces: std::vec::IntoIter<Vec<u8>>,
    at_hand: Vec<u8>,
    closes: bool,
    said: Arc<Mutex<Said>>,
}

impl Script {
    fn next_piece(&mut self) {
        if let Some(piece) = self.pieces.next() {
            self.said.lock().unwrap().by_server.extend_from_slice(&piece);
            self.at_hand.extend(piece);
        }
    }
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.at_hand.is_empty() {
            // The time limits end a silence.
            let is_over = self.closes && self.pieces.len() == 0;
            return if is_over { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let octets = buffer.remaining().min(self.at_hand.len());
        buffer.put_slice(&self.at_hand[..octets]);
        self.at_hand.drain(..octets);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.said.lock().unwrap().by_client.extend_from_slice(bytes);
        self.next_piece();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        slices.iter().for_each(|slice| self.said.lock().unwrap().by_client.extend_from_slice(slice));
        self.next_piece();
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

struct Once(Mutex<Option<Script>>);

impl Dial for Once {
    fn dial(&self, _: &str, _: u16) -> Dialling<'_> {
        let script = self.0.lock().unwrap().take();
        Box::pin(async move {
            let script = script.ok_or(io::ErrorKind::ConnectionRefused)?;
            Ok(Box::new(script) as Box<dyn Duplex>)
        })
    }
}

/// Runs a client against a server that says `pieces`, one after each write, and judges what it believes.
///
/// # Panics
/// Where a message is called accepted that the server did not accept, or in doubt that had not left.
pub fn try_with(pieces: Vec<Vec<u8>>, closes: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let said = Arc::new(Mutex::new(Said::default()));
    let mut script = Script { pieces: pieces.into_iter(), at_hand: Vec::new(), closes, said: said.clone() };
    script.next_piece();
    let believed = runtime.block_on(talk(Arc::new(Once(Mutex::new(Some(script))))));
    judge(&believed, &said.lock().unwrap());
}

/// What the client believes of each message whose body it began to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belief {
    Accepted,
    Refused,
    InDoubt,
    NotTaken,
}

async fn talk(dial: Arc<Once>) -> Vec<Belief> {
    let mut believed = Vec::new();
    let Ok(mut connection) = Connection::open(&server(dial)).await else { return believed };
    let body = WireBody::new(BODY).unwrap();
    let envelope = |number: usize| Envelope {
        from: None,
        to: Mailbox::parse(&format!("p{number}@example.org")).unwrap(),
        size: body.size(),
        body_is_8bit: false,
        smtputf8: false,
        dsn: None,
    };
    let mut number = 0;
    let mut is_ready = false;
    while number < MESSAGES {
        if !is_ready {
            match connection.envelope(&envelope(number)).await {
                Ok(EnvelopeAnswer::Ready) => {}
                Ok(_) if connection.is_usable() => {
                    number += 1;
                    continue;
                }
                _ => return believed,
            }
        }
        let next = envelope(number + 1);
        let next = Some(&next).filter(|next| number + 1 < MESSAGES && connection.can_join(next));
        let reply = match connection.send_body(&body, next).await {
            Ok(()) => connection.body_reply().await,
            Err(error) => Err(error),
        };
        believed.push(match &reply {
            Ok(reply) if reply.is_positive() => Belief::Accepted,
            Ok(_) => Belief::Refused,
            Err(error) if error.end_of_data_sent => Belief::InDoubt,
            Err(_) => Belief::NotTaken,
        });
        number += 1;
        is_ready = match (reply, next) {
            (Ok(_), Some(_)) => matches!(connection.next_answer().await, Ok(EnvelopeAnswer::Ready)),
            (Ok(_), None) => false,
            (Err(_), _) => return believed,
        };
        if !is_ready {
            if !connection.is_usable() {
                return believed;
            }
            number += usize::from(next.is_some());
        }
    }
    connection.quit().await;
    believed
}

fn server(dial: Arc<Once>) -> Server {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Server {
        host: "127.0.0.1".into(),
        port: 25,
        security: Security::Plaintext,
        tls: Arc::new(tls),
        credentials: None,
        hello: "client.example".into(),
        timeouts: Timeouts::default(),
        dial: Some(dial),
    }
}

fn judge(believed: &[Belief], said: &Said) {
    let dots = places_of_dots(&said.by_client);
    let replies = codes(&said.by_server);
    let begun = believed.iter().filter(|belief| **belief != Belief::NotTaken).count();
    assert!(begun <= dots.len(), "{believed:?} of {} bodies that ended", dots.len());
    for (belief, place) in believed.iter().zip(&dots) {
        let reply = replies.get(*place).copied();
        let is_fair = match belief {
            Belief::Accepted => reply == Some(250),
            Belief::Refused => reply.is_some_and(|code| code >= 400),
            Belief::InDoubt | Belief::NotTaken => true,
        };
        assert!(is_fair, "{believed:?}: reply {place} of {replies:?} is {reply:?}");
    }
}

/// At which place of the server's replies, counted from the banner's 0, the answer to each body stands.
fn places_of_dots(client: &[u8]) -> Vec<usize> {
    let (mut dots, mut place, mut at) = (Vec::new(), 1, 0);
    while at < client.len() {
        let rest = &client[at..];
        let is_body = rest.starts_with(&BODY[..8]);
        let end: &[u8] = if is_body { b"\r\n.\r\n" } else { b"\r\n" };
        let Some(found) = rest.windows(end.len()).position(|window| window == end) else { break };
        if is_body {
            dots.push(place);
        }
        place += 1;
        at += found + end.len();
    }
    dots
}

/// The codes of the server's replies, as long as they are replies.
fn codes(server: &[u8]) -> Vec<u16> {
    let mut codes = Vec::new();
    for line in server.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\r\n") else { break };
        let Some(code) = line.get(..3).and_then(|code| std::str::from_utf8(code).ok()?.parse().ok()) else { break };
        match line.get(3) {
            Some(b'-') => {}
            Some(b' ') | None => codes.push(code),
            Some(_) => break,
        }
    }
    codes
}
