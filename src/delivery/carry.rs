//! One message over one open relay: render, compare with what was approved, compose, hand over, and say what is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::classify::{ReplyClasses, Scope, Trouble};
use super::decide::Ending;
use super::job::Job;
use super::record::{Record, tls_words};
use crate::clock;
use crate::config::ReturnPath;
use crate::crypto::{self, Hash};
use crate::domain::address::Mailbox;
use crate::domain::outcome::{FailureClass, Phase, Reply, SendFailure};
use crate::ledger::commitment;
use crate::ledger::entry::Draft;
use crate::notice::{Stamp, recipient_line};
use crate::smtp::{Connection, Dsn, Envelope, EnvelopeAnswer, ErrorKind, SmtpError, WireBody};

/// Whether a body may leave: the attempt's row, or `None`.
pub type Leave = oneshot::Receiver<Option<i64>>;

/// One message to hand over.
pub struct Order {
    /// When the attempt begins: its Date, epoch milliseconds.
    pub begun_at: i64,
    /// Answered once the attempt is committed.
    pub leave: Leave,
    /// Open while the campaign may send.
    pub gate: Gate,
    /// Being rendered and composed, while the line may still carry the message before it.
    pub prepared: JoinHandle<Prepared>,
}

/// A message for the wire, or why there is none, with the recipient that it is for.
pub type Prepared = (Box<Job>, Result<Composed, Carried>);

/// Whether a campaign's messages may leave at this moment: shut by a pause before the database is asked again.
#[derive(Clone, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// An open gate.
    pub fn open() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Shuts it, for good.
    pub fn shut(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How carrying one message ended.
pub enum Carried {
    /// An attempt that ended.
    Attempt(Box<Attempt>),
    /// No attempt: relay trouble before the 354, or the body was not allowed to leave.
    NotTried {
        /// The attempt that was begun.
        attempt_id: Option<i64>,
        /// What the relay did, where it was the relay.
        trouble: Option<SendFailure>,
    },
    /// The message cannot be made, or no relay can carry it.
    Unsent {
        /// The attempt that was begun.
        attempt_id: Option<i64>,
        /// Why.
        class: FailureClass,
        /// In plain words.
        reply: String,
    },
    /// What would be sent is not what was approved.
    Differs {
        /// The attempt that was begun.
        attempt_id: Option<i64>,
    },
}

impl Carried {
    /// Notes the attempt that was begun and came to nothing; without one, the body was not allowed to leave.
    pub fn with_attempt(self, begun: Option<i64>) -> Self {
        let Some(_) = begun else { return Self::NotTried { attempt_id: None, trouble: None } };
        match self {
            Self::Unsent { class, reply, .. } => Self::Unsent { attempt_id: begun, class, reply },
            Self::Differs { .. } => Self::Differs { attempt_id: begun },
            Self::NotTried { trouble, .. } => Self::NotTried { attempt_id: begun, trouble },
            other @ Self::Attempt(_) => other,
        }
    }
}

/// An attempt that ended, with all that goes on record.
pub struct Attempt {
    /// Its row.
    pub attempt_id: i64,
    /// What follows for the recipient.
    pub ending: Ending,
    /// What went wrong.
    pub class: Option<FailureClass>,
    /// Whose fault a refusal is.
    pub scope: Option<Scope>,
    /// Where it went wrong.
    pub phase: Option<Phase>,
    /// The server's reply, where there was one.
    pub reply: Option<Reply>,
    /// The server's words, or what happened instead.
    pub words: String,
    /// Version and cipher.
    pub tls: Option<String>,
    /// The relay's own id.
    pub queue_id: Option<String>,
    /// SHA-256 of the message as sent.
    pub content: Hash,
    /// Without angle brackets.
    pub message_id: String,
    /// Its entry, but for the outcome, which `decide` gives.
    pub entry: Draft,
}

/// A message that is ready for the wire.
pub struct Composed {
    /// The bytes, past the last gate.
    pub body: WireBody,
    /// The message itself.
    pub message: Vec<u8>,
    /// SHA-256 of it.
    pub content: Hash,
    /// Without angle brackets.
    pub message_id: String,
    /// The envelope sender.
    pub return_path: Mailbox,
}

/// Renders and composes; compares what was rendered with its commitment first.
pub fn prepare(job: &Job, begun_at: i64, return_path: Option<&ReturnPath>) -> Result<Composed, Carried> {
    let unsent = |class, reply: String| Carried::Unsent { attempt_id: None, class, reply };
    let rendered = job.approved.notice().render(&job.customer);
    // Whoever was approved could be rendered, and has a commitment: without either, something was changed since.
    let Ok(rendered) = rendered else { return Err(Carried::Differs { attempt_id: None }) };
    let to = recipient_line(&job.customer);
    let parts = rendered.parts_for_commitment(&to);
    if job.expected != Some(commitment::rendered(&job.customer.key, parts)) {
        return Err(Carried::Differs { attempt_id: None });
    }
    let message_id = job.message_id();
    let stamp = Stamp {
        message_id: message_id.clone(),
        date: clock::from_epoch_millis(begun_at),
        attempt: u32::try_from(job.attempt()).unwrap_or(u32::MAX),
        extra_headers: Vec::new(),
    };
    let message = job
        .approved
        .composer()
        .compose(&rendered, &job.customer, &stamp)
        .map_err(|error| unsent(FailureClass::Render, error.to_string()))?;
    let body = WireBody::new(&message).map_err(|error| unsent(FailureClass::Render, error.to_string()))?;
    let content = crypto::sha256(&[&message]);
    let return_path = match return_path {
        Some(path) => path.mailbox(&tag(job)).map_err(|error| unsent(FailureClass::Render, error.to_string()))?,
        None => job.approved.organization().from.1.clone(),
    };
    Ok(Composed { body, message, content, message_id, return_path })
}

/// The attempt's tag: in the return path and the envelope id (RFC 3461 §4.4). It leads to nobody without the key.
pub fn tag(job: &Job) -> String {
    let hash = crypto::hmac_sha256(&job.customer.key, format!("candor/tag/1\n{}", job.attempt()).as_bytes());
    hex::encode(&hash[..10])
}

/// One message whose turn it is.
pub struct Turn<'a> {
    /// The recipient.
    pub job: &'a Job,
    /// The message.
    pub composed: &'a Composed,
    /// Its Date, epoch milliseconds.
    pub begun_at: i64,
    /// Answered once the attempt is committed.
    pub leave: Leave,
    /// Open while the campaign may send.
    pub gate: &'a Gate,
}

