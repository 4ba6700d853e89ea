//! An operator's and the system's hands: pause, stop, canary, limits, signals, clocks, judged by when the server took what.

use std::time::{Duration, Instant};

use candor::smtp::inbox::{Action, Inbox, Moment, Step};

use crate::house::{AT_MOST, House, inbox, list, scripted};
use crate::judge::{C, Said, judge, judge_the_end};
use crate::settings::Settings;
use crate::support::tools::leave_out;
use crate::support::{require, wait_for};

const PEOPLE: usize = 400;
const CONNECTIONS: usize = 8;
/// delivery.md: a pause lets nothing new leave after this.
const PAUSE_AT_MOST: Duration = Duration::from_secs(1);
/// Longer than a violation would take to show at the rates used here.
const LOOK_FOR: Duration = Duration::from_millis(1_600);

fn house(inbox: &Inbox, rate: &str) -> House {
    let house = Settings::to(inbox).connections(CONNECTIONS).delivery(&format!("rate = \"{rate}\"")).house();
    house.campaign(C, &list(PEOPLE));
    house
}

/// Waits until the server has taken so many.
async fn took(inbox: &Inbox, messages: u64) {
    tokio::time::timeout(AT_MOST, inbox.until_taken(messages)).await.expect("the server takes more");
}

