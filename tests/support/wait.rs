//! Waiting with an end: a condition is asked again until it holds or the time is up.

use std::thread;
use std::time::{Duration, Instant};

/// Between two looks at a condition: short beside what is waited for (a process, a file), long beside the look itself.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Asks `condition` until it holds, at most for `at_most`. True if it came to hold.
#[must_use]
pub fn wait_for(at_most: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + at_most;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::park_timeout(LOOK_EVERY);
    }
}
