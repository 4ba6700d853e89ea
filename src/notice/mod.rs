//! The notice: from frozen template files to the exact bytes of one recipient's message.
//!
//! Decides what a customer reads and how it is written as mail, and which rules its content must meet. Sits between
//! `audience` (whose rows it renders) and `approval` (which freezes what it rendered). Never sends, never asks the clock,
//! never reads anything but a notice folder.

mod bind;
mod body_text;
mod error;
mod folder;
mod header;
mod helpers;
mod images;
mod locale;
mod names;
mod notice;
mod parse;
mod reference_code;
mod rendered;
mod template_set;
mod text_part;
mod values;

pub use error::{NoticeError, RenderError};
pub use notice::{Customer, Notice, Organization};
pub use reference_code::{parse_reference_code, reference_code};
pub use rendered::{Attachment, Rendered};
pub use template_set::TemplateSet;
