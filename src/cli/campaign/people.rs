//! `import`, `source`, `withdraw`.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::super::context::Context;
use super::super::exit::{DONE, NOT_EVERYBODY, Usage};
use super::super::output::grouped;
use super::super::progress::Progress;
use crate::approval;
use crate::audience::{self, ImportOptions, Imported, MapArg, Source};
use crate::clock::instant;
use crate::config::parse_duration;

/// Rejected rows that a terminal shows; the rejects file and `--json` have all of them.
const REJECTS_SHOWN_MAX: usize = 20;
/// The shortest time between two readings of a list.
const EVERY_MIN: Duration = Duration::from_secs(1);

/// `import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// A .csv file, - for CSV on stdin, sqlite:PATH?table=T or sqlite:PATH?query=SELECT…
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Which column is which: email, ref, name, locale, jurisdiction or channel_basis
    #[arg(long = "map", value_name = "FIELD=COLUMN")]
    maps: Vec<MapArg>,
    /// Count and check, and keep nothing
    #[arg(long)]
    dry_run: bool,
    /// Write rejected rows to a file that imports again after correction
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// The list was imported before, and that is meant
    #[arg(long)]
    again: bool,
}

/// `import --json`
#[derive(Serialize)]
struct Document<'a> {
    rows: i64,
    imported: i64,
    duplicates: i64,
    suppressed: i64,
    rejected: i64,
    rejects: Vec<RejectLine<'a>>,
    batch: Option<i64>,
    dry_run: bool,
}

#[derive(Serialize)]
struct RejectLine<'a> {
    line: u64,
    #[serde(rename = "ref")]
    reference: Option<&'a str>,
    field: &'a str,
    reason: &'a str,
}

impl<'a> Document<'a> {
    fn of(import: &'a Imported, dry_run: bool) -> Self {
        let counts = &import.counts;
        let rejects = import.rejects.iter().map(|row| RejectLine {
            line: row.line,
            reference: row.reference.as_deref(),
            field: &row.field,
            reason: &row.reason,
        });
        let (rejects, batch) = (rejects.collect(), import.batch);
        Self {
            rows: counts.rows,
            imported: counts.imported,
            duplicates: counts.duplicates,
            suppressed: counts.suppressed,
            rejected: counts.rejected,
            rejects,
            batch,
            dry_run,
        }
    }
}

/// `source`
#[derive(Debug, Args)]
pub struct SourceArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// sqlite:PATH?table=T or sqlite:PATH?query=SELECT…
    #[arg(value_name = "SOURCE")]
    source: String,
    /// How often the worker reads it: 15m, 1h …
    #[arg(long, value_parser = every)]
    every: Duration,
    /// Which column is which
    #[arg(long = "map", value_name = "FIELD=COLUMN")]
    maps: Vec<String>,
}

/// `withdraw`
#[derive(Debug, Args)]
pub struct WithdrawArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// The batch
    #[arg(long, value_name = "N")]
    batch: i64,
    /// Why, kept beside the ledger
    #[arg(long, value_name = "R")]
    reason: String,
}

fn every(text: &str) -> Result<Duration, String> {
    let every = parse_duration(text)?;
    if every < EVERY_MIN { Err("a list is read at most once a second".into()) } else { Ok(every) }
}

pub async fn import(args: ImportArgs, context: &Context) -> anyhow::Result<u8> {
    let source = Source::parse(&args.source)?;
    let app = context.writer().await?;
    let (maps, rejects) = (args.maps, args.rejects.clone());
    let options = ImportOptions { maps, dry_run: args.dry_run, rejects, is_source: false };
    let bar = Mutex::new(Progress::new(&context.output, "rows read", None, instant()));
    let progress = |rows: u64| {
        // A poisoned lock would mean that showing progress has panicked; the import goes on without.
        if let Ok(mut bar) = bar.lock() {
            bar.set(rows);
            bar.tick(instant());
        }
    };
    let imported = audience::import(&app.store, &app.by(), &args.campaign, &source, &options, &progress).await?;
    drop(bar);
    explain(context, &imported, args.again);
    let counts = &imported.counts;
    if context.output.json {
        context.output.json_document(&Document::of(&imported, args.dry_run))?;
    } else {
        table(context, &args.campaign, &imported)?;
    }
    if let Some(path) = args.rejects.filter(|_| counts.rejected > 0) {
        context.output.note(&format!("rejected rows are in {}: correct them and import that file", path.display()));
    }
    if args.dry_run {
        context.output.note("this was a dry run: nothing was kept");
    }
    Ok(if counts.rejected > 0 { NOT_EVERYBODY } else { DONE })
}

