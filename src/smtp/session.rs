//! The client's side of SMTP as a pure state machine: commands in, bytes out; bytes in, answers out.
//!
//! Decides which reply answers which command, and whether it may. Never touches a socket, a clock or a secret's meaning.
//! It keeps the queue of the replies that are owed, so a pipelined group is nothing special, and a reply that nobody asked
//! for ends the session (RFC 5321 §4.3.1: replies and commands correspond one to one). After anything that makes no sense
//! the session takes and gives nothing more: answers that came before it stay good.

use std::collections::VecDeque;

use super::command::{Command, CommandError};
use super::reply::{ReplyError, ReplyParser};
use crate::domain::outcome::{Phase, Reply};

/// The server is going away (RFC 5321 §3.8); it may come at any point.
pub const SERVICE_CLOSING: u16 = 421;

/// What a reply is owed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The connection itself.
    Banner,
    /// `EHLO`
    Ehlo,
    /// `HELO`
    Helo,
    /// `STARTTLS`
    StartTls,
    /// `AUTH` or one of its responses
    Auth,
    /// `RSET`
    Reset,
    /// `MAIL`
    Mail,
    /// `RCPT`
    Rcpt,
    /// `DATA`
    Data,
    /// The dot that ends a message, or the lone dot that ends none
    EndOfData,
    /// `QUIT`
    Quit,
}

impl Awaited {
    /// The phase that its time limit and its failures belong to. A reset opens the next transaction: MAIL.
    pub fn phase(self) -> Phase {
        match self {
            Self::Banner => Phase::Banner,
            Self::Ehlo | Self::Helo => Phase::Ehlo,
            Self::StartTls => Phase::StartTls,
            Self::Auth => Phase::Auth,
            Self::Reset | Self::Mail => Phase::Mail,
            Self::Rcpt => Phase::Rcpt,
            Self::Data => Phase::Data,
            Self::EndOfData => Phase::EndOfData,
            Self::Quit => Phase::Quit,
        }
    }

    /// Whether a code can answer it at all (RFC 5321 §4.3.2). Every command may be refused; only its own consent counts.
    fn allows(self, code: u16) -> bool {
        match code / 100 {
            4 | 5 => true,
            _ => match self {
                Self::Banner | Self::StartTls => code == 220,
                Self::Ehlo | Self::Helo | Self::Reset | Self::Mail | Self::EndOfData => code == 250,
                // 251 and 252: the server takes it and forwards, or tries (RFC 5321 §3.4, §3.5.3).
                Self::Rcpt => matches!(code, 250..=252),
                Self::Auth => matches!(code, 235 | 334),
                Self::Data => code == 354,
                Self::Quit => true,
            },
        }
    }
}

/// A reply with what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it answers.
    pub to: Awaited,
    /// The reply.
    pub reply: Reply,
}

