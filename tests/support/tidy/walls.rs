//! Who may use whom: the table of ARCHITECTURE.md, for rooms and for crates.

use super::paths::named;
use super::{Finding, Source};

/// Rooms that may use each other freely downwards: what stands under layer 3.
const BELOW: [&str; 10] =
    ["domain", "clock", "config", "telemetry", "shutdown", "dns", "smtp", "crypto", "ledger", "store"];
/// Layer 3, in flow order: each may use those before it.
const WORK: [&str; 7] = ["audience", "notice", "approval", "delivery", "followup", "audit", "views"];
/// Layer 4.
const BUILD: [&str; 2] = ["app", "schedule"];
/// Layer 5.
const FRONT: [&str; 3] = ["cli", "console", "main"];
/// What layer 5 may use besides layers 3 and 4.
const FRONT_USES: [&str; 5] = ["domain", "config", "telemetry", "clock", "shutdown"];

/// A crate, or a path into one, and the rooms that alone may name it. The longest path that fits decides.
const CRATES: [(&str, &[&str]); 25] = [
    ("hickory_resolver", &["dns"]),
    ("rustls", &["smtp"]),
    ("tokio_rustls", &["smtp"]),
    ("rustls_native_certs", &["smtp"]),
    ("lettre", &["notice"]),
    ("lettre::transport", &["smtp"]),
    ("aws_lc_rs", &["crypto", "smtp"]),
    ("sqlx", &["store"]),
    ("csv", &["audience"]),
    ("calamine", &["audience"]),
    ("encoding_rs", &["audience"]),
    ("handlebars", &["notice"]),
    ("mail_parser", &["followup"]),
    ("tokio_cron_scheduler", &["app", "schedule"]),
    ("clap", &FRONT),
    ("axum", &FRONT),
    ("indicatif", &["cli"]),
    ("comfy_table", &["cli"]),
    ("anyhow", &["cli", "main"]),
    ("std::env::var", &["clock", "config", "telemetry", "shutdown"]),
    ("std::env::var_os", &["clock", "config", "telemetry", "shutdown"]),
    ("std::env::vars", &["clock", "config", "telemetry", "shutdown"]),
    ("env::var", &["clock", "config", "telemetry", "shutdown"]),
    ("env::var_os", &["clock", "config", "telemetry", "shutdown"]),
    ("env::vars", &["clock", "config", "telemetry", "shutdown"]),
];

/// What a pure room may not name: sockets, files, tasks.
const IMPURE: [&str; 6] = ["tokio", "std::fs", "std::net", "std::process", "std::thread", "std::time::SystemTime"];
/// Rooms of data and rules alone.
const PURE: [&str; 3] = ["domain", "ledger", "crypto"];

/// Every room of the house, in flow order.
#[must_use]
pub fn rooms() -> Vec<&'static str> {
    let last = FRONT.into_iter().filter(|room| *room != "main");
    BELOW.into_iter().chain(WORK).chain(BUILD).chain(last).collect()
}

/// The layer of a room, its place in the flow within layer 3 apart.
#[must_use]
pub fn layer(room: &str) -> Option<usize> {
    match room {
        "domain" => Some(0),
        "store" => Some(2),
        _ if BELOW.contains(&room) => Some(1),
        _ if WORK.contains(&room) => Some(3),
        _ if BUILD.contains(&room) => Some(4),
        _ if FRONT.contains(&room) => Some(5),
        _ => None,
    }
}

/// The rooms that `room` may use besides itself.
#[must_use]
pub fn may_use(room: &str) -> Vec<&'static str> {
    match room {
        "clock" | "config" | "telemetry" | "shutdown" | "dns" | "smtp" => vec!["domain"],
        "ledger" => vec!["domain", "crypto"],
        "store" => vec!["domain", "ledger"],
        "app" | "schedule" => BELOW.into_iter().chain(WORK).collect(),
        "cli" | "console" => WORK.into_iter().chain(BUILD).chain(FRONT_USES).collect(),
        "main" => WORK.into_iter().chain(BUILD).chain(FRONT_USES).chain(["cli"]).collect(),
        _ if WORK.contains(&room) => BELOW.into_iter().chain(WORK.into_iter().take_while(|w| *w != room)).collect(),
        _ => Vec::new(),
    }
}

