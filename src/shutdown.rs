//! The request to stop: SIGTERM or SIGINT, once to end in order, twice to end at once.
//!
//! Decides when the program was asked to stop. It stops nothing itself: whoever works looks here between two steps and
//! waits here beside every wait. Sits in layer 1.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that all copies share. It only ever goes from "go on" to "end" to "at once".
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    end: CancellationToken,
    at_once: CancellationToken,
}

impl Shutdown {
    /// A token that no signal reaches, only [`Shutdown::request`].
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that SIGTERM and SIGINT reach, from now until the process ends. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the system takes no handler.
    pub fn on_signals() -> io::Result<Self> {
        let shutdown = Self::new();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let token = shutdown.clone();
        tokio::spawn(async move {
            while !token.is_at_once() {
                tokio::select! {
                    _ = terminate.recv() => token.request(),
                    _ = interrupt.recv() => token.request(),
                }
            }
        });
        Ok(shutdown)
    }

    /// Asks for the end, as a signal does: the second time at once.
    pub fn request(&self) {
        if self.end.is_cancelled() {
            self.at_once.cancel();
        }
        self.end.cancel();
    }

    /// Whether the end was asked for: claim nothing new.
    pub fn is_requested(&self) -> bool {
        self.end.is_cancelled()
    }

    /// Waits until the end is asked for. May be dropped at any time.
    pub async fn requested(&self) {
        self.end.cancelled().await;
    }

    /// Whether it was asked for twice: do not wait for what is on the wire.
    pub fn is_at_once(&self) -> bool {
        self.at_once.is_cancelled()
    }

    /// Waits until it is asked for twice. May be dropped at any time.
    pub async fn at_once(&self) {
        self.at_once.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_request_asks_for_the_end_and_the_second_for_it_at_once() {
        let shutdown = Shutdown::new();
        let copy = shutdown.clone();
        assert!(!copy.is_requested());
        shutdown.request();
        copy.requested().await;
        assert!(copy.is_requested() && !copy.is_at_once());
        shutdown.request();
        copy.at_once().await;
    }

    #[tokio::test]
    async fn sigterm_and_then_sigint_end_it_at_once() {
        let shutdown = Shutdown::on_signals().unwrap();
        let send = |name: &str| {
            let pid = std::process::id().to_string();
            assert!(std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
        };
        send("TERM");
        shutdown.requested().await;
        assert!(!shutdown.is_at_once());
        send("INT");
        shutdown.at_once().await;
    }
}
