//! What a server refuses: tried again, or settled with its class.

use std::time::Duration;

use candor::delivery::Until;
use candor::domain::outcome::Phase;
use candor::smtp::inbox::script::{first, for_mailbox};
use candor::smtp::inbox::{Action, Moment, Step};

use crate::house::{C, Config, House, inbox, people, scripted, took, until};
use crate::judge::judge;

const SECOND: &str = "p2@example.org";

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_refusal_is_tried_again_and_accepted() {
    for (phase, reply) in [
        (Phase::Rcpt, "450 4.2.0 Mailbox is busy with something else"),
        (Phase::Data, "451 4.3.0 Local trouble with secret words"),
        (Phase::EndOfData, "451 4.3.0 Local trouble with secret words"),
    ] {
        let inbox = scripted(for_mailbox(SECOND, 1, phase, Action::reply(reply))).await;
        let house = House::scheduled(&Config::to(&inbox), &people(6)).await;
        house.send().await;
        let taken = inbox.stop().await;
        assert_eq!((taken.len(), house.count(C, "accepted").await), (6, 6), "{phase}");
        assert_eq!(house.recipient(C, 2).await.attempts, 2, "{phase}");
        judge(&house, &taken, 6).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_refusal_of_the_sender_is_tried_again_and_accepted() {
    let inbox = scripted(first(2, Phase::Mail, Action::reply("451 4.3.0 Not now please"))).await;
    let house = House::scheduled(&Config::to(&inbox), &people(6)).await;
    house.send().await;
    let taken = inbox.stop().await;
    assert_eq!((taken.len(), house.count(C, "accepted").await), (6, 6));
    judge(&house, &taken, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanent_refusal_fails_with_its_class_and_the_others_are_accepted() {
    for (phase, reply, class) in [
        (Phase::Rcpt, "550 5.1.1 No such user here", "bad-address"),
        (Phase::Rcpt, "550 5.1.2 No such domain", "bad-domain"),
        (Phase::Rcpt, "550 5.2.1 This mailbox is disabled", "mailbox-disabled"),
        (Phase::EndOfData, "554 5.7.1 This looks like spam", "spam"),
        (Phase::Data, "554 5.3.0 Something else is wrong", "other-permanent"),
    ] {
        let inbox = scripted(for_mailbox(SECOND, 9, phase, Action::reply(reply))).await;
        let house = House::scheduled(&Config::to(&inbox), &people(4)).await;
        house.send().await;
        let taken = inbox.stop().await;
        let row = house.recipient(C, 2).await;
        assert_eq!((row.state.as_str(), row.class.as_deref(), row.attempts), ("failed", Some(class), 1), "{reply}");
        assert_eq!((taken.len(), house.count(C, "accepted").await), (3, 3));
        assert_eq!(house.state(C).await.0, "finished");
        judge(&house, &taken, 4).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_greylisted_recipient_is_not_tried_again_before_greylist_wait() {
    let reply = Action::reply("450 4.7.1 Greylisted, come back later");
    let inbox = scripted(for_mailbox(SECOND, 1, Phase::Rcpt, reply)).await;
    let config = Config::to(&inbox).delivery("greylist_wait = \"700ms\"");
    let house = House::scheduled(&config, &people(3)).await;
    house.send().await;
    let taken = inbox.stop().await;
    let at = |to: &str| taken.iter().find(|message| message.to[0] == to).unwrap().mail_at;
    assert!(at(SECOND) - at("p1@example.org") >= Duration::from_millis(600));
    assert_eq!(house.recipient(C, 2).await.attempts, 2);
    judge(&house, &taken, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_until_give_up_after_fails_with_the_last_class() {
    let inbox = scripted(|moment: Moment<'_>| match moment.step {
        Step::Rcpt { to: SECOND } if moment.seen_before == 0 => Action::reply("450 4.2.0 Mailbox is busy"),
        Step::Rcpt { to: SECOND } => Action::reply("450 4.7.1 Greylisted"),
        _ => Action::Default,
    })
    .await;
    let config = Config::to(&inbox).delivery("greylist_wait = \"100ms\"\ngive_up_after = \"500ms\"");
    let house = House::scheduled(&config, &people(2)).await;
    house.send().await;
    let row = house.recipient(C, 2).await;
    assert_eq!((row.state.as_str(), row.class.as_deref()), ("failed", Some("greylisted")));
    assert!(row.attempts >= 2, "{}", row.attempts);
    judge(&house, &inbox.stop().await, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_mailbox_waits_a_day_even_after_a_5xx() {
    let inbox = scripted(for_mailbox(SECOND, 9, Phase::Rcpt, Action::reply("552 5.2.2 Mailbox is full"))).await;
    let house = House::scheduled(&Config::to(&inbox), &people(2)).await;
    house.worker(Until::NothingPending).await.ended().await;
    let row = house.recipient(C, 2).await;
    assert_eq!((row.state.as_str(), row.class.as_deref()), ("deferred", Some("mailbox-full")));
    assert!(row.due_at.unwrap() - row.last_attempt_at.unwrap() > 23 * 3_600_000);
    judge(&house, &inbox.stop().await, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_refusals_of_the_sender_in_a_row_pause_the_campaign() {
    let reply = Action::reply("550 5.7.26 Unauthenticated mail is not accepted");
    let inbox = scripted(candor::smtp::inbox::script::always(Phase::EndOfData, reply)).await;
    let house = House::scheduled(&Config::to(&inbox), &people(300)).await;
    house.send().await;
    assert_eq!(house.state(C).await, ("paused".into(), Some("sender-refused".into())));
    let failed = house.count(C, "failed").await;
    assert!((10..200).contains(&failed), "{failed}");
    judge(&house, &inbox.stop().await, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_failures_pauses_the_campaign_and_counts_anew_after_resume() {
    let inbox = scripted(|moment: Moment<'_>| match moment.step {
        Step::Rcpt { to } if to.contains("5@") => Action::reply("550 5.1.1 No such user"),
        Step::Rcpt { to } if to.contains("7@") => Action::reply("550 5.1.1 No such user"),
        _ => Action::Default,
    })
    .await;
    let house = House::scheduled(&Config::to(&inbox), &people(2_000)).await;
    house.send().await;
    assert_eq!(house.state(C).await, ("paused".into(), Some("failure-share".into())));
    let settled = house.count(C, "failed").await + house.count(C, "accepted").await;
    assert!((100..1_500).contains(&settled), "{settled}");
    candor::approval::resume(&house.app.store, &house.app.settings, &house.app.by(), C).await.unwrap();
    house.send().await;
    let later = house.count(C, "failed").await + house.count(C, "accepted").await;
    assert!(later >= (settled + 100).min(2_000), "it counts anew: {settled}, then {later}");
    judge(&house, &inbox.stop().await, 2_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_pauses_after_so_many_also_across_a_restart() {
    let inbox = inbox().await;
    let config = Config::to(&inbox).only_delivery("rate = \"120/s\"");
    let house = House::new(&config).await;
    house.approved(C, &people(100)).await;
    let request = candor::approval::ScheduleRequest { canary: Some(30), ..house.request() };
    house.schedule(C, &request).await.unwrap();
    let running = house.worker(Until::Settled).await;
    took(&inbox, 10).await;
    running.stopped().await;
    let house = house.again(&config).await;
    house.send().await;
    assert_eq!(house.state(C).await, ("paused".into(), Some("canary".into())));
    assert_eq!(house.count(C, "accepted").await, 30);
    candor::approval::resume(&house.app.store, &house.app.settings, &house.app.by(), C).await.unwrap();
    house.send().await;
    assert_eq!(house.state(C).await.0, "finished");
    judge(&house, &inbox.stop().await, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_whose_relay_hangs_up_before_the_354_does_not_hold_back_the_others() {
    let inbox = scripted(|moment: Moment<'_>| match moment.step {
        Step::Rcpt { to: SECOND } => Action::reply("421 4.3.2 Closing"),
        _ => Action::Default,
    })
    .await;
    let house = House::scheduled(&Config::to(&inbox).delivery("give_up_after = \"1s\""), &people(50)).await;
    let running = house.worker(Until::Settled).await;
    let house = &house;
    until(|| async move { house.count(C, "accepted").await == 49 }).await;
    running.ended().await;
    let row = house.recipient(C, 2).await;
    assert_eq!((row.state.as_str(), row.class.as_deref(), row.attempts), ("failed", Some("expired"), 0));
    assert!(inbox.counts().connections < 200, "no storm: {:?}", inbox.counts());
    judge(house, &inbox.stop().await, 50).await;
}
