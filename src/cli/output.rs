//! Where results and notes go: results to stdout, everything else to stderr.
//!
//! Decides between a terminal's tables and a pipe's plain lines, and that nothing from outside steers a terminal. It
//! computes nothing. A reader that went away (`| head`) ends the output, not the program: its exit code stays its own.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use serde::Serialize;

use super::plot::plot;
pub use super::plot::{Bar, Meaning};
pub use super::words::{both_times, both_times_to_the_second, grouped, program, to_the_second, wrapped};
use crate::domain::text::escape_controls;

/// Columns where the terminal does not tell.
const WIDTH_DEFAULT: usize = 80;

/// How this run shows things, and where.
pub struct Output {
    /// `--json`: stdout gets JSON and nothing else.
    pub json: bool,
    /// `--quiet`: no notes and no progress.
    pub quiet: bool,
    /// Whether colours are wanted on stdout.
    pub color: bool,
    /// Whether stdout is a terminal.
    pub terminal: bool,
    /// Whether stderr is a terminal.
    pub stderr_terminal: bool,
    /// Columns of the terminal.
    pub width: usize,
    stdout: Mutex<Sink>,
}

struct Sink {
    writer: Box<dyn Write + Send>,
    /// The reader went away.
    closed: bool,
}

impl Output {
    /// The output of this process. `refuses_colour` is [`crate::config::refuses_colour`].
    pub fn new(json: bool, quiet: bool, refuses_colour: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self {
            json,
            quiet,
            color: terminal && !refuses_colour && !json,
            terminal,
            stderr_terminal: io::stderr().is_terminal(),
            width: Table::new().width().map_or(WIDTH_DEFAULT, usize::from).max(1),
            stdout: sink(io::stdout()),
        }
    }

    /// An output for a pipe, into `writer`.
    pub fn for_pipe(json: bool, writer: impl Write + Send + 'static) -> Self {
        let stdout = sink(writer);
        Self { json, quiet: false, color: false, terminal: false, stderr_terminal: false, width: WIDTH_DEFAULT, stdout }
    }

    /// Whether the reader of stdout went away: what follows for ever (`--follow`, `--watch`) ends then.
    pub fn is_closed(&self) -> bool {
        self.sink().closed
    }

    /// One JSON document.
    ///
    /// # Errors
    /// If stdout cannot be written; not if its reader went away.
    pub fn json_document<T: Serialize>(&self, document: &T) -> io::Result<()> {
        let mut text = if self.terminal { serde_json::to_vec_pretty(document) } else { serde_json::to_vec(document) }?;
        text.push(b'\n');
        self.write(&text)
    }

    /// One line of JSON Lines, handed over at once: for what follows for ever.
    ///
    /// # Errors
    /// As [`Output::json_document`].
    pub fn json_line<T: Serialize>(&self, item: &T) -> io::Result<()> {
        let mut line = serde_json::to_vec(item)?;
        line.push(b'\n');
        self.write(&line)
    }

    /// JSON Lines of a list that ends, in groups: one line for each item. Stops where the reader went away.
    ///
    /// # Errors
    /// As [`Output::json_document`].
    pub fn json_lines<T: Serialize>(&self, items: impl IntoIterator<Item = T>) -> io::Result<()> {
        /// Octets that are handed over at once: a system call for each line would cost more than the line.
        const GROUP: usize = 64 * 1024;
        let mut group = Vec::with_capacity(GROUP);
        for item in items {
            serde_json::to_writer(&mut group, &item)?;
            group.push(b'\n');
            if group.len() >= GROUP {
                self.write(&group)?;
                group.clear();
                if self.is_closed() {
                    return Ok(());
                }
            }
        }
        self.write(&group)
    }

