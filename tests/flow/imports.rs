//! An import that is interrupted, and writes whose caller goes away.

use std::pin::pin;
use std::task::Poll;

use candor::audience::{self, ImportOptions, Source};
use candor::domain::event::EntryKind;
use candor::ledger::entry::{Actor, Draft};

use crate::house::{C, Config, House, csv, inbox, people};
use crate::judge::judge;

#[tokio::test(flavor = "multi_thread")]
async fn an_import_interrupted_at_any_moment_leaves_nothing_that_counts_and_the_next_one_works() {
    let inbox = inbox().await;
    let house = House::new(&Config::to(&inbox)).await;
    house.create(C).await;
    let list = house.path("big.csv");
    std::fs::write(&list, csv(&people(6_000))).unwrap();
    let source = Source::parse(&list.display().to_string()).unwrap();
    for rows in [1, 900, 2_500, 4_200] {
        let (sender, mut read) = tokio::sync::watch::channel(0);
        let (store, by, source) = (house.app.store.clone(), house.app.by(), source.clone());
        let task = tokio::spawn(async move {
            let options = ImportOptions::default();
            audience::import(&store, &by, C, &source, &options, &|rows| {
                let _ = sender.send(rows);
            })
            .await
        });
        read.wait_for(|read| *read >= rows).await.unwrap();
        task.abort();
        assert!(task.await.is_err(), "it was interrupted before its end");
        assert_eq!(house.app.store.people_waiting(1).await.unwrap(), 0);
        assert_eq!(house.app.store.people_rejected(1).await.unwrap(), 0);
    }
    let imported = house.import(C, &people(40)).await;
    assert_eq!((imported.batch, imported.counts.imported, imported.counts.duplicates), (Some(1), 40, 0));
    let sql = house.sql().await;
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM recipients").fetch_one(&sql).await.unwrap();
    assert_eq!(left, 40, "what the dead imports had left is gone");
    house.approve(C).await;
    house.schedule(C, &house.request()).await.unwrap();
    house.send().await;
    judge(&house, &inbox.stop().await, 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_caller_goes_away_at_any_moment_leaves_the_database_usable() {
    let house = House::new(&Config::folder()).await;
    house.create(C).await;
    let store = &house.app.store;
    for polls in 1..40 {
        {
            let mut write = pin!(async {
                let mut tx = store.begin().await.unwrap();
                let entry = Draft::new(EntryKind::RelayBack, &Actor::Worker, None).with("relay", "main");
                tx.append(0, vec![entry]).await.unwrap();
                tx.commit().await.unwrap();
            });
            for _ in 0..polls {
                let done = std::future::poll_fn(|context| Poll::Ready(write.as_mut().poll(context).is_ready())).await;
                if done {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let mut tx = store.begin().await.unwrap_or_else(|error| panic!("after {polls} polls: {error}"));
        let entry = Draft::new(EntryKind::RelayBack, &Actor::Worker, None).with("relay", "main");
        tx.append(0, vec![entry]).await.unwrap();
        tx.commit().await.unwrap();
    }
    judge(&house, &[], 0).await;
}
