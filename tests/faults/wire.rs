//! What the wire looks like, whatever stands in a list or a template, to servers with and without the extensions.

use std::fs;
use std::path::Path;
use std::process::Command;

use candor::smtp::inbox::{Extensions, Inbox, InboxOptions, Received};
use mail_parser::MessageParser;

use crate::house::{House, NOTICE};
use crate::judge::{C, Said, copies, judge, text};
use crate::settings::Settings;

/// RFC 5322 §2.1.1, without the CRLF.
const LINE_OCTETS_MAX: usize = 998;
/// Names that would end a message, begin a header or break a line, and some that are merely long or not ASCII.
const NAMES: [(&str, &str); 7] = [
    ("dots@example.org", "a\r\n.\r\nMAIL FROM:<x@example.net>\r\nRCPT TO:<victim@example.net>\r\nDATA"),
    ("bare-lf@example.org", "b\n.\nRCPT TO:<victim@example.net>"),
    ("bare-cr@example.org", "c\r.\rBcc: victim@example.net"),
    ("header@example.org", "d\r\nBcc: victim@example.net\r\n\r\nnew body"),
    ("long@example.org", "LONG"),
    ("umlaut@example.org", "Zoë Łukasz 山田 😀 \u{85}\u{2028}"),
    ("plain@example.org", "Ann Example"),
];

fn list(more: &str) -> String {
    let quoted = |name: &str| {
        let name = if name == "LONG" { "Wörd".repeat(1_000) } else { name.to_owned() };
        format!("\"{}\"", name.replace('"', "\"\""))
    };
    let reference = |email: &'static str| email.split('@').next().expect("split gives one at least");
    let row = |(email, name): &(&'static str, &str)| format!("{email},{},{}\n", reference(email), quoted(name));
    let rows: String = NAMES.iter().map(row).collect();
    format!("email,ref,name\n{rows}{more}")
}

/// The notice of the other tests, with lines that begin with dots and one that has no end, in its text part.
fn notice(house: &House) -> String {
    let copy = house.home.path().join("notice");
    assert!(Command::new("cp").args(["-r", NOTICE]).arg(&copy).status().expect("cp is there").success());
    let path = copy.join("en/body.txt.hbs");
    let body = fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is there", path.display()));
    let body = format!("{body}\n.\n..\n.hidden\n{{{{customer.name}}}}\n{}\n.\n", "x".repeat(5_000));
    fs::write(&path, body).expect("ours");
    copy.display().to_string()
}

#[track_caller]
fn is_legal(message: &Received, eight_bit: bool) {
    let bytes = &message.bytes[..];
    assert!(bytes.ends_with(b"\r\n"), "no line end at the end");
    assert!(!bytes.contains(&0), "a zero octet");
    for line in bytes.strip_suffix(b"\r\n").unwrap_or(bytes).split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(!line.contains(&b'\r'), "a bare CR to {:?}", message.to);
        assert!(line.len() <= LINE_OCTETS_MAX, "a line of {} octets to {:?}", line.len(), message.to);
    }
    let feeds = bytes.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(bytes.windows(2).filter(|pair| pair == b"\r\n").count(), feeds, "a bare LF to {:?}", message.to);
    assert!(eight_bit || bytes.is_ascii(), "8-bit to a server that does not take it");
    let parsed = MessageParser::default().parse(bytes).expect("it is a message");
    assert!(parsed.bcc().is_none() && parsed.header("Bcc").is_none(), "a header from a name");
    let to = parsed.to().expect("a To");
    assert_eq!(to.iter().count(), 1);
    assert_eq!(to.first().and_then(|to| to.address()), Some(message.to[0].as_str()));
    for (email, name) in NAMES.iter().filter(|(email, _)| *email != message.to[0]) {
        let first = name.split(['\r', '\n']).next().expect("split gives one at least");
        let text = parsed.body_text(0).expect("a text");
        assert!(first.len() < 8 || !text.contains(first), "{email}'s name in a message to {:?}", message.to);
    }
}

async fn sent_to(extensions: Extensions, more: &str) -> (Said, Vec<Received>) {
    let inbox =
        Inbox::start(InboxOptions { extensions, ..InboxOptions::default() }).await.expect("loopback has a port");
    let house = Settings::to(&inbox).connections(2).house();
    let notice = notice(&house);
    let incident = Path::new(NOTICE).join("incident.toml").display().to_string();
    house.run(&["campaign", "create", C, "--incident", &incident, "--notice", &notice]).ends(0);
    house.home.write("list.csv", list(more));
    house.run(&["campaign", "import", C, "list.csv"]).ends(0);
    let ran = house.line("send c --until-final");
    assert!(matches!(ran.code, Some(0 | 3)), "{ran:?}");
    let (said, taken) = (Said::of(&house), inbox.stop().await);
    judge(&said, &taken, NAMES.len() + more.lines().count());
    (said, taken)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_legal_on_the_wire_whatever_a_name_or_a_template_holds() {
    let all = Extensions::default();
    for extensions in [
        all,
        Extensions::NONE,
        Extensions { pipelining: true, ..Extensions::NONE },
        Extensions { eight_bit_mime: false, ..all },
        Extensions { smtputf8: false, ..all },
        Extensions { size: false, dsn: false, enhanced_status_codes: false, ..all },
    ] {
        let (said, taken) = sent_to(extensions, "").await;
        assert_eq!((taken.len(), said.count("accepted")), (NAMES.len(), NAMES.len() as u64), "{extensions:?}");
        taken.iter().for_each(|message| is_legal(message, extensions.eight_bit_mime));
        let victim = taken.iter().any(|message| message.to.iter().any(|to| to.contains("victim")));
        assert!(!victim, "a message to somebody from a name");
        for (email, _) in NAMES {
            assert_eq!(copies(&taken, email), 1, "{email}, {extensions:?}");
        }
        let dots = taken.iter().filter(|message| {
            let parsed = MessageParser::default().parse(&message.bytes[..]).expect("it is a message");
            parsed.body_text(0).is_some_and(|text| text.contains("\n.hidden") || text.contains("\r\n.hidden"))
        });
        assert_eq!(dots.count(), NAMES.len(), "a dot at a line's beginning was lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_utf8_goes_only_to_a_server_that_takes_it() {
    let more = "jürgen@example.org,UTF8,Jürgen\n";
    for smtputf8 in [true, false] {
        let (said, taken) = sent_to(Extensions { smtputf8, ..Extensions::default() }, more).await;
        let person = said.person("jürgen@example.org");
        let expected = if smtputf8 { "accepted" } else { "failed" };
        assert_eq!(text(person, "state"), expected, "{person}");
        assert_eq!(copies(&taken, "jürgen@example.org"), usize::from(smtputf8));
        assert!(smtputf8 || person["class"] == "bad-address", "{person}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_servers_size_fails_unsent_and_the_others_go() {
    let size_max_octets = 100_000;
    let more = format!("big@example.org,BIG,{}\n", "Long ".repeat(12_000));
    let (said, taken) = sent_to(Extensions { size_max_octets, ..Extensions::default() }, &more).await;
    let person = said.person("big@example.org");
    assert_eq!((text(person, "state"), person["class"].as_str()), ("failed", Some("too-large")), "{person}");
    assert_eq!((copies(&taken, "big@example.org"), taken.len()), (0, NAMES.len()));
    assert!(taken.iter().all(|message| message.bytes.len() <= size_max_octets));
}
