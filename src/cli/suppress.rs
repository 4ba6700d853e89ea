//! `candor suppress …`: who must not be mailed.

use std::path::PathBuf;

use chrono::DateTime;
use clap::Subcommand;
use serde_json::json;

use super::context::Context;
use super::exit::{DONE, Usage};
use crate::clock::rfc3339_millis;
use crate::config::parse_duration;
use crate::followup;

/// The suppression list.
#[derive(Debug, Subcommand)]
pub enum SuppressCommand {
    /// Put addresses or @domains on the list
    Add {
        /// Addresses, or @domains
        #[arg(value_name = "ADDRESS|@DOMAIN", required = true)]
        targets: Vec<String>,
        /// Why
        #[arg(long, value_name = "R")]
        reason: String,
        /// Only for this campaign
        #[arg(long, value_name = "C")]
        campaign: Option<String>,
        /// Until then: a time such as 2027-01-01T00:00:00Z, or a span such as 90d
        #[arg(long, value_name = "T")]
        expires: Option<String>,
    },
    /// Take an address or @domain off the list
    Remove {
        /// As it was put there
        #[arg(value_name = "ADDRESS|@DOMAIN")]
        target: String,
        /// Why
        #[arg(long, value_name = "R")]
        reason: String,
    },
    /// Add every line of a CSV file
    #[command(after_help = "Its columns are address, and optionally reason and expires (RFC 3339).")]
    Import {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Write the list as CSV, readable by its owner only
    Export {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Show the list
    List,
}

/// Runs one of them.
pub async fn run(command: SuppressCommand, context: &Context) -> anyhow::Result<u8> {
    use SuppressCommand as S;
    let output = &context.output;
    match command {
        S::Add { targets, reason, campaign, expires } => {
            let app = context.writer().await?;
            let expires = expires.map(|text| expiry(&text, app.by().at)).transpose()?;
            let by = app.by();
            let added =
                followup::suppress_add(&app.store, &by, &targets, &reason, campaign.as_deref(), expires).await?;
            say(context, "suppressed", added)
        }
        S::Remove { target, reason } => {
            let app = context.writer().await?;
            followup::suppress_remove(&app.store, &app.by(), &target, &reason).await?;
            output.note(
                "those it kept from being mailed are tried again with `candor campaign rerun C --state suppressed`",
            );
            say(context, "removed", 1)
        }
        S::Import { file } => {
            let app = context.writer().await?;
            let added = followup::suppress_import(&app.store, &app.by(), &file).await?;
            say(context, "suppressed", added)
        }
        S::Export { file } => {
            let app = context.reader().await?;
            let written = followup::suppress_export(&app.store, &file).await?;
            say(context, "written", written)
        }
        S::List => {
            let app = context.reader().await?;
            let list = app.store.suppressions().await?;
            if output.json {
                output.json_lines(list.iter().map(|row| {
                    json!({
                        "target": row.target, "campaign": row.campaign, "reason": row.reason,
                        "created_at": rfc3339_millis(row.created_at), "expires_at": row.expires_at.map(rfc3339_millis),
                    })
                }))?;
            } else {
                let rows = list.into_iter().map(|row| {
                    let expires = row.expires_at.map(rfc3339_millis).unwrap_or_default();
                    vec![row.target, row.campaign.unwrap_or_else(|| "all".into()), row.reason, expires]
                });
                output.table(&["address or domain", "campaign", "reason", "expires"], &rows.collect::<Vec<_>>())?;
            }
            Ok(DONE)
        }
    }
}

fn expiry(text: &str, now: i64) -> anyhow::Result<i64> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.timestamp_millis());
    }
    let span = parse_duration(text).map_err(|_| {
        Usage(format!("--expires {text:?} is neither a time such as 2027-01-01T00:00:00Z nor a span such as 90d"))
    })?;
    Ok(now + i64::try_from(span.as_millis())?)
}

fn say(context: &Context, what: &str, count: usize) -> anyhow::Result<u8> {
    if context.output.json {
        context.output.json_document(&json!({what: count}))?;
    } else {
        context.output.line(&format!("{count} {what}"))?;
    }
    Ok(DONE)
}
