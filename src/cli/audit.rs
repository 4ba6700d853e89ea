//! `candor audit log`: the ledger, read.

use std::time::Duration;

use chrono::DateTime;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::context::Context;
use super::exit::{DONE, Usage};
use super::output::both_times;
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
                    both_times(entry.at, zone),
                    entry.kind,
                    details(&value)
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

/// What an entry says besides its common fields, in one line.
fn details(entry: &Value) -> String {
    let common = ["seq", "at", "kind", "account"];
    let fields = entry
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, value)| !common.contains(&name.as_str()) && !value.is_null());
    let shown = fields.map(|(name, value)| match value.as_str() {
        // Commitments and hashes are for programs.
        Some(text) if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
            format!("{name}={}…", &text[..8])
        }
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    });
    shown.collect::<Vec<_>>().join(" ")
}
