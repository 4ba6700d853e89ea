//! What was approved is what is sent, or nothing is.

use candor::approval::{self, ApprovalError};
use candor::delivery::{Report, Until};

use crate::house::{C, Config, House, inbox, paused_for, people, took};
use crate::judge::judge;

fn changed(config: &Config, what: &str) -> Config {
    let mut config = config.clone();
    match what {
        "from" => config.from = "Care <care2@example.com>".into(),
        _ => config.organization = "reply_to = \"other@example.com\"".into(),
    }
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_changed_before_the_start_puts_the_campaign_back_to_draft() {
    let inbox = inbox().await;
    let config = Config::to(&inbox);
    for what in ["from", "reply_to"] {
        let house = House::new(&config).await;
        house.approved(C, &people(2)).await;
        let house = house.again(&changed(&config, what)).await;
        let refused = house.schedule(C, &house.request()).await;
        assert!(matches!(refused, Err(ApprovalError::Changed { .. })), "{refused:?}");
        assert_eq!(house.state(C).await.0, "draft");
        house.approve(C).await;
        house.schedule(C, &house.request()).await.unwrap();
        house.send().await;
        assert_eq!(house.count(C, "accepted").await, 2);
    }
    assert_eq!(inbox.stop().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_changed_while_sending_pauses_until_it_is_put_back() {
    let inbox = inbox().await;
    let config = Config::to(&inbox).only_delivery("rate = \"100/s\"");
    for what in ["from", "reply_to"] {
        let house = House::scheduled(&config, &people(60)).await;
        let already = inbox.counts().taken;
        let running = house.worker(Until::Settled).await;
        took(&inbox, already + 5).await;
        running.stopped().await;
        let taken = inbox.counts().taken;
        let house = house.again(&changed(&config, what)).await;
        let reports = house.send().await;
        assert!(paused_for(&reports, "settings-changed"), "{reports:?}");
        assert_eq!(inbox.counts().taken, taken, "nothing leaves with the other settings");
        let App { store, settings, .. } = &house.app;
        let refused = approval::resume(store, settings, &house.app.by(), C).await;
        assert!(matches!(refused, Err(ApprovalError::Settings(_))), "{refused:?}");
        let house = house.again(&config).await;
        approval::resume(&house.app.store, &house.app.settings, &house.app.by(), C).await.unwrap();
        house.send().await;
        assert_eq!(house.count(C, "accepted").await, 60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_changed_before_the_start_puts_the_campaign_back_to_draft_and_says_so() {
    let inbox = inbox().await;
    let config = Config::to(&inbox);
    let house = House::scheduled(&config, &people(2)).await;
    let house = house.again(&changed(&config, "reply_to")).await;
    let reports = house.send().await;
    let is_back =
        |report: &Report| matches!(report, Report::BackToDraft { changed, .. } if changed.contains("reply_to"));
    assert!(reports.iter().any(is_back), "{reports:?}");
    assert_eq!(house.state(C).await, ("draft".into(), None));
    assert_eq!(inbox.stop().await.len(), 0);
}

use candor::app::App;

/// Approves a campaign of 40, runs one statement as somebody who can write the database, and sends.
async fn edited(statement: &'static str) -> (House, usize) {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(40)).await;
    let sql = house.sql().await;
    sqlx::query(statement).execute(&sql).await.unwrap();
    sql.close().await;
    let reports = house.send().await;
    assert!(paused_for(&reports, "not-as-approved") || paused_for(&reports, "settings-changed"), "{reports:?}");
    let taken = inbox.stop().await;
    assert!(!taken.iter().any(|message| {
        let text = String::from_utf8_lossy(&message.bytes).into_owned();
        text.contains("Mallory") || message.to[0].contains("mallory") || message.to[0] == "p20@example.org"
    }));
    (house, taken.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_name_pauses_the_campaign_before_that_message_leaves() {
    let statement = "UPDATE recipients SET row = json_set(row, '$.name', 'Mallory') WHERE ref = 'REF-000020'";
    let (house, _) = edited(statement).await;
    assert_eq!(house.state(C).await, ("paused".into(), Some("not-as-approved".into())));
    assert_eq!(house.recipient(C, 20).await.state, "pending");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_address_pauses_the_campaign_before_that_message_leaves() {
    let statement =
        "UPDATE recipients SET email = 'mallory@example.net', mailbox = 'mallory@example.net' WHERE ref = 'REF-000020'";
    edited(statement).await;
    let statement = "UPDATE recipients SET mailbox = 'mallory@example.net' WHERE ref = 'REF-000020'";
    edited(statement).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commitment_that_is_missing_pauses_the_campaign_and_nothing_leaves() {
    let (_, taken) = edited("DELETE FROM commitment_tiles WHERE kind = 'rendered'").await;
    assert_eq!(taken, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn commitments_put_in_the_place_of_the_approved_ones_pause_the_campaign() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(40)).await;
    let sql = house.sql().await;
    sqlx::query("UPDATE commitment_tiles SET hashes = randomblob(length(hashes)) WHERE kind = 'rendered'")
        .execute(&sql)
        .await
        .unwrap();
    sql.close().await;
    assert!(paused_for(&house.send().await, "not-as-approved"));
    assert_eq!(inbox.stop().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_template_is_not_sent() {
    let (_, taken) = edited("UPDATE campaigns SET notice = replace(notice, 'information', 'Mallory')").await;
    assert_eq!(taken, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_incident_is_not_sent() {
    let (_, taken) = edited("UPDATE campaigns SET incident = replace(incident, '2026', '2025') || ' '").await;
    assert_eq!(taken, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_on_the_safety_list_get_mail_and_then_the_campaign_pauses() {
    let inbox = inbox().await;
    let config = Config::to(&inbox).more("[safety]\nonly_to = [\"p3@example.org\", \"team.example\"]");
    let mut all = people(200);
    all.extend(crate::house::people_at("team.example", 500, 3));
    let house = House::scheduled(&config, &all).await;
    let reports = house.send().await;
    assert!(paused_for(&reports, "only-to"), "{reports:?}");
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 4);
    assert_eq!((house.count(C, "accepted").await, house.count(C, "pending").await), (4, 199));
    judge(&house, &taken, 203).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_of_the_relay_is_no_reason_to_say_that_only_to_holds_everybody_back() {
    use candor::domain::outcome::Phase;
    use candor::smtp::inbox::{Action, script::first};
    let inbox = crate::house::scripted(first(6, Phase::Mail, Action::reply("421 4.3.2 Closing"))).await;
    let config = Config::to(&inbox).more("[safety]\nonly_to = [\"p3@example.org\"]");
    let house = House::scheduled(&config, &people(4)).await;
    let reports = house.send().await;
    assert!(paused_for(&reports, "only-to"), "{reports:?}");
    assert_eq!(house.recipient(C, 3).await.state, "accepted");
    judge(&house, &inbox.stop().await, 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_deferred_whom_only_to_no_longer_lets_through_does_not_keep_the_campaign_from_pausing() {
    use candor::domain::outcome::Phase;
    use candor::smtp::inbox::{Action, script::for_mailbox};
    let busy = Action::reply("450 4.2.0 Mailbox is busy");
    let inbox = crate::house::scripted(for_mailbox("p1@example.org", 9, Phase::Rcpt, busy)).await;
    let config = Config::to(&inbox);
    let house = House::scheduled(&config, &people(4)).await;
    house.worker(Until::NothingPending).await.ended().await;
    let house = house.again(&config.more("[safety]\nonly_to = [\"team.example\"]")).await;
    let reports = house.send().await;
    assert!(paused_for(&reports, "only-to"), "{reports:?}");
    judge(&house, &inbox.stop().await, 4).await;
}
