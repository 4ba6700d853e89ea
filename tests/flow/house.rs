//! One installation in a temporary folder: settings, lists, campaigns, a worker with an end to every wait.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use candor::app::App;
use candor::approval::{self, ApprovalError, ScheduleRequest};
use candor::audience::{self, AudienceError, ImportOptions, Imported, Source};
use candor::clock::Clock;
use candor::config::Settings;
use candor::delivery::{Report, Until, WorkerError};
use candor::domain::ids::CampaignName;
use candor::shutdown::Shutdown;
use candor::smtp::inbox::{Inbox, InboxOptions};
use candor::store::{Access, RecipientFilter, RecipientPage, RecipientRow};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

/// I9: whatever is tested here ends or reports within this, on a machine that compiles meanwhile.
pub const AT_MOST: Duration = Duration::from_secs(20);
/// The name of the one campaign of most tests.
pub const C: &str = "c";
const NOTICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/first-notice");
const HEADER: &str = "email,ref,name,locale,jurisdiction,channel_basis,booking\n";

/// Settings that make waits short; a test adds or replaces lines.
#[derive(Clone)]
pub struct Config {
    pub from: String,
    pub organization: String,
    pub relays: String,
    pub delivery: String,
    pub timeouts: String,
    pub more: String,
}

impl Config {
    pub fn none() -> Self {
        Self {
            from: "Care <care@example.com>".into(),
            organization: String::new(),
            relays: String::new(),
            delivery: "rate = \"unlimited\"\nretry_first = \"100ms\"\n".into(),
            timeouts: "connect = \"1s\"\nbanner = \"1s\"\ncommand = \"1s\"\ndata = \"1s\"\nblock = \"1s\"\nend_of_data = \"1s\"\n"
                .into(),
            more: String::new(),
        }
    }

    pub fn relay(mut self, name: &str, inbox: &Inbox, more: &str) -> Self {
        write!(self.relays, "[relays.{name}]\nurl = \"smtp://{}\"\n{more}\n", inbox.address()).unwrap();
        self
    }

    pub fn to(inbox: &Inbox) -> Self {
        Self::none().relay("main", inbox, "connections = 4")
    }

    pub fn folder() -> Self {
        let mut config = Self::none();
        config.relays.push_str("[relays.main]\nurl = \"folder:out\"\n");
        config
    }

    pub fn delivery(mut self, lines: &str) -> Self {
        self.delivery.push_str(lines);
        self.delivery.push('\n');
        self
    }

    /// Replaces `rate = "unlimited"` and `retry_first`.
    pub fn only_delivery(mut self, lines: &str) -> Self {
        let retry = if lines.contains("retry_first") { "" } else { "retry_first = \"100ms\"\n" };
        self.delivery = format!("{lines}\n{retry}");
        self
    }

    pub fn timeout(mut self, phase: &str, value: &str) -> Self {
        let kept: Vec<&str> = self.timeouts.lines().filter(|line| !line.starts_with(&format!("{phase} "))).collect();
        self.timeouts = format!("{}\n{phase} = \"{value}\"\n", kept.join("\n"));
        self
    }

    pub fn more(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self.more.push('\n');
        self
    }

    fn text(&self) -> String {
        let Self { from, organization, relays, delivery, timeouts, more } = self;
        format!(
            "database = \"candor.db\"\n[organization]\nname = \"Example Air\"\nfrom = \"{from}\"\n\
             postal_address = \"1 Example Road\"\n{organization}\n{relays}\n[delivery]\n{delivery}\n\
             [delivery.timeouts]\n{timeouts}\n{more}"
        )
    }
}

/// One person of a list.
#[derive(Clone)]
pub struct Person {
    pub email: String,
    pub reference: String,
    pub name: String,
    pub basis: &'static str,
}

/// `count` people of one domain, numbered from `first`.
pub fn people_at(domain: &str, first: usize, count: usize) -> Vec<Person> {
    let person = |number: usize| Person {
        email: format!("p{number}@{domain}"),
        reference: format!("REF-{number:06}"),
        name: format!("Zebulon Quark {number}"),
        basis: "consent",
    };
    (first..first + count).map(person).collect()
}

pub fn people(count: usize) -> Vec<Person> {
    people_at("example.org", 1, count)
}

