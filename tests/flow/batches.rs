//! Late additions, lists that are read again, suppressions.

use candor::app::App;
use candor::approval::{self, ApprovalError};
use candor::delivery::Until;
use candor::schedule::read_due_sources;

use crate::house::{C, Config, House, Person, inbox, people, people_at, took};
use crate::judge::judge;

async fn affected(house: &House) -> i64 {
    let store = &house.app.store;
    let audience: i64 = store.state_counts(1).await.unwrap().iter().map(|count| count.people).sum();
    audience + store.people_waiting(1).await.unwrap() + store.people_rejected(1).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn late_additions_wait_for_approval_and_then_a_finished_campaign_sends_to_them() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(10)).await;
    house.send().await;
    assert_eq!(house.state(C).await.0, "finished");
    house.import(C, &people(14)).await;
    assert_eq!((house.state(C).await.0.as_str(), affected(&house).await), ("finished", 14));
    house.send().await;
    judge(&house, &inbox.received(), 10).await;
    house.approve(C).await;
    assert_eq!(house.state(C).await.0, "sending");
    house.send().await;
    assert_eq!(house.state(C).await.0, "finished");
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 14);
    judge(&house, &taken, 14).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_while_sending_is_sent_by_the_same_worker_once_it_is_approved() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(10)).await;
    let running = house.worker(Until::Stopped).await;
    took(&inbox, 10).await;
    house.import(C, &people(20)).await;
    house.approve(C).await;
    took(&inbox, 20).await;
    let held = &house;
    crate::house::until(|| async move { held.state(C).await.0 == "finished" }).await;
    running.stopped().await;
    judge(&house, &inbox.stop().await, 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_or_withdrawn_batch_is_not_sent_and_its_people_leave_affected() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(3)).await;
    let App { store, settings, .. } = &house.app;
    house.import(C, &people_at("late.example", 100, 2)).await;
    assert_eq!(affected(&house).await, 5);
    approval::withdraw(store, &house.app.by(), C, 2, "not ours").await.unwrap();
    assert_eq!(affected(&house).await, 3);
    house.import(C, &people_at("later.example", 200, 4)).await;
    approval::check(store, settings, &house.app.by(), C, &|_, _| {}).await.unwrap();
    approval::submit(store, settings, &house.app.by(), C, None, None).await.unwrap();
    approval::reject(store, &house.app.by(), C, None, Some("who are they?")).await.unwrap();
    assert_eq!(affected(&house).await, 3);
    let refused = approval::approve(store, settings, &house.app.by(), C, None, None, 0).await;
    assert!(matches!(refused, Err(ApprovalError::Batch(_))), "{refused:?}");
    house.send().await;
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 3);
    judge(&house, &taken, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_a_withdrawn_batch_can_come_in_again() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(3)).await;
    house.import(C, &people(5)).await;
    approval::withdraw(&house.app.store, &house.app.by(), C, 2, "too early").await.unwrap();
    house.import(C, &people(5)).await;
    house.approve(C).await;
    house.send().await;
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 5);
    judge(&house, &taken, 5).await;
}

