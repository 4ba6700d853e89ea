//! `candor run`: the scheduled worker.

use std::sync::Arc;

use clap::Args;

use super::context::Context;
use super::exit::DONE;
use super::follow::say;
use crate::delivery::Until;
use crate::schedule;
use crate::shutdown::Shutdown;

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Start what is due, send until nobody is pending, then end
    #[arg(long)]
    once: bool,
}

pub async fn run(args: &RunArgs, context: &Context) -> anyhow::Result<u8> {
    let app = Arc::new(context.writer().await?);
    context.warn_of_unused(&app.settings);
    let until = if args.once { Until::NothingPending } else { Until::Stopped };
    let Some((worker, mut reports)) = app.worker(None, until).await? else {
        anyhow::bail!("another worker runs on this database: a second one is not needed and not allowed");
    };
    let shutdown = Shutdown::on_signals()?;
    if args.once {
        schedule::read_due_sources(&app.store, app.clock.as_ref()).await?;
    } else {
        context.output.note("the worker is running; SIGTERM or Ctrl-C ends it in good order");
    }
    let says = async {
        while let Some(report) = reports.recv().await {
            say(context, &app, &report);
        }
    };
    let (ended, ()) = tokio::join!(schedule::run(app.store.clone(), app.clock.clone(), worker, &shutdown), says);
    ended?;
    Ok(DONE)
}
