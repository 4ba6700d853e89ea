//! When a campaign starts, and when it waits.

use std::sync::Arc;
use std::time::Duration;

use candor::approval::ScheduleRequest;
use candor::clock::{Clock, ManualClock};
use candor::delivery::{Report, Until};
use chrono::{DateTime, Utc};

use crate::house::{C, Config, House, inbox, paused_for, people, took};
use crate::judge::judge;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

async fn scheduled_at(config: &Config, clock: &Arc<ManualClock>, start: &str) -> House {
    let house = House::new(config).await.with_clock(clock.clone());
    house.approved(C, &people(5)).await;
    let request = ScheduleRequest { at: Some(at(start).timestamp_millis()), ..house.request() };
    house.schedule(C, &request).await.unwrap();
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_in_the_future_waits_for_its_time() {
    let inbox = inbox().await;
    let clock = Arc::new(ManualClock::new(at("2026-07-15T09:00:00Z")));
    let house = scheduled_at(&Config::to(&inbox), &clock, "2026-07-15T12:00:00Z").await;
    let mut running = house.worker(Until::Stopped).await;
    clock.set(at("2026-07-15T11:59:59Z"));
    running.hears_nothing_for_some_pulses().await;
    assert_eq!((house.state(C).await.0.as_str(), inbox.counts().taken), ("scheduled", 0));
    clock.set(at("2026-07-15T12:00:00Z"));
    let started = running.hears(|report| matches!(report, Report::Started { .. })).await;
    assert_eq!(started, Report::Started { campaign: C.into(), late_ms: 0 });
    running.hears(|report| matches!(report, Report::Finished { .. })).await;
    running.stopped().await;
    judge(&house, &inbox.stop().await, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_missed_by_less_than_late_start_is_made_at_once_and_on_record() {
    let inbox = inbox().await;
    let clock = Arc::new(ManualClock::new(at("2026-07-15T09:00:00Z")));
    let house = scheduled_at(&Config::to(&inbox), &clock, "2026-07-15T12:00:00Z").await;
    clock.set(at("2026-07-15T12:59:00Z"));
    let reports = house.send().await;
    let late_ms = 59 * 60 * 1_000;
    assert!(reports.contains(&Report::Started { campaign: C.into(), late_ms }), "{reports:?}");
    let entries = house.app.store.ledger_page(0, 1_000, None, None).await.unwrap();
    let started = entries.iter().find(|entry| entry.kind == "campaign.started").unwrap();
    let entry: serde_json::Value = serde_json::from_slice(&started.entry).unwrap();
    assert_eq!(entry["late_ms"], late_ms);
    judge(&house, &inbox.stop().await, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_missed_by_more_than_late_start_waits_for_an_operator() {
    let inbox = inbox().await;
    let clock = Arc::new(ManualClock::new(at("2026-07-15T09:00:00Z")));
    let house = scheduled_at(&Config::to(&inbox), &clock, "2026-07-15T12:00:00Z").await;
    clock.set(at("2026-07-15T13:00:01Z"));
    let reports = house.send().await;
    assert!(paused_for(&reports, "late-start"), "{reports:?}");
    assert_eq!((house.state(C).await.1.as_deref(), inbox.counts().taken), (Some("late-start"), 0));
    candor::approval::resume(&house.app.store, &house.app.settings, &house.app.by(), C).await.unwrap();
    house.send().await;
    assert_eq!(house.count(C, "accepted").await, 5);
    judge(&house, &inbox.stop().await, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_its_window_nothing_leaves_and_when_it_opens_sending_goes_on() {
    let inbox = inbox().await;
    // 2026-07-15T09:00Z is 05:00 in New York.
    let clock = Arc::new(ManualClock::new(at("2026-07-15T09:00:00Z")));
    let mut config = Config::to(&inbox);
    config.organization = "time_zone = \"America/New_York\"".into();
    let house = House::new(&config).await.with_clock(clock.clone());
    house.approved(C, &people(5)).await;
    let request = ScheduleRequest { window: Some("09:00-20:00".parse().unwrap()), ..house.request() };
    house.schedule(C, &request).await.unwrap();
    let mut running = house.worker(Until::Settled).await;
    let waiting = running.hears(|report| matches!(report, Report::Waiting { .. })).await;
    let opens_at = at("2026-07-15T13:00:00Z").timestamp_millis();
    assert_eq!(waiting, Report::Waiting { campaign: C.into(), opens_at });
    running.hears_nothing_for_some_pulses().await;
    assert_eq!(inbox.counts().taken, 0);
    clock.set(at("2026-07-15T13:00:00Z"));
    running.ended().await;
    assert_eq!(house.count(C, "accepted").await, 5);
    judge(&house, &inbox.stop().await, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_closes_in_full_flow_stops_what_has_not_begun() {
    let inbox = inbox().await;
    let clock = Arc::new(ManualClock::new(at("2026-07-15T23:59:00Z")));
    let mut config = Config::to(&inbox);
    config.organization = "time_zone = \"America/New_York\"".into();
    let house = House::new(&config).await.with_clock(clock.clone());
    house.approved(C, &people(1_500)).await;
    let request = ScheduleRequest { window: Some("09:00-20:00".parse().unwrap()), ..house.request() };
    house.schedule(C, &request).await.unwrap();
    let mut running = house.worker(Until::Settled).await;
    took(&inbox, 100).await;
    clock.set(at("2026-07-16T00:00:00Z"));
    let closed = std::time::Instant::now();
    running.hears(|report| matches!(report, Report::Waiting { .. })).await;
    let held = &house;
    crate::house::until(|| async move { held.count(C, "sending").await == 0 }).await;
    assert!(house.count(C, "pending").await > 0);
    let late = inbox.received().iter().filter(|message| message.at > closed + Duration::from_secs(1)).count();
    assert_eq!(late, 0);
    clock.set(at("2026-07-16T13:00:00Z"));
    running.ended().await;
    assert_eq!(house.count(C, "accepted").await, 1_500);
    judge(&house, &inbox.stop().await, 1_500).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_goes_back_sends_nothing_twice_and_nothing_early() {
    let inbox = inbox().await;
    let clock = Arc::new(ManualClock::new(at("2026-07-15T12:00:00Z")));
    let house = House::new(&Config::to(&inbox)).await.with_clock(clock.clone());
    house.approved(C, &people(1_000)).await;
    house.schedule(C, &house.request()).await.unwrap();
    let mut running = house.worker(Until::Settled).await;
    took(&inbox, 50).await;
    clock.set(at("2026-07-14T12:00:00Z"));
    running.hears(|report| matches!(report, Report::Finished { .. })).await;
    running.ended().await;
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 1_000);
    assert!(clock.now() < at("2026-07-15T00:00:00Z"));
    judge(&house, &taken, 1_000).await;
}
