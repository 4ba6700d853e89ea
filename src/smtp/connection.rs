//! One connection to one server: moves the session's bytes, under each phase's time limit.
//!
//! Decides when a connection is spent: whatever times out, is cancelled or makes no sense is never used again. Never
//! decides what a reply means for a recipient. A step marks the connection busy before it first waits and clears the mark
//! only at its clean end, so a future that is dropped half way leaves a connection that says it is unusable.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::capabilities::Capabilities;
use super::command::Command;
use super::data::WireBody;
use super::envelope::{Aftermath, Envelope, EnvelopeAnswer, Verdict};
use super::error::{ErrorKind, SmtpError};
use super::server::{Server, Timeouts};
use super::session::{Answer, Session, SessionFailure};
use super::stream::Stream;
use super::tls::TlsInfo;
use crate::domain::outcome::{Phase, Reply};

/// One block of the body, that has the time limit for blocks to itself: the most that one TLS record holds.
const BLOCK_OCTETS: usize = 16 * 1_024;
/// Octets read at once; the replies to one group fit.
const READ_OCTETS: usize = 2_048;
/// Courtesy has its limits: QUIT changes nothing for any message.
const QUIT_WAIT_MAX: Duration = Duration::from_secs(5);
/// Octets of the dot and its CRLF at the end of a wire body.
const END_OCTETS: usize = 3;

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
    messages: u32,
    buffer: Box<[u8]>,
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
    /// A refusal leaves no transaction behind. After [`EnvelopeAnswer::Ready`] comes [`Connection::body`] or
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
        match self.ask(envelope, &mut verdict).await {
            Err(error) if !verdict.is_refused() => return Err(error),
            // The connection stays busy, and so unusable; what was refused before is known all the same.
            Err(_) => return Ok(verdict.into_answer()),
            Ok(()) => {}
        }
        if verdict.is_refused() && !self.clean_up(verdict.aftermath()).await {
            return Ok(verdict.into_answer());
        }
        self.busy = false;
        Ok(verdict.into_answer())
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

    /// Sends a body after [`EnvelopeAnswer::Ready`] and waits for the reply to its end: 250, or a refusal.
    ///
    /// # Errors
    /// [`SmtpError`]; with `end_of_data_sent` the message is in doubt, without it the server cannot have taken it.
    pub async fn body(&mut self, body: &WireBody) -> Result<Reply, SmtpError> {
        self.begin(Phase::Body)?;
        if !self.session.is_data_open() {
            return Err(SmtpError::session(Phase::Body, SessionFailure::NotNow));
        }
        self.write_body(body.wire()).await?;
        let answer = async {
            self.end_of_data()?;
            self.answer().await
        };
        let reply = answer.await.map_err(|error| error.in_doubt(true))?.reply;
        self.messages += u32::from(reply.code == 250);
        self.busy = false;
        Ok(reply)
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

    pub(super) fn command(&mut self, command: &Command<'_>) -> Result<(), SmtpError> {
        let phase = self.session.phase();
        self.session.command(command).map_err(|failure| SmtpError::session(phase, failure))
    }

    fn end_of_data(&mut self) -> Result<(), SmtpError> {
        self.session.end_of_data().map_err(|failure| SmtpError::session(Phase::EndOfData, failure))
    }

    /// Sends the commands given since the last call, in one write.
    pub(super) async fn flush(&mut self) -> Result<(), SmtpError> {
        let output = self.session.take_output();
        if output.is_empty() {
            return Ok(());
        }
        self.write(&output, self.session.phase()).await
    }

    async fn write(&mut self, bytes: &[u8], phase: Phase) -> Result<(), SmtpError> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(self.timeouts.command, write).await {
            Err(_) => Err(SmtpError::timeout(phase)),
            Ok(Err(error)) => Err(SmtpError::io(phase, &error)),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// The next answer owed, within its phase's time.
    pub(super) async fn answer(&mut self) -> Result<Answer, SmtpError> {
        let limit = match self.session.phase() {
            Phase::Banner => self.timeouts.banner,
            Phase::Data => self.timeouts.data,
            Phase::EndOfData => self.timeouts.end_of_data,
            _ => self.timeouts.command,
        };
        self.answer_within(limit).await
    }

    async fn answer_within(&mut self, limit: Duration) -> Result<Answer, SmtpError> {
        // The answer may be here already; then no timer is needed.
        if let Some(answer) = self.answer_at_hand()? {
            return Ok(answer);
        }
        let phase = self.session.phase();
        let read = async {
            loop {
                let octets = self.stream.read(&mut self.buffer).await.map_err(|error| SmtpError::io(phase, &error))?;
                if octets == 0 {
                    return Err(SmtpError::closed(phase));
                }
                self.session.receive(&self.buffer[..octets]);
                if let Some(answer) = self.answer_at_hand()? {
                    return Ok(answer);
                }
            }
        };
        timeout(limit, read).await.map_err(|_| SmtpError::timeout(phase))?
    }

    fn answer_at_hand(&mut self) -> Result<Option<Answer>, SmtpError> {
        let phase = self.session.phase();
        match self.session.next_answer() {
            Err(failure) => Err(SmtpError::session(phase, failure)),
            // After 421 no further answer comes.
            Ok(None) if !self.session.is_open() => Err(SmtpError::closed(phase)),
            Ok(answer) => Ok(answer),
        }
    }

    /// Makes sure, without waiting, that the server has not spoken out of turn.
    pub(super) async fn check_quiet(&mut self, phase: Phase) -> Result<(), SmtpError> {
        poll_fn(|cx| Poll::Ready(self.poll_quiet(cx, phase))).await
    }

    fn poll_quiet(&mut self, cx: &mut Context<'_>, phase: Phase) -> Result<(), SmtpError> {
        let mut buffer = ReadBuf::new(&mut self.buffer);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Pending => Ok(()),
            Poll::Ready(Err(error)) => Err(SmtpError::io(phase, &error)),
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => Err(SmtpError::closed(phase)),
            Poll::Ready(Ok(())) => {
                self.session.receive(buffer.filled());
                let failure = self.session.next_answer().err().unwrap_or(SessionFailure::OutOfStep);
                Err(SmtpError::session(phase, failure))
            }
        }
    }

    /// Writes a body block by block, and listens before each: a reply that comes before the dot answers something else.
    async fn write_body(&mut self, wire: &[u8]) -> Result<(), SmtpError> {
        let dot = wire.len() - END_OCTETS;
        let limit = self.timeouts.block;
        let mut sent = 0;
        while sent < wire.len() {
            let end = wire.len().min(sent + BLOCK_OCTETS);
            // Why it failed, and up to where the octets may have left all the same.
            let block = poll_fn(|cx| {
                if let Err(error) = self.poll_quiet(cx, Phase::Body) {
                    return Poll::Ready(Err((error, sent)));
                }
                // TLS may have passed on a block that it reports as failed; TCP takes nothing with an error.
                let taken = if self.stream.is_tls() { end } else { sent };
                Pin::new(&mut self.stream)
                    .poll_write(cx, &wire[sent..end])
                    .map_err(|error| (SmtpError::io(Phase::Body, &error), taken))
            });
            let written = match timeout(limit, block).await {
                Err(_) => Err((SmtpError::timeout(Phase::Body), sent)),
                Ok(Ok(0)) => Err((SmtpError::closed(Phase::Body), sent)),
                Ok(written) => written,
            };
            match written {
                Ok(octets) => sent += octets,
                Err((error, taken)) => return Err(self.last_words(error).await.in_doubt(taken > dot)),
            }
        }
        match timeout(limit, self.stream.flush()).await {
            Err(_) => Err(SmtpError::timeout(Phase::EndOfData).in_doubt(true)),
            Ok(Err(error)) => Err(SmtpError::io(Phase::EndOfData, &error).in_doubt(true)),
            Ok(Ok(())) => Ok(()),
        }
    }

    /// A server that closes in the middle of a body often says why just before: its words count for more than the reset.
    async fn last_words(&mut self, error: SmtpError) -> SmtpError {
        match self.check_quiet(Phase::Body).await {
            Err(heard) if error.reply.is_none() && heard.reply.is_some() => heard,
            _ => error,
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("tls", &self.tls).field("usable", &self.is_usable()).finish_non_exhaustive()
    }
}

/// The reply to a step that is not about a message, or the error that its refusal makes.
pub(super) fn consent(answer: Answer) -> Result<Reply, SmtpError> {
    if answer.reply.code < 400 { Ok(answer.reply) } else { Err(SmtpError::refused(answer.to.phase(), answer.reply)) }
}
