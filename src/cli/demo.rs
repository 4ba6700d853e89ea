//! `candor demo`: a whole campaign in a sandbox, from a company's database to the last reply, told step by step.
//!
//! Decides what is shown and in which words. Every step calls what the commands of the same name call; nothing here sends
//! or counts in another way than a real campaign does, and nothing leaves the machine.

mod letter;
mod sending;
mod story;
mod summary;

use std::path::PathBuf;

use anyhow::Context as _;

use super::output::{Output, grouped};
use crate::app::sandbox::Sandbox;
use crate::approval::{self, ScheduleRequest};
use crate::audience::{self, ImportOptions, Imported};
use crate::domain::ids::CampaignName;
use crate::shutdown::Shutdown;
use story::Story;
use summary::Summary;

/// What the campaign is called, after the sample incident's own id.
const CAMPAIGN: &str = "delta-2018";
/// Done, and everybody was told.
const EXIT_DONE: u8 = 0;
/// Interrupted, or the campaign paused itself.
const EXIT_NOT_DONE: u8 = 1;
/// Done, but not for everybody.
const EXIT_NOT_EVERYBODY: u8 = 3;
/// More would not be sent within half a minute on a small machine.
const RECIPIENTS_MAX: i64 = 10_000;
/// Rejected rows that are shown one by one.
const REJECTS_SHOWN_MAX: usize = 6;

/// A whole campaign in a sandbox: sample incident, built-in inbox, nothing leaves this machine
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Rows in the sandbox's customer database
    #[arg(long, value_name = "N", default_value_t = 250, value_parser = clap::value_parser!(u32).range(1..=RECIPIENTS_MAX))]
    pub recipients: u32,
    /// No progress bar, plain lines only
    #[arg(long)]
    pub headless: bool,
    /// Where the sandbox goes: a folder that is empty or does not exist [default: a temporary one, which stays]
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// Runs the demo and gives its exit code: 0 if everybody was told, 3 if not, 1 if it was interrupted.
///
/// # Errors
/// Where the sandbox cannot be made or a step fails; what was made until then stays.
pub async fn run(args: DemoArgs, output: &Output) -> anyhow::Result<u8> {
    let shutdown = Shutdown::on_signals().context("the demo could not listen for Ctrl-C")?;
    let mut story = Story::new(output);
    let sandbox = Sandbox::make(args.keep.as_deref(), args.recipients).await?;
    story
        .title("candor demo", "one campaign, from the customer list to the last reply. Nothing leaves this machine.")?;
    story.note(&format!("Everything it makes stays in {}", sandbox.folder.display()))?;
    let summary = tell(&args, &mut story, &sandbox, &shutdown).await;
    let folder = sandbox.folder.clone();
    sandbox.close().await;
    let Some(summary) = summary? else {
        output.note(&format!("Interrupted. What the demo had made is in {}", folder.display()));
        return Ok(EXIT_NOT_DONE);
    };
    summary.show(&mut story)?;
    Ok(match (summary.is_finished(), summary.unreached()) {
        (false, _) => EXIT_NOT_DONE,
        (true, 0) => EXIT_DONE,
        (true, _) => EXIT_NOT_EVERYBODY,
    })
}

/// All steps; `None` where somebody wanted it to end.
async fn tell(
    args: &DemoArgs,
    story: &mut Story<'_>,
    sandbox: &Sandbox,
    shutdown: &Shutdown,
) -> anyhow::Result<Option<Summary>> {
    let prepared = prepare(args, story, sandbox);
    let imported = tokio::select! {
        biased;
        () = shutdown.requested() => return Ok(None),
        imported = prepared => imported?,
    };
    let seconds = sending::run(args, story, sandbox, shutdown).await?;
    if shutdown.is_requested() {
        return Ok(None);
    }
    let summary = Summary::collect(sandbox, imported, seconds).await?;
    summary.sent(story)?;
    letter::show(story, sandbox).await?;
    Ok(Some(summary))
}

