//! The table's rows: how one is written, compiled, and compared with a reply.

use serde::Deserialize;

use super::{Scope, Wait};
use crate::domain::outcome::{FailureClass, Phase, Reply};

/// A reply's text is searched this far; the session keeps more, but no server explains itself later than here.
const TEXT_BYTES_MAX: usize = 4096;

/// One row, compiled. An empty list fits everything.
#[derive(Debug)]
pub(super) struct Row {
    phases: Vec<Phase>,
    codes: Vec<CodePattern>,
    enhanced: Vec<EnhancedPattern>,
    bare: bool,
    texts: Vec<TextPattern>,
    pub(super) class: FailureClass,
    pub(super) scope: Scope,
    pub(super) wait: Wait,
}

/// What a reply is compared by, prepared once for all rows.
pub(super) struct Facts {
    phase: Phase,
    code: u16,
    enhanced: Option<[u16; 3]>,
    text: String,
}

impl Facts {
    pub(super) fn new(phase: Phase, reply: &Reply) -> Self {
        let text = normalised(reply);
        let fits = |code: &[u16; 3]| code[0] == reply.code / 100;
        let stated = reply.enhanced.as_deref().and_then(parse_enhanced).filter(fits);
        let enhanced = stated.or_else(|| hash_code(&text).filter(fits));
        Self { phase, code: reply.code, enhanced, text }
    }
}

impl Row {
    pub(super) fn fits(&self, facts: &Facts) -> bool {
        any_or_empty(&self.phases, |phase| *phase == facts.phase)
            && any_or_empty(&self.codes, |pattern| pattern.fits(facts.code))
            && (!self.bare || facts.enhanced.is_none())
            && any_or_empty(&self.enhanced, |pattern| facts.enhanced.is_some_and(|code| pattern.fits(code)))
            && any_or_empty(&self.texts, |pattern| pattern.fits(&facts.text))
    }

    #[cfg(test)]
    pub(super) fn fits_everything(&self) -> bool {
        !self.bare
            && self.phases.is_empty()
            && self.codes.is_empty()
            && self.enhanced.is_empty()
            && self.texts.is_empty()
    }
}

fn any_or_empty<T>(patterns: &[T], fits: impl Fn(&T) -> bool) -> bool {
    patterns.is_empty() || patterns.iter().any(fits)
}

/// Lower case, one line, one space between words, and without the enhanced code that servers repeat on each line, so
/// that a phrase is found wherever the server broke it.
fn normalised(reply: &Reply) -> String {
    let end = reply.text.floor_char_boundary(TEXT_BYTES_MAX);
    let mut out = String::with_capacity(end.min(reply.text.len()));
    for line in reply.text[..end].lines() {
        let line = line.trim_start();
        let rest = match reply.enhanced.as_deref().and_then(|code| line.strip_prefix(code)) {
            Some(rest) if rest.is_empty() || rest.starts_with(char::is_whitespace) => rest,
            _ => line,
        };
        for word in rest.split_whitespace() {
            if !out.is_empty() {
                out.push(' ');
            }
            out.extend(word.chars().flat_map(char::to_lowercase));
        }
    }
    out
}

/// `#5.1.1`, as qmail and IronPort write it, where the reply has no enhanced code in its place.
fn hash_code(text: &str) -> Option<[u16; 3]> {
    text.split('#').skip(1).find_map(|after| {
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(after.len());
        parse_enhanced(&after[..end])
    })
}

fn parse_enhanced(text: &str) -> Option<[u16; 3]> {
    let mut parts = text.split('.').map(|part| part.parse().ok());
    let code = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(code)
}

/// `45x`: `None` stands for any digit.
#[derive(Debug)]
struct CodePattern([Option<u16>; 3]);

impl CodePattern {
    fn parse(text: &str) -> Option<Self> {
        let mut digits = [None; 3];
        (text.len() == digits.len()).then_some(())?;
        for (slot, c) in digits.iter_mut().zip(text.chars()) {
            *slot = if c == 'x' { None } else { Some(u16::try_from(c.to_digit(10)?).ok()?) };
        }
        Some(Self(digits))
    }

    fn fits(&self, code: u16) -> bool {
        let digits = [code / 100, code / 10 % 10, code % 10];
        self.0.iter().zip(digits).all(|(pattern, digit)| pattern.is_none_or(|wanted| wanted == digit))
    }
}

/// `x.2.2`, `5.7.20-26`: a range of numbers for each part.
#[derive(Debug)]
struct EnhancedPattern([(u16, u16); 3]);

