//! The judge: an inbox's own record compared with the database, and the database with the ledger.

use std::collections::{BTreeMap, HashMap};

use candor::ledger::commitment::{self, Sealed};
use candor::ledger::{canonical, tree};
use candor::smtp::inbox::Received;
use serde_json::Value;
use sqlx::sqlite::SqlitePool;

use crate::house::House;

#[derive(sqlx::FromRow)]
struct Person {
    id: i64,
    campaign: String,
    reference: String,
    email: String,
    mailbox: String,
    name: Option<String>,
    key: Vec<u8>,
    state: String,
    message_id: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Line {
    seq: i64,
    kind: String,
    campaign: Option<String>,
    recipient_id: Option<i64>,
    entry: Vec<u8>,
    leaf_hash: Vec<u8>,
}

#[derive(sqlx::FromRow)]
struct Try {
    recipient_id: i64,
    number: i64,
    outcome: Option<String>,
    class: Option<String>,
    code: Option<i64>,
    reply: Option<String>,
    queue_id: Option<String>,
    content: Option<Vec<u8>>,
    seq: Option<i64>,
}

/// Holds every invariant that can be seen from outside, when no worker is at work; `audience` people are expected.
pub async fn judge(house: &House, taken: &[Received], audience: usize) {
    let sql = house.sql().await;
    let people: Vec<Person> = sqlx::query_as(
        "SELECT r.id, c.name AS campaign, r.ref AS reference, r.email, r.mailbox, r.row ->> '$.name' AS name, r.key, \
         r.state, (SELECT max(a.message_id) FROM attempts a WHERE a.recipient_id = r.id) AS message_id \
         FROM recipients r JOIN batches b ON b.id = r.batch_id JOIN campaigns c ON c.id = r.campaign_id \
         WHERE b.state = 'approved'",
    )
    .fetch_all(&sql)
    .await
    .unwrap();
    let tries: Vec<Try> = sqlx::query_as(
        "SELECT recipient_id, number, outcome, class, code, reply, queue_id, content, seq FROM attempts \
         ORDER BY recipient_id, number",
    )
    .fetch_all(&sql)
    .await
    .unwrap();
    let lines = lines(&sql).await;
    sum_is_the_audience(house, people.len(), audience).await;
    ledger_is_whole(&lines);
    ledger_names_nobody(&lines, &people, &tries);
    attempts_are_on_record(&lines, &people, &tries);
    states_follow_from_the_ledger(&lines, &people);
    copies_are_explained(&people, &tries, taken);
    sql.close().await;
}

async fn lines(sql: &SqlitePool) -> Vec<Line> {
    let query = sqlx::query_as("SELECT seq, kind, campaign, recipient_id, entry, leaf_hash FROM ledger ORDER BY seq");
    query.fetch_all(sql).await.unwrap()
}

/// audience = the sum over all states.
async fn sum_is_the_audience(house: &House, people: usize, audience: usize) {
    let mut sum = 0;
    for campaign in house.app.store.campaigns().await.unwrap() {
        sum += house.app.store.state_counts(campaign.id).await.unwrap().iter().map(|count| count.people).sum::<i64>();
    }
    assert_eq!(usize::try_from(sum).unwrap(), audience, "audience = the sum over all states");
    assert_eq!(people, audience);
}

/// I4: no gaps, canonical bytes, leaf hashes that recompute.
fn ledger_is_whole(lines: &[Line]) {
    for (expected, line) in (0..).zip(lines) {
        assert_eq!(line.seq, expected, "seq has no gaps");
        let value: Value = serde_json::from_slice(&line.entry).unwrap();
        assert_eq!(canonical::to_bytes(&value).unwrap(), line.entry, "entry {} is not canonical", line.seq);
        assert_eq!(tree::leaf_hash(&line.entry).as_slice(), line.leaf_hash, "the leaf hash of entry {}", line.seq);
        assert_eq!((value["seq"].as_i64(), value["kind"].as_str()), (Some(line.seq), Some(line.kind.as_str())));
        assert_eq!(value["campaign"].as_str(), line.campaign.as_deref());
    }
}

/// ledger.md, "Personal data": nothing of a person in an entry about that person, and of nobody in any.
fn ledger_names_nobody(lines: &[Line], people: &[Person], tries: &[Try]) {
    let by_id: HashMap<i64, &Person> = people.iter().map(|person| (person.id, person)).collect();
    let mut replies: HashMap<i64, Vec<&str>> = HashMap::new();
    for one in tries {
        replies.entry(one.recipient_id).or_default().extend(one.reply.as_deref());
    }
    for line in lines {
        let text = std::str::from_utf8(&line.entry).unwrap();
        for word in ["@", "REF-", "Zebulon", "Quark"] {
            assert!(!text.contains(word), "{word:?} is in entry {}", line.seq);
        }
        let Some((id, person)) = line.recipient_id.and_then(|id| Some((id, by_id.get(&id)?))) else { continue };
        let words = [Some(&person.reference), Some(&person.email), person.name.as_ref(), person.message_id.as_ref()];
        let words = words.into_iter().flatten().map(String::as_str);
        for word in words.chain(replies.get(&id).into_iter().flatten().copied()).filter(|word| word.len() > 6) {
            assert!(!text.contains(word), "{word:?} is in entry {}", line.seq);
        }
    }
}

/// One `attempt` entry an ended attempt, whose commitments recompute from the rows.
fn attempts_are_on_record(lines: &[Line], people: &[Person], tries: &[Try]) {
    let by_id: HashMap<i64, &Person> = people.iter().map(|person| (person.id, person)).collect();
    let entries: HashMap<i64, &Line> =
        lines.iter().filter(|line| line.kind == "attempt").map(|line| (line.seq, line)).collect();
    let mut numbers: HashMap<i64, i64> = HashMap::new();
    assert_eq!(entries.len(), tries.len(), "one entry an attempt");
    for one in tries {
        let outcome = one.outcome.as_deref().expect("an attempt without an end, and no worker");
        let number = numbers.entry(one.recipient_id).or_default();
        *number += 1;
        assert_eq!(one.number, *number, "attempts are numbered from 1 without gaps");
        let line = entries[&one.seq.expect("an attempt names its entry")];
        let entry: Value = serde_json::from_slice(&line.entry).unwrap();
        let person = by_id[&one.recipient_id];
        let key = person.key.as_slice().try_into().unwrap();
        let content = one.content.as_deref().map(hex::encode);
        let message_id = entry_message_id(person, &key);
        let sealed = Sealed {
            address: &person.email,
            content: content.as_deref(),
            message_id: &message_id,
            queue_id: one.queue_id.as_deref(),
            reference: &person.reference,
            reply: one.reply.as_deref(),
        };
        assert_eq!(line.recipient_id, Some(person.id));
        assert_eq!(entry["campaign"], person.campaign);
        assert_eq!(entry["recipient"], hex::encode(commitment::recipient(&key, &person.reference)));
        assert_eq!(entry["sealed"], hex::encode(commitment::sealed(&key, &sealed)), "sealed of attempt {}", one.number);
        assert_eq!(entry["attempt"], one.number);
        assert_eq!(entry["outcome"], outcome);
        assert_eq!(entry["class"].as_str(), one.class.as_deref());
        assert_eq!(entry["code"].as_i64(), one.code);
        for field in ["notice", "relay", "tls", "enhanced", "started_at"] {
            assert!(entry.get(field).is_some(), "an attempt's entry has no {field}");
        }
    }
}

fn entry_message_id(person: &Person, key: &candor::crypto::Hash) -> String {
    let message_id = candor::notice::message_id(key, "example.com");
    assert!(person.message_id.as_ref().is_none_or(|kept| *kept == message_id), "the Message-ID never changes");
    message_id
}

/// I5: reading the ledger from its first entry gives the states that the database has.
fn states_follow_from_the_ledger(lines: &[Line], people: &[Person]) {
    let mut states: HashMap<i64, &str> = people.iter().map(|person| (person.id, "pending")).collect();
    let mut doubts: HashMap<i64, bool> = HashMap::new();
    for line in lines {
        let entry: Value = serde_json::from_slice(&line.entry).unwrap();
        if line.kind == "campaign.cancelled" {
            let of_it = people.iter().filter(|person| Some(&person.campaign) == line.campaign.as_ref());
            for person in of_it {
                let state = states.get_mut(&person.id).unwrap();
                if ["pending", "deferred"].contains(state) {
                    *state = "cancelled";
                }
            }
        }
        let Some(state) = line.recipient_id.and_then(|id| states.get_mut(&id)) else { continue };
        let id = line.recipient_id.unwrap_or_default();
        let was_cancelled = *state == "cancelled";
        let in_doubt = doubts.entry(id).or_default();
        *state = match (line.kind.as_str(), entry["outcome"].as_str().unwrap_or_default()) {
            ("attempt", "accepted") => "accepted",
            ("attempt", "in-doubt") => {
                *in_doubt = true;
                "in-doubt"
            }
            ("attempt", "deferred") if *in_doubt => "in-doubt",
            ("attempt", "deferred") if was_cancelled => "cancelled",
            ("attempt", "deferred") => "deferred",
            ("attempt", "failed") if *in_doubt => "in-doubt",
            ("attempt", "failed") => "failed",
            ("recipient.failed" | "recipient.suppressed", _) => match entry["state"].as_str() {
                Some("failed") => "failed",
                Some("in-doubt") => "in-doubt",
                Some("suppressed") => "suppressed",
                other => panic!("{} says the state {other:?}", line.kind),
            },
            ("recipient.requeued", _) => {
                *in_doubt = false;
                "pending"
            }
            (other, _) => panic!("nothing is known of {other} about a recipient"),
        };
    }
    for person in people {
        assert_eq!(person.state, states[&person.id], "the ledger says otherwise about recipient {}", person.id);
    }
}

/// I2, I3, I6, I10: every copy that the server took is explained by attempts on record, and the other way round.
fn copies_are_explained(people: &[Person], tries: &[Try], taken: &[Received]) {
    let mut copies: BTreeMap<&str, usize> = BTreeMap::new();
    for message in taken {
        let [to] = message.to.as_slice() else { panic!("a message to {} people", message.to.len()) };
        *copies.entry(to).or_default() += 1;
    }
    for (to, &count) in &copies {
        let ids: Vec<i64> = people.iter().filter(|person| person.mailbox == *to).map(|person| person.id).collect();
        assert!(!ids.is_empty(), "a message for somebody who is in no audience");
        let of_it: Vec<&Try> = tries.iter().filter(|one| ids.contains(&one.recipient_id)).collect();
        let explained = of_it.iter().filter(|one| one.outcome.as_deref() != Some("accepted")).count();
        assert!(count <= ids.len() + explained, "{count} copies, {explained} attempts that would explain one");
        assert!(of_it.len() >= count, "a message without an attempt on record");
    }
    for person in people {
        let has_copy = copies.contains_key(person.mailbox.as_str());
        let accepted = ["accepted", "delivered", "bounced"].contains(&person.state.as_str());
        if accepted {
            assert!(has_copy, "recipient {} is accepted, and the server has nothing", person.id);
        }
        if has_copy {
            let may_be = accepted || ["in-doubt", "cancelled"].contains(&person.state.as_str());
            assert!(may_be, "the server has a copy for recipient {}, who is {}", person.id, person.state);
        }
    }
}
