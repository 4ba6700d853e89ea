//! A candor.toml for one relay on loopback, with waits so short that a test sees all of them.

use std::fmt::Write as _;

use candor::smtp::inbox::Inbox;

use crate::house::House;

/// What a test sets; the rest is as in interface.md.
pub struct Settings {
    /// After `smtp`, up to the port: `://127.0.0.1` or `s://localhost`.
    pub host: &'static str,
    pub port: u16,
    pub connections: usize,
    /// Further lines of `[relays.main]`.
    pub relay: String,
    /// Lines of `[delivery]`.
    pub delivery: String,
    /// Every time limit of `[delivery.timeouts]`, in milliseconds.
    pub timeout_ms: u64,
}

impl Settings {
    pub fn to(inbox: &Inbox) -> Self {
        Self::to_port(inbox.address().port())
    }

    pub fn to_port(port: u16) -> Self {
        Self {
            host: "://127.0.0.1",
            port,
            connections: 4,
            relay: String::new(),
            delivery: "retry_first = \"50ms\"\nrate = \"unlimited\"\n".to_owned(),
            timeout_ms: 30_000,
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

    /// One more line of `[relays.main]`.
    pub fn relay(mut self, line: &str) -> Self {
        writeln!(self.relay, "{line}").expect("a String takes it");
        self
    }

    pub fn timeout_ms(self, timeout_ms: u64) -> Self {
        Self { timeout_ms, ..self }
    }

    /// The tables behind the organization's.
    pub fn text(&self) -> String {
        let Self { host, port, connections, relay, delivery, timeout_ms } = self;
        let limits = ["connect", "banner", "command", "data", "block", "end_of_data"];
        let limits: String = limits.iter().map(|name| format!("{name} = \"{timeout_ms}ms\"\n")).collect();
        format!(
            "[relays.main]\nurl = \"smtp{host}:{port}\"\nconnections = {connections}\n{relay}\
             [delivery]\n{delivery}[delivery.timeouts]\n{limits}"
        )
    }

    pub fn house(&self) -> House {
        House::new(&self.text())
    }
}
