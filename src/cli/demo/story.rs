//! How the demo's steps look: numbered, wrapped to the terminal, with colours only where they are wanted.

use std::io;

use crate::cli::output::{Meaning, Output, wrapped};
use crate::domain::text::escape_controls;

/// Columns before a step's text: its number and its name.
pub const INDENT: usize = 15;
/// Longer lines are hard to read, however wide the terminal is.
const WIDTH_MAX: usize = 100;
/// The frame of the letter on its left.
const FRAME_COLUMNS: usize = 4;
const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// The demo's lines, on stdout. With `--json` there are none; with `--quiet` only the results.
pub struct Story<'a> {
    /// Where they go.
    pub output: &'a Output,
    step: u32,
}

impl<'a> Story<'a> {
    /// Nothing is told yet.
    pub fn new(output: &'a Output) -> Self {
        Self { output, step: 0 }
    }

    /// Whether the steps are told.
    fn is_told(&self) -> bool {
        !self.output.json && !self.output.quiet
    }

    /// Whether results are shown as text.
    pub fn is_shown(&self) -> bool {
        !self.output.json
    }

    /// The first line.
    pub fn title(&self, name: &str, text: &str) -> io::Result<()> {
        if self.is_told() { self.paragraph(0, &format!("{}  ", self.bold(name)), name.len() + 2, text) } else { Ok(()) }
    }

    /// The next step.
    pub fn step(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.step += 1;
        if !self.is_told() {
            return Ok(());
        }
        let head = format!("{:>2}  {name}", self.step);
        let gap = " ".repeat(INDENT.saturating_sub(head.chars().count()));
        self.paragraph(INDENT, &format!("{}{gap}", self.bold(&head)), INDENT, text)
    }

    /// A line under a step.
    pub fn detail(&self, text: &str) -> io::Result<()> {
        if self.is_told() {
            self.paragraph(INDENT + 2, &" ".repeat(INDENT), INDENT, &format!("- {text}"))
        } else {
            Ok(())
        }
    }

    /// A line that belongs to no step.
    pub fn note(&self, text: &str) -> io::Result<()> {
        if self.is_told() { self.dim_line(text).and_then(|()| self.raw("\n")) } else { Ok(()) }
    }

    /// A heading of the results.
    pub fn heading(&self, text: &str) -> io::Result<()> {
        self.raw(&format!("\n{}\n", self.bold(&escape_controls(text))))
    }

    /// A heading in the colour of what it means.
    pub fn verdict(&self, meaning: Meaning, text: &str) -> io::Result<()> {
        let text = self.bold(&meaning.paint(&escape_controls(text), self.output.color));
        self.raw(&format!("\n{text}\n"))
    }

    /// A paragraph of the results, indented.
    pub fn text(&self, text: &str) -> io::Result<()> {
        self.paragraph(2, "  ", 2, text)
    }

    /// A paragraph of the results under another one.
    pub fn under(&self, text: &str) -> io::Result<()> {
        self.paragraph(4, "    ", 4, text)
    }

    /// A line as it is, but safe for a terminal: for what is copied.
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.raw(&format!("  {}\n", escape_controls(text)))
    }

    /// The same in a weak colour.
    pub fn dim_line(&self, text: &str) -> io::Result<()> {
        self.raw(&format!("{}\n", self.painted(DIM, &escape_controls(text))))
    }

    /// A line of the letter, wrapped, with the frame on its left.
    pub fn framed(&self, text: &str) -> io::Result<()> {
        let frame = self.painted(DIM, "  │ ");
        let text = escape_controls(text);
        let rest = text.trim_start();
        // A list's second line stands under the first one's words.
        let own_indent = text.chars().count() - rest.chars().count();
        let hanging = if rest.starts_with("* ") { own_indent + 2 } else { own_indent };
        let room = self.width().saturating_sub(FRAME_COLUMNS);
        let mut out = String::new();
        for (at, line) in wrapped(rest, own_indent, hanging, room).iter().enumerate() {
            let indent = " ".repeat(if at == 0 { own_indent } else { hanging });
            out.push_str(format!("{frame}{indent}{line}").trim_end());
            out.push('\n');
        }
        self.raw(&out)
    }

    /// The letter's upper or lower edge.
    pub fn edge(&self, corner: char) -> io::Result<()> {
        self.dim_line(&format!("  {corner}{}", "─".repeat(self.width().saturating_sub(FRAME_COLUMNS))))
    }

    /// Columns for text.
    pub fn width(&self) -> usize {
        self.output.width.clamp(INDENT * 2, WIDTH_MAX)
    }

    /// Words wrapped to the width, the first line behind `head`, which takes `head_columns`.
    fn paragraph(&self, indent: usize, head: &str, head_columns: usize, text: &str) -> io::Result<()> {
        let lines = wrapped(&escape_controls(text), head_columns, indent, self.width());
        self.raw(&format!("{head}{}\n", lines.join(&format!("\n{}", " ".repeat(indent)))))
    }

    fn bold(&self, text: &str) -> String {
        self.painted(BOLD, text)
    }

    fn painted(&self, code: &str, text: &str) -> String {
        if self.output.color { format!("{code}{text}{PLAIN}") } else { text.to_owned() }
    }

    /// Every caller has made safe what came from outside.
    fn raw(&self, text: &str) -> io::Result<()> {
        if self.is_shown() { self.output.bytes(text.as_bytes()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn words_are_wrapped_and_none_is_lost() {
        assert_eq!(wrapped("aaa bb c", 4, 2, 10), ["aaa bb", "c"]);
        assert_eq!(wrapped("", 0, 0, 10), [""]);
        assert_eq!(wrapped("far-too-long-a-word x", 0, 0, 5), ["far-too-long-a-word", "x"]);
        let text = "Telephone:  +1-800-555-0199";
        assert_eq!(wrapped(text, 0, 0, 80).join(" "), text);
    }
}
