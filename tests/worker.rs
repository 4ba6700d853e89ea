//! The worker through the library's own doors: a folder as relay, a store in a temporary folder.

use std::path::Path;
use std::sync::Arc;

use candor::app::App;
use candor::approval::{self, ScheduleRequest};
use candor::audience::{self, ImportOptions, Source};
use candor::config::Settings;
use candor::delivery::{Report, Until};
use candor::domain::ids::CampaignName;
use candor::shutdown::Shutdown;
use candor::store::Access;

const NOTICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/first-notice");

async fn app(dir: &Path, more: &str) -> App {
    let text = format!(
        "database = \"candor.db\"\n[organization]\nname = \"Example Air\"\nfrom = \"Care <care@example.com>\"\n\
         postal_address = \"1 Example Road\"\n[relays.main]\nurl = \"folder:out\"\n[delivery]\nrate = \"unlimited\"\n{more}"
    );
    let environment = [("HOME".to_owned(), dir.display().to_string())];
    let settings = Settings::from_text(&text, &dir.join("candor.toml"), &environment).unwrap();
    App::open(settings, Access::Write).await.unwrap()
}

async fn approved(app: &App, list: &Path) -> i64 {
    let by = app.by();
    let name = CampaignName::parse("c").unwrap();
    let notice = Path::new(NOTICE);
    approval::create(&app.store, &by, &name, &notice.join("incident.toml"), notice).await.unwrap();
    let source = Source::parse(&list.display().to_string()).unwrap();
    let imported = audience::import(&app.store, &by, "c", &source, &ImportOptions::default(), &|_| {}).await.unwrap();
    let (result, _) = approval::check(&app.store, &app.settings, &by, "c", &|_, _| {}).await.unwrap();
    assert!(result.ok, "{result:?}");
    approval::submit(&app.store, &app.settings, &by, "c", None, None).await.unwrap();
    approval::approve(&app.store, &app.settings, &by, "c", None, None, 0).await.unwrap();
    imported.counts.imported
}

async fn send(app: &App) -> Vec<Report> {
    let request = ScheduleRequest {
        at: None,
        zone: app.settings.organization.time_zone,
        window: None,
        rate: None,
        canary: None,
        expect: None,
    };
    approval::schedule(&app.store, &app.settings, &app.by(), "c", &request).await.unwrap();
    let (worker, mut reports) = app.worker(Some("c"), Until::Settled).await.unwrap().unwrap();
    worker.run(&Shutdown::new()).await.unwrap();
    let mut all = Vec::new();
    while let Ok(report) = reports.try_recv() {
        all.push(report);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_in_the_sample_audience_gets_one_message_and_the_sum_is_the_audience() {
    let dir = tempfile::tempdir().unwrap();
    let app = Arc::new(app(dir.path(), "").await);
    let people = approved(&app, &Path::new(NOTICE).join("audience.csv")).await;
    let reports = send(&app).await;
    assert!(reports.contains(&Report::Finished { campaign: "c".into() }), "{reports:?}");
    let counts = app.store.state_counts(1).await.unwrap();
    assert_eq!(
        counts.iter().map(|count| (count.state.as_str(), count.people)).collect::<Vec<_>>(),
        [("accepted", people)]
    );
    let written = std::fs::read_dir(dir.path().join("out")).unwrap().count();
    assert_eq!(i64::try_from(written).unwrap(), people);
    let attempts = app.store.ledger_page(0, 1000, Some("c"), None).await.unwrap();
    assert_eq!(attempts.iter().filter(|entry| entry.kind == "attempt").count(), written);
}
