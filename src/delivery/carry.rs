//! One message on its way to one relay: rendered, compared with what was approved, composed; and what is known of it
//! afterwards. `line` moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::classify::{ReplyClasses, Scope, Trouble};
use super::decide::Ending;
use super::job::Job;
use super::parts::Part;
use super::record::Record;
use super::talk::LineOptions;
use crate::clock;
use crate::crypto::{self, Hash};
use crate::domain::address::Mailbox;
use crate::domain::outcome::{FailureClass, Phase, Reply, SendFailure};
use crate::ledger::commitment;
use crate::ledger::entry::Draft;
use crate::notice::{Stamp, recipient_line};
use crate::smtp::{Capabilities, Dsn, Envelope, ErrorKind, SmtpError, WireBody};
use crate::store::Begin;

/// One message to hand over.
pub struct Order {
    /// The recipient.
    pub job: Box<Job>,
    /// Open while the campaign may send.
    pub gate: Gate,
    /// Its permit holds only now: its envelope does not wait behind another's body.
    pub is_alone: bool,
}

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

    /// Whether messages may leave.
    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How carrying one message ended.
pub enum Carried {
    /// An attempt that ended.
    Attempt(Box<Attempt>),
    /// No attempt: relay trouble before the 354, or the body was not allowed to leave.
    NotTried {
        /// It had begun.
        had_begun: bool,
        /// The database did not let it begin: it is not as it was read any more.
        is_stale: bool,
    },
    /// This relay cannot carry the message; another may.
    CannotCarry {
        /// `too-large` or `bad-address`.
        class: FailureClass,
        /// In plain words.
        reply: String,
    },
    /// The message cannot be made.
    Unsent {
        /// Why.
        class: FailureClass,
        /// In plain words.
        reply: String,
    },
    /// What would be sent is not what was approved.
    Differs,
}

/// Nothing left, and nothing is on record.
pub const NOT_TRIED: Carried = Carried::NotTried { had_begun: false, is_stale: false };

/// An attempt that ended, with all that goes on record.
pub struct Attempt {
    /// What was begun, or would have been.
    pub begin: Begin,
    /// It had begun.
    pub had_begun: bool,
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
    /// The bytes, signatures in front, past the last gate.
    pub body: WireBody,
    /// SHA-256 of the message, without the signatures.
    pub content: Hash,
    /// Without angle brackets.
    pub message_id: String,
    /// The envelope sender.
    pub return_path: Mailbox,
}

/// Renders and composes; compares what was rendered with its commitment first.
fn prepare(job: &Job, begun_at: i64, options: &LineOptions) -> Result<Composed, Carried> {
    let (parts_of, begun) = (&options.parts, clock::instant());
    let unsent = |class, reply: String| Carried::Unsent { class, reply };
    let rendered = job.approved.notice().render(&job.customer);
    // Whoever was approved could be rendered, and has a commitment: without either, something was changed since.
    let Ok(rendered) = rendered else { return Err(Carried::Differs) };
    let begun = parts_of.add(Part::Render, begun);
    let to = recipient_line(&job.customer);
    let parts = rendered.parts_for_commitment(&to);
    if job.expected != Some(commitment::rendered(&job.customer.key, parts)) {
        return Err(Carried::Differs);
    }
    let begun = parts_of.add(Part::Compare, begun);
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
    let content = crypto::sha256(&[&message]);
    let begun = parts_of.add(Part::Compose, begun);
    let signatures = options.signers.sign(&message, stamp.date);
    let begun = parts_of.add(Part::Sign, begun);
    let body = WireBody::with_fields(&signatures, &message)
        .map_err(|error| unsent(FailureClass::Render, error.to_string()))?;
    parts_of.add(Part::Compose, begun);
    let return_path = match options.return_path.as_ref() {
        Some(path) => path.mailbox(&tag(job)).map_err(|error| unsent(FailureClass::Render, error.to_string()))?,
        None => job.approved.organization().from.1.clone(),
    };
    Ok(Composed { body, content, message_id, return_path })
}

/// The attempt's tag: in the return path and the envelope id (RFC 3461 §4.4). It leads to nobody without the key.
pub fn tag(job: &Job) -> String {
    let hash = crypto::hmac_sha256(&job.customer.key, format!("candor/tag/1\n{}", job.attempt()).as_bytes());
    hex::encode(&hash[..10])
}

