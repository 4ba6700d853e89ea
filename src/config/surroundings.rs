//! What stands around the sending: database, ledger, approval, retention, reports, alerts, hooks, HTTP.

use std::path::Path;
use std::time::Duration;

use super::duration::parse_duration;
use super::error::ConfigError;
use super::section::Section;
use super::settings::{
    Alerts, Approval, BounceSource, Bounces, Database, Hook, HookKind, Http, ImapAccount, Ledger, Retention, Seed,
};
use super::url;
use crate::domain::address::Mailbox;

/// `database`, where it is not set.
const DATABASE_DEFAULT: &str = "candor.db";
/// `ledger.key_file`, where it is not set.
const KEY_FILE_DEFAULT: &str = "candor.key";
/// `ledger.origin`, where it is not set: no other log can rightly have this name, and it never changes by itself.
const ORIGIN_DEFAULT: &str = "localhost/candor";
/// `ledger.checkpoint_every`, where it is not set.
const CHECKPOINT_EVERY_DEFAULT: Duration = Duration::from_secs(60);
/// `bounces.every`, where it is not set.
const BOUNCES_EVERY_DEFAULT: Duration = Duration::from_secs(60);
/// The shortest round: below, one would not have ended when the next begins.
const ROUND_LEAST: Duration = Duration::from_secs(1);
/// More people than ever approve one letter.
const APPROVERS_MAX: u32 = 20;
/// A file is named by the origin; file systems take 255 octets.
const ORIGIN_OCTETS_MAX: usize = 200;

impl Database {
    pub(super) fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        let base = root.base("database");
        let database = root.parse("database", |text| Self::parse(text, &base))?;
        Ok(database.unwrap_or_else(|| Self::Sqlite(base.join(DATABASE_DEFAULT))))
    }

    fn parse(text: &str, base: &Path) -> Result<Self, String> {
        let advice = || "write sqlite:PATH, such as \"sqlite:candor.db\"".to_owned();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite:").map_or(text, |path| path.strip_prefix("//").unwrap_or(path));
        if path.is_empty() || path.contains("://") || path.contains(char::is_control) {
            return Err(advice());
        }
        if path.contains('?') {
            return Err("write the path alone, without options".into());
        }
        if path == ":memory:" {
            return Err("nothing would be kept: write the path of a file".into());
        }
        Ok(Self::Sqlite(base.join(path)))
    }
}

impl Approval {
    pub(super) fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self { required: root.section("approval")?.number("required", 0..=APPROVERS_MAX)?.unwrap_or(1) })
    }
}

impl Ledger {
    pub(super) fn read(root: &Section<'_>, state_dir: Option<&Path>) -> Result<Self, ConfigError> {
        let section = root.section("ledger")?;
        let no_home =
            || section.absent("state_dir", "this account has no home folder: name a folder for the checkpoint");
        let key_file = section.path("key_file")?;
        Ok(Self {
            origin: section.parse("origin", origin)?.unwrap_or_else(|| ORIGIN_DEFAULT.to_owned()),
            key_file: key_file.unwrap_or_else(|| section.base("key_file").join(KEY_FILE_DEFAULT)),
            state_dir: section.path("state_dir")?.or(state_dir.map(Path::to_path_buf)).ok_or_else(no_home)?,
            timestamp_url: section.parse_unless_empty("timestamp_url", url::web_url)?,
            header: section.flag("header")?.unwrap_or(false),
            checkpoint_every: section.duration("checkpoint_every", ROUND_LEAST)?.unwrap_or(CHECKPOINT_EVERY_DEFAULT),
            checkpoint_to: section.list("checkpoint_to", address)?,
        })
    }
}

/// C2SP signed-note: a key name is not empty and has neither white space nor `+`; a file is named by it.
fn origin(text: &str) -> Result<String, String> {
    let legal = text.chars().all(|c| c.is_ascii_graphic() && c != '+' && c != '\\');
    let parts_legal = text.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if legal && parts_legal && text.len() <= ORIGIN_OCTETS_MAX {
        return Ok(text.to_owned());
    }
    Err("write a name like a URL without its scheme, in ASCII, without spaces or +: \"example.com/candor\"".into())
}

fn address(text: &str) -> Result<Mailbox, String> {
    Mailbox::parse(text).map_err(|error| format!("write addresses ({error})"))
}

impl Retention {
    pub(super) fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        let kept = |text: &str| match text {
            "never" => Ok(None),
            text => match parse_duration(text) {
                Ok(Duration::ZERO) => Err("it would erase at once: write \"never\", or for example \"400d\"".into()),
                Ok(kept) => Ok(Some(kept)),
                Err(advice) => Err(format!("write \"never\", or {}", advice.trim_start_matches("write "))),
            },
        };
        Ok(Self { personal_data: root.section("retention")?.parse("personal_data", kept)?.flatten() })
    }
}

