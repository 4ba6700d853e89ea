//! `create`, `update`, `settings`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::super::context::Context;
use super::super::exit::{DONE, Usage};
use super::Tempo;
use crate::approval::{self, Sources, Wanted};
use crate::domain::ids::CampaignName;

/// `create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Its name: letters, digits, dots, dashes, underscores
    #[arg(value_name = "C")]
    campaign: String,
    /// What happened, in fields
    #[arg(long, value_name = "FILE")]
    incident: PathBuf,
    /// The folder with the notice's templates
    #[arg(long, value_name = "DIR")]
    notice: PathBuf,
}

/// `update`
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// What happened, in fields
    #[arg(long, value_name = "FILE")]
    incident: Option<PathBuf>,
    /// The folder with the notice's templates
    #[arg(long, value_name = "DIR")]
    notice: Option<PathBuf>,
}

/// `settings`
#[derive(Debug, Args)]
pub struct SettingsArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    #[command(flatten)]
    tempo: Tempo,
    /// Only over this relay; several are tried in order
    #[arg(long = "relay", value_name = "NAME")]
    relays: Vec<String>,
    /// At most so many connections at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: Option<u32>,
}

pub async fn create(args: &CreateArgs, context: &Context) -> anyhow::Result<u8> {
    let name = CampaignName::parse(&args.campaign)?;
    let app = context.writer().await?;
    approval::create(&app.store, &app.by(), &name, &args.incident, &args.notice).await?;
    context.output.note(&format!("{name} is a draft: bring in people with `candor campaign import {name} LIST`"));
    say(context, name.as_str(), "draft")
}

pub async fn update(args: &UpdateArgs, context: &Context) -> anyhow::Result<u8> {
    if args.incident.is_none() && args.notice.is_none() {
        return Err(Usage("give --incident, --notice, or both".into()).into());
    }
    let app = context.writer().await?;
    let sources = Sources { incident: args.incident.as_deref(), notice: args.notice.as_deref() };
    let went_back = approval::update(&app.store, &app.by(), &args.campaign, sources).await?;
    if went_back {
        context.output.note("what was approved has changed: the campaign is back in draft; check and submit it again");
    }
    let state = app.store.campaign_by_name(&args.campaign).await?.map_or_else(String::new, |row| row.state);
    say(context, &args.campaign, &state)
}

pub async fn settings(args: SettingsArgs, context: &Context) -> anyhow::Result<u8> {
    let SettingsArgs { campaign, tempo, relays, connections } = args;
    let app = context.writer().await?;
    let wanted = Wanted { rate: tempo.rate, relays, window: tempo.window, connections };
    let went_back = approval::settings(&app.store, &app.settings, &app.by(), &campaign, &wanted).await?;
    if went_back {
        context.output.note("what was approved has changed: the campaign is back in draft; check and submit it again");
    }
    let state = app.store.campaign_by_name(&campaign).await?.map_or_else(String::new, |row| row.state);
    say(context, &campaign, &state)
}

pub(super) fn say(context: &Context, campaign: &str, state: &str) -> anyhow::Result<u8> {
    if context.output.json {
        context.output.json_document(&json!({"campaign": campaign, "state": state}))?;
    } else {
        context.output.line(&format!("{campaign}  {state}"))?;
    }
    Ok(DONE)
}
