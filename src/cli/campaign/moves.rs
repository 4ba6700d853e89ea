//! `submit`, `approve`, `reject`, `schedule`, `pause`, `resume`, `cancel`, `rerun`.

use clap::Args;
use serde_json::json;

use super::super::context::Context;
use super::super::exit::{DONE, Refused, Usage};
use super::super::output::{both_times, grouped};
use super::super::terminal::ask_number;
use super::check::run_check;
use super::make::say;
use super::{Named, RerunArgs, ReviewArgs, Tempo};
use crate::app::App;
use crate::approval::{self, ScheduleRequest};
use crate::clock::from_epoch_millis;
use crate::domain::campaign::CampaignState;
use crate::domain::when::parse_at;
use crate::followup::{self, RerunFilter};
use crate::views;

/// `schedule`
#[derive(Debug, Args)]
pub struct ScheduleArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// At once
    #[arg(long, conflicts_with = "at", required_unless_present = "at")]
    now: bool,
    /// Local time, such as 2026-03-02T09:00[Europe/Berlin]; without a zone, the organization's
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    tempo: Tempo,
    /// Pause after so many, until it is resumed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    canary: Option<u32>,
    /// Refuse unless it goes to exactly so many people
    #[arg(long, value_name = "N")]
    expect: Option<i64>,
}

/// `pause`
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// The campaign
    #[arg(value_name = "C", required_unless_present = "all", conflicts_with = "all")]
    campaign: Option<String>,
    /// Every campaign that is scheduled or sending
    #[arg(long)]
    all: bool,
}

pub async fn submit(args: &ReviewArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    run_check(&app, &args.campaign, context).await?;
    let comment = args.comment.as_deref();
    approval::submit(&app.store, &app.settings, &app.by(), &args.campaign, args.batch, comment).await?;
    say_state(&app, &args.campaign, context).await
}

pub async fn approve(args: &ReviewArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    let comment = args.comment.as_deref();
    approval::approve(&app.store, &app.settings, &app.by(), &args.campaign, args.batch, comment, 0).await?;
    context.output.note("this version has no users yet: the ledger says that nobody but this account has looked");
    say_state(&app, &args.campaign, context).await
}

pub async fn reject(args: &ReviewArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    approval::reject(&app.store, &app.by(), &args.campaign, args.batch, args.comment.as_deref()).await?;
    say_state(&app, &args.campaign, context).await
}

async fn say_state(app: &App, campaign: &str, context: &Context) -> anyhow::Result<u8> {
    let state = app.store.campaign_by_name(campaign).await?.map_or_else(String::new, |row| row.state);
    say(context, campaign, &state)
}

/// As long as no user exists, `schedule` and `send` submit and approve on their own; errors of the check still stop it.
pub async fn on_their_own(app: &App, campaign: &str, context: &Context) -> anyhow::Result<()> {
    let state = approval::state_of(&app.store, campaign).await?;
    if matches!(state, CampaignState::Draft | CampaignState::InReview) {
        refuse_unseen(app, campaign).await?;
    }
    if matches!(state, CampaignState::Draft) {
        let (result, _) = run_check(app, campaign, context).await?;
        for rule in result.rules.iter().filter(|rule| !rule.ok) {
            context.output.note(&format!("{}: {}: {}", rule.severity.as_str(), rule.rule, rule.detail));
        }
        approval::submit(&app.store, &app.settings, &app.by(), campaign, None, None).await?;
    }
    if matches!(state, CampaignState::Draft | CampaignState::InReview) {
        approval::approve(&app.store, &app.settings, &app.by(), campaign, None, None, 0).await?;
        context.output.note(
            "this version has no users yet: it was approved without anybody else having looked, and the ledger says so",
        );
    }
    Ok(())
}

/// People whom a list brought in that the worker reads again have been seen by nobody: they are never approved along the way.
async fn refuse_unseen(app: &App, campaign: &str) -> anyhow::Result<()> {
    let unseen = views::batches_for_somebody_to_approve(&app.store, campaign).await?;
    let Some(first) = unseen.first() else { return Ok(()) };
    Err(Refused(format!(
        "batch {first} of {campaign} came from a list that the worker reads, and waits for somebody to approve it: look at \
         it with `candor campaign preview {campaign}`, then `candor campaign submit {campaign}` and `candor campaign \
         approve {campaign}`"
    ))
    .into())
}

/// Whether the number of people was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Typed rightly, or nobody could be asked.
    Yes,
    /// Typed wrongly.
    No,
}

/// On a terminal, asks for the number of people to be typed, unless `--expect` gave it.
pub async fn ask_for_people(
    app: &App,
    campaign: &str,
    expect: Option<i64>,
    context: &Context,
) -> anyhow::Result<Asked> {
    if expect.is_some() {
        return Ok(Asked::Yes);
    }
    let people = approval::audience_of(&app.store, campaign).await?;
    let number = grouped(people.unsigned_abs());
    let question = format!("{campaign} goes to {number} {}.", if people == 1 { "person" } else { "people" });
    Ok(match ask_number(&context.output, &question, people.unsigned_abs())? {
        Some(false) => Asked::No,
        Some(true) | None => Asked::Yes,
    })
}

