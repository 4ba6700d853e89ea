//! The rules of candor.toml as a whole: files, environment, unknown keys, defaults, the example.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret;

use super::keys::KEYS;
use super::tree::{Node, Value};
use super::*;
use crate::domain::address::Mailbox;

const EXAMPLE: &str = include_str!("../../config/candor.example.toml");
const FILE: &str = "/etc/candor/candor.toml";

fn with(text: &str, variables: &[(&str, &str)]) -> Result<Settings, String> {
    let mut environment = vec![("HOME".to_owned(), "/home/op".to_owned())];
    environment.extend(variables.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    Settings::from_text(text, Path::new(FILE), &environment).map_err(|error| error.to_string())
}

fn file(text: &str) -> Result<Settings, String> {
    with(text, &[])
}

/// The example with its settings switched on: those are the lines with # and no space.
fn example_in_full() -> String {
    EXAMPLE
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n")
        .collect()
}

fn paths(node: &Node, path: &str, out: &mut BTreeSet<String>) {
    if let Value::List(items) = &node.value {
        items.iter().for_each(|item| paths(item, path, out));
    }
    for (name, child) in node.entries() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        paths(child, &path, out);
        out.insert(path);
    }
}

#[test]
fn the_example_names_every_setting_and_no_other() {
    let mut named = BTreeSet::new();
    paths(&Node::from_file(&example_in_full(), Path::new(FILE)).unwrap(), "", &mut named);
    let chosen = [
        ("main", "relays"),
        ("gmail.com", "delivery.domain_rate"),
        ("probe@example.net", "seeds"),
        ("provider", "hooks"),
    ];
    for key in KEYS {
        let mut filled = (*key).to_owned();
        for (name, table) in chosen {
            filled = filled.replace(&format!("{table}.*"), &format!("{table}.{name}"));
        }
        // A password may not stand in a file; the example says so in words.
        let explained = filled == "relays.main.password" && EXAMPLE.contains("CANDOR_RELAYS__MAIN__PASSWORD.");
        assert!(named.contains(&filled) || explained, "{key} is not in config/candor.example.toml");
    }
    assert!(file(&example_in_full()).is_ok(), "{:?}", file(&example_in_full()));
}

#[test]
fn every_setting_of_the_example_is_explained_above_it() {
    let mut before = "";
    for line in EXAMPLE.lines() {
        let setting = line.trim_start_matches('#');
        if !setting.is_empty() && !setting.starts_with(' ') {
            assert!(before.starts_with("# "), "nothing explains {line:?}");
        }
        before = line;
    }
}

#[test]
fn the_example_shows_every_default_as_it_is() {
    let example = format!("{:?}", file(EXAMPLE).unwrap());
    assert_eq!(example, format!("{:?}", file("").unwrap()));
    let relay = file(&example_in_full()).unwrap().relays.remove(0);
    let least = file("relays.main.url = 'smtp://relay.example.com'").unwrap().relays.remove(0);
    assert_eq!((relay.connections, relay.rate, relay.kind), (least.connections, least.rate, least.kind));
    let bounces = |text: &str| file(text).unwrap().bounces[0].every;
    assert_eq!(bounces(&example_in_full()), bounces("[[bounces]]\nurl = 'maildir:in'"));
}

#[test]
fn without_a_file_the_database_is_candor_db_in_the_working_directory_and_there_is_no_relay() {
    let environment = vec![("HOME".to_owned(), "/home/op".to_owned())];
    // The tests run in the crate's folder, which has no candor.toml.
    let settings = Settings::load(LoadOptions { config: None, environment }).unwrap();
    assert_eq!(settings.file, None);
    assert_eq!(settings.database, Database::Sqlite(PathBuf::from("candor.db")));
    assert_eq!(settings.ledger.key_file, PathBuf::from("candor.key"));
    assert_eq!(settings.ledger.state_dir, PathBuf::from("/home/op/.local/state/candor"));
    assert!(settings.relays.is_empty());
}

