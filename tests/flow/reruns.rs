//! Trying again those who were not reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candor::domain::recipient::RecipientState;
use candor::followup::{FollowupError, RerunFilter, RerunPlan, RerunRequest, rerun};
use candor::smtp::inbox::{Action, Inbox, Moment, Step};

use crate::house::{C, Config, House, people, scripted};
use crate::judge::judge;

async fn again(house: &House, filter: &RerunFilter, force: bool, dry_run: bool) -> Result<RerunPlan, FollowupError> {
    let app = &house.app;
    let request = RerunRequest { filter: filter.clone(), force, dry_run, reason: Some("asked by Zebulon".into()) };
    rerun(&app.store, &app.settings, &app.by(), C, &request).await
}

/// p2 is blocked and p3 unknown, until the flag is raised; p4 stays in doubt.
async fn trouble() -> (Inbox, Arc<AtomicBool>) {
    let is_over = Arc::new(AtomicBool::new(false));
    let flag = is_over.clone();
    let inbox = scripted(move |moment: Moment<'_>| match moment.step {
        _ if flag.load(Ordering::SeqCst) => Action::Default,
        Step::EndOfData { to: "p2@example.org" } => Action::reply("554 5.7.1 Blocked by policy"),
        Step::Rcpt { to: "p3@example.org" } => Action::reply("550 5.1.1 No such user"),
        Step::EndOfData { to: "p4@example.org" } => Action::CloseAfterTaking,
        _ => Action::Default,
    })
    .await;
    (inbox, is_over)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_tries_the_failed_again_and_never_those_who_were_accepted() {
    let (inbox, is_over) = trouble().await;
    let house = House::scheduled(&Config::to(&inbox), &people(6)).await;
    house.send().await;
    assert_eq!(house.state(C).await.0, "finished");
    is_over.store(true, Ordering::SeqCst);
    let dry = again(&house, &RerunFilter::default(), false, true).await.unwrap();
    assert_eq!((dry.moved, dry.skipped, dry.twice), (1, 1, 0));
    assert_eq!(house.state(C).await.0, "finished");
    let plan = again(&house, &RerunFilter::default(), false, false).await.unwrap();
    assert_eq!((plan.moved, plan.skipped), (1, 1));
    assert_eq!(house.state(C).await.0, "sending");
    assert_eq!(again(&house, &RerunFilter::default(), false, false).await.unwrap().moved, 0);
    house.send().await;
    assert_eq!(house.state(C).await.0, "finished");
    assert_eq!(
        (house.recipient(C, 2).await.state, house.recipient(C, 3).await.state),
        ("accepted".into(), "failed".into())
    );
    let forced = again(&house, &RerunFilter::default(), true, false).await.unwrap();
    assert_eq!(forced.moved, 1);
    house.send().await;
    assert_eq!(house.recipient(C, 3).await.state, "accepted");
    let taken = inbox.stop().await;
    assert_eq!(taken.iter().filter(|message| message.to[0] == "p1@example.org").count(), 1);
    judge(&house, &taken, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_of_those_in_doubt_says_that_they_may_get_it_twice() {
    let (inbox, is_over) = trouble().await;
    let house = House::scheduled(&Config::to(&inbox).delivery("in_doubt = \"hold\""), &people(6)).await;
    house.send().await;
    is_over.store(true, Ordering::SeqCst);
    let filter = RerunFilter { states: vec![RecipientState::InDoubt], ..RerunFilter::default() };
    let plan = again(&house, &filter, false, false).await.unwrap();
    assert_eq!((plan.moved, plan.twice), (1, 1));
    house.send().await;
    assert_eq!(house.recipient(C, 4).await.state, "accepted");
    judge(&house, &inbox.stop().await, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rerun_of_accepted_people_is_refused_and_one_of_a_cancelled_campaign_too() {
    let (inbox, _) = trouble().await;
    let house = House::scheduled(&Config::to(&inbox), &people(3)).await;
    for state in [RecipientState::Accepted, RecipientState::Delivered, RecipientState::Cancelled] {
        let filter = RerunFilter { states: vec![state], ..RerunFilter::default() };
        assert!(again(&house, &filter, true, false).await.is_err(), "{state}");
    }
    candor::approval::cancel(&house.app.store, &house.app.by(), C).await.unwrap();
    assert!(matches!(again(&house, &RerunFilter::default(), true, false).await, Err(FollowupError::State { .. })));
    judge(&house, &inbox.stop().await, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_suppressed_goes_out_again_only_once_off_the_list() {
    let (inbox, _) = trouble().await;
    let house = House::scheduled(&Config::to(&inbox), &people(1)).await;
    let (store, by) = (&house.app.store, house.app.by());
    candor::followup::suppress_add(store, &by, &["p1@example.org".into()], "asked", None, None).await.unwrap();
    house.send().await;
    let filter = RerunFilter { states: vec![RecipientState::Suppressed], ..RerunFilter::default() };
    again(&house, &filter, false, false).await.unwrap();
    house.send().await;
    assert_eq!((house.recipient(C, 1).await.state.as_str(), inbox.counts().taken), ("suppressed", 0));
    candor::followup::suppress_remove(store, &by, "p1@example.org", "asked again").await.unwrap();
    again(&house, &filter, false, false).await.unwrap();
    house.send().await;
    assert_eq!(house.recipient(C, 1).await.state, "accepted");
    judge(&house, &inbox.stop().await, 1).await;
}
