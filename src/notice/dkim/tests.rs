//! What a signature covers and which keys make one. `tests/dkim` has another program verify them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa;
use chrono::TimeZone as _;
use proptest::prelude::*;

use super::*;

/// RFC 8463 §A.2.
const SEED: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=";
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
/// RFC 8463 §A.3, the message without its signatures.
const MESSAGE: &str = "From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n\
    Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
    Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\nHi.\r\n\r\n\
    We lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}

/// The seed in PKCS #8 (RFC 8410 §7).
fn ed25519_pem() -> String {
    let mut der = hex::decode("302e020100300506032b657004220420").unwrap();
    der.extend(BASE64.decode(SEED).unwrap());
    pem("PRIVATE KEY", &der)
}

fn load(keys: &[(&str, &str, u32)]) -> Result<Signers, String> {
    let folder = tempfile::tempdir().unwrap();
    let key = |(selector, text, mode): &(&str, &str, u32)| {
        let key_file: PathBuf = folder.path().join(selector);
        std::fs::write(&key_file, text).unwrap();
        std::fs::set_permissions(&key_file, std::fs::Permissions::from_mode(*mode)).unwrap();
        config::Dkim { domain: "example.com".into(), selector: selector.to_lowercase(), key_file }
    };
    Signers::load(&keys.iter().map(key).collect::<Vec<_>>()).map_err(|error| error.to_string())
}

fn sign(message: &str) -> String {
    let at = Utc.with_ymd_and_hms(2018, 4, 5, 12, 0, 0).unwrap();
    String::from_utf8(load(&[("s1", SEED, 0o600)]).unwrap().sign(message.as_bytes(), at)).unwrap()
}

/// A tag's value in the first signature, without white space.
fn tag(fields: &str, name: &str) -> String {
    let first: String = fields.split("DKIM-Signature:").nth(1).unwrap().split_whitespace().collect();
    let value = first.split(';').find_map(|tag| tag.strip_prefix(&format!("{name}=")));
    value.unwrap_or_else(|| panic!("no {name}= in {fields}")).to_owned()
}

fn relaxed(message: &str) -> (String, String) {
    let (fields, body) = split(message.as_bytes());
    let mut out = Vec::new();
    fields.iter().for_each(|field| field.push_relaxed(&mut out));
    (String::from_utf8(out).unwrap(), String::from_utf8(relaxed_body(body).into_owned()).unwrap())
}

