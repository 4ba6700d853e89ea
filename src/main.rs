//! The program: parses the command line and gives back its exit code.

use std::process::ExitCode;

use candor::cli::{self, Cli};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    ExitCode::from(cli::run(Cli::parse()).await)
}
