//! `--json` field by field, what stands on stdout and stderr, and the exit codes.

use std::collections::BTreeSet;

use candor::smtp::inbox::{Action, Moment, Step};
use serde_json::Value;

use crate::house::{House, NOTICE, inbox, list, scripted};

/// Asserts that an object has exactly these fields; more may be there only where `more` says so.
#[track_caller]
fn has(value: &Value, fields: &str) {
    let object = value.as_object().unwrap_or_else(|| panic!("no object: {value}"));
    for field in fields.split(' ') {
        assert!(object.contains_key(field), "{field} is left out of {value}");
    }
}

/// RFC 3339 in UTC with milliseconds.
#[track_caller]
fn is_time(value: &Value) {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{text}");
}

const RECIPIENT: &str =
    "ref email state class code enhanced reply attempts relay message_id accepted_at last_attempt_at next_attempt_at";

#[tokio::test(flavor = "multi_thread")]
async fn status_recipients_failures_and_unreached_have_the_shapes_of_the_interface() {
    let inbox = scripted(|moment: Moment<'_>| match moment.step {
        Step::Rcpt { to: "p1@example.org" } => Action::reply("550 5.1.1 no such user"),
        Step::Rcpt { to: "p2@example.org" } => Action::reply("451 4.3.0 later"),
        _ => Action::Default,
    })
    .await;
    let house = House::to_port(inbox.address().port(), "").with("retry_first = \"200ms\"", "retry_first = \"10m\"");
    house.run(&["suppress", "add", "p3@example.org", "--reason", "asked"]).ends(0);
    house.campaign("c", &list(6));
    let sent = house.line("send c --json").ends(3).says("3 people have not been told");
    let status = house.status("c");
    assert_eq!(sent.json(), status, "send ends with the status");
    has(
        &status,
        "campaign state reason affected audience rejected told batches recipients failures attempts started_at \
         finished_at messages_per_second expected_end",
    );
    assert_eq!(status["state"], "sending");
    assert_eq!(status["batches"], serde_json::json!([{"batch": 1, "state": "approved", "people": 6}]));
    assert_eq!(status["failures"], serde_json::json!({"bad-address": 1}));
    for (field, count) in [("affected", 6), ("audience", 6), ("told", 3), ("rejected", 0), ("attempts", 5)] {
        assert_eq!(status[field], count, "{field}");
    }
    is_time(&status["started_at"]);
    assert!(status["finished_at"].is_null() && status["reason"].is_null());
    let counts = status["recipients"].as_object().expect("counts");
    let states: BTreeSet<&str> = counts.keys().map(String::as_str).collect();
    let all = "pending sending accepted delivered deferred failed in-doubt bounced suppressed cancelled";
    assert_eq!(states, all.split(' ').collect());
    assert_eq!(counts.values().filter_map(Value::as_i64).sum::<i64>(), 6, "the sum is the audience");

    let everybody = house.recipients("c");
    everybody.iter().for_each(|person| has(person, RECIPIENT));
    let of = |reference: &str| everybody.iter().find(|person| person["ref"] == reference).expect("they are listed");
    let failed = of("REF-1");
    assert_eq!((&failed["state"], &failed["class"]), (&"failed".into(), &"bad-address".into()));
    assert_eq!((&failed["code"], &failed["enhanced"]), (&550.into(), &"5.1.1".into()));
    assert_eq!((&failed["attempts"], &failed["relay"]), (&1.into(), &"main".into()));
    assert!(failed["accepted_at"].is_null() && failed["next_attempt_at"].is_null());
    is_time(&failed["last_attempt_at"]);
    assert_eq!(of("REF-2")["state"], "deferred");
    is_time(&of("REF-2")["next_attempt_at"]);
    let suppressed = of("REF-3");
    assert_eq!((&suppressed["state"], &suppressed["attempts"]), (&"suppressed".into(), &0.into()));
    assert!(suppressed["relay"].is_null() && suppressed["last_attempt_at"].is_null());
    is_time(&of("REF-4")["accepted_at"]);
    let message_id = of("REF-4")["message_id"].as_str().expect("a message id");
    assert!(!message_id.contains(['<', '>']) && message_id.contains('@'));
    let taken = inbox.stop().await;
    let wire = taken.iter().find(|message| message.to == ["p4@example.org"]).expect("it was taken");
    assert!(String::from_utf8_lossy(&wire.bytes).contains(&format!("Message-ID: <{message_id}>")));

    let failures = house.line("campaign failures c --json").ends(0).lines();
    failures.iter().for_each(|person| has(person, RECIPIENT));
    let refs: BTreeSet<&str> = failures.iter().filter_map(|person| person["ref"].as_str()).collect();
    assert_eq!(refs, BTreeSet::from(["REF-1", "REF-2"]));
    let unreached = house.line("campaign unreached c --json").ends(0).lines();
    let refs: BTreeSet<&str> = unreached.iter().filter_map(|person| person["ref"].as_str()).collect();
    assert_eq!(refs, BTreeSet::from(["REF-1", "REF-2", "REF-3"]));
    unreached.iter().for_each(|person| has(person, "ref email state reason next_step"));
    let only = house.line("campaign recipients c --state failed --state suppressed --json").ends(0).lines();
    assert_eq!(only.len(), 2);
    let csv = house.line("campaign recipients c --format csv").ends(0);
    assert_eq!(csv.out.lines().count(), 7, "{}", csv.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn import_check_and_list_have_the_shapes_of_the_interface() {
    let house = House::to_port(9, "");
    house.create("c");
    house
        .home
        .write("l.csv", "email,ref,name\na@example.org,A,Ann\na@example.org,A,Ann\nbad,B,Bob\nc@example.org,A,Cy\n");
    let import = house.line("campaign import c l.csv --json").ends(3).json();
    has(&import, "rows imported duplicates suppressed rejected rejects");
    for (field, count) in [("rows", 4), ("imported", 1), ("duplicates", 1), ("suppressed", 0), ("rejected", 2)] {
        assert_eq!(import[field], count, "{field}");
    }
    let rejects = import["rejects"].as_array().expect("a list");
    rejects.iter().for_each(|row| has(row, "line ref field reason"));
    assert_eq!(
        (&rejects[0]["line"], &rejects[0]["ref"], &rejects[0]["field"]),
        (&4.into(), &"B".into(), &"email".into())
    );
    assert_eq!(
        (&rejects[1]["line"], &rejects[1]["ref"], &rejects[1]["field"]),
        (&5.into(), &"A".into(), &"ref".into())
    );
    let check = house.line("campaign check c --json").ends(0).json();
    has(&check, "ok rules rendered render_failures forecast");
    assert_eq!((&check["ok"], &check["rendered"]), (&true.into(), &1.into()));
    check["rules"].as_array().expect("rules").iter().for_each(|rule| has(rule, "rule severity locale ok detail"));
    has(&check["forecast"], "rate_per_second duration_seconds expected_end");
    let listed = house.line("campaign list --json").ends(0).lines();
    assert_eq!((listed.len(), &listed[0]["campaign"]), (1, &"c".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_the_databases_bytes_canonical_and_without_a_gap() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "");
    house.campaign("c", &list(4));
    house.line("send c").ends(0);
    let log = house.line("audit log --json").ends(0);
    let database = house.home.path().join("candor.db");
    let rows = crate::lists::query(&database, "SELECT CAST(entry AS TEXT) FROM ledger ORDER BY seq");
    assert_eq!(log.out.lines().collect::<Vec<_>>(), rows.iter().map(String::as_str).collect::<Vec<_>>());
    for (number, (line, entry)) in log.out.lines().zip(log.lines()).enumerate() {
        assert_eq!(entry["seq"], number as u64);
        is_time(&entry["at"]);
        // serde_json's map is sorted, and its output has no spaces: RFC 8785 for what stands in an entry.
        assert_eq!(serde_json::to_string(&entry).expect("it can be written"), line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stdout_holds_results_only_and_a_pipe_gets_nothing_that_steers_a_terminal() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "");
    house.campaign("c", &list(3));
    for line in
        ["campaign check c", "campaign submit c", "campaign approve c", "campaign schedule c --now", "run --once"]
    {
        let ran = house.line(line).ends(0);
        assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran:?}");
    }
    for line in
        ["campaign status c", "campaign recipients c", "campaign failures c", "campaign list", "audit log", "send c"]
    {
        let mut command = house.home.process();
        let output = command.env_remove("NO_COLOR").args(line.split(' ')).output().expect("the program starts");
        assert!(output.status.success());
        assert!(![output.stdout, output.stderr].concat().contains(&0x1b), "{line}");
    }
    house.campaign("d", &list(3));
    assert_eq!(house.line("campaign check d --quiet").ends(0).err, "");
    assert_eq!(house.line("send d --quiet").ends(0).err, "");
    let wrong = house.line("campaign status nosuch --json").ends(1).says("there is no campaign nosuch");
    assert_eq!(wrong.out, "");
    assert_eq!(inbox.stop().await.len(), 6);
}

#[test]
fn wrong_usage_ends_2_and_what_could_not_be_done_1() {
    let house = House::to_port(9, "");
    house.campaign("c", &list(2));
    for (line, code) in [
        ("frobnicate", 2),
        ("campaign schedule c", 2),
        ("campaign schedule c --at 2020-01-01T10:00", 2),
        ("campaign schedule c --at 2031-03-09T02:30", 2),
        ("campaign schedule c --at tomorrow", 2),
        ("campaign rerun c --class nonsense", 2),
        ("campaign import c list.csv --map emailx", 2),
        ("campaign create ../x --incident i --notice n", 2),
        ("campaign status nosuch", 1),
        ("campaign import c nosuch.csv", 1),
        ("campaign show c --ref NOPE", 1),
        ("campaign preview c --ref NOPE", 1),
        ("campaign pause c", 1),
        ("campaign resume c", 1),
        ("send nosuch", 1),
        ("suppress remove nobody@example.org --reason x", 1),
        ("suppress add nonsense --reason x", 2),
        ("campaign status c", 0),
    ] {
        let ran = house.line(line);
        assert_eq!(ran.code, Some(code), "{line}: {}", ran.err);
        assert!(code == 0 || (ran.out.is_empty() && !ran.err.is_empty()), "{line}: {ran:?}");
    }
    let twice =
        house.run(&["campaign", "create", "c", "--incident", &format!("{NOTICE}/incident.toml"), "--notice", NOTICE]);
    twice.ends(1).says("already");
    let ambiguous = house.line("campaign schedule c --at 2031-11-02T01:30").ends(0).says("twice");
    assert!(!ambiguous.out.is_empty());
    assert_eq!(house.state("c"), "scheduled");
    house.line("send c").ends(1).says("scheduled for");
    house.line("run --once").ends(0);
    assert_eq!(house.count("c", "pending"), 2);
}
