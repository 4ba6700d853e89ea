//! What an inbox took: the evidence that tests, demo and rehearsal compare with the database.
//!
//! Decides where a taken message is kept. A message is on record before its 250 leaves.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

/// Characters of a recipient's address in a file's name.
const NAME_CHARACTERS_MAX: usize = 60;

/// One message as it was taken.
#[derive(Clone, PartialEq, Eq)]
pub struct Received {
    /// The return path, empty for `<>`.
    pub from: String,
    /// The recipients as they came.
    pub to: Vec<String>,
    /// The message with its dots unstuffed, ending in CRLF.
    pub bytes: Arc<[u8]>,
    /// When its final dot had been read.
    pub at: Instant,
    /// When its MAIL had been read.
    pub mail_at: Instant,
    /// The number of the connection it came on, from 1.
    pub connection: u64,
}

/// How much came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections taken.
    pub connections: u64,
    /// Messages taken.
    pub taken: u64,
    /// Messages whose end-of-data was answered with anything but 250, or not at all.
    pub refused_messages: u64,
    /// RCPT commands that were answered with anything but 25x.
    pub refused_recipients: u64,
}

/// What all connections of one inbox write to.
pub(super) struct Record {
    keep_in_memory: bool,
    folder: Option<PathBuf>,
    kept: Mutex<Kept>,
    counts: watch::Sender<Counts>,
}

#[derive(Default)]
struct Kept {
    received: Vec<Received>,
    seen: HashMap<String, u32>,
}

impl Record {
    pub fn new(keep_in_memory: bool, folder: Option<PathBuf>) -> Self {
        Self { keep_in_memory, folder, kept: Mutex::default(), counts: watch::Sender::new(Counts::default()) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing here can panic half way, so what a poisoned lock guards is whole.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn received(&self) -> Vec<Received> {
        self.kept().received.clone()
    }

    pub fn counts(&self) -> watch::Receiver<Counts> {
        self.counts.subscribe()
    }

    pub fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    /// The number of a new connection, from 1.
    pub fn connection(&self) -> u64 {
        let mut number = 0;
        self.count(|counts| {
            counts.connections += 1;
            number = counts.connections;
        });
        number
    }

    /// How often this mailbox was named before; counts this time.
    pub fn see(&self, mailbox: &str) -> u32 {
        let mut kept = self.kept();
        let times = kept.seen.entry(mailbox.to_owned()).or_default();
        *times += 1;
        *times - 1
    }

    /// Puts a message on record, and gives its number, from 1: its place in [`Record::received`].
    ///
    /// # Errors
    /// Where its file cannot be written; the message is then not taken.
    pub fn take(&self, message: Received) -> io::Result<u64> {
        let mut kept = self.kept();
        let number = self.counts.borrow().taken + 1;
        if let Some(folder) = &self.folder {
            write_file(folder, number, &message)?;
        }
        if self.keep_in_memory {
            kept.received.push(message);
        }
        self.count(|counts| counts.taken = number);
        Ok(number)
    }
}

fn write_file(folder: &Path, number: u64, message: &Received) -> io::Result<()> {
    let name = safe_name(message.to.first().map_or("nobody", String::as_str));
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // A message is personal data: for its owner's eyes only.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(folder.join(format!("{number:06}-{name}.eml")))?.write_all(&message.bytes)
}

/// An address as a part of a file's name: letters, digits and `@._+-`, all else as `_`.
fn safe_name(address: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "@._+-".contains(c);
    address.chars().take(NAME_CHARACTERS_MAX).map(|c| if is_safe(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_holds_nothing_that_leads_elsewhere() {
        assert_eq!(safe_name("../../etc/passwd\0@ex ample"), ".._.._etc_passwd_@ex_ample");
        assert_eq!(safe_name(&"é".repeat(100)), "_".repeat(60));
    }
}
