//! What the message says to an independent parser.

use mail_parser::{MessageParser, MimeHeaders as _};

use super::super::fixtures::*;
use super::super::*;

fn bytes(notice: &Notice, customer: &Customer) -> Vec<u8> {
    compose(notice, &notice.render(customer).unwrap(), customer, &stamp()).unwrap()
}

/// The raw fields of the header section, unfolded.
pub(super) fn fields(message: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8(message.to_vec()).unwrap();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ");
    let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()));
    unfolded.split("\r\n").map(|line| field(line).unwrap_or_else(|| panic!("no field: {line:?}"))).collect()
}

pub(super) fn assert_legal(message: &[u8]) {
    assert!(message.is_ascii(), "8-bit octets");
    let text = std::str::from_utf8(message).unwrap();
    let bare = text.replace("\r\n", "");
    assert!(!bare.contains(['\r', '\n', '\0']), "a bare CR, LF or NUL");
    assert!(text.split("\r\n").all(|line| line.len() <= 998), "a line over 998 octets");
}

#[test]
fn a_message_has_each_field_once_and_both_parts() {
    let message = bytes(&sample(), &customer("Anna"));
    assert_legal(&message);
    let names: Vec<String> = fields(&message).into_iter().map(|(name, _)| name).collect();
    let expected = [
        "Date",
        "From",
        "Reply-To",
        "To",
        "Subject",
        "Message-ID",
        "Content-Language",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ];
    assert_eq!(names, expected);
    let parsed = MessageParser::default().parse(&message).unwrap();
    assert_eq!(parsed.subject(), Some("Notice for Anna"));
    assert_eq!(parsed.message_id(), Some(stamp().message_id.as_str()));
    assert_eq!(parsed.date().unwrap().to_rfc3339(), "2018-04-05T12:00:00Z");
    let from = parsed.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("Customer Care"), Some("care@xn--mller-kva.example")));
    assert!(parsed.body_text(0).unwrap().contains(GUARANTEE));
    assert!(parsed.body_html(0).unwrap().contains(GUARANTEE));
    assert!(fields(&message).contains(&("Auto-Submitted".into(), "auto-generated".into())));
    assert!(fields(&message).contains(&("Content-Language".into(), "en".into())));
}

#[test]
fn text_is_not_escaped_and_html_is() {
    let message = bytes(&sample(), &customer("O'Neill <b>"));
    let parsed = MessageParser::default().parse(&message).unwrap();
    assert!(parsed.body_text(0).unwrap().starts_with("Dear O'Neill <b>,\r\n"));
    assert!(parsed.body_html(0).unwrap().contains("Dear O&#x27;Neill &lt;b&gt;,"));
    assert_eq!(parsed.subject(), Some("Notice for O'Neill <b>"));
}

#[test]
fn every_name_is_read_back_by_another_parser() {
    let long = "x".repeat(65_536);
    for (name, expected) in [
        ("O'Neill", Some("O'Neill")),
        ("王小明", Some("王小明")),
        ("عمر", Some("عمر")),
        (
            "Nguyễn Thị Minh Khai von der Hohen Straße zu Unterammergau",
            Some("Nguyễn Thị Minh Khai von der Hohen Straße zu Unterammergau"),
        ),
        ("<b>", Some("<b>")),
        ("Smith, John", Some("Smith, John")),
        ("a \"b\" \\c\\", Some("a \"b\" \\c\\")),
        ("X", Some("X")),
        ("", None),
        (" \t", None),
        ("Ann\r\nBcc: x@example.net", Some("Ann Bcc: x@example.net")),
        ("=?utf-8?q?a=0D=0ABcc:_x?=", Some("=?utf-8?q?a=0D=0ABcc:_x?=")),
        ("a@b.example, c@d.example", Some("a@b.example, c@d.example")),
        (long.as_str(), Some(&format!("{}…", &long[..119]))),
    ] {
        let customer = customer(name);
        let message = bytes(&sample(), &customer);
        assert_legal(&message);
        let parsed = MessageParser::default().parse(&message).unwrap();
        let to = parsed.to().unwrap().as_list().unwrap();
        assert_eq!(to.len(), 1, "{name:?}");
        assert_eq!((to[0].name(), to[0].address()), (expected, Some("anna@example.org")), "{name:?}");
        assert!(parsed.bcc().is_none() && parsed.cc().is_none());
        let line = expected.map_or("anna@example.org".into(), |name| format!("{name} <anna@example.org>"));
        assert_eq!(recipient_line(&customer), line);
    }
}

