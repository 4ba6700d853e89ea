//! The notice: from frozen template files to the exact bytes of one recipient's message.
//!
//! Decides what a customer reads and how it is written as mail, and which rules its content must meet. Sits between
//! `audience` (whose rows it renders) and `approval` (which freezes what it rendered). Never sends, never asks the clock,
//! never reads anything but a notice folder and the keys of `delivery.dkim`.

mod bind;
mod body_text;
mod check;
mod compiled;
mod composer;
mod dkim;
mod error;
mod folder;
mod header;
mod helpers;
mod html_text;
mod images;
mod in_locale;
mod locale;
mod message;
mod names;
mod parse;
mod parties;
mod paths;
mod preview;
mod reference_code;
mod rendered;
mod rules;
mod skeleton;
mod template_set;
mod text_part;
mod transfer;
mod values;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

pub use check::{Finding, RuleResult, SENDER_AUTH, check_recipient, check_rules};
pub use compiled::Notice;
pub use composer::Composer;
pub use dkim::{DkimError, Signer, Signers};
pub use error::{NoticeError, RenderError};
pub use message::{MessageError, Stamp, message_id, recipient_line};
pub use parties::{Customer, Organization};
pub use preview::{PreviewFormat, preview, preview_html, preview_text};
pub use reference_code::{parse_reference_code, reference_code};
pub use rendered::{Attachment, Rendered};
pub use rules::{Rule, RuleFileError, RuleSet, Severity};
pub use template_set::TemplateSet;
