//! How a connection's bytes move: commands out in one write, answers in under their phase's limit, a body block by block.
//!
//! Decides how long to wait, and whether the dot that ends a message may have left when something fails. What the bytes
//! mean is `session`'s.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;

use super::command::Command;
use super::connection::Connection;
use super::error::SmtpError;
use super::session::{Answer, SessionFailure};
use crate::domain::outcome::{Phase, Reply};

/// One block of the body, that has the time limit for blocks to itself: the most that one TLS record holds.
const BLOCK_OCTETS: usize = 16 * 1_024;
/// Octets of the dot and its CRLF at the end of a wire body.
const END_OCTETS: usize = 3;

impl Connection {
    pub(super) fn command(&mut self, command: &Command<'_>) -> Result<(), SmtpError> {
        let phase = self.session.phase();
        self.session.command(command).map_err(|failure| SmtpError::session(phase, failure))
    }

    pub(super) fn end_of_data(&mut self) -> Result<(), SmtpError> {
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

    pub(super) async fn write(&mut self, bytes: &[u8], phase: Phase) -> Result<(), SmtpError> {
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

    pub(super) async fn answer_within(&mut self, limit: Duration) -> Result<Answer, SmtpError> {
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

    /// Writes a body block by block, with what leaves behind it, and listens before each block: a reply that comes before
    /// the dot answers something else.
    pub(super) async fn write_body(&mut self, wire: &[u8], tail: &[u8]) -> Result<(), SmtpError> {
        let dot = wire.len() - END_OCTETS;
        let all = wire.len() + tail.len();
        let limit = self.timeouts.block;
        let mut sent = 0;
        while sent < all {
            let end = wire.len().min(sent + BLOCK_OCTETS);
            let body = wire.get(sent..end).unwrap_or_default();
            // The tail leaves with the last block: as a segment of its own it would cost both sides a system call.
            let behind = if end == wire.len() { &tail[sent.saturating_sub(wire.len())..] } else { &[] };
            let slices = [IoSlice::new(body), IoSlice::new(behind)];
            // Why it failed, and up to where the octets may have left all the same.
            let block = poll_fn(|cx| {
                if sent < wire.len()
                    && let Err(error) = self.poll_quiet(cx, Phase::Body)
                {
                    return Poll::Ready(Err((error, sent)));
                }
                // TLS may have passed on a block that it reports as failed; TCP takes nothing with an error.
                let taken = if self.stream.is_tls() { end } else { sent };
                Pin::new(&mut self.stream)
                    .poll_write_vectored(cx, &slices)
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

/// The reply to a step that is not about a message, or the error that its refusal makes.
pub(super) fn consent(answer: Answer) -> Result<Reply, SmtpError> {
    if answer.reply.code < 400 { Ok(answer.reply) } else { Err(SmtpError::refused(answer.to.phase(), answer.reply)) }
}
