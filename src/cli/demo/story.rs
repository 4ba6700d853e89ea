//! How the demo's steps look: numbered, wrapped to the terminal, with colours only where they are wanted.

use std::io;

use crate::cli::output::{Meaning, Output};
use crate::domain::text::escape_controls;

/// Columns before a step's text: its number and its name.
const INDENT: usize = 15;
/// Longer lines are hard to read, however wide the terminal is.
const WIDTH_MAX: usize = 100;
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
        if self.is_told() { self.paragraph(INDENT + 2, &" ".repeat(INDENT), INDENT, &format!("- {text}")) } else { Ok(()) }
    }

    /// A line that belongs to no step.
    pub fn note(&self, text: &str) -> io::Result<()> {
        if self.is_told() { self.dim_line(text) } else { Ok(()) }
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

    /// A line with the frame of the letter on its left, with `--quiet` none.
    pub fn framed(&self, text: &str) -> io::Result<()> {
        let frame = self.painted(DIM, "  │ ");
        self.raw(&format!("{}\n", format!("{frame}{}", escape_controls(text)).trim_end()))
    }

    /// Columns for text.
    pub fn width(&self) -> usize {
        self.output.width.clamp(INDENT * 2, WIDTH_MAX)
    }

    /// Words wrapped to the width, the first line behind `head`, which takes `head_columns`.
    fn paragraph(&self, indent: usize, head: &str, head_columns: usize, text: &str) -> io::Result<()> {
        let mut out = head.to_owned();
        let mut columns = head_columns;
        let mut is_first = true;
        for word in escape_controls(text).split(' ') {
            let length = word.chars().count();
            if !is_first && columns + 1 + length > self.width() {
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                columns = indent;
            } else if !is_first {
                out.push(' ');
                columns += 1;
            }
            out.push_str(word);
            columns += length;
            is_first = false;
        }
        out.push('\n');
        self.raw(&out)
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
