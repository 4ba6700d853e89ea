//! What the settings are once read: plain types, every value checked, every path resolved.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::{Delivery, Relay};
use crate::domain::address::{AddressError, Mailbox};

/// Everything that candor.toml and the environment say, with the defaults of interface.md in place.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The file that was read; `None` where there was none.
    pub file: Option<PathBuf>,
    /// `database`
    pub database: Database,
    /// `[organization]`
    pub organization: Organization,
    /// `[relays.NAME]`, in the order of the file: the order in which they are tried. Those that only the environment
    /// names come last, by name.
    pub relays: Vec<Relay>,
    /// `[delivery]`
    pub delivery: Delivery,
    /// `[dns]`
    pub dns: Dns,
    /// `[safety]`
    pub safety: Safety,
    /// `[approval]`
    pub approval: Approval,
    /// `[ledger]`
    pub ledger: Ledger,
    /// `[retention]`
    pub retention: Retention,
    /// `[[bounces]]`
    pub bounces: Vec<Bounces>,
    /// `[seeds."ADDRESS"]`
    pub seeds: Vec<Seed>,
    /// `[alerts]`
    pub alerts: Alerts,
    /// `[hooks.NAME]`
    pub hooks: Vec<Hook>,
    /// `[http]`
    pub http: Http,
}

/// Where campaigns are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// A `postgres://` URL. It may hold a password: never for a log.
    Postgres(String),
}

/// `[organization]`: who writes.
#[derive(Debug, Clone)]
pub struct Organization {
    /// The name that templates see; empty if not set.
    pub name: String,
    /// The From header.
    pub from: Option<Sender>,
    /// The Reply-To header.
    pub reply_to: Option<Sender>,
    /// The envelope sender; the From mailbox where it is not set.
    pub return_path: Option<ReturnPath>,
    /// The postal address that templates see; empty if not set.
    pub postal_address: String,
    /// For times without a zone, sending windows and reports.
    pub time_zone: chrono_tz::Tz,
    /// Hosts that a notice may link to, besides the From domain and the response site's: A-labels, lower case.
    pub link_hosts: Vec<String>,
}

/// A mailbox with the name that stands beside it in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The display name, without quotes; one line.
    pub name: Option<String>,
    /// The one address.
    pub mailbox: Mailbox,
}

/// The envelope sender, with or without `{tag}` in its local part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnPath {
    /// As written, for instance `bounces+{tag}@example.com`.
    pub template: String,
}

/// `[dns]`: whom `doctor` and the check ask.
#[derive(Debug, Clone, Default)]
pub struct Dns {
    /// Empty: the servers that the system asks.
    pub servers: Vec<SocketAddr>,
}

/// `[safety]`: a limit on who may be mailed at all.
#[derive(Debug, Clone, Default)]
pub struct Safety {
    /// The only addresses and domains that anything may go to; empty: no limit.
    pub only_to: Vec<OnlyTo>,
}

/// One entry of `safety.only_to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnlyTo {
    /// This mailbox.
    Address(Mailbox),
    /// Every mailbox of exactly this domain (A-label, lower case), not of those below it.
    Domain(String),
}

/// `[approval]`
#[derive(Debug, Clone)]
pub struct Approval {
    /// People other than the author who must approve; 0: the author alone may send.
    pub required: u32,
}

/// `[ledger]`
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The log's name in checkpoints and keys (C2SP tlog-checkpoint): a URL without its scheme.
    pub origin: String,
    /// The signing key's file.
    pub key_file: PathBuf,
    /// The folder that keeps the newest checkpoint, apart from the database.
    pub state_dir: PathBuf,
    /// An RFC 3161 time-stamping service.
    pub timestamp_url: Option<String>,
    /// Whether each notice carries `Candor-Checkpoint`.
    pub header: bool,
    /// How often a checkpoint is signed while entries arrive.
    pub checkpoint_every: Duration,
    /// Who gets checkpoints by mail.
    pub checkpoint_to: Vec<Mailbox>,
}

/// `[retention]`
#[derive(Debug, Clone, Default)]
pub struct Retention {
    /// How long after a campaign's end personal data is kept; `None` is `never` erased.
    pub personal_data: Option<Duration>,
}

/// One `[[bounces]]`: where reports come in.
#[derive(Debug, Clone)]
pub struct Bounces {
    /// `url`
    pub source: BounceSource,
    /// The IMAP account's password.
    pub password_file: Option<PathBuf>,
    /// How often the worker looks.
    pub every: Duration,
}