    /// Bytes as they are: ledger entries, exports. Nothing is escaped.
    ///
    /// # Errors
    /// As [`Output::json_document`].
    pub fn bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)
    }

    /// A line of text, made safe for a terminal.
    ///
    /// # Errors
    /// As [`Output::json_document`].
    pub fn line(&self, text: &str) -> io::Result<()> {
        self.write(format!("{}\n", escape_controls(text)).as_bytes())
    }

    /// A table: drawn to the width of a terminal, or one line a row with tabs in a pipe, headings first. Every cell is
    /// made safe for a terminal. Columns of numbers stand on the right.
    ///
    /// # Errors
    /// As [`Output::json_document`].
    pub fn table<C: AsRef<str>>(&self, headings: &[&str], rows: &[Vec<C>]) -> io::Result<()> {
        let safe = safe_rows(rows);
        let text = if self.terminal { drawn(headings, &safe, self.width) } else { tabbed(headings, &safe) };
        self.write(text.as_bytes())
    }

    /// More rows of a table that was begun: in a pipe without the headings, which stand above already.
    ///
    /// # Errors
    /// As [`Output::json_document`].
    pub fn more_rows<C: AsRef<str>>(&self, headings: &[&str], rows: &[Vec<C>]) -> io::Result<()> {
        if self.terminal {
            return self.table(headings, rows);
        }
        let lines = tabbed(headings, &safe_rows(rows));
        self.write(lines.split_once('\n').map_or("", |(_, rows)| rows).as_bytes())
    }

    /// Counts as a horizontal bar plot on a terminal, as a table in a pipe.
    ///
    /// # Errors
    /// As [`Output::json_document`].
    pub fn bars(&self, bars: &[Bar]) -> io::Result<()> {
        let text = if self.terminal {
            plot(bars, self.width, self.color)
        } else {
            bars.iter().map(|bar| format!("{}\t{}\n", escape_controls(&bar.label), bar.count)).collect()
        };
        self.write(text.as_bytes())
    }

    /// A note for the one who watches: a line on stderr, above any progress bar; nothing with `--quiet`. It is made safe
    /// for a terminal, and wrapped to its width.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            let text = escape_controls(text);
            if !self.stderr_terminal {
                return super::progress::line_above(&text);
            }
            let words = text.trim_start();
            let indent = text.len() - words.len();
            for line in wrapped(words, indent, indent, self.width) {
                super::progress::line_above(&format!("{:indent$}{line}", ""));
            }
        }
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        // A panic in another thread leaves a writer that can still be written.
        self.stdout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut sink = self.sink();
        if sink.closed {
            return Ok(());
        }
        match sink.writer.write_all(bytes).and_then(|()| sink.writer.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                sink.closed = true;
                Ok(())
            }
            result => result,
        }
    }
}

fn sink(writer: impl Write + Send + 'static) -> Mutex<Sink> {
    Mutex::new(Sink { writer: Box::new(writer), closed: false })
}

fn safe_rows<C: AsRef<str>>(rows: &[Vec<C>]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.iter().map(|cell| escape_controls(cell.as_ref())).collect()).collect()
}

fn tabbed(headings: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = headings.join("\t") + "\n";
    for row in rows {
        text.push_str(&row.join("\t"));
        text.push('\n');
    }
    text
}

fn drawn(headings: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let unbroken = unbroken(headings, rows, width);
    let mut table = Table::new();
    let under_headings = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(under_headings));
    table.set_content_arrangement(ContentArrangement::Dynamic);
    // The width is the caller's: what is drawn depends on nothing but the arguments.
    table.force_no_tty().set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(headings.iter().map(Cell::new).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row.iter().map(Cell::new).collect::<Vec<_>>());
    }
    for (at, column) in table.column_iter_mut().enumerate() {
        let mut cells = rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty()).peekable();
        if cells.peek().is_some() && cells.all(|cell| is_number(cell)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        if let Some(columns) = unbroken.get(at).copied().flatten() {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(columns)));
        }
    }
    table.trim_fmt() + "\n"
}

/// For each column of single words (references, addresses, states) the width at which none is broken, its padding
/// included. Where not all have room, the widest gives way first.
fn unbroken(headings: &[&str], rows: &[Vec<String>], width: usize) -> Vec<Option<u16>> {
    /// A column of sentences needs so much; a column of padding stands on either side of a cell.
    const SENTENCE_COLUMNS: usize = 11;
    const PADDING: usize = 2;
    let mut widths: Vec<Option<usize>> = (0..headings.len())
        .map(|at| {
            let cells = || rows.iter().filter_map(|row| row.get(at));
            let widest = cells().map(|cell| cell.chars().count()).chain([headings[at].chars().count()]).max()?;
            let is_short = widest + PADDING <= SENTENCE_COLUMNS;
            (is_short || !cells().any(|cell| cell.contains(' '))).then_some(widest + PADDING)
        })
        .collect();
    let needed =
        |widths: &[Option<usize>]| widths.iter().map(|columns| columns.unwrap_or(SENTENCE_COLUMNS)).sum::<usize>();
    let gaps = headings.len().saturating_sub(1);
    while needed(&widths) + gaps > width {
        let widest = widths.iter_mut().filter(|columns| columns.is_some()).max();
        let Some(widest) = widest else { break };
        *widest = None;
    }
    widths.into_iter().map(|columns| columns.and_then(|columns| u16::try_from(columns).ok())).collect()
}

