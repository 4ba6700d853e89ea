//! `[delivery]`: how fast, how often, how long; its types, their defaults and their limits.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::error::ConfigError;
use super::secret::read_private;
use super::section::Section;
use crate::domain::address::ascii_domain;
use crate::domain::rate::Rate;

/// More copies to one person than this are no longer a precaution.
const RESENDS_MAX: u32 = 10;
/// The least length where zero would mean "at once, for ever".
const LEAST: Duration = Duration::from_millis(1);

/// `[delivery]`
#[derive(Debug, Clone)]
pub struct Delivery {
    /// A campaign's rate, unless it has its own.
    pub rate: Rate,
    /// The rate of a recipient's domain, by A-label in lower case; a domain that is not named has no limit of its own.
    pub domain_rate: BTreeMap<String, Rate>,
    /// What follows an attempt whose end is not known.
    pub in_doubt: InDoubt,
    /// How often a recipient in doubt is sent to again, with `resend`.
    pub in_doubt_resends: u32,
    /// The wait after the first temporary failure; it doubles from there.
    pub retry_first: Duration,
    /// When a recipient that cannot be reached fails, from when it was first due.
    pub give_up_after: Duration,
    /// The share of the last 1,000 that may fail for good before the campaign pauses: 0.0 to 1.0, which switches this
    /// off.
    pub pause_at_failure_share: f64,
    /// A start missed by more than this waits for an operator.
    pub late_start: Duration,
    /// At SIGTERM, the time for what is on the wire.
    pub grace: Duration,
    /// A greylisted message is not tried again before this.
    pub greylist_wait: Duration,
    /// Whether to ask for success reports (RFC 3461), where announced.
    pub dsn_success: bool,
    /// Signing keys (RFC 6376).
    pub dkim: Vec<Dkim>,
    /// `[delivery.timeouts]`
    pub timeouts: Timeouts,
}

/// What follows an attempt whose end is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InDoubt {
    /// `resend`: a second copy is a nuisance, a missing notice a breach of duty.
    Resend,
    /// `hold`: wait for `reconcile` or `rerun`.
    Hold,
}

/// One signing key of `delivery.dkim`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dkim {
    /// The `d=` tag: A-label, lower case.
    pub domain: String,
    /// The `s=` tag.
    pub selector: String,
    /// The private key.
    pub key_file: PathBuf,
}

/// `[delivery.timeouts]`: how long each phase of an SMTP session may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Name look-up and TCP connection.
    pub connect: Duration,
    /// The server's greeting.
    pub banner: Duration,
    /// EHLO, STARTTLS, the handshake, AUTH, MAIL, RCPT, QUIT: each.
    pub command: Duration,
    /// DATA, until 354.
    pub data: Duration,
    /// Each block of the body that the server takes.
    pub block: Duration,
    /// The reply to the final dot. Less than ten minutes makes duplicates.
    pub end_of_data: Duration,
}

impl Default for Timeouts {
    /// RFC 5321 §4.5.3.2; `connect` is no part of it and is what a person would wait.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            banner: Duration::from_secs(5 * 60),
            command: Duration::from_secs(5 * 60),
            data: Duration::from_secs(2 * 60),
            block: Duration::from_secs(3 * 60),
            end_of_data: Duration::from_secs(10 * 60),
        }
    }
}

impl Default for Delivery {
    /// The values of interface.md, "Configuration".
    fn default() -> Self {
        Self {
            rate: Rate::Limited { messages: 50, per: Duration::from_secs(1) },
            domain_rate: BTreeMap::new(),
            in_doubt: InDoubt::Resend,
            in_doubt_resends: 1,
            retry_first: Duration::from_secs(60),
            give_up_after: Duration::from_secs(72 * 60 * 60),
            pause_at_failure_share: 0.10,
            late_start: Duration::from_secs(60 * 60),
            grace: Duration::from_secs(30),
            greylist_wait: Duration::from_secs(5 * 60),
            dsn_success: false,
            dkim: Vec::new(),
            timeouts: Timeouts::default(),
        }
    }
}