/// One message whose turn it is on a relay.
pub struct Message {
    /// The recipient.
    pub job: Box<Job>,
    /// Open while the campaign may send.
    pub gate: Gate,
    /// Its envelope does not wait behind another's body.
    pub is_alone: bool,
    /// Its Date, epoch milliseconds.
    pub begun_at: i64,
    /// The message itself.
    pub composed: Composed,
}

impl Message {
    /// Renders and composes an order's message.
    ///
    /// # Errors
    /// What has become of the recipient, where there is no message to send.
    pub fn prepare(order: Order, begun_at: i64, options: &LineOptions) -> Result<Self, (Box<Job>, Carried)> {
        let Order { job, gate, is_alone } = order;
        if !gate.is_open() {
            return Err((job, NOT_TRIED));
        }
        match prepare(&job, begun_at, options) {
            Ok(composed) => Ok(Self { job, gate, is_alone, begun_at, composed }),
            Err(carried) => Err((job, carried)),
        }
    }

    /// What is committed before its body leaves.
    pub fn begin(&self, relay: &Arc<str>) -> Begin {
        Begin {
            recipient_id: self.job.recipient_id,
            number: self.job.attempt(),
            from: self.job.from,
            relay: relay.clone(),
            at: self.begun_at,
        }
    }

    /// Its envelope for a server.
    pub fn envelope(&self, capabilities: &Capabilities, dsn_success: bool) -> Envelope {
        let Self { job, composed, .. } = self;
        Envelope {
            from: Some(composed.return_path.clone()),
            to: job.customer.mailbox.clone(),
            size: composed.body.size(),
            body_is_8bit: composed.body.is_8bit(),
            smtputf8: job.customer.mailbox.needs_smtputf8() || composed.return_path.needs_smtputf8(),
            dsn: capabilities.dsn.then(|| Dsn { envid: tag(job), success: dsn_success }),
        }
    }

    /// The message as its outcome goes on record.
    pub fn record<'a>(&'a self, relay: &'a Arc<str>, tls: Option<&'a str>, had_begun: bool) -> Record<'a> {
        Record { message: self, relay, tls, had_begun }
    }
}

/// Why a server cannot carry a message.
pub fn cannot_carry(capabilities: &Capabilities, envelope: &Envelope, reply: String) -> Carried {
    let is_too_large = capabilities.size_max.is_some_and(|max| envelope.size > max);
    let class = if is_too_large { FailureClass::TooLarge } else { FailureClass::BadAddress };
    Carried::CannotCarry { class, reply }
}

/// What a refused envelope means: an attempt of the recipient's, or trouble of the relay's.
pub fn refused(record: &Record<'_>, phase: Phase, reply: Reply) -> (Carried, Option<SendFailure>) {
    let verdict = ReplyClasses::builtin().classify(phase, &reply);
    if verdict.scope == Scope::Relay {
        return (NOT_TRIED, Some(refusal(phase, &reply, verdict.class, verdict.permanent)));
    }
    (record.refused(phase, reply), None)
}

/// Puts one message into a folder of .eml files: written, synced and renamed, so that a file that is there is whole.
///
/// # Errors
/// What is wrong with the folder.
pub async fn into_folder(
    folder: &std::path::Path,
    message: &Message,
    relay: &Arc<str>,
) -> Result<Carried, SendFailure> {
    let name = format!("{}-{}.eml", tag(&message.job), message.job.attempt());
    let octets = message.composed.body.unstuffed();
    let folder = folder.to_owned();
    let written = tokio::task::spawn_blocking({
        let name = name.clone();
        move || write_durably(&folder, &name, &octets)
    });
    match written.await {
        Ok(Ok(())) => {
            let reply = Reply { code: 250, enhanced: None, text: format!("written as {name}") };
            Ok(message.record(relay, None, true).accepted(reply))
        }
        Ok(Err(error)) => Err(folder_trouble(&format!("the folder cannot be written: {error}"))),
        Err(error) => Err(folder_trouble(&format!("writing was stopped: {error}"))),
    }
}

fn folder_trouble(words: &str) -> SendFailure {
    SendFailure {
        phase: Phase::Body,
        code: None,
        enhanced: None,
        class: FailureClass::Network,
        permanent: false,
        reply: words.to_owned(),
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
