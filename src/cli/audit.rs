//! `candor audit log`: the ledger, read.

use std::time::Duration;

use chrono::DateTime;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::context::Context;
use super::exit::{DONE, Usage};
use super::output::to_the_second;
use crate::views::{self, LogFilter};

/// How often `--follow` looks for new entries.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The delivery log.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the entries; with --json, each byte for byte as it was hashed
    Log(LogArgs),
}

/// `audit log`
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Only of this campaign
    #[arg(long, value_name = "C")]
    campaign: Option<String>,
    /// Only about this recipient
    #[arg(long = "ref", value_name = "REF", requires = "campaign")]
    reference: Option<String>,
    /// Only from this time on, such as 2026-03-02T09:00:00Z
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Go on with what comes
    #[arg(long)]
    follow: bool,
}

/// Runs one of them.
pub async fn run(command: AuditCommand, context: &Context) -> anyhow::Result<u8> {
    let AuditCommand::Log(args) = command;
    let app = context.reader().await?;
    let zone = app.settings.organization.time_zone;
    let since = args.since.as_deref().map(|text| since(text, zone)).transpose()?;
    let filter = LogFilter { campaign: args.campaign, reference: args.reference, since };
    let mut seq = 0;
    loop {
        let entries = views::log(&app.store, &filter, seq).await?;
        for entry in &entries {
            if context.output.json {
                context.output.bytes(&entry.entry)?;
                context.output.bytes(b"\n")?;
            } else {
                let value: Value = serde_json::from_slice(&entry.entry).unwrap_or_default();
                context.output.line(&format!(
                    "{:>6}  {}  {:<20}  {}",
                    entry.seq,
                    to_the_second(entry.at, zone),
                    entry.kind,
                    told(&entry.kind, &value)
                ))?;
            }
            seq = entry.seq + 1;
        }
        if context.output.is_closed() || (entries.is_empty() && !args.follow) {
            return Ok(DONE);
        }
        if entries.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn since(text: &str, zone: chrono_tz::Tz) -> anyhow::Result<i64> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.timestamp_millis());
    }
    let at = crate::domain::when::parse_at(text, zone).map_err(|error| Usage(format!("--since {text:?}: {error}")))?;
    Ok(at.utc.timestamp_millis())
}

/// An entry in one line, for a person.
fn told(kind: &str, entry: &Value) -> String {
    if kind != "attempt" {
        return details(entry);
    }
    let text = |name: &str| match entry.get(name) {
        Some(Value::String(text)) if is_hash(text) => format!("{}…", &text[..8]),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    let attempt = format!("attempt {}", text("attempt"));
    let parts =
        [text("outcome"), text("code"), text("enhanced"), text("class"), attempt, text("relay"), text("recipient")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// What an entry says to a person, in one line: hashes are for programs and stay in `--json`, but for the one that tells
/// a recipient from another.
fn details(entry: &Value) -> String {
    let common = ["seq", "at", "kind", "account", "started_at"];
    let fields = entry
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| !common.contains(&name.as_str()) && !value.is_null())
        // Of the counts at the end, those of states in which anybody is.
        .filter(|(_, value)| entry["kind"] != "campaign.finished" || value.as_i64() != Some(0));
    let shown = fields.filter_map(|(name, value)| match value {
        Value::String(text) if is_hash(text) && name == "recipient" => Some(format!("{name}={}…", &text[..8])),
        Value::String(text) if is_hash(text) => None,
        Value::String(text) => Some(format!("{name}={text}")),
        Value::Array(items) => Some(format!("{name}={}", items.iter().map(item).collect::<Vec<_>>().join(","))),
        _ => Some(format!("{name}={value}")),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// One of several: a batch by its number.
fn item(value: &Value) -> String {
    value.get("batch").unwrap_or(value).to_string()
}

fn is_hash(text: &str) -> bool {
    /// Of SHA-256, in hexadecimal.
    const DIGITS: usize = 64;
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_attempt_is_one_short_line_and_hashes_stay_out_of_the_others() {
        let hash = "0123abcd".repeat(8);
        let attempt = json!({"kind": "attempt", "outcome": "deferred", "code": 451, "enhanced": "4.7.1",
            "class": "greylisted", "attempt": 2, "relay": "main", "recipient": hash, "sealed": hash});
        assert_eq!(told("attempt", &attempt), "deferred 451 4.7.1 greylisted attempt 2 main 0123abcd…");
        let approved = json!({"kind": "campaign.approved", "seq": 3, "approvers": 0, "rows": hash,
            "batches": [{"batch": 1, "people": 21}, {"batch": 2, "people": 3}]});
        assert_eq!(told("campaign.approved", &approved), "approvers=0 batches=1,2");
        let finished = json!({"kind": "campaign.finished", "accepted": 20, "failed": 0, "actor": "worker"});
        assert_eq!(told("campaign.finished", &finished), "accepted=20 actor=worker");
    }
}
