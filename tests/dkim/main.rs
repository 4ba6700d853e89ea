//! Signatures as another program sees them: dkimpy, with our own records in the place of DNS.

#[path = "../support/mod.rs"]
pub mod support;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use candor::config::Dkim;
use candor::notice::Signers;
use chrono::{TimeZone as _, Utc};

use support::tools::{require, require_python};

/// A message with everything that a canonical form has to do with; it has each field that a notice has.
const NOTICE: &str = "Date: Thu, 05 Apr 2018 12:00:00 +0000\r\n\
    From: \"Customer Care\" <care@example.com>\r\nReply-To: answers@example.com\r\n\
    To: =?utf-8?b?546L5bCP5piO?= <anna@example.org>\r\n\
    Subject: =?utf-8?b?TWl0dGVpbHVuZyDDvGJlcg==?=\r\n =?utf-8?b?IElocmUgRGF0ZW4=?=\r\n\
    Message-ID: <a1b2@example.com>\r\nContent-Language: de\r\nAuto-Submitted: auto-generated\r\n\
    Candor-Checkpoint: abc\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/alternative;\r\n boundary=\"b\"\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    Sehr geehrte Frau M=C3=BCller,\r\n\r\n  * eins\r\n\t* zwei  und  drei \r\n\r\n--b--\r\n";

/// Messages that a canonical form could get wrong.
fn shapes() -> Vec<(&'static str, String)> {
    let head =
        "From: care@example.com\r\nTo: anna@example.org\r\nSubject: s\r\nDate: Thu, 05 Apr 2018 12:00:00 +0000\r\n";
    vec![
        ("a notice", NOTICE.to_owned()),
        ("no body", format!("{head}\r\n")),
        ("an empty line as its body", format!("{head}\r\n\r\n")),
        ("empty lines at the end", format!("{head}\r\na\r\n\r\n\r\n")),
        ("lines of blanks at the end", format!("{head}\r\na\r\n \t\r\n  \r\n")),
        ("blanks at the ends of lines", format!("{head}\r\na \r\nb\t \r\n c\r\n")),
        ("no line end at the end", format!("{head}\r\na\r\nb")),
        ("blanks at the beginning of the body", format!("{head}\r\n  \t a\r\n\r\nb\r\n")),
        ("a long body", format!("{head}\r\n{}", "A line of a letter, with words and  spaces.\r\n".repeat(500))),
        ("no Subject and no To", "From: a@example.com\r\n\r\nb\r\n".to_owned()),
        ("folds and tabs", format!("{head}Message-ID:\r\n\t<a@example.com>\r\nMIME-Version:  1.0 \r\n\r\nb\r\n")),
        ("an address beyond ASCII", "From: a@example.com\r\nTo: josé@example.org\r\n\r\né\r\n".to_owned()),
        ("fields in other letters", "FROM: a@example.com\r\nsubject: s\r\n\r\nb\r\n".to_owned()),
    ]
}

struct Keys {
    folder: tempfile::TempDir,
}

impl Keys {
    /// An RSA key in both of its forms, and an Ed25519 key, as openssl makes them.
    fn new(openssl: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for arguments in [
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa",
            "rsa -traditional -in rsa -out pkcs1",
            "genpkey -algorithm ed25519 -out ed25519",
            "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out short",
            "rsa -traditional -in short -out short-pkcs1",
            "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec",
            "pkey -in rsa -pubout -out public",
            "pkey -in rsa -aes128 -passout pass:x -out locked",
        ] {
            let mut openssl = Command::new(openssl);
            let done = openssl.args(arguments.split(' ')).current_dir(folder.path()).output().unwrap();
            assert!(done.status.success(), "{arguments}: {}", String::from_utf8_lossy(&done.stderr));
        }
        // openssl leaves a public key readable by all.
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(file.unwrap().path(), mode).unwrap();
        }
        Self { folder }
    }

    fn signers(&self, names: &[&str]) -> Result<Signers, String> {
        let dkim = |name: &&str| Dkim {
            domain: "example.com".into(),
            selector: (*name).into(),
            key_file: self.folder.path().join(name),
        };
        Signers::load(&names.iter().map(dkim).collect::<Vec<_>>()).map_err(|error| error.to_string())
    }
}

fn signed(signers: &Signers, message: &[u8]) -> Vec<u8> {
    let mut fields = signers.sign(message, Utc.with_ymd_and_hms(2018, 4, 5, 12, 0, 0).unwrap());
    fields.extend_from_slice(message);
    fields
}

/// What dkimpy says of every signature of every message.
fn verdicts(python: &Path, signers: &Signers, messages: &[Vec<u8>]) -> Vec<Vec<bool>> {
    let records: BTreeMap<String, String> =
        signers.iter().map(|signer| (signer.record_name(), signer.record())).collect();
    let messages: Vec<String> = messages.iter().map(|message| BASE64.encode(message)).collect();
    let given = serde_json::json!({ "records": records, "messages": messages }).to_string();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dkim/verify.py");
    let mut python = Command::new(python);
    let mut child = python.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success(), "verify.py failed");
    serde_json::from_slice(&done.stdout).unwrap()
}

