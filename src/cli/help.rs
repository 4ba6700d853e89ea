//! `candor --help`: every command, grouped in the order of a campaign's life.
//!
//! Decides only the order; what each command does is said once, in the clap tree, and read from there.

use std::fmt::Write as _;

use clap::builder::styling::Style;
use clap::{Command, CommandFactory as _};

use super::Cli;

/// The commands by when they are needed.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Try it", &["demo"]),
    ("Set up", &["init", "doctor"]),
    (
        "Prepare a campaign",
        &[
            "campaign create",
            "campaign import",
            "campaign source",
            "campaign settings",
            "campaign preview",
            "campaign check",
            "campaign update",
        ],
    ),
    (
        "Have it approved",
        &["campaign submit", "campaign approve", "campaign reject", "campaign batches", "campaign withdraw"],
    ),
    ("Send", &["send", "campaign schedule", "campaign pause", "campaign resume", "campaign cancel", "run"]),
    (
        "See who was told",
        &[
            "campaign status",
            "campaign list",
            "campaign show",
            "campaign recipients",
            "campaign failures",
            "campaign unreached",
            "campaign rerun",
            "audit log",
        ],
    ),
    (
        "Keep addresses from being mailed",
        &["suppress add", "suppress remove", "suppress list", "suppress import", "suppress export"],
    ),
];

/// Shown under the commands.
const EXAMPLE: &str = concat!(
    "  candor init breach && cd breach  then fill in candor.toml\n",
    "  candor doctor                    does the relay answer?\n",
    "  candor campaign create spring --incident incident.toml --notice notice\n",
    "  candor campaign import spring audience.csv\n",
    "  candor campaign check spring     every message held against the rules\n",
    "  candor campaign preview spring --ref C-0001\n",
    "  candor send spring               asks for the number of people first\n",
    "  candor campaign status spring\n",
);
/// What a script has to know.
const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 could not be done, 2 wrong usage or configuration,
3 done but not for everybody, 5 refused.";

/// The clap tree with the help of its root.
pub fn command() -> Command {
    let tree = Cli::command();
    let template = template(&tree);
    tree.help_template(template)
}

fn template(tree: &Command) -> String {
    let heading = tree.get_styles().get_header();
    let literal = tree.get_styles().get_literal();
    let mut text = String::from("{about}\n\n{usage-heading} {usage}\n");
    let width = GROUPS.iter().flat_map(|(_, paths)| paths.iter()).map(|path| path.len()).max().unwrap_or(0);
    for (title, paths) in GROUPS {
        title_line(&mut text, heading, title);
        for path in paths {
            let about = found(tree, path).and_then(|command| command.get_about().map(ToString::to_string));
            let gap = " ".repeat(width - path.len() + 2);
            // A String takes whatever is written to it.
            let _ = writeln!(text, "  {literal}{path}{literal:#}{gap}{}", about.unwrap_or_default());
        }
    }
    title_line(&mut text, heading, super::EVERYWHERE);
    text.push_str("{options}\n");
    title_line(&mut text, heading, "From a list of customers to their letters");
    text.push_str(EXAMPLE);
    let _ = writeln!(text, "\n{EXIT_CODES}\n`candor COMMAND --help` says more about each command.");
    text
}

fn title_line(text: &mut String, style: &Style, title: &str) {
    // As above.
    let _ = writeln!(text, "\n{style}{title}:{style:#}");
}

/// The command that a path of names leads to.
fn found<'a>(tree: &'a Command, path: &str) -> Option<&'a Command> {
    path.split(' ').try_fold(tree, |command, name| command.find_subcommand(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(command: &Command, path: &str, all: &mut Vec<String>) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name()).trim().to_owned();
            if sub.has_subcommands() { leaves(sub, &path, all) } else { all.push(path) }
        }
    }

    #[test]
    fn the_help_names_every_command_once_and_none_that_is_not_there() {
        let mut there = Vec::new();
        leaves(&Cli::command(), "", &mut there);
        let mut named: Vec<String> =
            GROUPS.iter().flat_map(|(_, paths)| paths.iter()).map(|path| (*path).to_owned()).collect();
        there.sort();
        named.sort();
        assert_eq!(named, there);
    }

    #[test]
    fn every_line_of_the_help_fits_eighty_columns_and_every_command_and_flag_says_what_it_is_for() {
        let help = command().term_width(80).render_help().to_string();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
        let mut paths = Vec::new();
        leaves(&Cli::command(), "", &mut paths);
        let tree = Cli::command();
        for path in paths {
            let command = found(&tree, &path).unwrap();
            assert!(command.get_about().is_some(), "{path}");
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{path} {}", arg.get_id());
            }
        }
    }
}
