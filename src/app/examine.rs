//! What `doctor` looks at: configuration, database, key, relays, and what DNS says about the sender.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::{Access, AppError, OTHERS, read_key};
use crate::approval;
use crate::config::{Database, Relay, RelayKind, Settings};
use crate::delivery::{NamedRelay, probe};
use crate::dns::{DEADLINE, Judged, Verdict};
use crate::ledger::key::KeyError;
use crate::notice::{Signer, Signers};
use crate::store::Store;

/// A relay that has not answered by then would not do for a campaign either; RFC 5321's own limits are minutes for each
/// phase, too long for somebody who waits at a terminal.
const PROBE_MAX: Duration = Duration::from_secs(45);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub what: String,
    /// As it should be.
    pub is_ok: bool,
    /// What was found, and what to do.
    pub words: String,
    /// Nobody could see how it is; that is no fault.
    pub is_unknown: bool,
    /// The DNS record to publish: name, type, value.
    pub publish: Option<String>,
}

impl Finding {
    fn new(what: impl Into<String>, found: Result<String, String>) -> Self {
        let is_ok = found.is_ok();
        let words = found.unwrap_or_else(|words| words);
        Self { what: what.into(), is_ok, words, is_unknown: false, publish: None }
    }

    fn judged(judged: Judged) -> Self {
        let Judged { what, verdict, words, publish } = judged;
        let (is_ok, is_unknown) = (verdict != Verdict::Wrong, verdict == Verdict::Unknown);
        Self { what, is_ok, words, is_unknown, publish }
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
        Finding::new("signing key", key(settings)),
        Finding::new("database", database(settings).await),
    ];
    findings.extend(signing(settings));
    if settings.relays.is_empty() {
        let words = "none: add [relays.main] with a url; until then nothing is ever sent";
        findings.push(Finding::new("relay", Err(words.to_owned())));
    }
    let relays = async {
        let mut found = Vec::new();
        for relay in &settings.relays {
            found.push(Finding::new(format!("relay {}", relay.name), reached(settings, relay).await));
        }
        found
    };
    let (relays, sender) = tokio::join!(relays, sender(settings));
    findings.extend(relays);
    findings.extend(sender);
    findings
}

async fn reached(settings: &Settings, relay: &Relay) -> Result<String, String> {
    let named = NamedRelay::new(relay, &settings.delivery.timeouts, &super::hello());
    let named = named.map_err(|error| error.to_string())?;
    let answer = tokio::time::timeout(PROBE_MAX, probe(&named)).await;
    let silent = || {
        let seconds = PROBE_MAX.as_secs();
        format!("no answer within {seconds} s: see its url, and whether a firewall lets this machine reach it")
    };
    let probe = answer.map_err(|_| silent())?.map_err(|error| error.to_string())?;
    if matches!(relay.kind, RelayKind::Folder(_)) {
        return Ok(format!("{}: a folder that gets an .eml file for each message; nothing is sent", probe.target));
    }
    let tls = probe.tls.unwrap_or_else(|| "without TLS".to_owned());
    let login = if probe.authenticated.is_some() { "signed in" } else { "without sign-in" };
    let announced = if probe.extensions.is_empty() { "no extensions".to_owned() } else { probe.extensions.join(" ") };
    Ok(format!("{}: {tls}, {login}, {announced}", probe.target))
}

fn from(settings: &Settings) -> Result<String, String> {
    let from = settings.organization.from.as_ref();
    let missing =
        || "organization.from is not set: say who writes, as in from = \"Care <care@example.com>\"".to_owned();
    from.map(|from| from.mailbox.reveal()).ok_or_else(missing)
}

fn key(settings: &Settings) -> Result<String, String> {
    let (path, origin) = (&settings.ledger.key_file, &settings.ledger.origin);
    if !path.exists() {
        return Ok(format!("{} will be made by the first command that writes", path.display()));
    }
    let key = read_key(path).map_err(|error| error.to_string())?;
    if key.name() != origin {
        let error = KeyError::OtherOrigin { found: key.name().to_owned(), wanted: origin.clone() };
        return Err(format!("{}: {error}", path.display()));
    }
    Ok(format!("{}: {}", path.display(), key.verifier_line()))
}

/// What DNS says about the sender; nothing where From or a signing key is wrong, which is found elsewhere.
async fn sender(settings: &Settings) -> Vec<Finding> {
    match approval::sender_auth(settings, DEADLINE).await {
        Ok(Some(judged)) => judged.into_iter().map(Finding::judged).collect(),
        Ok(None) => {
            let words = "not asked: these domains are reserved for examples".to_owned();
            vec![Finding { is_unknown: true, ..Finding::new("sender in DNS", Ok(words)) }]
        }
        Err(_) => Vec::new(),
    }
}

