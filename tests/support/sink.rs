//! Debian's smtp-sink: a server that takes everything it is given and keeps a copy.

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::tools::{free_port, is_root, require};
use super::wait::wait_for;

/// A port may be taken between finding and using it; more clashes in a row than this mean something else is wrong.
const STARTS_MAX: usize = 5;
/// It listens within milliseconds; this is for a machine that compiles meanwhile.
const START_AT_MOST: Duration = Duration::from_secs(20);
/// Connections the kernel may hold for the sink.
const BACKLOG: &str = "1024";

/// A running smtp-sink on loopback; ended when dropped.
pub struct SmtpSink {
    child: Child,
    port: u16,
    folder: TempDir,
}

/// One message as the sink took it.
#[derive(Debug, Clone)]
pub struct SunkMessage {
    /// The argument of MAIL after `FROM:`, as sent: `<bounces@example.com> BODY=8BITMIME`.
    pub mail: String,
    /// The argument of each RCPT after `TO:`, as sent.
    pub recipients: Vec<String>,
    /// Headers and body as received, dots unstuffed, lines ended by LF.
    pub data: Vec<u8>,
}

impl SmtpSink {
    /// Starts a sink that keeps every message. `None` where it is not installed (see [`require`]).
    ///
    /// `options` are smtp-sink's own, before the address: `["-p"]` announces no pipelining, `["-r", "RCPT"]` refuses with
    /// 4xx, `["-W", "RCPT:1"]` is slow.
    ///
    /// # Panics
    /// Where it is installed and does not start.
    #[must_use]
    pub fn start<S: AsRef<OsStr>>(options: &[S]) -> Option<Self> {
        let program = require("smtp-sink")?;
        for _ in 0..STARTS_MAX {
            let folder = TempDir::with_prefix("candor-sink-").expect("the temporary folder is writable");
            // The sink gives up root's rights before it writes.
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("the folder is ours");
            let port = free_port();
            let mut command = Command::new(&program);
            if is_root() {
                command.args(["-u", "nobody"]);
            }
            command.arg("-d").arg(folder.path().join("message.")).args(options);
            command.arg(format!("127.0.0.1:{port}")).arg(BACKLOG).stdout(Stdio::null());
            let mut sink = Self { child: command.spawn().expect("smtp-sink starts"), port, folder };
            if sink.listens() {
                return Some(sink);
            }
        }
        panic!("smtp-sink did not start in {STARTS_MAX} tries; its own words are above");
    }

    /// Waits until it takes connections; false if it ended instead.
    fn listens(&mut self) -> bool {
        let address = self.address();
        let mut ended = false;
        let connected = wait_for(START_AT_MOST, || {
            ended = self.child.try_wait().expect("it is our child").is_some();
            ended || TcpStream::connect(address).is_ok()
        });
        // Somebody else may answer on a port that this child could not have: it must be alive after the connection.
        connected && !ended && self.child.try_wait().expect("it is our child").is_none()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every message whose end-of-data it has answered with 250, in no particular order.
    ///
    /// One whose body is still on the wire may appear cut: ask when the sender has ended, or wait for a count first.
    #[must_use]
    pub fn messages(&self) -> Vec<SunkMessage> {
        let entries = fs::read_dir(self.folder.path()).expect("the folder is ours");
        entries
            .map(|entry| parse(&fs::read(entry.expect("it can be listed").path()).expect("it is readable")))
            .collect()
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        // Both fail only where it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Splits a dump file: the sink's `X-` lines, its three-line `Received`, what came, an empty line.
fn parse(dump: &[u8]) -> SunkMessage {
    let mut message = SunkMessage { mail: String::new(), recipients: Vec::new(), data: Vec::new() };
    let mut lines = dump.split_inclusive(|byte| *byte == b'\n');
    for line in lines.by_ref() {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end();
        if let Some(argument) = text.strip_prefix("X-Mail-Args: ") {
            argument.clone_into(&mut message.mail);
        } else if let Some(argument) = text.strip_prefix("X-Rcpt-Args: ") {
            message.recipients.push(argument.to_owned());
        } else if text.starts_with("Received:") {
            break;
        }
    }
    message.data = lines.skip(2).flatten().copied().collect();
    // The empty line that ends the dump is the sink's, not the sender's.
    if message.data.ends_with(b"\n\n") {
        message.data.pop();
    }
    message
}
