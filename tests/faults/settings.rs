//! A candor.toml for one relay on loopback, with waits so short that a test sees all of them.

use std::fmt::Write as _;

use candor::smtp::inbox::Inbox;

use crate::house::House;

/// What a test sets; the rest is as in interface.md.
pub struct Settings {
    pub url: String,
    pub connections: usize,
    /// Further lines of `[relays.main]`.
    pub relay: String,
    /// Lines of `[delivery]`.
    pub delivery: String,
    /// Lines of `[delivery.timeouts]`.
    pub limits: String,
}

/// Ends a test that hangs, and nothing else.
const AMPLE: &str = "30s";
const LIMITS: [&str; 6] = ["connect", "banner", "command", "data", "block", "end_of_data"];

impl Settings {
    pub fn to(inbox: &Inbox) -> Self {
        Self::to_port(inbox.address().port())
    }

    pub fn to_port(port: u16) -> Self {
        Self {
            url: format!("smtp://127.0.0.1:{port}"),
            connections: 4,
            relay: String::new(),
            delivery: "retry_first = \"50ms\"\nrate = \"unlimited\"\n".to_owned(),
            limits: LIMITS.map(|name| format!("{name} = \"{AMPLE}\"\n")).concat(),
        }
    }

    pub fn connections(self, connections: usize) -> Self {
        Self { connections, ..self }
    }

    /// One more line of `[delivery]`, which wins over the one here.
    pub fn delivery(mut self, line: &str) -> Self {
        let (key, _) = line.split_once(" = ").expect("a key and a value");
        let kept = self.delivery.lines().filter(|other| !other.starts_with(&format!("{key} ")));
        self.delivery = kept.chain([line]).fold(String::new(), |text, line| text + line + "\n");
        self
    }

    pub fn url(self, url: String) -> Self {
        Self { url, ..self }
    }

    /// One more line of `[relays.main]`.
    pub fn relay(mut self, line: &str) -> Self {
        writeln!(self.relay, "{line}").expect("a String takes it");
        self
    }

    /// One time limit, in milliseconds; none where `name` is empty.
    pub fn limit(mut self, name: &str, ms: u64) -> Self {
        let set = |line: &str| match line.split_once(" = ") {
            Some((key, _)) if key == name => format!("{key} = \"{ms}ms\"\n"),
            _ => format!("{line}\n"),
        };
        self.limits = self.limits.lines().map(set).collect();
        self
    }

    /// The tables behind the organization's.
    pub fn text(&self) -> String {
        let Self { url, connections, relay, delivery, limits } = self;
        format!(
            "[relays.main]\nurl = \"{url}\"\nconnections = {connections}\n{relay}\
             [delivery]\n{delivery}[delivery.timeouts]\n{limits}"
        )
    }

    pub fn house(&self) -> House {
        House::new(&self.text())
    }
}
