//! What `doctor` looks at: configuration, database, key, relays.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Access, OTHERS, read_key};
use crate::config::{Database, RelayKind, Settings};
use crate::delivery::{NamedRelay, probe};
use crate::store::Store;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub what: String,
    /// As it should be.
    pub is_ok: bool,
    /// What was found, and what to do.
    pub words: String,
}

impl Finding {
    fn new(what: impl Into<String>, found: Result<String, String>) -> Self {
        let is_ok = found.is_ok();
        Self { what: what.into(), is_ok, words: found.unwrap_or_else(|words| words) }
    }
}

/// Looks at everything that a campaign would need. Changes nothing, sends nothing.
pub async fn examine(settings: &Settings) -> Vec<Finding> {
    let file = settings
        .file
        .as_ref()
        .map_or_else(|| "no file: the defaults hold".to_owned(), |file| file.display().to_string());
    let mut findings = vec![
        Finding::new("configuration", settings.refuse_unsupported().map(|()| file).map_err(|error| error.to_string())),
        Finding::new("from", from(settings)),
        Finding::new("signing key", key(&settings.ledger.key_file)),
        Finding::new("database", database(&settings.database).await),
    ];
    if settings.relays.is_empty() {
        let words = "none: add [relays.main] with a url; until then nothing is ever sent";
        findings.push(Finding::new("relay", Err(words.to_owned())));
    }
    for relay in &settings.relays {
        let hello = super::hello();
        let named = NamedRelay::new(relay, &settings.delivery.timeouts, &hello);
        let found = match named {
            Ok(named) => probe(&named).await.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let words = found.map(|probe| {
            if matches!(relay.kind, RelayKind::Folder(_)) {
                return format!("{}: a folder that gets an .eml file for each message; nothing is sent", probe.target);
            }
            let tls = probe.tls.unwrap_or_else(|| "without TLS".to_owned());
            let login = match probe.authenticated {
                Some(_) => "signed in",
                None => "without sign-in",
            };
            format!("{}: {tls}, {login}, {}", probe.target, probe.extensions.join(" "))
        });
        findings.push(Finding::new(format!("relay {}", relay.name), words));
    }
    findings
}

fn from(settings: &Settings) -> Result<String, String> {
    let from = settings.organization.from.as_ref();
    let missing =
        || "organization.from is not set: say who writes, as in from = \"Care <care@example.com>\"".to_owned();
    from.map(|from| from.mailbox.reveal()).ok_or_else(missing)
}

fn key(path: &Path) -> Result<String, String> {
    if !path.exists() {
        return Ok(format!("{} will be made by the first command that writes", path.display()));
    }
    let key = read_key(path).map_err(|error| error.to_string())?;
    Ok(format!("{}: {}", path.display(), key.verifier_line()))
}

async fn database(database: &Database) -> Result<String, String> {
    let Database::Sqlite(path) = database else { return Err("this version keeps its data in SQLite only".to_owned()) };
    if !path.exists() {
        return Ok(format!("{} will be made by the first command that writes", path.display()));
    }
    let mode = std::fs::metadata(path).map_err(|error| error.to_string())?.mode();
    if mode & OTHERS != 0 {
        return Err(format!("{0} can be read by others: run `chmod 600 {0}`", path.display()));
    }
    let store = Store::open(path, Access::Read).await.map_err(|error| error.to_string())?;
    let campaigns = store.campaigns().await.map_err(|error| error.to_string())?.len();
    store.close().await;
    Ok(format!("{}: {campaigns} campaign(s)", path.display()))
}
