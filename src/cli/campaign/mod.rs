//! `candor campaign …`: the clap tree, and which file runs what.

mod check;
mod lists;
mod make;
mod moves;
mod people;
mod preview;
mod status;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::context::Context;
use crate::domain::outcome::FailureClass;
use crate::domain::rate::Rate;
use crate::domain::recipient::RecipientState;
use crate::domain::when::Window;
use crate::notice::PreviewFormat;

pub(super) use moves::{Asked, ask_for_people, on_their_own};
pub(super) use status::show as show_status;

/// One campaign, in the order of its life.
#[derive(Debug, Subcommand)]
pub enum CampaignCommand {
    /// Make a campaign from an incident and a notice
    #[command(after_help = "Both are copied into the database: files edited later change nothing until `update`.")]
    Create(make::CreateArgs),
    /// Replace incident or notice, before the start
    #[command(after_help = "What was submitted goes back to draft.")]
    Update(make::UpdateArgs),
    /// List the campaigns
    List,
    /// Show a campaign, or one recipient's whole story
    Show(ShowArgs),
    /// Set its own rate, relays, window or connections
    Settings(make::SettingsArgs),
    /// Bring in affected customers from a list
    Import(people::ImportArgs),
    /// Have the worker read an SQLite list again and again
    #[command(after_help = "People who are new in it wait as a batch, until somebody approves it.")]
    Source(people::SourceArgs),
    /// Show one recipient's message as it would leave
    Preview(PreviewArgs),
    /// Render every message and apply the rules; nothing is sent
    Check(check::CheckArgs),
    /// Hand the campaign, or a batch, to the approvers
    Submit(ReviewArgs),
    /// Approve what was submitted
    Approve(ReviewArgs),
    /// Send back what was submitted
    Reject(ReviewArgs),
    /// List the batches
    Batches(Named),
    /// Take out a batch that is not approved
    Withdraw(people::WithdrawArgs),
    /// Approve if need be, and say when it starts
    Schedule(moves::ScheduleArgs),
    /// Stop the sending until it is resumed
    Pause(moves::PauseArgs),
    /// Go on with a paused campaign
    Resume(Named),
    /// End a campaign for good
    #[command(after_help = "Whoever has not been sent to never will be.")]
    Cancel(Named),
    /// Show how a campaign stands
    #[command(after_help = "People by state, failures by class, times.")]
    Status(StatusArgs),
    /// List the recipients with state, class and reply
    Recipients(lists::RecipientsArgs),
    /// List who failed, bounced, is in doubt or deferred
    Failures(lists::FailuresArgs),
    /// List everybody not told, with reason and next step
    Unreached(lists::UnreachedArgs),
    /// Try those again who failed or bounced, and nobody else
    Rerun(RerunArgs),
}

/// A campaign by name.
#[derive(Debug, Args)]
pub struct Named {
    /// The campaign
    #[arg(value_name = "C")]
    pub campaign: String,
}

/// `show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// One recipient, by the customer's reference
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// The reference code of a notice: whose is it?
    #[arg(long, value_name = "CODE", conflicts_with = "reference")]
    code: Option<String>,
}

/// `status`
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// Show it anew as it changes, until it has ended
    #[arg(long)]
    watch: bool,
}

/// `preview`
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// Whose message; without it, the first recipient's
    #[arg(long = "ref", value_name = "REF")]
    reference: Option<String>,
    /// The first recipient's of this locale
    #[arg(long, value_name = "L", conflicts_with = "reference")]
    locale: Option<String>,
    /// Those that are the likeliest to look wrong: long, empty and foreign names, apostrophes
    #[arg(long, conflicts_with_all = ["reference", "locale", "format", "open", "output"])]
    difficult: bool,
    /// eml, html or text
    #[arg(long, default_value = "text")]
    format: PreviewFormat,
    /// Show the HTML part in a browser
    #[arg(long, conflicts_with = "format")]
    open: bool,
    /// Write it to a file instead of stdout
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `submit`, `approve`, `reject`
#[derive(Debug, Args)]
pub struct ReviewArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// One batch; without it, the only one waiting
    #[arg(long, value_name = "N")]
    batch: Option<i64>,
    /// A comment, kept beside the ledger
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// `rerun`
#[derive(Debug, Args)]
pub struct RerunArgs {
    /// The campaign
    #[arg(value_name = "C")]
    campaign: String,
    /// Only these classes of failure, such as mailbox-full; may be repeated
    #[arg(long = "class", value_name = "K")]
    classes: Vec<FailureClass>,
    /// Only these states: failed, bounced, in-doubt or suppressed [default: failed and bounced]
    #[arg(long = "state", value_name = "S")]
    states: Vec<RecipientState>,
    /// Only recipients of this domain
    #[arg(long, value_name = "D")]
    domain: Option<String>,
    /// Only those whose last attempt went over this relay
    #[arg(long, value_name = "R")]
    relay: Option<String>,
    /// Only these recipients
    #[arg(long = "ref", value_name = "REF")]
    references: Vec<String>,
    /// Why, kept beside the ledger
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Also those who cannot succeed: bad addresses and domains
    #[arg(long)]
    force: bool,
    /// Show who it would be; change nothing
    #[arg(long)]
    dry_run: bool,
}

/// The settings that `settings` and `schedule` share.
#[derive(Debug, Args)]
pub struct Tempo {
    /// At most so fast: 50/s, 600/min, 10000/h or unlimited
    #[arg(long)]
    pub rate: Option<Rate>,
    /// Only within these hours, such as 09:00-20:00, in the organization's zone
    #[arg(long)]
    pub window: Option<Window>,
}

/// Runs one of them.
pub async fn run(command: CampaignCommand, context: &Context) -> anyhow::Result<u8> {
    use CampaignCommand as C;
    match command {
        C::Create(args) => make::create(&args, context).await,
        C::Update(args) => make::update(&args, context).await,
        C::List => lists::campaigns(context).await,
        C::Show(args) => status::story(&args, context).await,
        C::Settings(args) => make::settings(args, context).await,
        C::Import(args) => people::import(args, context).await,
        C::Source(args) => people::source(args, context).await,
        C::Preview(args) => preview::run(&args, context).await,
        C::Check(args) => check::run(&args, context).await,
        C::Submit(args) => moves::submit(&args, context).await,
        C::Approve(args) => moves::approve(&args, context).await,
        C::Reject(args) => moves::reject(&args, context).await,
        C::Batches(args) => lists::batches(&args, context).await,
        C::Withdraw(args) => people::withdraw(&args, context).await,
        C::Schedule(args) => moves::schedule(&args, context).await,
        C::Pause(args) => moves::pause(&args, context).await,
        C::Resume(args) => moves::resume(&args, context).await,
        C::Cancel(args) => moves::cancel(&args, context).await,
        C::Status(args) => status::run(&args, context).await,
        C::Recipients(args) => lists::recipients(args, context).await,
        C::Failures(args) => lists::failures(args, context).await,
        C::Unreached(args) => lists::unreached(&args, context).await,
        C::Rerun(args) => moves::rerun(args, context).await,
    }
}
