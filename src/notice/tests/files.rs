//! Which files are a notice.

use super::super::fixtures::*;
use super::super::*;

const WHOLE: &[(&str, &[u8])] = &[
    ("notice.toml", b"default_locale = \"en\""),
    ("incident.toml", b"not part of it"),
    ("audience.csv", b"email\n"),
    (".hidden/x.hbs", b"{{"),
    ("en/subject.txt.hbs", b"\xef\xbb\xbfS"),
    ("en/body.html.hbs", b"H"),
    ("de/subject.txt.hbs", b"S"),
    ("de/body.html.hbs", b"H"),
    ("de/logo.png", b"\x89PNG"),
    ("de/deeper/body.html.hbs", b"{{"),
];

fn read(extra: &[(&str, &[u8])], without: &str) -> Result<TemplateSet, NoticeError> {
    let dir = tempfile::tempdir().unwrap();
    let kept: Vec<_> = WHOLE.iter().filter(|(path, _)| *path != without).copied().collect();
    write(dir.path(), &kept);
    write(dir.path(), extra);
    TemplateSet::read_dir(dir.path())
}

#[test]
fn a_set_read_from_the_database_is_the_set_that_was_read_from_the_folder() {
    let set = read(&[], "").unwrap();
    assert_eq!(set.locales(), ["de", "en"]);
    let again = TemplateSet::from_json(&set.to_json()).unwrap();
    assert_eq!((again.hash(), &again), (set.hash(), &set));
    assert!(TemplateSet::from_json("{}").is_err());
    assert!(TemplateSet::from_json(&set.to_json().replace("notice/1", "notice/2")).is_err());
}

#[test]
fn the_hash_follows_every_file_of_the_set_and_nothing_else() {
    let hash = read(&[], "").unwrap().hash();
    assert_eq!(read(&[("incident.toml", b"other"), ("README.md", b"x")], "").unwrap().hash(), hash);
    for path in ["en/body.html.hbs", "de/logo.png", "de/subject.txt.hbs"] {
        assert_ne!(read(&[(path, b"changed")], "").unwrap().hash(), hash, "{path}");
    }
}

#[test]
fn what_is_wrong_with_a_folder_is_named() {
    type Files<'a> = &'a [(&'a str, &'a [u8])];
    let cases: &[(Files<'_>, &str, &str)] = &[
        (&[("en/body.md.hbs", b"x")], "", "this version"),
        (&[("en/body.htm.hbs", b"x")], "", "en/body.htm.hbs"),
        (&[("subject.txt.hbs", b"x")], "", "subject.txt.hbs is not read"),
        (&[("fr/body.html.hbs", b"x")], "", "fr/subject.txt.hbs is missing"),
        (&[("not a locale/body.html.hbs", b"x"), ("not a locale/subject.txt.hbs", b"x")], "", "no locale"),
        (&[("EN/body.html.hbs", b"x"), ("EN/subject.txt.hbs", b"x")], "", "no locale of its own"),
        (&[("en/body.html.hbs", b"\xff")], "", "not UTF-8"),
        (&[("lo go.png", b"x")], "", "lo go.png"),
        (&[("notice.toml", b"default_locale = \"fr\"")], "", "no folder fr"),
        (&[("notice.toml", b"default = 1")], "", "notice.toml"),
        (&[("big.png", &[0; 5_000_001])], "", "5000000 octets"),
        (&[], "notice.toml", "the file is missing"),
        (&[], "en/body.html.hbs", "en/body.html.hbs is missing"),
    ];
    for (extra, without, expected) in cases {
        let error = read(extra, without).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn too_many_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), WHOLE);
    for number in 0..201 {
        write(dir.path(), &[(&format!("{number}.png"), b"x")]);
    }
    assert!(matches!(TemplateSet::read_dir(dir.path()), Err(NoticeError::TooManyFiles { .. })));
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_refused_and_one_inside_it_is_followed() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), &[("secret.png", b"x")]);
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), WHOLE);
    std::os::unix::fs::symlink(dir.path().join("de/logo.png"), dir.path().join("en/logo.png")).unwrap();
    assert!(TemplateSet::read_dir(dir.path()).is_ok());
    std::os::unix::fs::symlink(outside.path().join("secret.png"), dir.path().join("en/secret.png")).unwrap();
    assert!(matches!(TemplateSet::read_dir(dir.path()), Err(NoticeError::LeadsOut(_))));
}
