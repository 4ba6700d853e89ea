//! What DNS says about the sender, asked of a server that the test runs, through the built program.

mod server;

#[path = "../support/mod.rs"]
pub mod support;

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::Value;
use server::{Data, Says, serve, txt};
use support::house::House;

const KEY_RECORD: &str = "v=DKIM1; k=ed25519; p=";

/// A zone in which everything is as it should be, for the key of `house`.
fn good(key: &str) -> HashMap<&'static str, Says> {
    let records = |data: Vec<Data>| Says::Records(data);
    HashMap::from([
        (
            "air.test",
            records(vec![
                txt("google-site-verification=x"),
                txt("v=spf1 include:relay.test -all"),
                Data::Mx("mx.air.test"),
            ]),
        ),
        ("_dmarc.air.test", records(vec![txt("v=DMARC1; p=none")])),
        ("s1._domainkey.air.test", records(vec![txt(&format!("{KEY_RECORD}{key}"))])),
    ])
}

/// An installation that signs, and the public key as DNS has it.
fn house(server: Option<SocketAddr>, return_path: &str) -> (House, String) {
    let servers = server.map_or(String::new(), |server| format!("[dns]\nservers = [\"{server}\"]\n"));
    let more = format!(
        "return_path = \"{return_path}\"\n[relays.main]\nurl = \"folder:out\"\n{servers}\n\
         [delivery]\ndkim = {{ domain = \"air.test\", selector = \"s1\", key_file = \"dkim.key\" }}\n"
    );
    let house = House::new(&more).with("care@example.com", "care@air.test");
    // The seed of RFC 8032 §7.1 test 2, in the form that some tools use.
    let file = house.home.write("dkim.key", "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs=\n");
    std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("it is ours");
    (house, "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=".to_owned())
}

/// What doctor finds, by what it looked at: state, words, record to publish.
fn findings(house: &House) -> HashMap<String, (String, String, String)> {
    let ran = house.line("doctor --json");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = ran.json()["findings"].as_array().expect("findings").clone();
    all.iter()
        .map(|one| (text(&one["what"]), (text(&one["state"]), text(&one["detail"]), text(&one["publish"]))))
        .collect()
}

/// Doctor with one change to the good zone.
fn with(change: impl FnOnce(&mut HashMap<&'static str, Says>)) -> HashMap<String, (String, String, String)> {
    let (_, key) = house(None, "bounces@air.test");
    let mut zone = good(&key);
    change(&mut zone);
    findings(&house(Some(serve(zone)), "bounces@air.test").0)
}

#[track_caller]
fn is(found: &HashMap<String, (String, String, String)>, what: &str, state: &str, words: &str) {
    let one = found.get(what).unwrap_or_else(|| panic!("{what} was not looked at: {found:?}"));
    assert!(one.0 == state && one.1.contains(words), "{what}: {one:?}");
}

const KEY: &str = "DKIM s1._domainkey.air.test";

#[test]
fn a_sender_with_everything_published_is_fine() {
    let found = with(|_| {});
    is(&found, "SPF of air.test", "ok", "include:relay.test");
    is(&found, KEY, "ok", "key_file");
    is(&found, "DMARC of air.test", "ok", "aligned by the signature of air.test");
    is(&found, "MX of air.test", "ok", "mx.air.test");
}

#[test]
fn what_is_missing_is_wrong_and_the_record_to_publish_is_shown() {
    let found = with(HashMap::clear);
    for what in ["SPF of air.test", KEY, "DMARC of air.test", "MX of air.test"] {
        is(&found, what, "wrong", "");
        assert!(!found[what].2.is_empty(), "{what} without a record to publish");
    }
    assert!(found[KEY].2.starts_with("s1._domainkey.air.test TXT \"v=DKIM1; k=ed25519; p=PUAX"), "{:?}", found[KEY]);
}

#[test]
fn records_that_count_for_nothing_are_told_apart() {
    let texts = |name: &'static str, texts: &[&str]| {
        let data: Vec<Data> = texts.iter().map(|text| txt(text)).chain([Data::Mx("mx.air.test")]).collect();
        with(move |zone| drop(zone.insert(name, Says::Records(data))))
    };
    let spf = "SPF of air.test";
    is(&texts("air.test", &["v=spf1 -all", "v=spf1 ~all"]), spf, "wrong", "2 SPF records");
    is(&texts("air.test", &["v=spf1 +all"]), spf, "wrong", "everybody");
    let key = "s1._domainkey.air.test";
    is(&texts(key, &["v=DKIM1; k=ed25519; p="]), KEY, "wrong", "revoked");
    is(&texts(key, &["v=DKIM1; k=ed25519; p=AAAA"]), KEY, "wrong", "another");
    is(&texts(key, &["hello"]), KEY, "wrong", "no key");
    let policies = ["v=DMARC1; p=none", "v=DMARC1; p=reject"];
    is(&texts("_dmarc.air.test", &policies), "DMARC of air.test", "wrong", "2 DMARC records");
    is(
        &with(|zone| drop(zone.insert("air.test", Says::Records(vec![Data::Mx("")])))),
        "MX of air.test",
        "wrong",
        "null MX",
    );
    is(&with(|zone| drop(zone.insert("air.test", Says::Records(vec![Data::A])))), "MX of air.test", "ok", "address");
}

