//! One client's visit to an inbox: the server's side of RFC 5321, with a script that may interfere at every step.
//!
//! Decides what a good server answers. What a reply's code says is what happens next, whoever wrote the reply.

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::net::TcpStream;

use super::body::{Body, Finished};
use super::path::Path;
use super::record::{Received, Record};
use super::script::{Action, Moment, Step};
use super::wire::Wire;
use super::{InboxOptions, InboxTls};

/// RFC 5321 §4.5.3.1.8 asks for room for at least 100.
const RECIPIENTS_MAX: usize = 100;
/// How often a script is asked within a body.
const BODY_STEP_OCTETS: usize = 1_024;

/// Why a visit is over; not an error, for clients come and go.
pub(super) struct Over;

impl From<io::Error> for Over {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// What a step gives, while the client stays.
pub(super) type Stay<T> = Result<T, Over>;

/// A message in the making.
struct Transaction {
    from: String,
    mail_at: Instant,
    eight_bit: bool,
    smtputf8: bool,
    to: Vec<String>,
    /// How often the first recipient was named before.
    seen_before: u32,
}

/// One connection.
pub(super) struct Visit {
    pub(super) options: Arc<InboxOptions>,
    record: Arc<Record>,
    connection: u64,
    pub(super) wire: Wire,
    pub(super) greeted: bool,
    pub(super) signed_in: bool,
    transaction: Option<Transaction>,
}

impl Visit {
    pub fn new(options: Arc<InboxOptions>, record: Arc<Record>, stream: TcpStream) -> Self {
        let connection = record.connection();
        let wire = Wire::new(stream);
        Self { options, record, connection, wire, greeted: false, signed_in: false, transaction: None }
    }

    /// Serves the client until either side ends it.
    pub async fn serve(mut self) {
        let _: Stay<()> = async {
            self.act(Step::Connect, 0, "").await?;
            if let InboxTls::Implicit(_) = self.options.tls {
                self = self.secure().await?;
            }
            self.act(Step::Banner, 0, "220 inbox.candor.invalid ESMTP").await?;
            loop {
                let line = self.wire.line().await?;
                let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
                if verb == "STARTTLS" {
                    self = self.starttls().await?;
                } else if verb == "QUIT" {
                    self.act(Step::Quit, 0, "221 2.0.0 goodbye").await?;
                    return Ok(self.wire.close().await?);
                } else {
                    self.command(&verb, &line).await?;
                }
            }
        }
        .await;
    }

    async fn command(&mut self, verb: &str, line: &str) -> Stay<()> {
        match verb {
            "EHLO" | "HELO" => self.hello(verb == "EHLO").await,
            "AUTH" => self.auth(line).await,
            "MAIL" => self.mail(line).await,
            "RCPT" => self.rcpt(line).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.transaction = None;
                self.say("250 2.0.0 forgotten")
            }
            "NOOP" => self.say("250 2.0.0 nothing done"),
            "VRFY" => self.say("252 2.5.0 send it and see"),
            _ => self.say("500 5.5.2 no such command"),
        }
    }

    /// Asks the script and does what it says; gives the code that was said, 0 for none. `usual` is what a good server
    /// says here; empty where it says nothing.
    pub(super) async fn act(&mut self, step: Step<'_>, seen_before: u32, usual: &str) -> Stay<u16> {
        let action = self.ask(step, seen_before);
        self.perform(action, usual).await
    }

    fn ask(&self, step: Step<'_>, seen_before: u32) -> Action {
        let moment = Moment { step, connection: self.connection, seen_before };
        self.options.script.as_ref().map_or(Action::Default, |script| script.at(moment))
    }

    async fn perform(&mut self, action: Action, usual: &str) -> Stay<u16> {
        let code = match action {
            Action::Default => {
                if !usual.is_empty() {
                    self.say(usual)?;
                }
                code_of(usual.as_bytes())
            }
            Action::Reply(line) => {
                self.wire.say(format!("{line}\r\n").as_bytes());
                code_of(line.as_bytes())
            }
            Action::Raw(bytes) => {
                self.wire.say(&bytes);
                code_of(&bytes)
            }
            Action::Drip(bytes, pause) => {
                self.wire.drip(&bytes, pause).await?;
                code_of(&bytes)
            }
            Action::Close | Action::CloseAfterTaking => {
                // What was said before has been said; the close itself is without a word.
                self.wire.flush().await?;
                return Err(Over);
            }
            Action::Hang => {
                self.wire.flush().await?;
                return pending().await;
            }
        };
        if code == 421 {
            self.wire.flush().await?;
            return Err(Over);
        }
        Ok(code)
    }

