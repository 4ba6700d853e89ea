//! `candor demo` through the library: what it leaves behind is what it says, and nobody else can read it.

use std::io::Write;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use candor::app::App;
use candor::cli::demo::{DemoArgs, run};
use candor::cli::output::Output;
use candor::config::Settings;
use candor::store::Access;
use mail_parser::MessageParser;
use serde_json::Value;

/// Few enough to take a moment, enough for every kind of row and answer, and for the inbox to go away.
const ROWS: u32 = 60;

#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Pipe {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn args(recipients: u32, keep: &Path) -> DemoArgs {
    DemoArgs { recipients, headless: true, keep: Some(keep.to_owned()) }
}

async fn demo(json: bool, recipients: u32, keep: &Path) -> (u8, String) {
    let pipe = Pipe::default();
    let code = run(args(recipients, keep), &Output::for_pipe(json, pipe.clone())).await.unwrap();
    (code, pipe.text())
}

/// Every file and folder in `folder`, itself included.
fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut all = vec![folder.to_owned()];
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(tree(&path)) } else { all.push(path) }
    }
    all
}

fn messages(folder: &Path) -> Vec<Vec<u8>> {
    std::fs::read_dir(folder.join("mail")).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_was_promised_lies_in_the_folder_and_the_counts_add_up() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("new");
    let (code, text) = demo(true, ROWS, &folder).await;
    let result: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, result["state"].as_str()), (3, Some("finished")), "{result}");

    for name in
        ["candor.db", "candor.key", "candor.toml", "customers.db", "incident.toml", "notice/notice.toml", "state"]
    {
        assert!(folder.join(name).exists(), "{name} is missing");
    }
    for path in tree(&folder) {
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o077, 0, "{} is open to others", path.display());
    }

    let number = |value: &Value| value.as_i64().unwrap();
    let import = &result["import"];
    let parts = ["imported", "duplicates", "suppressed", "rejected"].map(|name| number(&import[name]));
    assert_eq!((number(&import["rows"]), parts.iter().sum::<i64>()), (i64::from(ROWS), i64::from(ROWS)));
    assert!(parts.iter().all(|part| *part > 0), "{import}");
    let states = result["recipients"].as_object().unwrap().values().map(number).sum::<i64>();
    assert_eq!(states, number(&result["audience"]));
    assert_eq!(number(&result["affected"]), number(&result["told"]) + number(&result["unreached"]));
    assert_eq!(result["recipients"]["suppressed"], 1);
    let failures: Vec<&String> = result["failures"].as_object().unwrap().keys().collect();
    assert_eq!(failures, ["bad-address", "mailbox-full"]);

    // Somebody whose answer was lost when the inbox went away has two copies; nobody who was told has none.
    let told = number(&result["told"]);
    let taken = i64::try_from(messages(&folder).len()).unwrap();
    assert_eq!(taken, number(&result["messages"]));
    assert!(taken >= told && number(&result["attempts"]) > told, "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_a_whole_letter_with_the_customers_own_name() {
    let dir = tempfile::tempdir().unwrap();
    // The first of the difficult names, without an outage.
    let (code, _) = demo(true, 13, dir.path()).await;
    assert_eq!(code, 0);
    let messages = messages(dir.path());
    assert_eq!(messages.len(), 13);
    let mut names = Vec::new();
    for message in &messages {
        let message = MessageParser::default().parse(message).unwrap();
        assert_eq!(message.to().unwrap().iter().count(), 1);
        let subject = message.subject().unwrap_or_default();
        assert!(["Notice of Data Breach: ", "Aviso de "].iter().any(|begin| subject.starts_with(begin)), "{subject}");
        let (text, html) = (message.body_text(0).unwrap(), message.body_html(0).unwrap());
        for part in [text, html] {
            assert!(part.contains("not responsible") || part.contains("no sea responsable"), "no guarantee");
        }
        names.extend(message.to().unwrap().first().unwrap().name().map(str::to_owned));
    }
    for name in ["Siobhán O'Neill", "Jürgen Müller", "Nguyễn Thị Ánh", "王小明", "عمر", "Robin <b>Bold</b> Ray", "Q"]
    {
        assert!(names.iter().any(|other| other == name), "nobody is {name}: {names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_that_stays_opens_the_campaign_again() {
    let dir = tempfile::tempdir().unwrap();
    let (code, text) = demo(false, 1, dir.path()).await;
    assert_eq!(code, 0);
    assert!(text.contains("Exit code 0: everybody was reached."), "{text}");
    let config = dir.path().canonicalize().unwrap().join("candor.toml");
    let command = format!("candor --config {} campaign status delta-2018", config.display());
    assert!(text.contains(&command), "{text}");
    let settings = Settings::from_text(&std::fs::read_to_string(&config).unwrap(), &config, &[]).unwrap();
    assert!(settings.ledger.state_dir.starts_with(config.parent().unwrap()));
    let app = App::open(settings, Access::Read).await.unwrap();
    let campaign = app.store.campaign_by_name("delta-2018").await.unwrap().unwrap();
    assert_eq!(campaign.state, "finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_holds_something_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mine"), "mine").unwrap();
    let error = run(args(1, dir.path()), &Output::for_pipe(false, std::io::sink())).await.unwrap_err();
    assert!(error.to_string().contains("is not empty"), "{error}");
    assert_eq!(tree(dir.path()).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_gets_the_story_without_anything_that_steers_a_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let (_, text) = demo(false, 30, dir.path()).await;
    assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()), "{text:?}");
    for word in ["1  Customers", "3  Import", "6  Sending", "Siobhán O'Neill", "mailbox-full", "Exit code 3"] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
}
