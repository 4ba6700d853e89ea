//! `[organization]`, `[dns]` and `[safety]`: who writes, and to whom anything may go at all.

use std::net::{IpAddr, SocketAddr};

use super::error::ConfigError;
use super::section::Section;
use super::settings::{Dns, OnlyTo, Organization, ReturnPath, Safety, Sender};
use crate::domain::address::{Mailbox, ascii_domain};

/// What stands in for the tag while the template of a return path is checked.
const TAG_SAMPLE: &str = "t";

impl Organization {
    pub(super) fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        let section = root.section("organization")?;
        let zone = |text: &str| {
            text.parse()
                .map_err(|_| "write the name of a time zone, such as \"America/New_York\" or \"UTC\"".to_owned())
        };
        Ok(Self {
            name: section.text("name")?.unwrap_or_default(),
            from: section.parse_unless_empty("from", Sender::parse)?,
            reply_to: section.parse_unless_empty("reply_to", Sender::parse)?,
            return_path: section.parse_unless_empty("return_path", ReturnPath::parse)?,
            postal_address: section.lines("postal_address")?.unwrap_or_default(),
            time_zone: section.parse("time_zone", zone)?.unwrap_or(chrono_tz::UTC),
            link_hosts: section.list("link_hosts", |text| {
                ascii_domain(text).map_err(|error| format!("write the host alone, such as www.example.com ({error})"))
            })?,
        })
    }
}

impl Safety {
    pub(super) fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        let entry = |text: &str| match text.split_once('@') {
            Some((local, _)) if !local.is_empty() => Mailbox::parse(text).map(OnlyTo::Address),
            Some((_, domain)) => ascii_domain(domain).map(OnlyTo::Domain),
            None => ascii_domain(text).map(OnlyTo::Domain),
        };
        let advice =
            |error| format!("write an address or a domain, such as \"me@example.com\" or \"@example.com\" ({error})");
        Ok(Self { only_to: root.section("safety")?.list("only_to", |text| entry(text).map_err(advice))? })
    }
}

impl Dns {
    pub(super) fn read(root: &Section<'_>) -> Result<Self, ConfigError> {
        const PORT: u16 = 53;
        let server = |text: &str| {
            let with_port = text.parse::<SocketAddr>();
            with_port.or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT))).map_err(|_| {
                "write the address of a DNS server, such as \"192.0.2.53\" or \"[2001:db8::53]:5353\"".to_owned()
            })
        };
        Ok(Self { servers: root.section("dns")?.list("servers", server)? })
    }
}

impl Sender {
    /// Reads `care@example.com` or `Customer Care <care@example.com>`; a name in quotes loses them.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let advice = |error| format!("write \"care@example.com\" or \"Customer Care <care@example.com>\" ({error})");
        let text = text.trim();
        let Some((name, address)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) else {
            let mailbox = Mailbox::parse(text).map_err(|error| advice(error.to_string()))?;
            return Ok(Self { name: None, mailbox });
        };
        let mailbox = Mailbox::parse(address).map_err(|error| advice(error.to_string()))?;
        let name = unquoted(name.trim()).ok_or_else(|| advice("the quotes of the name do not match".into()))?;
        // A second address would otherwise pass as part of the name.
        if name.contains(['<', '>', '@']) || name.contains(char::is_control) {
            return Err(advice("a name may not hold <, >, @ or control characters".into()));
        }
        Ok(Self { name: Some(name).filter(|name| !name.is_empty()), mailbox })
    }
}

/// A display name without the quotes and backslashes of RFC 5322 §3.2.4; `None` if they do not match.
fn unquoted(name: &str) -> Option<String> {
    let Some(inner) = name.strip_prefix('"') else {
        return (!name.contains('"')).then(|| name.to_owned());
    };
    let mut out = String::new();
    let mut characters = inner.chars();
    loop {
        match characters.next()? {
            '"' => return characters.as_str().is_empty().then_some(out),
            '\\' => out.push(characters.next()?),
            character => out.push(character),
        }
    }
}

impl ReturnPath {
    /// Reads an address whose local part may hold `{tag}` once.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let advice = |error| {
            format!("write an address, such as \"bounces@example.com\" or \"bounces+{{tag}}@example.com\" ({error})")
        };
        let path = Self { template: text.trim().to_owned() };
        let rest = path.template.replacen(Self::TAG, TAG_SAMPLE, 1);
        if rest.contains(['{', '}']) {
            return Err(advice("only {tag} may stand in braces, once".to_owned()));
        }
        let in_domain = path.template.rsplit_once('@').is_some_and(|(_, domain)| domain.contains(Self::TAG));
        if in_domain {
            return Err(advice("{tag} belongs before the @".to_owned()));
        }
        path.mailbox(TAG_SAMPLE).map_err(|error| advice(error.to_string()))?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        let parse = |text: &str| Sender::parse(text).map(|sender| (sender.name, sender.mailbox.reveal()));
        let care = || "care@example.com".to_owned();
        assert_eq!(parse("care@example.com").unwrap(), (None, care()));
        assert_eq!(parse("<care@EXAMPLE.com>").unwrap(), (None, care()));
        assert_eq!(parse("Customer Care <care@example.com>").unwrap(), (Some("Customer Care".into()), care()));
        assert_eq!(parse(r#""Delta, \"Inc\"" <care@example.com>"#).unwrap(), (Some("Delta, \"Inc\"".into()), care()));
    }

    #[test]
    fn two_addresses_broken_quotes_and_line_breaks_make_no_sender() {
        for text in [
            "",
            "Care",
            "a@example.com, b@example.com",
            "A <a@example.com>, B <b@example.com>",
            "\"Care <care@example.com>",
            "Care\r\nBcc: x <care@example.com>",
            "Care <care@localhost>",
        ] {
            assert!(Sender::parse(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn a_return_path_takes_a_tag_once_and_before_the_at() {
        let tagged = ReturnPath::parse("bounces+{tag}@example.com").unwrap();
        assert!(tagged.has_tag());
        assert_eq!(tagged.mailbox("a1b2").unwrap().reveal(), "bounces+a1b2@example.com");
        let plain = ReturnPath::parse("bounces@example.com").unwrap();
        assert!(!plain.has_tag());
        assert_eq!(plain.mailbox("a1b2").unwrap().reveal(), "bounces@example.com");
        for text in ["", "b{tag}{tag}@example.com", "b@{tag}.example.com", "b{ref}@example.com", "B <b@example.com>"] {
            assert!(ReturnPath::parse(text).is_err(), "{text:?} was taken");
        }
        assert!(tagged.mailbox(&"x".repeat(64)).is_err());
    }
}
