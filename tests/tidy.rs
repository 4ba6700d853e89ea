//! Holds the walls of the house (ARCHITECTURE.md): who may use whom, what may stand where.
//!
//! The first test reads the tree; the others show each rule something bad, so that it is known to be able to fail.

#[path = "support/tidy/mod.rs"]
pub mod tidy;

use std::path::Path;

use tidy::{Finding, Source, folders, lines, sources, tree, walls};

/// A rule about one Rust file.
type Rule = fn(&Source) -> Vec<Finding>;

/// The rules that hold for each Rust file of the program and its tests.
const RULES: [Rule; 9] = [
    walls::rooms_use_only_those_below,
    walls::crates_stay_in_their_rooms,
    lines::sql_is_the_stores_alone,
    lines::only_the_clock_asks_the_time,
    lines::panics_have_a_reason,
    lines::tests_run_and_wait_with_an_end,
    lines::modules_have_a_doc,
    lines::nothing_is_left_unfinished,
    |source| lines::files_are_short(&source.path, &source.text),
];

#[test]
fn the_house_holds_its_walls() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = tree(root, &["src", "tests", "benches", "migrations", "config", ".ci"]);
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let sources = sources(&files);
    assert!(sources.len() > 20, "the tree was not found");

    let mut findings: Vec<Finding> = sources.iter().flat_map(|s| RULES.iter().flat_map(move |rule| rule(s))).collect();
    for (path, text) in files.iter().filter(|(path, _)| is_written_by_hand(path)) {
        findings.extend(lines::no_file_is_left_unfinished(path, text));
        findings.extend(lines::files_are_short(path, text));
    }
    let lib = sources.iter().find(|source| source.path == "src/lib.rs").expect("the crate has a lib.rs");
    findings.extend(folders::lib_is_the_map(lib, &paths));
    findings.extend(folders::dialects_match("src/store/sql", &paths));
    findings.extend(folders::dialects_match("migrations", &paths));
    findings.extend(folders::migrations_have_no_gap(&paths));
    let example = files.iter().find(|(path, _)| path == "config/candor.example.toml").map_or("", |(_, text)| text);
    for config in sources.iter().filter(|source| source.room() == Some("config")) {
        findings.extend(folders::settings_are_documented(config, example));
    }
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(list.is_empty(), "{} broken rules:\n{}", list.len(), list.join("\n"));
}

/// Files that are no Rust and no prose or data: scripts and SQL.
fn is_written_by_hand(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name == "run" || [".sh", ".py", ".sql"].iter().any(|end| name.ends_with(end))
}

/// The lines at which `rule` finds something in `text`, were it the file `path`.
fn at(rule: Rule, path: &str, text: &str) -> Vec<usize> {
    rule(&Source::read(path, text)).iter().map(|finding| finding.line).collect()
}

#[test]
fn the_lexer_tells_code_from_comments_and_literals() {
    let source = Source::read(
        "src/domain/x.rs",
        "let a = \"x // no \\\" comment\"; // yes\n/* a /* nested */ b */ let c = r#\"raw \" text\"#;\nlet d = '\"'; let e: &'static str = b\"é\"; // fin",
    );
    let strings: Vec<&str> = source.strings.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(strings, ["x // no \\\" comment", "raw \" text", "é"]);
    assert_eq!(source.comments, ["// yes", "/* a /* nested */ b */", "// fin"]);
    assert_eq!(source.code.len(), source.text.len());
    assert!(source.code.contains("let c =") && source.code.contains("static str") && !source.code.contains("nested"));
}

#[test]
fn a_room_may_not_use_one_above_it() {
    let rule = walls::rooms_use_only_those_below;
    assert_eq!(at(rule, "src/domain/x.rs", "use crate::store::Store;"), [1]);
    assert_eq!(at(rule, "src/smtp/x.rs", "\nfn f() { crate::notice::render(); }"), [2]);
    assert_eq!(at(rule, "src/notice/x.rs", "use crate::{domain::ids, delivery::{self, Pace}};"), [1, 1]);
    assert_eq!(at(rule, "src/store/mod.rs", "use crate::crypto::digest;"), [1]);
    assert_eq!(at(rule, "src/cli/x.rs", "use crate::store::Store;"), [1]);
    assert_eq!(at(rule, "src/main.rs", "use candor::store::Store;"), [1]);
    assert_eq!(at(rule, "src/delivery/x.rs", "use crate::notice::Checked;\nuse crate::store::Store;"), []);
    assert_eq!(at(rule, "src/audience/x.rs", "use crate::store::Batch; // not crate::cli"), []);
    assert_eq!(at(rule, "src/main.rs", "use candor::{cli, telemetry};"), []);
}