/// Hands one message to an SMTP server.
pub async fn over_smtp(connection: &mut Connection, turn: Turn<'_>, relay: &str, dsn_success: bool) -> Carried {
    let Turn { job, composed, begun_at, leave, gate } = turn;
    let dsn = connection.capabilities().dsn.then(|| Dsn { envid: tag(job), success: dsn_success });
    let envelope = Envelope {
        from: Some(composed.return_path.clone()),
        to: job.customer.mailbox.clone(),
        size: composed.body.size(),
        body_is_8bit: composed.body.is_8bit(),
        smtputf8: job.customer.mailbox.needs_smtputf8() || composed.return_path.needs_smtputf8(),
        dsn,
    };
    let tls = connection.tls().map(tls_words);
    let record = Record { job, begun_at, composed, relay, tls };
    let answer = connection.envelope(&envelope).await;
    // The commit is waited for in every case: what was begun has to be known before it is given back.
    let Some(attempt_id) = leave.await.ok().flatten() else {
        return Carried::NotTried { attempt_id: None, trouble: None };
    };
    match answer {
        Ok(EnvelopeAnswer::Ready) => {}
        Ok(EnvelopeAnswer::Refused { phase, reply }) => {
            let verdict = ReplyClasses::builtin().classify(phase, &reply);
            if verdict.scope == Scope::Relay {
                let trouble = Some(refusal(phase, &reply, verdict.class, verdict.permanent));
                return Carried::NotTried { attempt_id: Some(attempt_id), trouble };
            }
            return record.refused(attempt_id, phase, reply);
        }
        Ok(EnvelopeAnswer::CannotCarry { reason }) => {
            let is_too_large = connection.capabilities().size_max.is_some_and(|max| envelope.size > max);
            let class = if is_too_large { FailureClass::TooLarge } else { FailureClass::BadAddress };
            return Carried::Unsent { attempt_id: Some(attempt_id), class, reply: reason };
        }
        Err(error) => return Carried::NotTried { attempt_id: Some(attempt_id), trouble: Some(trouble(&error)) },
    }
    if !gate.is_open() {
        // The caller closes the connection: the server sees no final dot, and nobody gets an empty letter.
        return Carried::NotTried { attempt_id: Some(attempt_id), trouble: None };
    }
    match connection.body(&composed.body).await {
        Ok(reply) if reply.is_positive() => record.accepted(attempt_id, reply),
        Ok(reply) => record.refused(attempt_id, Phase::EndOfData, reply),
        Err(error) if error.end_of_data_sent => record.in_doubt(attempt_id, &error),
        Err(error) => record.broken_off(attempt_id, &error),
    }
}

