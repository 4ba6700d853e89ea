//! The rules of rejects, each with what breaks it.

use proptest::prelude::*;

use super::super::open_csv;
use super::super::tests::{list, only_reject, only_row};
use super::*;

#[test]
fn a_rejects_file_comes_back_as_it_went_out_and_takes_the_rows_place() {
    let names = ["=cmd()", "'quoted", "''=x", "+1", "-1", "@a", "\tx", "\rx", "＝1", "a\nb", "\"q\"", ""];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rejects.csv");
    let mut text = "email,=name,name\n".to_owned();
    for name in names {
        text.push_str(&format!("broken,\"{0}\",\"{0}\"\n", name.replace('"', "\"\"")));
    }
    text.push_str("too,few\n");
    let reader = list(text.as_bytes());
    let columns = reader.0.mapping().columns.clone();
    let first: Vec<Reject> = reader.rows().into_iter().map(Result::unwrap_err).collect();
    let mut file = RejectsFile::create(&path, &columns).unwrap();
    for (id, reject) in (100..).zip(&first) {
        file.add(Some(id), reject).unwrap();
    }
    assert!(!path.exists(), "it appears only when it is complete");
    file.finish().unwrap();

    let again: Vec<Reject> = open_csv(&path, &[]).unwrap().map(|row| row.unwrap().unwrap_err()).collect();
    assert_eq!(again.len(), first.len());
    for ((id, before), after) in (100..).zip(&first).zip(&again) {
        assert_eq!((&after.row, &after.field, after.reject_id), (&before.row, &before.field, Some(id)));
    }
    let corrected = std::fs::read_to_string(&path).unwrap().replace("broken", "a@example.org");
    let row = list(corrected.as_bytes()).rows().remove(0).unwrap();
    assert_eq!((row.reject_id, row.name.as_str(), row.fields), (Some(100), "=cmd()", vec![Some("=cmd()".into())]));
}

#[test]
fn a_rejects_file_is_for_its_owner_and_holds_no_formula() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rejects.csv");
    std::fs::write(&path, "older").unwrap();
    let mut file = RejectsFile::create(&path, &["email".into(), "name".into()]).unwrap();
    let reject = only_reject("email,name\nbroken,=1+1\n");
    file.add(None, &reject).unwrap();
    file.finish().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("candor_reject,candor_line,candor_field,candor_reason,email,name\n,2,email,"), "{text}");
    assert!(text.ends_with(",broken,'=1+1\n"), "{text}");
}

#[test]
fn a_rejects_id_that_is_no_number_is_rejected() {
    assert_eq!(only_reject("candor_reject,email\nx,a@example.org\n").field, "candor_reject");
    assert_eq!(only_row("candor_reject,email\n,a@example.org\n").reject_id, None);
}

proptest! {
    #[test]
    fn an_escaped_cell_is_restored(cell in "['=+@\ta-]{0,4}") {
        let escaped = escaped(&cell);
        prop_assert!(!escaped.starts_with(['=', '+', '-', '@', '\t']));
        prop_assert_eq!(restored(&escaped), cell);
    }
}