#[test]
fn no_way_around_the_walls_is_open() {
    let rule = walls::rooms_use_only_those_below;
    assert_eq!(at(rule, "src/smtp/x.rs", "use super::super::store;"), [1]);
    assert_eq!(at(rule, "src/smtp/mod.rs", "use super::store;"), [1]);
    assert_eq!(at(rule, "src/smtp/x.rs", "use crate::*;"), [1]);
    assert_eq!(at(rule, "src/helpers.rs", ""), [0]);
    assert_eq!(at(rule, "src/smtp/x.rs", "use super::reply;\nmod tests { use super::*; use super::super::auth; }"), []);
    assert_eq!(at(rule, "src/approval.rs", "mod tests {\n use super::*;\n}"), []);
}

#[test]
fn views_name_types_and_call_nothing() {
    let rule = walls::rooms_use_only_those_below;
    assert_eq!(at(rule, "src/views.rs", "use crate::delivery::pace::Pace;\nfn f() { crate::delivery::step() }"), [2]);
}

#[test]
fn a_crate_stays_in_its_room() {
    let rule = walls::crates_stay_in_their_rooms;
    assert_eq!(at(rule, "src/notice/x.rs", "use lettre::transport::smtp::response::Response;"), [1]);
    assert_eq!(at(rule, "src/smtp/x.rs", "use lettre::{message::Mailbox, transport::smtp::extension::ClientId};"), [1]);
    assert_eq!(at(rule, "src/audience/x.rs", "fn f() { sqlx::query(q); }"), [1]);
    assert_eq!(at(rule, "src/cli/x.rs", "use csv;"), [1]);
    assert_eq!(at(rule, "src/ledger/x.rs", "use aws_lc_rs::digest;\nuse tokio::fs;"), [1, 2]);
    assert_eq!(at(rule, "src/delivery/x.rs", "let p = std::env::var(name);\nuse anyhow::Result;"), [1, 2]);
    assert_eq!(at(rule, "src/smtp/x.rs", "use tokio_rustls::TlsConnector;\nuse aws_lc_rs::hmac;"), []);
    assert_eq!(at(rule, "src/notice/x.rs", "#[cfg(test)]\nmod tests {\n use mail_parser::Message;\n}"), []);
}

#[test]
fn sql_outside_the_store_is_found_and_english_is_not() {
    let rule = lines::sql_is_the_stores_alone;
    assert_eq!(at(rule, "src/views.rs", "let q = \"SELECT ref\n FROM recipients\";"), [1]);
    assert_eq!(at(rule, "src/views.rs", "let q = r#\"update recipients set state = ?1\"#;"), [1]);
    assert_eq!(at(rule, "src/views.rs", "include_str!(\"../x.sql\")"), [1]);
    assert_eq!(at(rule, "src/store/x.rs", "let q = \"DELETE FROM recipients\";"), []);
    for english in
        ["select a list from the menu", "Delete from the list", "update the notice and set a date", "Create C"]
    {
        assert!(!lines::looks_like_sql(english), "{english}");
    }
    for sql in ["INSERT OR IGNORE INTO t VALUES (1)", "WITH c AS (SELECT 1)", "PRAGMA user_version", "drop table x;"] {
        assert!(lines::looks_like_sql(sql), "{sql}");
    }
}

#[test]
fn asking_the_time_outside_the_clock_is_found() {
    let rule = lines::only_the_clock_asks_the_time;
    assert_eq!(at(rule, "src/delivery/x.rs", "let t = Utc::now();\nlet u = clock.now();"), [1]);
    assert_eq!(at(rule, "src/clock.rs", "let t = Utc::now();"), []);
    assert_eq!(
        at(rule, "src/delivery/x.rs", "#[test]\nfn a() {\n Instant::now();\n}\nfn b() { Instant::now(); }"),
        [5]
    );
}

#[test]
fn a_panic_without_a_reason_is_found() {
    let rule = lines::panics_have_a_reason;
    assert_eq!(at(rule, "src/notice/x.rs", "a.unwrap();\nb.expect(\"text\");\nunreachable!();"), [1, 2, 3]);
    assert_eq!(at(rule, "src/notice/x.rs", "/// Not a reason at all.\na.unwrap();\nb.unwrap(); // hm"), [2, 3]);
    assert_eq!(at(rule, "src/notice/x.rs", "// The list was filled above.\na.unwrap();\nb.unwrap_or(1);"), []);
    assert_eq!(at(rule, "src/notice/x.rs", "#[cfg(test)]\nmod tests {\n fn f() { a.unwrap(); }\n}"), []);
}