pub fn csv(people: &[Person]) -> String {
    let mut text = HEADER.to_owned();
    for Person { email, reference, name, basis } in people {
        let name = name.replace('"', "\"\"");
        writeln!(text, "{email},{reference},\"{name}\",en,US-CA,{basis},BOOK").unwrap();
    }
    text
}

pub async fn inbox() -> Inbox {
    Inbox::start(InboxOptions::default()).await.unwrap()
}

pub async fn scripted(script: impl candor::smtp::inbox::Script + 'static) -> Inbox {
    Inbox::start(InboxOptions::scripted(script)).await.unwrap()
}

/// Waits until an inbox has taken so many messages.
pub async fn took(inbox: &Inbox, messages: u64) {
    let wait = tokio::time::timeout(AT_MOST, inbox.until_taken(messages));
    wait.await.unwrap_or_else(|_| panic!("the server has taken {:?}, not {messages}", inbox.counts()));
}

/// An installation.
pub struct House {
    pub dir: Arc<TempDir>,
    pub app: App,
}

pub fn settings(dir: &Path, config: &Config) -> Settings {
    let environment = [("HOME".to_owned(), dir.display().to_string())];
    Settings::from_text(&config.text(), &dir.join("candor.toml"), &environment).unwrap()
}

impl House {
    pub async fn new(config: &Config) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let app = App::open(settings(dir.path(), config), Access::Write).await.unwrap();
        Self { dir, app }
    }

    /// The same installation by a new process.
    pub async fn again(self, config: &Config) -> Self {
        let Self { dir, app } = self;
        drop(app);
        let app = App::open(settings(dir.path(), config), Access::Write).await.unwrap();
        Self { dir, app }
    }

    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.app.clock = clock;
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An auditor's or attacker's own connection to the database.
    pub async fn sql(&self) -> SqlitePool {
        SqlitePool::connect_with(SqliteConnectOptions::new().filename(self.path("candor.db"))).await.unwrap()
    }

    pub async fn create(&self, name: &str) {
        let notice = Path::new(NOTICE);
        let campaign = CampaignName::parse(name).unwrap();
        let incident = notice.join("incident.toml");
        approval::create(&self.app.store, &self.app.by(), &campaign, &incident, notice).await.unwrap();
    }

    pub async fn try_import(&self, name: &str, people: &[Person]) -> Result<Imported, AudienceError> {
        let list = self.path("list.csv");
        std::fs::write(&list, csv(people)).unwrap();
        let source = Source::parse(&list.display().to_string()).unwrap();
        let options = ImportOptions::default();
        audience::import(&self.app.store, &self.app.by(), name, &source, &options, &|_| {}).await
    }

    pub async fn import(&self, name: &str, people: &[Person]) -> Imported {
        self.try_import(name, people).await.unwrap()
    }

    /// Checks, submits and approves what waits.
    pub async fn approve(&self, name: &str) {
        let App { store, settings, .. } = &self.app;
        let (result, _) = approval::check(store, settings, &self.app.by(), name, &|_, _| {}).await.unwrap();
        assert!(result.ok, "{result:?}");
        approval::submit(store, settings, &self.app.by(), name, None, None).await.unwrap();
        approval::approve(store, settings, &self.app.by(), name, None, None, 0).await.unwrap();
    }

    /// A campaign whose people may be mailed.
    pub async fn approved(&self, name: &str, people: &[Person]) {
        self.create(name).await;
        self.import(name, people).await;
        self.approve(name).await;
    }

    pub fn request(&self) -> ScheduleRequest {
        let zone = self.app.settings.organization.time_zone;
        ScheduleRequest { at: None, zone, window: None, rate: None, canary: None, expect: None }
    }

    pub async fn schedule(&self, name: &str, request: &ScheduleRequest) -> Result<i64, ApprovalError> {
        approval::schedule(&self.app.store, &self.app.settings, &self.app.by(), name, request).await
    }

    /// An approved campaign, scheduled to start at once.
    pub async fn scheduled(config: &Config, people: &[Person]) -> Self {
        let house = Self::new(config).await;
        house.approved(C, people).await;
        house.schedule(C, &house.request()).await.unwrap();
        house
    }

    pub async fn worker(&self, until: Until) -> Running {
        self.worker_of(None, until).await
    }

    pub async fn worker_of(&self, only: Option<&str>, until: Until) -> Running {
        let (worker, reports) = self.app.worker(only, until).await.unwrap().expect("no other worker lives");
        let shutdown = Shutdown::new();
        let task = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { worker.run(&shutdown).await }
        });
        Running { task, reports, shutdown, heard: Vec::new() }
    }

    /// Sends until everybody is settled, or no campaign is sending any more.
    pub async fn send(&self) -> Vec<Report> {
        self.worker(Until::Settled).await.ended().await
    }

    pub async fn state(&self, name: &str) -> (String, Option<String>) {
        let row = self.app.store.campaign_by_name(name).await.unwrap().unwrap();
        (row.state, row.reason)
    }

    pub async fn recipients(&self, name: &str) -> Vec<RecipientRow> {
        let row = self.app.store.campaign_by_name(name).await.unwrap().unwrap();
        let page = RecipientPage { after: 0, limit: 1_000_000 };
        self.app.store.recipients(row.id, &RecipientFilter::default(), page).await.unwrap()
    }

    pub async fn recipient(&self, name: &str, number: usize) -> RecipientRow {
        let row = self.app.store.campaign_by_name(name).await.unwrap().unwrap();
        self.app.store.recipient(row.id, &format!("REF-{number:06}")).await.unwrap().unwrap()
    }

    /// How many people are in a state.
    pub async fn count(&self, name: &str, state: &str) -> usize {
        let row = self.app.store.campaign_by_name(name).await.unwrap().unwrap();
        let counts = self.app.store.state_counts(row.id).await.unwrap();
        let people: i64 = counts.iter().filter(|count| count.state == state).map(|count| count.people).sum();
        usize::try_from(people).unwrap()
    }

    pub async fn kinds(&self) -> Vec<String> {
        self.app
            .store
            .ledger_page(0, 1_000_000, None, None)
            .await
            .unwrap()
            .into_iter()
            .map(|entry| entry.kind)
            .collect()
    }
}