fn with_bad_address(mut people: Vec<Person>) -> Vec<Person> {
    people.push(Person { email: "no address".into(), reference: "REF-BAD".into(), ..people[0].clone() });
    people
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_rejected_again_in_a_batch_that_is_withdrawn_still_stands_for_an_affected_customer() {
    let house = House::new(&Config::folder()).await;
    house.create(C).await;
    house.import(C, &with_bad_address(people(3))).await;
    assert_eq!(affected(&house).await, 4);
    house.approve(C).await;
    house.import(C, &with_bad_address(people(5))).await;
    assert_eq!(affected(&house).await, 6);
    approval::withdraw(&house.app.store, &house.app.by(), C, 2, "too early").await.unwrap();
    assert_eq!(affected(&house).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suppression_added_after_the_import_is_kept_at_the_claim_and_on_record() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(6)).await;
    let mut all = vec!["p2@example.org".to_owned()];
    candor::followup::suppress_add(&house.app.store, &house.app.by(), &all, "asked", None, None).await.unwrap();
    all = vec!["@elsewhere.example".to_owned()];
    candor::followup::suppress_add(&house.app.store, &house.app.by(), &all, "asked", None, None).await.unwrap();
    house.send().await;
    assert_eq!(house.recipient(C, 2).await.state, "suppressed");
    assert!(house.kinds().await.contains(&"recipient.suppressed".to_owned()));
    assert_eq!(house.state(C).await.0, "finished");
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 5);
    judge(&house, &taken, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_basis_for_email_comes_in_suppressed() {
    let inbox = inbox().await;
    let mut all = people(4);
    all[1].basis = "none";
    let house = House::scheduled(&Config::to(&inbox), &all).await;
    house.send().await;
    let row = house.recipient(C, 2).await;
    assert_eq!((row.state.as_str(), row.reason.as_deref()), ("suppressed", Some("no-basis")));
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 3);
    judge(&house, &taken, 4).await;
}

/// A company's own database with these people, which the campaign reads again and again.
async fn source(house: &House, people: &[Person]) {
    use sqlx::ConnectOptions as _;
    let path = house.path("customers.db");
    drop(std::fs::remove_file(&path));
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut sql = options.connect().await.unwrap();
    sqlx::query("CREATE TABLE customers (email TEXT, ref TEXT, name TEXT, locale TEXT, jurisdiction TEXT, channel_basis TEXT, booking TEXT)").execute(&mut sql).await.unwrap();
    for Person { email, reference, name, basis } in people {
        sqlx::query("INSERT INTO customers VALUES (?1, ?2, ?3, 'en', 'US-CA', ?4, 'BOOK')")
            .bind(email)
            .bind(reference)
            .bind(name)
            .bind(basis)
            .execute(&mut sql)
            .await
            .unwrap();
    }
}

async fn read(house: &House) -> usize {
    let sql = house.sql().await;
    sqlx::query("UPDATE sources SET next_at = 0").execute(&sql).await.unwrap();
    let read = read_due_sources(&house.app.store, house.app.clock.as_ref()).await.unwrap();
    assert_eq!(
        read_due_sources(&house.app.store, house.app.clock.as_ref()).await.unwrap(),
        0,
        "not before its next time"
    );
    read
}

async fn batches(house: &House) -> Vec<(String, i64)> {
    let rows = house.app.store.batches(1).await.unwrap();
    let rows = rows.into_iter().filter(|row| row.state != "staging");
    rows.map(|row| (row.state, row.imported + row.suppressed)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn new_rows_of_a_list_that_is_read_again_wait_and_known_ones_make_no_batch() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(3)).await;
    let list = format!("sqlite:{}?table=customers", house.path("customers.db").display());
    let mut tx = house.app.store.begin().await.unwrap();
    tx.source_set(1, &list, "[]", 900_000, 0).await.unwrap();
    tx.commit().await.unwrap();
    source(&house, &people(3)).await;
    assert_eq!(read(&house).await, 1);
    assert_eq!(batches(&house).await, [("approved".into(), 3)]);
    source(&house, &people(5)).await;
    read(&house).await;
    read(&house).await;
    assert_eq!(batches(&house).await, [("approved".into(), 3), ("waiting".into(), 2)]);
    assert_eq!(affected(&house).await, 5);
    house.send().await;
    assert_eq!(inbox.received().len(), 3);
    house.approve(C).await;
    house.send().await;
    assert_eq!(inbox.received().len(), 5);
    judge(&house, &inbox.stop().await, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_read_is_noted_and_read_at_its_next_time() {
    let house = House::scheduled(&Config::folder(), &people(3)).await;
    let list = format!("sqlite:{}?table=customers", house.path("customers.db").display());
    let mut tx = house.app.store.begin().await.unwrap();
    tx.source_set(1, &list, "[]", 900_000, 0).await.unwrap();
    tx.commit().await.unwrap();
    read(&house).await;
    let noted = house.app.store.source(1).await.unwrap().unwrap();
    assert!(noted.last_error.is_some());
    source(&house, &people(4)).await;
    read(&house).await;
    assert_eq!(house.app.store.source(1).await.unwrap().unwrap().last_error, None);
    assert_eq!(batches(&house).await, [("approved".into(), 3), ("waiting".into(), 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_source_cannot_give_counts_once_however_often_it_is_read() {
    let house = House::scheduled(&Config::folder(), &people(3)).await;
    let list = format!("sqlite:{}?table=customers", house.path("customers.db").display());
    let mut tx = house.app.store.begin().await.unwrap();
    tx.source_set(1, &list, "[]", 900_000, 0).await.unwrap();
    tx.commit().await.unwrap();
    source(&house, &with_bad_address(people(3))).await;
    for _ in 0..3 {
        read(&house).await;
        assert_eq!(affected(&house).await, 4, "a customer whose row is wrong is affected, and one customer");
    }
    source(&house, &with_bad_address(people(4))).await;
    for _ in 0..3 {
        read(&house).await;
        assert_eq!(affected(&house).await, 5);
    }
    let mut corrected = with_bad_address(people(4));
    corrected[4].email = "good@example.org".into();
    source(&house, &corrected).await;
    read(&house).await;
    assert_eq!((affected(&house).await, house.app.store.people_rejected(1).await.unwrap()), (5, 0));
}
