//! The wish to end: told once by SIGTERM or SIGINT, a second time to mean at once.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cheap to clone; all clones hear the same.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(Arc<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    requested: CancellationToken,
    forced: CancellationToken,
}

impl Shutdown {
    /// One that nothing triggers but [`Shutdown::request`].
    pub fn new() -> Self {
        Self::default()
    }

    /// One that SIGTERM and SIGINT trigger: the first signal requests the end, the second forces it.
    ///
    /// # Errors
    /// Where the system lets no handler be set.
    pub fn on_signals() -> std::io::Result<Self> {
        let shutdown = Self::new();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let told = shutdown.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                told.request();
            }
        });
        Ok(shutdown)
    }

    /// Asks for the end; a second time, for an immediate one.
    pub fn request(&self) {
        if self.0.requested.is_cancelled() {
            self.0.forced.cancel();
        }
        self.0.requested.cancel();
    }

    /// Whether the end was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.requested.is_cancelled()
    }

    /// Waits until the end is asked for.
    pub async fn requested(&self) {
        self.0.requested.cancelled().await;
    }

    /// Waits until it is asked for a second time.
    pub async fn forced(&self) {
        self.0.forced.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_wish_means_at_once() {
        let shutdown = Shutdown::new();
        let heard = shutdown.clone();
        shutdown.request();
        heard.requested().await;
        assert!(heard.is_requested() && !heard.0.forced.is_cancelled());
        shutdown.request();
        heard.forced().await;
    }
}
