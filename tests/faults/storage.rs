//! The database cannot be written, synced, locked or understood: nothing leaves that is not on record.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use candor::smtp::inbox::Inbox;

use crate::disk::{Call, Disk, EIO, ENOSPC};
use crate::house::{AT_MOST, House, inbox, list};
use crate::judge::{C, Said, judge, judge_the_end};
use crate::settings::Settings;
use crate::support::tools::{is_root, leave_out};
use crate::support::{require, wait_for};

const PEOPLE: usize = 150;
const CONNECTIONS: usize = 4;

fn approved(inbox: &Inbox) -> House {
    let house = Settings::to(inbox).connections(CONNECTIONS).house();
    house.campaign(C, &list(PEOPLE));
    for line in ["campaign submit c", "campaign approve c", "campaign schedule c --now"] {
        house.line(line).ends(0);
    }
    house
}

/// The program on a disk that fails ends by itself and says why; what the server took is on record, and the next start on
/// a good disk tells the rest.
async fn stops_when(call: Call, nth: u32, errno: u32, forever: bool) {
    let inbox = inbox().await;
    let house = approved(&inbox);
    let disk = Disk::that_fails(&house, call, nth, errno, forever);
    let name = format!("{call:?} {nth} {errno} forever {forever}");
    let running = disk.start(&house, "send c");
    // Judged by the server: from the failure on, only what had begun may still come.
    let failed = wait_for(AT_MOST, || disk.failures() > 0 || !running.killer().is_running());
    let before = inbox.counts().taken;
    let ran = running.ended();
    assert!(failed && disk.failures() > 0, "{name}: nothing failed\n{}", ran.err);
    assert_eq!(ran.code, Some(1), "{name}\n{}", ran.err);
    assert!(ran.err.contains("candor:"), "{name}: no word of it\n{}", ran.err);
    let said = Said::of(&house);
    let taken = inbox.received();
    judge(&said, &taken, PEOPLE);
    assert!(
        taken.len() as u64 <= before + 2 * CONNECTIONS as u64,
        "{name}: it went on from {before} to {}",
        taken.len()
    );
    assert!(taken.len() < PEOPLE, "{name}: it went on to the end");
    assert!(matches!(house.line("send c --until-final").code, Some(0 | 3)), "{name}");
    let said = judge_the_end(&house, &inbox.received(), PEOPLE);
    assert!(said.attempts("in-doubt") <= CONNECTIONS, "{name}: {}", said.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_sending_before_anything_leaves_that_is_not_on_record() {
    for nth in [1, 9, 40] {
        stops_when(Call::Write, nth, ENOSPC, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_once_or_for_good_stops_the_sending() {
    for (nth, forever) in [(2, false), (30, false), (30, true)] {
        stops_when(Call::Write, nth, EIO, forever).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_goes_on_after_a_sync_that_failed_not_even_once() {
    for (nth, forever) in [(1, false), (4, false), (4, true), (9, false)] {
        stops_when(Call::Sync, nth, EIO, forever).await;
    }
}

/// Another process that holds the database for itself.
struct Holder(Child);

impl Holder {
    /// Returns when it has it.
    fn new(house: &House) -> Option<Self> {
        const SCRIPT: &str = "
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
database.execute('BEGIN EXCLUSIVE')
print('held', flush=True)
sys.stdin.readline()
database.execute('ROLLBACK')
";
        let mut command = Command::new(require("python3")?);
        command.args(["-c", SCRIPT]).arg(house.home.path().join("candor.db"));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it says so");
        assert_eq!(line, "held\n");
        Some(Self(child))
    }

    fn lets_go(mut self) {
        self.0.stdin.take().expect("it is piped").write_all(b"\n").expect("it listens");
        assert!(self.0.wait().expect("it is our child").success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_another_process_holds_the_database_nothing_leaves_without_a_commit() {
    let inbox = inbox().await;
    let house = approved(&inbox);
    house.line("campaign settings c --rate 100/s").ends(0);
    let running = house.start("send c --until-final");
    tokio::time::timeout(AT_MOST, inbox.until_taken(10)).await.expect("the server takes some");
    let Some(holder) = Holder::new(&house) else { return };
    let before = inbox.counts().taken;
    // At this rate a worker that went on would send a hundred in that time.
    let too_many = || inbox.counts().taken > before + 2 * CONNECTIONS as u64;
    assert!(!wait_for(Duration::from_secs(1), too_many), "it sends without a commit");
    holder.lets_go();
    running.ended().ends(0);
    let said = judge_the_end(&house, &inbox.stop().await, PEOPLE);
    assert_eq!(said.count("accepted"), PEOPLE as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused_and_nothing_is_sent() {
    let Some(sqlite) = require("sqlite3") else { return };
    let inbox = inbox().await;
    let house = approved(&inbox);
    let newer = "INSERT INTO _sqlx_migrations SELECT 9999, 'later', installed_on, success, checksum, execution_time \
                 FROM _sqlx_migrations LIMIT 1";
    let mut command = Command::new(sqlite);
    assert!(command.arg(house.home.path().join("candor.db")).arg(newer).status().expect("it starts").success());
    for line in ["send c", "run --once", "campaign status c"] {
        let ran = house.line(line);
        assert!(ran.code != Some(0) && ran.err.contains("newer"), "{line}: {ran:?}");
    }
    assert_eq!(inbox.counts().connections, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_cannot_be_written_is_refused_before_anything_is_sent() {
    if !is_root() {
        return leave_out("only root may mount");
    }
    let Some(_) = require("unshare") else { return };
    let inbox = inbox().await;
    let house = approved(&inbox);
    let read_only = "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && exec \"$0\" \"$@\"";
    let ran = house.run_under(&["unshare", "--mount", "sh", "-c", read_only], "send c");
    assert!(ran.code == Some(1) && ran.err.contains("candor:"), "{ran:?}");
    assert_eq!((inbox.counts().connections, Said::of(&house).count("pending")), (0, PEOPLE as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let inbox = inbox().await;
    let house = approved(&inbox);
    house.line("init fresh").ends(0);
    let key = house.home.path().join("fresh/candor.key");
    let mode = std::fs::metadata(&key).expect("init made it").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "a key is its owner's alone");
    std::fs::copy(&key, house.home.path().join("candor.key")).expect("the sandbox is writable");
    let key = house.home.path().join("candor.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("it is ours");
    let ran = house.line("send c");
    assert!(ran.code != Some(0) && ran.err.contains("candor.key"), "{ran:?}");
    assert_eq!(inbox.counts().connections, 0);
}