    /// Adds a reply, without its enhanced codes where they are switched off.
    pub(super) fn say(&mut self, reply: &str) -> Stay<()> {
        let (code, rest) = reply.split_once(' ').unwrap_or((reply, ""));
        let is_enhanced = |word: &str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match rest
            .split_once(' ')
            .filter(|(word, _)| !self.options.extensions.enhanced_status_codes && is_enhanced(word))
        {
            Some((_, text)) => self.wire.say(format!("{code} {text}\r\n").as_bytes()),
            None => self.wire.say(format!("{reply}\r\n").as_bytes()),
        }
        Ok(())
    }

    async fn mail(&mut self, line: &str) -> Stay<()> {
        let mail_at = (self.options.now)();
        let path = Path::parse(line, "MAIL FROM:");
        let from = path.as_ref().map_or("", |path| path.address).to_owned();
        let usual = self.judge_mail(path.as_ref());
        if self.act(Step::Mail { from: &from }, 0, usual).await? == 250 {
            let has = |keyword| path.as_ref().and_then(|path| path.parameter(keyword));
            self.transaction = Some(Transaction {
                from,
                mail_at,
                eight_bit: has("BODY").is_some_and(|value| value.eq_ignore_ascii_case("8BITMIME")),
                smtputf8: has("SMTPUTF8").is_some(),
                to: Vec::new(),
                seen_before: 0,
            });
        }
        Ok(())
    }

