//! Lists as customers' systems write them: oddities, refusals, SQLite sources, the way of a rejected row.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::house::{AT_MOST, House, inbox};
use crate::support::{require, wait_for};

/// Asks a SQLite database with the system's own tool, a row a line.
#[track_caller]
pub fn query(database: &Path, sql: &str) -> Vec<String> {
    let tool = require("sqlite3").expect("sqlite3 is installed");
    let output = Command::new(tool).arg(database).arg(sql).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is UTF-8").lines().map(str::to_owned).collect()
}

#[test]
fn every_oddity_of_a_csv_is_read_or_refused_in_plain_words() {
    let house = House::to_port(9, "");
    let import = |name: &str, bytes: &[u8]| {
        house.create(name);
        house.home.write("l.csv", bytes);
        house.run(&["campaign", "import", name, "l.csv"])
    };
    import("bom", "\u{feff}email;ref;name\r\na@example.org;R1;\"A \"\"Q\"\" B\"\r\n".as_bytes()).ends(0);
    let person = house.line("campaign show bom --ref R1 --json").ends(0).json();
    assert_eq!(person["row"]["name"], "A \"Q\" B");
    import("lines", b"email,ref,name\na@example.org,R1,\"two\nlines\"\nb@example.org,R2,x\n").ends(0);
    assert_eq!(house.status("lines")["affected"], 2);
    import("tabs", b"email\tref\na@example.org\tR1\n").ends(0);
    import("noemail", b"name,Ref\nA,B\n").says("--map email=COLUMN").says("name, Ref").ends(1);
    import("latin", b"email,name\nx@example.org,Jos\xe9\n").says("line 2").says("Latin-1").ends(1);
    import("empty", b"").ends(1);
    import("twice", b"email,email\na@example.org,b@example.org\n").ends(1);
    assert_eq!(house.status("latin")["affected"], 0, "a refused list leaves nothing");
    house.home.write("m.csv", "Kontakt,Nr\na@example.org,7\n");
    house.create("mapped");
    house.line("campaign import mapped m.csv --map email=Kontakt --map ref=Nr").ends(0);
    assert_eq!(house.recipients("mapped").len() + 1, 1, "people who wait are not yet in the audience");
    let mut stdin = house.home.candor();
    stdin.args(["campaign", "import", "mapped", "-"]).write_stdin("email,ref\nz@example.org,9\n").assert().code(0);
    assert_eq!(house.status("mapped")["affected"], 2);
    for address in
        ["a@b", "a@[127.0.0.1]", "\"q\"@example.org", "A <a@example.org>", "a@example.123", "a b@example.org", ""]
    {
        let address = address.replace('"', "\"\"");
        house.home.write("bad.csv", format!("email,ref\n\"{address}\",R9\n"));
        let ran = house.line("campaign import mapped bad.csv --dry-run --json").ends(3);
        assert_eq!((&ran.json()["rejected"], &ran.json()["imported"]), (&1.into(), &0.into()), "{address}");
    }
    assert_eq!(house.status("mapped")["affected"], 2, "a dry run keeps nothing");
}

#[test]
fn a_rejected_row_is_affected_until_its_correction_takes_its_place() {
    let house = House::to_port(9, "");
    house.create("c");
    house.home.write("l.csv", "email,ref,name\na@example.org,R1,Ann\nbad,R2,Bob\nworse@,R3,Cy\n");
    house.line("campaign import c l.csv --rejects rejects.csv").ends(3);
    let path = house.home.path().join("rejects.csv");
    let mode = std::fs::metadata(&path).expect("it was written").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    assert_eq!(house.status("c")["affected"], 3);
    assert_eq!(house.status("c")["rejected"], 2);
    let text = std::fs::read_to_string(&path).expect("it can be read");
    assert!(text.starts_with("candor_reject,"), "{text}");
    std::fs::write(&path, text.replace(",bad,", ",bob@example.org,").replace(",worse@,", ",cy@example.org,"))
        .expect("ours");
    house.line("campaign import c rejects.csv").ends(0);
    let status = house.status("c");
    assert_eq!((&status["affected"], &status["rejected"]), (&3.into(), &0.into()));
    house.line("campaign submit c").ends(0);
    house.line("campaign approve c").ends(0);
    let names: Vec<_> = house.recipients("c").iter().map(|person| person["email"].clone()).collect();
    assert_eq!(names, ["a@example.org", "bob@example.org", "cy@example.org"]);
    assert_eq!(house.status("c")["affected"], 3);
}

/// A customer database of the test's own.
fn customers(house: &House) -> std::path::PathBuf {
    let path = house.home.path().join("crm.db");
    query(
        &path,
        "CREATE TABLE people(email TEXT, ref TEXT, name TEXT); INSERT INTO people VALUES \
         ('a@example.org','R1','Ann'),('b@example.org','R2','Bob'),('bad','R3','Cy');",
    );
    path
}

