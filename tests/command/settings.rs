//! candor.toml, the environment, files and their modes: what is taken, what is refused, and in which words.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::house::{AT_MOST, House, NOTICE, Ran, inbox, list, relay};
use crate::lists::query;
use crate::support::wait_for;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn with_environment(house: &House, name: &str, value: &str, line: &str) -> Ran {
    let mut command = house.home.candor();
    command.env(name, value).args(line.split(' ')).timeout(AT_MOST).output().expect("the program starts").into()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_wins_over_the_file_and_a_wrong_name_is_refused() {
    let inbox = inbox().await;
    let house = House::to_port(1, "");
    let url = format!("smtp://127.0.0.1:{}", inbox.address().port());
    house.campaign("c", &list(3));
    with_environment(&house, "CANDOR_RELAYS__MAIN__URL", &url, "send c").ends(0);
    assert_eq!(inbox.stop().await.len(), 3);
    with_environment(&house, "CANDOR_DATABASE", "sqlite:other.db", "campaign list").ends(1);
    with_environment(&house, "CANDOR_DELIVERY__RAET", "1/s", "campaign list").ends(2).says("CANDOR_DELIVERY__RAET");
    with_environment(&house, "CANDOR_DELIVERY__RATE", "fast", "campaign list").ends(2).says("rate");
    let ran = with_environment(&house, "CANDOR_CONFIG", "elsewhere.toml", "campaign list");
    ran.ends(2).says("elsewhere.toml");
}

#[test]
fn an_unknown_key_is_refused_by_name_and_nothing_is_made() {
    for (more, word) in [
        ("[delivery]\nraet = \"5/s\"\n", "raet"),
        ("[relais.main]\nurl = \"folder:x\"\n", "relais"),
        ("[relays.main]\nurl = \"http://example.com\"\n", "http"),
        ("[relays.main]\nurl = \"folder:x\"\npassword = \"geheim\"\n", "password"),
        ("[delivery]\nrate = 0\n", "rate"),
        ("[delivery]\nrate = \"1/s\"\nrate = \"2/s\"\n", "candor.toml"),
        ("[[[[", "candor.toml"),
    ] {
        let house = House::new(more);
        let ran = house.run(&["campaign", "create", "c", "--incident", "i", "--notice", NOTICE]).ends(2).says(word);
        assert!(!ran.err.contains("geheim"), "{}", ran.err);
        assert!(!house.home.path().join("candor.db").exists());
    }
}

#[test]
fn a_bomb_of_a_configuration_is_refused_soon() {
    for text in [
        "a=".to_owned() + &"[".repeat(200_000),
        "a.".repeat(100_000) + "b=1",
        format!("x = \"{}\"", "y".repeat(30_000_000)),
    ] {
        let house = House::new("");
        house.home.write_config(&text);
        let ran = house.line("campaign list").ends(2);
        assert!(ran.err.len() < 5_000, "{} octets of an error", ran.err.len());
    }
}

#[test]
fn without_a_relay_nothing_is_sent_and_the_words_say_what_to_add() {
    let house = House::new("");
    house.campaign("c", &list(2));
    house.line("send c").ends(1).says("[relays.main]");
    assert_eq!(house.count("c", "pending") + house.status("c")["affected"].as_i64().expect("a number"), 2);
    let bare = House::new("");
    std::fs::remove_file(bare.home.path().join("candor.toml")).expect("it is ours");
    bare.campaign("c", &list(2));
    assert!(bare.home.path().join("candor.db").exists());
    let ran = bare.line("send c");
    assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
    assert!(ran.err.contains("candor.toml"), "{}", ran.err);
}

#[test]
fn files_that_hold_secrets_or_people_are_the_owners_alone() {
    let house = House::to_port(9, "");
    house.campaign("c", &list(2));
    for name in ["candor.db", "candor.key"] {
        assert_eq!(mode(&house.home.path().join(name)), 0o600, "{name}");
    }
    house.line("campaign recipients c --format csv --output people.csv").ends(0);
    assert_eq!(mode(&house.home.path().join("people.csv")), 0o600);
    let key = house.home.path().join("candor.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("ours");
    house.line("campaign submit c").says("candor.key").says("chmod 600");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("ours");
    assert_eq!(house.state("c"), "draft");
    std::fs::rename(&key, house.home.path().join("away")).expect("ours");
    let ran = house.line("campaign submit c").says("candor.key");
    assert_ne!(ran.code, Some(0));
    assert!(!key.exists(), "no second key beside a ledger with entries");

    let secret = house.home.write("secret", "x\n");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).expect("ours");
    let url = "[relays.main]\nurl = \"smtps://localhost:9\"\nusername = \"u\"\n";
    house.configure(&format!("{url}password_file = \"secret\"\n"));
    let doctor = house.line("doctor").ends(1);
    assert!(doctor.out.contains("chmod 600") && doctor.out.contains("password_file"), "{}", doctor.out);
    house.configure(url);
    let doctor = |house: &House| with_environment(house, "CANDOR_RELAYS__MAIN__PASSWORD_FILE", "secret", "doctor");
    assert!(doctor(&house).out.contains("chmod 600"));
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("ours");
    assert!(!doctor(&house).out.contains("chmod 600"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_to_is_said_on_every_command_and_nobody_else_is_mailed() {
    let inbox = inbox().await;
    let port = inbox.address().port();
    let house = House::new(&format!("{}\n[safety]\nonly_to = [\"p2@example.org\"]\n", relay(port, "")));
    house.campaign("c", &list(3));
    for line in ["doctor", "campaign status c", "campaign list", "campaign check c", "audit log"] {
        house.line(line).ends(0).says("only_to");
    }
    house.line("send c").ends(1).says("only_to");
    let taken = inbox.stop().await;
    assert!(taken.iter().all(|message| message.to == ["p2@example.org"]), "only who may be mailed");
    assert_eq!(house.state("c"), "paused");
    assert_eq!(house.count("c", "pending") + house.count("c", "accepted"), 3);
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let house = House::to_port(9, "");
    house.campaign("c", &list(2));
    let database = house.home.path().join("candor.db");
    query(
        &database,
        "INSERT INTO _sqlx_migrations SELECT 9999, description, installed_on, success, checksum, execution_time FROM _sqlx_migrations LIMIT 1",
    );
    for line in ["campaign status c", "campaign submit c", "send c", "run --once"] {
        let ran = house.line(line).says("newer");
        assert!(matches!(ran.code, Some(1 | 2)), "{ran:?}");
    }
    query(&database, "DELETE FROM _sqlx_migrations WHERE version=9999");
    assert_eq!(house.state("c"), "draft");
    house.home.write("candor.db", "this is no database at all, but long enough to look like something");
    let ran = house.line("campaign status c");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("candor.db"), "{}", ran.err);
}

/// `ulimit -f` stands for a full disk: writes past it fail as they do there, only by another name (EFBIG).
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_ends_the_send_and_loses_nobody() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "");
    let people = 1_500;
    house.campaign("c", &list(people));
    house.line("campaign submit c --quiet").ends(0);
    let size = std::fs::metadata(house.home.path().join("candor.db")).expect("it is there").len();
    let program = house.home.process();
    let limit = size / 512 + 300;
    let mut shell = Command::new("sh");
    shell
        .current_dir(house.home.path())
        .env_clear()
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" send c")).arg(program.get_program());
    let mut child =
        shell.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn().expect("sh starts");
    assert!(wait_for(AT_MOST, || child.try_wait().expect("ours").is_some()), "it does not end");
    let ran: Ran = child.wait_with_output().expect("ours").into();
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(inbox.counts().taken < people as u64, "the disk was full too late: {}", inbox.counts().taken);
    house.line("send c --until-final").ends(0);
    assert_eq!(house.count("c", "accepted"), people as i64);
    let taken = inbox.stop().await;
    let second = taken.len() - people;
    let doubts = house.status("c")["attempts"].as_u64().expect("a number") as usize - people;
    assert!(second <= doubts, "{second} second copies, {doubts} on record");
}