/// From the customers' database to an approved and scheduled campaign.
async fn prepare(args: &DemoArgs, story: &mut Story<'_>, sandbox: &Sandbox) -> anyhow::Result<Imported> {
    let (store, settings, by) = (&sandbox.app.store, &sandbox.app.settings, sandbox.app.by());
    let rows = u64::from(args.recipients);
    story.step(
        "Customers",
        &format!("{} in customers.db, as a booking system keeps them.", counted(rows, "booking", "bookings")),
    )?;
    let name = CampaignName::parse(CAMPAIGN).map_err(anyhow::Error::msg)?;
    let (incident, notice) = (sandbox.folder.join("incident.toml"), sandbox.folder.join("notice"));
    approval::create(store, &by, &name, &incident, &notice).await?;
    story.step("Campaign", &format!("{CAMPAIGN}, from incident.toml and the letter in notice/ (English, Spanish)."))?;
    sandbox.suppress_one().await?;
    let options = ImportOptions { maps: sandbox.maps()?, ..ImportOptions::default() };
    let imported = audience::import(store, &by, CAMPAIGN, &sandbox.source(), &options, &|_| {}).await?;
    import_step(story, &imported)?;
    check_step(story, sandbox).await?;
    approval::submit(store, settings, &by, CAMPAIGN, None, None).await?;
    approval::approve(store, settings, &by, CAMPAIGN, None, None, 0).await?;
    story.step(
        "Approval",
        &format!(
            "Submitted and approved by {}: text, people and rate are now fixed by their hash. This version has no \
             users yet, so the ledger says that nobody else has looked.",
            by.name()
        ),
    )?;
    let request = ScheduleRequest {
        at: None,
        zone: settings.organization.time_zone,
        window: None,
        rate: None,
        canary: None,
        expect: None,
    };
    approval::schedule(store, settings, &by, CAMPAIGN, &request).await?;
    Ok(imported)
}

fn import_step(story: &mut Story<'_>, imported: &Imported) -> anyhow::Result<()> {
    let counts = &imported.counts;
    let [people, duplicates, rejected, suppressed] =
        [counts.imported, counts.duplicates, counts.rejected, counts.suppressed].map(i64::unsigned_abs);
    let mut text = format!("{} imported by one SELECT", counted(people, "person", "people"));
    if duplicates > 0 {
        text += &format!(", {}", counted(duplicates, "duplicate", "duplicates"));
    }
    if rejected > 0 {
        text += &format!(", {} rejected", grouped(rejected));
    }
    if suppressed > 0 {
        text += &format!(", {} suppressed (wants letters by post only)", grouped(suppressed));
    }
    story.step("Import", &(text + "."))?;
    for reject in imported.rejects.iter().take(REJECTS_SHOWN_MAX) {
        let reference = reject.reference.as_deref().unwrap_or("?");
        story.detail(&format!("row {}, {reference}: {}: {}", reject.line, reject.field, reject.reason))?;
    }
    Ok(())
}

async fn check_step(story: &mut Story<'_>, sandbox: &Sandbox) -> anyhow::Result<()> {
    let app = &sandbox.app;
    let (result, forecast) = approval::check(&app.store, &app.settings, &app.by(), CAMPAIGN, &|_, _| {}).await?;
    let passed = result.rules.iter().filter(|rule| rule.ok).count();
    let letters = result.rendered.unsigned_abs();
    let mut text = format!("{} written and held against the rules: ", counted(letters, "letter", "letters"));
    text += &format!("{passed} of {} hold.", result.rules.len());
    if let Some(seconds) = forecast.duration_seconds {
        text += &format!(" At {} a second it will take about {seconds} s.", sandbox.rate);
    }
    story.step("Check", &text)?;
    for rule in result.rules.iter().filter(|rule| !rule.ok) {
        story.detail(&format!("{}: {}", rule.rule, rule.detail))?;
    }
    Ok(())
}

/// `1 person`, `2,000 people`.
fn counted(number: u64, one: &str, more: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { more })
}