#[test]
fn the_published_examples_of_the_canonical_forms_hold() {
    // RFC 6376 §3.4.5, example 1.
    let (fields, body) = relaxed("A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n");
    assert_eq!((fields.as_str(), body.as_str()), ("a:X\r\nb:Y Z\r\n", " C\r\nD E\r\n"));
    // RFC 8463 §A.3: the bh= of both signatures.
    assert_eq!(tag(&sign(MESSAGE), "bh"), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    // §3.4.4: the hash of a body without a line.
    for body in ["", "\r\n", "\r\n\r\n", " \r\n\t\r\n"] {
        let fields = sign(&format!("From: a@example.com\r\n\r\n{body}"));
        assert_eq!(tag(&fields, "bh"), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", "{body:?}");
    }
    assert_eq!(relaxed("A: b\r\n\r\nno end").1, "no end\r\n");
    assert_eq!(relaxed("A: b\r\n\r\nno end ").1, "no end\r\n");
    assert_eq!(relaxed("A: b\r\n"), ("a:b\r\n".to_owned(), String::new()));
}

#[test]
fn a_signature_names_what_it_covers_and_what_may_not_be_added() {
    let fields = sign(MESSAGE);
    let [version, algorithm, form] = ["v", "a", "c"].map(|name| tag(&fields, name));
    assert_eq!([version, algorithm, form], ["1", "ed25519-sha256", "relaxed/relaxed"]);
    let [domain, selector, time] = ["d", "s", "t"].map(|name| tag(&fields, name));
    assert_eq!([domain, selector, time], ["example.com", "s1", "1522929600"]);
    assert_eq!(tag(&fields, "h"), "From:From:To:To:Reply-To:Subject:Subject:Date:Date:Message-ID:Content-Type");
    assert_eq!(BASE64.decode(tag(&fields, "b")).unwrap().len(), 64);
    assert!(fields.ends_with("\r\n") && fields.lines().all(|line| line.len() <= COLUMNS), "{fields}");
    assert_eq!(sign(MESSAGE), fields);
}

#[test]
fn a_change_that_a_reader_could_see_changes_the_signature() {
    let signature = |message: &str| tag(&sign(message), "b");
    let original = signature(MESSAGE);
    for (from, to) in [
        ("Joe SixPack", "Joe Sixpack"),
        ("Is dinner", "is dinner"),
        ("To: Suzie", "To: Suzi e"),
        ("\r\nSubject:", "\r\nSubject: Pay me\r\nSubject:"),
        ("\r\nTo:", "\r\nReply-To: mallory@example.net\r\nTo:"),
        ("\r\nTo:", "\r\nContent-Type: text/html\r\nTo:"),
        ("lost", "lo st"),
        ("Joe.\r\n", "Joe.\r\nBye.\r\n"),
        ("Hi.\r\n\r\n", "Hi.\r\n\r\n\r\n"),
    ] {
        let changed = MESSAGE.replacen(from, to, 1);
        assert_ne!(changed, MESSAGE, "{from}");
        assert_ne!(signature(&changed), original, "{from} became {to}");
    }
}

#[test]
fn keys_are_taken_in_the_forms_that_people_have() {
    let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    // What is wrapped in PKCS #8 is the PKCS #1 form, at its end: 26 octets of frame come before it.
    let pkcs1 = pem("RSA PRIVATE KEY", &der.as_ref()[26..]);
    let rsa_key = pem("PRIVATE KEY", der.as_ref());
    let (crlf, ed25519) = (rsa_key.replace('\n', "\r\n"), ed25519_pem());
    let signers = load(&[
        ("a", &rsa_key, 0o600),
        ("b", &pkcs1, 0o400),
        ("c", &crlf, 0o600),
        ("d", &ed25519, 0o600),
        ("e", &format!("{SEED}\n"), 0o600),
    ]);
    let records: Vec<String> = signers.unwrap().iter().map(Signer::record).collect();
    assert!(records[0].starts_with("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A"), "{records:?}");
    assert_eq!((&records[1], &records[2]), (&records[0], &records[0]));
    assert_eq!(records[3..], [format!("v=DKIM1; k=ed25519; p={PUBLIC}"), records[3].clone()]);
}

#[test]
fn a_file_that_is_no_usable_key_is_refused_with_what_to_do_and_nothing_of_it_is_shown() {
    let half = ed25519_pem().replace("MC4CAQAwBQYDK2VwBCIEI", "MC4CAQAwBQYDK2VwBCI");
    let encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for (text, expected) in [
        ("", "openssl genpkey"),
        ("AAAA", "openssl genpkey"),
        ("not base64!", "openssl genpkey"),
        (&half, "damaged"),
        (&pem("RSA PRIVATE KEY", b"secret"), "damaged"),
        (&pem("PRIVATE KEY", b"secret"), "takes RSA and Ed25519"),
        (&pem("EC PRIVATE KEY", b"secret"), "takes RSA and Ed25519"),
        (&pem("PUBLIC KEY", b"secret"), "public key"),
        (&pem("ENCRYPTED PRIVATE KEY", b"secret"), "passphrase"),
        (encrypted, "passphrase"),
        (&pem("CERTIFICATE", b"secret"), "openssl genpkey"),
    ] {
        let error = load(&[("key", text, 0o600)]).unwrap_err();
        assert!(error.contains("delivery.dkim.key_file") && error.contains(expected), "{text}: {error}");
        assert!(!error.contains("secret") && !error.contains(&BASE64.encode("secret")));
    }
    assert!(load(&[("key", SEED, 0o640)]).unwrap_err().contains("chmod 600"));
    assert!(load(&[("s", SEED, 0o600), ("S", SEED, 0o600)]).unwrap_err().contains("two keys"));
    let missing = config::Dkim { domain: "d".into(), selector: "s".into(), key_file: "/nowhere/at/all".into() };
    assert!(Signers::load(&[missing]).unwrap_err().to_string().contains("cannot be read"));
    assert!(load(&[]).unwrap().is_empty() && load(&[]).unwrap().sign(b"A: b\r\n\r\n", Utc::now()).is_empty());
    assert_eq!(
        format!("{:?}", load(&[("s", SEED, 0o600)]).unwrap()),
        "Signers([Signer(ed25519 s._domainkey.example.com)])"
    );
}

/// White space that a relay may put in the place of a space: within a line, and in a field also a fold.
fn blank() -> impl Strategy<Value = String> {
    prop::collection::vec(prop_oneof![Just(' '), Just('\t')], 1..40).prop_map(String::from_iter)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_relays_may_do_to_white_space_changes_nothing(
        words in prop::collection::vec(prop::collection::vec("[!-9;-~é]{1,50}", 1..8), 0..8),
        blanks in prop::collection::vec(blank(), 1..20), folds in any::<u64>(), empty in 0_usize..4)
    {
        let mut blank = blanks.iter().cycle();
        let mut folds = (0..64).map(|bit| folds >> bit & 1 == 1).cycle();
        let (mut plain, mut changed) = ("Subject:".to_owned(), "sUBJECT \t:".to_owned());
        for word in words.iter().flatten() {
            plain.push_str(&format!(" {word}"));
            let fold = if folds.next().unwrap() { "\r\n" } else { "" };
            changed.push_str(&format!("{fold}{}{word}", blank.next().unwrap()));
        }
        plain.push_str("\r\nTo: a\r\n\r\n");
        changed.push_str(" \r\nTO:a\r\n\r\n");
        for line in &words {
            plain.push_str(&format!("{}\r\n", line.join(" ")));
            let line: String = line.iter().map(|word| format!("{word}{}", blank.next().unwrap())).collect();
            changed.push_str(&format!("{line}\r\n"));
        }
        changed.push_str(&" \t\r\n\r\n".repeat(empty));
        prop_assert_eq!(relaxed(&changed), relaxed(&plain));
        // And a word that is parted or joined is a change.
        if let Some(word) = words.first().filter(|line| line.len() > 1) {
            let joined = plain.replace(&word.join(" "), &word.concat());
            prop_assert_ne!(relaxed(&joined), relaxed(&plain));
        }
    }

    #[test]
    fn any_octets_are_brought_into_the_form_that_a_slow_reading_of_the_rfc_gives(body in "[ \\ta\\r\\n]{0,80}") {
        let body = body.replace('\r', "").replace('\n', "\r\n");
        let ended = |line: &str| line.trim_end_matches([' ', '\t']).to_owned();
        let mut lines: Vec<String> = body.split("\r\n").map(ended).map(|line| {
            let begins = line.starts_with([' ', '\t']);
            let words = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
            if begins && !words.is_empty() { format!(" {words}") } else { words }
        }).collect();
        while lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        let slow: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        prop_assert_eq!(relaxed(&format!("A: b\r\n\r\n{body}")).1, slow);
    }
}