/// Why a session ended before its time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionFailure {
    /// The bytes were no reply.
    #[error(transparent)]
    Reply(#[from] ReplyError),
    /// A code that cannot answer this command, such as 250 to DATA.
    #[error("the server answered {code}, which is no answer to this step")]
    WrongReply {
        /// The code that came.
        code: u16,
    },
    /// A refusal that nobody asked for, as 421 from a server that goes away.
    #[error("the server refused before anything was asked, with {}", .0.code)]
    Unasked(Reply),
    /// Bytes beyond the replies that were owed.
    #[error("the server sent more than it was asked for; its replies cannot be told apart any more")]
    OutOfStep,
    /// A command at a moment when none may be sent, or an end of data where no data was asked for.
    #[error("this step is not allowed at this point of the session")]
    NotNow,
    /// A command that cannot be written.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// One session. Memory: at most one reply a command sent, and the parser's limits.
pub struct Session {
    parser: ReplyParser,
    owed: VecDeque<Awaited>,
    answers: VecDeque<Answer>,
    output: Vec<u8>,
    /// What was answered last, for the phase of what goes wrong between two steps.
    last: Awaited,
    /// DATA was answered 354 and the end of the data has not been sent.
    data_open: bool,
    closing: bool,
    failure: Option<SessionFailure>,
}

impl Session {
    /// A session at its start: the server owes its banner.
    pub fn new() -> Self {
        Self::start(Awaited::Banner, [Awaited::Banner].into())
    }

    /// A session right after the TLS handshake of STARTTLS: nothing is owed, nothing from before is known (RFC 3207 §4.2).
    pub fn after_starttls() -> Self {
        Self::start(Awaited::StartTls, VecDeque::new())
    }

    fn start(last: Awaited, owed: VecDeque<Awaited>) -> Self {
        Self {
            parser: ReplyParser::default(),
            owed,
            answers: VecDeque::new(),
            output: Vec::new(),
            last,
            data_open: false,
            closing: false,
            failure: None,
        }
    }

    /// Adds a command to the output; its reply is owed from now on.
    ///
    /// # Errors
    /// [`SessionFailure::NotNow`] while data is asked for or DATA is unanswered (only the body may follow it), or after
    /// the session's end; [`SessionFailure::Command`] where the command is no legal line. The session is as before.
    pub fn command(&mut self, command: &Command<'_>) -> Result<(), SessionFailure> {
        if !self.is_open() || self.data_open || self.owed.contains(&Awaited::Data) {
            return Err(SessionFailure::NotNow);
        }
        command.write_to(&mut self.output)?;
        self.owed.push_back(match command {
            Command::Ehlo(_) => Awaited::Ehlo,
            Command::Helo(_) => Awaited::Helo,
            Command::StartTls => Awaited::StartTls,
            Command::Auth(..) | Command::AuthResponse(_) => Awaited::Auth,
            Command::Mail(..) => Awaited::Mail,
            Command::Rcpt(..) => Awaited::Rcpt,
            Command::Data => Awaited::Data,
            Command::Reset => Awaited::Reset,
            Command::Quit => Awaited::Quit,
        });
        Ok(())
    }

    /// Says that the end of the data has left: its reply is owed from now on. What came before answers something else.
    /// Commands may follow at once (RFC 2920 §3.1).
    ///
    /// # Errors
    /// [`SessionFailure::NotNow`] where the server did not ask for data.
    pub fn end_of_data(&mut self) -> Result<(), SessionFailure> {
        if !self.is_open() || !self.data_open {
            return Err(SessionFailure::NotNow);
        }
        self.data_open = false;
        self.owed.push_back(Awaited::EndOfData);
        Ok(())
    }

    /// The bytes to be sent since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Takes what the server sent. What it means is given by [`Session::next_answer`].
    pub fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && self.is_open() {
            match self.parser.next(&mut bytes) {
                Err(error) => self.failure = Some(error.into()),
                Ok(Some(reply)) => self.take_reply(reply),
                Ok(None) if self.owed.is_empty() => self.failure = Some(SessionFailure::OutOfStep),
                Ok(None) => {}
            }
        }
    }

    fn take_reply(&mut self, reply: Reply) {
        let Some(to) = self.owed.pop_front() else {
            let is_refusal = reply.code >= 400;
            self.failure = Some(if is_refusal { SessionFailure::Unasked(reply) } else { SessionFailure::OutOfStep });
            return;
        };
        self.last = to;
        if !to.allows(reply.code) {
            self.failure = Some(SessionFailure::WrongReply { code: reply.code });
            return;
        }
        self.data_open = to == Awaited::Data && reply.code == 354;
        if reply.code == SERVICE_CLOSING || to == Awaited::Quit {
            self.closing = true;
            self.owed.clear();
        }
        self.answers.push_back(Answer { to, reply });
    }

    /// The next answer, in the order of the commands; `None` where more bytes are needed or nothing is owed.
    ///
    /// # Errors
    /// What ended the session, once the answers that came before it have been taken; from then on always.
    pub fn next_answer(&mut self) -> Result<Option<Answer>, SessionFailure> {
        match (self.answers.pop_front(), &self.failure) {
            (Some(answer), _) => Ok(Some(answer)),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => Ok(None),
        }
    }

    /// Where the session stands: the phase of the reply owed next, or of the last one.
    pub fn phase(&self) -> Phase {
        self.owed.front().copied().unwrap_or(self.last).phase()
    }

    /// Whether the server waits for a message's data.
    pub fn is_data_open(&self) -> bool {
        self.data_open
    }

    /// False after a failure, after 421 and after QUIT was answered: nothing more is sent or read.
    pub fn is_open(&self) -> bool {
        self.failure.is_none() && !self.closing
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}