#[test]
fn a_sqlite_source_is_read_and_not_changed_by_whatever_is_asked() {
    let house = House::to_port(9, "");
    let path = customers(&house);
    let before = std::fs::read(&path).expect("it is there");
    house.create("table");
    house.line("campaign import table sqlite:crm.db?table=people").ends(3);
    assert_eq!(house.status("table")["affected"], 3);
    house.create("query");
    house
        .line("campaign import query sqlite:crm.db?query=SELECT%20email,ref,name%20FROM%20people%20WHERE%20ref<'R3'")
        .ends(0);
    for attack in [
        "SELECT%20email%20FROM%20people;%20DROP%20TABLE%20people",
        "DROP%20TABLE%20people",
        "DELETE%20FROM%20people%20RETURNING%20email",
        "ATTACH%20'evil.db'%20AS%20e",
        "VACUUM%20INTO%20'copy.db'",
        "PRAGMA%20user_version=7",
        "PRAGMA%20journal_mode=wal",
        "INSERT%20INTO%20people%20VALUES('x@example.org','X','X')%20RETURNING%20*",
        "SELECT%20load_extension('x')%20AS%20email",
        "WITH%20RECURSIVE%20c(email)%20AS%20(VALUES('x'))%20DELETE%20FROM%20people",
        "",
        "SELECT%20'",
        "SELECT%20%00",
    ] {
        house.create_once("attack");
        let ran = house.line(&format!("campaign import attack sqlite:crm.db?query={attack}"));
        assert!(matches!(ran.code, Some(1 | 2)), "{attack}: {ran:?}");
    }
    for source in [
        "sqlite:crm.db?table=nosuch",
        "sqlite:crm.db?table=people;%20DROP%20TABLE%20people",
        "sqlite:none.db?table=t",
        "sqlite:crm.db",
        "sqlite:candor.toml?table=t",
    ] {
        let ran = house.run(&["campaign", "import", "attack", source]);
        assert!(matches!(ran.code, Some(1 | 2)), "{source}: {ran:?}");
    }
    assert_eq!(house.status("attack")["affected"], 0);
    assert!(std::fs::read(&path).expect("it is there") == before, "the file is as it was");
    let names: Vec<_> =
        std::fs::read_dir(house.home.path()).expect("ours").map(|entry| entry.expect("ours").file_name()).collect();
    assert!(
        !names.iter().any(|name| ["crm.db-wal", "crm.db-journal", "evil.db", "copy.db", "none.db"]
            .contains(&name.to_string_lossy().as_ref())),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_that_a_source_brings_later_wait_until_they_are_approved() {
    let inbox = inbox().await;
    let house = House::to_port(inbox.address().port(), "");
    let path = customers(&house);
    query(&path, "DELETE FROM people WHERE ref='R3'");
    house.create("c");
    house.line("campaign import c sqlite:crm.db?table=people").ends(0);
    house.line("campaign source c sqlite:crm.db?table=people --every 1s").ends(0);
    house.line("send c").ends(0);
    query(&path, "INSERT INTO people VALUES ('late@example.org','R4','Late')");
    let mut worker = house.start("run");
    house.until("c", |status| status["affected"] == 3);
    let status = house.status("c");
    assert_eq!((&status["audience"], &status["told"]), (&2.into(), &2.into()));
    assert_eq!(status["batches"].as_array().and_then(|list| list.last()).expect("a batch")["state"], "waiting");
    assert_eq!(inbox.counts().taken, 2, "nobody is mailed unasked");
    house.line("campaign submit c").ends(0);
    assert_eq!(inbox.counts().taken, 2);
    house.line("campaign approve c").ends(0);
    house.until("c", |status| status["state"] == "finished" && status["told"] == 3);
    worker.signal("TERM");
    worker.ended().ends(0);
    assert_eq!(inbox.stop().await.last().expect("three").to, ["late@example.org"]);
}

#[test]
fn an_import_that_is_killed_leaves_all_or_nobody_and_the_next_one_brings_everybody() {
    const PEOPLE: usize = 20_000;
    let house = House::to_port(9, "");
    house.create("c");
    house.home.write("l.csv", crate::house::list(PEOPLE));
    let database = house.home.path().join("candor.db");
    let size = || {
        let files = [database.clone(), house.home.path().join("candor.db-wal")];
        files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|file| file.len()).sum::<u64>()
    };
    for share in [1, 3, 6] {
        let before = size();
        let mut import = house.start("campaign import c l.csv");
        // Killed when some of its rows are in the database; ended already where the machine is fast.
        assert!(wait_for(AT_MOST, || size() > before + share * 200_000 || !import.is_running()));
        import.kill();
        let affected = house.status("c")["affected"].as_u64().expect("a number");
        assert!(affected == 0 || affected == PEOPLE as u64, "{affected}");
    }
    house.line("campaign import c l.csv").ends(0);
    let status = house.status("c");
    assert_eq!((&status["affected"], &status["rejected"]), (&PEOPLE.into(), &0.into()));
}

#[test]
fn the_suppression_list_goes_out_and_comes_back_as_it_was() {
    let house = House::to_port(9, "");
    house.create("c");
    house.run(&["suppress", "add", "a@example.org", "@bad.example", "--reason", "asked, \"twice\""]).ends(0);
    house.line("suppress add b@example.org --reason test --campaign c --expires 90d").ends(0);
    let target =
        |entry: &serde_json::Value| (entry["target"].clone(), entry["reason"].clone(), entry["campaign"].clone());
    let listed = || house.line("suppress list --json").ends(0).lines().iter().map(target).collect::<Vec<_>>();
    let before = listed();
    assert_eq!(before.len(), 3);
    house.line("suppress export out.csv").ends(0);
    for address in ["a@example.org", "@bad.example", "b@example.org"] {
        house.run(&["suppress", "remove", address, "--reason", "mistake"]).ends(0);
    }
    assert!(listed().is_empty());
    house.line("suppress import out.csv").ends(0);
    assert_eq!(listed(), before);
    house.home.write("bad.csv", "address,reason\nnonsense,x\n");
    let refused = house.line("suppress import bad.csv");
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert_eq!(listed(), before);
}
