//! One installation of the built program, and what its commands gave back.

use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use candor::smtp::inbox::{Inbox, InboxOptions, Received, Script};
use serde_json::Value;
use tempfile::tempfile;

use super::{TempHome, wait_for};

/// Whatever is tested here ends within this, on a machine that compiles meanwhile.
pub const AT_MOST: Duration = Duration::from_secs(40);
/// The notice and incident that most tests send.
pub const NOTICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/first-notice");

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            err: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
        }
    }
}

impl Ran {
    /// Asserts the exit code, with both streams in the message.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Asserts that stderr has these words.
    #[track_caller]
    pub fn says(self, words: &str) -> Self {
        assert!(self.err.contains(words), "stderr without {words:?}:\n{}", self.err);
        self
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}:\n{}", self.out))
    }

    /// The JSON document of each line on stdout.
    #[track_caller]
    pub fn lines(&self) -> Vec<Value> {
        let parsed = self.out.lines().map(serde_json::from_str);
        parsed.map(|line| line.unwrap_or_else(|error| panic!("{error}:\n{}", self.out))).collect()
    }
}

/// A folder with a configuration, and the program in it.
pub struct House {
    pub home: TempHome,
}

impl House {
    /// With these tables after the organization's.
    pub fn new(more: &str) -> Self {
        let house = Self { home: TempHome::new() };
        house.configure(more);
        house
    }

    /// One relay at this port on loopback; `delivery` are lines of that table.
    pub fn to_port(port: u16, delivery: &str) -> Self {
        Self::new(&relay(port, delivery))
    }

    pub fn configure(&self, more: &str) {
        self.home.write_config(&format!(
            "[organization]\nname = \"Example Air\"\nfrom = \"Care <care@example.com>\"\n\
             postal_address = \"1 Example Road\"\ntime_zone = \"America/New_York\"\n{more}"
        ));
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        let output = self.home.candor().args(args).timeout(AT_MOST).output().expect("the program starts");
        output.into()
    }

    /// Runs a command, given as one line without quotes, to its end.
    pub fn line(&self, line: &str) -> Ran {
        self.run(&line.split(' ').collect::<Vec<_>>())
    }

    /// Starts a command and leaves it running; `Background` ends it when dropped.
    pub fn start(&self, line: &str) -> Background {
        let mut command = self.home.process();
        command.args(line.split(' '));
        Background::start(command)
    }

    /// The program run by another one, such as `faketime`, with `line` as its arguments, to its end.
    pub fn run_under(&self, wrapper: &[&str], line: &str) -> Ran {
        let output = assert_cmd::Command::from_std(self.under(wrapper, line)).timeout(AT_MOST).output();
        output.expect("the wrapper starts").into()
    }

    /// As [`House::run_under`], left running.
    pub fn start_under(&self, wrapper: &[&str], line: &str) -> Background {
        Background::start(self.under(wrapper, line))
    }

    fn under(&self, wrapper: &[&str], line: &str) -> Command {
        let inner = self.home.process();
        let mut command = Command::new(wrapper[0]);
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.args(&wrapper[1..]).arg(inner.get_program()).args(line.split(' ')).current_dir(self.home.path());
        command
    }

    pub fn create(&self, name: &str) {
        let incident = format!("{NOTICE}/incident.toml");
        self.run(&["campaign", "create", name, "--incident", &incident, "--notice", NOTICE]).ends(0);
    }

    /// As [`House::create`]; fine where it is there.
    pub fn create_once(&self, name: &str) {
        if self.run(&["campaign", "status", name]).code != Some(0) {
            self.create(name);
        }
    }

    /// The same with a piece of candor.toml replaced.
    pub fn with(self, piece: &str, other: &str) -> Self {
        let path = self.home.path().join("candor.toml");
        let text = std::fs::read_to_string(&path).expect("it is ours");
        assert!(text.contains(piece), "{text}");
        std::fs::write(path, text.replace(piece, other)).expect("it is ours");
        self
    }

    /// A draft with a list.
    pub fn campaign(&self, name: &str, list: &str) {
        self.create(name);
        self.home.write("list.csv", list);
        self.run(&["campaign", "import", name, "list.csv"]).ends(0);
    }

    pub fn status(&self, name: &str) -> Value {
        self.run(&["campaign", "status", name, "--json"]).ends(0).json()
    }

    pub fn state(&self, name: &str) -> String {
        self.status(name)["state"].as_str().expect("a state").to_owned()
    }

