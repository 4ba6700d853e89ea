//! One connection to one server: moves the session's bytes, under each phase's time limit.
//!
//! Decides when a connection is spent: whatever times out, is cancelled or makes no sense is never used again. Never
//! decides what a reply means for a recipient. A step marks the connection busy before it first waits and clears the mark
//! only at its clean end, so a future that is dropped half way leaves a connection that says it is unusable.
//!
//! Where PIPELINING is announced, the body of one message and the envelope of the next leave in one group (RFC 2920 §3.1:
//! the end of the data may be followed by commands), so that a message costs one round trip: [`Connection::send_body`], then
//! [`Connection::body_reply`] and [`Connection::next_answer`].

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::capabilities::Capabilities;
use super::command::Command;
use super::data::WireBody;
use super::envelope::{Aftermath, Envelope, EnvelopeAnswer, Verdict};
use super::error::{ErrorKind, SmtpError};
use super::server::{Server, Timeouts};
use super::session::{Session, SessionFailure};
use super::stream::Stream;
use super::tls::TlsInfo;
use crate::domain::outcome::{Phase, Reply};

/// Octets read at once; the replies to one group fit.
const READ_OCTETS: usize = 2_048;
/// MAIL, RCPT, DATA.
const COMMANDS_OF_ENVELOPE: usize = 3;
/// Room for an ordinary envelope.
const ENVELOPE_OCTETS: usize = 256;
/// Courtesy has its limits: QUIT changes nothing for any message.
const QUIT_WAIT_MAX: Duration = Duration::from_secs(5);

/// One authenticated connection, ready for messages one after the other.
pub struct Connection {
    pub(super) stream: Stream,
    pub(super) session: Session,
    pub(super) capabilities: Capabilities,
    pub(super) tls: Option<TlsInfo>,
    pub(super) timeouts: Timeouts,
    /// A step is under way, or did not end cleanly.
    pub(super) busy: bool,
    needs_reset: bool,
    /// The answers to an envelope that left behind a body are still to come.
    owes_next: bool,
    messages: u32,
    pub(super) buffer: Box<[u8]>,
}

impl Connection {
    /// Connects, waits for the banner, says EHLO (HELO where that is unknown), starts TLS and signs in, as `server` says.
    ///
    /// Nothing secret leaves before TLS is up, unless the server is on loopback and TLS is not asked for.
    ///
    /// # Errors
    /// [`SmtpError`] with the phase in which it ended; no message is concerned.
    pub async fn open(server: &Server) -> Result<Self, SmtpError> {
        super::open::open(server).await
    }

    pub(super) fn over(stream: Stream, session: Session, tls: Option<TlsInfo>, timeouts: Timeouts) -> Self {
        Self {
            stream,
            session,
            capabilities: Capabilities::default(),
            tls,
            timeouts,
            busy: true,
            needs_reset: false,
            owes_next: false,
            messages: 0,
            buffer: vec![0; READ_OCTETS].into_boxed_slice(),
        }
    }

    /// What the server announced last: inside TLS, where there is TLS.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// What was agreed on in the handshake; `None` in plaintext.
    pub fn tls(&self) -> Option<&TlsInfo> {
        self.tls.as_ref()
    }

    /// Messages that the server took on this connection: 250 to their end-of-data.
    pub fn messages(&self) -> u32 {
        self.messages
    }

    /// False after any error, a time limit, a step that was dropped half way, 421, or bytes beyond the replies owed.
    pub fn is_usable(&self) -> bool {
        !self.busy && self.session.is_open()
    }

    /// Sends MAIL, RCPT and DATA: one group where PIPELINING is announced (RFC 2920), one at a time where not.
    ///
    /// A refusal leaves no transaction behind. After [`EnvelopeAnswer::Ready`] comes [`Connection::send_body`] or
    /// [`Connection::abandon`]. A refusal that came before the connection broke is given as the refusal that it is.
    ///
    /// # Errors
    /// [`SmtpError`]; the server then has no body and can have taken no message.
    pub async fn envelope(&mut self, envelope: &Envelope) -> Result<EnvelopeAnswer, SmtpError> {
        if let Some(reason) = envelope.obstacle(&self.capabilities) {
            return Ok(EnvelopeAnswer::CannotCarry { reason });
        }
        self.begin(Phase::Mail)?;
        self.check_quiet(Phase::Mail).await?;
        let mut verdict = Verdict::default();
        let asked = self.ask(envelope, &mut verdict).await;
        self.conclude(asked, verdict).await
    }

    async fn ask(&mut self, envelope: &Envelope, verdict: &mut Verdict) -> Result<(), SmtpError> {
        let commands = envelope.commands(&self.capabilities);
        let pipelined = self.capabilities.pipelining;
        let reset = std::mem::take(&mut self.needs_reset);
        if reset {
            self.command(&Command::Reset)?;
        }
        if pipelined {
            for command in &commands {
                self.command(command)?;
            }
        }
        if reset {
            self.flush().await?;
            let answer = self.answer().await?;
            if answer.reply.code >= 400 {
                return Err(SmtpError::refused(Phase::Mail, answer.reply));
            }
        }
        for command in &commands {
            if !pipelined {
                self.command(command)?;
            }
            self.flush().await?;
            verdict.take(self.answer().await?);
            if !pipelined && verdict.is_refused() {
                break;
            }
        }
        Ok(())
    }

