//! Relays in trouble: nobody's attempt, and everybody's message later.

use candor::delivery::{Report, Until};
use candor::domain::outcome::Phase;
use candor::smtp::inbox::script::{always, first};
use candor::smtp::inbox::{Action, Inbox, InboxOptions, InboxTls};

use crate::house::{C, Config, House, inbox, paused_for, people, scripted, took};
use crate::judge::judge;

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_before_the_354_is_no_attempt_of_the_recipients() {
    for (phase, action) in [
        (Phase::Banner, Action::Close),
        (Phase::Ehlo, Action::reply("421 4.3.2 Going down")),
        (Phase::Mail, Action::reply("421 4.3.2 Going down")),
        (Phase::Rcpt, Action::Close),
        (Phase::Data, Action::reply("421 4.3.2 Going down")),
    ] {
        let inbox = scripted(first(3, phase, action)).await;
        let house = House::scheduled(&Config::to(&inbox), &people(8)).await;
        house.send().await;
        let taken = inbox.stop().await;
        assert_eq!((taken.len(), house.count(C, "accepted").await), (8, 8), "{phase}");
        assert_eq!(house.app.store.attempts_total(1).await.unwrap(), 8, "{phase}");
        judge(&house, &taken, 8).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_refuses_connections_is_set_aside_and_comes_back_and_everybody_is_accepted() {
    let inbox = inbox().await;
    let house = House::scheduled(&Config::to(&inbox), &people(400)).await;
    let mut running = house.worker(Until::Settled).await;
    took(&inbox, 20).await;
    inbox.set_available(false).await.unwrap();
    running.hears(|report| matches!(report, Report::RelayAside { .. })).await;
    inbox.set_available(true).await.unwrap();
    running.hears(|report| matches!(report, Report::RelayBack { .. })).await;
    running.ended().await;
    let kinds = house.kinds().await;
    assert!(kinds.contains(&"relay.set-aside".into()) && kinds.contains(&"relay.back".into()));
    assert_eq!(house.count(C, "accepted").await, 400);
    judge(&house, &inbox.stop().await, 400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_relay_takes_over() {
    let (away, second) = (inbox().await, inbox().await);
    let config = Config::to(&away).relay("second", &second, "connections = 2");
    let house = House::scheduled(&config, &people(50)).await;
    away.set_available(false).await.unwrap();
    house.send().await;
    let taken = second.stop().await;
    assert_eq!((taken.len(), house.count(C, "accepted").await), (50, 50));
    judge(&house, &taken, 50).await;
}

/// A TLS relay with AUTH, its settings, and the password file that the settings name.
async fn relay_with_auth(house_dir: &std::path::Path, password: &str) -> (Inbox, String) {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".into(), "127.0.0.1".into()]).unwrap();
    std::fs::write(house_dir.join("ca.pem"), key.cert.pem()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![key.cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::Pkcs8(key.signing_key.serialize_der().into()),
        )
        .unwrap();
    let options = InboxOptions {
        tls: InboxTls::Implicit(std::sync::Arc::new(server)),
        auth: Some(("candor".into(), "right".into())),
        ..InboxOptions::default()
    };
    let inbox = Inbox::start(options).await.unwrap();
    write_private(&house_dir.join("password"), password);
    let relay = format!(
        "[relays.main]\nurl = \"smtps://localhost:{}\"\nusername = \"candor\"\npassword_file = \"password\"\n\
         ca_file = \"ca.pem\"\nconnections = 4\n",
        inbox.address().port()
    );
    (inbox, relay)
}

fn write_private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_tried_three_times_in_all_and_pause_the_campaign() {
    let mut house = House::new(&Config::folder()).await;
    let (inbox, relay) = relay_with_auth(house.dir.path(), "wrong").await;
    let mut config = Config::none();
    config.relays = relay;
    house = house.again(&config).await;
    house.approved(C, &people(30)).await;
    house.schedule(C, &house.request()).await.unwrap();
    let reports = house.send().await;
    assert!(paused_for(&reports, "relay-auth"), "{reports:?}");
    assert_eq!(house.state(C).await, ("paused".into(), Some("relay-auth".into())));
    assert_eq!(inbox.counts().connections, 3);
    write_private(&house.path("password"), "right");
    let house = house.again(&config).await;
    candor::approval::resume(&house.app.store, &house.app.settings, &house.app.by(), C).await.unwrap();
    house.send().await;
    assert_eq!(house.count(C, "accepted").await, 30);
    judge(&house, &inbox.stop().await, 30).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_campaign_tries_refused_credentials_once_more_as_the_file_has_them_then() {
    let mut house = House::new(&Config::folder()).await;
    let (inbox, relay) = relay_with_auth(house.dir.path(), "wrong").await;
    let mut config = Config::none();
    config.relays = relay;
    house = house.again(&config).await;
    house.approved(C, &people(3)).await;
    house.schedule(C, &house.request()).await.unwrap();
    let mut running = house.worker(Until::Stopped).await;
    let is_paused = |report: &Report| matches!(report, Report::Paused { reason: "relay-auth", .. });
    running.hears(is_paused).await;
    candor::approval::resume(&house.app.store, &house.app.settings, &house.app.by(), C).await.unwrap();
    running.hears(is_paused).await;
    assert_eq!(inbox.counts().connections, 4);
    write_private(&house.path("password"), "right");
    candor::approval::resume(&house.app.store, &house.app.settings, &house.app.by(), C).await.unwrap();
    running.hears(|report| matches!(report, Report::Finished { .. })).await;
    running.stopped().await;
    judge(&house, &inbox.stop().await, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_of_one_relay_leave_the_campaign_to_the_next() {
    let mut house = House::new(&Config::folder()).await;
    let (refusing, relay) = relay_with_auth(house.dir.path(), "wrong").await;
    let second = inbox().await;
    let mut config = Config::none();
    config.relays = relay;
    let config = config.relay("second", &second, "rate = \"30/s\"");
    house = house.again(&config).await;
    house.approved(C, &people(50)).await;
    house.schedule(C, &house.request()).await.unwrap();
    house.send().await;
    assert_eq!(house.state(C).await.0, "finished");
    assert_eq!(refusing.counts().connections, 3);
    judge(&house, &second.stop().await, 50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_hangs_at_any_phase_ends_in_that_phases_time_and_nobody_is_lost() {
    for phase in [Phase::Banner, Phase::Ehlo, Phase::Mail, Phase::Data, Phase::Body] {
        let inbox = scripted(first(1, phase, Action::Hang)).await;
        let config = Config::to(&inbox)
            .timeout("banner", "200ms")
            .timeout("command", "200ms")
            .timeout("data", "200ms")
            .timeout("block", "200ms")
            .timeout("end_of_data", "200ms");
        let house = House::scheduled(&config, &people(6)).await;
        house.send().await;
        let taken = inbox.stop().await;
        assert_eq!(house.count(C, "accepted").await, 6, "{phase}");
        judge(&house, &taken, 6).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wrong_replies_never_make_an_acceptance() {
    for (phase, action) in [
        (Phase::Data, Action::reply("250 2.0.0 Fine, fine")),
        (Phase::EndOfData, Action::reply("354 Go on")),
        (Phase::EndOfData, Action::Raw(b"299 what\r\n".to_vec())),
        (Phase::EndOfData, Action::Raw(b"25\xff0\r\n".to_vec())),
    ] {
        let inbox = scripted(always(phase, action.clone())).await;
        let config = Config::to(&inbox).delivery("give_up_after = \"400ms\"").timeout("end_of_data", "200ms");
        let house = House::scheduled(&config, &people(3)).await;
        house.send().await;
        assert_eq!(house.count(C, "accepted").await, 0, "{action:?}");
        judge(&house, &inbox.stop().await, 3).await;
    }
}