#[test]
fn images_travel_with_the_html_that_shows_them() {
    let html = "<p>{{guarantee}}</p><img alt=\"\" src=\"cid:logo.png\"><img alt=\"\" src='cid:logo.png'> acid:test";
    let notice = notice("s", html, None).unwrap();
    let rendered = notice.render(&customer("A")).unwrap();
    assert_eq!(rendered.attachments.len(), 1);
    let message = bytes(&notice, &customer("A"));
    assert_legal(&message);
    let parsed = MessageParser::default().parse(&message).unwrap();
    assert_eq!(parsed.content_type().unwrap().subtype(), Some("related"));
    let image = parsed.attachment(0).unwrap();
    assert_eq!(image.contents(), b"\x89PNG\r\n\x1a\n\0image");
    let id = image.content_id().unwrap();
    assert!(parsed.body_html(0).unwrap().contains(&format!("src=\"cid:{id}\"")));
    assert!(preview_html(&rendered).contains("src=\"data:image/png;base64,"));
    let missing = super::super::fixtures::notice("s", "\n<img src=\"cid:other.png\">", None).map(|_| ()).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "en/body.html.hbs, line 2: `cid:other.png` names no image; put it into the locale's folder or beside notice.toml"
    );
}

#[test]
fn the_same_copy_and_stamp_are_the_same_octets_and_each_attempt_has_its_own_boundaries() {
    let (notice, customer) = (sample(), customer("Anna"));
    let rendered = notice.render(&customer).unwrap();
    let make = |stamp: &Stamp| compose(&notice, &rendered, &customer, stamp).unwrap();
    assert_eq!(make(&stamp()), make(&stamp()));
    let second = Stamp { attempt: 2, ..stamp() };
    let content_type = |message: &[u8]| fields(message).pop().unwrap().1;
    assert_ne!(content_type(&make(&stamp())), content_type(&make(&second)));
    assert_eq!(sample().render(&customer).unwrap(), rendered);
}

#[test]
fn extra_headers_are_written_and_cannot_take_a_name_that_is_there() {
    let (notice, customer) = (sample(), customer("A"));
    let rendered = notice.render(&customer).unwrap();
    let make = |name: &str, value: &str| {
        let stamp = Stamp { extra_headers: vec![(name.into(), value.into())], ..stamp() };
        compose(&notice, &rendered, &customer, &stamp)
    };
    let message = make("Candor-Checkpoint", "abc\r\nBcc: x").unwrap();
    assert!(fields(&message).contains(&("Candor-Checkpoint".into(), "abc Bcc: x".into())));
    for name in ["subject", "Bcc", "A B", "A:", "", "Ä", "A\r\nB"] {
        assert_eq!(make(name, "x"), Err(MessageError::Header(name.into())));
    }
    let stamp = Stamp { message_id: "a b@c".into(), ..stamp() };
    assert_eq!(compose(&notice, &rendered, &customer, &stamp), Err(MessageError::MessageId));
}

#[test]
fn a_message_id_is_fixed_by_the_key_and_lies_in_the_domain() {
    let id = message_id(&[1; 32], "example.com");
    assert_eq!(id, message_id(&[1; 32], "example.com"));
    assert_ne!(id, message_id(&[2; 32], "example.com"));
    let (left, right) = id.split_once('@').unwrap();
    assert!(left.len() >= 26 && left.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    assert_eq!(right, "example.com");
}

#[test]
fn a_commitment_covers_everything_that_is_read() {
    use crate::ledger::commitment;
    let rendered = notice("s", "<img src=\"cid:logo.png\">", Some("t")).unwrap().render(&customer("A")).unwrap();
    let commit = |rendered: &Rendered, to| commitment::rendered(&[5; 32], rendered.parts_for_commitment(to));
    let committed = commit(&rendered, "to");
    assert_eq!(commit(&rendered, "to"), committed);
    assert_ne!(commit(&rendered, "other"), committed);
    for other in [
        Rendered { subject: "S".into(), ..rendered.clone() },
        Rendered { text: "T".into(), ..rendered.clone() },
        Rendered { html: rendered.html.to_uppercase(), ..rendered.clone() },
        Rendered { attachments: Vec::new(), ..rendered.clone() },
    ] {
        assert_ne!(commit(&other, "to"), committed);
    }
}

#[test]
fn a_preview_shows_no_control_characters() {
    let customer = customer("A\u{1b}[31m\u{202e}B");
    let rendered = sample().render(&customer).unwrap();
    let text = preview_text(&rendered, &customer, &organization());
    assert!(
        text.starts_with("Subject: Notice for A [31m\\u{202e}B\nFrom:    Customer Care <care@xn--mller-kva.example>\n"),
        "{text}"
    );
    assert!(text.contains("Dear A [31m\\u{202e}B,") && !text.contains(['\u{1b}', '\u{202e}']));
    assert_eq!("eml".parse(), Ok(PreviewFormat::Eml));
    assert!("pdf".parse::<PreviewFormat>().is_err());
}