    fn judge_mail(&self, path: Option<&Path<'_>>) -> &'static str {
        let extensions = &self.options.extensions;
        let Some(path) = path else { return "501 5.5.4 MAIL FROM:<address>" };
        if !self.greeted || self.transaction.is_some() {
            return "503 5.5.1 not now";
        }
        if self.options.auth.is_some() && !self.signed_in {
            return "530 5.7.0 sign in first";
        }
        if !path.has_only(&extensions.mail_parameters()) {
            return "555 5.5.4 a parameter that was not announced";
        }
        if !path.address.is_ascii() && path.parameter("SMTPUTF8").is_none() {
            return "553 5.6.7 an address in UTF-8 without SMTPUTF8";
        }
        match path.parameter("SIZE").map(str::parse::<usize>) {
            Some(Err(_)) => "501 5.5.4 SIZE is no number",
            Some(Ok(size)) if size > extensions.size_max_octets => "552 5.3.4 message too large",
            _ => "250 2.1.0 sender taken",
        }
    }

    async fn rcpt(&mut self, line: &str) -> Stay<()> {
        let path = Path::parse(line, "RCPT TO:");
        let to = path.as_ref().map_or("", |path| path.address).to_owned();
        // Without a script nobody asks, and a million names need not be kept.
        let seen_before = if self.options.script.is_some() { self.record.see(&to) } else { 0 };
        let usual = self.judge_rcpt(path.as_ref());
        let code = self.act(Step::Rcpt { to: &to }, seen_before, usual).await?;
        match &mut self.transaction {
            Some(transaction) if (250..260).contains(&code) => {
                if transaction.to.is_empty() {
                    transaction.seen_before = seen_before;
                }
                transaction.to.push(to);
            }
            _ => self.record.count(|counts| counts.refused_recipients += 1),
        }
        Ok(())
    }

    fn judge_rcpt(&self, path: Option<&Path<'_>>) -> &'static str {
        let Some(path) = path.filter(|path| !path.address.is_empty()) else { return "501 5.5.4 RCPT TO:<address>" };
        let Some(transaction) = &self.transaction else { return "503 5.5.1 MAIL first" };
        if !path.has_only(self.options.extensions.rcpt_parameters()) {
            return "555 5.5.4 a parameter that was not announced";
        }
        if !path.address.is_ascii() && !transaction.smtputf8 {
            return "553 5.6.7 an address in UTF-8 without SMTPUTF8";
        }
        if transaction.to.len() >= RECIPIENTS_MAX {
            return "452 4.5.3 too many recipients";
        }
        "250 2.1.5 recipient taken"
    }

    async fn data(&mut self) -> Stay<()> {
        let (to, seen_before) = match &self.transaction {
            Some(transaction) => (transaction.to.first().cloned().unwrap_or_default(), transaction.seen_before),
            None => Default::default(),
        };
        let usual = match &self.transaction {
            None => "503 5.5.1 MAIL and RCPT first",
            Some(transaction) if transaction.to.is_empty() => "554 5.5.1 no valid recipients",
            Some(_) => "354 go ahead",
        };
        if self.act(Step::Data { to: &to }, seen_before, usual).await? != 354 {
            return Ok(());
        }
        let finished = match self.body(&to, seen_before).await {
            Ok(finished) => finished,
            Err(over) => {
                self.record.count(|counts| counts.refused_messages += 1);
                return Err(over);
            }
        };
        self.end_of_data(finished, &to, seen_before).await
    }

    async fn body(&mut self, to: &str, seen_before: u32) -> Stay<Finished> {
        let eight_bit = self.transaction.as_ref().is_some_and(|transaction| transaction.eight_bit);
        let mut body = Body::new(self.options.extensions.size_max_octets);
        loop {
            self.act(Step::Body { octets: body.octets(), to }, seen_before, "").await?;
            if self.wire.input().is_empty() {
                self.wire.fill().await?;
            }
            let octets = self.wire.input().len().min(BODY_STEP_OCTETS);
            let ended = body.take(&self.wire.input()[..octets], eight_bit);
            self.wire.consume(ended.as_ref().map_or(octets, |(_, used)| *used));
            if let Some((finished, _)) = ended {
                return Ok(finished);
            }
        }
    }

    async fn end_of_data(&mut self, finished: Finished, to: &str, seen_before: u32) -> Stay<()> {
        let at = (self.options.now)();
        let transaction = self.transaction.take();
        let to_nobody = transaction.as_ref().is_none_or(|transaction| transaction.to.is_empty());
        let mut usual = match finished.fault {
            Some(fault) => fault.to_owned(),
            None if to_nobody => "554 5.5.1 no valid recipients".to_owned(),
            None => "250 2.6.0 taken".to_owned(),
        };
        let action = self.ask(Step::EndOfData { to }, seen_before);
        let takes = match &action {
            Action::Default => usual.starts_with("250"),
            Action::Reply(line) => code_of(line.as_bytes()) == 250,
            Action::Raw(bytes) | Action::Drip(bytes, _) => code_of(bytes) == 250,
            Action::CloseAfterTaking => true,
            Action::Close | Action::Hang => false,
        };
        let mut taken = None;
        if takes {
            let message = Received {
                from: transaction.as_ref().map(|transaction| transaction.from.clone()).unwrap_or_default(),
                mail_at: transaction.as_ref().map_or(at, |transaction| transaction.mail_at),
                to: transaction.map(|transaction| transaction.to).unwrap_or_default(),
                bytes: finished.message.into(),
                at,
                connection: self.connection,
            };
            // On record before the 250 leaves, so that whoever saw the 250 finds it there.
            taken = self.record.take(message).ok();
        }
        match taken {
            // A number that no other message has: who was told of it can be shown to have read the right reply.
            Some(number) => usual = format!("250 2.6.0 taken, queued as T{number:06}"),
            None => self.record.count(|counts| counts.refused_messages += 1),
        }
        let action = if takes && taken.is_none() {
            usual = "451 4.3.0 the message could not be kept".to_owned();
            Action::Default
        } else {
            action
        };
        self.perform(action, &usual).await?;
        Ok(())
    }

    /// Forgets the transaction, as after EHLO (RFC 5321 §4.1.4).
    pub(super) fn forget(&mut self) {
        self.transaction = None;
    }
}

/// The code that bytes begin with; 0 where they begin with none.
pub(super) fn code_of(bytes: &[u8]) -> u16 {
    bytes.get(..3).and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| code.parse().ok()).unwrap_or(0)
}
