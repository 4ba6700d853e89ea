//! Lists: campaigns, batches, recipients, failures, the unreached. A page at a time.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use chrono::DateTime;
use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::super::context::Context;
use super::super::exit::DONE;
use super::super::output::{both_times, grouped};
use super::Named;
use crate::app::{App, sample};
use crate::audience::cells;
use crate::domain::outcome::FailureClass;
use crate::domain::recipient::RecipientState;
use crate::domain::text::escape_controls;
use crate::views::{self, RecipientFilter, RecipientView, Unreached, UnreachedAt};

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For a spreadsheet, safe to open in one.
    Csv,
    /// One JSON document a line.
    Jsonl,
}

/// `recipients`
#[derive(Debug, Args)]
pub struct RecipientsArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// Only in these states, such as accepted or in-doubt; may be repeated
    #[arg(long = "state", value_name = "S")]
    states: Vec<RecipientState>,
    /// Only with these classes of failure, such as bad-address; may be repeated
    #[arg(long = "class", value_name = "K")]
    classes: Vec<FailureClass>,
    /// Only of these jurisdictions, such as US-CA; may be repeated
    #[arg(long = "jurisdiction", value_name = "J")]
    jurisdictions: Vec<String>,
    /// table, csv (safe to open in a spreadsheet) or jsonl (one JSON document a line)
    #[arg(long, value_enum, default_value = "table", hide_possible_values = true)]
    format: Format,
    /// Write it to a file, readable by its owner only
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `failures`
#[derive(Debug, Args)]
pub struct FailuresArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// Only with these classes of failure, such as bad-address; may be repeated
    #[arg(long = "class", value_name = "K")]
    classes: Vec<FailureClass>,
}

/// `unreached`
#[derive(Debug, Args)]
pub struct UnreachedArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// Write it to a CSV file, readable by its owner only
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

const RECIPIENT_COLUMNS: [&str; 7] = ["ref", "email", "state", "class", "code", "attempts", "reply"];
const UNREACHED_COLUMNS: [&str; 5] = ["ref", "email", "state", "reason", "next step"];

pub async fn campaigns(context: &Context) -> anyhow::Result<u8> {
    let app = context.reader().await?;
    let zone = app.settings.organization.time_zone;
    let list = views::campaigns(&app.store).await?;
    if context.output.json {
        context.output.json_lines(list)?;
    } else {
        let rows: Vec<Vec<String>> = list
            .into_iter()
            .map(|row| {
                let state = row.reason.map_or(row.state.clone(), |reason| format!("{} ({reason})", row.state));
                let (audience, told) = (grouped(row.audience.unsigned_abs()), grouped(row.told.unsigned_abs()));
                let created = shown_time(&row.created_at, zone);
                vec![row.campaign, state, audience, told, created]
            })
            .collect();
        context.output.table(&["campaign", "state", "audience", "told", "created"], &rows)?;
    }
    Ok(DONE)
}

pub async fn batches(args: &Named, context: &Context) -> anyhow::Result<u8> {
    let app = context.reader().await?;
    let zone = app.settings.organization.time_zone;
    let list = views::batches(&app.store, &args.campaign).await?;
    if context.output.json {
        context.output.json_lines(list)?;
    } else {
        let rows: Vec<Vec<String>> = list
            .into_iter()
            .map(|row| {
                let counts = [row.people, row.duplicates, row.rejected].map(|count| grouped(count.unsigned_abs()));
                let [people, duplicates, rejected] = counts;
                let created = shown_time(&row.created_at, zone);
                vec![row.batch.to_string(), row.state, row.kind, people, duplicates, rejected, created]
            })
            .collect();
        let headings = ["batch", "state", "from", "people", "duplicates", "rejected", "created"];
        context.output.table(&headings, &rows)?;
    }
    Ok(DONE)
}

/// A view's time as people read it; a text that is no time stays as it is.
fn shown_time(text: &str, zone: Tz) -> String {
    DateTime::parse_from_rfc3339(text).map_or_else(|_| text.to_owned(), |at| both_times(at.timestamp_millis(), zone))
}

pub async fn recipients(args: RecipientsArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.reader().await?;
    let filter = RecipientFilter {
        states: args.states.iter().map(ToString::to_string).collect(),
        classes: args.classes.iter().map(ToString::to_string).collect(),
        jurisdictions: args.jurisdictions,
        ..RecipientFilter::default()
    };
    let mut sheet = Sheet::open(context, args.format, args.output.as_deref(), &RECIPIENT_COLUMNS)?;
    pages(&app, &args.campaign, &filter, &mut sheet).await
}

pub async fn failures(args: FailuresArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.reader().await?;
    let filter = RecipientFilter {
        states: ["failed", "bounced", "in-doubt", "deferred"].map(str::to_owned).into(),
        classes: args.classes.iter().map(ToString::to_string).collect(),
        ..RecipientFilter::default()
    };
    let mut sheet = Sheet::open(context, Format::Table, None, &RECIPIENT_COLUMNS)?;
    pages(&app, &args.campaign, &filter, &mut sheet).await
}