#[test]
fn another_program_verifies_every_signature_of_every_shape() {
    let (Some(openssl), Some(python)) = (require("openssl"), require_python()) else { return };
    let keys = Keys::new(&openssl);
    let signers = keys.signers(&["rsa", "ed25519", "pkcs1"]).unwrap();
    let shapes = shapes();
    let messages: Vec<Vec<u8>> = shapes.iter().map(|(_, message)| signed(&signers, message.as_bytes())).collect();
    for ((shape, _), verdict) in shapes.iter().zip(verdicts(&python, &signers, &messages)) {
        assert_eq!(verdict, [true, true, true], "{shape}");
    }
}

#[test]
fn what_relays_may_change_breaks_no_signature_and_any_other_change_does() {
    let (Some(openssl), Some(python)) = (require("openssl"), require_python()) else { return };
    let keys = Keys::new(&openssl);
    let signers = keys.signers(&["rsa", "ed25519"]).unwrap();
    let message = String::from_utf8(signed(&signers, NOTICE.as_bytes())).unwrap();
    let changed = |from: &str, to: &str| {
        let changed = message.replacen(from, to, 1);
        assert_ne!(changed, message, "{from:?} is not there");
        changed.into_bytes()
    };
    let allowed = [
        changed("\r\nSubject: ", "\r\nSUBJECT:\t "),
        changed("?=\r\n =?", "?= \t=?"),
        changed("geehrte Frau", "geehrte \t Frau"),
        changed("zwei  und", "zwei und"),
        changed("--b--\r\n", "--b--  \r\n\r\n\r\n"),
        changed("DKIM-Signature: v=1", "Received: by relay.example.net\r\nDKIM-Signature:  v=1"),
        changed("Candor-Checkpoint: abc\r\n", ""),
    ];
    for (index, verdict) in verdicts(&python, &signers, &allowed).iter().enumerate() {
        assert_eq!(*verdict, [true, true], "change {index}");
    }
    let forbidden = [
        changed("Sehr geehrte", "Sehr gedehrte"),
        changed("geehrte Frau", "geehrteFrau"),
        changed("--b--\r\n", "--b--\r\nBye\r\n"),
        changed("Customer Care", "Customer care"),
        changed("anna@", "anne@"),
        changed("\r\nSubject: ", "\r\nSubject: Pay me\r\nSubject: "),
        changed("\r\nFrom: ", "\r\nFrom: mallory@example.net\r\nFrom: "),
        changed("\r\nReply-To: answers", "\r\nReply-To: mallory@example.net\r\nReply-To: answers"),
        changed("\r\nContent-Type: multipart", "\r\nContent-Type: text/html\r\nContent-Type: multipart"),
        changed("Content-Language: de", "Content-Language: en"),
        changed("2018 12:00:00", "2018 12:00:01"),
    ];
    for (index, verdict) in verdicts(&python, &signers, &forbidden).iter().enumerate() {
        assert!(verdict.iter().all(|good| !good), "change {index}: {verdict:?}");
    }
    // One octet anywhere in what is covered.
    let first = message.find("Date: Thu").unwrap() + "Date: ".len();
    let flips = (first..message.len()).filter(|at| {
        let field = message[..*at].rfind("\r\n").map_or("", |line| &message[line + 2..]);
        // White space may change, and this field is covered by nothing.
        message.as_bytes()[*at].is_ascii_graphic() && !field.starts_with("Candor-")
    });
    let flipped = flips.step_by(5).map(|at| {
        let mut octets = message.clone().into_bytes();
        // The last bit but one: another letter, never another case of it.
        octets[at] ^= 2;
        octets
    });
    let flipped: Vec<Vec<u8>> = flipped.collect();
    assert!(flipped.len() > 80);
    for (octets, verdict) in flipped.iter().zip(verdicts(&python, &signers, &flipped)) {
        assert!(verdict.iter().all(|good| !good), "{}", String::from_utf8_lossy(octets));
    }
}

#[test]
fn keys_of_openssl_that_cannot_sign_are_refused_in_words() {
    let Some(openssl) = require("openssl") else { return };
    let keys = Keys::new(&openssl);
    for (name, expected) in [
        ("short", "less than 2048 bits"),
        ("short-pkcs1", "less than 2048 bits"),
        ("ec", "takes RSA and Ed25519"),
        ("public", "public key"),
        ("locked", "passphrase"),
    ] {
        let error = keys.signers(&[name]).unwrap_err();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let [rsa, pkcs1] = ["rsa", "pkcs1"].map(|name| keys.signers(&[name]).unwrap().iter().next().unwrap().record());
    assert_eq!(rsa, pkcs1);
}
