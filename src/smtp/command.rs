//! The commands that this client speaks, as types, and their bytes.
//!
//! Decides how a command is written (RFC 5321 §4.1.1 and the extensions' parameters). Whatever a command is made of, it
//! leaves as exactly one line: a control character anywhere in it is refused, so nothing can add a command.

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};

use super::capabilities::Mechanism;
use crate::domain::address::Mailbox;

/// RFC 3461 §4.4: characters of an `ENVID`.
const ENVID_CHARACTERS_MAX: usize = 100;

/// One command of a client.
pub enum Command<'a> {
    /// `EHLO` with this client's name.
    Ehlo(&'a str),
    /// `HELO` with this client's name, for servers that know no EHLO.
    Helo(&'a str),
    /// RFC 3207.
    StartTls,
    /// RFC 4954: a mechanism, with its first response where it has one.
    Auth(Mechanism, Option<&'a SecretString>),
    /// RFC 4954: the base64 answer to a 334.
    AuthResponse(&'a SecretString),
    /// `MAIL FROM`; without a mailbox the null path `<>`.
    Mail(Option<&'a Mailbox>, MailParameters<'a>),
    /// `RCPT TO`, with what RFC 3461 asks for where wanted.
    Rcpt(&'a Mailbox, Option<Notify>),
    /// `DATA`.
    Data,
    /// `RSET`.
    Reset,
    /// `QUIT`.
    Quit,
}

/// The parameters of MAIL; each stands there only where the server announced its extension.
#[derive(Clone, Copy, Default)]
pub struct MailParameters<'a> {
    /// RFC 1870: octets of the message.
    pub size: Option<u64>,
    /// RFC 6152.
    pub eight_bit: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3461 §4.4; reports then carry the headers only (`RET=HDRS`).
    pub envid: Option<&'a str>,
}

/// Which reports RFC 3461 asks for: always failure and delay.
#[derive(Clone, Copy)]
pub struct Notify {
    /// Success, too.
    pub success: bool,
}

/// Why a command cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// A line break or another control character in one of its parts.
    #[error("a part of the command holds a line break or a control character")]
    Control,
    /// An EHLO name or ENVID that is empty, has spaces, is not ASCII or is too long.
    #[error("{0} is empty, too long, or holds characters that SMTP does not allow there")]
    Argument(&'static str),
}

impl Command<'_> {
    /// Appends the command and its CRLF to `out`; on an error `out` is as before.
    ///
    /// # Errors
    /// [`CommandError`] where it would not be one legal line.
    pub fn write_to(&self, out: &mut Vec<u8>) -> Result<(), CommandError> {
        let line = self.line()?;
        if line.bytes().any(|b| b < b' ' || b == 0x7f) {
            return Err(CommandError::Control);
        }
        out.extend_from_slice(line.as_bytes());
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn line(&self) -> Result<String, CommandError> {
        Ok(match self {
            Self::Ehlo(name) => format!("EHLO {}", word(name, "the name for EHLO")?),
            Self::Helo(name) => format!("HELO {}", word(name, "the name for HELO")?),
            Self::StartTls => "STARTTLS".into(),
            Self::Auth(mechanism, None) => format!("AUTH {}", mechanism.as_str()),
            Self::Auth(mechanism, Some(first)) => format!("AUTH {} {}", mechanism.as_str(), first.expose_secret()),
            Self::AuthResponse(response) => response.expose_secret().to_owned(),
            Self::Mail(from, parameters) => mail(*from, parameters)?,
            Self::Rcpt(to, notify) => rcpt(to, *notify),
            Self::Data => "DATA".into(),
            Self::Reset => "RSET".into(),
            Self::Quit => "QUIT".into(),
        })
    }
}

fn word<'a>(text: &'a str, what: &'static str) -> Result<&'a str, CommandError> {
    let legal = !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic());
    legal.then_some(text).ok_or(CommandError::Argument(what))
}

fn mail(from: Option<&Mailbox>, parameters: &MailParameters<'_>) -> Result<String, CommandError> {
    let mut line = format!("MAIL FROM:<{}>", from.map(Mailbox::reveal).unwrap_or_default());
    if let Some(size) = parameters.size {
        // Writing to a String cannot fail, here and below.
        let _ = write!(line, " SIZE={size}");
    }
    if parameters.eight_bit {
        line.push_str(" BODY=8BITMIME");
    }
    if parameters.smtputf8 {
        line.push_str(" SMTPUTF8");
    }
    if let Some(envid) = parameters.envid {
        // RFC 3461 §4.4: printable ASCII, encoded as xtext.
        let legal = !envid.is_empty() && envid.bytes().all(|b| (b' '..=b'~').contains(&b));
        let encoded = xtext(envid);
        if !legal || encoded.len() > ENVID_CHARACTERS_MAX {
            return Err(CommandError::Argument("ENVID"));
        }
        let _ = write!(line, " RET=HDRS ENVID={encoded}");
    }
    Ok(line)
}

fn rcpt(to: &Mailbox, notify: Option<Notify>) -> String {
    let address = to.reveal();
    let mut line = format!("RCPT TO:<{address}>");
    if let Some(notify) = notify {
        line.push_str(if notify.success { " NOTIFY=SUCCESS,FAILURE,DELAY" } else { " NOTIFY=FAILURE,DELAY" });
        if address.is_ascii() {
            let _ = write!(line, " ORCPT=rfc822;{}", xtext(&address));
        } else {
            let _ = write!(line, " ORCPT=utf-8;{}", utf8_xtext(&address));
        }
    }
    line
}

/// RFC 3461 §4: printable ASCII as it is, but for `+` and `=`; all else as `+` and two hexadecimal digits.
fn xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_graphic() && !matches!(b, b'+' | b'=') {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "+{b:02X}");
        }
    }
    out
}

