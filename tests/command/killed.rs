//! `kill -9`, SIGTERM, a second worker: what the next run makes of it, by the server's record.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use candor::smtp::inbox::{Action, Moment, Received, Step};

use crate::house::{House, copies, inbox, list, scripted};

const PEOPLE: usize = 60;

/// Nobody lost, and no more messages than the record explains: one, and one for each attempt that did not end well.
#[track_caller]
fn judge(house: &House, taken: &[Received]) {
    let recipients = house.recipients("c");
    assert_eq!(recipients.len(), PEOPLE);
    let ledger = house.line("audit log --campaign c --json").ends(0).lines();
    let attempts: Vec<_> = ledger.iter().filter(|entry| entry["kind"] == "attempt").collect();
    let status = house.status("c");
    assert_eq!(status["attempts"], attempts.len(), "every attempt is an entry");
    for person in &recipients {
        let address = person["email"].as_str().expect("an address");
        let copies = copies(taken, address);
        let tries = person["attempts"].as_u64().expect("a number");
        let well = u64::from(person["state"] == "accepted");
        assert!(copies >= 1 || well == 0, "{address} is accepted and has no copy");
        assert!(copies as u64 <= 1 + tries - well, "{address}: {copies} copies, on record {person}");
    }
}

/// Hangs at the steps that `at` picks, until it is let go.
fn hanging(at: fn(&Step<'_>) -> bool, free: &Arc<AtomicBool>) -> impl Fn(Moment<'_>) -> Action + use<> {
    let free = Arc::clone(free);
    move |moment: Moment<'_>| {
        if !free.load(Ordering::SeqCst) && at(&moment.step) { Action::Hang } else { Action::Default }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_that_is_killed_anywhere_in_mid_campaign_is_gone_on_with_and_nobody_is_lost() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "rate = \"200/s\"");
    house.campaign("c", &list(PEOPLE));
    for moment in [1, 17, 40] {
        let running = house.start("send c");
        inbox.until_taken(moment).await;
        running.kill();
    }
    let ran = house.line("send c --until-final").ends(0);
    assert!(!ran.err.lines().any(|line| line.contains(" settled:") && !line.contains(" 0 failed")), "{}", ran.err);
    assert_eq!(house.count("c", "accepted"), PEOPLE as i64);
    assert_eq!(house.state("c"), "finished");
    let taken = inbox.stop().await;
    assert!(taken.len() <= PEOPLE + 3 * 4, "at most one a connection and death: {}", taken.len());
    judge(&house, &taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_send_killed_at_each_step_of_the_conversation_loses_nobody() {
    let steps: [fn(&Step<'_>) -> bool; 5] = [
        |step| matches!(step, Step::Banner),
        |step| matches!(step, Step::Mail { .. }),
        |step| matches!(step, Step::Data { to } if *to == "p5@example.org"),
        |step| matches!(step, Step::Body { to, .. } if *to == "p9@example.org"),
        |step| matches!(step, Step::EndOfData { to } if *to == "p3@example.org"),
    ];
    for at in steps {
        let (free, reached) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let hang = hanging(at, &free);
        let seen = Arc::clone(&reached);
        let inbox = scripted(move |moment: Moment<'_>| {
            let action = hang(moment);
            if action == Action::Hang {
                seen.store(true, Ordering::SeqCst);
            }
            action
        })
        .await;
        let house = House::to_port(inbox.address().port(), "");
        house.campaign("c", &list(PEOPLE));
        let running = house.start("send c");
        assert!(crate::support::wait_for(crate::house::AT_MOST, || reached.load(Ordering::SeqCst)));
        running.kill();
        free.store(true, Ordering::SeqCst);
        house.line("send c --until-final").ends(0);
        assert_eq!(house.count("c", "accepted"), PEOPLE as i64);
        judge(&house, &inbox.stop().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn held_doubts_get_no_second_copy_and_end_3() {
    let free = Arc::new(AtomicBool::new(false));
    let hang = hanging(|step| matches!(step, Step::EndOfData { .. }), &free);
    let inbox = scripted(hang).await;
    let house = House::to_port(inbox.address().port(), "in_doubt = \"hold\"");
    house.campaign("c", &list(PEOPLE));
    let running = house.start("send c");
    // Every connection has a claimed message that waits for its reply.
    house.until("c", |status| status["recipients"]["sending"].as_i64() >= Some(1));
    inbox.until(|counts| counts.connections >= 1).await;
    running.kill();
    free.store(true, Ordering::SeqCst);
    house.line("send c --until-final").ends(3).says("not been told");
    let taken = inbox.stop().await;
    judge(&house, &taken);
    let doubts = house.count("c", "in-doubt");
    assert!(doubts >= 1);
    assert_eq!(house.count("c", "accepted") + doubts, PEOPLE as i64);
    for person in house.recipients("c").iter().filter(|person| person["state"] == "in-doubt") {
        assert!(copies(&taken, person["email"].as_str().expect("an address")) <= 1, "{person}");
        assert_eq!(person["attempts"], 1);
    }
    assert_eq!(house.state("c"), "finished");
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_send_with_1_and_it_goes_on_later_without_a_second_copy() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "rate = \"40/s\"");
    house.campaign("c", &list(PEOPLE));
    let mut running = house.start("send c");
    inbox.until_taken(3).await;
    running.signal("TERM");
    running.ended().ends(1).says("candor send c");
    assert!(inbox.counts().taken < PEOPLE as u64, "it was interrupted");
    house.line("send c").ends(0);
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), PEOPLE);
    judge(&house, &taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_run_with_0_and_a_second_worker_is_refused() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "rate = \"40/s\"");
    house.campaign("c", &list(PEOPLE));
    house.line("campaign schedule c --now").ends(0);
    let mut running = house.start("run");
    inbox.until_taken(3).await;
    house.line("run").ends(1).says("another worker");
    house.line("run --once").ends(1).says("another worker");
    assert!(running.is_running());
    running.signal("TERM");
    running.ended().ends(0);
    house.line("run --once").ends(0);
    assert_eq!(house.count("c", "accepted"), PEOPLE as i64);
    assert_eq!(inbox.stop().await.len(), PEOPLE);
}