impl Delivery {
    /// `[delivery]`, with the defaults where nothing is set.
    pub(super) fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        let section = root.section("delivery")?;
        let default = Self::default();
        let in_doubt = |text: &str| match text {
            "resend" => Ok(InDoubt::Resend),
            "hold" => Ok(InDoubt::Hold),
            _ => Err("write \"resend\" or \"hold\"".to_owned()),
        };
        let delivery = Self {
            rate: section.parse("rate", str::parse)?.unwrap_or(default.rate),
            domain_rate: domain_rates(&section)?,
            in_doubt: section.parse("in_doubt", in_doubt)?.unwrap_or(default.in_doubt),
            in_doubt_resends: section.number("in_doubt_resends", 0..=RESENDS_MAX)?.unwrap_or(default.in_doubt_resends),
            retry_first: section.duration("retry_first", LEAST)?.unwrap_or(default.retry_first),
            give_up_after: section.duration("give_up_after", LEAST)?.unwrap_or(default.give_up_after),
            pause_at_failure_share: section.share("pause_at_failure_share")?.unwrap_or(default.pause_at_failure_share),
            late_start: section.duration("late_start", LEAST)?.unwrap_or(default.late_start),
            grace: section.duration("grace", Duration::ZERO)?.unwrap_or(default.grace),
            greylist_wait: section.duration("greylist_wait", Duration::ZERO)?.unwrap_or(default.greylist_wait),
            dsn_success: section.flag("dsn_success")?.unwrap_or(default.dsn_success),
            dkim: section.sections("dkim")?.iter().map(Dkim::read).collect::<Result<_, _>>()?,
            timeouts: Timeouts::read(&section)?,
        };
        if delivery.give_up_after < delivery.retry_first {
            return Err(
                section.wrong("give_up_after", "it must not be shorter than retry_first: nothing would be retried")
            );
        }
        Ok(delivery)
    }
}

fn domain_rates(section: &Section<'_>) -> Result<BTreeMap<String, Rate>, ConfigError> {
    let rates = section.section("domain_rate")?;
    let mut by_domain = BTreeMap::new();
    for name in rates.names() {
        let domain =
            ascii_domain(name).map_err(|error| rates.wrong(name, &format!("its name is no domain: {error}")))?;
        let Some(rate) = rates.parse(name, str::parse)? else { continue };
        if by_domain.insert(domain, rate).is_some() {
            return Err(rates.wrong(name, "this domain has another rate above; keep one"));
        }
    }
    Ok(by_domain)
}

impl Dkim {
    /// The text of `key_file`, read now.
    ///
    /// # Errors
    /// [`ConfigError::SecretFile`] if the file cannot be read or others can read it.
    pub fn key(&self) -> Result<SecretString, ConfigError> {
        read_private("delivery.dkim.key_file", &self.key_file)
    }

    fn read(section: &Section<'_>) -> Result<Self, ConfigError> {
        let domain = |text: &str| ascii_domain(text).map_err(|error| error.to_string());
        let selector = |text: &str| {
            // RFC 6376 §3.1: labels of a domain name.
            let label = |label: &str| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            if text.split('.').all(label) { Ok(text.to_owned()) } else { Err("write the s= label".to_owned()) }
        };
        let needed = |key| move || section.absent(key, "a signature needs domain, selector and key_file");
        Ok(Self {
            domain: section.parse("domain", domain)?.ok_or_else(needed("domain"))?,
            selector: section.parse("selector", selector)?.ok_or_else(needed("selector"))?,
            key_file: section.path("key_file")?.ok_or_else(needed("key_file"))?,
        })
    }
}

impl Timeouts {
    fn read(delivery: &Section<'_>) -> Result<Self, ConfigError> {
        let section = delivery.section("timeouts")?;
        let default = Self::default();
        let phase = |key, default| Ok::<_, ConfigError>(section.duration(key, LEAST)?.unwrap_or(default));
        Ok(Self {
            connect: phase("connect", default.connect)?,
            banner: phase("banner", default.banner)?,
            command: phase("command", default.command)?,
            data: phase("data", default.data)?,
            block: phase("block", default.block)?,
            end_of_data: phase("end_of_data", default.end_of_data)?,
        })
    }
}