/// RFC 6533 §3, `utf-8-addr-xtext`: what xtext would encode, and the backslash, as `\x{HEX}`, so that it stays ASCII.
fn utf8_xtext(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_graphic() && !matches!(c, '+' | '=' | '\\') {
            out.push(c);
        } else {
            let _ = write!(out, "\\x{{{:02X}}}", u32::from(c));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(command: &Command<'_>) -> Result<String, CommandError> {
        let mut out = Vec::new();
        command.write_to(&mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn mailbox(text: &str) -> Mailbox {
        Mailbox::parse(text).unwrap()
    }

    #[test]
    fn mail_and_rcpt_carry_what_was_asked_for() {
        let from = mailbox("bounces+x=1@example.com");
        let all = MailParameters { size: Some(7), eight_bit: true, smtputf8: true, envid: Some("a b+c=d") };
        assert_eq!(
            line(&Command::Mail(Some(&from), all)).unwrap(),
            "MAIL FROM:<bounces+x=1@example.com> SIZE=7 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+20b+2Bc+3Dd\r\n"
        );
        assert_eq!(line(&Command::Mail(None, MailParameters::default())).unwrap(), "MAIL FROM:<>\r\n");
        let to = mailbox("a+b@example.org");
        assert_eq!(line(&Command::Rcpt(&to, None)).unwrap(), "RCPT TO:<a+b@example.org>\r\n");
        assert_eq!(
            line(&Command::Rcpt(&to, Some(Notify { success: false }))).unwrap(),
            "RCPT TO:<a+b@example.org> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a+2Bb@example.org\r\n"
        );
        assert_eq!(
            line(&Command::Rcpt(&mailbox("josé@example.org"), Some(Notify { success: true }))).unwrap(),
            "RCPT TO:<josé@example.org> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=utf-8;jos\\x{E9}@example.org\r\n"
        );
    }

    #[test]
    fn nothing_can_add_a_line_to_a_command() {
        let secret = SecretString::from("a\r\nRSET");
        for command in [
            Command::Ehlo("a\r\nMAIL FROM:<x@y>"),
            Command::Helo("a b"),
            Command::Ehlo(""),
            Command::Auth(Mechanism::Plain, Some(&secret)),
            Command::AuthResponse(&secret),
            Command::Mail(None, MailParameters { envid: Some("a\nb"), ..MailParameters::default() }),
            Command::Mail(None, MailParameters { envid: Some(&"+".repeat(40)), ..MailParameters::default() }),
        ] {
            let mut out = b"before".to_vec();
            assert!(command.write_to(&mut out).is_err());
            assert_eq!(out, b"before");
        }
    }
}
