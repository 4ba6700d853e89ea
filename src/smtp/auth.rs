//! Authentication (RFC 4954): PLAIN, LOGIN and XOAUTH2, as questions and answers.
//!
//! Decides which mechanism is used and what answers a 334. Never decides whether the line is safe enough: `open` asks only
//! inside TLS or on loopback. Secrets are kept in `SecretString`, which prints nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::capabilities::Mechanism;
use super::command::Command;

/// Who signs in. `Debug` shows no password.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password, or the bearer token where only XOAUTH2 is offered.
    pub password: SecretString,
}

/// One exchange under way: what is still to be said.
pub(super) struct Exchange {
    mechanism: Mechanism,
    initial: Option<SecretString>,
    /// Answers to the questions to come, the last one first; when none is left, a further 334 is one too many.
    responses: Vec<SecretString>,
}

impl Exchange {
    /// Starts with the first of PLAIN, LOGIN and XOAUTH2 that the server offers. PLAIN takes one round trip; a token is
    /// tried only where a password cannot be meant. `None` where nothing is offered that this program speaks.
    pub fn start(offered: &[Mechanism], credentials: &Credentials) -> Option<Self> {
        let order = [Mechanism::Plain, Mechanism::Login, Mechanism::Xoauth2];
        let mechanism = order.into_iter().find(|mechanism| offered.contains(mechanism))?;
        let (user, password) = (credentials.username.as_str(), credentials.password.expose_secret());
        let (initial, responses) = match mechanism {
            Mechanism::Plain => (Some(encode(&format!("\0{user}\0{password}"))), vec![]),
            Mechanism::Login => (None, vec![encode(password), encode(user)]),
            // A refusal is told in a 334 that wants an empty line before the 535.
            Mechanism::Xoauth2 => {
                (Some(encode(&format!("user={user}\x01auth=Bearer {password}\x01\x01"))), vec![encode("")])
            }
        };
        Some(Self { mechanism, initial, responses })
    }

    /// The AUTH command.
    pub fn command(&self) -> Command<'_> {
        Command::Auth(self.mechanism, self.initial.as_ref())
    }

    /// The answer to the next 334; `None` where the server asks more than the mechanism has.
    pub fn respond(&mut self) -> Option<SecretString> {
        self.responses.pop()
    }
}

fn encode(text: &str) -> SecretString {
    STANDARD.encode(text).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials() -> Credentials {
        Credentials { username: "anna".into(), password: "s3cret".into() }
    }

    fn decode(secret: &SecretString) -> String {
        String::from_utf8(STANDARD.decode(secret.expose_secret()).unwrap()).unwrap()
    }

    #[test]
    fn plain_says_all_at_once_and_answers_no_question() {
        let mut exchange = Exchange::start(&[Mechanism::Login, Mechanism::Plain], &credentials()).unwrap();
        assert_eq!(decode(exchange.initial.as_ref().unwrap()), "\0anna\0s3cret");
        assert!(exchange.respond().is_none());
    }

    #[test]
    fn login_answers_two_questions_and_no_third() {
        let mut exchange = Exchange::start(&[Mechanism::Login], &credentials()).unwrap();
        let said: Vec<String> = std::iter::from_fn(|| exchange.respond()).map(|secret| decode(&secret)).collect();
        assert_eq!(said, ["anna", "s3cret"]);
    }

    #[test]
    fn a_token_is_used_only_where_nothing_else_is_offered() {
        let exchange = Exchange::start(&[Mechanism::Xoauth2], &credentials()).unwrap();
        assert_eq!(decode(exchange.initial.as_ref().unwrap()), "user=anna\x01auth=Bearer s3cret\x01\x01");
        let both = Exchange::start(&[Mechanism::Xoauth2, Mechanism::Login], &credentials()).unwrap();
        assert_eq!(both.mechanism, Mechanism::Login);
        assert!(Exchange::start(&[], &credentials()).is_none());
    }

    #[test]
    fn printing_credentials_shows_no_password() {
        assert!(!format!("{:?}", credentials()).contains("s3cret"));
    }
}
