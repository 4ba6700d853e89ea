//! In no window of T seconds do more than rate × T + burst messages leave, as the server sees it.

use std::time::{Duration, Instant};

use candor::delivery::Until;
use candor::smtp::inbox::{Inbox, Received};

use crate::house::{C, Config, House, inbox, people, people_at, took};
use crate::judge::judge;

/// All windows between two messages, by the time that `of` gives.
fn holds(taken: &[Received], per_second: f64, burst: f64, of: impl Fn(&Received) -> Instant) {
    let mut times: Vec<Instant> = taken.iter().map(of).collect();
    times.sort_unstable();
    for (first, start) in times.iter().enumerate() {
        for (last, end) in times.iter().enumerate().skip(first) {
            let (count, seconds) = ((last - first + 1) as f64, (*end - *start).as_secs_f64());
            assert!(count <= per_second * seconds + burst, "{count} in {seconds} s at {per_second}/s");
        }
    }
}

fn held(taken: &[Received], per_second: f64) {
    holds(taken, per_second, per_second, |message| message.mail_at);
    holds(taken, per_second, per_second, |message| message.at);
}

fn of_domain(inbox: &Inbox, domain: &str) -> Vec<Received> {
    inbox.received().into_iter().filter(|message| message.to[0].ends_with(domain)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_campaigns_rate_holds_also_across_a_restart_and_is_used() {
    let inbox = inbox().await;
    let config = Config::to(&inbox).only_delivery("rate = \"100/s\"");
    let house = House::scheduled(&config, &people(150)).await;
    let running = house.worker(Until::Settled).await;
    took(&inbox, 60).await;
    running.crashed().await;
    let house = house.again(&config).await;
    let before = Instant::now();
    house.send().await;
    assert!(before.elapsed() < Duration::from_secs(4), "it is used: {:?}", before.elapsed());
    let taken = inbox.stop().await;
    held(&taken, 100.0);
    judge(&house, &taken, 150).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn campaign_relay_and_domain_are_held_at_once_and_a_slow_domain_holds_nobody_back() {
    let inbox = inbox().await;
    let config = Config::none()
        .relay("main", &inbox, "rate = \"80/s\"")
        .only_delivery("rate = \"100/s\"\ndomain_rate = { \"slow.example\" = \"5/s\" }");
    let mut all = people_at("slow.example", 1, 12);
    all.extend(people_at("example.org", 100, 120));
    let house = House::scheduled(&config, &all).await;
    house.send().await;
    let slow = of_domain(&inbox, "@slow.example");
    let fast = of_domain(&inbox, "@example.org");
    held(&slow, 5.0);
    let taken = inbox.stop().await;
    held(&taken, 80.0);
    let last = |some: &[Received]| some.iter().map(|message| message.at).max().unwrap();
    assert!(last(&fast) + Duration::from_millis(100) < last(&slow), "the others have not waited for the slow ones");
    judge(&house, &taken, 132).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_people_of_a_slow_domain_than_memory_holds_do_not_hold_back_the_others() {
    let inbox = inbox().await;
    let config = Config::to(&inbox).delivery("domain_rate = { \"slow.example\" = \"1/min\" }");
    let mut all = people_at("slow.example", 1, 1_500);
    all.extend(people_at("example.org", 2_001, 50));
    let house = House::scheduled(&config, &all).await;
    let running = house.worker(Until::Settled).await;
    let (inbox, wanted) = (&inbox, 50);
    crate::house::until(|| async move { of_domain(inbox, "@example.org").len() == wanted }).await;
    running.stopped().await;
    judge(&house, &inbox.received(), 1_550).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_campaigns_side_by_side_share_a_relays_rate() {
    let inbox = inbox().await;
    let config = Config::none().relay("main", &inbox, "rate = \"50/s\"\nconnections = 4").delivery("");
    let house = House::new(&config).await;
    house.approved("a", &people_at("one.example", 1, 50)).await;
    house.approved("b", &people_at("two.example", 1, 50)).await;
    house.schedule("a", &house.request()).await.unwrap();
    house.schedule("b", &house.request()).await.unwrap();
    house.send().await;
    assert_eq!(house.count("a", "accepted").await + house.count("b", "accepted").await, 100);
    let first_of_b = of_domain(&inbox, "@two.example").iter().map(|message| message.at).min().unwrap();
    let last_of_a = of_domain(&inbox, "@one.example").iter().map(|message| message.at).max().unwrap();
    assert!(first_of_b < last_of_a, "neither waits for the other's end");
    let taken = inbox.stop().await;
    held(&taken, 50.0);
    judge(&house, &taken, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_rate_set_while_sending_holds() {
    let inbox = inbox().await;
    let config = Config::to(&inbox).only_delivery("rate = \"500/s\"");
    let house = House::scheduled(&config, &people(400)).await;
    let running = house.worker(Until::Stopped).await;
    took(&inbox, 100).await;
    let wanted = candor::approval::Wanted { rate: Some("20/s".parse().unwrap()), ..Default::default() };
    let App { store, settings, .. } = &house.app;
    candor::approval::settings(store, settings, &house.app.by(), C, &wanted).await.unwrap();
    // The worker looks ten times a second.
    let changed = Instant::now() + Duration::from_millis(400);
    inbox.until(|counts| counts.taken >= 180).await;
    crate::house::until(|| async { Instant::now() > changed + Duration::from_millis(900) }).await;
    running.stopped().await;
    let taken = inbox.stop().await;
    let later: Vec<Received> = taken.iter().filter(|message| message.mail_at > changed).cloned().collect();
    held(&later, 20.0);
    judge(&house, &taken, 400).await;
}

use candor::app::App;