/// Each key for DKIM with the record that has to stand in DNS, or the first that cannot be used.
fn signing(settings: &Settings) -> Vec<Finding> {
    let signers = match Signers::load(&settings.delivery.dkim) {
        Ok(signers) => signers,
        Err(error) => return vec![Finding::new("DKIM", Err(error.to_string()))],
    };
    let found = |signer: &Signer| {
        let words = format!("signs; DNS needs {} TXT \"{}\"", signer.record_name(), signer.record());
        Finding::new(format!("DKIM {}", signer.selector()), Ok(words))
    };
    signers.iter().map(found).collect()
}

async fn database(settings: &Settings) -> Result<String, String> {
    let Database::Sqlite(path) = &settings.database else {
        return Err("this version keeps its data in SQLite only".to_owned());
    };
    if !path.exists() {
        return Ok(format!("{} will be made by the first command that writes", path.display()));
    }
    let mode = std::fs::metadata(path).map_err(|error| error.to_string())?.mode();
    if mode & OTHERS != 0 {
        return Err(format!("{0} can be read by others: run `chmod 600 {0}`", path.display()));
    }
    let store = Store::open(path, Access::Read).await.map_err(|error| error.to_string())?;
    let held = held(&store, path, &settings.ledger.key_file).await;
    store.close().await;
    held
}

async fn held(store: &Store, path: &Path, key_file: &Path) -> Result<String, String> {
    let is_empty = store.ledger_is_empty().await.map_err(|error| error.to_string())?;
    if !is_empty && !key_file.exists() {
        return Err(AppError::KeyMissing(key_file.to_owned()).to_string());
    }
    let campaigns = store.campaigns().await.map_err(|error| error.to_string())?.len();
    let campaigns = if campaigns == 1 { "one campaign".to_owned() } else { format!("{campaigns} campaigns") };
    Ok(format!("{}: {campaigns}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::{App, make_key};
    use super::*;
    use crate::domain::event::EntryKind;
    use crate::ledger::entry::{Actor, Draft};

    fn settings(text: &str, folder: &Path) -> Settings {
        Settings::from_text(text, &folder.join("candor.toml"), &[]).unwrap()
    }

    fn is_ok(findings: &[Finding], what: &str) -> bool {
        findings.iter().find(|finding| finding.what == what).unwrap().is_ok
    }

    #[tokio::test]
    async fn an_empty_folder_lacks_a_sender_and_a_relay_and_nothing_is_made_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let findings = examine(&settings("", folder.path())).await;
        let verdicts = ["configuration", "from", "signing key", "database", "relay"].map(|what| is_ok(&findings, what));
        assert_eq!(verdicts, [true, false, true, true, false]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_relay_that_nobody_answers_for_is_wrong_and_a_folder_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = format!("[relays.a]\nurl = \"smtp://{closed}\"\n[relays.b]\nurl = \"folder:out\"\n");
        let findings = examine(&settings(&text, folder.path())).await;
        assert!(!is_ok(&findings, "relay a") && is_ok(&findings, "relay b"), "{findings:?}");
    }

    #[tokio::test]
    async fn a_key_for_dkim_is_shown_with_its_record_and_one_that_cannot_be_used_is_wrong() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let text = "delivery.dkim = { domain = 'example.com', selector = 's1', key_file = 'dkim.key' }";
        let settings = settings(text, folder.path());
        assert!(!is_ok(&examine(&settings).await, "DKIM"));
        let file = folder.path().join("dkim.key");
        std::fs::write(&file, "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let findings = examine(&settings).await;
        let found = findings.iter().find(|finding| finding.what == "DKIM s1").unwrap();
        // The public key of RFC 8463 §A.2.
        let record =
            "s1._domainkey.example.com TXT \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\"";
        assert!(found.is_ok && found.words.contains(record), "{found:?}");
    }

    #[tokio::test]
    async fn a_key_of_another_origin_is_wrong_and_so_is_a_ledger_without_its_key() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings("[ledger]\norigin = \"example.com/a\"", folder.path());
        let file = &settings.ledger.key_file;
        make_key(file, "example.com/b").unwrap();
        assert!(!is_ok(&examine(&settings).await, "signing key"));
        std::fs::remove_file(file).unwrap();
        let app = App::open(settings.clone(), Access::Write).await.unwrap();
        let draft = Draft::new(EntryKind::RelayBack, &Actor::Worker, None).with("relay", "main");
        let mut tx = app.store.begin().await.unwrap();
        tx.append(0, vec![draft]).await.unwrap();
        tx.commit().await.unwrap();
        let findings = examine(&settings).await;
        assert!(is_ok(&findings, "signing key") && is_ok(&findings, "database"), "{findings:?}");
        std::fs::remove_file(file).unwrap();
        assert!(!is_ok(&examine(&settings).await, "database"));
    }
}
