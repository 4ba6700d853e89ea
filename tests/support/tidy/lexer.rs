//! Tells code from comments and literals in Rust source, and test code from the rest.

/// A Rust file, taken apart.
#[derive(Debug, Clone)]
pub struct Source {
    /// From the root of the tree, with `/`.
    pub path: String,
    /// The text as it is.
    pub text: String,
    /// The text with every comment and the inside of every literal blanked: same length, same lines.
    pub code: String,
    /// What stands in comments, by line.
    pub comments: Vec<String>,
    /// String literals: the line each begins in, and what stands between the quotes.
    pub strings: Vec<(usize, String)>,
    /// By line: inside an item under `#[cfg(test)]` or `#[test]`.
    pub is_test: Vec<bool>,
}

/// What the lexer is in the midst of.
#[derive(Clone, Copy)]
enum State {
    Code,
    Line,
    /// How deeply nested.
    Block(usize),
    /// Ends at a quote; a backslash escapes.
    Text,
    /// Ends at a quote with this many `#`.
    Raw(usize),
}

impl Source {
    /// Takes `text` apart.
    #[must_use]
    pub fn read(path: &str, text: &str) -> Self {
        let lines = text.lines().count().max(1);
        let mut source = Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: String::new(),
            comments: vec![String::new(); lines],
            strings: Vec::new(),
            is_test: vec![false; lines],
        };
        source.split();
        source.mark_tests();
        source
    }

    /// The code's lines, counted from 1, that no test owns.
    pub fn program_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().filter(|(at, _)| !self.is_test[*at]).map(|(at, line)| (at + 1, line))
    }

    /// The line, counted from 1, of the byte `at`.
    #[must_use]
    pub fn line_of(&self, at: usize) -> usize {
        1 + self.code[..at].bytes().filter(|byte| *byte == b'\n').count()
    }

    /// The room under `src/` that this file belongs to; `None` outside `src/` and for the two roots of the crate.
    #[must_use]
    pub fn room(&self) -> Option<&str> {
        let name = self.path.strip_prefix("src/")?;
        let room = name.split('/').next()?.trim_end_matches(".rs");
        (room != "lib").then_some(room)
    }

    /// Paths, without `.rs`, of the modules that this file declares as `#[cfg(test)] mod x;`.
    #[must_use]
    pub fn test_modules(&self) -> Vec<String> {
        let stem = self.path.trim_end_matches(".rs");
        let folder = stem.strip_suffix("/mod").or_else(|| stem.strip_suffix("/lib")).unwrap_or(stem);
        let lines = self.code.lines().enumerate().filter(|(at, _)| self.is_test[*at]);
        lines
            .filter_map(|(_, line)| line.trim().trim_start_matches("#[cfg(test)]").trim().strip_prefix("mod "))
            .filter_map(|rest| rest.strip_suffix(';'))
            .map(|name| format!("{folder}/{}", name.trim()))
            .collect()
    }

    fn split(&mut self) {
        let text: Vec<char> = self.text.chars().collect();
        let (mut at, mut line, mut state) = (0, 0, State::Code);
        while at < text.len() {
            let here = text[at];
            let (taken, next) = match state {
                State::Code => self.begin(&text, at, line),
                State::Line => (1, if here == '\n' { State::Code } else { state }),
                State::Block(depth) => match (here, text.get(at + 1)) {
                    ('/', Some('*')) => (2, State::Block(depth + 1)),
                    ('*', Some('/')) if depth == 1 => (2, State::Code),
                    ('*', Some('/')) => (2, State::Block(depth - 1)),
                    _ => (1, state),
                },
                State::Text if here == '\\' => (2, state),
                State::Text => (1, if here == '"' { State::Code } else { state }),
                State::Raw(hashes) if here == '"' && (1..=hashes).all(|next| text.get(at + next) == Some(&'#')) => {
                    (1 + hashes, State::Code)
                }
                State::Raw(_) => (1, state),
            };
            let ends = matches!((state, next), (State::Text | State::Raw(_), State::Code));
            for &c in &text[at..(at + taken).min(text.len())] {
                self.put(c, state, next, ends, line);
                line += usize::from(c == '\n');
            }
            (at, state) = (at + taken, next);
        }
    }

    /// In code at `at`: how many characters belong together there, and what they begin.
    fn begin(&mut self, text: &[char], at: usize, line: usize) -> (usize, State) {
        let next = |n: usize| text.get(at + n).copied().unwrap_or('\0');
        let in_word = at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_');
        match text[at] {
            '/' if next(1) == '/' => (2, State::Line),
            '/' if next(1) == '*' => (2, State::Block(1)),
            '"' => {
                self.strings.push((line + 1, String::new()));
                (1, State::Text)
            }
            'r' | 'b' | 'c' if !in_word => {
                let prefix = 1 + usize::from(text[at] != 'r' && next(1) == 'r');
                let raw = text[at + prefix - 1] == 'r';
                let hashes = if raw { text[at + prefix..].iter().take_while(|c| **c == '#').count() } else { 0 };
                if next(prefix + hashes) != '"' {
                    return (1, State::Code);
                }
                self.strings.push((line + 1, String::new()));
                (prefix + hashes + 1, if raw { State::Raw(hashes) } else { State::Text })
            }
            // A character literal, never a lifetime: an escape, or one character and a quote.
            '\'' if next(1) == '\\' => {
                let end = text[at + 3..].iter().position(|c| *c == '\'').map_or(text.len() - at, |n| n + 4);
                (end, State::Code)
            }
            '\'' if next(2) == '\'' => (3, State::Code),
            _ => (1, State::Code),
        }
    }

    /// Writes one character to where it belongs; elsewhere a blank of the same length keeps lines and columns.
    fn put(&mut self, c: char, state: State, next: State, ends: bool, line: usize) {
        let is_literal = matches!((state, next), (State::Text | State::Raw(_), _)) && !ends;
        let in_comment =
            matches!(state, State::Line | State::Block(_)) || matches!(next, State::Line | State::Block(_));
        if c == '\n' {
            self.code.push('\n');
        } else if in_comment || is_literal || c == '\'' || c.len_utf8() > 1 {
            self.code.extend(std::iter::repeat_n(' ', c.len_utf8()));
        } else {
            self.code.push(c);
        }
        if in_comment && c != '\n' {
            self.comments[line].push(c);
        }
        if is_literal && let Some((_, string)) = self.strings.last_mut() {
            string.push(c);
        }
    }

    /// Marks each item under `#[cfg(test)]` or a test attribute: to the `;` or the matching brace.
    fn mark_tests(&mut self) {
        let marks = ["#[cfg(test)]", "#[test]", "#[tokio::test"];
        let starts: Vec<usize> = marks.iter().flat_map(|m| self.code.match_indices(m)).map(|(at, _)| at).collect();
        for start in starts {
            let end = start + item_length(&self.code[start..]);
            let (first, last) = (self.line_of(start), self.line_of(end.min(self.code.len())));
            let last = last.min(self.is_test.len());
            self.is_test[first - 1..last].fill(true);
        }
    }
}

/// How many bytes an item takes from its first attribute to its end.
fn item_length(code: &str) -> usize {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (at, byte) in code.bytes().enumerate() {
        match byte {
            b'[' | b'(' => brackets += 1,
            b']' | b')' => brackets = brackets.saturating_sub(1),
            b'{' => braces += 1,
            b'}' if braces <= 1 => return at,
            b'}' => braces -= 1,
            b';' if braces == 0 && brackets == 0 => return at,
            _ => {}
        }
    }
    code.len()
}
