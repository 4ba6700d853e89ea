//! RFC 8785, the JSON Canonicalization Scheme, for the values that entries and commitments are made of.

use serde_json::{Map, Value};

use crate::domain::octets;

/// The largest integer that every JSON reader keeps exactly (RFC 8785 §3.2.2.3, RFC 7493 §2.2).
pub const INTEGER_MAX: u64 = (1 << 53) - 1;

/// A value that has no canonical form here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} has no place in a ledger entry: numbers there are integers below 2^53")]
pub struct NotCanonical(String);

/// The canonical bytes of a value: keys sorted by UTF-16 code units, no white space, shortest escapes.
///
/// # Errors
/// [`NotCanonical`] for a fraction or an integer beyond 2^53.
pub fn to_bytes(value: &Value) -> Result<Vec<u8>, NotCanonical> {
    let mut out = Vec::with_capacity(512);
    write(value, &mut out)?;
    Ok(out)
}

/// The canonical bytes of an object of these members, which are put in order. Their names are ASCII, so that they sort
/// alike by bytes and by UTF-16 units, and differ.
///
/// # Errors
/// As [`to_bytes`].
pub fn fields_to_bytes(fields: &mut [(&'static str, Value)]) -> Result<Vec<u8>, NotCanonical> {
    fields.sort_unstable_by_key(|(name, _)| *name);
    let mut out = Vec::with_capacity(1_024);
    write_members(fields.iter().map(|(name, value)| (*name, value)), &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::String(text) => write_string(text, out),
        Value::Number(number) => {
            let is_safe = number.as_u64().is_some_and(|n| n <= INTEGER_MAX)
                || number.as_i64().is_some_and(|n| n.unsigned_abs() <= INTEGER_MAX);
            if !is_safe {
                return Err(NotCanonical(number.to_string()));
            }
            out.extend_from_slice(number.to_string().as_bytes());
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        Value::Object(object) => write_object(object, out)?,
    }
    Ok(())
}

fn write_object(object: &Map<String, Value>, out: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let mut members: Vec<(&String, &Value)> = object.iter().collect();
    // ASCII keys, nearly all there are, sort alike by bytes and by UTF-16 units.
    if members.iter().all(|(key, _)| key.is_ascii()) {
        members.sort_unstable_by_key(|(key, _)| key.as_bytes());
    } else {
        members.sort_by_cached_key(|(key, _)| key.encode_utf16().collect::<Vec<u16>>());
    }
    write_members(members.into_iter().map(|(key, value)| (key.as_str(), value)), out)
}

fn write_members<'v>(
    members: impl Iterator<Item = (&'v str, &'v Value)>,
    out: &mut Vec<u8>,
) -> Result<(), NotCanonical> {
    out.push(b'{');
    for (index, (key, value)) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_string(key, out);
        out.push(b':');
        write(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

/// Whether a string cannot hold an octet as it is.
fn needs_escape(octet: u8) -> bool {
    // Without a branch, so that many are compared at once.
    (octet < b' ') | (octet == b'"') | (octet == b'\\')
}

/// Where canonical bytes go.
pub(super) trait Sink {
    /// Takes the next piece.
    fn put(&mut self, piece: &[u8]);
}

impl Sink for Vec<u8> {
    #[inline]
    fn put(&mut self, piece: &[u8]) {
        self.extend_from_slice(piece);
    }
}

/// RFC 8785 §3.2.2.2: only what must be escaped is, in its shortest form.
pub(super) fn write_string(text: &str, out: &mut impl Sink) {
    out.put(b"\"");
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for index in octets::places(bytes, needs_escape) {
        let byte = bytes[index];
        out.put(&bytes[plain_from..index]);
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x09 => b't',
            0x0a => b'n',
            0x0c => b'f',
            0x0d => b'r',
            _ => 0,
        };
        if short == 0 {
            out.put(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.put(&[b'\\', short]);
        }
        plain_from = index + 1;
    }
    out.put(&bytes[plain_from..]);
    out.put(b"\"");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn canonical(value: Value) -> String {
        String::from_utf8(to_bytes(&value).unwrap()).unwrap()
    }

    #[test]
    fn the_samples_of_rfc_8785_come_out_as_published() {
        // §3.2.2 and §3.2.3, without the fractions, which entries never hold.
        let strings = json!({"string": "\u{20ac}$\u{000F}\u{000a}A'\u{0042}\u{0022}\u{005c}\\\"/", "literals": [null, true, false]});
        assert_eq!(
            canonical(strings),
            "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}"
        );
        let keys = json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
        assert_eq!(canonical(keys), "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"\u{1f600}\":5,\"\u{fb33}\":3}");
    }

    #[test]
    fn numbers_that_readers_disagree_on_are_refused() {
        assert!(to_bytes(&json!(0.5)).is_err());
        assert!(to_bytes(&json!(1_u64 << 53)).is_err());
        assert_eq!(canonical(json!(-((1_i64 << 53) - 1))), "-9007199254740991");
    }
}