impl EnhancedPattern {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| match part.split_once('-') {
            _ if part == "x" => Some((0, u16::MAX)),
            Some((low, high)) => Some((low.parse().ok()?, high.parse().ok()?)).filter(|(low, high)| low < high),
            None => part.parse().ok().map(|n| (n, n)),
        });
        let pattern = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(Self(pattern))
    }

    fn fits(&self, code: [u16; 3]) -> bool {
        self.0.iter().zip(code).all(|((low, high), part)| *low <= part && part <= *high)
    }
}

/// Words that stand side by side, not inside other words ("rate" is not in "separate").
#[derive(Debug)]
struct TextPattern {
    words: String,
    any_ending: bool,
}

impl TextPattern {
    fn parse(text: &str) -> Option<Self> {
        let (words, any_ending) = text.strip_suffix('*').map_or((text, false), |words| (words, true));
        let searchable = !words.is_empty() && words == words.to_lowercase() && words == words.trim();
        searchable.then(|| Self { words: words.to_owned(), any_ending })
    }

    fn fits(&self, text: &str) -> bool {
        text.match_indices(&self.words).any(|(at, found)| {
            let starts = !text[..at].ends_with(char::is_alphanumeric);
            starts && (self.any_ending || !text[at + found.len()..].starts_with(char::is_alphanumeric))
        })
    }
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    row: Vec<WrittenRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRow {
    #[serde(default)]
    phase: Vec<Phase>,
    #[serde(default)]
    code: Vec<String>,
    #[serde(default)]
    enhanced: Vec<String>,
    #[serde(default)]
    bare: bool,
    #[serde(default)]
    text: Vec<String>,
    class: FailureClass,
    scope: Scope,
    #[serde(default = "usual")]
    wait: Wait,
    source: String,
}

fn usual() -> Wait {
    Wait::Usual
}

/// The shortest source that leads anywhere, such as an RFC's number.
const SOURCE_CHARACTERS_MIN: usize = 6;

/// Parses and compiles the table.
///
/// # Errors
/// What is wrong with it, and in which row (counted from 1).
pub(super) fn parse(text: &str) -> Result<Vec<Row>, String> {
    let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
    file.row
        .into_iter()
        .enumerate()
        .map(|(n, row)| compile(row).map_err(|what| format!("row {}: {what}", n + 1)))
        .collect()
}

fn compile(row: WrittenRow) -> Result<Row, String> {
    fn all<T>(texts: &[String], parse: fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
        texts.iter().map(|text| parse(text).ok_or_else(|| format!("{text:?} is not a pattern"))).collect()
    }
    if row.source.trim().len() < SOURCE_CHARACTERS_MIN {
        return Err("it does not say where it is known from".to_owned());
    }
    Ok(Row {
        phases: row.phase,
        codes: all(&row.code, CodePattern::parse)?,
        enhanced: all(&row.enhanced, EnhancedPattern::parse)?,
        bare: row.bare,
        texts: all(&row.text, TextPattern::parse)?,
        class: row.class,
        scope: row.scope,
        wait: row.wait,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_is_named() {
        let row =
            |line: &str| format!("[[row]]\nclass = \"spam\"\nscope = \"sender\"\nsource = \"RFC 5321\"\n{line}\n");
        assert_eq!(parse(&row("")).unwrap().len(), 1);
        for line in [
            "code = [\"45\"]",
            "code = [\"4yz\"]",
            "enhanced = [\"5.7\"]",
            "enhanced = [\"5.7.26-20\"]",
            "text = [\"\"]",
            "text = [\"Upper\"]",
            "wait = \"weekly\"",
            "sorce = \"\"",
            "enhanced = [\"5.7.1.1\"]",
        ] {
            assert!(parse(&row(line)).is_err(), "{line}");
        }
        assert!(parse(&(row("") + &row("code = [\"\"]"))).unwrap_err().starts_with("row 2: "));
    }

    #[test]
    fn patterns_fit_what_they_say() {
        let code = |text| CodePattern::parse(text).unwrap();
        assert!(code("45x").fits(451) && !code("45x").fits(461) && code("4xx").fits(499));
        let enhanced = |text| EnhancedPattern::parse(text).unwrap();
        assert!(enhanced("x.2.2").fits([5, 2, 2]) && !enhanced("x.2.2").fits([5, 2, 22]));
        assert!(enhanced("5.7.20-26").fits([5, 7, 26]) && !enhanced("5.7.20-26").fits([5, 7, 27]));
        let text = |text| TextPattern::parse(text).unwrap();
        assert!(text("rate").fits("at a rate, too") && !text("rate").fits("a separate one"));
        assert!(text("greylist*").fits("is greylisted") && !text("greylist").fits("is greylisted"));
        assert!(text("ü").fits("ä ü ö") && !text("ü").fits("äüö"));
    }
}