impl Bounces {
    pub(super) fn read(root: &Section<'_>) -> Result<Vec<Self>, ConfigError> {
        root.sections("bounces")?.iter().map(Self::one).collect()
    }

    fn one(section: &Section<'_>) -> Result<Self, ConfigError> {
        let base = section.base("url");
        let advice = "write imaps://USER@HOST/INBOX, maildir:PATH, mbox:PATH or folder:PATH";
        let source = |text: &str| match text.split_once(':') {
            Some((_, "")) => Err(advice.to_owned()),
            Some(("maildir", path)) => Ok(BounceSource::Maildir(base.join(path))),
            Some(("mbox", path)) => Ok(BounceSource::Mbox(base.join(path))),
            Some(("folder", path)) => Ok(BounceSource::Folder(base.join(path))),
            Some(("imaps", _)) => ImapAccount::parse(text).map(BounceSource::Imap),
            _ => Err(advice.to_owned()),
        };
        let source = section.parse("url", source)?.ok_or_else(|| section.absent("url", advice))?;
        let password_file = section.path("password_file")?;
        if matches!(source, BounceSource::Imap(_)) && password_file.is_none() {
            return Err(section.absent("password_file", "name the file that holds the account's password"));
        }
        Ok(Self {
            source,
            password_file,
            every: section.duration("every", ROUND_LEAST)?.unwrap_or(BOUNCES_EVERY_DEFAULT),
        })
    }
}

impl ImapAccount {
    fn parse(text: &str) -> Result<Self, String> {
        let advice = || "write imaps://USER@HOST/INBOX".to_owned();
        let parts = url::parts(text.strip_prefix("imaps://").ok_or_else(advice)?)?;
        let user = parts.user.filter(|user| !user.is_empty()).ok_or_else(advice)?;
        if user.contains(':') {
            return Err("leave the password out of it; it belongs in password_file".into());
        }
        if parts.query.is_some() {
            return Err(advice());
        }
        Ok(Self {
            user: user.to_owned(),
            host: parts.host,
            port: parts.port.unwrap_or(url::IMAPS_PORT),
            mailbox: if parts.path.is_empty() { "INBOX".to_owned() } else { parts.path.to_owned() },
        })
    }
}

impl Seed {
    pub(super) fn read(root: &Section<'_>) -> Result<Vec<Self>, ConfigError> {
        let all = root.section("seeds")?;
        let seed = |name: &str| {
            let section = all.section(name)?;
            let advice = |error| format!("write the test mailbox in quotes: [seeds.\"probe@example.net\"] ({error})");
            Ok(Self {
                address: Mailbox::parse(name).map_err(|error| all.wrong(name, &advice(error)))?,
                account: section
                    .parse("url", ImapAccount::parse)?
                    .ok_or_else(|| section.absent("url", "write imaps://USER@HOST/INBOX"))?,
                password_file: section.path("password_file")?.ok_or_else(|| {
                    section.absent("password_file", "name the file that holds the account's password")
                })?,
            })
        };
        all.names().into_iter().map(seed).collect()
    }
}

impl Alerts {
    pub(super) fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        let section = root.section("alerts")?;
        Ok(Self { to: section.list("to", address)?, webhook: section.parse_unless_empty("webhook", url::web_url)? })
    }
}

impl Hook {
    pub(super) fn read(root: &Section<'_>) -> Result<Vec<Self>, ConfigError> {
        let all = root.section("hooks")?;
        let hook = |name: &str| {
            let section = all.section(name)?;
            let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            if name.is_empty() || !name.bytes().all(legal) {
                return Err(all.wrong(name, "name a hook with letters, digits, - and _: it is part of a URL"));
            }
            let kind = |text: &str| match text {
                "ses" => Ok(HookKind::Ses),
                "generic" => Ok(HookKind::Generic),
                _ => Err("write \"ses\" or \"generic\"".to_owned()),
            };
            let kind = section.parse("kind", kind)?;
            let kind = kind.ok_or_else(|| section.absent("kind", "write \"ses\" or \"generic\""))?;
            let secret_file = section.path("secret_file")?;
            if kind == HookKind::Generic && secret_file.is_none() {
                return Err(section.absent("secret_file", "a generic hook is known by its secret: name its file"));
            }
            Ok(Self { name: name.to_owned(), kind, secret_file })
        };
        all.names().into_iter().map(hook).collect()
    }
}

impl Http {
    pub(super) fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        let advice = |_| "write an address and a port, such as \"127.0.0.1:8025\" or \"[::1]:8025\"".to_owned();
        let listen = |text: &str| text.parse().map_err(advice);
        Ok(Self { listen: root.section("http")?.parse_unless_empty("listen", listen)? })
    }
}
