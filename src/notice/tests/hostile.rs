//! Whatever stands in a row, the message stays one legal message to one person.

use mail_parser::MessageParser;
use proptest::prelude::*;

use super::super::fixtures::*;
use super::messages::{assert_legal, fields};

pub(super) fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("\r\nBcc: evil@example.net\r\n\r\n".to_owned()),
        Just("\r\n.\r\n".to_owned()),
        Just("\n.\n..\r.\r".to_owned()),
        Just("{{customer.email}}".to_owned()),
        Just("}}{{{".to_owned()),
        Just("<script>alert(1)</script>".to_owned()),
        Just("\u{202e}\u{2066}".to_owned()),
        Just("\u{2028}\u{85}\0\u{1b}[2J".to_owned()),
        Just("=?utf-8?b?DQpCY2M6IHg=?=".to_owned()),
        Just("\"<a@b.example>, (c) \\".to_owned()),
        Just("--boundary--".to_owned()),
        Just("王小明 عمر Nguyễn 🦀".to_owned()),
        Just("=0D=0A=\r\n".to_owned()),
        Just("From me\n".to_owned()),
        "[ -~]{0,40}",
        any::<String>(),
        (1_usize..3_000).prop_map(|length| "y".repeat(length)),
        (1_usize..600).prop_map(|length| "ÿ".repeat(length)),
        (1_usize..300).prop_map(|length| " \t ".repeat(length)),
    ];
    prop::collection::vec(piece, 0..5).prop_map(|pieces| pieces.concat())
}

/// The value as the body says it, with CRLF.
fn said(value: &str) -> String {
    super::super::body_text::clean(value.to_owned()).replace('\n', "\r\n")
}

fn html_escaped(value: &str) -> String {
    handlebars::html_escape(&super::super::body_text::clean(value.to_owned())).replace('\n', "\r\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_row_can_say_anything_and_change_nothing_else(name in hostile(), tier in hostile()) {
        let html = "<p>{{customer.name}}|{{customer.tier}}</p>";
        let notice = notice("About {{customer.name}} {{customer.tier}}", html, Some("[{{customer.name}}|{{customer.tier}}]")).unwrap();
        let mut customer = customer(&name);
        customer.fields.insert("tier".into(), tier.clone());
        let rendered = notice.render(&customer).unwrap();
        let message = compose(&notice, &rendered, &customer, &stamp()).unwrap();
        assert_legal(&message);

        let plain = compose(&sample(), &sample().render(&super::super::fixtures::customer("A")).unwrap(), &customer, &stamp()).unwrap();
        let names = |message: &[u8]| fields(message).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        prop_assert_eq!(names(&message), names(&plain));

        let parsed = MessageParser::default().parse(&message).unwrap();
        let to = parsed.to().unwrap().as_list().unwrap();
        prop_assert_eq!(to.len(), 1);
        prop_assert_eq!(to[0].address(), Some("anna@example.org"));
        prop_assert!(!to[0].name().unwrap_or_default().contains(['\r', '\n']));
        prop_assert_eq!(parsed.subject().unwrap_or_default(), rendered.subject.as_str());
        prop_assert!(!rendered.subject.contains(char::is_control));
        prop_assert_eq!(parsed.parts.len(), 3);
        let text = format!("[{}|{}]", said(&name), said(&tier));
        let seen = parsed.body_text(0).unwrap();
        prop_assert_eq!(seen.trim_end(), text.trim_end());
        let html = format!("<p>{}|{}</p>", html_escaped(&name), html_escaped(&tier));
        let seen = parsed.body_html(0).unwrap();
        prop_assert_eq!(seen.trim_end(), html.trim_end());

        prop_assert_eq!(compose(&notice, &notice.render(&customer).unwrap(), &customer, &stamp()).unwrap(), message);
    }
}
