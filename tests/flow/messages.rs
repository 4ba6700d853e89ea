//! What a hostile list, a small server or a strange name does to a message.

use candor::smtp::inbox::{Extensions, Inbox, InboxOptions};

use crate::house::{C, Config, House, Person, inbox, people};
use crate::judge::judge;

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_needs_smtputf8_fails_where_it_is_not_announced_and_the_others_are_accepted() {
    let extensions = Extensions { smtputf8: false, ..Extensions::default() };
    let inbox = Inbox::start(InboxOptions { extensions, ..InboxOptions::default() }).await.unwrap();
    let mut all = people(3);
    all[1].email = "josé@example.org".into();
    let house = House::scheduled(&Config::to(&inbox), &all).await;
    house.send().await;
    let row = house.recipient(C, 2).await;
    assert_eq!((row.state.as_str(), row.class.as_deref()), ("failed", Some("bad-address")));
    assert!(row.reply.unwrap().contains("SMTPUTF8"));
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 2);
    judge(&house, &taken, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_takes_only_smaller_messages_gets_none_and_the_campaign_pauses_after_ten() {
    let extensions = Extensions { size_max_octets: 500, ..Extensions::default() };
    let inbox = Inbox::start(InboxOptions { extensions, ..InboxOptions::default() }).await.unwrap();
    let house = House::scheduled(&Config::to(&inbox), &people(300)).await;
    house.send().await;
    assert_eq!(house.state(C).await, ("paused".into(), Some("sender-refused".into())));
    let failed: Vec<_> = house.recipients(C).await.into_iter().filter(|row| row.state == "failed").collect();
    assert!((10..200).contains(&failed.len()), "{}", failed.len());
    assert!(failed.iter().all(|row| row.class.as_deref() == Some("too-large") && row.attempts == 0));
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 0);
    judge(&house, &taken, 300).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_arrives_as_one_legal_message_to_one_person() {
    let inbox = inbox().await;
    let names = [
        "Anna\r\nBcc: mallory@example.net",
        "Anna\r\n.\r\nMAIL FROM:<mallory@example.net>",
        "\r\n.\r\n",
        ".",
        "<script>alert(1)</script>",
        "\u{202e}annA\u{2066}",
        "Anna, \"Bob\" <bob@example.net>",
        "=?utf-8?q?=0D=0ABcc:=20mallory@example.net?=",
        "{{organization.name}}",
        "=cmd|' /C calc'!A0",
    ];
    let person =
        |(number, name): (usize, &&str)| Person { name: (*name).to_owned(), ..people(names.len())[number].clone() };
    let all: Vec<Person> = names.iter().enumerate().map(person).collect();
    let house = House::new(&Config::to(&inbox)).await;
    house.create(C).await;
    let imported = house.import(C, &all).await;
    house.approve(C).await;
    house.schedule(C, &house.request()).await.unwrap();
    house.send().await;
    let taken = inbox.stop().await;
    assert_eq!(i64::try_from(taken.len()).unwrap(), imported.counts.imported);
    assert!(taken.len() >= 5, "{:?}", imported.rejects);
    for message in &taken {
        let parsed = mail_parser::MessageParser::default().parse(&*message.bytes).unwrap();
        let to = parsed.to().unwrap().as_list().unwrap();
        assert_eq!((to.len(), to[0].address()), (1, Some(message.to[0].as_str())));
        assert!(parsed.bcc().is_none() && parsed.cc().is_none());
        assert!(!parsed.body_html(0).unwrap().contains("<script>"));
        for line in message.bytes.split(|byte| *byte == b'\n') {
            assert!(line.len() <= 999 && !line.strip_suffix(b"\r").unwrap_or(line).contains(&b'\r'));
        }
    }
    judge(&house, &taken, taken.len()).await;
}