/// No room uses a room that the table does not give it. Holds in unit tests too: what needs more belongs to `tests/`.
#[must_use]
pub fn rooms_use_only_those_below(source: &Source) -> Vec<Finding> {
    let Some(room) = source.room() else { return Vec::new() };
    if layer(room).is_none() {
        return vec![Finding::new(&source.path, 0, format!("{room} is no room of the table in ARCHITECTURE.md"))];
    }
    let mut findings = Vec::new();
    for path in named(source) {
        let line = source.line_of(path.at);
        let mut find = |text: String| findings.push(Finding::new(&source.path, line, text));
        let segments: Vec<&str> = path.segments.iter().map(String::as_str).collect();
        let (root, rest) = (segments[0], &segments[1..]);
        if root == "super" && leaves_the_room(source, path.at, &segments) {
            find("reach another room through `crate::`, so that the wall can be seen".to_owned());
        }
        let inside = root == "crate" || (root == "candor" && room == "main");
        let Some(other) = rest.first().filter(|_| inside) else { continue };
        if *other == "*" || *other == "self" {
            find("name the rooms you use".to_owned());
        } else if layer(other).is_some() && *other != room && !may_use(room).contains(other) {
            find(format!("{room} may not use {other}"));
        } else if room == "views" && WORK.contains(other) && *other != "views" && !names_a_type(rest) {
            find(format!("views may name types of {other}, not call it"));
        }
    }
    findings
}

/// True if the `super`s of a path at byte `at` climb to the crate's root or past it.
fn leaves_the_room(source: &Source, at: usize, segments: &[&str]) -> bool {
    let climbs = segments.iter().take_while(|segment| **segment == "super").count();
    let stem = source.path.trim_start_matches("src/").trim_end_matches(".rs");
    let depth = stem.split('/').filter(|part| *part != "mod").count();
    climbs >= depth + inline_modules(&source.code, at)
}

/// How many `mod x { … }` enclose the byte `at`.
fn inline_modules(code: &str, at: usize) -> usize {
    let mut stack = Vec::new();
    for (here, byte) in code.bytes().enumerate().take(at) {
        if byte == b'{' {
            let words: Vec<&str> = code[..here].split_whitespace().rev().take(2).collect();
            stack.push(words.get(1) == Some(&"mod"));
        } else if byte == b'}' {
            stack.pop();
        }
    }
    stack.into_iter().filter(|is_module| *is_module).count()
}

fn names_a_type(segments: &[&str]) -> bool {
    segments.iter().any(|segment| segment.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// A crate that the table gives to some rooms is named in no other; unit tests may.
#[must_use]
pub fn crates_stay_in_their_rooms(source: &Source) -> Vec<Finding> {
    let Some(room) = source.room() else { return Vec::new() };
    let mut findings = Vec::new();
    for path in named(source) {
        let line = source.line_of(path.at);
        if source.is_test[line - 1] {
            continue;
        }
        let full = path.segments.join("::");
        let of = |name: &str| full == name || full.starts_with(&format!("{name}::"));
        let owner = CRATES.iter().filter(|(name, _)| of(name)).max_by_key(|(name, _)| name.len());
        if let Some((name, rooms)) = owner
            && !rooms.contains(&room)
        {
            findings.push(Finding::new(&source.path, line, format!("{name} belongs to {}", rooms.join(", "))));
        }
        if let Some(name) = IMPURE.iter().find(|name| PURE.contains(&room) && of(name)) {
            findings.push(Finding::new(&source.path, line, format!("{room} is pure: {name} is not for it")));
        }
    }
    findings
}
