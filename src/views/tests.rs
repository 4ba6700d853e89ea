//! The shapes of interface.md, and that every affected person is either told or listed as unreached.

use std::sync::Arc;

use super::*;
use crate::config::Settings;
use crate::domain::campaign::BatchState;
use crate::store::{Access, BatchCounts, NewCampaign, NewRecipient, NewReject};

const CAMPAIGN: &str = "c";

struct Fixture {
    _folder: tempfile::TempDir,
    store: Arc<Store>,
    settings: Settings,
    campaign: i64,
}

impl Fixture {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("candor.db"), Access::Write).await.unwrap();
        let new =
            NewCampaign { name: CAMPAIGN, author: "anna", at: 0, incident: "{}", notice: "{}", notice_hash: &[0; 32] };
        let mut tx = store.begin().await.unwrap();
        let campaign = tx.campaign_create(&new).await.unwrap();
        tx.commit().await.unwrap();
        let settings = Settings::from_text("", &folder.path().join("candor.toml"), &[]).unwrap();
        Self { _folder: folder, store, settings, campaign }
    }

    /// A batch of people, one of them suppressed, and of rejected rows by their references.
    async fn batch(&self, references: &[&str], rejected: &[Option<&str>], state: BatchState) {
        let id = self.store.batch_stage(self.campaign, "import", "anna", 0).await.unwrap();
        let people: Vec<NewRecipient> = (0..)
            .zip(references)
            .map(|(position, reference)| NewRecipient {
                position,
                reference: (*reference).to_owned(),
                email: format!("{reference}@example.org"),
                mailbox: format!("{reference}@example.org"),
                domain: "example.org".to_owned(),
                row: "{}".to_owned(),
                key: [u8::try_from(position).unwrap(); 32],
                suppressed: (position == 0).then_some("no-basis"),
            })
            .collect();
        let rows: Vec<NewReject> = rejected
            .iter()
            .map(|reference| NewReject {
                line: 9,
                reference: reference.map(str::to_owned),
                field: "email".to_owned(),
                reason: "there is no @ in it".to_owned(),
                row: "{}".to_owned(),
            })
            .collect();
        let mut tx = self.store.begin().await.unwrap();
        tx.recipients_stage(self.campaign, id, &people).await.unwrap();
        tx.rejects_stage(self.campaign, id, &rows).await.unwrap();
        let counts = BatchCounts {
            rows: i64::try_from(references.len() + rejected.len()).unwrap(),
            imported: i64::try_from(references.len()).unwrap() - 1,
            suppressed: 1,
            rejected: i64::try_from(rejected.len()).unwrap(),
            duplicates: 0,
        };
        let number = tx.batch_switch_on(id, &counts, "[]", None, &[0; 32]).await.unwrap();
        tx.batches_move(self.campaign, Some(number), BatchState::Waiting, state).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn status(&self) -> Status {
        status(&self.store, &self.settings, CAMPAIGN, 0).await.unwrap()
    }

    async fn unreached(&self) -> Vec<Unreached> {
        let (mut all, mut next) = (Vec::new(), Some(UnreachedAt::START));
        while let Some(at) = next {
            let (page, after) = unreached(&self.store, CAMPAIGN, at).await.unwrap();
            all.extend(page);
            next = after;
        }
        all
    }
}

#[tokio::test]
async fn a_status_has_the_shape_of_the_interface_with_every_state_and_nothing_left_out() {
    let fixture = Fixture::new().await;
    fixture.batch(&["a", "b", "d"], &[None], BatchState::Approved).await;
    assert_eq!(
        serde_json::to_string(&fixture.status().await).unwrap(),
        concat!(
            r#"{"campaign":"c","state":"draft","reason":null,"affected":4,"audience":3,"rejected":1,"told":0,"#,
            r#""batches":[{"batch":1,"state":"approved","people":3}],"#,
            r#""recipients":{"pending":2,"sending":0,"accepted":0,"delivered":0,"deferred":0,"failed":0,"in-doubt":0,"#,
            r#""bounced":0,"suppressed":1,"cancelled":0},"#,
            r#""failures":{},"attempts":0,"started_at":null,"finished_at":null,"messages_per_second":null,"#,
            r#""expected_end":null}"#
        )
    );
}

#[tokio::test]
async fn a_recipient_has_the_shape_of_the_interface() {
    let fixture = Fixture::new().await;
    fixture.batch(&["a", "b"], &[], BatchState::Approved).await;
    let (people, _) = recipients(&fixture.store, CAMPAIGN, &RecipientFilter::default(), 0).await.unwrap();
    assert_eq!(
        serde_json::to_string(&people[1]).unwrap(),
        concat!(
            r#"{"ref":"b","email":"b@example.org","state":"pending","class":null,"code":null,"enhanced":null,"#,
            r#""reply":null,"attempts":0,"relay":null,"message_id":null,"accepted_at":null,"last_attempt_at":null,"#,
            r#""next_attempt_at":null}"#
        ),
        "pending has a due time of its own, which is no next attempt"
    );
}

#[tokio::test]
async fn the_unreached_are_all_affected_people_who_were_not_told_each_once() {
    let fixture = Fixture::new().await;
    fixture.batch(&["a", "b"], &[Some("x"), Some("x"), None, None], BatchState::Approved).await;
    fixture.batch(&["d", "e", "f"], &[Some("a"), Some("x")], BatchState::Waiting).await;
    fixture.batch(&["g", "h"], &[Some("y")], BatchState::Rejected).await;
    let (status, unreached) = (fixture.status().await, fixture.unreached().await);
    assert_eq!(i64::try_from(unreached.len()).unwrap(), status.affected - status.told, "{unreached:?}");
    let states: Vec<&str> = unreached.iter().map(|person| person.state.as_str()).collect();
    assert_eq!(states, ["suppressed", "pending", "waiting", "waiting", "waiting", "rejected", "rejected", "rejected"]);
    assert!(unreached.iter().all(|person| !person.reason.is_empty() && !person.next_step.is_empty()));
}

#[tokio::test]
async fn what_is_not_there_is_said_by_name() {
    let fixture = Fixture::new().await;
    let missing = status(&fixture.store, &fixture.settings, "other", 0).await.unwrap_err();
    assert!(missing.to_string().contains("no campaign other"));
    let missing = story(&fixture.store, CAMPAIGN, "nobody").await.unwrap_err();
    assert!(missing.to_string().contains("\"nobody\""));
}
