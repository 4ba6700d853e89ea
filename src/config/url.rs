//! The URLs of relays, mail accounts and databases: what each part may be.

use std::net::IpAddr;

/// RFC 8314 §7.3: message submission with STARTTLS.
pub(super) const SUBMISSION_PORT: u16 = 587;
/// RFC 8314 §3.3: message submission inside TLS.
pub(super) const SUBMISSIONS_PORT: u16 = 465;
/// RFC 8314 §3.2: IMAP inside TLS.
pub(super) const IMAPS_PORT: u16 = 993;
/// RFC 1035 §2.3.4.
const HOST_OCTETS_MAX: usize = 253;

/// What follows `scheme://`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    /// Before the `@`.
    pub(super) user: Option<&'a str>,
    /// A name as A-labels in lower case, or an address without brackets.
    pub(super) host: String,
    /// As given; never 0.
    pub(super) port: Option<u16>,
    /// After the first `/`.
    pub(super) path: &'a str,
    /// After the `?`.
    pub(super) query: Option<&'a str>,
}

/// Takes apart what follows `scheme://`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn parts(rest: &str) -> Result<Parts<'_>, String> {
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
    let (host, port) = match place.strip_prefix('[') {
        Some(literal) => {
            let (host, after) = literal.split_once(']').ok_or("the bracket before the host is not closed")?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or(PORT_ADVICE)?) };
            (host, port)
        }
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(parse_port).transpose()?;
    let literal = place.starts_with('[');
    Ok(Parts { user, host: parse_host(host, literal)?, port, path, query })
}

const PORT_ADVICE: &str = "the port must be a number from 1 to 65535; an IPv6 address stands in brackets: [::1]:587";

fn parse_port(text: &str) -> Result<u16, String> {
    let port = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    port.filter(|port| *port != 0).ok_or_else(|| PORT_ADVICE.into())
}

fn parse_host(host: &str, literal: bool) -> Result<String, String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return if address.is_ipv6() == literal { Ok(address.to_string()) } else { Err(HOST_ADVICE.into()) };
    }
    let ascii = idna::domain_to_ascii(host).map_err(|_| HOST_ADVICE)?;
    let name = ascii.strip_suffix('.').unwrap_or(&ascii);
    let label_is_legal = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let legal = !literal && name.len() <= HOST_OCTETS_MAX && name.split('.').all(label_is_legal);
    if legal { Ok(name.to_owned()) } else { Err(HOST_ADVICE.into()) }
}

const HOST_ADVICE: &str = "the host must be a name, an IPv4 address, or an IPv6 address in brackets";

/// Whether what is sent to this host never leaves the machine: 127.0.0.0/8, ::1, `localhost`.
pub(super) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// An `https://` URL, or `http://` on loopback, kept as it is written.
///
/// # Errors
/// What to write instead.
pub(super) fn web_url(text: &str) -> Result<String, String> {
    let advice = || "write a URL that begins with https:// (http:// only on loopback)".to_owned();
    let (scheme, rest) = text.split_once("://").ok_or_else(advice)?;
    let parts = parts(rest)?;
    let secure = scheme == "https" || scheme == "http" && is_loopback(&parts.host);
    if !secure || text.contains(|c: char| c.is_control() || c == ' ') {
        return Err(advice());
    }
    if parts.user.is_some() {
        return Err("write the URL without credentials".into());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_falls_apart_into_user_host_port_path_and_query() {
        let got = parts("a@b@Mail.Example.com:25/INBOX?tls=required").unwrap();
        assert_eq!((got.user, got.host.as_str(), got.port), (Some("a@b"), "mail.example.com", Some(25)));
        assert_eq!((got.path, got.query), ("INBOX", Some("tls=required")));
        assert_eq!(parts("[::1]").unwrap().host, "::1");
        assert_eq!(parts("[2001:db8::1]:587").unwrap().port, Some(587));
        assert_eq!(parts("bücher.example").unwrap().host, "xn--bcher-kva.example");
    }

    #[test]
    fn hosts_and_ports_that_cannot_be_are_refused() {
        for text in ["", ":25", "a:0", "a:65536", "a:x", "a:+5", "::1", "[::1", "[::1]5", "[a]", "a b", "a..b", "é\n"]
        {
            assert!(parts(text).is_err(), "{text:?} was taken");
        }
    }

    #[test]
    fn loopback_is_127_slash_8_and_its_names() {
        assert!(["127.0.0.1", "127.9.9.9", "::1", "localhost"].into_iter().all(is_loopback));
        assert!(!["10.0.0.1", "localhost.example.com", "relay", "::2"].into_iter().any(is_loopback));
    }

    #[test]
    fn a_web_address_is_encrypted_unless_it_stays_on_this_machine() {
        assert!(web_url("https://tsa.example.com/tsr").is_ok() && web_url("http://127.0.0.1:80/").is_ok());
        for text in ["http://tsa.example.com", "ftp://x", "tsa.example.com", "https://u:p@x.example", "https://"] {
            assert!(web_url(text).is_err(), "{text:?} was taken");
        }
    }
}
