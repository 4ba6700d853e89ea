//! The tests' own servers are real and do what the other tests take from them.

pub mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::certificates::Certificate;
use support::{Postfix, PostfixOptions, SmtpSink, TempHome, require, wait_for};

/// Postfix delivers within milliseconds; this is for a machine that compiles meanwhile.
const DELIVERY_AT_MOST: Duration = Duration::from_secs(30);

/// Sends one message with Python's smtplib, a client that is not ours; the error is Python's own text.
fn send(port: u16, how: &str, ca_file: &Path, login: Option<(&str, &str, &str)>) -> Result<(), String> {
    const CLIENT: &str = "
import smtplib, ssl, sys
port, how, ca, mechanism, user, password = sys.argv[1:7]
context = ssl.create_default_context(cafile=ca) if how != 'clear' else None
if how == 'implicit':
    client = smtplib.SMTP_SSL('127.0.0.1', int(port), context=context, timeout=30)
else:
    client = smtplib.SMTP('127.0.0.1', int(port), timeout=30)
client.ehlo('client.example.org')
if how == 'starttls':
    client.starttls(context=context)
    client.ehlo('client.example.org')
if mechanism:
    client.user, client.password = user, password
    client.auth(mechanism, client.auth_plain if mechanism == 'PLAIN' else client.auth_login)
client.sendmail('bounces@example.com', ['anna@example.org'], b'Subject: ' + how.encode() + b'\\r\\n\\r\\n.dot\\r\\n\\r\\nend\\r\\n')
client.quit()
";
    let python = require("python3").expect("the callers have asked for it");
    let (mechanism, user, password) = login.unwrap_or_default();
    let output = Command::new(python)
        .args(["-c", CLIENT, &port.to_string(), how])
        .arg(ca_file)
        .args([mechanism, user, password])
        .output()
        .expect("Python starts");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn the_relay_takes_plain_and_login_inside_tls_and_delivers_each_message() {
    let Some(_python) = require("python3") else { return };
    let options = PostfixOptions { tls: Some(Certificate::Good), sasl: true, ..PostfixOptions::default() };
    let Some(relay) = Postfix::start(&options) else { return };
    let ca = relay.ca_file();
    for mechanism in ["PLAIN", "LOGIN"] {
        let login = Some((mechanism, Postfix::USER, Postfix::PASSWORD));
        assert_eq!(send(relay.port(), "starttls", &ca, login), Ok(()), "{mechanism}:\n{}", relay.log());
        assert_eq!(send(relay.implicit_tls_port(), "implicit", &ca, login), Ok(()), "{mechanism}:\n{}", relay.log());
    }
    assert!(wait_for(DELIVERY_AT_MOST, || relay.delivered().len() == 4), "four were taken:\n{}", relay.log());
    let text = String::from_utf8(relay.delivered().remove(0)).expect("it was ASCII");
    assert!(text.contains("X-Original-To: anna@example.org"), "{text}");
    assert!(text.contains("Return-Path: <bounces@example.com>"), "{text}");
}

#[test]
fn the_relay_refuses_a_wrong_password_and_anybody_without_one() {
    let Some(_python) = require("python3") else { return };
    let options = PostfixOptions { tls: Some(Certificate::Good), sasl: true, ..PostfixOptions::default() };
    let Some(relay) = Postfix::start(&options) else { return };
    let ca = relay.ca_file();
    let wrong = Some(("PLAIN", Postfix::USER, "wrong"));
    assert!(send(relay.port(), "starttls", &ca, wrong).is_err_and(|error| error.contains("535")));
    assert!(send(relay.port(), "starttls", &ca, None).is_err_and(|error| error.contains("554")));
    assert!(send(relay.port(), "clear", &ca, None).is_err_and(|error| error.contains("Must issue a STARTTLS")));
    assert!(relay.delivered().is_empty());
}

#[test]
fn certificates_can_be_wrong_on_purpose() {
    let Some(_python) = require("python3") else { return };
    for kind in [Certificate::OtherName, Certificate::Expired] {
        let options = PostfixOptions { tls: Some(kind), ..PostfixOptions::default() };
        let Some(relay) = Postfix::start(&options) else { return };
        let error = send(relay.port(), "starttls", &relay.ca_file(), None).expect_err("a bad certificate passed");
        assert!(error.contains("CERTIFICATE_VERIFY_FAILED"), "{kind:?}: {error}");
    }
}

#[test]
fn a_relay_in_the_clear_obeys_further_settings() {
    let Some(_python) = require("python3") else { return };
    let refuse = ("smtpd_sender_restrictions".to_owned(), "static:{550 5.7.1 blocked}".to_owned());
    let Some(plain) = Postfix::start(&PostfixOptions::default()) else { return };
    assert_eq!(send(plain.port(), "clear", Path::new(""), None), Ok(()), "{}", plain.log());
    let options = PostfixOptions { settings: vec![refuse], ..PostfixOptions::default() };
    let Some(refusing) = Postfix::start(&options) else { return };
    let error = send(refusing.port(), "clear", Path::new(""), None).expect_err("the setting was not obeyed");
    assert!(error.contains("blocked"), "{error}");
}

#[test]
fn the_sink_keeps_the_envelope_and_the_bytes_of_what_it_took() {
    let (Some(_python), Some(sink)) = (require("python3"), SmtpSink::start::<&str>(&[])) else { return };
    assert_eq!(send(sink.port(), "clear", Path::new(""), None), Ok(()));
    let messages = sink.messages();
    assert_eq!(messages.len(), 1);
    assert!(messages[0].mail.starts_with("<bounces@example.com>"), "{}", messages[0].mail);
    assert_eq!(messages[0].recipients, ["<anna@example.org>"]);
    assert_eq!(String::from_utf8_lossy(&messages[0].data), "Subject: clear\n\n.dot\n\nend\n");
}

#[test]
fn a_sink_can_be_told_to_refuse() {
    let (Some(_python), Some(sink)) = (require("python3"), SmtpSink::start(&["-f", "RCPT"])) else { return };
    let error = send(sink.port(), "clear", Path::new(""), None).expect_err("it was told to refuse");
    assert!(error.contains("500"), "{error}");
    assert!(sink.messages().is_empty());
}

#[test]
fn the_program_runs_in_its_sandbox_without_the_callers_settings() {
    let home = TempHome::new();
    let config = home.write_config("# empty\n");
    assert!(config.starts_with(home.path()));
    let command = home.process();
    assert_eq!(command.get_current_dir(), Some(home.path()));
    let mut given = command.get_envs().filter(|(name, _)| name.to_string_lossy().starts_with("CANDOR_"));
    assert!(given.all(|(_, value)| value.is_none()), "a setting of the caller's would be handed on");
    home.candor().arg("--version").assert().success();
}

#[test]
fn waiting_ends_when_the_condition_holds_or_the_time_is_up() {
    let mut looks = 0;
    assert!(wait_for(Duration::from_secs(60), || {
        looks += 1;
        looks == 3
    }));
    assert!(!wait_for(Duration::from_millis(20), || false));
}
