//! What somebody hostile puts into lists, names, folders and arguments.

use std::os::unix::fs::symlink;
use std::process::Command;

use mail_parser::MessageParser;

use crate::house::{House, NOTICE, inbox};

/// Everything that steers a terminal, or would be a line of its own.
#[track_caller]
fn steers_nothing(text: &str) {
    let bad =
        text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t') || ('\u{202a}'..='\u{202e}').contains(c));
    assert!(bad.is_none(), "{bad:?} in {text:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_name_steers_no_terminal_and_makes_no_header() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "");
    let name = "\u{1b}[31mEve\u{7}\u{202e}\r\nBcc: victim@example.net\r\n\r\n{{incident.id}}<script>";
    let list = format!("email,ref,name\neve@example.org,=R1,\"{name}\"\nann@example.org,R2,=cmd()\n");
    house.campaign("c", &list);
    house.home.write("ref.csv", "email,ref\nx@example.org,\u{1b}[2JR1\n");
    steers_nothing(&house.line("campaign import c ref.csv").ends(3).out);
    let reference = "=R1";
    for line in ["campaign check c", "campaign submit c", "campaign approve c", "campaign recipients c"] {
        let ran = house.line(line).ends(0);
        steers_nothing(&ran.out);
        steers_nothing(&ran.err);
    }
    for args in [
        vec!["campaign", "show", "c", "--ref", reference],
        vec!["campaign", "preview", "c", "--ref", reference, "--format", "text"],
    ] {
        let ran = house.run(&args).ends(0);
        assert!(!ran.out.contains('\u{1b}') && !ran.out.contains('\u{7}'), "{ran:?}");
    }
    house.line("send c").ends(0);
    let taken = inbox.stop().await;
    assert_eq!(taken.len(), 2);
    let eve = taken.iter().find(|message| message.to == ["eve@example.org"]).expect("she has hers");
    let message = MessageParser::default().parse(&eve.bytes[..]).expect("it is a message");
    assert!(message.bcc().is_none() && message.header("Bcc").is_none());
    assert_eq!(message.to().expect("a To").iter().count(), 1);
    assert_eq!(message.to().expect("a To").first().and_then(|to| to.address()), Some("eve@example.org"));
    let html = message.body_html(0).expect("HTML");
    assert!(!html.contains("<script>") && html.contains("{{incident.id}}"), "{html}");
    let csv = house.line("campaign recipients c --format csv").ends(0).out;
    assert!(!csv.contains("\n=") && !csv.contains('\u{1b}'), "{csv:?}");
}

#[test]
fn names_refs_and_fields_of_any_size_are_taken_or_refused() {
    let house = House::to_port(9, "");
    let incident = format!("{NOTICE}/incident.toml");
    for name in
        ["../x", "/etc/passwd", "", "-x", "a/b", "a b", "a'; DROP TABLE campaigns;--", "..", &"x".repeat(65), "ü"]
    {
        let ran = house.run(&["campaign", "create", "--incident", &incident, "--notice", NOTICE, "--", name]);
        assert_eq!(ran.code, Some(2), "{name}: {}", ran.err);
    }
    house.campaign("c", "email,ref,name\na@example.org,R1,Ann\n");
    for reference in ["' OR '1'='1", "R1'--", "%", "_1", "R1R1"] {
        house.run(&["campaign", "show", "c", "--ref", reference]).ends(1);
        house.run(&["audit", "log", "--campaign", "c", "--ref", reference]).ends(1);
    }
    let huge = "N".repeat(5_000_000);
    house.home.write("huge.csv", format!("email,ref,name\nb@example.org,R2,{huge}\n"));
    let ran = house.line("campaign import c huge.csv");
    assert!(matches!(ran.code, Some(1 | 3)) && ran.err.len() + ran.out.len() < 20_000, "{:?}", ran.code);
    house.home.write("wide.csv", format!("email,ref{}\nb@example.org,R2\n", ",x".repeat(100_000)));
    let ran = house.line("campaign import c wide.csv");
    assert!(ran.code == Some(1) && ran.err.len() < 5_000, "{:?} {}", ran.code, ran.err.len());
    house.home.write("open.csv", format!("email,ref,name\nb@example.org,R2,\"{}", "x\n".repeat(100_000)));
    let ran = house.line("campaign import c open.csv");
    assert!(matches!(ran.code, Some(1 | 3)) && ran.err.len() + ran.out.len() < 20_000, "{:?}", ran.code);
    assert_eq!(house.status("c")["recipients"].as_object().map(serde_json::Map::len), Some(10));
}

#[test]
fn a_notice_takes_nothing_from_outside_its_folder() {
    let house = House::to_port(9, "");
    let copy = house.home.path().join("notice");
    let copied = Command::new("cp").args(["-r", NOTICE]).arg(&copy).status().expect("cp is there");
    assert!(copied.success());
    let create = |name: &str| {
        house.run(&["campaign", "create", name, "--incident", &format!("{NOTICE}/incident.toml"), "--notice", "notice"])
    };
    symlink("/etc/passwd", copy.join("en/logo.png")).expect("ours");
    let text = std::fs::read_to_string("/etc/passwd").expect("it is readable");
    let shows = |name: &str| {
        let database = std::fs::read(house.home.path().join("candor.db")).unwrap_or_default();
        let line = text.lines().next().expect("a line").as_bytes();
        assert!(!database.windows(line.len()).any(|window| window == line), "{name}");
    };
    create("image");
    shows("image");
    std::fs::remove_file(copy.join("en/logo.png")).expect("ours");
    std::fs::remove_file(copy.join("en/subject.txt.hbs")).expect("ours");
    symlink("/etc/passwd", copy.join("en/subject.txt.hbs")).expect("ours");
    let ran = create("subject");
    assert!(!ran.err.contains(text.lines().next().expect("a line")), "{}", ran.err);
    shows("subject");
}
