//! Images that a template embeds by `cid:`.
//!
//! Decides which file each `cid:` means and the Content-ID it travels under (RFC 2392). Never fetches anything: an image
//! is a file of the notice, or an error.

use std::sync::Arc;

use super::error::NoticeError;
use super::rendered::Attachment;
use super::template_set::TemplateSet;
use crate::crypto;

/// Hexadecimal digits of an image's hash in its Content-ID: two versions of one file name must not share one.
const HASH_DIGITS: usize = 16;

/// The template with every `cid:NAME` as the image's Content-ID, and the images, each once, in order of appearance.
///
/// # Errors
/// [`NoticeError::NoImage`] where a name is no image of the set; a name put together by the template is none.
pub(super) fn embed(
    set: &TemplateSet,
    locale: &str,
    file: &str,
    source: &str,
    domain: &str,
) -> Result<(String, Vec<Arc<Attachment>>), NoticeError> {
    let mut out = String::with_capacity(source.len());
    let mut images: Vec<Arc<Attachment>> = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find("cid:") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let after = &after["cid:".len()..];
        out.push_str("cid:");
        rest = after;
        // Only where an address can begin: the word "acid:" in a sentence is none.
        if !before.ends_with(['"', '\'', '(', '=']) {
            continue;
        }
        let end =
            after.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))).unwrap_or(after.len());
        let name = &after[..end];
        let Some((bytes, media_type)) = set.image(locale, name) else {
            let line = 1 + source[..source.len() - after.len()].matches('\n').count();
            return Err(NoticeError::NoImage { file: file.to_owned(), line, name: name.to_owned() });
        };
        let hash = crypto::sha256(&[bytes]);
        let content_id = format!("{}.{name}@{domain}", &hex::encode(hash)[..HASH_DIGITS]);
        out.push_str(&content_id);
        if !images.iter().any(|known| known.content_id == content_id) {
            images.push(Arc::new(Attachment {
                content_id,
                name: name.to_owned(),
                media_type,
                bytes: bytes.to_vec(),
                hash,
            }));
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    Ok((out, images))
}
