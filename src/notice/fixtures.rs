//! A small notice, incident and customer for this room's tests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chrono::{NaiveDate, TimeZone as _, Utc};

use super::*;
use crate::domain::address::Mailbox;
use crate::domain::incident::Incident;

pub(super) const GUARANTEE: &str =
    "If your card was used as a result of this incident, you are not responsible for it.";

pub(super) const SUBJECT: &str = "{{incident.title}} for {{default customer.name \"customer\"}}";
pub(super) const HTML: &str = "<!DOCTYPE html><html lang=\"en\"><head><style>@media print{p{a:b}}</style></head><body>\n\
    <p>Dear {{default customer.name \"customer\"}},</p>\n<p>{{incident.what_happened}}</p>\n\
    <p><strong>{{guarantee}}</strong></p>\n<ul>{{#each incident.what_you_can_do}}<li>{{this}}</li>{{/each}}</ul>\n\
    {{#if incident.consequences}}<p>{{incident.consequences}}</p>{{/if}}\n<p>Code: {{reference_code}}</p></body></html>\n";
pub(super) const TEXT: &str = "Dear {{default customer.name \"customer\"}},\n\n{{incident.what_happened}}\n\n{{guarantee}}\n\n\
    {{#each incident.what_you_can_do}}\n  * {{this}}\n{{/each}}\n\nOf {{date notice.date}}, code: {{reference_code}}\n";

pub(super) fn incident() -> Incident {
    Incident::from_toml(&format!(
        r#"
id = "i"
organization = "Example Air"
occurred_from = "2017-09-26"
occurred_to = "2017-10-12"
discovered = "2018-03-28"
announced = "2018-04-04"
response_site = "example.com/response"
response_phone = "+1 800 555 0100"
data = ["payment-card"]
case = 7
vendors = [{{ name = "V1" }}, {{ name = "V2" }}]
[text.en]
title = "Notice"
what_happened = "Something isn't as it was."
information_involved = ["cards", "names"]
information_not_involved = []
what_we_are_doing = ["b"]
what_you_can_do = ["Look at your statements.", "Call us."]
guarantee = "{GUARANTEE}"
note = "kept"
[text.de]
title = "Mitteilung"
what_happened = "Etwas ist geschehen."
information_involved = ["Karten"]
information_not_involved = []
what_we_are_doing = ["b"]
what_you_can_do = ["Rufen Sie an."]
guarantee = "Sie haften nicht."
"#
    ))
    .unwrap()
}

pub(super) fn organization() -> Organization {
    Organization {
        name: "Example Air".into(),
        from: (Some("Customer Care".into()), Mailbox::parse("care@müller.example").unwrap()),
        reply_to: Some(Mailbox::parse("answers@müller.example").unwrap()),
        postal_address: "1 Road\nTown".into(),
    }
}

pub(super) fn customer(name: &str) -> Customer {
    Customer {
        reference: "C-1".into(),
        mailbox: Mailbox::parse("anna@example.org").unwrap(),
        email: "anna@example.org".into(),
        name: name.into(),
        locale: "en-US".into(),
        fields: BTreeMap::from([("tier".to_owned(), "gold".to_owned())]),
        key: [5; 32],
    }
}

pub(super) fn stamp() -> Stamp {
    Stamp {
        message_id: message_id(&[5; 32], "example.com"),
        date: Utc.with_ymd_and_hms(2018, 4, 5, 12, 0, 0).unwrap(),
        attempt: 1,
        extra_headers: Vec::new(),
    }
}

/// The message of one copy, by a composer of its own.
pub(super) fn compose(
    notice: &Notice,
    rendered: &Rendered,
    customer: &Customer,
    stamp: &Stamp,
) -> Result<Vec<u8>, MessageError> {
    Composer::new(notice, &organization())?.compose(rendered, customer, stamp)
}

pub(super) fn write(dir: &Path, files: &[(&str, &[u8])]) {
    for (path, content) in files {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// A set in one locale, with these templates and a small image.
pub(super) fn set(subject: &str, html: &str, text: Option<&str>) -> TemplateSet {
    let dir = tempfile::tempdir().unwrap();
    let mut files: Vec<(&str, &[u8])> = vec![
        ("notice.toml", b"default_locale = \"en\""),
        ("logo.png", b"\x89PNG\r\n\x1a\n\0image"),
        (
            "a-longer_name.of.an-image.gif",
            b"GIF89a an image of more than one line of base64, for its lines have seventy-six octets",
        ),
        ("en/subject.txt.hbs", subject.as_bytes()),
        ("en/body.html.hbs", html.as_bytes()),
    ];
    files.extend(text.map(|text| ("en/body.txt.hbs", text.as_bytes())));
    write(dir.path(), &files);
    TemplateSet::read_dir(dir.path()).unwrap()
}

pub(super) fn compile(set: &TemplateSet) -> Result<Notice, NoticeError> {
    let columns = BTreeSet::from(["tier".to_owned()]);
    let date = NaiveDate::from_ymd_opt(2018, 4, 5).unwrap();
    Notice::compile(set, &incident(), &organization(), date, &columns)
}

/// A notice with these templates.
pub(super) fn notice(subject: &str, html: &str, text: Option<&str>) -> Result<Notice, NoticeError> {
    compile(&set(subject, html, text))
}

pub(super) fn sample() -> Notice {
    notice(SUBJECT, HTML, Some(TEXT)).unwrap()
}

/// What a text template says to a customer.
pub(super) fn say(template: &str, customer: &Customer) -> Result<String, String> {
    let notice = notice("s", "h", Some(template)).map_err(|error| error.to_string())?;
    notice.render(customer).map(|rendered| rendered.text).map_err(|error| error.to_string())
}
