//! `candor init`: a folder to start from.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::context::Context;
use super::exit::DONE;
use super::output::shell_word;
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
    for line in next_steps(&args.dir) {
        context.output.line(&line)?;
    }
    Ok(DONE)
}

/// What to type next, in order.
fn next_steps(dir: &Path) -> Vec<String> {
    let mut lines = vec![String::new(), "Next:".to_owned()];
    if dir != Path::new(".") {
        lines.push(format!("  cd {}", shell_word(&dir.display().to_string())));
    }
    let commands = [
        "  candor campaign create spring --incident incident.toml --notice notice",
        "  candor campaign import spring audience.csv",
        "  candor campaign check spring",
        "  candor campaign preview spring --ref C-0001",
        "Then say in candor.toml who writes and which relay takes the mail, and:",
        "  candor doctor",
        "  candor send spring",
    ];
    lines.extend(commands.map(str::to_owned));
    lines
}
