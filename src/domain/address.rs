//! A mailbox as this program mails it: one addr-spec of RFC 5321, checked, masked when printed.
//!
//! Decides what counts as a deliverable address and when two addresses are the same mailbox. Never asks DNS.

use std::fmt;

use email_address::{EmailAddress, Options};

/// RFC 5321 §4.5.3.1.1: octets of a local part.
const LOCAL_PART_OCTETS_MAX: usize = 64;
/// RFC 5321 §4.5.3.1.3 allows a path of 256 octets, of which two are the angle brackets.
const ADDRESS_OCTETS_MAX: usize = 254;

/// One mailbox. `Debug` and `Display` mask it; [`Mailbox::reveal`] is the full form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Mailbox {
    local: String,
    /// The A-label form, lower case.
    domain: String,
}

/// Why a text is no address that this program mails. The message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Nothing there.
    #[error("the address is empty")]
    Empty,
    /// A display name, angle brackets, a comment, several addresses.
    #[error("only the bare address may stand here, without a name, brackets, comments or a second address")]
    NotBare,
    /// A quoted local part.
    #[error("quoted local parts are not accepted; give the address in its plain form")]
    Quoted,
    /// `user@[192.0.2.1]`.
    #[error("an address literal in brackets is not accepted; give a domain name")]
    Literal,
    /// No `@`, or something RFC 5321 does not allow.
    #[error("this is not an e-mail address: {0}")]
    Syntax(String),
    /// `user@localhost`, `user@10.0.0.1`.
    #[error("the domain needs at least two labels, and the last may not be a number")]
    Domain,
    /// Over the limits of RFC 5321 §4.5.3.1.
    #[error("the address is longer than SMTP allows (64 octets before the @, 254 in all)")]
    TooLong,
}

impl Mailbox {
    /// Reads one bare address.
    ///
    /// White space around it is dropped; the domain becomes its A-label in lower case (RFC 5890), the local part stays as
    /// it is (RFC 5321 §2.4). UTF-8 local parts (RFC 6531) are allowed.
    ///
    /// # Errors
    /// [`AddressError`] for anything that is not exactly one deliverable mailbox.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        if text.contains(['<', '>', '(', ')', ',', ';']) || text.contains(char::is_whitespace) {
            return Err(AddressError::NotBare);
        }
        if text.contains(char::is_control) {
            return Err(AddressError::Syntax("it holds a control character".into()));
        }
        let (local, domain) =
            text.rsplit_once('@').ok_or_else(|| AddressError::Syntax("there is no @ in it".into()))?;
        if local.contains('"') {
            return Err(AddressError::Quoted);
        }
        if domain.starts_with('[') {
            return Err(AddressError::Literal);
        }
        let domain = ascii_domain(domain)?;
        if local.len() > LOCAL_PART_OCTETS_MAX || local.len() + 1 + domain.len() > ADDRESS_OCTETS_MAX {
            return Err(AddressError::TooLong);
        }
        let bare = Options::default().with_required_tld().without_domain_literal().without_display_text();
        EmailAddress::parse_with_options(&format!("{local}@{domain}"), bare)
            .map_err(|error| AddressError::Syntax(error.to_string()))?;
        Ok(Self { local: local.to_owned(), domain })
    }

    /// The part before the `@`.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain as its A-label in lower case: what goes over the wire and what limits are kept by.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The full address, domain as A-label. Equal for equal mailboxes. Personal data: never for a log.
    pub fn reveal(&self) -> String {
        format!("{}@{}", self.local, self.domain)
    }

    /// Whether the local part needs SMTPUTF8 (RFC 6531).
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.is_ascii()
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.local.chars().next().unwrap_or('*');
        write!(f, "{first}…@{}", self.domain)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({self})")
    }
}

/// The A-label form of a domain, lower case.
///
/// # Errors
/// [`AddressError::Domain`] where it has no dot, ends in a number, or is no domain name.
pub fn ascii_domain(domain: &str) -> Result<String, AddressError> {
    let ascii = if domain.is_ascii() {
        domain.to_ascii_lowercase()
    } else {
        idna::domain_to_ascii(domain).map_err(|_| AddressError::Syntax("its domain is not a valid name".into()))?
    };
    let labels: Vec<&str> = ascii.split('.').collect();
    let label_is_legal = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if !labels.iter().all(label_is_legal) {
        return Err(AddressError::Syntax("its domain is not a valid name".into()));
    }
    let last_is_number = labels.last().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    if labels.len() < 2 || last_is_number {
        return Err(AddressError::Domain);
    }
    Ok(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domain_case_and_form_do_not_make_another_mailbox() {
        let one = Mailbox::parse("Anna@Müller.Example.ORG").unwrap();
        let two = Mailbox::parse(" Anna@xn--mller-kva.example.org ").unwrap();
        assert_eq!(one, two);
        assert_ne!(one, Mailbox::parse("anna@müller.example.org").unwrap());
    }

    #[test]
    fn what_is_not_one_bare_deliverable_address_is_refused() {
        for text in [
            "",
            "anna",
            "anna@",
            "@example.org",
            "anna@localhost",
            "anna@10.0.0.1",
            "anna@[10.0.0.1]",
            "a b@example.org",
            "Anna <anna@example.org>",
            "anna@example.org, bob@example.org",
            "\"a b\"@example.org",
            "anna(x)@example.org",
            "anna@exa_mple.org",
            "anna@example..org",
            ".anna@example.org",
            "an..na@example.org",
            "anna@-example.org",
            "anna@example.org.",
            "a\u{0}b@example.org",
            "anna@example.123",
            "anna@@example.org",
            "a\r\nb@example.org",
        ] {
            assert!(Mailbox::parse(text).is_err(), "{text:?} was taken");
        }
        assert!(Mailbox::parse(&format!("{}@example.org", "a".repeat(65))).is_err());
        assert!(Mailbox::parse(&format!("a@{}.example.org", "b".repeat(64))).is_err());
    }

    #[test]
    fn real_addresses_are_taken_as_they_are() {
        for text in ["o'neill@example.com", "josé@example.org", "a+b@sub.example.net", "x_y-z.1@example.co.uk"] {
            assert_eq!(Mailbox::parse(text).unwrap().reveal(), text);
        }
        assert!(Mailbox::parse("josé@example.org").unwrap().needs_smtputf8());
    }

    #[test]
    fn printing_masks_the_address() {
        let mailbox = Mailbox::parse("anna.long@example.org").unwrap();
        assert_eq!(format!("{mailbox} {mailbox:?}"), "a…@example.org Mailbox(a…@example.org)");
    }
}
