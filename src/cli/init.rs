//! `candor init`: a folder to start from.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::exit::DONE;
use crate::app::sample;

/// `init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where; it is made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
}

/// Runs it.
pub fn run(args: &InitArgs, context: &Context) -> anyhow::Result<u8> {
    let made = sample::init(&args.dir)?;
    if context.output.json {
        let made: Vec<String> = made.iter().map(|path| path.display().to_string()).collect();
        context.output.json_document(&json!({"made": made}))?;
        return Ok(DONE);
    }
    for path in &made {
        context.output.line(&format!("made {}", path.display()))?;
    }
    context.output.note(
        "next: say in candor.toml who writes and which relay takes the mail, then `candor doctor`, \
         `candor campaign create NAME --incident incident.toml --notice notice`, \
         `candor campaign import NAME audience.csv` and `candor campaign check NAME`",
    );
    Ok(DONE)
}
