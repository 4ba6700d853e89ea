//! Which outside programs are here, and what a test does without one.

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// Where Debian keeps servers; an ordinary user's `PATH` leaves these out.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// The path of the program `name`, looked for in `PATH` and then in the system's folders.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// As [`tool`]; where the program is missing, the test says so and is left out, or fails under `TESTS_REQUIRE_TOOLS=1`.
#[must_use]
pub fn require(name: &str) -> Option<PathBuf> {
    tool(name).or_else(|| {
        leave_out(&format!("{name} is not installed"));
        None
    })
}

/// The Python that `tests/run` keeps in `target/tools`, with dkimpy; where it is missing, as [`require`].
#[must_use]
pub fn require_python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/bin/python3");
    if python.is_file() {
        return Some(python);
    }
    leave_out("target/tools, which tests/run makes, is not there");
    None
}

/// Says on stderr that a test is left out and why.
///
/// # Panics
/// Under `TESTS_REQUIRE_TOOLS=1`, which `tests/run` sets: there nothing may be left out.
pub fn leave_out(reason: &str) {
    assert!(
        env::var_os("TESTS_REQUIRE_TOOLS").is_none_or(|value| value != "1"),
        "{reason}, and nothing may be left out"
    );
    eprintln!("left out: {reason}");
}

/// True where the long versions of tests are asked for (`tests/run --full`).
#[must_use]
pub fn full() -> bool {
    env::var_os("TESTS_FULL").is_some_and(|value| value == "1")
}

/// True for root: Postfix's own commands refuse everybody else.
#[must_use]
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// A loopback port that nobody listened on a moment ago. Another process may take it first: who starts a server on it
/// tries again with a new one.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
