//! `candor audit log`: the ledger as it lies in the database, or as lines that a person reads.
//!
//! With `--json` every line is the entry byte for byte as it was hashed, and nothing else stands on stdout.

use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::context::Context;
use super::exit::DONE;
use super::moment::moment;
use super::output::both_times_to_the_second;
use crate::app::App;
use crate::views::{self, LogFilter};

/// How often `--follow` looks for more: what others commit is shown as soon as a worker would see it.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Digits of a hash that a line shows: enough to tell two apart; `--json` has all of them.
const HASH_DIGITS: usize = 12;
/// Fields that have a place of their own in a line, or say nothing to a reader: commitments to what somebody typed.
const NOT_SHOWN: [&str; 7] = ["seq", "at", "kind", "actor", "campaign", "account", "sealed"];

/// The tamper-evident record of everything that happened.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Show the ledger, oldest entry first
    #[command(after_help = "With --json each line is an entry, byte for byte as it was hashed.")]
    Log(LogArgs),
}

/// `audit log`
#[derive(Debug, Args)]
pub struct LogArgs {
    /// Only of this campaign
    #[arg(long, value_name = "C")]
    campaign: Option<String>,
    /// Only about the customer with this reference
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// Only from this day or time on, such as 2026-03-02 or 2026-03-02T09:00
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Go on with entries as they come, until Ctrl-C
    #[arg(long)]
    follow: bool,
}

/// Runs one of them.
pub async fn run(command: AuditCommand, context: &Context) -> anyhow::Result<u8> {
    let AuditCommand::Log(args) = command;
    let app = context.reader().await?;
    let since = args.since.as_deref().map(|text| moment(text, app.settings.organization.time_zone)).transpose()?;
    let filter = LogFilter { campaign: args.campaign, reference: args.reference, since };
    let mut seq = 0;
    loop {
        let entries = views::log(&app.store, &filter, seq).await?;
        for entry in &entries {
            show(&entry.entry, entry.seq, entry.at, &app, context).await?;
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

async fn show(entry: &[u8], seq: i64, at: i64, app: &App, context: &Context) -> anyhow::Result<()> {
    let output = &context.output;
    if output.json {
        // In one piece, so that two that write to one pipe cannot part an entry from its newline.
        return Ok(output.bytes(&[entry, b"\n"].concat())?);
    }
    let fields: Map<String, Value> = serde_json::from_slice(entry)
        .with_context(|| format!("entry {seq} of the ledger is no entry: the database was changed"))?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or("-");
    let actor = match text("actor") {
        "account" => views::typed(&app.store, seq, "account").await?.unwrap_or_else(|| "account".to_owned()),
        other => other.to_owned(),
    };
    let time = both_times_to_the_second(at, app.settings.organization.time_zone);
    let (kind, campaign) = (text("kind"), text("campaign"));
    let line = format!("{seq:>6}  {time}  {kind:<20}  {campaign}  by {actor}  {}", details(&fields));
    Ok(output.line(line.trim_end())?)
}

/// What an entry says besides who, when and what: `name=value`, hashes shortened.
fn details(fields: &Map<String, Value>) -> String {
    let shown = fields.iter().filter(|(name, value)| !NOT_SHOWN.contains(&name.as_str()) && !value.is_null());
    let words = shown.map(|(name, value)| match shortened(value) {
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            format!("{}…", &text[..HASH_DIGITS]).into()
        }
        Value::Array(items) => items.iter().map(shortened).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shortened(value))).collect::<Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_shows_what_an_entry_says_with_short_hashes_wherever_they_stand() {
        let entry = json!({
            "seq": 3, "at": "2018-04-05T16:00:00.000Z", "kind": "attempt", "actor": "worker", "campaign": "c",
            "account": "ab".repeat(32), "relay": "main", "tls": null, "notice": "0123456789abcdef".repeat(4),
            "batches": [{"batch": 1, "rows": "f".repeat(64)}],
        });
        let fields: Map<String, Value> = serde_json::from_value(entry).unwrap();
        let line = details(&fields);
        assert_eq!(line, r#"batches=[{"batch":1,"rows":"ffffffffffff…"}] notice=0123456789ab… relay=main"#);
    }
}
