//! Whether a query of a list source is one reading statement. A courtesy check with a clear message; what really guards
//! the source is the engine's read-only mode.

use super::AudienceError;

/// Words that may begin a reading statement.
const READING: &[&str] = &["SELECT", "WITH", "VALUES"];
/// Words that may follow the common tables of a WITH, outside parentheses.
const WRITING: &[&str] = &["INSERT", "UPDATE", "DELETE", "REPLACE"];

/// Passes exactly one SELECT, WITH … SELECT or VALUES, a semicolon and comments after it allowed.
///
/// Strings, quoted names and comments are skipped by SQLite's rules (sqlite.org/lang_comment.html, lang_keywords.html).
///
/// # Errors
/// [`AudienceError::Query`] for a second statement, another first word, a WITH that writes, an open string.
pub fn single_select(sql: &str) -> Result<(), AudienceError> {
    let refuse = |reason: String| Err(AudienceError::Query(reason));
    let mut tokens = Tokens { rest: sql };
    let mut first = None;
    let mut ended = false;
    let mut depth = 0_i64;
    let mut with_decided = false;
    while let Some(token) = tokens.next()? {
        if token == Token::Semicolon {
            ended = true;
            continue;
        }
        if ended && first.is_some() {
            return refuse("it holds a second statement".into());
        }
        let word = match token {
            Token::Word(word) => word.to_ascii_uppercase(),
            Token::Other(c) => {
                depth += i64::from(c == '(') - i64::from(c == ')');
                c.to_string()
            }
            Token::Semicolon | Token::Quoted => String::new(),
        };
        if first.is_none() {
            if !READING.contains(&word.as_str()) {
                return refuse(format!("it begins with {word:?}, which does not read rows"));
            }
            first = Some(word);
        } else if first.as_deref() == Some("WITH") && depth == 0 && !with_decided {
            if WRITING.contains(&word.as_str()) {
                return refuse(format!("its WITH leads to {word}, which writes"));
            }
            with_decided = matches!(word.as_str(), "SELECT" | "VALUES");
        }
    }
    match first.as_deref() {
        None => refuse("it is empty".into()),
        Some("WITH") if !with_decided => refuse("nothing follows its WITH".into()),
        Some(_) => Ok(()),
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// A string or a quoted name.
    Quoted,
    Semicolon,
    Other(char),
}

struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Result<Option<Token<'a>>, AudienceError> {
        self.skip_space_and_comments();
        let Some(c) = self.rest.chars().next() else { return Ok(None) };
        let token = match c {
            ';' => Token::Semicolon,
            '\'' | '"' | '`' => return self.quoted(c, true).map(Some),
            '[' => return self.quoted(']', false).map(Some),
            c if is_word(c) => {
                let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Ok(Some(Token::Word(word)));
            }
            c => Token::Other(c),
        };
        self.rest = &self.rest[c.len_utf8()..];
        Ok(Some(token))
    }

    /// Skips to the closing mark; a doubled one stands for itself where `doubles` says so.
    fn quoted(&mut self, close: char, doubles: bool) -> Result<Token<'a>, AudienceError> {
        let mut rest = &self.rest[1..];
        loop {
            let Some(end) = rest.find(close) else {
                return Err(AudienceError::Query(format!("a {close} that closes is missing")));
            };
            rest = &rest[end + 1..];
            if !doubles || !rest.starts_with(close) {
                break;
            }
            rest = &rest[1..];
        }
        self.rest = rest;
        Ok(Token::Quoted)
    }

    /// An open `/*` runs to the end, as in SQLite.
    fn skip_space_and_comments(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let end = if self.rest.starts_with("--") {
                self.rest.find('\n').map(|at| at + 1)
            } else if let Some(inside) = self.rest.strip_prefix("/*") {
                inside.find("*/").map(|at| at + 4)
            } else {
                return;
            };
            self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reading_statement_passes() {
        for sql in [
            "SELECT * FROM people",
            " select 1 ; -- done",
            "/* a;b */ SELECT ';', \"a;b\", `c;d`, [e;f] FROM t;;",
            "WITH a AS (SELECT 1), b(x) AS (VALUES (2)) SELECT * FROM a, b",
            "WITH RECURSIVE \"delete\" AS (SELECT 1) SELECT * FROM \"delete\"",
            "VALUES ('a@example.org', 'it''s; fine')",
            "SELECT replace(a, 'x', 'y') AS email FROM t /* open",
            "WITH a AS (SELECT 1) SELECT replace(x, 'a', 'b') FROM a",
        ] {
            assert!(single_select(sql).is_ok(), "{sql}: {:?}", single_select(sql));
        }
    }

    #[test]
    fn what_writes_or_is_more_than_one_is_refused() {
        for sql in [
            "",
            " ; -- nothing",
            "SELECT 1; DROP TABLE t",
            "SELECT 1; SELECT 2",
            "SELECT 'a''; DROP TABLE t",
            "SELECT \"a",
            "SELECT [a",
            "INSERT INTO t VALUES (1)",
            "PRAGMA query_only = 0",
            "ATTACH 'x' AS y",
            "EXPLAIN SELECT 1",
            "WITH a AS (SELECT 1) DELETE FROM t",
            "WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a",
            "WITH a AS (SELECT 1)",
            "(SELECT 1)",
            "'SELECT'",
            "SELECT 1 /* ; */ ; /* */ UPDATE t SET a = 1",
        ] {
            assert!(matches!(single_select(sql), Err(AudienceError::Query(_))), "{sql}");
        }
    }
}