    /// What the answers to one envelope mean together, with the transaction cleaned up after a refusal.
    async fn conclude(&mut self, asked: Result<(), SmtpError>, verdict: Verdict) -> Result<EnvelopeAnswer, SmtpError> {
        match asked {
            // Replies that are out of step cannot be told apart, so that a refusal may be somebody else's.
            Err(error) if !verdict.is_refused() || error.kind == ErrorKind::Protocol => Err(error),
            // The connection stays busy, and so unusable; what was refused before is known all the same.
            Err(_) => Ok(verdict.into_answer()),
            Ok(()) => {
                if !verdict.is_refused() {
                    // More came than was owed: whose the 354 was, nobody can tell.
                    self.session.next_answer().map_err(|failure| SmtpError::session(Phase::Body, failure))?;
                }
                if !verdict.is_refused() || self.clean_up(verdict.aftermath()).await {
                    self.busy = false;
                }
                Ok(verdict.into_answer())
            }
        }
    }

    /// Leaves no half transaction behind; false where the connection cannot be used again.
    async fn clean_up(&mut self, aftermath: Aftermath) -> bool {
        match aftermath {
            Aftermath::Nothing => true,
            // It goes with the next envelope, and costs no round trip of its own.
            Aftermath::Reset => {
                self.needs_reset = true;
                true
            }
            Aftermath::Close => false,
            Aftermath::LoneDot => {
                let dot = async {
                    self.write(b".\r\n", Phase::Data).await?;
                    self.end_of_data()?;
                    self.answer_within(self.timeouts.command).await
                };
                dot.await.is_ok()
            }
        }
    }

    /// Whether the envelope of a further message may leave in one group with a body on this connection.
    pub fn can_join(&self, next: &Envelope) -> bool {
        self.capabilities.pipelining && next.obstacle(&self.capabilities).is_none()
    }

    /// Sends a body after [`EnvelopeAnswer::Ready`], and in the same group the envelope of the message after it, where
    /// there is one ([`Connection::can_join`]). [`Connection::body_reply`] has to follow.
    ///
    /// # Errors
    /// [`SmtpError`]; with `end_of_data_sent` the message is in doubt, without it the server cannot have taken it. Of the
    /// next one nothing can have been taken.
    pub async fn send_body(&mut self, body: &WireBody, next: Option<&Envelope>) -> Result<(), SmtpError> {
        self.begin(Phase::Body)?;
        if !self.session.is_data_open() {
            return Err(SmtpError::session(Phase::Body, SessionFailure::NotNow));
        }
        let tail = match next {
            // Written before the body leaves: a command that is no legal line may not end in a doubt.
            Some(next) => self.joined(next)?,
            None => Vec::new(),
        };
        self.write_body(body.wire(), &tail).await?;
        self.end_of_data().map_err(|error| error.in_doubt(true))?;
        if let Some(next) = next {
            for command in &next.commands(&self.capabilities) {
                self.command(command).map_err(|error| error.in_doubt(true))?;
            }
            // They have left already, behind the dot.
            self.session.take_output();
            self.owes_next = true;
        }
        Ok(())
    }

    fn joined(&self, next: &Envelope) -> Result<Vec<u8>, SmtpError> {
        let mut bytes = Vec::with_capacity(ENVELOPE_OCTETS);
        for command in &next.commands(&self.capabilities) {
            command.write_to(&mut bytes).map_err(|error| SmtpError::session(Phase::Body, error.into()))?;
        }
        Ok(bytes)
    }

    /// Waits for the reply to the end of the data that [`Connection::send_body`] sent: 250, or a refusal.
    ///
    /// # Errors
    /// [`SmtpError`] with `end_of_data_sent`: the message is in doubt.
    pub async fn body_reply(&mut self) -> Result<Reply, SmtpError> {
        let reply = self.answer().await.map_err(|error| error.in_doubt(true))?.reply;
        self.messages += u32::from(reply.code == 250);
        self.busy = self.owes_next;
        Ok(reply)
    }

    /// The answer to the envelope that left behind the body, once [`Connection::body_reply`] has been given; as
    /// [`Connection::envelope`].
    ///
    /// # Errors
    /// As [`Connection::envelope`].
    pub async fn next_answer(&mut self) -> Result<EnvelopeAnswer, SmtpError> {
        if !std::mem::take(&mut self.owes_next) {
            return Err(SmtpError::session(Phase::Mail, SessionFailure::NotNow));
        }
        let mut verdict = Verdict::default();
        let asked = async {
            for _ in 0..COMMANDS_OF_ENVELOPE {
                verdict.take(self.answer().await?);
            }
            Ok(())
        };
        let asked = asked.await;
        self.conclude(asked, verdict).await
    }

    /// Says QUIT and closes, within seconds. Whatever happens here changes nothing for any message.
    pub async fn quit(mut self) {
        if !self.is_usable() || self.session.is_data_open() {
            return;
        }
        let parting = async {
            self.command(&Command::Quit)?;
            self.flush().await?;
            self.answer().await?;
            self.stream.shutdown().await.map_err(|error| SmtpError::io(Phase::Quit, &error))
        };
        let _ = timeout(QUIT_WAIT_MAX, parting).await;
    }

    /// Closes at once, without the dot that would end a message.
    pub fn abandon(self) {}

    /// Opens a step: from here on only its clean end makes the connection usable again.
    fn begin(&mut self, phase: Phase) -> Result<(), SmtpError> {
        if self.busy {
            let detail = "the connection was left in the middle of a step and cannot be used again";
            return Err(SmtpError::new(phase, ErrorKind::Protocol, detail));
        }
        self.busy = true;
        // What ended the session after the last step's own answer comes to light here.
        match self.session.next_answer() {
            Err(failure) => Err(SmtpError::session(phase, failure)),
            Ok(_) if !self.session.is_open() => Err(SmtpError::closed(phase)),
            Ok(_) => Ok(()),
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("tls", &self.tls).field("usable", &self.is_usable()).finish_non_exhaustive()
    }
}
