//! What a dead worker left: what it had begun is in doubt (delivery.md, "Promises"). Its other claims were in its memory.
//!
//! The same code runs at the end of an orderly stop, for whatever was still on the wire.

use std::time::Duration;

use super::decide::{Ending, History, decide};
use super::record::attempt_entry;
use crate::config::Delivery;
use crate::crypto::Hash;
use crate::domain::outcome::FailureClass;
use crate::domain::recipient::RecipientState;
use crate::ledger::commitment::{self, Sealed};
use crate::store::{Begin, Ended, Group, OpenClaimRow, Store, StoreError};

/// Claims settled in one transaction.
const GROUP: i64 = 500;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Recipients whose message may or may not have been accepted.
    pub in_doubt: u64,
}

/// Settles everything that had begun. Only the holder of the worker lock may call it.
///
/// # Errors
/// Those of the database.
pub async fn recover(
    store: &Store,
    delivery: &Delivery,
    message_domain: &str,
    now: i64,
) -> Result<Recovered, StoreError> {
    // A commit that its worker no longer waited for is in, or is not, before the claims are read.
    store.wait_for_writers().await?;
    let mut found = Recovered::default();
    loop {
        let claims = store.open_claims(GROUP).await?;
        if claims.is_empty() {
            return Ok(found);
        }
        let mut group = Group::default();
        for claim in &claims {
            found.in_doubt += 1;
            group.ended.push(in_doubt(claim, delivery, message_domain, now)?);
        }
        store.record(group, now).await?;
    }
}

fn in_doubt(claim: &OpenClaimRow, delivery: &Delivery, message_domain: &str, now: i64) -> Result<Ended, StoreError> {
    let foreign = |what: &str| StoreError::Foreign(format!("{what} of a recipient is not as this program writes it"));
    let key: Hash = claim.key.as_slice().try_into().map_err(|_| foreign("the key"))?;
    let notice: Hash = claim.notice_hash.as_slice().try_into().map_err(|_| foreign("the notice's hash"))?;
    let from = RecipientState::parse(&claim.state).ok_or_else(|| foreign("the state"))?;
    let message_id = crate::notice::message_id(&key, message_domain);
    let words = "the worker ended while this message was on its way".to_owned();
    let sealed = Sealed {
        address: &claim.email,
        content: None,
        message_id: &message_id,
        queue_id: None,
        reference: &claim.reference,
        reply: Some(&words),
    };
    let history = History { tries: claim.tries, doubts: claim.doubts, due_for: Duration::ZERO };
    let (outcome, next) = decide(Ending::InDoubt, history, delivery, now, 0.5);
    let class = FailureClass::Network;
    let entry = attempt_entry(&claim.campaign, &notice, &claim.relay, claim.number, claim.begun_at)
        .about(claim.id, &key, &claim.reference)
        .with_hash("sealed", &commitment::sealed(&key, &sealed))
        .with("outcome", outcome.as_str())
        .with("class", class.as_str())
        .with("tls", serde_json::Value::Null)
        .with("code", serde_json::Value::Null)
        .with("enhanced", serde_json::Value::Null);
    let relay = claim.relay.as_str().into();
    Ok(Ended {
        begin: Begin { recipient_id: claim.id, number: claim.number, from, relay, at: claim.begun_at },
        had_begun: true,
        at: now,
        outcome,
        phase: None,
        class: Some(class),
        code: None,
        enhanced: None,
        reply: Some(words),
        tls: None,
        queue_id: None,
        content: None,
        message_id,
        next,
        entry,
    })
}
