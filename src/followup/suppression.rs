//! Who must not be mailed: adding, removing, importing, exporting.

use std::collections::HashMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::FollowupError;
use crate::audience::cells;
use crate::clock;
use crate::domain::address::{Mailbox, ascii_domain};
use crate::domain::event::EntryKind;
use crate::ledger::entry::{By, Draft};
use crate::store::{Store, Tx};

/// Addresses added in one transaction.
const GROUP: usize = 1_000;

/// Puts addresses and `@domain`s on the list, for one campaign or all. Returns how many.
///
/// # Errors
/// [`FollowupError::Target`] for the first that is neither; then none is added.
pub async fn suppress_add(
    store: &Store,
    by: &By,
    targets: &[String],
    reason: &str,
    campaign: Option<&str>,
    expires_at: Option<i64>,
) -> Result<usize, FollowupError> {
    let targets = targets.iter().map(|text| target(text)).collect::<Result<Vec<String>, FollowupError>>()?;
    let campaign = match campaign {
        None => None,
        Some(name) => Some(scope(store, name).await?),
    };
    let listed: Vec<Listed> = targets
        .into_iter()
        .map(|target| Listed { target, reason: reason.to_owned(), expires_at, campaign: campaign.clone() })
        .collect();
    for group in listed.chunks(GROUP) {
        let mut tx = store.begin().await?;
        add_group(&mut tx, by, group).await?;
        tx.commit().await?;
    }
    Ok(listed.len())
}

/// Takes an address or `@domain` off the list. Those it kept from being mailed are put back by a rerun.
///
/// # Errors
/// [`FollowupError::NotListed`].
pub async fn suppress_remove(store: &Store, by: &By, text: &str, reason: &str) -> Result<(), FollowupError> {
    let target = target(text)?;
    let mut tx = store.begin().await?;
    if !tx.suppression_remove(&target).await? {
        return Err(FollowupError::NotListed(text.to_owned()));
    }
    let entry = Draft::new(EntryKind::Unsuppressed, &by.actor, None)
        .with_text("target", Some(&target))
        .with_text("reason", Some(reason));
    tx.append(by.at, vec![entry]).await?;
    tx.commit().await?;
    Ok(())
}

/// Adds every line of a CSV file with the columns `address`, and optionally `reason`, `expires` (RFC 3339) and `campaign`
/// (empty: all of them). Returns how many.
///
/// # Errors
/// [`FollowupError::File`] naming the line that is wrong; then none is added.
pub async fn suppress_import(store: &Store, by: &By, path: &Path) -> Result<usize, FollowupError> {
    let fail = |reason: String| FollowupError::File { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    let records = cells::read(&text).map_err(|error| fail(error.to_string()))?;
    let mut lines = records.into_iter().enumerate();
    let header = lines.next().map(|(_, header)| header).unwrap_or_default();
    let column = |name: &str| header.iter().position(|cell| cell.trim().eq_ignore_ascii_case(name));
    let address = column("address").or_else(|| column("email"));
    let address = address.ok_or_else(|| fail("it has no column named address".into()))?;
    let (reason, expires, campaign) = (column("reason"), column("expires"), column("campaign"));
    let mut scopes: HashMap<String, Scope> = HashMap::new();
    let mut listed = Vec::new();
    for (line, record) in lines {
        let cell = |at: Option<usize>| at.and_then(|at| record.get(at)).map_or("", |cell| cell.trim());
        let on_line = |what: &dyn std::fmt::Display| fail(format!("line {}: {what}", line + 1));
        let target = target(cell(Some(address))).map_err(|error| on_line(&error))?;
        let expires_at = match cell(expires) {
            "" => None,
            text => {
                let at = chrono::DateTime::parse_from_rfc3339(text).map_err(|error| on_line(&error))?;
                Some(at.timestamp_millis())
            }
        };
        let reason = if cell(reason).is_empty() { "imported" } else { cell(reason) };
        // A line for one campaign must not keep anybody from the notices of the others.
        let campaign = match cell(campaign) {
            "" => None,
            name if scopes.contains_key(name) => scopes.get(name).cloned(),
            name => {
                let scope = scope(store, name).await.map_err(|error| on_line(&error))?;
                scopes.insert(name.to_owned(), scope.clone());
                Some(scope)
            }
        };
        listed.push(Listed { target, reason: reason.to_owned(), expires_at, campaign });
    }
    for group in listed.chunks(GROUP) {
        let mut tx = store.begin().await?;
        add_group(&mut tx, by, group).await?;
        tx.commit().await?;
    }
    Ok(listed.len())
}

/// Writes the whole list as CSV, safe to open in a spreadsheet, readable by its owner only. Returns how many.
///
/// # Errors
/// [`FollowupError::File`].
pub async fn suppress_export(store: &Store, path: &Path) -> Result<usize, FollowupError> {
    let fail = |error: std::io::Error| FollowupError::File { path: path.to_owned(), reason: error.to_string() };
    let rows = store.suppressions().await?;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = std::io::BufWriter::new(file.map_err(fail)?);
    writeln!(file, "address,reason,expires,campaign").map_err(fail)?;
    for row in &rows {
        let expires = row.expires_at.map(clock::rfc3339_millis).unwrap_or_default();
        let fields = [row.target.as_str(), &row.reason, &expires, row.campaign.as_deref().unwrap_or_default()];
        writeln!(file, "{}", cells::line(&fields)).map_err(fail)?;
    }
    file.flush().map_err(fail)?;
    Ok(rows.len())
}

struct Listed {
    target: String,
    reason: String,
    expires_at: Option<i64>,
    /// `None`: all campaigns.
    campaign: Option<Scope>,
}

/// The one campaign that a line holds for.
#[derive(Clone)]
struct Scope {
    id: i64,
    name: String,
}

async fn scope(store: &Store, name: &str) -> Result<Scope, FollowupError> {
    let row = store.campaign_by_name(name).await?.ok_or_else(|| FollowupError::Unknown(name.to_owned()))?;
    Ok(Scope { id: row.id, name: row.name })
}

async fn add_group(tx: &mut Tx<'_>, by: &By, group: &[Listed]) -> Result<(), FollowupError> {
    let mut entries = Vec::with_capacity(group.len());
    for Listed { target, reason, expires_at, campaign } in group {
        let (id, name) = (campaign.as_ref().map(|scope| scope.id), campaign.as_ref().map(|scope| scope.name.as_str()));
        tx.suppression_add(id, target, reason, by.at, *expires_at).await?;
        let entry = Draft::new(EntryKind::Suppressed, &by.actor, name)
            .with("expires", expires_at.map(clock::rfc3339_millis))
            .with_text("target", Some(target))
            .with_text("reason", Some(reason));
        entries.push(entry);
    }
    tx.append(by.at, entries).await?;
    Ok(())
}

/// The canonical form of an address or `@domain`.
fn target(text: &str) -> Result<String, FollowupError> {
    let fail = |reason: String| FollowupError::Target { target: text.to_owned(), reason };
    match text.trim().strip_prefix('@') {
        Some(domain) => Ok(format!("@{}", ascii_domain(domain).map_err(|error| fail(error.to_string()))?)),
        None => Ok(Mailbox::parse(text).map_err(|error| fail(error.to_string()))?.reveal()),
    }
}
