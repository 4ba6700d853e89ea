//! `candor send`: a campaign in the foreground, by a worker of its own or by the one that runs already.

use std::time::Duration;

use clap::Args;

use super::campaign::{Asked, ask_for_people, on_their_own, show_status};
use super::context::Context;
use super::exit::{DONE, FAILED, NOT_EVERYBODY};
use super::follow::Follow;
use super::output::{both_times, grouped};
use crate::app::App;
use crate::approval::{self, ScheduleRequest};
use crate::delivery::Until;
use crate::domain::campaign::{CampaignState, reason::SETTINGS_CHANGED};
use crate::domain::recipient::RecipientState;
use crate::shutdown::Shutdown;
use crate::views::{self, Status};

/// How often a follower looks whether the other worker still lives: interface.md's 250 ms.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// `send`
#[derive(Debug, Args)]
pub struct SendArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// Start it now, whatever it is scheduled for
    #[arg(long)]
    now: bool,
    /// Wait until everybody is settled, retries included
    #[arg(long)]
    until_final: bool,
    /// Refuse unless it goes to exactly so many people
    #[arg(long, value_name = "N")]
    expect: Option<i64>,
}

pub async fn run(args: &SendArgs, context: &Context) -> anyhow::Result<u8> {
    let app = context.writer().await?;
    context.warn_of_unused(&app.settings);
    let name = args.campaign.as_str();
    if let Some(code) = start(&app, args, context).await? {
        return Ok(code);
    }
    let shutdown = Shutdown::on_signals()?;
    match send(&app, args, &shutdown, context).await? {
        Sent::Here => end(&app, name, shutdown.is_requested(), context).await,
        Sent::ByAnother => end(&app, name, false, context).await,
        Sent::LeftToAnother => {
            context
                .output
                .note(&format!("no longer following; {name} goes on: `candor campaign pause {name}` stops it"));
            Ok(FAILED)
        }
    }
}

/// Who has sent it.
enum Sent {
    /// This process.
    Here,
    /// Another worker, to the end.
    ByAnother,
    /// Another worker, which is still at it.
    LeftToAnother,
}

/// Sends by a worker of this process; where another one lives, follows that, and takes over once it has ended.
async fn send(app: &App, args: &SendArgs, shutdown: &Shutdown, context: &Context) -> anyhow::Result<Sent> {
    let name = args.campaign.as_str();
    let until = if args.until_final { Until::Settled } else { Until::NothingPending };
    let mut is_said = false;
    loop {
        if let Some((worker, reports)) = app.worker(Some(name), until).await? {
            let follow = Follow::new(app, context, name);
            // As a task of its own it shares a thread with the lines that it speaks to.
            let token = shutdown.clone();
            let worker = tokio::spawn(async move { worker.run(&token).await });
            let (ended, shown) = tokio::join!(worker, follow.worker(reports));
            ended??;
            shown?;
            return Ok(Sent::Here);
        }
        if !std::mem::replace(&mut is_said, true) {
            context.output.note("a worker runs on this database already: it sends the campaign, and this follows it");
        }
        let follow = Follow::new(app, context, name);
        tokio::select! {
            biased;
            () = shutdown.requested() => return Ok(Sent::LeftToAnother),
            followed = follow.until(|status| is_over(status, args.until_final)) => {
                followed?;
                return Ok(Sent::ByAnother);
            }
            ended = other_has_ended(app) => ended?,
        }
    }
}

