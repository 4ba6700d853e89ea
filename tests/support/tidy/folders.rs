//! Rules about what lies where: the map in lib.rs, migrations, dialects, the documented settings.

use std::collections::{BTreeMap, BTreeSet};

use super::walls::{layer, rooms};
use super::{Finding, Source};

/// lib.rs holds `pub mod` lines only, in flow order, one for each room that there is.
#[must_use]
pub fn lib_is_the_map(lib: &Source, paths: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut listed = Vec::new();
    for (at, code) in lib.code.lines().enumerate().filter(|(_, code)| !code.trim().is_empty()) {
        match code.trim().strip_prefix("pub mod ").and_then(|rest| rest.strip_suffix(';')) {
            Some(name) => listed.push((at + 1, name)),
            None => findings.push(Finding::new(&lib.path, at + 1, "only `pub mod` lines stand here")),
        }
    }
    // Rooms of layers 1 and 2 lie side by side; from layer 3 on the flow gives each its place.
    let place = |name: &str| match layer(name) {
        Some(lower) if lower < 3 => Some(lower),
        Some(_) => rooms().iter().position(|room| *room == name),
        None => None,
    };
    let mut last = 0;
    for (line, name) in &listed {
        match place(name) {
            None => findings.push(Finding::new(&lib.path, *line, format!("{name} is no room of the table"))),
            Some(here) if here < last => {
                findings.push(Finding::new(&lib.path, *line, format!("{name} stands too late for the flow")));
            }
            Some(here) => last = here,
        }
    }
    let here: BTreeSet<&str> = paths.iter().filter_map(|path| path.strip_prefix("src/")).map(room_of).collect();
    for room in here.into_iter().filter(|room| !["lib", "main"].contains(room)) {
        if !listed.iter().any(|(_, name)| *name == room) {
            findings.push(Finding::new(&lib.path, 0, format!("src/{room} is not on the map")));
        }
    }
    findings
}

fn room_of(path: &str) -> &str {
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// Every folder right under `parent` is a dialect, and all have files of the same names.
#[must_use]
pub fn dialects_match(parent: &str, paths: &[&str]) -> Vec<Finding> {
    let mut dialects: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in paths {
        if let Some((dialect, name)) =
            path.strip_prefix(parent).and_then(|rest| rest.trim_start_matches('/').split_once('/'))
        {
            dialects.entry(dialect).or_default().insert(name);
        }
    }
    let all: BTreeSet<&str> = dialects.values().flatten().copied().collect();
    let missing = dialects.iter().flat_map(|(dialect, names)| {
        all.difference(names).map(move |name| {
            Finding::new(&format!("{parent}/{dialect}/{name}"), 0, "another dialect has it, this one does not")
        })
    });
    missing.collect()
}

/// Migrations are `NNNN_name.sql`, numbered from 1 without a gap in each dialect.
#[must_use]
pub fn migrations_have_no_gap(paths: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut numbers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for path in paths.iter().filter(|path| path.starts_with("migrations/")) {
        let Some((dialect, name)) = path.trim_start_matches("migrations/").split_once('/') else {
            findings.push(Finding::new(path, 0, "a migration lies in the folder of its dialect"));
            continue;
        };
        let parts = name.strip_suffix(".sql").and_then(|stem| stem.split_once('_'));
        match parts.map(|(number, title)| (number.len(), number.parse(), title.is_empty())) {
            Some((4, Ok(number), false)) => numbers.entry(dialect).or_default().push(number),
            _ => findings.push(Finding::new(path, 0, "a migration is named NNNN_name.sql")),
        }
    }
    for (dialect, mut numbers) in numbers {
        numbers.sort_unstable();
        if !numbers.iter().copied().eq(1..=numbers.len()) {
            findings.push(Finding::new(&format!("migrations/{dialect}"), 0, format!("numbered {numbers:?}")));
        }
    }
    findings
}

/// Every field that a `Deserialize` struct of `config` reads is shown in the commented example.
#[must_use]
pub fn settings_are_documented(config: &Source, example: &str) -> Vec<Finding> {
    let shown: BTreeSet<&str> = example
        .lines()
        .flat_map(|line| line.trim_start_matches(['#', ' ']).split(['[', ']', '{', '}', ',', '.']))
        .map(|part| part.split('=').next().unwrap_or(part).trim().trim_matches('"'))
        .collect();
    let mut findings = Vec::new();
    let mut reads = false;
    for (line, code) in config.program_lines() {
        let code = code.trim();
        if code.starts_with("#[derive(") {
            reads = code.contains("Deserialize");
        } else if code == "}" {
            reads = false;
        }
        let field =
            code.split_once(": ").map(|(name, _)| name.trim_start_matches("pub(crate) ").trim_start_matches("pub "));
        let is_field =
            |name: &str| name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.contains([' ', '(', ':']);
        if let Some(name) = field.filter(|name| reads && is_field(name) && !shown.contains(name)) {
            findings.push(Finding::new(&config.path, line, format!("`{name}` is not in config/candor.example.toml")));
        }
    }
    findings
}
