//! Pausing, resuming and cancelling in full flow.

use std::time::{Duration, Instant};

use candor::approval;
use candor::delivery::{Report, Until};

use crate::house::{C, Config, House, inbox, people, took};
use crate::judge::judge;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_pause_nothing_begins_and_nothing_new_leaves_and_resume_goes_on() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(1_500)).await;
    let mut running = house.worker(Until::Stopped).await;
    let App { store, settings, .. } = &house.app;
    for moment in [50, 300, 600] {
        took(&inbox, moment).await;
        approval::pause(store, &house.app.by(), C).await.unwrap();
        let paused = Instant::now();
        let sql = house.sql().await;
        let begun = "SELECT (SELECT count(*) FROM attempts) + (SELECT count(*) FROM begun)";
        let at_pause: i64 = sqlx::query_scalar(begun).fetch_one(&sql).await.unwrap();
        let held = &house;
        crate::house::until(|| async move { held.count(C, "sending").await == 0 }).await;
        let later: i64 = sqlx::query_scalar(begun).fetch_one(&sql).await.unwrap();
        assert!(later <= at_pause, "begun after the pause: {at_pause}, then {later}");
        let late = inbox.received().into_iter().filter(|message| message.mail_at > paused + Duration::from_secs(1));
        assert_eq!(late.count(), 0);
        judge(&house, &inbox.received(), 1_500).await;
        approval::resume(store, settings, &house.app.by(), C).await.unwrap();
    }
    running.hears(|report| matches!(report, Report::Finished { .. })).await;
    let reports = running.stopped().await;
    let troubles = reports.iter().filter(|report| matches!(report, Report::RelayAside { .. })).count();
    assert_eq!(troubles, 0, "a pause is no trouble of the relay's");
    let taken = inbox.stop().await;
    assert_eq!((taken.len(), house.count(C, "accepted").await), (1_500, 1_500));
    judge(&house, &taken, 1_500).await;
}

use candor::app::App;

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_in_full_flow_everybody_is_accepted_cancelled_or_in_doubt() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(2_000)).await;
    let running = house.worker(Until::Settled).await;
    took(&inbox, 200).await;
    approval::cancel(&house.app.store, &house.app.by(), C).await.unwrap();
    running.ended().await;
    let accepted = house.count(C, "accepted").await;
    assert_eq!(accepted + house.count(C, "cancelled").await + house.count(C, "in-doubt").await, 2_000);
    assert!((200..2_000).contains(&accepted), "{accepted}");
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), accepted);
    assert_eq!(house.state(C).await.0, "cancelled");
    judge(&house, &taken, 2_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_is_cancelled_while_somebody_is_deferred_or_in_doubt_sends_nothing_more() {
    use candor::smtp::inbox::{Action, Moment, Step};
    let inbox = crate::house::scripted(|moment: Moment<'_>| match moment.step {
        Step::Rcpt { to: "p1@example.org" } => Action::reply("450 4.2.0 Mailbox is busy"),
        Step::EndOfData { to: "p2@example.org" } => Action::CloseAfterTaking,
        _ => Action::Default,
    })
    .await;
    let config = Config::to(&inbox).only_delivery("rate = \"unlimited\"\nretry_first = \"1h\"");
    let house = House::scheduled(&config, &people(5)).await;
    house.worker(Until::NothingPending).await.ended().await;
    assert_eq!((house.count(C, "deferred").await, house.count(C, "in-doubt").await), (1, 1));
    approval::cancel(&house.app.store, &house.app.by(), C).await.unwrap();
    house.send().await;
    assert_eq!(house.recipient(C, 1).await.state, "cancelled");
    let in_doubt = house.recipient(C, 2).await;
    assert_eq!((in_doubt.state.as_str(), in_doubt.due_at), ("in-doubt", None));
    judge(&house, &inbox.stop().await, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_is_finished_only_when_everybody_is_settled() {
    use candor::domain::outcome::Phase;
    use candor::smtp::inbox::{Action, script::for_mailbox};
    let action = Action::reply("450 4.2.0 Mailbox is busy");
    let inbox = crate::house::scripted(for_mailbox("p1@example.org", 3, Phase::Rcpt, action)).await;
    let house = House::scheduled(&Config::to(&inbox), &people(4)).await;
    let mut running = house.worker(Until::Settled).await;
    running.hears(|report| matches!(report, Report::Finished { .. })).await;
    assert_eq!(house.count(C, "accepted").await, 4);
    running.ended().await;
    judge(&house, &inbox.stop().await, 4).await;
}
