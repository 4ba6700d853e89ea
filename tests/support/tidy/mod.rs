//! The walls of the house as functions over sources: each takes what lies in the tree and returns what breaks a rule.
//!
//! Nothing here reads a file except [`tree`]; so every rule can be shown a bad sample. The reading of Rust is lexical:
//! comments and literals are told from code exactly, names are taken as they are written.

pub mod folders;
pub mod lexer;
pub mod lines;
pub mod paths;
pub mod walls;

use std::fmt;
use std::fs;
use std::path::Path;

pub use lexer::Source;

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// From the root of the tree, with `/`.
    pub path: String,
    /// Counted from 1; 0 where the whole file is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub text: String,
}

impl Finding {
    /// A finding at one line.
    #[must_use]
    pub fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.text)
    }
}

/// Every file under `folders` of `root` as (path from the root, text), sorted; files that are not UTF-8 are left out.
#[must_use]
pub fn tree(root: &Path, folders: &[&str]) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut open: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(path) = open.pop() {
        if let Ok(entries) = fs::read_dir(&path) {
            open.extend(entries.map(|entry| entry.expect("a listed entry is readable").path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            let name = path.strip_prefix(root).expect("it was found under the root");
            files.push((name.to_string_lossy().replace('\\', "/"), text));
        }
    }
    files.sort();
    files
}

/// The Rust files among `files`, read by the lexer, with what `#[cfg(test)] mod x;` makes test code marked as such.
#[must_use]
pub fn sources(files: &[(String, String)]) -> Vec<Source> {
    let rust = files.iter().filter(|(path, _)| path.ends_with(".rs"));
    let mut sources: Vec<Source> = rust.map(|(path, text)| Source::read(path, text)).collect();
    let tests: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        if tests.iter().any(|name| source.path == format!("{name}.rs") || source.path.starts_with(&format!("{name}/")))
        {
            source.is_test.fill(true);
        }
    }
    sources
}
