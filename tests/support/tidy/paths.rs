//! Which paths a file names: `a::b`, and each leaf of `use a::{b, c::d}`.

use super::Source;

/// A path as written, its segments in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Where it begins, a byte of the code.
    pub at: usize,
    /// `["crate", "store", "Store"]`; a glob's last segment is `*`.
    pub segments: Vec<String>,
}

/// Every path of two segments or more in the code of `source`, and the single names that `use` takes in.
#[must_use]
pub fn named(source: &Source) -> Vec<Named> {
    let code = source.code.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        if is_word(code[at]) {
            let start = at;
            let mut leaves = Vec::new();
            at = tree(&source.code, at, &[], &mut leaves);
            let is_use = source.code[..start].trim_end().ends_with("use");
            leaves.retain(|leaf| leaf.len() > 1 || is_use);
            found.extend(leaves.into_iter().map(|segments| Named { at: start, segments }));
        }
        at = at.max(start_of_next(code, at));
    }
    found
}

/// The byte after `at`, past the rest of the word that begins before it.
fn start_of_next(code: &[u8], at: usize) -> usize {
    if code.get(at).is_some_and(|byte| is_word(*byte)) { at } else { at + 1 }
}

/// Reads one path or use-tree at `at`; pushes its leaves, each with `before` in front. Returns where it ends.
fn tree(code: &str, at: usize, before: &[String], leaves: &mut Vec<Vec<String>>) -> usize {
    let bytes = code.as_bytes();
    let mut path = before.to_vec();
    let mut at = at;
    loop {
        if bytes.get(at) == Some(&b'{') && !path.is_empty() {
            return group(code, at + 1, &path, leaves);
        }
        let length = bytes[at..].iter().take_while(|byte| is_word(**byte)).count();
        if length == 0 && bytes.get(at) == Some(&b'*') {
            path.push("*".to_owned());
            at += 1;
            break;
        }
        if length > 0 {
            path.push(code[at..at + length].to_owned());
            at += length;
        }
        let after = at + blanks(&bytes[at..]);
        if length == 0 || !code[after..].starts_with("::") {
            break;
        }
        let next = after + 2 + blanks(&bytes[after + 2..]);
        // `Vec::<u8>::new` ends the path here; what stands between the angles is read on its own.
        if bytes.get(next) == Some(&b'<') {
            at = next;
            break;
        }
        at = next;
    }
    if path.len() > before.len() {
        leaves.push(path);
    }
    at
}

/// Reads `a, b::c}` after the opening brace.
fn group(code: &str, at: usize, before: &[String], leaves: &mut Vec<Vec<String>>) -> usize {
    let bytes = code.as_bytes();
    let mut at = at;
    while at < bytes.len() && bytes[at] != b'}' {
        let is_start = is_word(bytes[at]) || bytes[at] == b'*';
        at = if is_start { tree(code, at, before, leaves).max(at + 1) } else { at + 1 };
    }
    at + 1
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