#[test]
fn a_file_that_is_named_must_exist_and_the_option_goes_before_the_variable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("my.toml");
    fs::write(&path, "organization.name = 'Delta'").unwrap();
    let load = |config: Option<PathBuf>, variable: &Path| {
        let environment = vec![("CANDOR_CONFIG".to_owned(), variable.display().to_string())];
        Settings::load(LoadOptions { config, environment }).map_err(|error| error.to_string())
    };
    let missing = folder.path().join("missing.toml");
    let by_option = load(Some(path.clone()), &missing).unwrap();
    assert_eq!((by_option.organization.name.as_str(), by_option.file.as_deref()), ("Delta", Some(path.as_path())));
    assert_eq!(by_option.database, Database::Sqlite(folder.path().join("candor.db")));
    assert!(load(None, &path).is_ok());
    assert!(load(None, &missing).unwrap_err().contains("missing.toml"));
    assert!(load(Some(missing), &path).is_err());
    assert!(load(Some(folder.path().to_path_buf()), &path).unwrap_err().contains("cannot be read"));
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_one() {
    let error = file("[delivery]\n\nrte = '5/s'\n").unwrap_err();
    assert_eq!(
        error,
        "/etc/candor/candor.toml, line 3: there is no setting delivery.rte; the nearest one is delivery.rate"
    );
    for text in ["x = 1", "[organization]\ndatabase = 'x'", "relays.main.port = 5", "[[bounces]]\nuser = 'x'", "[smtp]"]
    {
        assert!(file(text).unwrap_err().contains("there is no setting"), "{text:?}");
    }
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_one() {
    let error = with("", &[("CANDOR_DELIVERY_RATE", "5/s")]).unwrap_err();
    assert!(error.contains("CANDOR_DELIVERY_RATE is no setting; the nearest one is CANDOR_DELIVERY__RATE"), "{error}");
    assert!(with("", &[("CANDOR_TOKEN", "x"), ("CANDOR_CONFIG", "x"), ("CANDORX", "x"), ("PATH", "x")]).is_ok());
}

#[test]
fn a_variable_goes_before_the_file_and_is_read_as_the_setting_needs() {
    let text = "[delivery]\nrate = '1/s'\n[safety]\nonly_to = ['example.com']\n";
    let settings = with(
        text,
        &[
            ("CANDOR_DELIVERY__RATE", "7/min"),
            ("CANDOR_DELIVERY__DSN_SUCCESS", "true"),
            ("CANDOR_DELIVERY__PAUSE_AT_FAILURE_SHARE", "0.5"),
            ("CANDOR_APPROVAL__REQUIRED", "2"),
            ("CANDOR_SAFETY__ONLY_TO", "me@example.org, @example.net"),
            ("CANDOR_LEDGER__CHECKPOINT_TO", "[\"a@example.org\"]"),
            ("CANDOR_DELIVERY__DOMAIN_RATE", "{ \"Gmail.com\" = \"20/s\" }"),
            ("CANDOR_RETENTION__PERSONAL_DATA", "400d"),
        ],
    )
    .unwrap();
    assert_eq!(settings.delivery.rate.to_string(), "7/min");
    assert_eq!(settings.delivery.domain_rate["gmail.com"].to_string(), "20/s");
    assert!(settings.delivery.dsn_success);
    assert_eq!((settings.delivery.pause_at_failure_share, settings.approval.required), (0.5, 2));
    assert_eq!((settings.safety.only_to.len(), settings.ledger.checkpoint_to.len()), (2, 1));
    assert_eq!(settings.retention.personal_data, Some(Duration::from_secs(400 * 86_400)));
}

#[test]
fn a_variable_that_does_not_fit_is_refused_by_its_name() {
    for (name, value) in [
        ("CANDOR_APPROVAL__REQUIRED", "two"),
        ("CANDOR_DELIVERY__DSN_SUCCESS", "yes"),
        ("CANDOR_DELIVERY__DOMAIN_RATE", "gmail.com=20/s"),
        ("CANDOR_SAFETY__ONLY_TO", "[1]"),
        ("CANDOR_DELIVERY", "{ rte = \"5/s\" }"),
        ("CANDOR_DELIVERY", "7"),
    ] {
        let error = with("", &[(name, value)]).unwrap_err();
        assert!(error.contains(name), "{error}");
    }
    let error = with("[[bounces]]\nurl = 'mbox:a'\n", &[("CANDOR_BOUNCES__EVERY", "5m")]).unwrap_err();
    assert!(error.contains("CANDOR_BOUNCES, as a TOML array"), "{error}");
}

#[test]
fn relays_stand_in_the_order_of_the_file_and_those_of_the_environment_come_last() {
    let text = "[relays.zulu]\nurl = 'smtp://z'\n[relays.alpha]\nurl = 'smtp://a'\n[relays.mike]\nurl = 'smtp://m'\n";
    let settings =
        with(text, &[("CANDOR_RELAYS__BRAVO__URL", "smtp://b"), ("CANDOR_RELAYS__ALPHA__CONNECTIONS", "3")]).unwrap();
    let names: Vec<_> = settings.relays.iter().map(|relay| relay.name.as_str()).collect();
    assert_eq!(names, ["zulu", "alpha", "mike", "bravo"]);
    assert_eq!(settings.relay("alpha").unwrap().connections, 3);
}

#[test]
fn a_variable_finds_a_relay_whose_name_no_shell_could_write() {
    let text = "[relays.My-Relay]\nurl = 'smtps://r'\nusername = 'u'\n";
    let settings = with(text, &[("CANDOR_RELAYS__MY_RELAY__PASSWORD", "hunter2")]).unwrap();
    assert_eq!(settings.relays.len(), 1);
    let password = settings.relays[0].password().unwrap().unwrap();
    assert_eq!(password.expose_secret(), "hunter2");
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert!(file("[relays.a-b]\nurl = 'smtp://r'\n[relays.A_b]\nurl = 'smtp://r'\n").is_err());
}

#[test]
fn a_password_in_the_file_is_refused_without_being_shown() {
    let error = file("[relays.main]\nurl = 'smtp://r'\nusername = 'u'\npassword = 'hunter2'\n").unwrap_err();
    assert!(error.contains("password_file") && error.contains("CANDOR_RELAYS__MAIN__PASSWORD"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
    let error = file("relays.main.url = 'smtp://u:hunter2@relay.example.com'").unwrap_err();
    assert!(error.contains("credentials") && !error.contains("hunter2"), "{error}");
}

#[test]
fn the_password_is_read_only_when_it_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("candor.toml");
    fs::write(&path, "[relays.main]\nurl = 'smtps://r'\nusername = 'u'\npassword_file = 'pw'\n").unwrap();
    let settings = Settings::load(LoadOptions { config: Some(path), environment: Vec::new() }).unwrap();
    assert!(settings.relays[0].password().unwrap_err().to_string().contains("relays.main.password_file"));
    let secret = folder.path().join("pw");
    fs::write(&secret, "hunter2\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(settings.relays[0].password().unwrap().unwrap().expose_secret(), "hunter2");
}

#[test]
fn a_user_needs_a_password_and_a_password_needs_tls() {
    for text in [
        "url = 'smtps://r'\nusername = 'u'",
        "url = 'smtps://r'\npassword_file = 'p'",
        "url = 'smtp://127.0.0.1'\nusername = 'u'\npassword_file = 'p'",
        "url = 'folder:out'\nusername = 'u'\npassword_file = 'p'",
        "rate = '5/s'",
    ] {
        assert!(file(&format!("[relays.main]\n{text}")).is_err(), "{text:?} was taken");
    }
    let tls = "[relays.main]\nurl = 'smtp://127.0.0.1?tls=required'\nusername = 'u'\npassword_file = 'p'";
    assert!(file(tls).is_ok());
}

#[test]
fn paths_in_the_file_start_at_its_folder_and_those_in_the_environment_where_one_stands() {
    let text = "database = 'sqlite:data/c.db'\nledger.key_file = 'c.key'\nledger.state_dir = '/state'\n";
    let settings = file(text).unwrap();
    assert_eq!(settings.database, Database::Sqlite("/etc/candor/data/c.db".into()));
    assert_eq!(settings.ledger.key_file, PathBuf::from("/etc/candor/c.key"));
    assert_eq!(settings.ledger.state_dir, PathBuf::from("/state"));
    let settings = with(text, &[("CANDOR_DATABASE", "here.db"), ("CANDOR_LEDGER__KEY_FILE", "k")]).unwrap();
    assert_eq!(settings.database, Database::Sqlite("here.db".into()));
    assert_eq!(settings.ledger.key_file, PathBuf::from("k"));
}

#[test]
fn a_database_is_a_file_or_postgres() {
    let database = |text: &str| file(&format!("database = '{text}'")).map(|settings| settings.database);
    for text in ["sqlite:/d/c.db", "sqlite:///d/c.db", "/d/c.db"] {
        assert_eq!(database(text).unwrap(), Database::Sqlite("/d/c.db".into()), "{text}");
    }
    assert_eq!(database("postgres://u:p@h/d").unwrap(), Database::Postgres("postgres://u:p@h/d".into()));
    assert!(!format!("{:?}", database("postgres://u:p@h/d").unwrap()).contains("u:p"));
    for text in ["", "sqlite:", "mysql://h/d", "sqlite::memory:", "sqlite:c.db?mode=ro"] {
        assert!(database(text).is_err(), "{text:?} was taken");
    }
}

#[test]
fn a_signing_key_stands_alone_or_in_a_list() {
    let dkim = "delivery.dkim = { domain = 'example.com', selector = 's1', key_file = 'k' }";
    let settings = file(dkim).unwrap();
    assert_eq!(settings.delivery.dkim[0].key_file, PathBuf::from("/etc/candor/k"));
    let list = "[[delivery.dkim]]\ndomain='a.example'\nselector='s'\nkey_file='k'\n";
    assert_eq!(file(&list.repeat(2)).unwrap().delivery.dkim.len(), 2);
}

#[test]
fn what_this_version_cannot_do_without_harm_is_refused() {
    assert!(file("database = 'postgres://h/d'").unwrap().refuse_unsupported().is_err());
    assert!(file("").unwrap().refuse_unsupported().is_ok());
}

#[test]
fn what_this_version_leaves_alone_is_named() {
    assert_eq!(file("").unwrap().unused_by_this_version(), Vec::<String>::new());
    let text = example_in_full()
        .replace("timestamp_url = \"\"", "timestamp_url = 'https://tsa.example.com'")
        .replace("header = false", "header = true")
        .replace("checkpoint_to = []", "checkpoint_to = ['a@example.com']")
        .replace("\"never\"", "\"400d\"")
        .replace("\nto = []", "\nto = ['a@example.com']")
        .replace("webhook = \"\"", "webhook = 'https://x.example'")
        .replace("listen = \"\"", "listen = '127.0.0.1:8025'");
    let unused = file(&text).unwrap().unused_by_this_version();
    assert_eq!(unused.len(), 10, "{unused:?}");
}

#[test]
fn only_to_takes_addresses_and_exactly_their_domains() {
    let settings = file("safety.only_to = ['Me@example.org', '@Example.com', 'bücher.example']").unwrap();
    let may = |address: &str| settings.may_mail(&Mailbox::parse(address).unwrap());
    assert!(may("Me@example.org") && may("any@example.com") && may("any@xn--bcher-kva.example"));
    assert!(!may("me@example.org") && !may("you@example.org") && !may("any@sub.example.com"));
    assert!(file("").unwrap().may_mail(&Mailbox::parse("any@example.com").unwrap()));
}

#[test]
fn values_that_make_no_sense_are_refused_with_key_value_and_advice() {
    let error = file("[delivery]\nrate = '5/day'").unwrap_err();
    assert!(error.starts_with("/etc/candor/candor.toml, line 2: delivery.rate is \"5/day\": "), "{error}");
    assert!(error.contains("50/s"), "{error}");
    for text in [
        "delivery = 3",
        "relays = 'main'",
        "relays.main = 'smtp://r'",
        "bounces = 'x'",
        "organization.name = 3",
        "organization.name = \"a\\nb\"",
        "organization.from = 'Care'",
        "organization.time_zone = 'Mars/Base'",
        "organization.link_hosts = ['https://www.example.com']",
        "organization.link_hosts = 'www.example.com'",
        "relays.main = { url = 'smtp://r', connections = 0 }",
        "relays.main = { url = 'smtp://r', connections = 1001 }",
        "relays.main = { url = 'smtp://r', connections = '5' }",
        "relays.main = { url = 'smtp://r', rate = '0/s' }",
        "relays.'a b'.url = 'smtp://r'",
        "delivery.rate = ''",
        "delivery.in_doubt = 'maybe'",
        "delivery.in_doubt_resends = -1",
        "delivery.retry_first = '0s'",
        "delivery.late_start = '0s'",
        "delivery.give_up_after = '30s'",
        "delivery.pause_at_failure_share = 10",
        "delivery.pause_at_failure_share = '10%'",
        "delivery.pause_at_failure_share = nan",
        "delivery.domain_rate = { 'gmail' = '5/s' }",
        "delivery.domain_rate = { 'gmail.com' = '5/s', 'GMAIL.com' = '6/s' }",
        "delivery.timeouts.end_of_data = '0s'",
        "delivery.dkim = { domain = 'example.com' }",
        "delivery.dsn_success = 1",
        "safety.only_to = ['nonsense']",
        "approval.required = 1.5",
        "approval.required = 0x10000000000",
        "ledger.origin = 'my log'",
        "ledger.origin = '../x'",
        "ledger.checkpoint_every = '0s'",
        "ledger.timestamp_url = 'tsa.example.com'",
        "ledger.checkpoint_to = ['x']",
        "retention.personal_data = '0d'",
        "retention.personal_data = 'always'",
        "bounces = [{ url = 'imaps://u:p@h/INBOX', password_file = 'p' }]",
        "bounces = [{ url = 'imaps://u@h/INBOX' }]",
        "bounces = [{ url = 'pop3://h' }]",
        "seeds.probe.url = 'imaps://u@h'",
        "hooks.x.kind = 'other'",
        "hooks.x.kind = 'generic'",
        "alerts.webhook = 'http://x.example'",
        "http.listen = '8025'",
        "http.listen = 1979-05-27",
    ] {
        let error = file(text).expect_err(text);
        assert!(error.contains("candor.toml, line 1: "), "{text}: {error}");
    }
}

#[test]
fn zero_is_taken_where_it_means_something() {
    assert!(file("delivery.grace = '0s'\ndelivery.greylist_wait = '0s'\ndelivery.in_doubt_resends = 0").is_ok());
    assert!(file("delivery.pause_at_failure_share = 1\napproval.required = 0").is_ok());
}