#[test]
fn what_is_not_answered_is_unknown_and_no_fault() {
    for says in [Says::Fails, Says::Silence] {
        let found = with(|zone| zone.values_mut().for_each(|one| *one = says.clone()));
        for what in ["SPF of air.test", KEY, "DMARC of air.test", "MX of air.test"] {
            is(&found, what, "unknown", "DNS");
        }
    }
}

#[test]
fn a_return_path_elsewhere_is_aligned_only_by_a_signature() {
    let (_, key) = house(None, "bounces@air.test");
    let mut zone = good(&key);
    zone.insert("mail.other.test", Says::Records(vec![txt("v=spf1 -all"), Data::Mx("mx.other.test")]));
    let signed = findings(&house(Some(serve(zone.clone())), "bounces@mail.other.test").0);
    is(&signed, "DMARC of air.test", "ok", "by the signature");
    zone.remove("s1._domainkey.air.test");
    let unsigned = findings(&house(Some(serve(zone)), "bounces@mail.other.test").0);
    is(&unsigned, "DMARC of air.test", "wrong", "aligned");
}

#[test]
fn long_and_hostile_texts_are_read_and_shown_escaped() {
    let long = format!("v=spf1 {} -all", "ip4:192.0.2.1 ".repeat(60));
    is(&with(|zone| drop(zone.insert("air.test", Says::Records(vec![txt(&long)])))), "SPF of air.test", "ok", "…");
    let hostile = b"v=spf1 \x1b[31m\xff\xfe mx -all".to_vec();
    let found = with(|zone| drop(zone.insert("air.test", Says::Records(vec![Data::Txt(hostile)]))));
    assert!(found["SPF of air.test"].1.contains("\\u{1b}"), "{found:?}");
}

#[test]
fn the_check_asks_once_and_warns_and_sending_asks_nothing() {
    let (house, _) = house(Some(serve(HashMap::new())), "bounces@air.test");
    house.campaign(
        "c",
        "email,ref,name,locale,jurisdiction,channel_basis,booking\na@example.org,R,A,en,US-CA,consent,B\n",
    );
    let check = house.run(&["campaign", "check", "c", "--json"]).json();
    let rules = check["rules"].as_array().expect("rules").clone();
    let rule = rules.iter().find(|rule| rule["rule"] == "sender-auth").expect("the rule");
    assert_eq!((rule["ok"].as_bool(), rule["severity"].as_str()), (Some(false), Some("warning")));
    assert!(rule["detail"].as_str().expect("words").contains("no SPF record"), "{rule}");
    house.line("send c").ends(0);
}

#[test]
fn reserved_domains_are_not_asked_about() {
    let house = House::new("[relays.main]\nurl = \"folder:out\"\n");
    is(&findings(&house), "sender in DNS", "unknown", "reserved");
}