#[test]
fn a_test_that_sleeps_or_is_switched_off_is_found() {
    let rule = lines::tests_run_and_wait_with_an_end;
    assert_eq!(at(rule, "tests/x.rs", "#[ignore = \"slow\"]\nfn f() { thread::sleep(SECOND) }"), [1, 2]);
    assert_eq!(
        at(rule, "src/smtp/x.rs", "tokio::time::sleep(d).await;\n#[tokio::test]\nasync fn a() { sleep(d).await; }"),
        [3]
    );
}

#[test]
fn a_module_without_a_doc_is_found() {
    assert_eq!(at(lines::modules_have_a_doc, "src/x.rs", "use a;"), [1]);
    assert_eq!(at(lines::modules_have_a_doc, "src/x.rs", "//!\n"), [1]);
    assert_eq!(at(lines::modules_have_a_doc, "src/x.rs", "//! Decides who is next.\n"), []);
}

#[test]
fn unfinished_work_is_found_wherever_it_says_so() {
    let rule = lines::nothing_is_left_unfinished;
    assert_eq!(at(rule, "src/x.rs", "// TODO: more\n// good For Now\ntodo!();\n#![allow(dead_code)]"), [1, 2, 3, 4]);
    assert_eq!(at(rule, "src/x.rs", "//! Not yet built."), [1]);
    assert_eq!(at(rule, "src/x.rs", "let text = \"TODO\"; // TODOS are fine"), []);
    assert_eq!(lines::no_file_is_left_unfinished("tests/run", "true\n# FIXME\n").len(), 1);
}

#[test]
fn a_long_file_is_found() {
    assert_eq!(lines::files_are_short("src/x.rs", &"\n".repeat(401)).len(), 1);
    assert_eq!(lines::files_are_short("src/main.rs", &"\n".repeat(41)).len(), 1);
    assert_eq!(lines::files_are_short("src/x.rs", &"\n".repeat(400)), []);
}

#[test]
fn a_map_out_of_order_or_with_a_room_missing_is_found() {
    let lib = |text: &str| Source::read("src/lib.rs", text);
    let paths = ["src/lib.rs", "src/main.rs", "src/domain/mod.rs", "src/store/x.rs"];
    let find = |text: &str| folders::lib_is_the_map(&lib(text), &paths).len();
    assert_eq!(find("//! Map.\npub mod domain;\npub mod store;"), 0);
    assert_eq!(find("pub mod store;\npub mod domain;"), 1);
    assert_eq!(find("pub mod domain;"), 1);
    assert_eq!(find("pub mod domain;\npub mod store;\npub mod helpers;\npub use store::Store;"), 2);
    assert_eq!(find("pub mod domain;\npub mod store;\npub mod delivery;\npub mod notice;"), 1);
}

#[test]
fn dialects_that_differ_and_gaps_between_migrations_are_found() {
    let paths = ["migrations/sqlite/0001_a.sql", "migrations/sqlite/0002_b.sql", "migrations/postgres/0001_a.sql"];
    assert_eq!(folders::dialects_match("migrations", &paths[..2]), []);
    assert_eq!(folders::dialects_match("migrations", &paths)[0].path, "migrations/postgres/0002_b.sql");
    assert_eq!(folders::migrations_have_no_gap(&paths), []);
    assert_eq!(folders::migrations_have_no_gap(&["migrations/sqlite/0002_b.sql"]).len(), 1);
    assert_eq!(folders::migrations_have_no_gap(&["migrations/sqlite/1_b.sql", "migrations/0001_a.sql"]).len(), 2);
    assert_eq!(folders::migrations_have_no_gap(&[paths[0], "migrations/sqlite/0001_b.sql"]).len(), 1);
}

#[test]
fn a_setting_that_the_example_does_not_show_is_found() {
    let text = "#[derive(Debug, Deserialize)]\nstruct A {\n    pub rate: Rate,\n    wait: u32,\n}\nstruct B {\n    hidden: u32,\n}\n";
    let config = Source::read("src/config.rs", text);
    let find = |example: &str| folders::settings_are_documented(&config, example).len();
    assert_eq!(find("rate = 1\n# wait = 2\n"), 0);
    assert_eq!(find("[delivery]\nx = { rate = 1 }\n"), 1);
}

#[test]
fn a_file_declared_for_tests_alone_is_test_code() {
    let files = [
        ("src/smtp/mod.rs".to_owned(), "//! The protocol.\n#[cfg(test)]\nmod tests;\n".to_owned()),
        ("src/smtp/tests.rs".to_owned(), "fn f() { a.unwrap(); }\n".to_owned()),
    ];
    let read = sources(&files);
    assert_eq!(lines::panics_have_a_reason(&read[1]), []);
}
