//! The judge: what the server took, against what the program says of it. It knows interface.md alone.

use std::collections::{BTreeMap, HashMap};

use candor::smtp::inbox::{Inbox, Received};
use mail_parser::MessageParser;
use serde_json::Value;

use crate::house::House;

/// The campaign that is judged.
pub const C: &str = "c";

/// What the program says of a campaign at one moment.
pub struct Said {
    pub status: Value,
    pub people: Vec<Value>,
    /// Every entry of the ledger.
    pub entries: Vec<Value>,
}

impl Said {
    pub fn of(house: &House) -> Self {
        Self {
            status: house.status(C),
            people: house.recipients(C),
            entries: house.line("audit log --json").ends(0).lines(),
        }
    }

    pub fn count(&self, state: &str) -> u64 {
        self.status["recipients"][state].as_u64().unwrap_or_else(|| panic!("no count for {state}: {}", self.status))
    }

    /// How many attempts ended so, by the ledger.
    pub fn attempts(&self, outcome: &str) -> usize {
        self.entries.iter().filter(|entry| entry["kind"] == "attempt" && entry["outcome"] == outcome).count()
    }

    /// The person with this address.
    #[track_caller]
    pub fn person(&self, address: &str) -> &Value {
        self.people
            .iter()
            .find(|person| person["email"] == address)
            .unwrap_or_else(|| panic!("{address} is not listed"))
    }
}

/// Holds I1, I2, I3, I5, I6 and I10 as far as they can be seen from outside, when no worker lives.
#[track_caller]
pub fn judge(said: &Said, taken: &[Received], audience: usize) {
    everybody_counts_once(said, audience);
    the_ledger_has_every_attempt(said);
    let mut copies: BTreeMap<&str, u64> = BTreeMap::new();
    for message in taken {
        let [to] = message.to.as_slice() else { panic!("a message to {} people", message.to.len()) };
        assert!(said.people.iter().any(|person| person["email"] == **to), "{to} is nobody's address");
        *copies.entry(to).or_default() += 1;
    }
    for person in &said.people {
        let address = text(person, "email");
        let copies = copies.get(address).copied().unwrap_or_default();
        let (state, attempts) = (text(person, "state"), number(person, "attempts"));
        let is_accepted = state == "accepted";
        let unexplained = copies > 1 + attempts - u64::from(is_accepted);
        assert!(!unexplained, "{copies} copies, and on record {person}");
        // While a dead worker's claim is open, that attempt is not yet an entry.
        assert!(copies <= attempts + u64::from(state == "sending"), "a copy without an attempt on record: {person}");
        if is_accepted {
            the_reply_is_their_own(person, address, taken);
        }
        if copies > 0 {
            let may_be = ["accepted", "in-doubt", "sending", "cancelled"].contains(&state);
            assert!(may_be, "the server took {copies} for {person}");
        }
    }
}

/// As [`judge`], at a campaign's end: nothing is open, every second copy is explained by a doubt that came before it, and
/// each message speaks of nobody else.
#[track_caller]
pub fn judge_the_end(house: &House, taken: &[Received], audience: usize) -> Said {
    let said = Said::of(house);
    judge(&said, taken, audience);
    for open in ["sending", "pending", "deferred"] {
        assert_eq!(said.count(open), 0, "{open} at the end: {}", said.status);
    }
    assert_eq!(said.status["state"], "finished", "{}", said.status);
    for person in &said.people {
        let copies = copies(taken, text(person, "email"));
        if copies > 1 {
            let before = outcomes(house, text(person, "ref"));
            let doubts = before.iter().filter(|outcome| *outcome == "in-doubt").count();
            assert!(copies <= 1 + doubts, "{copies} copies of {person}, explained by {before:?}");
        }
    }
    taken.iter().for_each(speaks_of_nobody_else);
    said
}

/// How each attempt for one person ended, oldest first.
pub fn outcomes(house: &House, reference: &str) -> Vec<String> {
    let log = house.run(&["audit", "log", "--campaign", C, "--ref", reference, "--json"]).ends(0).lines();
    let attempts = log.iter().filter(|entry| entry["kind"] == "attempt");
    attempts.map(|entry| text(entry, "outcome").to_owned()).collect()
}

pub fn copies(taken: &[Received], address: &str) -> usize {
    taken.iter().filter(|message| message.to == [address]).count()
}

