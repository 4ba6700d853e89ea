//! The command line: what people type and what they see.
//!
//! Decides nothing about campaigns: each command calls one function of a room below and shows what came of it. Results go
//! to stdout, everything else to stderr; errors become the exit codes of interface.md.

mod audit;
mod campaign;
mod context;
pub mod demo;
mod doctor;
mod exit;
mod follow;
mod help;
mod init;
mod moment;
pub mod output;
mod plot;
pub mod progress;
mod run;
mod send;
mod suppress;
pub mod terminal;
mod words;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::config;
use crate::telemetry;
use context::Context;
pub use help::command;
use output::Output;

/// Heads those options that each command has, below its own.
const EVERYWHERE: &str = "Options of every command";

/// Tells every customer affected by an incident, and can prove it.
#[derive(Debug, Parser)]
#[command(name = "candor", version, max_term_width = 110, arg_required_else_help = true)]
pub struct Cli {
    /// The configuration file [default: CANDOR_CONFIG, else ./candor.toml]
    #[arg(long, global = true, value_name = "FILE", help_heading = EVERYWHERE)]
    config: Option<PathBuf>,
    /// Results as JSON on stdout
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    json: bool,
    /// Nothing on stderr but errors
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    quiet: bool,
    /// More of what happens inside; twice for everything
    #[arg(short, global = true, action = clap::ArgAction::Count, help_heading = EVERYWHERE)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show a whole campaign in a sandbox; nothing leaves
    Demo(demo::DemoArgs),
    /// Make a folder to start from
    #[command(
        after_help = "It gets a commented candor.toml, a signing key, and a sample incident, notice and audience. Nothing is written over."
    )]
    Init(init::InitArgs),
    /// Check configuration, database, key and relays
    #[command(after_help = "Nothing is changed and nothing is sent.")]
    Doctor,
    /// Make, fill, check, approve, schedule and watch campaigns
    #[command(subcommand)]
    Campaign(campaign::CampaignCommand),
    /// Send in the foreground, until nobody is pending
    #[command(
        after_help = "Goes on where a dead worker stopped. Where a worker runs on this database already, it starts the campaign there and follows it."
    )]
    Send(send::SendArgs),
    /// Run the worker, which starts, sends and tries again
    #[command(
        after_help = "It starts what is scheduled, sends, tries again what was put off, and reads lists again, until it is stopped."
    )]
    Run(run::RunArgs),
    /// Keep addresses and domains from being mailed
    #[command(subcommand)]
    Suppress(suppress::SuppressCommand),
    /// Read the ledger, the record of everything that happened
    #[command(subcommand)]
    Audit(audit::AuditCommand),
}

/// Runs one command line to its exit code.
pub async fn run(cli: Cli) -> u8 {
    let environment = match config::process_environment() {
        Ok(environment) => environment,
        Err(error) => return exit::report(&error.into()),
    };
    let refuses_colour = config::refuses_colour(&environment);
    let output = Output::new(cli.json, cli.quiet, refuses_colour);
    let is_worker = matches!(cli.command, Command::Run(_));
    let level = telemetry::level(cli.quiet, cli.verbose, is_worker);
    telemetry::init(level, output.stderr_terminal && !refuses_colour, || progress::AboveBars);
    let context = Context { output, config: cli.config, environment };
    match dispatch(cli.command, &context).await {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}

async fn dispatch(command: Command, context: &Context) -> anyhow::Result<u8> {
    match command {
        Command::Demo(args) => demo::run(args, &context.output).await,
        Command::Init(args) => init::run(&args, context),
        Command::Doctor => doctor::run(context).await,
        Command::Campaign(command) => campaign::run(command, context).await,
        Command::Send(args) => send::run(&args, context).await,
        Command::Run(args) => run::run(&args, context).await,
        Command::Suppress(command) => suppress::run(command, context).await,
        Command::Audit(command) => audit::run(command, context).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_tree_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_global_may_stand_anywhere() {
        for line in ["candor --json campaign list", "candor campaign list --json", "candor campaign --json list"] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok_and(|cli| cli.json), "{line}");
        }
    }
}
