//! What a server said it can do, read from its answer to EHLO (RFC 5321 §4.1.1.1).
//!
//! Decides which keywords count. Never decides what to do without one of them: that is `envelope` and `open`.

use crate::domain::outcome::Reply;

/// A SASL mechanism that this program speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// The older two-question form (draft-murchison-sasl-login).
    Login,
    /// A bearer token in place of the password (Google's and Microsoft's XOAUTH2).
    Xoauth2,
}

impl Mechanism {
    /// The word for it in `AUTH`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::Xoauth2 => "XOAUTH2",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Plain, Self::Login, Self::Xoauth2].into_iter().find(|known| known.as_str().eq_ignore_ascii_case(word))
    }
}

/// The extensions of one connection. The default is a server that has none (after HELO).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 1870: whether `SIZE` may be given with MAIL.
    pub size: bool,
    /// The largest message in octets; `None` where no fixed limit was announced.
    pub size_max: Option<u64>,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
    /// RFC 4954: the mechanisms that both sides speak, in the server's order.
    pub auth: Vec<Mechanism>,
}

impl Capabilities {
    /// Reads a positive answer to EHLO; its first line is a greeting and says nothing.
    pub fn from_ehlo(reply: &Reply) -> Self {
        let mut found = Self::default();
        for line in reply.text.lines().skip(1) {
            found.read_line(line);
        }
        found
    }

    fn read_line(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        match keyword.as_str() {
            "PIPELINING" => self.pipelining = true,
            "8BITMIME" => self.eight_bit_mime = true,
            "SMTPUTF8" => self.smtputf8 = true,
            "STARTTLS" => self.starttls = true,
            "DSN" => self.dsn = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_status_codes = true,
            "SIZE" => {
                self.size = true;
                // RFC 1870 §4: zero says that there is no fixed limit.
                self.size_max = words.next().and_then(|number| number.parse().ok()).filter(|size| *size > 0);
            }
            "AUTH" => self.add_mechanisms(words),
            // Before RFC 2554 servers wrote `AUTH=LOGIN`, and some still do so beside the standard form.
            _ => {
                if let Some(first) = keyword.strip_prefix("AUTH=") {
                    self.add_mechanisms(std::iter::once(first).chain(words));
                }
            }
        }
    }

    fn add_mechanisms<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        for mechanism in words.filter_map(Mechanism::parse) {
            if !self.auth.contains(&mechanism) {
                self.auth.push(mechanism);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Capabilities {
        Capabilities::from_ehlo(&Reply { code: 250, enhanced: None, text: text.into() })
    }

    #[test]
    fn keywords_count_without_regard_to_case() {
        let found = read("mail.example\npipelining\nSIZE 1000\n8bitmime\nSmtpUtf8\nSTARTTLS\nDSN\nENHANCEDSTATUSCODES");
        assert!(found.pipelining && found.eight_bit_mime && found.smtputf8 && found.starttls && found.dsn);
        assert_eq!((found.size, found.size_max), (true, Some(1_000)));
        assert!(found.enhanced_status_codes);
    }

    #[test]
    fn the_greeting_line_announces_nothing() {
        assert_eq!(read("PIPELINING\nX-OTHER"), Capabilities::default());
    }

    #[test]
    fn a_size_of_zero_or_none_is_no_limit() {
        for text in ["hi\nSIZE", "hi\nSIZE 0", "hi\nSIZE many"] {
            let found = read(text);
            assert_eq!((found.size, found.size_max), (true, None), "{text}");
        }
    }

    #[test]
    fn both_forms_of_auth_are_read_and_unknown_mechanisms_left_out() {
        let found = read("hi\nAUTH=LOGIN PLAIN\nAUTH CRAM-MD5 plain XOAUTH2");
        assert_eq!(found.auth, [Mechanism::Login, Mechanism::Plain, Mechanism::Xoauth2]);
    }
}
