//! Debian's Postfix as the relay: TLS, signing in, and what arrives, read by a parser that shares no code with us.

use std::os::unix::fs::PermissionsExt;

use mail_parser::MessageParser;

use crate::house::{AT_MOST, House, list};
use crate::support::certificates::{Authority, Certificate};
use crate::support::{Postfix, PostfixOptions, wait_for};

const PEOPLE: usize = 5;

fn relay() -> Option<Postfix> {
    Postfix::start(&PostfixOptions { tls: Some(Certificate::Good), sasl: true, ..PostfixOptions::default() })
}

/// A house whose relay is at this URL, with these further lines.
fn house(url: &str, password: &str, more: &str) -> House {
    let house = House::new(&format!(
        "[relays.main]\nurl = \"{url}\"\nusername = \"{}\"\npassword_file = \"secret\"\nconnections = 2\n{more}\n\
         [delivery]\nrate = \"unlimited\"\nretry_first = \"100ms\"\n",
        Postfix::USER
    ));
    let secret = house.home.write("secret", format!("{password}\n"));
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    house
}

fn ca(postfix: &Postfix) -> String {
    format!("ca_file = \"{}\"", postfix.ca_file().display())
}

/// Everybody has one message with their own address, the notice's subject and both parts.
#[track_caller]
fn judge(postfix: &Postfix) {
    assert!(wait_for(AT_MOST, || postfix.delivered().len() >= PEOPLE), "{}", postfix.log());
    let mut reached = Vec::new();
    for bytes in postfix.delivered() {
        let message = MessageParser::default().parse(&bytes).expect("it is a message");
        let to = message.to().expect("a To").first().expect("one address");
        assert_eq!(message.to().expect("a To").iter().count(), 1);
        let address = to.address().expect("an address").to_owned();
        assert_eq!(to.name(), Some(address.replace("@example.org", "").replace('p', "Zebulon Quark ").as_str()));
        assert!(message.subject().expect("a subject").contains("Notice of Data Breach"));
        let (text, html) = (message.body_text(0).expect("text"), message.body_html(0).expect("HTML"));
        assert_eq!((message.text_body_count(), message.html_body_count()), (1, 1));
        for part in [text, html] {
            assert!(part.contains(to.name().expect("a name")), "{part}");
        }
        assert_eq!(message.header_raw("X-Original-To").map(str::trim), Some(address.as_str()), "the envelope agrees");
        reached.push(address);
    }
    reached.sort();
    let everybody: Vec<String> = (1..=PEOPLE).map(|number| format!("p{number}@example.org")).collect();
    assert_eq!(reached, everybody);
}

#[test]
fn mail_goes_through_starttls_and_sign_in_and_doctor_shows_both() {
    let Some(postfix) = relay() else { return };
    let url = format!("smtp://localhost:{}?tls=required", postfix.port());
    let house = house(&url, Postfix::PASSWORD, &ca(&postfix));
    let doctor = house.line("doctor").ends(0);
    for word in ["TLS 1.3", "signed in"] {
        assert!(doctor.out.contains(word), "{}", doctor.out);
    }
    assert!(!doctor.out.contains(Postfix::PASSWORD));
    house.campaign("c", &list(PEOPLE));
    house.line("send c").ends(0);
    judge(&postfix);
}

#[test]
fn mail_goes_through_implicit_tls_and_sign_in() {
    let Some(postfix) = relay() else { return };
    let url = format!("smtps://localhost:{}", postfix.implicit_tls_port());
    let house = house(&url, Postfix::PASSWORD, &ca(&postfix));
    house.campaign("c", &list(PEOPLE));
    house.line("send c").ends(0);
    judge(&postfix);
    for entry in house.line("audit log --json").ends(0).lines().iter().filter(|entry| entry["kind"] == "attempt") {
        assert!(!entry["tls"].is_null(), "the ledger says that it was TLS: {entry}");
    }
}

#[test]
fn a_relay_with_a_wrong_authority_gets_nothing_and_the_words_are_plain() {
    let Some(postfix) = relay() else { return };
    let url = format!("smtp://localhost:{}?tls=required", postfix.port());
    let house = house(&url, Postfix::PASSWORD, "ca_file = \"other.pem\"");
    let _ = Authority::new(house.home.path(), "other");
    let doctor = house.line("doctor").ends(1);
    assert!(doctor.out.contains("certificate"), "{}", doctor.out);
    house.campaign("c", &list(PEOPLE));
    let mut sending = house.start("send c");
    sending.says("set aside");
    sending.signal("TERM");
    let ran = sending.ended().ends(1);
    assert!(ran.err.contains("certificate"), "{}", ran.err);
    assert_eq!(house.count("c", "accepted"), 0);
    assert!(postfix.delivered().is_empty());
}

#[test]
fn a_wrong_password_fails_nobody_and_never_shows() {
    let Some(postfix) = relay() else { return };
    let url = format!("smtp://localhost:{}?tls=required", postfix.port());
    let house = house(&url, "wr0ng-passw0rd", &ca(&postfix));
    let doctor = house.line("doctor").ends(1);
    assert!(doctor.out.contains("535"), "{}", doctor.out);
    house.campaign("c", &list(PEOPLE));
    let ran = house.line("send c").ends(1).says("paused");
    assert_eq!(house.count("c", "failed") + house.count("c", "accepted"), 0, "{}", ran.err);
    for text in [&doctor.out, &doctor.err, &ran.out, &ran.err] {
        assert!(!text.contains("wr0ng"), "{text}");
    }
    assert!(postfix.delivered().is_empty());
}