/// Messages whose envelope came later than a pause allows.
fn late(inbox: &Inbox, paused_at: Instant) -> usize {
    inbox.received().iter().filter(|message| message.mail_at > paused_at + PAUSE_AT_MOST).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_after_a_pause_nothing_leaves_by_the_servers_record() {
    for pause in ["campaign pause c", "campaign pause --all"] {
        let inbox = inbox().await;
        let house = house(&inbox, "100/s");
        house.line("campaign schedule c --now").ends(0);
        let mut running = house.start("run");
        took(&inbox, 40).await;
        house.line(pause).ends(0);
        let paused_at = Instant::now();
        assert!(!wait_for(LOOK_FOR, || late(&inbox, paused_at) > 0), "{} left after {pause}", late(&inbox, paused_at));
        let taken = inbox.received();
        assert!(taken.len() < PEOPLE, "it was over before the pause");
        running.signal("TERM");
        running.ended().ends(0);
        let said = Said::of(&house);
        judge(&said, &taken, PEOPLE);
        assert_eq!((said.status["state"].as_str(), said.attempts("in-doubt")), (Some("paused"), 0), "{}", said.status);
        house.line("campaign resume c").ends(0);
        house.line("campaign settings c --rate 90/s").ends(0);
        house.line("send c").ends(0);
        let said = judge_the_end(&house, &inbox.stop().await, PEOPLE);
        assert_eq!((said.count("accepted"), said.attempts("accepted")), (PEOPLE as u64, PEOPLE));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_in_full_flow_finishes_what_is_on_the_wire_and_leaves_no_doubt() {
    for signal in ["TERM", "INT"] {
        let inbox = inbox().await;
        let house = house(&inbox, "unlimited");
        let mut running = house.start("send c");
        took(&inbox, 60).await;
        running.signal(signal);
        let code = running.ended().code;
        let (said, taken) = (Said::of(&house), inbox.received());
        judge(&said, &taken, PEOPLE);
        // On a fast machine the end may have come first.
        assert!(code == Some(1) || (code == Some(0) && taken.len() == PEOPLE), "{code:?}");
        assert_eq!((said.attempts("in-doubt"), said.count("sending")), (0, 0), "{}", said.status);
        assert_eq!(said.count("accepted"), taken.len() as u64);
        house.line("send c").ends(0);
        assert_eq!(judge_the_end(&house, &inbox.stop().await, PEOPLE).attempts("accepted"), PEOPLE);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_the_server_keeps_silent_ends_within_grace_and_names_the_doubts() {
    let inbox = scripted(|moment: Moment<'_>| match moment.step {
        Step::EndOfData { to: "p30@example.org" } if moment.seen_before == 0 => Action::Hang,
        _ => Action::Default,
    })
    .await;
    let settings =
        Settings::to(&inbox).connections(CONNECTIONS).delivery("grace = \"300ms\"").delivery("rate = \"60/s\"");
    let house = settings.delivery("in_doubt = \"hold\"").house();
    house.campaign(C, &list(PEOPLE));
    let mut running = house.start("send c");
    took(&inbox, 60).await;
    running.signal("TERM");
    let from = Instant::now();
    running.ended().ends(1);
    assert!(from.elapsed() < Duration::from_secs(5), "{:?} after SIGTERM", from.elapsed());
    let said = Said::of(&house);
    judge(&said, &inbox.stop().await, PEOPLE);
    assert_eq!((said.count("in-doubt"), said.person("p30@example.org")["state"].as_str()), (1, Some("in-doubt")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_goes_to_so_many_and_waits_with_a_reason() {
    let inbox = inbox().await;
    let house = house(&inbox, "unlimited");
    house.line("campaign schedule c --now --canary 7").ends(0);
    house.line("run --once");
    let said = Said::of(&house);
    judge(&said, &inbox.received(), PEOPLE);
    assert_eq!((inbox.counts().taken, said.count("accepted")), (7, 7), "{}", said.status);
    assert_eq!((&said.status["state"], &said.status["reason"]), (&"paused".into(), &"canary".into()));
    house.line("run --once");
    assert_eq!(inbox.counts().taken, 7, "it waits");
    house.line("campaign resume c").ends(0);
    house.line("run --once").ends(0);
    assert_eq!(judge_the_end(&house, &inbox.stop().await, PEOPLE).attempts("accepted"), PEOPLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_campaign_that_fails_for_many_pauses_itself_after_the_first_hundred_and_counts_anew() {
    let inbox = scripted(|moment: Moment<'_>| match moment.step {
        Step::Rcpt { to } if to.split('@').next().is_some_and(|name| name.ends_with(['3', '7'])) => {
            Action::reply("550 5.1.1 no such user")
        }
        _ => Action::Default,
    })
    .await;
    let house = house(&inbox, "unlimited");
    house.line("send c").ends(1).says("failure-share");
    let said = Said::of(&house);
    judge(&said, &inbox.received(), PEOPLE);
    let settled = said.count("accepted") + said.count("failed");
    let most = 100 + 2 * CONNECTIONS as u64;
    assert!((100..=most).contains(&settled), "{settled} settled at the pause: {}", said.status);
    house.line("campaign resume c").ends(0);
    house.line("send c").ends(1);
    let again = Said::of(&house);
    let settled_again = again.count("accepted") + again.count("failed") - settled;
    assert!((100..=most).contains(&settled_again), "{settled_again} settled after the resume: {}", again.status);
    judge(&again, &inbox.stop().await, PEOPLE);
}

#[test]
fn a_rate_that_is_none_is_refused() {
    for rate in ["0/s", "-1/s", "1000000000/s", "99999999999999999999/s", "nan/s", "1e3/s", "/s", "5", ""] {
        let settings = Settings::to_port(9).delivery(&format!("rate = \"{rate}\""));
        let ran = settings.house().line("campaign list");
        assert!(ran.code == Some(2) && ran.err.contains("rate"), "delivery.rate {rate:?}: {ran:?}");
    }
    let house = Settings::to_port(9).house();
    house.campaign(C, &list(2));
    for rate in ["0/s", "-1/s", "1000000000/s", "nan/s"] {
        for command in [vec!["campaign", "settings", C], vec!["campaign", "schedule", C, "--now"]] {
            let argument = format!("--rate={rate}");
            let ran = house.run(&[&command[..], &[&argument]].concat());
            assert_eq!(ran.code, Some(2), "{command:?} {rate}: {ran:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_was_stopped_and_goes_on_sends_nobody_twice_and_no_second_one_starts_meanwhile() {
    let inbox = inbox().await;
    let house = house(&inbox, "150/s");
    house.line("campaign schedule c --now").ends(0);
    let mut running = house.start("run");
    took(&inbox, 30).await;
    running.signal("STOP");
    house.line("run --once").ends(1).says("another worker");
    let before = inbox.counts().taken;
    let goes_on = || inbox.counts().taken > before + 2 * CONNECTIONS as u64;
    assert!(!wait_for(Duration::from_millis(500), goes_on), "a stopped process sends");
    running.signal("CONT");
    house.until(C, |status| status["state"] == "finished");
    running.signal("TERM");
    running.ended().ends(0);
    let said = judge_the_end(&house, &inbox.stop().await, PEOPLE);
    assert_eq!((said.count("accepted"), said.attempts("accepted")), (PEOPLE as u64, PEOPLE));
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_start_at_once_one_sends_and_nobody_gets_two() {
    let inbox = inbox().await;
    let house = house(&inbox, "unlimited");
    house.line("campaign schedule c --now").ends(0);
    let lines = ["send c", "run --once", "send c", "run --once", "send c"];
    let codes = lines.map(|line| house.start(line)).map(|running| running.ended().code);
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 1))) && codes.contains(&Some(0)), "{codes:?}");
    house.line("send c").ends(0);
    let said = judge_the_end(&house, &inbox.stop().await, PEOPLE);
    assert_eq!((said.count("accepted"), said.attempts("accepted")), (PEOPLE as u64, PEOPLE));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_descriptors_it_sends_with_what_it_has_or_says_so_and_nobody_is_lost() {
    let Some(_) = require("prlimit") else { return };
    // With less than some twenty the database takes them all: then it says so again and again, and does not end.
    for most in [14, 28, 40] {
        let inbox = inbox().await;
        let house = Settings::to(&inbox).connections(100).house();
        house.campaign(C, &list(PEOPLE));
        house.line("campaign schedule c --now").ends(0);
        let ran = house.run_under(&["prlimit", &format!("--nofile={most}")], "send c");
        assert!(matches!(ran.code, Some(0 | 1 | 3)) && (ran.code == Some(0) || !ran.err.is_empty()), "{most}: {ran:?}");
        judge(&Said::of(&house), &inbox.received(), PEOPLE);
        house.line("send c --until-final").ends(0);
        let said = judge_the_end(&house, &inbox.stop().await, PEOPLE);
        assert_eq!((said.count("accepted"), said.attempts("in-doubt")), (PEOPLE as u64, 0), "{most}: {}", said.status);
    }
}

/// The program with another clock, the monotonic one apart; `None` where there is no faketime.
fn clock(time: &str) -> Option<[String; 4]> {
    let _ = require("faketime")?;
    let machines = std::fs::read_dir("/usr/lib").expect("it can be listed").filter_map(Result::ok);
    let library = machines.map(|machine| machine.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    let Some(library) = library else {
        leave_out("libfaketimeMT.so.1 is not where Debian has it");
        return None;
    };
    // Not by `faketime`, which stays in between and would be killed instead.
    let preload = format!("LD_PRELOAD={}", library.display());
    Some(["env".to_owned(), preload, "DONT_FAKE_MONOTONIC=1".to_owned(), format!("FAKETIME={time}")])
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_leaves_before_its_time_and_nothing_by_itself_that_is_a_year_late() {
    let inbox = inbox().await;
    let house = house(&inbox, "200/s");
    house.line("campaign schedule c --at 2097-03-01T10:00").ends(0);
    for (time, state) in [("-1d", "scheduled"), ("+1y", "scheduled"), ("@2098-06-01 10:00:00", "paused")] {
        let Some(clock) = clock(time) else { return };
        house.run_under(&clock.each_ref().map(String::as_str), "run --once");
        assert_eq!((inbox.counts().connections, house.state(C).as_str()), (0, state), "{time}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_between_two_deaths_loses_nobody_and_breaks_no_limit() {
    let inbox = inbox().await;
    let house = house(&inbox, "100/s");
    // Back before a death, and forward after it: what is due by the clock is due again.
    for (time, until) in [("+0", 60), ("-1d", 120), ("-1h", 180)] {
        let Some(clock) = clock(time) else { return };
        let running = house.start_under(&clock.each_ref().map(String::as_str), "send c");
        took(&inbox, until).await;
        running.kill();
    }
    let Some(clock) = clock("+2h") else { return };
    house.run_under(&clock.each_ref().map(String::as_str), "send c --until-final").ends(0);
    let taken = inbox.stop().await;
    let said = judge_the_end(&house, &taken, PEOPLE);
    assert_eq!(said.count("accepted"), PEOPLE as u64, "{}", said.status);
    assert!(said.attempts("in-doubt") <= 3 * CONNECTIONS, "{}", said.status);
    let mut times: Vec<_> = taken.iter().map(|message| message.mail_at).collect();
    times.sort_unstable();
    // rate x T and a burst of one second's worth, in any window of half a second (I7).
    for (first, from) in times.iter().enumerate() {
        let window = times[first..].iter().take_while(|at| **at < *from + Duration::from_millis(500)).count();
        assert!(window <= 50 + 100 + CONNECTIONS, "{window} within half a second");
    }
}
