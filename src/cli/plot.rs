//! Counts as bars: how long each is and which colour it has.
//!
//! Decides what a state means to the one who looks. Prints nothing itself; `output` does.

use super::words::grouped;
use crate::domain::recipient::RecipientState;
use crate::domain::text::escape_controls;

/// A longer bar does not say more.
const BAR_COLUMNS_MAX: usize = 60;
/// The blocks of eighths of a column, from one to eight.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];
/// Ends every colour (ECMA-48 §8.3.117).
const COLOUR_END: &str = "\u{1b}[0m";

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Done as it should be: green.
    Good,
    /// Something will still happen: yellow.
    Open,
    /// Somebody must look: red.
    Bad,
    /// Neither: no colour.
    Plain,
}

impl Meaning {
    /// What a recipient's state means to the one who looks.
    pub fn of(state: RecipientState) -> Self {
        use RecipientState::*;
        match state {
            Accepted | Delivered => Self::Good,
            Pending | Sending | Deferred => Self::Open,
            Failed | InDoubt | Bounced => Self::Bad,
            Suppressed | Cancelled => Self::Plain,
        }
    }

    /// The text in this meaning's colour, if colours are wanted. The text must be safe for a terminal already.
    pub fn paint(self, text: &str, color: bool) -> String {
        let code = match self {
            _ if !color => return text.to_owned(),
            Self::Good => "\u{1b}[32m",
            Self::Open => "\u{1b}[33m",
            Self::Bad => "\u{1b}[31m",
            Self::Plain => return text.to_owned(),
        };
        format!("{code}{text}{COLOUR_END}")
    }
}

/// One line of a bar plot.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What is counted.
    pub label: String,
    /// How many.
    pub count: u64,
    /// Its colour.
    pub meaning: Meaning,
}

/// The bars, a line each, within `width` columns where that is possible.
pub(super) fn plot(bars: &[Bar], width: usize, color: bool) -> String {
    let labels: Vec<String> = bars.iter().map(|bar| escape_controls(&bar.label)).collect();
    let counts: Vec<String> = bars.iter().map(|bar| grouped(bar.count)).collect();
    let widest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    let (label_columns, count_columns) = (widest(&labels), widest(&counts));
    // Two gaps of two columns each stand between the three parts.
    let columns = width.saturating_sub(label_columns + count_columns + 4).clamp(1, BAR_COLUMNS_MAX);
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0);
    let mut text = String::new();
    for ((bar, label), count) in bars.iter().zip(&labels).zip(&counts) {
        let blocks = bar.meaning.paint(&blocks(bar.count, most, columns), color);
        let line = format!("{label:label_columns$}  {count:>count_columns$}  {blocks}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// So many eighths of a column as the share of `count` in `most`; at least one where anything was counted at all.
fn blocks(count: u64, most: u64, columns: usize) -> String {
    if count == 0 || most == 0 {
        return String::new();
    }
    let all = columns as u128 * 8;
    let eighths = (u128::from(count) * all / u128::from(most)).clamp(1, all) as usize;
    let mut text = String::from(EIGHTHS[7]).repeat(eighths / 8);
    if let Some(rest) = (eighths % 8).checked_sub(1) {
        text.push(EIGHTHS[rest]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(label: &str, count: u64, meaning: Meaning) -> Bar {
        Bar { label: label.to_owned(), count, meaning }
    }

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_empty_for_a_count() {
        assert_eq!(blocks(8, 8, 2), "██");
        assert_eq!(blocks(5, 8, 2), "█▎");
        assert_eq!(blocks(1, 1_000_000, 2), "▏");
        assert_eq!(blocks(0, 8, 2), "");
        assert_eq!(blocks(u64::MAX, u64::MAX, 60).chars().count(), 60);
    }

    #[test]
    fn a_plot_stays_within_the_width_and_has_colours_only_if_wanted() {
        let bars =
            [bar("accepted", 12_345, Meaning::Good), bar("failed", 7, Meaning::Bad), bar("bounced", 0, Meaning::Bad)];
        let plain = plot(&bars, 30, false);
        assert_eq!(plain, "accepted  12,345  ████████████\nfailed         7  ▏\nbounced        0\n");
        let coloured = plot(&bars, 30, true);
        assert!(coloured.contains("\u{1b}[32m████████████\u{1b}[0m"), "{coloured:?}");
        assert!(plot(&bars, 0, false).contains("accepted  12,345  █\n"));
    }

    #[test]
    fn doubt_has_the_colour_of_failure_and_not_of_success() {
        assert_eq!(Meaning::of(RecipientState::InDoubt), Meaning::Bad);
        for state in RecipientState::ALL {
            assert_eq!(Meaning::of(*state) == Meaning::Good, state.is_told(), "{state}");
        }
    }
}
