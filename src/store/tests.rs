//! The rules that the store holds by itself.

use super::*;
use crate::domain::campaign::{BatchState, CampaignState};
use crate::domain::event::EntryKind;
use crate::domain::outcome::AttemptOutcome;
use crate::domain::recipient::RecipientState;
use crate::ledger::entry::{Actor, Draft};

async fn store() -> (tempfile::TempDir, std::sync::Arc<Store>) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("candor.db"), Access::Write).await.unwrap();
    (dir, store)
}

/// A campaign that is sending to `people` recipients of one approved batch.
async fn sending(store: &Store, people: i64) -> i64 {
    let mut tx = store.begin().await.unwrap();
    let new = NewCampaign { name: "c", author: "a", at: 0, incident: "{}", notice: "{}", notice_hash: &[0; 32] };
    let campaign_id = tx.campaign_create(&new).await.unwrap();
    tx.commit().await.unwrap();
    let batch_id = store.batch_stage(campaign_id, "import", "a", 0).await.unwrap();
    let rows: Vec<NewRecipient> = (0..people)
        .map(|n| NewRecipient {
            position: n,
            reference: format!("C-{n}"),
            email: format!("p{n}@example.org"),
            mailbox: format!("p{n}@example.org"),
            domain: "example.org".into(),
            row: "{}".into(),
            key: [7; 32],
            suppressed: None,
        })
        .collect();
    let mut tx = store.begin().await.unwrap();
    tx.recipients_stage(campaign_id, batch_id, &rows).await.unwrap();
    let counts = BatchCounts { rows: people, imported: people, ..BatchCounts::default() };
    assert_eq!(tx.batch_switch_on(batch_id, &counts, "[]", None, &[0; 32]).await.unwrap(), 1);
    tx.batches_move(campaign_id, None, BatchState::Waiting, BatchState::Approved).await.unwrap();
    use CampaignState::*;
    for (from, to) in [(Draft, InReview), (InReview, Approved), (Approved, Scheduled), (Scheduled, Sending)] {
        tx.campaign_move(campaign_id, StateChange { from, to, reason: None }).await.unwrap();
    }
    tx.commit().await.unwrap();
    campaign_id
}

fn claim(campaign_id: i64, limit: i64, pass: Pass) -> Claim {
    Claim { campaign_id, limit, now: 1, only_to: None, pass, left: Vec::new() }
}

fn begin(recipient_id: i64) -> Begin {
    Begin { recipient_id, number: 1, from: RecipientState::Pending, relay: "main".into(), at: 1 }
}

async fn begins(store: &Store, recipient_id: i64) -> bool {
    let group = Group { begins: vec![begin(recipient_id)], ..Group::default() };
    store.record(group, 1).await.unwrap().begun == [(recipient_id, true)]
}

fn accepted(recipient_id: i64) -> Ended {
    Ended {
        begin: begin(recipient_id),
        had_begun: true,
        at: 2,
        outcome: AttemptOutcome::Accepted,
        phase: None,
        class: None,
        code: Some(250),
        enhanced: None,
        reply: Some("ok".into()),
        tls: None,
        queue_id: None,
        content: Some([1; 32]),
        message_id: "m@example.org".into(),
        next: NextState { state: RecipientState::Accepted, due_at: None, tries: 0, doubts: 0 },
        entry: Draft::new(EntryKind::Attempt, &Actor::Worker, Some("c")).about(recipient_id, &[7; 32], "C-0"),
    }
}

async fn people(store: &Store, campaign_id: i64, state: RecipientState) -> i64 {
    let counts = store.state_counts(campaign_id).await.unwrap();
    counts.iter().filter(|count| count.state == state.as_str()).map(|count| count.people).sum()
}

#[tokio::test]
async fn every_query_is_legal_in_its_dialect() {
    use sqlx::{Executor as _, SqlSafeStr as _};
    let (_dir, store) = store().await;
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store/sql/sqlite");
    let mut tx = store.begin().await.unwrap();
    let mut seen = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.to_string_lossy().contains("demo_customers_") {
            // They speak of the demo's own customer database.
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let prepared = tx.conn().prepare(sqlx::AssertSqlSafe(text).into_sql_str()).await;
        assert!(prepared.is_ok(), "{}: {}", path.display(), prepared.err().unwrap());
        seen += 1;
    }
    assert!(seen > 50);
}

