//! A message filled into a skeleton is the message that lettre builds whole.

use lettre::message::header::{
    ContentDisposition, ContentId, ContentTransferEncoding, ContentType, HeaderName, HeaderValue,
};
use lettre::message::{Mailbox as LettreMailbox, Message, MultiPart, SinglePart};
use mail_parser::{HeaderValue as Parsed, MessageParser};
use proptest::prelude::*;

use super::super::fixtures::*;
use super::super::header::{push_mailbox, push_text};
use super::super::message::boundaries;
use super::super::*;
use super::hostile::hostile;

fn multipart(kind: &str) -> MultiPart {
    MultiPart::builder().header(ContentType::parse(kind).unwrap()).build()
}

/// The structure with this recipient's parts and boundaries in it, by lettre alone.
fn structure(rendered: &Rendered, customer: &Customer, stamp: &Stamp) -> MultiPart {
    let digits = String::from_utf8(boundaries(&customer.key, stamp.attempt).to_vec()).unwrap();
    let (inner, outer) = digits.split_at(32);
    let text = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(rendered.text.clone());
    let html = SinglePart::builder().header(ContentType::TEXT_HTML).body(rendered.html.clone());
    let both = multipart(&format!("multipart/alternative; boundary=\"{inner}\"")).singlepart(text).singlepart(html);
    if rendered.attachments.is_empty() {
        return both;
    }
    let kind = format!("multipart/related; type=\"multipart/alternative\"; boundary=\"{outer}\"");
    rendered.attachments.iter().fold(multipart(&kind).multipart(both), |related, image| {
        related.singlepart(
            SinglePart::builder()
                .header(ContentType::parse(image.media_type).unwrap())
                .header(ContentId::from(format!("<{}>", image.content_id)))
                .header(ContentDisposition::inline_with_name(&image.name))
                .header(ContentTransferEncoding::Base64)
                .body(image.bytes.clone()),
        )
    })
}

/// The same octets as they were made before there were skeletons: fields in this program's form, all else by lettre.
fn assembled(rendered: &Rendered, customer: &Customer, stamp: &Stamp) -> Vec<u8> {
    let organization = organization();
    let (from_name, from) = &organization.from;
    let mut out = Vec::new();
    push_text(&mut out, "Date", &stamp.date.format("%a, %d %b %Y %H:%M:%S +0000").to_string());
    push_mailbox(&mut out, "From", from_name.as_deref().unwrap_or_default(), from);
    push_mailbox(&mut out, "Reply-To", "", organization.reply_to.as_ref().unwrap());
    push_mailbox(&mut out, "To", &customer.name, &customer.mailbox);
    push_text(&mut out, "Subject", &rendered.subject);
    push_text(&mut out, "Message-ID", &format!("<{}>", stamp.message_id));
    push_text(&mut out, "Content-Language", &rendered.locale);
    push_text(&mut out, "Auto-Submitted", "auto-generated");
    stamp.extra_headers.iter().for_each(|(name, value)| push_text(&mut out, name, value));
    push_text(&mut out, "MIME-Version", "1.0");
    out.extend(structure(rendered, customer, stamp).formatted());
    out
}

/// The whole message by lettre's own builder, header section included.
fn whole(rendered: &Rendered, customer: &Customer, stamp: &Stamp) -> Vec<u8> {
    let organization = organization();
    let mailbox = |name: Option<&str>, address: &str| {
        let name = name.map(|name| one_line(name).into_owned()).filter(|name| !name.is_empty());
        LettreMailbox::new(name, address.parse().unwrap())
    };
    let (from_name, from) = &organization.from;
    let mut builder = Message::builder()
        .date(stamp.date.into())
        .from(mailbox(from_name.as_deref(), &from.reveal()))
        .reply_to(mailbox(None, &organization.reply_to.as_ref().unwrap().reveal()))
        .to(mailbox(Some(&customer.name), &customer.mailbox.reveal()))
        .subject(rendered.subject.clone())
        .message_id(Some(format!("<{}>", stamp.message_id)));
    let text = [("Content-Language", rendered.locale.as_str()), ("Auto-Submitted", "auto-generated")];
    let extra = stamp.extra_headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in text.into_iter().chain(extra) {
        let name = HeaderName::new_from_ascii(name.to_owned()).unwrap();
        builder = builder.raw_header(HeaderValue::new(name, one_line(value).into_owned()));
    }
    builder.multipart(structure(rendered, customer, stamp)).unwrap().formatted()
}

fn one_line(value: &str) -> std::borrow::Cow<'_, str> {
    super::super::header::one_line(value, super::super::header::DISPLAY_NAME_CHARACTERS_MAX)
}

