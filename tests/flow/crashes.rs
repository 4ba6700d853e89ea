//! The worker dies, or is told to end, in full flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use candor::delivery::{Report, Until};
use candor::smtp::inbox::{Action, Moment, Step};

use crate::house::{C, Config, House, inbox, people, scripted, took};
use crate::judge::judge;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_at_any_moment_nobody_is_lost_and_second_copies_are_on_record() {
    let inbox = inbox().await;
    let config = Config::to(&inbox);
    let mut house = House::scheduled(&config, &people(900)).await;
    for moment in [1, 60, 150, 290, 450, 600] {
        let running = house.worker(Until::Settled).await;
        took(&inbox, moment).await;
        running.crashed().await;
        house = house.again(&config).await;
    }
    let reports = house.send().await;
    assert!(matches!(reports.first(), Some(Report::Recovered(_))), "{reports:?}");
    assert_eq!(house.count(C, "accepted").await, 900);
    let taken = inbox.stop().await;
    let twice = taken.len() - 900;
    assert!(twice <= 6 * 4, "at most one a connection and crash: {twice}");
    judge(&house, &taken, 900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_at_a_crash_is_in_doubt_and_the_rest_pending() {
    let inbox = scripted(|moment: Moment<'_>| match moment.step {
        Step::EndOfData { to: "p3@example.org" } => Action::Hang,
        _ => Action::Default,
    })
    .await;
    let config = Config::none().relay("main", &inbox, "connections = 1").delivery("in_doubt = \"hold\"");
    let house = House::scheduled(&config, &people(20)).await;
    let running = house.worker(Until::Settled).await;
    took(&inbox, 2).await;
    let held = &house;
    crate::house::until(|| async move {
        let sql = held.sql().await;
        let open: i64 = sqlx::query_scalar("SELECT count(*) FROM begun").fetch_one(&sql).await.unwrap();
        let accepted = held.count(C, "accepted").await;
        open == 1 && accepted == 2
    })
    .await;
    running.crashed().await;
    let house = house.again(&config).await;
    let (worker, mut reports) = house.app.worker(None, Until::Stopped).await.unwrap().unwrap();
    let Ok(Report::Recovered(recovered)) = reports.try_recv() else { panic!("nothing was recovered") };
    assert_eq!(recovered.in_doubt, 1);
    drop(worker);
    assert_eq!(house.recipient(C, 3).await.state, "in-doubt");
    assert_eq!((house.count(C, "accepted").await, house.count(C, "pending").await), (2, 17));
    judge(&house, &inbox.stop().await, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_sigterm_what_is_on_the_wire_is_finished_and_a_later_worker_sends_the_rest_once() {
    let inbox = inbox().await;
    let config = Config::to(&inbox);
    let mut house = House::scheduled(&config, &people(600)).await;
    for moment in [1, 100, 300] {
        let running = house.worker(Until::Settled).await;
        took(&inbox, moment).await;
        running.stopped().await;
        assert_eq!(house.count(C, "sending").await + house.count(C, "in-doubt").await, 0);
        judge(&house, &inbox.received(), 600).await;
        house = house.again(&config).await;
    }
    house.send().await;
    let taken = inbox.stop().await;
    assert_eq!((taken.len(), house.count(C, "accepted").await), (600, 600));
    judge(&house, &taken, 600).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_within_grace_and_what_is_still_on_the_wire_is_in_doubt() {
    let inbox =
        scripted(candor::smtp::inbox::script::always(candor::domain::outcome::Phase::EndOfData, Action::Hang)).await;
    let config = Config::to(&inbox).delivery("grace = \"300ms\"").timeout("end_of_data", "15s");
    let house = House::scheduled(&config, &people(20)).await;
    let running = house.worker(Until::Settled).await;
    let held = &house;
    crate::house::until(|| async move {
        let sql = held.sql().await;
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM begun").fetch_one(&sql).await.unwrap() > 0
    })
    .await;
    let before = std::time::Instant::now();
    running.stopped().await;
    assert!(before.elapsed() < Duration::from_secs(5));
    assert!(house.count(C, "in-doubt").await >= 1);
    assert_eq!(house.count(C, "sending").await, 0);
    judge(&house, &inbox.stop().await, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_comes_and_goes_while_workers_die_leaves_nobody_out() {
    let met = Arc::new(AtomicU32::new(0));
    let inbox = scripted(move |moment: Moment<'_>| {
        let number = met.fetch_add(1, Ordering::SeqCst);
        match moment.step {
            Step::EndOfData { .. } if number.is_multiple_of(41) => Action::CloseAfterTaking,
            Step::EndOfData { .. } if number.is_multiple_of(43) => Action::reply("451 4.3.0 Not now please"),
            Step::Body { .. } if number.is_multiple_of(97) => Action::Close,
            Step::Rcpt { .. } if number.is_multiple_of(53) => Action::Close,
            Step::Mail { .. } if number.is_multiple_of(89) => Action::reply("421 4.3.2 Closing for a moment"),
            Step::Banner if number.is_multiple_of(3) => Action::Close,
            _ => Action::Default,
        }
    })
    .await;
    let config = Config::to(&inbox).delivery("in_doubt_resends = 10");
    let mut house = House::scheduled(&config, &people(300)).await;
    for moment in [20, 120, 200] {
        let running = house.worker(Until::Settled).await;
        took(&inbox, moment).await;
        running.crashed().await;
        house = house.again(&config).await;
    }
    house.send().await;
    assert_eq!(house.count(C, "accepted").await, 300);
    judge(&house, &inbox.stop().await, 300).await;
}