#[tokio::test]
async fn the_words_of_the_checks_are_those_of_the_closed_sets() {
    let text = include_str!("../../migrations/sqlite/0001_base.sql").to_owned();
    let text = text + include_str!("../../migrations/sqlite/0002_begun.sql");
    let words = CampaignState::ALL.iter().map(|state| state.as_str());
    let words = words.chain(RecipientState::ALL.iter().map(|state| state.as_str()));
    for word in words.chain(BatchState::ALL.iter().map(|state| state.as_str())) {
        assert!(text.contains(&format!("'{word}'")), "{word} is missing from a CHECK");
    }
}

#[tokio::test]
async fn a_message_begins_only_while_its_campaign_is_sending() {
    let (_dir, store) = store().await;
    let campaign_id = sending(&store, 2).await;
    let claimed = store.claimable(claim(campaign_id, 2, Pass::default())).await.unwrap().rows;
    assert!(begins(&store, claimed[0].id).await);
    let mut tx = store.begin().await.unwrap();
    let pause = StateChange { from: CampaignState::Sending, to: CampaignState::Paused, reason: Some("operator") };
    tx.campaign_move(campaign_id, pause).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!begins(&store, claimed[1].id).await);
    assert!(store.claimable(claim(campaign_id, 1, Pass::default())).await.unwrap().rows.is_empty());
}

#[tokio::test]
async fn nobody_begins_twice_or_after_having_been_suppressed() {
    let (_dir, store) = store().await;
    let campaign_id = sending(&store, 2).await;
    let claimed = store.claimable(claim(campaign_id, 2, Pass::default())).await.unwrap().rows;
    assert!(begins(&store, claimed[0].id).await && !begins(&store, claimed[0].id).await);
    let mut tx = store.begin().await.unwrap();
    tx.suppression_add(None, "@example.org", "asked", 0, None).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!begins(&store, claimed[1].id).await);
    assert!(store.claimable(claim(campaign_id, 2, Pass::default())).await.unwrap().rows[0].is_suppressed);
}

#[tokio::test]
async fn one_pass_meets_everybody_once_and_the_sum_stays_the_audience() {
    let (_dir, store) = store().await;
    let campaign_id = sending(&store, 5).await;
    let one = store.claimable(claim(campaign_id, 3, Pass::default())).await.unwrap();
    let two = store.claimable(claim(campaign_id, 3, one.pass)).await.unwrap();
    assert_eq!((one.rows.len(), one.is_dry, two.rows.len(), two.is_dry), (3, false, 2, true));
    let three = store.claimable(claim(campaign_id, 3, two.pass)).await.unwrap();
    assert!(three.rows.is_empty());
    let mut ids: Vec<i64> = one.rows.iter().chain(&two.rows).map(|row| row.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    for id in ids {
        assert!(begins(&store, id).await);
    }
    assert_eq!(people(&store, campaign_id, RecipientState::Sending).await, 5);
}

#[tokio::test]
async fn a_pass_reads_no_more_of_the_index_than_it_gives() {
    let (_dir, store) = store().await;
    let mut tx = store.begin().await.unwrap();
    let plan = format!("EXPLAIN QUERY PLAN {}", sql!("claimable"));
    let rows = sqlx::query(sqlx::AssertSqlSafe(plan)).fetch_all(tx.conn()).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, 3)).collect();
    for wanted in ["attempts=? AND rowid>?)", "state=? AND (due_at,attempts)>(?,?) AND due_at<?)"] {
        assert!(plan.iter().any(|line| line.contains("recipients_by_state") && line.contains(wanted)), "{plan:?}");
    }
    assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE")), "{plan:?}");
}