/// A part's fields, by name, and its decoded content.
type Part = (Vec<(String, String)>, Vec<u8>);

/// What an independent parser reads.
fn read(message: &[u8]) -> Vec<Part> {
    let parsed = MessageParser::default().parse(message).unwrap();
    let value = |value: &Parsed<'_>| match value {
        // Where an encoded word begins is the writer's choice; the words are not.
        Parsed::Text(text) => text.to_string(),
        other => format!("{other:?}"),
    };
    let parts = parsed.parts.iter().map(|part| {
        let mut fields: Vec<_> =
            part.headers.iter().map(|field| (field.name.as_str().to_owned(), value(&field.value))).collect();
        fields.sort();
        (fields, if part.is_multipart() { Vec::new() } else { part.contents().to_vec() })
    });
    parts.collect()
}

fn showing(images: &str) -> Notice {
    let html = format!("<p>{{{{customer.name}}}}|{{{{customer.tier}}}}</p>\n{images}");
    notice("About {{customer.tier}}", &html, Some("[{{customer.name}}|{{customer.tier}}]")).unwrap()
}

/// The images of a notice, and somebody who gets it.
fn copy() -> impl Strategy<Value = (&'static str, Customer, Stamp)> {
    let images = prop::sample::select(vec![
        "",
        "<img src=\"cid:logo.png\">",
        "<img src='cid:a-longer_name.of.an-image.gif'><img src=\"cid:logo.png\">",
    ]);
    let texts = (hostile(), hostile(), hostile(), any::<[u8; 32]>(), any::<u32>(), 0_i64..4_000_000_000, images);
    texts.prop_map(|(name, tier, extra, key, attempt, seconds, images)| {
        let mut customer = customer(&name);
        customer.fields.insert("tier".into(), tier);
        customer.key = key;
        let date = chrono::DateTime::from_timestamp(seconds, 0).unwrap();
        (images, customer, Stamp { date, attempt, extra_headers: vec![("Candor-Checkpoint".into(), extra)], ..stamp() })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_filled_skeleton_is_octet_for_octet_what_lettre_writes_for_this_recipient((images, customer, stamp) in copy()) {
        let notice = showing(images);
        let rendered = notice.render(&customer).unwrap();
        let filled = compose(&notice, &rendered, &customer, &stamp).unwrap();
        let expected = assembled(&rendered, &customer, &stamp);
        prop_assert_eq!(String::from_utf8(filled).unwrap(), String::from_utf8(expected).unwrap());
    }

    #[test]
    fn a_filled_skeleton_says_to_another_parser_what_the_message_built_whole_says((images, customer, stamp) in copy()) {
        let notice = showing(images);
        let rendered = notice.render(&customer).unwrap();
        // The parser decodes no field that it does not know.
        let stamp = Stamp { extra_headers: vec![("Candor-Checkpoint".into(), "abc".into())], ..stamp };
        // lettre passes an ASCII text on that looks like an encoded word, and a reader would decode it.
        prop_assume!(!rendered.subject.contains("=?") && !customer.name.contains("=?"));
        let filled = compose(&notice, &rendered, &customer, &stamp).unwrap();
        let whole = whole(&rendered, &customer, &stamp);
        prop_assert_eq!(read(&filled), read(&whole));
    }
}

#[test]
fn a_copy_of_another_notice_is_not_composed() {
    let (with, without) = (notice("s", "<img src=\"cid:logo.png\">", None).unwrap(), notice("s", "h", None).unwrap());
    let customer = customer("A");
    let rendered = with.render(&customer).unwrap();
    assert_eq!(compose(&without, &rendered, &customer, &stamp()), Err(MessageError::OtherNotice));
    let elsewhere = Rendered { locale: "xx".into(), ..rendered.clone() };
    assert_eq!(compose(&with, &elsewhere, &customer, &stamp()), Err(MessageError::OtherNotice));
    assert!(compose(&with, &rendered, &customer, &stamp()).is_ok());
}

#[test]
fn one_composer_serves_many_threads() {
    let notice = sample();
    let composer = Composer::new(&notice, &organization()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (notice, composer) = (&notice, &composer);
            scope.spawn(move || {
                let customer = customer(&format!("Anna {number}"));
                let rendered = notice.render(&customer).unwrap();
                let message = composer.compose(&rendered, &customer, &stamp()).unwrap();
                assert_eq!(message, assembled(&rendered, &customer, &Stamp { extra_headers: vec![], ..stamp() }));
            });
        }
    });
}