/// I1: the states add up to the audience, by the counts and by the list.
#[track_caller]
fn everybody_counts_once(said: &Said, audience: usize) {
    let counts = said.status["recipients"].as_object().expect("counts by state");
    let sum: u64 = counts.values().filter_map(Value::as_u64).sum();
    assert_eq!((sum, said.people.len()), (audience as u64, audience), "{}", said.status);
    assert_eq!(said.status["audience"], audience, "{}", said.status);
    for (state, count) in counts {
        let listed = said.people.iter().filter(|person| person["state"] == **state).count();
        assert_eq!(*count, listed, "{state}");
    }
}

/// I3, I5: entries without a gap, attempts numbered from 1 for each person, as many as the people's rows say, and the last
/// one's outcome is what the state follows from.
#[track_caller]
fn the_ledger_has_every_attempt(said: &Said) {
    let mut by_person: HashMap<&str, Vec<&Value>> = HashMap::new();
    for (seq, entry) in said.entries.iter().enumerate() {
        assert_eq!(entry["seq"], seq, "the ledger has a gap");
        if entry["kind"] == "attempt" {
            by_person.entry(text(entry, "recipient")).or_default().push(entry);
        }
    }
    let mut accepted = 0;
    for attempts in by_person.values() {
        for (attempt, entry) in attempts.iter().enumerate() {
            assert_eq!(entry["attempt"], attempt + 1, "attempts are numbered from 1: {entry}");
        }
        let well = attempts.iter().filter(|entry| entry["outcome"] == "accepted").count();
        let is_last = attempts.last().is_some_and(|entry| entry["outcome"] == "accepted");
        assert!(well == 0 || (well == 1 && is_last), "an attempt after the acceptance: {attempts:?}");
        accepted += well;
    }
    let total: usize = by_person.values().map(Vec::len).sum();
    let rows: u64 = said.people.iter().map(|person| number(person, "attempts")).sum();
    assert_eq!((said.status["attempts"].as_u64(), rows), (Some(total as u64), total as u64));
    assert_eq!(accepted as u64, said.count("accepted"), "accepted, by the ledger and by the states");
    for person in said.people.iter().filter(|person| person["state"] == "in-doubt") {
        assert!(number(person, "attempts") > 0, "in doubt without an attempt: {person}");
    }
}

/// Promise 2: the reply on record is the one that the server gave for a message to this very person.
#[track_caller]
fn the_reply_is_their_own(person: &Value, address: &str, taken: &[Received]) {
    let own = |(at, message): (usize, &Received)| {
        message.to == [address] && text(person, "reply").contains(&format!("queued as T{:06}", at + 1))
    };
    let is_scripted = !text(person, "reply").contains("queued as T");
    let has_copy = copies(taken, address) > 0;
    assert!(has_copy, "accepted, and the server has nothing: {person}");
    assert!(is_scripted || taken.iter().enumerate().any(own), "accepted by somebody else's reply: {person}");
    assert_eq!(person["code"], 250, "{person}");
}

/// I6: the list names everybody `Zebulon Quark N` at `pN@`; no message has another N than its own.
#[track_caller]
fn speaks_of_nobody_else(message: &Received) {
    let own = message.to[0].trim_start_matches('p').split('@').next().expect("split gives one at least");
    let parsed = MessageParser::default().parse(&message.bytes[..]).expect("it is a message");
    let to = parsed.to().and_then(|to| to.first()).expect("a To");
    assert_eq!(to.address(), Some(message.to[0].as_str()));
    let bodies =
        [parsed.body_text(0).expect("a text"), parsed.body_html(0).expect("HTML"), to.name().unwrap_or("").into()];
    for body in bodies {
        for (at, mark) in body.match_indices("Zebulon Quark ") {
            let rest = &body[at + mark.len()..];
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            assert_eq!(&rest[..digits], own, "a message for {} speaks of another", message.to[0]);
        }
    }
}

/// Everything that the inbox took so far, with what the program says after that.
pub fn look(house: &House, inbox: &Inbox) -> (Said, Vec<Received>) {
    // What was on its way to a worker that has died may still be taken: the program is asked first.
    let said = Said::of(house);
    (said, inbox.received())
}

#[track_caller]
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no {field} in {value}"))
}

#[track_caller]
pub fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("no {field} in {value}"))
}
