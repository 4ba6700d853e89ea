//! The simulated network, and the server at its other end: good, but for the faults that the seed draws.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use candor::smtp::inbox::Received;
use candor::smtp::{Dial, Dialling, Duplex};
use rand::Rng as _;
use rand::rngs::StdRng;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::Instant;

use super::passes;

/// Octets between the two ends of a connection.
const PIPE_OCTETS: usize = 4_096;

/// A server with a record, and a seed for what it does wrong.
pub struct Net {
    pub random: Mutex<StdRng>,
    pub faults_left: AtomicU32,
    pub record: Mutex<Vec<Received>>,
    pub left_at: Mutex<Vec<Instant>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Close,
    Hang,
    Slow,
    Later,
    Never,
    GoAway,
    Nonsense,
    OneTooMany,
    TakeAndClose,
}

impl Net {
    fn fault(&self, share: f64) -> Option<Fault> {
        use Fault::{Close, GoAway, Hang, Later, Never, Nonsense, OneTooMany, Slow, TakeAndClose};
        const ALL: [Fault; 9] = [Close, Hang, Slow, Later, Never, GoAway, Nonsense, OneTooMany, TakeAndClose];
        let mut random = self.random.lock().unwrap();
        let is_due = random.random_bool(share) && self.faults_left.load(Ordering::SeqCst) > 0;
        is_due.then(|| {
            self.faults_left.fetch_sub(1, Ordering::SeqCst);
            ALL[random.random_range(0..ALL.len())]
        })
    }
}

pub struct SimulatedNetwork(pub Arc<Net>);

impl Dial for SimulatedNetwork {
    fn dial(&self, _: &str, _: u16) -> Dialling<'_> {
        Box::pin(async move {
            match self.0.fault(0.05) {
                Some(Fault::Hang) => std::future::pending().await,
                Some(Fault::Close) => return Err(std::io::ErrorKind::ConnectionRefused.into()),
                _ => {}
            }
            let (ours, theirs) = tokio::io::duplex(PIPE_OCTETS);
            tokio::spawn(Visit { net: self.0.clone(), stream: theirs, input: Vec::new(), output: Vec::new() }.serve());
            Ok(Box::new(ours) as Box<dyn Duplex>)
        })
    }
}

/// One connection, on the server's side.
struct Visit {
    net: Arc<Net>,
    stream: DuplexStream,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// The connection is over.
struct Over;

impl Visit {
    async fn serve(mut self) {
        let _: Result<(), Over> = async {
            self.say("220 sim ESMTP", 0.02).await?;
            let (mut to, mut mail_at) = (None, std::time::Instant::now());
            loop {
                let line = self.until(b"\r\n").await?;
                let line = String::from_utf8(line).map_err(|_| Over)?;
                match &line[..line.len().min(4)] {
                    "EHLO" => self.say("250-sim\r\n250 PIPELINING", 0.02).await?,
                    "MAIL" => {
                        mail_at = std::time::Instant::now();
                        self.say("250 2.1.0 ok", 0.03).await?
                    }
                    "RCPT" => {
                        let address = line.trim_start_matches("RCPT TO:<").split('>').next().unwrap_or_default();
                        to = self.say("250 2.1.5 ok", 0.04).await?.then(|| address.to_owned());
                        to.is_some()
                    }
                    "DATA" => match to.take() {
                        None => self.say("503 5.5.1 nobody", 0.0).await?,
                        Some(to) if self.say("354 go on", 0.03).await? => self.body(to, mail_at).await?,
                        Some(_) => false,
                    },
                    "QUIT" => {
                        self.say("221 2.0.0 bye", 0.05).await?;
                        return Err(Over);
                    }
                    _ => self.say("250 2.0.0 ok", 0.0).await?,
                };
            }
        }
        .await;
    }

    async fn body(&mut self, to: String, mail_at: std::time::Instant) -> Result<bool, Over> {
        if matches!(self.net.fault(0.02), Some(Fault::Close | Fault::GoAway)) {
            self.fill().await?;
            return Err(Over);
        }
        let wire = self.until(b"\r\n.\r\n").await?;
        self.net.left_at.lock().unwrap().push(Instant::now());
        let text = String::from_utf8(wire).map_err(|_| Over)? + "\r\n";
        let bytes: Vec<u8> = text.replace("\r\n.", "\r\n").into_bytes();
        let fault = self.net.fault(0.06);
        let message = Received {
            from: String::new(),
            to: vec![to],
            bytes: bytes.into(),
            at: std::time::Instant::now(),
            mail_at,
            connection: 1,
        };
        let take = || self.net.record.lock().unwrap().push(message);
        match fault {
            None | Some(Fault::Slow | Fault::OneTooMany | Fault::TakeAndClose) => take(),
            // Whether a server that falls silent has taken it, nobody can tell.
            Some(Fault::Hang | Fault::Close) if self.net.random.lock().unwrap().random_bool(0.5) => take(),
            Some(_) => {}
        }
        if fault == Some(Fault::TakeAndClose) {
            return Err(Over);
        }
        self.answer("250 2.0.0 taken", fault).await
    }

    /// Says something, or does something wrong; whether it consented.
    async fn say(&mut self, usual: &str, share: f64) -> Result<bool, Over> {
        let fault = self.net.fault(share);
        self.answer(usual, fault).await
    }

    async fn answer(&mut self, usual: &str, fault: Option<Fault>) -> Result<bool, Over> {
        let (reply, consents) = match fault {
            None => (format!("{usual}\r\n"), true),
            Some(Fault::Close | Fault::TakeAndClose) => return Err(Over),
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Slow) => {
                let pause = self.net.random.lock().unwrap().random_range(1..900);
                passes(Duration::from_millis(pause)).await;
                (format!("{usual}\r\n"), true)
            }
            Some(Fault::Later) => ("451 4.3.0 later\r\n".to_owned(), false),
            Some(Fault::Never) => ("550 5.1.1 nobody here\r\n".to_owned(), false),
            Some(Fault::GoAway) => ("421 4.3.2 closing\r\n".to_owned(), false),
            Some(Fault::Nonsense) => ("25x what\r\n".to_owned(), false),
            Some(Fault::OneTooMany) => (format!("{usual}\r\n250 and more\r\n"), true),
        };
        self.output.extend_from_slice(reply.as_bytes());
        if fault == Some(Fault::GoAway) {
            self.flush().await?;
            return Err(Over);
        }
        Ok(consents)
    }

    async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>, Over> {
        loop {
            if let Some(at) = self.input.windows(end.len()).position(|window| window == end) {
                let found = self.input[..at].to_vec();
                self.input.drain(..at + end.len());
                return Ok(found);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), Over> {
        self.flush().await?;
        match self.stream.read_buf(&mut self.input).await {
            Ok(0) | Err(_) => Err(Over),
            Ok(_) => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), Over> {
        let output = std::mem::take(&mut self.output);
        self.stream.write_all(&output).await.map_err(|_| Over)
    }
}
