//! The steps before the first message: EHLO, STARTTLS, AUTH.
//!
//! Decides what is announced and who may sign in.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::InboxTls;
use super::script::Step;
use super::visit::{Over, Stay, Visit};

/// Questions that one AUTH may take, scripted ones included; a client gives up long before.
const QUESTIONS_MAX: usize = 1_000;

impl Visit {
    pub(super) async fn hello(&mut self, extended: bool) -> Stay<()> {
        let usual = if extended { self.announcement() } else { "250 inbox.candor.invalid".into() };
        self.forget();
        self.greeted = self.act(Step::Ehlo, 0, &usual).await? == 250;
        Ok(())
    }

    fn announcement(&self) -> String {
        let mut lines = vec!["inbox.candor.invalid".to_owned()];
        lines.extend(self.options.extensions.keywords());
        if matches!(self.options.tls, InboxTls::StartTls(_)) && !self.wire.is_tls {
            lines.push("STARTTLS".into());
        }
        if self.options.auth.is_some() && self.may_sign_in() {
            lines.push("AUTH PLAIN LOGIN".into());
        }
        let last = lines.pop().unwrap_or_default();
        let rest: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
        format!("{rest}250 {last}")
    }

    /// In plaintext only where there is no TLS to be had.
    fn may_sign_in(&self) -> bool {
        self.wire.is_tls || matches!(self.options.tls, InboxTls::None)
    }

    pub(super) async fn starttls(mut self) -> Stay<Self> {
        let offered = matches!(self.options.tls, InboxTls::StartTls(_)) && !self.wire.is_tls;
        let usual = if offered { "220 2.0.0 go ahead" } else { "503 5.5.1 no TLS here" };
        if self.act(Step::StartTls, 0, usual).await? != 220 {
            return Ok(self);
        }
        self.wire.flush().await?;
        self.secure().await
    }

    /// The handshake; the session begins anew after it (RFC 3207 §4.2).
    pub(super) async fn secure(mut self) -> Stay<Self> {
        self.act(Step::Handshake, 0, "").await?;
        self.wire.flush().await?;
        let (InboxTls::StartTls(config) | InboxTls::Implicit(config)) = self.options.tls.clone() else {
            return Err(Over);
        };
        self.wire = self.wire.into_tls(config).await?;
        self.forget();
        self.greeted = false;
        self.signed_in = false;
        Ok(self)
    }

    pub(super) async fn auth(&mut self, line: &str) -> Stay<()> {
        let mut words = line.split(' ').skip(1);
        let (mechanism, initial) = (words.next().unwrap_or_default().to_ascii_uppercase(), words.next());
        for _ in 0..QUESTIONS_MAX {
            match self.act(Step::Auth, 0, "").await? {
                // The script leaves it to a good server.
                0 => {
                    let usual = self.exchange(&mechanism, initial).await?;
                    return self.say(usual);
                }
                334 => drop(self.wire.line().await?),
                code => {
                    self.signed_in = code == 235;
                    return Ok(());
                }
            }
        }
        self.say("500 5.5.6 that was too much")
    }

    async fn exchange(&mut self, mechanism: &str, initial: Option<&str>) -> Stay<&'static str> {
        let Some((user, password)) = self.options.auth.clone() else { return Ok("503 5.5.1 no AUTH here") };
        if !self.may_sign_in() {
            return Ok("538 5.7.11 only inside TLS");
        }
        if !self.greeted || self.signed_in {
            return Ok("503 5.5.1 not now");
        }
        let given = match mechanism {
            "PLAIN" => self.question("", initial).await?,
            "LOGIN" => {
                let user = self.question("VXNlcm5hbWU6", initial).await?;
                let password = self.question("UGFzc3dvcmQ6", None).await?;
                user.zip(password).map(|(user, password)| format!("\0{user}\0{password}"))
            }
            _ => return Ok("504 5.5.4 no such mechanism"),
        };
        self.signed_in = given.is_some_and(|given| given == format!("\0{user}\0{password}"));
        Ok(if self.signed_in { "235 2.7.0 welcome" } else { "535 5.7.8 user name or password wrong" })
    }

    /// Asks, unless the answer came with the command; `None` where it is no base64 of UTF-8.
    async fn question(&mut self, question: &str, given: Option<&str>) -> Stay<Option<String>> {
        let answer = match given {
            Some(given) => given.to_owned(),
            None => {
                self.say(&format!("334 {question}"))?;
                self.wire.line().await?
            }
        };
        Ok(STANDARD.decode(answer).ok().and_then(|bytes| String::from_utf8(bytes).ok()))
    }
}