/// A worker at work.
pub struct Running {
    task: JoinHandle<Result<(), WorkerError>>,
    reports: UnboundedReceiver<Report>,
    pub shutdown: Shutdown,
    pub heard: Vec<Report>,
}

impl Running {
    /// Waits for a report.
    pub async fn hears(&mut self, mut wanted: impl FnMut(&Report) -> bool) -> Report {
        let heard = &mut self.heard;
        let wait = async {
            loop {
                let report = self.reports.recv().await.expect("the worker ended without that report");
                heard.push(report.clone());
                if wanted(&report) {
                    return report;
                }
            }
        };
        tokio::time::timeout(AT_MOST, wait).await.expect("a report within the time")
    }

    /// Waits until the worker ends by itself; all that it said.
    pub async fn ended(mut self) -> Vec<Report> {
        let result = tokio::time::timeout(AT_MOST, &mut self.task).await;
        while let Ok(report) = self.reports.try_recv() {
            self.heard.push(report);
        }
        let result = result.unwrap_or_else(|_| panic!("the worker does not end; it said {:?}", self.heard));
        result.unwrap().unwrap();
        self.heard
    }

    /// As after SIGTERM.
    pub async fn stopped(self) -> Vec<Report> {
        self.shutdown.request();
        self.ended().await
    }

    /// As after SIGKILL.
    pub async fn crashed(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

/// Waits until a question to the database has the answer wanted.
pub async fn until<F: Future<Output = bool>>(mut question: impl FnMut() -> F) {
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    let wait = async {
        loop {
            ticks.tick().await;
            if question().await {
                return;
            }
        }
    };
    tokio::time::timeout(AT_MOST, wait).await.expect("an answer within the time");
}

pub fn paused_for(reports: &[Report], wanted: &str) -> bool {
    reports.iter().any(|report| matches!(report, Report::Paused { reason, .. } if *reason == wanted))
}

impl Running {
    /// Some of the worker's looks at the database go by, and it says nothing.
    pub async fn hears_nothing_for_some_pulses(&mut self) {
        let quiet = tokio::time::timeout(Duration::from_millis(350), self.reports.recv()).await;
        assert!(quiet.is_err(), "the worker says {quiet:?}");
    }
}
