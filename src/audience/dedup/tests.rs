//! The rules of dedup, each with what breaks it.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::{AudienceError, from_reader};
use super::*;

/// What store does with the decisions, in memory.
#[derive(Default)]
struct Campaign {
    people: HashMap<String, Existing>,
    imported: usize,
    duplicates: usize,
    rejects: Vec<Reject>,
}

impl Campaign {
    fn import(&mut self, text: &[u8]) -> Result<usize, AudienceError> {
        let reader = from_reader(text, &[])?;
        let has_ref = reader.mapping().has_ref();
        let mut rows = 0;
        for row in reader {
            rows += 1;
            match row? {
                Err(reject) => self.rejects.push(reject),
                Ok(row) => match decide(&row, self.people.get(&row.reference), has_ref) {
                    Decision::Duplicate => self.duplicates += 1,
                    Decision::Rejected(reject) => self.rejects.push(reject),
                    Decision::New => {
                        self.imported += 1;
                        let existing = Existing { mailbox: row.mailbox.reveal(), name: row.name };
                        self.people.insert(row.reference, existing);
                    }
                },
            }
        }
        Ok(rows)
    }

    fn counts(&self) -> (usize, usize, usize) {
        (self.imported, self.duplicates, self.rejects.len())
    }
}

#[test]
fn the_same_customer_twice_is_a_duplicate_whatever_the_domains_form() {
    let mut campaign = Campaign::default();
    let text = "ref,email,name\nC-1,Anna@Müller.Example,A\nC-1,Anna@XN--MLLER-KVA.example,B\n";
    assert_eq!(campaign.import(text.as_bytes()).unwrap(), 2);
    assert_eq!(campaign.counts(), (1, 1, 0));
}

#[test]
fn one_ref_with_two_mailboxes_is_rejected() {
    let mut campaign = Campaign::default();
    campaign.import(b"ref,email\nC-1,anna@example.org\nC-1,Anna@example.org\n").unwrap();
    assert_eq!(campaign.counts(), (1, 0, 1));
    let reject = &campaign.rejects[0];
    assert_eq!((reject.field.as_str(), reject.reference.as_deref(), reject.line), ("ref", Some("C-1"), 3));
    assert!(reject.reason.contains("a ref of their own") && !reject.reason.contains("example.org"));
    assert_eq!(reject.row, [Some("C-1".to_owned()), Some("Anna@example.org".to_owned())]);
}

#[test]
fn two_customers_at_one_mailbox_each_get_their_own() {
    let mut campaign = Campaign::default();
    campaign.import(b"ref,email,name\nC-1,a@example.org,A\nC-2,a@example.org,B\n").unwrap();
    assert_eq!(campaign.counts(), (2, 0, 0));
}

#[test]
fn one_address_with_two_names_needs_a_ref_column() {
    let mut campaign = Campaign::default();
    campaign.import(b"email,name\na@example.org,A\na@EXAMPLE.org, A \na@example.org,B\n").unwrap();
    assert_eq!(campaign.counts(), (1, 1, 1));
    assert!(campaign.rejects[0].field == "ref" && campaign.rejects[0].reason.contains("add a ref column"));
}

proptest! {
    #[test]
    fn every_row_is_imported_a_duplicate_or_rejected(
        people in prop::collection::vec(("C-[0-4]", "[ab]{0,1}@(example|EXAMPLE).org", "[A-C\0\r\n,\"]{0,4}"), 0..40),
        has_ref in any::<bool>(),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record([if has_ref { "ref" } else { "note" }, "email", "name"]).unwrap();
        for (reference, email, name) in &people {
            writer.write_record([reference, email, name]).unwrap();
        }
        let mut campaign = Campaign::default();
        let rows = campaign.import(&writer.into_inner().unwrap()).unwrap();
        let (imported, duplicates, rejected) = campaign.counts();
        prop_assert_eq!(rows, people.len());
        prop_assert_eq!(imported + duplicates + rejected, rows);
        prop_assert_eq!(campaign.people.len(), imported);
    }
}
