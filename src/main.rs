//! The program: parses the command line and gives back its exit code.

use std::process::ExitCode;

use candor::cli::{self, Cli};
use clap::FromArgMatches as _;

#[tokio::main]
async fn main() -> ExitCode {
    let matches = cli::command().get_matches();
    // The tree and the type are one: what the tree has accepted, the type takes.
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    ExitCode::from(cli::run(cli).await)
}
