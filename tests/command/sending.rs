//! `send` and the worker: what starts, what is refused, what follows a worker, how fast, pauses in the middle.

use std::time::Duration;

use candor::smtp::inbox::{Action, Moment, Step};

use crate::house::{House, copies, inbox, list, scripted};

#[tokio::test(flavor = "multi_thread")]
async fn send_of_a_draft_submits_approves_and_sends_where_no_user_exists() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "");
    house.campaign("c", &list(5));
    house.line("send c --expect 4").ends(1).says("not 4");
    assert_eq!((inbox.counts().connections, house.state("c").as_str()), (0, "draft"));
    house.line("campaign schedule c --now --expect 6").ends(1).says("not 6");
    house.line("send c --expect 5").ends(0);
    assert_eq!(house.state("c"), "finished");
    house.line("send c").ends(0).says("finished");
    house.line("send c --now --until-final").ends(0);
    house.line("campaign rerun c").ends(0);
    house.line("run --once").ends(0);
    assert_eq!(inbox.stop().await.len(), 5, "nobody gets a second one");
    let kinds: Vec<_> = house.line("audit log --campaign c --json").lines();
    assert!(
        kinds.iter().any(|entry| entry["kind"] == "campaign.approved" || entry["kind"] == "batch.approved"),
        "{kinds:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_campaign_that_missed_somebody_ends_3_and_a_rerun_reaches_them() {
    let inbox = scripted(|moment: Moment<'_>| match moment.step {
        Step::Rcpt { to: "p2@example.org" } if moment.seen_before == 0 => Action::reply("550 5.1.1 no such user"),
        _ => Action::Default,
    })
    .await;
    let house = House::to_port(inbox.address().port(), "");
    house.campaign("c", &list(5));
    house.line("send c").ends(3);
    house.line("send c").ends(3).says("unreached");
    assert_eq!(inbox.counts().taken, 4);
    house.line("campaign rerun c").ends(0).says("--force");
    assert_eq!((house.count("c", "failed"), house.state("c").as_str()), (1, "finished"));
    let plan = house.line("campaign rerun c --force --dry-run --json").ends(0).json();
    assert_eq!((&plan["people"], house.count("c", "failed")), (&1.into(), 1));
    house.line("campaign rerun c --class policy").ends(0);
    assert_eq!(house.count("c", "failed"), 1);
    house.line("campaign rerun c --force").ends(0);
    house.line("send c").ends(0);
    let taken = inbox.stop().await;
    assert_eq!((taken.len(), copies(&taken, "p2@example.org")), (5, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn send_beside_a_worker_starts_the_campaign_there_and_ctrl_c_only_detaches() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "rate = \"20/s\"");
    let mut worker = house.start("run");
    worker.says("the worker is running");
    house.campaign("c", &list(50));
    let mut following = house.start("send c");
    inbox.until_taken(3).await;
    following.says("a worker runs on this database");
    following.signal("INT");
    following.ended().ends(1).says("candor campaign pause c");
    let before = inbox.counts().taken;
    assert!(before < 50, "it went on by itself");
    house.line("send c").ends(0).says("follows");
    assert_eq!(house.count("c", "accepted"), 50);
    worker.signal("TERM");
    worker.ended().ends(0);
    assert_eq!(inbox.stop().await.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_stops_the_send_and_a_resume_goes_on_without_second_copies() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "rate = \"40/s\"");
    house.campaign("c", &list(60));
    let sending = house.start("send c");
    inbox.until_taken(3).await;
    house.line("campaign pause c").ends(0);
    sending.ended().ends(1).says("resume c");
    let at_pause = inbox.counts().taken;
    assert!(at_pause < 60);
    house.line("send c").ends(1).says("resume c");
    house.line("run --once").ends(0);
    assert_eq!(inbox.counts().taken, at_pause, "a paused campaign sends nothing");
    house.line("campaign resume c").ends(0);
    let sending = house.start("send c");
    inbox.until_taken(at_pause + 3).await;
    house.line("campaign cancel c").ends(0);
    sending.ended().ends(1).says("cancelled");
    let (accepted, cancelled) = (house.count("c", "accepted"), house.count("c", "cancelled"));
    assert_eq!(accepted + cancelled, 60);
    assert_eq!(inbox.counts().taken as i64, accepted);
    house.line("send c").ends(1);
    assert_eq!(inbox.stop().await.len() as i64, accepted);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_never_sees_more_than_the_rate() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "rate = \"30/s\"");
    house.campaign("c", &list(75));
    house.line("send c").ends(0);
    let mut times: Vec<_> = inbox.stop().await.iter().map(|message| message.mail_at).collect();
    times.sort();
    for (first, from) in times.iter().enumerate() {
        for (count, to) in times[first..].iter().enumerate() {
            // rate x T and a burst of one second's worth; a message on its way may be 50 ms later than the one before.
            let seconds = (*to - *from + Duration::from_millis(50)).as_secs_f64();
            assert!(count as f64 <= 30.0 * seconds + 30.0, "{count} within {seconds} s");
        }
    }
    let all = *times.last().expect("75") - times[0];
    assert!(all < Duration::from_secs(6), "and not much less: {all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_never_make_two_of_it() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "");
    house.create("c");
    house.home.write("a.csv", list(400));
    let imports = [house.start("campaign import c a.csv"), house.start("campaign import c a.csv")];
    let codes = imports.map(|import| import.ended().code);
    assert!(codes.contains(&Some(0)), "{codes:?}");
    assert_eq!(house.status("c")["affected"], 400, "{codes:?}");
    let starts = [house.start("campaign schedule c --now"), house.start("campaign schedule c --now")];
    let codes = starts.map(|start| start.ended().code);
    assert!(codes.contains(&Some(0)), "{codes:?}");
    let sends = [house.start("send c"), house.start("send c"), house.start("run --once")];
    let codes = sends.map(|send| send.ended().code);
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 1))), "{codes:?}");
    house.line("send c").ends(0);
    assert_eq!(inbox.stop().await.len(), 400);
    assert_eq!(house.status("c")["attempts"], 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_sent_a_campaign_is_slowed_down_and_never_sped_up_or_changed() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "rate = \"40/s\"");
    house.campaign("c", &list(60));
    let mut sending = house.start("send c");
    inbox.until_taken(3).await;
    house.line("campaign settings c --rate 50/s").ends(1).says("at most 40/s");
    house.line("campaign settings c --rate 30/s").ends(0);
    let incident = format!("{}/incident.toml", crate::house::NOTICE);
    house.run(&["campaign", "update", "c", "--incident", &incident]).ends(1).says("stay as approved");
    sending.signal("INT");
    sending.ended().ends(1);
    let house = house.with("Care <care@", "Other <care@");
    let before = inbox.counts().taken;
    house.line("send c").ends(1).says("settings-changed").says("organization.from").says("put candor.toml back");
    assert_eq!(inbox.counts().taken, before, "nobody gets what was not approved");
    house.line("campaign settings c --rate 29/s").ends(0);
    let house = house.with("Other <care@", "Care <care@");
    house.line("campaign resume c").ends(0);
    house.line("send c").ends(0);
    assert_eq!(inbox.stop().await.len(), 60);
}