fn is_number(cell: &str) -> bool {
    cell.bytes().any(|byte| byte.is_ascii_digit())
        && cell.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Pipe(Arc<Mutex<Vec<u8>>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn piped(print: impl FnOnce(&Output)) -> String {
        let pipe = Pipe::default();
        print(&Output::for_pipe(false, pipe.clone()));
        let bytes = pipe.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_reader_that_went_away_is_no_error_and_a_full_disk_is() {
        let output = Output::for_pipe(false, Broken(ErrorKind::BrokenPipe));
        assert!(!output.is_closed());
        output.line("a").unwrap();
        assert!(output.is_closed());
        output.json_lines(0..1_000_000).unwrap();
        assert!(Output::for_pipe(false, Broken(ErrorKind::StorageFull)).line("a").is_err());
    }

    #[test]
    fn a_pipe_gets_a_line_a_row_with_tabs_and_nothing_that_steers_a_terminal() {
        let text = piped(|output| output.table(&["ref", "reply"], &[vec!["C-1", "a\tb\n\u{1b}[2Jc"]]).unwrap());
        assert_eq!(text, "ref\treply\nC-1\ta\\tb\\n\\u{1b}[2Jc\n");
        let text = piped(|output| output.line("x\u{202e}y").unwrap());
        assert_eq!(text, "x\\u{202e}y\n");
    }

    #[test]
    fn a_terminal_gets_a_table_that_fits_its_width() {
        let rows =
            vec![vec!["accepted".to_owned(), "1,234".to_owned()], vec!["failed, for good".repeat(9), "7".to_owned()]];
        let text = drawn(&["state", "people"], &rows, 40);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        let line = text.lines().find(|line| line.contains("1,234")).unwrap();
        assert!(line.trim_end().ends_with("1,234") && text.contains("     7"), "{text}");
    }

    #[test]
    fn single_words_are_not_broken_while_there_is_room_and_the_widest_gives_way_first() {
        let row = ["C-1", "somebody@mail.example.com", "mailbox-disabled", "this mailbox was closed a year ago"];
        let rows = vec![row.map(str::to_owned).to_vec()];
        let headings = ["ref", "email", "class", "reply"];
        let text = drawn(&headings, &rows, 72);
        assert!(row[..3].iter().all(|word| text.contains(word)), "{text}");
        let text = drawn(&headings, &rows, 50);
        assert!(text.contains(row[0]) && text.contains(row[2]) && !text.contains(row[1]), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 50), "{text}");
    }

    #[test]
    fn in_a_pipe_the_headings_stand_once() {
        let text = piped(|output| {
            output.table(&["ref"], &[vec!["C-1"]]).unwrap();
            output.more_rows(&["ref"], &[vec!["C-2"], vec!["C-3"]]).unwrap();
        });
        assert_eq!(text, "ref\nC-1\nC-2\nC-3\n");
    }

    #[test]
    fn json_is_one_document_or_a_line_each() {
        assert_eq!(piped(|output| output.json_document(&serde_json::json!({"a": [1]})).unwrap()), "{\"a\":[1]}\n");
        assert_eq!(piped(|output| output.json_line(&vec![1, 2]).unwrap()), "[1,2]\n");
        assert_eq!(piped(|output| output.json_lines(["a\n", "b"]).unwrap()), "\"a\\n\"\n\"b\"\n");
        let many = piped(|output| output.json_lines(0..50_000).unwrap());
        assert_eq!((many.lines().count(), many.lines().last()), (50_000, Some("49999")));
    }

    #[test]
    fn a_pipe_gets_counts_without_a_plot() {
        let bar = |label: &str, count| Bar { label: label.to_owned(), count, meaning: Meaning::Good };
        let text = piped(|output| output.bars(&[bar("accepted", 12_345), bar("bounced", 0)]).unwrap());
        assert_eq!(text, "accepted\t12345\nbounced\t0\n");
    }
}