    pub fn recipients(&self, name: &str) -> Vec<Value> {
        self.run(&["campaign", "recipients", name, "--json"]).ends(0).lines()
    }

    /// How many people of the campaign are in a state.
    pub fn count(&self, name: &str, state: &str) -> i64 {
        self.status(name)["recipients"][state].as_i64().unwrap_or_else(|| panic!("no count for {state}"))
    }

    /// Waits until the campaign is as wanted.
    #[track_caller]
    pub fn until(&self, name: &str, mut wanted: impl FnMut(&Value) -> bool) {
        let mut last = Value::Null;
        let came = wait_for(AT_MOST, || {
            last = self.status(name);
            wanted(&last)
        });
        assert!(came, "it did not come to that: {last}");
    }
}

/// A relay at a port on loopback, without TLS.
pub fn relay(port: u16, delivery: &str) -> String {
    format!(
        "[relays.main]\nurl = \"smtp://127.0.0.1:{port}\"\nconnections = 4\n\
         [delivery]\nretry_first = \"200ms\"\n{}{delivery}\n",
        if delivery.contains("rate =") { "" } else { "rate = \"unlimited\"\n" }
    )
}

/// A program that runs beside the test.
pub struct Background {
    child: Killer,
    out: File,
    err: File,
}

/// Ends a program from wherever the moment for it is seen.
#[derive(Clone)]
pub struct Killer(Arc<Mutex<Child>>);

impl Killer {
    fn child(&self) -> MutexGuard<'_, Child> {
        // A child has no state of ours that could be half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// kill -9: no handler runs. It is dead when this returns; nothing happens where it was already.
    pub fn kill(&self) {
        let mut child = self.child();
        // Fails only where it has ended already.
        let _ = child.kill();
        child.wait().expect("it is our child");
    }

    /// Whether it lives.
    pub fn is_running(&self) -> bool {
        self.child().try_wait().expect("it is our child").is_none()
    }
}

fn text(file: &File) -> String {
    let mut bytes = vec![0; usize::try_from(file.metadata().expect("it is open").len()).expect("it is small")];
    file.read_exact_at(&mut bytes, 0).expect("it is open");
    String::from_utf8(bytes).expect("it is UTF-8")
}

impl Background {
    fn start(mut command: Command) -> Self {
        let (out, err) = (tempfile().expect("it can be made"), tempfile().expect("it can be made"));
        let twin = |file: &File| Stdio::from(file.try_clone().expect("a file can be shared"));
        command.stdin(Stdio::null()).stdout(twin(&out)).stderr(twin(&err));
        let child = command.spawn().expect("the program starts");
        Self { child: Killer(Arc::new(Mutex::new(child))), out, err }
    }

    /// What can end it from another thread.
    pub fn killer(&self) -> Killer {
        self.child.clone()
    }

    /// kill -9: no handler runs.
    pub fn kill(self) {
        self.child.kill();
    }

    /// Sends a signal by name.
    pub fn signal(&mut self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.child().id()
    }

    /// Waits until stderr has these words.
    #[track_caller]
    pub fn says(&self, words: &str) {
        assert!(wait_for(AT_MOST, || text(&self.err).contains(words)), "{}", text(&self.err));
    }

    pub fn is_running(&mut self) -> bool {
        self.child.is_running()
    }

    /// Waits for the end.
    #[track_caller]
    pub fn ended(mut self) -> Ran {
        let ended = wait_for(AT_MOST, || !self.is_running());
        assert!(ended, "it does not end; stderr:\n{}", text(&self.err));
        let code = self.child.child().wait().expect("it is our child").code();
        Ran { code, out: text(&self.out), err: text(&self.err) }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.child.kill();
    }
}

/// A list of numbered people.
pub fn list(people: usize) -> String {
    let mut text = "email,ref,name\n".to_owned();
    for number in 1..=people {
        writeln!(text, "p{number}@example.org,REF-{number},Zebulon Quark {number}").expect("a String takes it");
    }
    text
}

pub async fn inbox() -> Inbox {
    Inbox::start(InboxOptions::default()).await.expect("loopback has a port")
}

pub async fn scripted(script: impl Script + 'static) -> Inbox {
    Inbox::start(InboxOptions::scripted(script)).await.expect("loopback has a port")
}

/// How many messages the server has for an address.
pub fn copies(taken: &[Received], address: &str) -> usize {
    taken.iter().filter(|message| message.to.iter().any(|to| to == address)).count()
}