async fn pages(app: &App, campaign: &str, filter: &RecipientFilter, sheet: &mut Sheet<'_>) -> anyhow::Result<u8> {
    let mut after = 0;
    loop {
        let (rows, next) = views::recipients(&app.store, campaign, filter, after).await?;
        sheet.page(&rows, if sheet.is_drawn() { recipient_row } else { recipient_cells })?;
        match next {
            Some(next) if !sheet.is_closed() => after = next,
            _ => break,
        }
    }
    sheet.finish()?;
    Ok(DONE)
}

pub async fn unreached(args: &UnreachedArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.reader().await?;
    let format = if args.output.is_some() { Format::Csv } else { Format::Table };
    let mut sheet = Sheet::open(context, format, args.output.as_deref(), &UNREACHED_COLUMNS)?;
    let mut next = Some(UnreachedAt::START);
    while let Some(at) = next.filter(|_| !sheet.is_closed()) {
        let (rows, after) = views::unreached(&app.store, &args.campaign, at).await?;
        sheet.page(&rows, unreached_cells)?;
        next = after;
    }
    sheet.finish()?;
    Ok(DONE)
}

fn recipient_cells(row: &RecipientView) -> Vec<String> {
    let code = row.code.map(|code| code.to_string()).unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let code = row.enhanced.as_ref().map_or(code.clone(), |enhanced| format!("{code} {enhanced}"));
    let (attempts, reply) = (row.attempts.to_string(), text(&row.reply));
    vec![row.reference.clone(), row.email.clone(), row.state.clone(), text(&row.class), code, attempts, reply]
}

/// The same in less room: most servers repeat the enhanced code in their words.
fn recipient_row(row: &RecipientView) -> Vec<String> {
    let mut cells = recipient_cells(row);
    if let (Some(code), Some(enhanced), Some(reply)) = (row.code, &row.enhanced, &row.reply)
        && reply.starts_with(enhanced.as_str())
    {
        cells[4] = code.to_string();
    }
    cells
}

fn unreached_cells(row: &Unreached) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![text(&row.reference), text(&row.email), row.state.clone(), row.reason.clone(), row.next_step.clone()]
}

/// Where a list goes, page by page.
struct Sheet<'a> {
    context: &'a Context,
    format: Format,
    headings: &'a [&'a str],
    file: Option<std::io::BufWriter<std::fs::File>>,
    is_begun: bool,
}

impl<'a> Sheet<'a> {
    fn open(
        context: &'a Context,
        format: Format,
        path: Option<&Path>,
        headings: &'a [&'a str],
    ) -> anyhow::Result<Self> {
        let format = if context.output.json { Format::Jsonl } else { format };
        let file = path.map(sample::create_private).transpose()?.map(std::io::BufWriter::new);
        Ok(Self { context, format, headings, file, is_begun: false })
    }

    /// Whether it is drawn for a terminal.
    fn is_drawn(&self) -> bool {
        self.format == Format::Table && self.file.is_none() && self.context.output.terminal
    }

    fn is_closed(&self) -> bool {
        self.file.is_none() && self.context.output.is_closed()
    }

    fn page<T: Serialize>(&mut self, rows: &[T], cells_of: fn(&T) -> Vec<String>) -> anyhow::Result<()> {
        if self.format == Format::Jsonl && self.file.is_none() {
            self.context.output.json_lines(rows)?;
            return Ok(());
        }
        if self.format == Format::Table && self.file.is_none() {
            return self.table(rows, cells_of);
        }
        let mut text = String::new();
        if self.format != Format::Jsonl && !std::mem::replace(&mut self.is_begun, true) {
            text.push_str(&cells::line(self.headings));
            text.push('\n');
        }
        for row in rows {
            match self.format {
                Format::Jsonl => text.push_str(&serde_json::to_string(row)?),
                Format::Csv | Format::Table => {
                    let cells = cells_of(row);
                    text.push_str(&cells::line(&cells.iter().map(String::as_str).collect::<Vec<_>>()));
                }
            }
            text.push('\n');
        }
        match &mut self.file {
            Some(file) => file.write_all(text.as_bytes())?,
            None => self.context.output.bytes(text.as_bytes())?,
        }
        Ok(())
    }

    /// A terminal gets a table a page; a pipe gets the headings once.
    fn table<T>(&mut self, rows: &[T], cells_of: fn(&T) -> Vec<String>) -> anyhow::Result<()> {
        let output = &self.context.output;
        if output.terminal && rows.is_empty() {
            return Ok(());
        }
        let rows: Vec<Vec<String>> = rows.iter().map(cells_of).collect();
        if output.terminal || !std::mem::replace(&mut self.is_begun, true) {
            self.is_begun = true;
            return Ok(output.table(self.headings, &rows)?);
        }
        for row in rows {
            let cells: Vec<String> = row.iter().map(|cell| escape_controls(cell)).collect();
            output.bytes(format!("{}\n", cells.join("\t")).as_bytes())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> anyhow::Result<()> {
        if let Some(file) = &mut self.file {
            file.flush()?;
        } else if self.format == Format::Table && self.context.output.terminal && !self.is_begun {
            self.context.output.note("nobody");
        }
        Ok(())
    }
}