pub async fn schedule(args: &ScheduleArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    let zone = app.settings.organization.time_zone;
    let at = args.at.as_deref().map(|text| parse_at(text, zone)).transpose()?;
    if let Some(note) = at.as_ref().and_then(|at| at.note.clone()) {
        context.output.note(&note);
    }
    let start = at.as_ref().map(|at| at.utc.timestamp_millis());
    approval::not_past(start, app.by().at)?;
    if args.tempo.rate.is_some() || args.tempo.window.is_some() {
        let wanted = approval::Wanted { rate: args.tempo.rate, window: args.tempo.window, ..Default::default() };
        approval::settings_of_draft(&app.store, &app.settings, &app.by(), &args.campaign, &wanted).await?;
    }
    approval::expected(&app.store, &args.campaign, args.expect).await?;
    if ask_for_people(&app, &args.campaign, args.expect, context).await? == Asked::No {
        anyhow::bail!("that is not the number of people: nothing was scheduled");
    }
    on_their_own(&app, &args.campaign, context).await?;
    let request = ScheduleRequest {
        at: start,
        zone: at.map_or(zone, |at| at.zone),
        window: args.tempo.window,
        rate: args.tempo.rate,
        canary: args.canary,
        expect: args.expect,
    };
    let people = approval::schedule(&app.store, &app.settings, &app.by(), &args.campaign, &request).await?;
    let start = start.unwrap_or_else(|| app.by().at);
    if context.output.json {
        let at = crate::clock::rfc3339_millis(start);
        context.output.json_document(&json!({
            "campaign": args.campaign, "state": "scheduled", "start": at, "zone": request.zone.name(), "people": people,
        }))?;
    } else {
        let people = grouped(people.unsigned_abs());
        context.output.line(&format!(
            "{} starts {} and goes to {people} people",
            args.campaign,
            both_times(from_epoch_millis(start).timestamp_millis(), request.zone)
        ))?;
    }
    if !app.has_worker()? {
        context.output.note(&format!(
            "no worker is running: start one with `candor run`, or send it now with `candor send {} --now`",
            args.campaign
        ));
    }
    Ok(DONE)
}

pub async fn pause(args: &PauseArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    let names = match &args.campaign {
        Some(name) => vec![name.clone()],
        None => app.store.pulse().await?.into_iter().map(|row| row.name).collect(),
    };
    for name in &names {
        approval::pause(&app.store, &app.by(), name).await?;
        if !context.output.json {
            context.output.line(&format!("{name}  paused"))?;
        }
    }
    if context.output.json {
        context.output.json_document(&json!({"paused": names}))?;
    } else if names.is_empty() {
        context.output.note("nothing is scheduled or sending");
    }
    Ok(DONE)
}

pub async fn resume(args: &Named, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    let state = approval::resume(&app.store, &app.settings, &app.by(), &args.campaign).await?;
    if !app.has_worker()? {
        context.output.note(&format!(
            "no worker is running: start one with `candor run`, or go on with `candor send {}`",
            args.campaign
        ));
    }
    say(context, &args.campaign, state.as_str())
}

pub async fn cancel(args: &Named, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    let people = approval::cancel(&app.store, &app.by(), &args.campaign).await?;
    context.output.note(&format!("{} people will not be sent to any more", grouped(people)));
    say(context, &args.campaign, CampaignState::Cancelled.as_str())
}

pub async fn rerun(args: RerunArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    let domain = args.domain.as_deref().map(crate::domain::address::ascii_domain).transpose();
    let filter = RerunFilter {
        states: args.states,
        classes: args.classes,
        domain: domain.map_err(|error| Usage(format!("--domain: {error}")))?,
        relay: args.relay,
        references: args.references,
    };
    let request = followup::RerunRequest { filter, force: args.force, dry_run: args.dry_run, reason: args.reason };
    let plan = followup::rerun(&app.store, &app.settings, &app.by(), &args.campaign, &request).await?;
    if context.output.json {
        let people = plan.people.iter();
        let people: Vec<_> =
            people.map(|(r, state, class)| json!({"ref": r, "state": state, "class": class})).collect();
        context.output.json_document(&json!({
            "campaign": args.campaign, "dry_run": args.dry_run, "people": plan.moved, "skipped": plan.skipped,
            "in_doubt": plan.twice, "recipients": people,
        }))?;
        return Ok(DONE);
    }
    if args.dry_run && plan.moved > 0 {
        let rows =
            plan.people.into_iter().map(|(reference, state, class)| vec![reference, state, class.unwrap_or_default()]);
        context.output.table(&["ref", "state", "class"], &rows.collect::<Vec<_>>())?;
    }
    let (verb, people) =
        (if args.dry_run { "would be tried" } else { "are tried" }, grouped(plan.moved.unsigned_abs()));
    context.output.line(&format!("{people} people {verb} again"))?;
    if plan.moved == 0 && plan.skipped == 0 {
        context.output.note("nobody failed or bounced; --state in-doubt or --state suppressed name others");
    }
    if plan.skipped > 0 {
        context.output.note(&format!(
            "{} left alone: their address does not work; --force tries them all the same",
            plan.skipped
        ));
    }
    if plan.twice > 0 {
        context.output.note(&format!("{} of them are in doubt and may get the notice twice", plan.twice));
    }
    let is_paused = approval::state_of(&app.store, &args.campaign).await? == CampaignState::Paused;
    if is_paused && plan.moved > 0 && !args.dry_run {
        context.output.note(&format!("{0} is paused: `candor campaign resume {0}` lets it go on", args.campaign));
    } else if plan.moved > 0 && !args.dry_run && !app.has_worker()? {
        context.output.note(&format!(
            "no worker is running: start one with `candor run`, or send with `candor send {}`",
            args.campaign
        ));
    }
    Ok(DONE)
}
