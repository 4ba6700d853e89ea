//! What a person sees of an HTML part, as paragraphs of words.
//!
//! Decides which words are visible and where a paragraph ends, for the rules that judge wording. It reads the HTML that a
//! notice's own templates make; it is no browser: styles are not computed, scripts and comments are skipped.

use super::body_text::squash;

/// Elements that do not begin a paragraph of their own.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "dfn", "em", "font", "i", "kbd", "mark", "q", "s", "samp",
    "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr",
];
/// Elements whose content nobody reads.
const UNREAD: &[&str] = &["script", "style", "title", "template"];
/// Named characters that templates and editors write (HTML §13.5); `handlebars` itself writes the first four.
const ENTITIES: &[(&str, &str)] = &[
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", " "),
    ("ndash", "–"),
    ("mdash", "—"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("hellip", "…"),
    ("bull", "•"),
    ("middot", "·"),
    ("copy", "©"),
    ("reg", "®"),
    ("trade", "™"),
    ("euro", "€"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("iquest", "¿"),
    ("iexcl", "¡"),
];
/// The longest reference that is looked for after `&`.
const ENTITY_OCTETS_MAX: usize = 12;

/// The visible words, one text per paragraph, white space squashed, character references decoded. No paragraph is empty.
pub(super) fn paragraphs(html: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = String::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        decode(&rest[..at], &mut open);
        rest = &rest[at..];
        let Some(tag) = Tag::read(rest) else {
            // A lone `<` is shown as it is.
            open.push('<');
            rest = &rest[1..];
            continue;
        };
        rest = &rest[tag.octets..];
        if UNREAD.contains(&tag.name.as_str()) && !tag.closing {
            rest = after_closing(rest, &tag.name);
        }
        if tag.name == "br" {
            open.push(' ');
        } else if !tag.name.is_empty() && !INLINE.contains(&tag.name.as_str()) {
            finish(&mut open, &mut all);
        }
    }
    decode(rest, &mut open);
    finish(&mut open, &mut all);
    all
}

/// The paragraphs of a text part: blank lines part them.
pub(super) fn text_paragraphs(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        if line.trim().is_empty() {
            finish(&mut open, &mut all);
        } else {
            open.push_str(line);
            open.push('\n');
        }
    }
    finish(&mut open, &mut all);
    all
}

fn finish(open: &mut String, all: &mut Vec<String>) {
    let paragraph = squash(open);
    open.clear();
    if !paragraph.is_empty() {
        all.push(paragraph);
    }
}

/// A tag, comment or declaration at the beginning of a text.
struct Tag {
    /// Lower case; empty for a comment or declaration.
    name: String,
    closing: bool,
    octets: usize,
}

impl Tag {
    fn read(text: &str) -> Option<Self> {
        let nameless = |octets| Self { name: String::new(), closing: false, octets };
        if let Some(comment) = text.strip_prefix("<!--") {
            let end = comment.find("-->").map_or(text.len(), |at| 4 + at + 3);
            return Some(nameless(end));
        }
        if text.starts_with("<!") || text.starts_with("<?") {
            return Some(nameless(text.find('>').map_or(text.len(), |at| at + 1)));
        }
        let closing = text.starts_with("</");
        let inner = &text[if closing { 2 } else { 1 }..];
        let name: String = inner.chars().take_while(char::is_ascii_alphanumeric).collect();
        if name.is_empty() {
            return None;
        }
        Some(Self { name: name.to_ascii_lowercase(), closing, octets: tag_end(text) })
    }
}

/// Where a tag ends; a `>` inside a quoted attribute does not end it.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn after_closing<'t>(text: &'t str, name: &str) -> &'t str {
    let closing = format!("</{name}");
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        rest = &rest[at..];
        if rest.get(..closing.len()).is_some_and(|start| start.eq_ignore_ascii_case(&closing)) {
            return &rest[tag_end(rest)..];
        }
        rest = &rest[2..];
    }
    ""
}

fn decode(text: &str, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(ENTITY_OCTETS_MAX).position(|b| b == b';');
        match end.and_then(|end| Some((end, character(&rest[1..end])?))) {
            Some((end, decoded)) => {
                out.push_str(&decoded);
                rest = &rest[end + 1..];
            }
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
}

fn character(name: &str) -> Option<String> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code).map(String::from);
    }
    ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, decoded)| (*decoded).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn visible_words_are_read_by_paragraph() {
        let html = "<!DOCTYPE html><html><head><title>T</title><style>p>a{b:c}}</style></head><body>\n<!-- <p>no</p> -->\
                    <h1>One</h1><p>If <b>your</b>\n card&rsquo;s &lt;used&gt; &#x27;x&#39;<br>twice</p><td title=\"a>b\">three</td> 1 < 2 & 3";
        let seen = paragraphs(html);
        assert_eq!(seen, ["One", "If your card’s <used> 'x' twice", "three", "1 < 2 & 3"]);
    }

    #[test]
    fn blank_lines_part_the_paragraphs_of_a_text() {
        assert_eq!(text_paragraphs("a\nb\n\n \nc  d\n"), ["a b", "c d"]);
    }

    proptest! {
        #[test]
        fn any_text_can_be_read(html in ".{0,200}|[<>/!&#;a-z\"' -]{0,200}") {
            paragraphs(&html);
        }
    }
}
