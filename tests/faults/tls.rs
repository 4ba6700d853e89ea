//! Servers whose TLS or AUTH is wrong: nothing secret is sent, nobody is mailed, and plain words say why.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use candor::domain::outcome::Phase;
use candor::smtp::inbox::{Action, Inbox, InboxOptions, InboxTls, Moment};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::cases::try_all;
use crate::house::House;
use crate::judge::{Said, judge};
use crate::settings::Settings;
use crate::support::certificates::{Authority, Certificate, CertificateFiles};
use crate::support::require;
use crate::template::{PEOPLE, approved};

const USER: &str = "candor";
const PASSWORD: &str = "correct horse";
/// delivery.md: at most so many, that nobody is locked out.
const AUTH_TRIES: u64 = 3;

/// How the server is wrong.
#[derive(Clone)]
enum Wrong {
    NoStartTls,
    Certificate(Certificate, bool),
    Step(Phase, Action),
}

struct Case {
    name: &'static str,
    implicit: bool,
    wrong: Wrong,
    /// Words that the program says about it.
    says: &'static str,
}

impl Case {
    /// The server has answered the sign-in: more of it would lock somebody out.
    fn is_final(&self) -> bool {
        matches!(&self.wrong, Wrong::Step(Phase::Auth, Action::Reply(_)))
    }

    fn is_silent(&self) -> bool {
        matches!(&self.wrong, Wrong::Step(_, Action::Hang))
    }
}

fn config(files: &CertificateFiles) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let certificate = CertificateDer::from_pem_file(&files.certificate).expect("it was just written");
    let key = PrivateKeyDer::from_pem_file(&files.key).expect("it was just written");
    let versions = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config =
        versions.expect("the defaults are good").with_no_client_auth().with_single_cert(vec![certificate], key);
    Arc::new(config.expect("key and certificate belong together"))
}

/// A relay at `localhost` with a password, and whom to trust.
fn settings(port: u16, implicit: bool, ca_file: &Path, give_up: &str) -> Settings {
    let url =
        if implicit { format!("smtps://localhost:{port}") } else { format!("smtp://localhost:{port}?tls=required") };
    Settings::to_port(port)
        .connections(1)
        .url(url)
        .delivery(&format!("give_up_after = \"{give_up}\""))
        .limit("command", 300)
        .relay(&format!("username = \"{USER}\"\npassword_file = \"password\"\nca_file = \"{}\"", ca_file.display()))
}

fn installed(settings: &Settings) -> House {
    let house = approved(settings);
    let file = house.home.write("password", PASSWORD);
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("it is ours");
    house
}

/// What the server saw of secrets and messages.
#[derive(Default)]
struct Seen {
    auth: AtomicU32,
    mail: AtomicU32,
}

fn inbox(handle: &Handle, wrong: &Wrong, tls: InboxTls, seen: &Arc<Seen>) -> Inbox {
    let (step, seen) =
        (if let Wrong::Step(phase, action) = wrong { Some((*phase, action.clone())) } else { None }, Arc::clone(seen));
    let script = move |moment: Moment<'_>| {
        match moment.step.phase() {
            Phase::Auth => seen.auth.fetch_add(1, Ordering::SeqCst),
            Phase::Mail => seen.mail.fetch_add(1, Ordering::SeqCst),
            _ => 0,
        };
        match &step {
            Some((phase, action)) if *phase == moment.step.phase() => action.clone(),
            _ => Action::Default,
        }
    };
    let auth = Some((USER.to_owned(), PASSWORD.to_owned()));
    let options = InboxOptions { tls, auth, ..InboxOptions::scripted(script) };
    handle.block_on(Inbox::start(options)).expect("loopback has a port")
}