/// Waits until no worker lives on this database.
async fn other_has_ended(app: &App) -> anyhow::Result<()> {
    while app.has_worker()? {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Brings the campaign to `sending`, or says with which code there is nothing to do.
async fn start(app: &App, args: &SendArgs, context: &Context) -> anyhow::Result<Option<u8>> {
    let name = args.campaign.as_str();
    let status = views::status(&app.store, &app.settings, name, app.by().at).await?;
    match CampaignState::parse(&status.state) {
        Some(CampaignState::Sending) => return Ok(None),
        Some(CampaignState::Finished) => {
            context.output.note(&format!("{name} has finished: nobody is left to send to"));
            return Ok(Some(finish(app, &status, context)?));
        }
        Some(CampaignState::Cancelled) => anyhow::bail!("{name} is cancelled"),
        Some(CampaignState::Paused) => {
            anyhow::bail!(paused(name, &status.reason.unwrap_or_default()));
        }
        Some(CampaignState::Scheduled) if !args.now && status.scheduled_at.is_some_and(|at| at > app.by().at) => {
            let at = both_times(status.scheduled_at.unwrap_or_default(), app.settings.organization.time_zone);
            anyhow::bail!("{name} is scheduled for {at}: --now starts it at once, `candor run` at its time");
        }
        _ => {}
    }
    if app.settings.relays.is_empty() {
        anyhow::bail!("nothing can be sent: no relay is configured; add [relays.main] with a url to candor.toml");
    }
    // A password or CA file that cannot be used is found before anything is approved or scheduled.
    app.relays()?;
    approval::expected(&app.store, name, args.expect).await?;
    if ask_for_people(app, name, args.expect, context).await? == Asked::No {
        anyhow::bail!("that is not the number of people: nothing was sent");
    }
    on_their_own(app, name, context).await?;
    let request = ScheduleRequest {
        at: None,
        zone: app.settings.organization.time_zone,
        window: None,
        rate: None,
        canary: None,
        expect: args.expect,
    };
    approval::schedule(&app.store, &app.settings, &app.by(), name, &request).await?;
    Ok(None)
}

fn is_over(status: &Status, until_final: bool) -> bool {
    let is_running =
        matches!(CampaignState::parse(&status.state), Some(CampaignState::Scheduled | CampaignState::Sending));
    let is_open = status.count(RecipientState::Pending) + status.count(RecipientState::Sending) > 0;
    !is_running || (status.started_ms.is_some() && !until_final && !is_open)
}

async fn end(app: &App, name: &str, was_interrupted: bool, context: &Context) -> anyhow::Result<u8> {
    let status = views::status(&app.store, &app.settings, name, app.by().at).await?;
    let code = finish(app, &status, context)?;
    match CampaignState::parse(&status.state) {
        Some(CampaignState::Paused) => {
            anyhow::bail!(paused(name, &status.reason.unwrap_or_default()));
        }
        Some(CampaignState::Cancelled) => anyhow::bail!("{name} was cancelled"),
        Some(CampaignState::Draft) => anyhow::bail!("{name} is back in draft: check it and send it again"),
        Some(CampaignState::Finished) => Ok(code),
        _ if was_interrupted => {
            anyhow::bail!("interrupted: what was on the wire was finished; `candor send {name}` goes on")
        }
        _ => Ok(code),
    }
}

/// What to do about a paused campaign.
fn paused(name: &str, reason: &str) -> String {
    let first = if reason == SETTINGS_CHANGED { "put candor.toml back as it was approved; then " } else { "" };
    format!("{name} is paused ({reason}): {first}`candor campaign resume {name}` lets it go on")
}

/// The summary, and whether everybody was reached.
fn finish(app: &App, status: &Status, context: &Context) -> anyhow::Result<u8> {
    if context.output.json {
        context.output.json_document(status)?;
    } else {
        show_status(app, status, context)?;
    }
    let missed = status.not_told();
    if missed == 0 {
        return Ok(DONE);
    }
    let people = if missed == 1 { "person has" } else { "people have" };
    let mut text = format!("{} {people} not been told", grouped(missed.unsigned_abs()));
    if let Some(at) = status.next_due {
        let worker =
            if app.has_worker()? { "a worker is running" } else { "no worker is running: start one with `candor run`" };
        text.push_str(&format!(
            "; the next try is {}, and {worker}",
            both_times(at, app.settings.organization.time_zone)
        ));
    }
    text.push_str(&format!("; `candor campaign unreached {}` lists them", status.campaign));
    context.output.note(&text);
    Ok(NOT_EVERYBODY)
}
