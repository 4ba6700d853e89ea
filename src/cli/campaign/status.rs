//! `status`, `show`: how a campaign stands, and one person's whole story.

use std::time::Duration;

use super::super::context::Context;
use super::super::exit::DONE;
use super::super::output::{Bar, Meaning, both_times, grouped};
use super::{ShowArgs, StatusArgs};
use crate::app::App;
use crate::domain::campaign::CampaignState;
use crate::domain::recipient::RecipientState;
use crate::notice::parse_reference_code;
use crate::views::{self, Status};

/// How often `--watch` looks.
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// The cursor home and an empty screen (ECMA-48 §8.3.21, §8.3.39).
const CLEAR: &[u8] = b"\x1b[H\x1b[2J";

pub async fn run(args: &StatusArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.reader().await?;
    let mut before = None;
    loop {
        let status = views::status(&app.store, &app.settings, &args.campaign, app.by().at).await?;
        let now = serde_json::to_string(&status)?;
        if before.as_ref() != Some(&now) {
            let clears = args.watch && context.output.terminal && !context.output.json;
            if clears {
                context.output.bytes(CLEAR)?;
            }
            match (context.output.json, args.watch) {
                (false, _) => show(&app, &status, context)?,
                (true, false) => context.output.json_document(&status)?,
                (true, true) => context.output.json_line(&status)?,
            }
            before = Some(now);
        }
        let is_over =
            matches!(CampaignState::parse(&status.state), Some(CampaignState::Finished | CampaignState::Cancelled));
        if !args.watch || is_over || context.output.is_closed() {
            return Ok(DONE);
        }
        tokio::time::sleep(WATCH_EVERY).await;
    }
}

/// The picture of a campaign: one line, the plot by state, the failures by class, the times.
pub fn show(app: &App, status: &Status, context: &Context) -> anyhow::Result<()> {
    let zone = app.settings.organization.time_zone;
    let output = &context.output;
    let reason = status.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    output.line(&format!("{}  {}{reason}", status.campaign, status.state))?;
    let [affected, audience, told] = [status.affected, status.audience, status.told].map(|n| grouped(n.unsigned_abs()));
    output.line(&format!("{affected} affected, {audience} in the audience, {told} told"))?;
    if status.rejected > 0 {
        output.line(&format!("{} rows of the list could not be imported", grouped(status.rejected.unsigned_abs())))?;
    }
    let bars: Vec<Bar> = RecipientState::ALL
        .iter()
        .filter(|state| status.count(**state) > 0)
        .map(|state| Bar {
            label: state.to_string(),
            count: status.count(*state).unsigned_abs(),
            meaning: Meaning::of(*state),
        })
        .collect();
    output.bars(&bars)?;
    if !status.failures.is_empty() {
        let rows = status.failures.iter().map(|(class, people)| vec![class.clone(), grouped(people.unsigned_abs())]);
        output.table(&["not reached, by class", "people"], &rows.collect::<Vec<_>>())?;
    }
    let times = [
        ("starts", status.scheduled_at),
        ("started", status.started_ms),
        ("finished", status.finished_ms),
        ("expected end", status.expected_end_ms),
        ("next try", status.next_due),
    ];
    for (what, at) in times {
        if let Some(at) = at {
            output.line(&format!("{what:<12}  {}", both_times(at, zone)))?;
        }
    }
    if let Some(rate) = status.messages_per_second {
        output.line(&format!(
            "{} attempts, {rate} messages accepted a second",
            grouped(status.attempts.unsigned_abs())
        ))?;
    }
    for batch in status.batches.iter().filter(|batch| batch.state != "approved") {
        let people = grouped(batch.people.unsigned_abs());
        output.line(&format!("batch {} with {people} people is {}", batch.batch, batch.state))?;
    }
    Ok(())
}

pub async fn story(args: &ShowArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.reader().await?;
    let reference = match (&args.reference, &args.code) {
        (Some(reference), _) => reference.clone(),
        (None, Some(code)) => {
            let wrong = || {
                anyhow::anyhow!("{code} is not a reference code: a character was mistyped, or the letter is not ours")
            };
            let code = parse_reference_code(code).ok_or_else(wrong)?;
            let found = crate::approval::by_reference_code(&app.store, &args.campaign, &code).await?;
            found.ok_or_else(|| anyhow::anyhow!("nobody in {} has the reference code {code}", args.campaign))?
        }
        (None, None) => return run(&StatusArgs { campaign: args.campaign.clone(), watch: false }, context).await,
    };
    let story = views::story(&app.store, &args.campaign, &reference).await?;
    let output = &context.output;
    if output.json {
        output.json_document(&story)?;
        return Ok(DONE);
    }
    let zone = app.settings.organization.time_zone;
    let person = &story.recipient;
    output.line(&format!("{}  {}  {}  batch {}", person.reference, person.email, person.state, story.batch))?;
    let rows: Vec<Vec<String>> = story
        .history
        .iter()
        .map(|attempt| {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            let code = attempt.code.map(|code| code.to_string()).unwrap_or_default();
            vec![
                attempt.attempt.to_string(),
                both_times(attempt.begun_ms, zone),
                attempt.relay.clone(),
                attempt.outcome.clone().unwrap_or_else(|| "under way".into()),
                text(&attempt.class),
                code,
                text(&attempt.reply),
            ]
        })
        .collect();
    output.table(&["attempt", "begun", "relay", "outcome", "class", "code", "reply"], &rows)?;
    if story.history.is_empty() {
        output.note("no attempt yet");
    }
    if let Some(values) = story.row.as_object() {
        let rows: Vec<Vec<String>> = values
            .iter()
            .map(|(column, value)| vec![column.clone(), value.as_str().unwrap_or_default().to_owned()])
            .collect();
        output.table(&["column", "as imported"], &rows)?;
    }
    Ok(DONE)
}
