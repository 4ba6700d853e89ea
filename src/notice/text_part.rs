//! The text part where a notice brings none: made from the HTML part.
//!
//! Decides how links, headings and lists look in plain text. This parses the HTML of each recipient (about a tenth of a
//! millisecond), so a large campaign is better off with a `body.txt.hbs` of its own.

use html2text::render::TextDecorator;

/// Columns of a line; mail programs wrap plain text at about this (RFC 5322 §2.1.1 recommends 78).
const COLUMNS: usize = 76;

/// The HTML as plain text: a link is its words followed by its address, a picture its alternative text.
pub(super) fn from_html(html: &str) -> Result<String, html2text::Error> {
    let text = html2text::config::with_decorator(Plain::default())
        .allow_width_overflow()
        .no_link_wrapping()
        .no_table_borders()
        .string_from_read(html.as_bytes(), COLUMNS)?;
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    Ok(out)
}

/// Words as they are, links with their address behind them.
#[derive(Clone, Default)]
struct Plain {
    link: String,
}

impl TextDecorator for Plain {
    type Annotation = ();

    fn decorate_link_start(&mut self, url: &str) -> (String, ()) {
        self.link = url.to_owned();
        (String::new(), ())
    }

    fn decorate_link_end(&mut self) -> String {
        let link = std::mem::take(&mut self.link);
        if link.is_empty() || link.starts_with('#') { String::new() } else { format!(" ({link})") }
    }

    fn decorate_em_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_em_end(&self) -> String {
        String::new()
    }

    fn decorate_strong_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strong_end(&self) -> String {
        String::new()
    }

    fn decorate_strikeout_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_strikeout_end(&self) -> String {
        String::new()
    }

    fn decorate_code_start(&self) -> (String, ()) {
        (String::new(), ())
    }

    fn decorate_code_end(&self) -> String {
        String::new()
    }

    fn decorate_preformat_first(&self) {}

    fn decorate_preformat_cont(&self) {}

    fn decorate_image(&mut self, _: &str, title: &str) -> (String, ()) {
        (title.to_owned(), ())
    }

    fn header_prefix(&self, _: usize) -> String {
        String::new()
    }

    fn quote_prefix(&self) -> String {
        "> ".to_owned()
    }

    fn unordered_item_prefix(&self) -> String {
        "* ".to_owned()
    }

    fn ordered_item_prefix(&self, number: i64) -> String {
        format!("{number}. ")
    }

    fn make_subblock_decorator(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_its_words_and_its_address() {
        let html = "<h1>Notice</h1><p>See <a href=\"https://example.com/response\">the page</a> &amp; read O&#x27;Neill.</p>\
                    <ul><li>one</li><li>two</li></ul><img src=\"cid:x\" alt=\"Logo\">";
        let text = from_html(html).unwrap();
        assert!(text.contains("See the page (https://example.com/response) & read O'Neill."), "{text}");
        assert!(text.contains("* one\n* two\n") && text.contains("Logo"), "{text}");
    }
}