/// What was found out and guessed, for a person to see.
fn explain(context: &Context, imported: &Imported, again: bool) {
    let note = |text: String| context.output.note(&text);
    if let Some(detected) = &imported.detected {
        let delimiter = if detected.delimiter == '\t' { "tab".to_owned() } else { format!("{:?}", detected.delimiter) };
        let mark = if detected.bom { ", with a byte-order mark" } else { "" };
        if detected.encoding != "UTF-8" || detected.bom || detected.delimiter != ',' {
            note(format!("read as {}{mark}, columns parted by {delimiter}", detected.encoding));
        }
    }
    if let Some(mapping) = &imported.mapping {
        for (field, column) in &mapping.guessed {
            note(format!("{} is taken from the column {column:?}; --map {0}=COLUMN says otherwise", field.as_str()));
        }
        for (field, columns) in &mapping.undecided {
            note(format!(
                "{} is left empty: {} could be meant; --map says which",
                field.as_str(),
                columns.join(" or ")
            ));
        }
        if !mapping.left_out.is_empty() {
            note(format!("left out, for --map took another column: {}", mapping.left_out.join(", ")));
        }
    }
    if !imported.seen_in.is_empty() && !again {
        note(format!("a list with exactly this content was imported before, into {}", imported.seen_in.join(", ")));
    }
}

fn table(context: &Context, campaign: &str, imported: &Imported) -> anyhow::Result<()> {
    let counts = &imported.counts;
    let rows: Vec<Vec<String>> = [
        ("imported", counts.imported),
        ("duplicates", counts.duplicates),
        ("suppressed", counts.suppressed),
        ("rejected", counts.rejected),
        ("in all", counts.rows),
    ]
    .into_iter()
    .map(|(name, count)| vec![name.to_owned(), grouped(count.unsigned_abs())])
    .collect();
    context.output.table(&["outcome", "rows"], &rows)?;
    if !imported.rejects.is_empty() {
        let rows: Vec<Vec<String>> = imported
            .rejects
            .iter()
            .take(REJECTS_SHOWN_MAX)
            .map(|row| {
                let reference = row.reference.clone().unwrap_or_default();
                vec![row.line.to_string(), reference, row.field.clone(), row.reason.clone()]
            })
            .collect();
        context.output.table(&["line", "ref", "field", "reason"], &rows)?;
        if imported.rejects.len() > REJECTS_SHOWN_MAX {
            let more = imported.rejects.len() - REJECTS_SHOWN_MAX;
            context.output.note(&format!("and {more} more: --rejects FILE or --json has all of them"));
        }
    }
    if let Some(batch) = imported.batch {
        context.output.note(&format!(
            "they are batch {batch}, which waits for approval; next: `candor campaign check {campaign}`"
        ));
    }
    Ok(())
}

pub async fn source(args: SourceArgs, context: &Context) -> anyhow::Result<u8> {
    let Source::Sqlite(_) = Source::parse(&args.source)? else {
        return Err(
            Usage("the worker reads SQLite lists again: give sqlite:PATH?table=T or ?query=SELECT…".into()).into()
        );
    };
    for map in &args.maps {
        map.parse::<MapArg>()?;
    }
    let app = context.writer().await?;
    let every = i64::try_from(args.every.as_millis())?;
    approval::source(&app.store, &app.by(), &args.campaign, &args.source, &args.maps, every).await?;
    let text = format!("the worker reads the list every {} s; new people wait as a batch", args.every.as_secs());
    context.output.note(&text);
    if context.output.json {
        context.output.json_document(&json!({"campaign": args.campaign, "source": args.source, "every_ms": every}))?;
    }
    Ok(DONE)
}

pub async fn withdraw(args: &WithdrawArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    approval::withdraw(&app.store, &app.by(), &args.campaign, args.batch, &args.reason).await?;
    if context.output.json {
        let document = json!({"campaign": args.campaign, "batch": args.batch, "state": "withdrawn"});
        context.output.json_document(&document)?;
    } else {
        context.output.line(&format!("{} batch {}  withdrawn", args.campaign, args.batch))?;
    }
    Ok(DONE)
}
