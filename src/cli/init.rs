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

/// What to do with what was made.
const NEXT: [&str; 7] = [
    "",
    "Next: say in candor.toml who writes ([organization]) and who takes the mail",
    "([relays.main]). Then, in that folder:",
    "  candor doctor",
    "  candor campaign create NAME --incident incident.toml --notice notice",
    "  candor campaign import NAME audience.csv",
    "  candor campaign check NAME",
];

/// Runs it.
pub fn run(args: &InitArgs, context: &Context) -> anyhow::Result<u8> {
    let made = sample::init(&args.dir)?;
    if context.output.json {
        let made: Vec<String> = made.iter().map(|path| path.display().to_string()).collect();
        context.output.json_document(&json!({"made": made}))?;
        return Ok(DONE);
    }
    for path in &made {
        context.output.line(&format!("made {}", path.strip_prefix("./").unwrap_or(path).display()))?;
    }
    for line in NEXT {
        context.output.note(line);
    }
    Ok(DONE)
}