/// A place that holds reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BounceSource {
    /// `imaps://user@host[:port]/MAILBOX`
    Imap(ImapAccount),
    /// `maildir:PATH`
    Maildir(PathBuf),
    /// `mbox:PATH`
    Mbox(PathBuf),
    /// `folder:PATH`, of .eml files
    Folder(PathBuf),
}

/// An IMAP account inside TLS (RFC 8314).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImapAccount {
    /// The part before the last `@`, as written.
    pub user: String,
    /// A name or an address, without brackets.
    pub host: String,
    /// 993 if not given.
    pub port: u16,
    /// `INBOX` if not given.
    pub mailbox: String,
}

/// `[seeds."ADDRESS"]`: the account that shows whether a test mailbox got its copy.
#[derive(Debug, Clone)]
pub struct Seed {
    /// The test mailbox.
    pub address: Mailbox,
    /// Where it is read.
    pub account: ImapAccount,
    /// The account's password.
    pub password_file: PathBuf,
}

/// `[alerts]`
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    /// Who is written to.
    pub to: Vec<Mailbox>,
    /// A URL that is posted to.
    pub webhook: Option<String>,
}

/// How the caller of a hook proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookKind {
    /// `ses`: by the signature of Amazon's notification service.
    Ses,
    /// `generic`: by an HMAC with the shared secret.
    Generic,
}

/// `[hooks.NAME]`: a provider that reports over HTTP.
#[derive(Debug, Clone)]
pub struct Hook {
    /// NAME, the last part of its address.
    pub name: String,
    /// Who calls.
    pub kind: HookKind,
    /// The shared secret; `generic` needs one.
    pub secret_file: Option<PathBuf>,
}

/// `[http]`
#[derive(Debug, Clone, Default)]
pub struct Http {
    /// Where the worker answers `/healthz` and the rest; `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(…)"),
        }
    }
}

impl Settings {
    /// Whether `[safety] only_to` lets anything go to this mailbox.
    pub fn may_mail(&self, mailbox: &Mailbox) -> bool {
        self.safety.may_mail(mailbox)
    }

    /// The relay of that name.
    pub fn relay(&self, name: &str) -> Option<&Relay> {
        self.relays.iter().find(|relay| relay.name == name)
    }

    /// The keys that are set to something which this version reads but does not act on, for a warning. In the order of
    /// interface.md.
    pub fn unused_by_this_version(&self) -> Vec<String> {
        let set = [
            ("ledger.timestamp_url", self.ledger.timestamp_url.is_some()),
            ("ledger.header", self.ledger.header),
            ("ledger.checkpoint_to", !self.ledger.checkpoint_to.is_empty()),
            ("retention.personal_data", self.retention.personal_data.is_some()),
            ("bounces", !self.bounces.is_empty()),
            ("seeds", !self.seeds.is_empty()),
            ("alerts.to", !self.alerts.to.is_empty()),
            ("alerts.webhook", self.alerts.webhook.is_some()),
            ("hooks", !self.hooks.is_empty()),
            ("http.listen", self.http.listen.is_some()),
        ];
        set.into_iter().filter(|(_, set)| *set).map(|(key, _)| key.to_owned()).collect()
    }
}

impl Safety {
    /// Whether anything may go to this mailbox.
    pub fn may_mail(&self, mailbox: &Mailbox) -> bool {
        self.only_to.is_empty()
            || self.only_to.iter().any(|entry| match entry {
                OnlyTo::Address(address) => address == mailbox,
                OnlyTo::Domain(domain) => domain == mailbox.domain(),
            })
    }
}

impl ReturnPath {
    /// What stands in a template where each message's own tag goes.
    pub const TAG: &'static str = "{tag}";

    /// Whether every message gets a return path of its own.
    pub fn has_tag(&self) -> bool {
        self.template.contains(Self::TAG)
    }

    /// The envelope sender of the message with this tag. Without `{tag}` in the template, the same for all.
    ///
    /// # Errors
    /// [`AddressError`] if the tag makes the local part longer than RFC 5321 §4.5.3.1.1 allows, or no address at all.
    pub fn mailbox(&self, tag: &str) -> Result<Mailbox, AddressError> {
        Mailbox::parse(&self.template.replace(Self::TAG, tag))
    }
}
