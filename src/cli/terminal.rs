//! Asking a person on a terminal.
//!
//! Decides when there is a person to ask, and what counts as yes: only the number itself, typed. Ask before the signals
//! are caught ([`crate::shutdown`]), so that Ctrl-C ends the question.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use super::output::{Output, grouped};
use crate::domain::text::escape_controls;

/// Longer than any number that is typed.
const ANSWER_OCTETS_MAX: u64 = 64;

/// Asks for a number to be typed, and says whether it was `expected`. `None` where stdin or stderr is no terminal: nobody
/// is there to be asked, and the caller needs `--expect`. Blocks until a line is typed.
///
/// # Errors
/// If the terminal cannot be read or written.
pub fn ask_number(output: &Output, question: &str, expected: u64) -> io::Result<Option<bool>> {
    if !output.stderr_terminal || !io::stdin().is_terminal() {
        return Ok(None);
    }
    ask(&mut io::stdin().lock(), &mut io::stderr().lock(), question, expected).map(Some)
}

fn ask(from: &mut impl BufRead, to: &mut impl Write, question: &str, expected: u64) -> io::Result<bool> {
    write!(to, "{} Type {} to go on: ", escape_controls(question), grouped(expected))?;
    to.flush()?;
    let mut answer = Vec::new();
    from.take(ANSWER_OCTETS_MAX).read_until(b'\n', &mut answer)?;
    if !answer.ends_with(b"\n") {
        // Ctrl-D leaves the cursor behind the question.
        writeln!(to)?;
    }
    Ok(is_number(&String::from_utf8_lossy(&answer), expected))
}

/// Whether it was typed as `12345` or as shown, `12,345`.
fn is_number(typed: &str, expected: u64) -> bool {
    let typed = typed.trim();
    typed == expected.to_string() || typed == grouped(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(typed: &str) -> (bool, String) {
        let mut shown = Vec::new();
        let agreed = ask(&mut typed.as_bytes(), &mut shown, "This sends to 12,345 people.", 12_345).unwrap();
        (agreed, String::from_utf8(shown).unwrap())
    }

    #[test]
    fn only_the_number_itself_agrees() {
        assert!(answer("12345\n").0 && answer(" 12,345 \r\n").0);
        for typed in ["", "\n", "y\n", "yes\n", "12344\n", "012345\n", "12345 people\n", "1,2345\n", "+12345\n"] {
            assert!(!answer(typed).0, "{typed:?} agreed");
        }
        assert!(!answer(&"1".repeat(1_000_000)).0);
    }

    #[test]
    fn the_question_says_what_to_type() {
        assert_eq!(answer("12345\n").1, "This sends to 12,345 people. Type 12,345 to go on: ");
        assert!(answer("").1.ends_with(": \n"));
    }

    #[test]
    fn without_a_terminal_nobody_is_asked() {
        let output = Output::for_pipe(false, io::sink());
        assert_eq!(ask_number(&output, "?", 1).unwrap(), None);
    }
}
