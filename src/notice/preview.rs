//! One rendered notice as somebody looks at it before anything is sent.
//!
//! Decides what a terminal may be shown: header lines and body lines pass through `escape_controls`, so that neither an
//! escape sequence nor a direction override in a name can move what stands beside it (faults.md 31). Never sends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::compiled::Notice;
use super::composer::Composer;
use super::header::{DISPLAY_NAME_CHARACTERS_MAX, one_line};
use super::message::{MessageError, Stamp, recipient_line};
use super::parties::{Customer, Organization};
use super::rendered::Rendered;
use crate::domain::address::Mailbox;
use crate::domain::text::escape_controls;

/// How a preview is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewFormat {
    /// The message as it would be handed over.
    Eml,
    /// The HTML part, with its images inside, for a browser.
    Html,
    /// From, To, subject and the text part, for a terminal.
    Text,
}

impl PreviewFormat {
    /// The word for it on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eml => "eml",
            Self::Html => "html",
            Self::Text => "text",
        }
    }
}

impl std::str::FromStr for PreviewFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "eml" => Ok(Self::Eml),
            "html" => Ok(Self::Html),
            "text" => Ok(Self::Text),
            other => Err(format!("{other:?} is not one of eml, html, text")),
        }
    }
}

/// A preview's octets, of a copy that `notice` rendered; `stamp` matters only for [`PreviewFormat::Eml`].
///
/// # Errors
/// [`MessageError`] where the message cannot be written.
pub fn preview(
    format: PreviewFormat,
    notice: &Notice,
    rendered: &Rendered,
    customer: &Customer,
    organization: &Organization,
    stamp: &Stamp,
) -> Result<Vec<u8>, MessageError> {
    match format {
        PreviewFormat::Eml => Composer::new(notice, organization)?.compose(rendered, customer, stamp),
        PreviewFormat::Html => Ok(preview_html(rendered).into_bytes()),
        PreviewFormat::Text => Ok(preview_text(rendered, customer, organization).into_bytes()),
    }
}

/// Subject, From, To and the text part, each line safe for a terminal.
pub fn preview_text(rendered: &Rendered, customer: &Customer, organization: &Organization) -> String {
    let (from_name, from) = &organization.from;
    let mut out = String::with_capacity(rendered.text.len() + 256);
    let mut line = |name: &str, value: &str| {
        out.push_str(name);
        out.push_str(&escape_controls(value));
        out.push('\n');
    };
    line("Subject: ", &rendered.subject);
    line("From:    ", &named(from_name.as_deref().unwrap_or_default(), from));
    line("To:      ", &recipient_line(customer));
    line("Locale:  ", &rendered.locale);
    for image in &rendered.attachments {
        line("Image:   ", &format!("{} ({}, {} octets)", image.name, image.media_type, image.bytes.len()));
    }
    line("", "");
    for body in rendered.text.lines() {
        line("", &body.replace('\t', "    "));
    }
    out
}

/// The HTML part with each `cid:` image inside it, so that a browser shows what a mail program would.
pub fn preview_html(rendered: &Rendered) -> String {
    let mut html = rendered.html.clone();
    for image in &rendered.attachments {
        let inside = format!("data:{};base64,{}", image.media_type, BASE64.encode(&image.bytes));
        html = html.replace(&format!("cid:{}", image.content_id), &inside);
    }
    html
}

fn named(name: &str, mailbox: &Mailbox) -> String {
    let name = one_line(name, DISPLAY_NAME_CHARACTERS_MAX);
    if name.is_empty() { mailbox.reveal() } else { format!("{name} <{}>", mailbox.reveal()) }
}
