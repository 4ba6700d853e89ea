//! Rules that hold line by line: no SQL, no clock and no unexplained panic where they do not belong, no unfinished work.

use super::{Finding, Source};

/// A file longer than this hides a room.
const LINES_MAX: usize = 400;
/// main.rs parses, starts logging and calls cli.
const MAIN_LINES_MAX: usize = 40;
/// Fewer words than this give no reason.
const REASON_WORDS_MIN: usize = 3;

/// Words of unfinished work, as they are written.
const UNFINISHED_EXACT: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];
/// The same, in any case.
const UNFINISHED: [&str; 6] = ["for now", "placeholder", "dead_code", "todo!", "unimplemented!", "not yet built"];

/// SQL, and the files it lies in, are the store's alone.
#[must_use]
pub fn sql_is_the_stores_alone(source: &Source) -> Vec<Finding> {
    if source.room().is_none_or(|room| room == "store") {
        return Vec::new();
    }
    let program = source.strings.iter().filter(|(line, _)| !source.is_test[line - 1]);
    program
        .filter(|(_, text)| looks_like_sql(text) || text.ends_with(".sql"))
        .map(|(line, _)| Finding::new(&source.path, *line, "SQL belongs to the store: make it a named query there"))
        .collect()
}

/// True for a statement. English sentences that begin with the same verb lack the rest of its form.
#[must_use]
pub fn looks_like_sql(text: &str) -> bool {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let forms: [(&str, &[&str]); 14] = [
        ("SELECT ", &[" FROM ", "("]),
        ("INSERT ", &["INTO "]),
        ("REPLACE INTO ", &[""]),
        ("UPDATE ", &[" SET "]),
        ("DELETE FROM ", &[""]),
        ("CREATE ", &["TABLE ", "INDEX ", "TRIGGER ", "VIEW "]),
        ("ALTER TABLE ", &[""]),
        ("DROP ", &["TABLE ", "INDEX ", "TRIGGER ", "VIEW "]),
        ("WITH ", &[" AS ("]),
        ("PRAGMA ", &[""]),
        ("BEGIN IMMEDIATE", &[""]),
        ("BEGIN EXCLUSIVE", &[""]),
        ("ATTACH ", &[" AS "]),
        ("VACUUM", &[""]),
    ];
    let fits = |text: &str, lower: bool| {
        forms.iter().any(|(start, rest)| {
            let case = |part: &str| if lower { part.to_lowercase() } else { part.to_owned() };
            text.starts_with(&case(start)) && rest.iter().any(|part| text.contains(&case(part)))
        })
    };
    // In lower case the same words are English: there a mark that no sentence has must join them.
    fits(&text, false) || (fits(&text, true) && text.contains(['*', '?', '=', ';', '$']))
}

/// The time is asked in `clock` alone and comes in as a value everywhere else; unit tests may ask.
#[must_use]
pub fn only_the_clock_asks_the_time(source: &Source) -> Vec<Finding> {
    if source.room().is_none_or(|room| room == "clock") {
        return Vec::new();
    }
    let lines = source.program_lines().filter(|(_, line)| line.contains("::now(") || line.ends_with("::now"));
    lines
        .map(|(line, _)| Finding::new(&source.path, line, "take the time as a value; only clock asks for it"))
        .collect()
}

/// In the program, what may panic has a comment beside it, on its line or the one before, that says why it cannot.
#[must_use]
pub fn panics_have_a_reason(source: &Source) -> Vec<Finding> {
    const CALLS: [&str; 8] = [
        ".unwrap()",
        ".expect(",
        ".unwrap_err()",
        ".expect_err(",
        "unwrap_unchecked",
        "panic!(",
        "unreachable!(",
        "::unwrap)",
    ];
    if !source.path.starts_with("src/") {
        return Vec::new();
    }
    let has_reason = |line: usize| {
        let reason = |at: usize| {
            let comment = source.comments[at].trim();
            let is_doc = comment.starts_with("///") || comment.starts_with("//!");
            !is_doc && comment.split_whitespace().filter(|word| *word != "//").count() >= REASON_WORDS_MIN
        };
        reason(line - 1) || (line > 1 && reason(line - 2))
    };
    source
        .program_lines()
        .filter(|(line, code)| CALLS.iter().any(|call| code.contains(call)) && !has_reason(*line))
        .map(|(line, _)| Finding::new(&source.path, line, "say beside it why this cannot panic, or return an error"))
        .collect()
}

/// No test is switched off, and no test sleeps: it waits for a signal, or asks with an end.
#[must_use]
pub fn tests_run_and_wait_with_an_end(source: &Source) -> Vec<Finding> {
    let outside = !source.path.starts_with("src/");
    let mut findings = Vec::new();
    for (at, code) in source.code.lines().enumerate() {
        if code.contains("#[ignore") {
            findings.push(Finding::new(&source.path, at + 1, "a test that does not run proves nothing"));
        }
        if (outside || source.is_test[at]) && code.contains("sleep(") {
            findings.push(Finding::new(&source.path, at + 1, "a test does not sleep: wait for what it waits for"));
        }
    }
    findings
}

/// Every module says at its top what it decides.
#[must_use]
pub fn modules_have_a_doc(source: &Source) -> Vec<Finding> {
    let doc = source.text.lines().next().and_then(|line| line.strip_prefix("//!"));
    if doc.is_some_and(|doc| doc.split_whitespace().count() >= REASON_WORDS_MIN) {
        return Vec::new();
    }
    vec![Finding::new(&source.path, 1, "begin with a `//!` doc: what it decides, what it never does, where it sits")]
}

/// Nothing in code or comments says that it is unfinished, or silences a warning about unused code.
#[must_use]
pub fn nothing_is_left_unfinished(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, code) in source.code.lines().enumerate() {
        let text = format!("{code} {}", source.comments[at]);
        findings.extend(unfinished(&text).map(|word| Finding::new(&source.path, at + 1, unfinished_text(word))));
    }
    findings
}

/// The same for a file that is not Rust.
#[must_use]
pub fn no_file_is_left_unfinished(path: &str, text: &str) -> Vec<Finding> {
    let lines = text.lines().enumerate();
    lines.flat_map(|(at, line)| unfinished(line).map(move |w| Finding::new(path, at + 1, unfinished_text(w)))).collect()
}

fn unfinished_text(word: &str) -> String {
    format!("`{word}`: finish it or leave it out")
}

fn unfinished(text: &str) -> impl Iterator<Item = &'static str> {
    let lower = text.to_lowercase();
    let is_word = |text: &str, word: &str| {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            ![before, after].into_iter().flatten().any(|c| c.is_alphanumeric() || c == '_')
        })
    };
    let exact = UNFINISHED_EXACT.into_iter().filter(|word| is_word(text, word)).collect::<Vec<_>>();
    let others = UNFINISHED.into_iter().filter(|word| lower.contains(word)).collect::<Vec<_>>();
    exact.into_iter().chain(others)
}

/// No file of the program or its tests is longer than what can be read in one go.
#[must_use]
pub fn files_are_short(path: &str, text: &str) -> Vec<Finding> {
    let most = if path == "src/main.rs" { MAIN_LINES_MAX } else { LINES_MAX };
    let lines = text.lines().count();
    if lines <= most {
        return Vec::new();
    }
    vec![Finding::new(path, 0, format!("{lines} lines, at most {most}: look for the room that is missing"))]
}
