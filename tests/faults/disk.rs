//! A disk that fails or forgets: `shim.c` before the program, for the files of its database.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use crate::house::{Background, House};
use crate::support::require;

/// Which calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Write,
    Sync,
}

/// errno of a disk without room, and of one that is broken.
pub const ENOSPC: u32 = 28;
pub const EIO: u32 = 5;

/// What stands before the program's own name on its command line.
pub struct Disk {
    wrapper: Vec<String>,
    log: PathBuf,
    undo: PathBuf,
}

impl Disk {
    /// One that forgets, when [`Disk::forgets`] is called, what was not synced.
    pub fn that_forgets(house: &House) -> Self {
        let undo = house.home.path().join("undo");
        fs::create_dir_all(&undo).expect("the sandbox is writable");
        Self::new(house, &[("UNDO", undo.display().to_string())])
    }

    /// One on which the nth such call fails, or all from the nth on.
    pub fn that_fails(house: &House, call: Call, nth: u32, errno: u32, forever: bool) -> Self {
        let call = if call == Call::Sync { "sync" } else { "write" };
        let (nth, errno, forever) = (nth.to_string(), errno.to_string(), u32::from(forever).to_string());
        Self::new(house, &[("CALL", call.to_owned()), ("NTH", nth), ("ERRNO", errno), ("FOREVER", forever)])
    }

    fn new(house: &House, settings: &[(&str, String)]) -> Self {
        let (log, undo) = (house.home.path().join("shim.log"), house.home.path().join("undo"));
        let mut wrapper = vec!["env".to_owned(), format!("LD_PRELOAD={}", shim().display())];
        wrapper.push(format!("SHIM_MATCH={}", house.home.path().join("candor.db").display()));
        wrapper.push(format!("SHIM_LOG={}", log.display()));
        wrapper.extend(settings.iter().map(|(name, value)| format!("SHIM_{name}={value}")));
        Self { wrapper, log, undo }
    }

    /// Starts the program on this disk.
    pub fn start(&self, house: &House, line: &str) -> Background {
        house.start_under(&self.wrapper.iter().map(String::as_str).collect::<Vec<_>>(), line)
    }

    /// How many calls have failed.
    pub fn failures(&self) -> usize {
        fs::read_to_string(&self.log).map_or(0, |text| text.lines().count())
    }

    /// The power cut, after the program's death: each file is put back to what it was at its last sync.
    pub fn forgets(&self, house: &House) {
        for entry in fs::read_dir(&self.undo).expect("the folder is ours") {
            let path = entry.expect("it can be listed").path();
            let name = path.file_stem().expect("NAME.undo");
            put_back(&fs::read(&path).expect("it is ours"), &house.home.path().join(name));
            fs::remove_file(&path).expect("it is ours");
        }
    }
}

/// Plays the records of one undo file backwards.
fn put_back(mut records: &[u8], file: &Path) {
    let mut all = Vec::new();
    while !records.is_empty() {
        let number = |at: usize| u64::from_ne_bytes(records[at..at + 8].try_into().expect("eight bytes"));
        let (size, from, length) = (number(0), number(8), usize::try_from(number(16)).expect("it fits in memory"));
        all.push((size, from, &records[24..24 + length]));
        records = &records[24 + length..];
    }
    if all.is_empty() || !file.exists() {
        return;
    }
    let file = OpenOptions::new().write(true).open(file).expect("it is ours");
    for (size, from, bytes) in all.into_iter().rev() {
        file.write_all_at(bytes, from).expect("it is ours");
        file.set_len(size).expect("it is ours");
    }
}

/// The shim, compiled once.
fn shim() -> &'static Path {
    static MADE: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let compiler = require("cc").expect("a Rust toolchain links with cc");
        let folder = TempDir::with_prefix("candor-shim-").expect("the temporary folder is writable");
        let library = folder.path().join("shim.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
        let mut command = Command::new(compiler);
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        assert!(command.status().expect("cc starts").success(), "shim.c does not compile");
        (folder, library)
    });
    &made.1
}