fn run(case: &Case, handle: &Handle) {
    let folder = TempDir::new().expect("the temporary folder is writable");
    let authority = Authority::new(folder.path(), "authority");
    let (kind, is_trusted) =
        if let Wrong::Certificate(kind, trusted) = case.wrong { (kind, trusted) } else { (Certificate::Good, true) };
    let good = config(&authority.issue(folder.path(), kind));
    let stranger = Authority::new(folder.path(), "stranger");
    let tls = match (&case.wrong, case.implicit) {
        (Wrong::NoStartTls, _) => InboxTls::None,
        (_, true) => InboxTls::Implicit(good),
        (_, false) => InboxTls::StartTls(good),
    };
    let seen = Arc::new(Seen::default());
    let inbox = inbox(handle, &case.wrong, tls, &seen);
    let trusted = if is_trusted { authority.file() } else { stranger.file() };
    // Long enough for more tries than there may be, and for five silences, after which a relay is set aside.
    let give_up = if case.is_final() || case.is_silent() { "4s" } else { "700ms" };
    let house = installed(&settings(inbox.address().port(), case.implicit, trusted, give_up));
    let ran = house.line("send c --until-final");
    let connections = inbox.counts().connections;
    let (said, taken) = (Said::of(&house), handle.block_on(inbox.stop()));
    judge(&said, &taken, PEOPLE);
    assert!(taken.is_empty(), "{} taken", taken.len());
    assert_eq!((said.count("accepted"), seen.mail.load(Ordering::SeqCst)), (0, 0), "{}", said.status);
    let is_auth = matches!(case.wrong, Wrong::Step(Phase::Auth, _));
    let tries = seen.auth.load(Ordering::SeqCst);
    assert!(is_auth || tries == 0, "a secret was sent");
    assert!(connections <= AUTH_TRIES || !case.is_final(), "{connections} connections with a sign-in");
    assert!(ran.err.contains(case.says), "no word of it ({tries} tries):\n{}\n{}", ran.err, said.status);
    for text in [&ran.err, &ran.out] {
        assert!(!text.contains(PASSWORD), "the password is shown:\n{text}");
    }
}

#[test]
fn a_server_with_bad_tls_gets_no_secret_and_no_message_and_plain_words_say_why() {
    let start = |name, wrong, says| Case { name, implicit: false, wrong, says };
    let implicit = |name, wrong, says| Case { name, implicit: true, wrong, says };
    let step = Wrong::Step;
    let certificate = Wrong::Certificate;
    let mut cases = vec![
        start("not offered", Wrong::NoStartTls, "STARTTLS"),
        start("closes at STARTTLS", step(Phase::StartTls, Action::Close), "closed"),
        start("hangs at STARTTLS", step(Phase::StartTls, Action::Hang), "starttls"),
        start("454", step(Phase::StartTls, Action::reply("454 4.7.0 TLS not available")), "TLS not available"),
        start("501", step(Phase::StartTls, Action::reply("501 5.5.4 no")), "starttls"),
        start("plaintext ahead", step(Phase::StartTls, Action::Raw(b"220 go\r\n250 injected\r\n".to_vec())), "TLS"),
    ];
    for make in [start, implicit] {
        cases.extend([
            make("closes in the handshake", step(Phase::Handshake, Action::Close), "set aside"),
            make("hangs in the handshake", step(Phase::Handshake, Action::Hang), "handshake"),
            make("no TLS", step(Phase::Handshake, Action::Raw(b"220 what is TLS?\r\n".to_vec())), "TLS"),
            make("expired", certificate(Certificate::Expired, true), "expired"),
            make("other name", certificate(Certificate::OtherName, true), "another name"),
            make("unknown authority", certificate(Certificate::Good, false), "not trusted"),
        ]);
    }
    try_all(&cases, |case| format!("{}, implicit {}", case.name, case.implicit), run);
}

#[test]
fn refused_credentials_are_tried_three_times_at_most() {
    let case = |name, action, says| Case { name, implicit: true, wrong: Wrong::Step(Phase::Auth, action), says };
    let cases = [
        case("535", Action::reply("535 5.7.8 wrong"), "5.7.8 wrong"),
        case("454", Action::reply("454 4.7.0 later"), "later"),
        case("334 without an end", Action::reply("334 VXNlcm5hbWU6"), "auth"),
        case("closes", Action::Close, "closed"),
        case("hangs", Action::Hang, "auth"),
    ];
    try_all(&cases, |case| case.name.to_owned(), run);
}

#[test]
fn a_server_that_speaks_only_old_tls_is_refused() {
    let Some(python) = require("python3") else { return };
    let folder = TempDir::new().expect("the temporary folder is writable");
    let authority = Authority::new(folder.path(), "authority");
    let files = authority.issue(folder.path(), Certificate::Good);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/old_tls.py");
    let mut command = Command::new(python);
    command.args(["-W", "ignore"]).arg(script).arg(&files.certificate).arg(&files.key).stdout(Stdio::piped());
    let mut server = command.spawn().expect("Python starts");
    let mut lines = BufReader::new(server.stdout.take().expect("it is piped")).lines();
    let mut line = || lines.next().expect("it goes on").expect("it is text");
    let port = line().parse().expect("a port");
    let house = installed(&settings(port, true, authority.file(), "700ms"));
    let ran = house.line("send c --until-final").says("TLS 1.2");
    assert!(line().starts_with("refused"), "{ran:?}");
    assert_eq!(Said::of(&house).count("accepted"), 0);
    server.kill().expect("it is our child");
    server.wait().expect("it is our child");
}
