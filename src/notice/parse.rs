//! Reading one template, within bounds.
//!
//! Decides how deep a template may nest before handlebars sees it: its parser recurses, and a file must not be able to
//! exhaust the stack. Never looks at names.

use handlebars::Template;

use super::error::NoticeError;

/// Blocks in each other, and parentheses or brackets in one expression. Real notices have three or four.
const DEPTH_MAX: usize = 32;
/// Octets of one template: ten times the size at which large providers clip a message.
const TEMPLATE_OCTETS_MAX: usize = 1_000_000;

/// Parses a template; `file` is for messages.
///
/// # Errors
/// [`NoticeError::Syntax`] with the line, or [`NoticeError::TooLarge`].
pub(super) fn parse(file: &str, source: &str) -> Result<Template, NoticeError> {
    if source.len() > TEMPLATE_OCTETS_MAX {
        return Err(NoticeError::TooLarge { what: file.to_owned(), limit_octets: TEMPLATE_OCTETS_MAX as u64 });
    }
    if let Some(line) = too_deep(source) {
        let message = format!("more than {DEPTH_MAX} blocks or brackets in each other");
        return Err(NoticeError::Syntax { file: file.to_owned(), line, message });
    }
    Template::compile(source).map_err(|error| NoticeError::Syntax {
        file: file.to_owned(),
        line: error.pos().map_or(1, |(line, _)| line),
        message: error.reason().to_string(),
    })
}

/// The line on which a template nests too deeply. Counts openings and closings as they stand, which is never less than
/// what the parser would nest.
fn too_deep(source: &str) -> Option<usize> {
    let mut blocks = 0_usize;
    let mut line = 1;
    for (index, piece) in source.split("{{").enumerate() {
        if index > 0 {
            let inside = piece.split("}}").next().unwrap_or_default().trim_start_matches(['~', '{']);
            match inside.bytes().next() {
                Some(b'#' | b'^') => blocks += 1,
                Some(b'/') => blocks = blocks.saturating_sub(1),
                _ => {}
            }
            let brackets = inside.bytes().filter(|b| matches!(b, b'(' | b'[' | b'{')).count();
            if blocks > DEPTH_MAX || brackets > DEPTH_MAX {
                return Some(line);
            }
        }
        line += piece.matches('\n').count();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_names_its_line() {
        let error = parse("en/body.html.hbs", "one\ntwo {{#if a}}\nthree").unwrap_err();
        assert!(error.to_string().starts_with("en/body.html.hbs, line "), "{error}");
    }

    #[test]
    fn a_template_that_nests_without_end_is_refused_before_it_is_parsed() {
        let blocks = format!("{}{}", "{{#if a}}\n".repeat(10_000), "{{/if}}".repeat(10_000));
        assert!(matches!(parse("f", &blocks), Err(NoticeError::Syntax { line: 33, .. })));
        let brackets = format!("{{{{default a {}}}}}", "(not ".repeat(10_000));
        assert!(matches!(parse("f", &brackets), Err(NoticeError::Syntax { line: 1, .. })));
        let usual = format!("{}{}", "{{#if a}}".repeat(32), "{{/if}}".repeat(32));
        assert!(parse("f", &usual).is_ok());
    }
}