#[tokio::test]
async fn an_outcome_and_its_entry_are_committed_together_and_only_once() {
    let (_dir, store) = store().await;
    let campaign_id = sending(&store, 1).await;
    let id = store.claimable(claim(campaign_id, 1, Pass::default())).await.unwrap().rows[0].id;
    assert!(begins(&store, id).await);
    let group = Group { ended: vec![accepted(id)], ..Group::default() };
    store.record(group.clone(), 2).await.unwrap();
    assert!(store.record(group, 2).await.is_err());
    let row = store.recipient(campaign_id, "C-0").await.unwrap().unwrap();
    assert_eq!((row.state.as_str(), row.attempts, row.accepted_at), ("accepted", 1, Some(2)));
    let attempts = store.attempts(id).await.unwrap();
    let entries = store.ledger_page(0, 10, None, None).await.unwrap();
    assert_eq!((attempts[0].seq, entries.len()), (Some(entries[0].seq), 1));
    assert_eq!(entries[0].kind, "attempt");
    assert_eq!(store.ledger_of_recipient(id, 0, 10).await.unwrap().len(), 1);
    assert!(store.next_due(campaign_id, None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_refused_envelope_counts_only_for_somebody_who_is_still_as_they_were_read() {
    let (_dir, store) = store().await;
    let campaign_id = sending(&store, 1).await;
    let id = store.claimable(claim(campaign_id, 1, Pass::default())).await.unwrap().rows[0].id;
    let refused = || {
        let next = NextState { state: RecipientState::Failed, due_at: None, tries: 1, doubts: 0 };
        let end = Ended { had_begun: false, outcome: AttemptOutcome::Failed, code: Some(550), next, ..accepted(id) };
        Group { ended: vec![end], ..Group::default() }
    };
    store.record(refused(), 2).await.unwrap();
    assert_eq!(people(&store, campaign_id, RecipientState::Failed).await, 1);
    store.record(refused(), 2).await.unwrap();
    assert_eq!(store.attempts(id).await.unwrap().len(), 1);
    assert_eq!(store.ledger_page(0, 10, None, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_had_begun_and_did_not_leave_is_as_if_it_had_never_begun() {
    let (_dir, store) = store().await;
    let campaign_id = sending(&store, 1).await;
    let id = store.claimable(claim(campaign_id, 1, Pass::default())).await.unwrap().rows[0].id;
    assert!(begins(&store, id).await);
    // The same group may begin it again: it goes back first.
    let group = Group { returned: vec![id], begins: vec![begin(id)], ..Group::default() };
    assert_eq!(store.record(group, 2).await.unwrap().begun, [(id, true)]);
    let group = Group { returned: vec![id], ..Group::default() };
    store.record(group, 2).await.unwrap();
    assert_eq!(people(&store, campaign_id, RecipientState::Pending).await, 1);
    assert!(store.open_claims(9).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_transaction_that_was_dropped_leaves_nothing_behind() {
    let (_dir, store) = store().await;
    let mut tx = store.begin().await.unwrap();
    let new = NewCampaign { name: "x", author: "a", at: 0, incident: "{}", notice: "{}", notice_hash: &[0; 32] };
    tx.campaign_create(&new).await.unwrap();
    drop(tx);
    store.begin().await.unwrap().commit().await.unwrap();
    assert!(store.campaign_by_name("x").await.unwrap().is_none());
}

#[tokio::test]
async fn a_campaign_with_somebody_unsettled_cannot_finish() {
    let (_dir, store) = store().await;
    let campaign_id = sending(&store, 1).await;
    let mut tx = store.begin().await.unwrap();
    assert!(!tx.campaign_finish(campaign_id, 9).await.unwrap());
}

#[tokio::test]
async fn a_newer_database_is_refused_and_an_unknown_one_is_left_alone() {
    let (dir, store) = store().await;
    let mut tx = store.begin().await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'later', 1, x'00', 0)";
    sqlx::query(newer).execute(tx.conn()).await.unwrap();
    tx.commit().await.unwrap();
    let again = Store::open(&dir.path().join("candor.db"), Access::Write).await;
    assert!(matches!(again.err(), Some(StoreError::Newer { found: 9999, .. })));
    let other = dir.path().join("other.db");
    std::fs::write(&other, "this is no database, but it is long enough to look at for a while").unwrap();
    assert!(matches!(Store::open(&other, Access::Write).await.err(), Some(StoreError::Damaged(_))));
}

#[tokio::test]
async fn the_database_is_readable_by_its_owner_only_and_deletes_securely() {
    use std::os::unix::fs::PermissionsExt as _;
    let (dir, store) = store().await;
    let mode = |name: &str| std::fs::metadata(dir.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("candor.db"), mode("candor.db-wal")), (0o600, 0o600));
    let mut tx = store.begin().await.unwrap();
    for (pragma, value) in [("PRAGMA secure_delete", 1_i64), ("PRAGMA synchronous", 2)] {
        let found: i64 = sqlx::query_scalar(pragma).fetch_one(tx.conn()).await.unwrap();
        assert_eq!(found, value, "{pragma}");
        let found: i64 = sqlx::query_scalar(pragma).fetch_one(store.readers()).await.unwrap();
        assert_eq!(found, value, "{pragma} on a reader");
    }
}

#[test]
fn a_second_worker_is_refused_while_the_first_lives() {
    let dir = tempfile::tempdir().unwrap();
    let database = dir.path().join("candor.db");
    let first = WorkerLock::try_take(&database).unwrap();
    assert!(first.is_some() && WorkerLock::is_taken(&database).unwrap());
    assert!(WorkerLock::try_take(&database).unwrap().is_none());
    drop(first);
    assert!(!WorkerLock::is_taken(&database).unwrap());
}