/// Puts one message into a folder of .eml files: written, synced and renamed, so that a file that is there is whole.
pub async fn into_folder(folder: &std::path::Path, turn: Turn<'_>, relay: &str) -> Carried {
    let Turn { job, composed, begun_at, leave, gate } = turn;
    let Some(attempt_id) = leave.await.ok().flatten() else {
        return Carried::NotTried { attempt_id: None, trouble: None };
    };
    if !gate.is_open() {
        return Carried::NotTried { attempt_id: Some(attempt_id), trouble: None };
    }
    let record = Record { job, begun_at, composed, relay, tls: None };
    let name = format!("{}-{}.eml", tag(job), job.attempt());
    let (folder, message) = (folder.to_owned(), composed.message.clone());
    let written = tokio::task::spawn_blocking({
        let name = name.clone();
        move || write_durably(&folder, &name, &message)
    });
    match written.await {
        Ok(Ok(())) => {
            record.accepted(attempt_id, Reply { code: 250, enhanced: None, text: format!("written as {name}") })
        }
        Ok(Err(error)) => {
            let trouble = SendFailure {
                phase: Phase::Body,
                code: None,
                enhanced: None,
                class: FailureClass::Network,
                permanent: false,
                reply: format!("the folder cannot be written: {error}"),
            };
            Carried::NotTried { attempt_id: Some(attempt_id), trouble: Some(trouble) }
        }
        Err(_) => Carried::NotTried { attempt_id: Some(attempt_id), trouble: None },
    }
}

fn write_durably(folder: &std::path::Path, name: &str, message: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    super::relay::ensure_folder(folder)?;
    let part = folder.join(format!(".{name}.part"));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    file.write_all(message)?;
    file.sync_all()?;
    std::fs::rename(&part, folder.join(name))?;
    std::fs::File::open(folder)?.sync_all()
}

/// What opening a connection ended in, as trouble of the relay.
pub fn trouble(error: &SmtpError) -> SendFailure {
    let verdict = match &error.reply {
        Some(reply) => ReplyClasses::builtin().classify(error.phase, reply),
        None => ReplyClasses::builtin().classify_trouble(error.phase, kind(&error.kind)),
    };
    SendFailure {
        phase: error.phase,
        code: error.reply.as_ref().map(|reply| reply.code),
        enhanced: error.reply.as_ref().and_then(|reply| reply.enhanced.clone()),
        class: verdict.class,
        permanent: false,
        reply: error.reply.as_ref().map_or_else(|| error.to_string(), |reply| reply.text.clone()),
    }
}

fn kind(kind: &ErrorKind) -> Trouble {
    match kind {
        ErrorKind::Timeout => Trouble::Timeout,
        ErrorKind::Closed => Trouble::Closed,
        ErrorKind::Io => Trouble::Io,
        ErrorKind::Tls => Trouble::Tls,
        ErrorKind::AuthRefused => Trouble::Auth,
        ErrorKind::Protocol | ErrorKind::Refused(_) => Trouble::Protocol,
    }
}

fn refusal(phase: Phase, reply: &Reply, class: FailureClass, permanent: bool) -> SendFailure {
    let Reply { code, enhanced, text } = reply.clone();
    SendFailure { phase, code: Some(code), enhanced, class, permanent, reply: text }
}
