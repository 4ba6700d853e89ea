//! Everybody is told once.

use std::collections::BTreeSet;

use candor::delivery::Report;
use candor::smtp::inbox::{Extensions, Inbox, InboxOptions};

use crate::house::{C, Config, House, inbox, people};
use crate::judge::judge;

async fn everybody_once(inbox: Inbox, count: usize) -> BTreeSet<u64> {
    let house = House::scheduled(&Config::to(&inbox), &people(count)).await;
    let reports = house.send().await;
    assert!(reports.contains(&Report::Finished { campaign: C.into() }), "{reports:?}");
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), count);
    assert_eq!(taken.iter().map(|message| &message.to[0]).collect::<BTreeSet<_>>().len(), count);
    assert_eq!(house.count(C, "accepted").await, count);
    assert_eq!(house.state(C).await.0, "finished");
    assert_eq!(house.kinds().await.iter().filter(|kind| *kind == "attempt").count(), count);
    judge(&house, &taken, count).await;
    taken.iter().map(|message| message.connection).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_accepted_once_over_several_connections() {
    assert!(everybody_once(inbox().await, 600).await.len() > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_accepted_once_by_a_server_without_extensions() {
    let extensions = Extensions { eight_bit_mime: true, ..Extensions::NONE };
    everybody_once(Inbox::start(InboxOptions { extensions, ..InboxOptions::default() }).await.unwrap(), 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_one_file_in_a_folder_and_nothing_half_written() {
    let house = House::scheduled(&Config::folder(), &people(60)).await;
    house.send().await;
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(house.path("out")).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        assert!(name.ends_with(".eml") && !name.starts_with('.'), "{name}");
        let message = std::fs::read(file.path()).unwrap();
        let message = mail_parser::MessageParser::default().parse(&message).unwrap();
        names.insert(message.to().unwrap().first().unwrap().address().unwrap().to_owned());
    }
    assert_eq!(names.len(), 60);
    assert_eq!(house.count(C, "accepted").await, 60);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_is_the_one_that_the_attempt_committed_to() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(5)).await;
    house.send().await;
    let sql = house.sql().await;
    for message in inbox.stop().await {
        let content: Vec<u8> = sqlx::query_scalar(
            "SELECT a.content FROM attempts a JOIN recipients r ON r.id = a.recipient_id WHERE r.mailbox = ?1",
        )
        .bind(&message.to[0])
        .fetch_one(&sql)
        .await
        .unwrap();
        assert_eq!(candor::crypto::sha256(&[&message.bytes]).as_slice(), content);
        let parsed = mail_parser::MessageParser::default().parse(&*message.bytes).unwrap();
        assert_eq!(parsed.to().unwrap().first().unwrap().address().unwrap(), message.to[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_worker_is_refused_while_one_lives() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(3)).await;
    let running = house.worker(candor::delivery::Until::Stopped).await;
    assert!(house.app.worker(None, candor::delivery::Until::Stopped).await.unwrap().is_none());
    running.stopped().await;
    assert!(house.app.worker(None, candor::delivery::Until::Stopped).await.unwrap().is_some());
}
