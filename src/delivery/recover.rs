//! What a dead worker left: what it had begun is in doubt, its other claims go back (delivery.md, "Promises").
//!
//! The same code runs at the end of an orderly stop, for whatever was still on the wire.

use std::time::Duration;

use super::decide::{Ending, History, decide};
use super::record::attempt_entry;
use crate::config::Delivery;
use crate::crypto::Hash;
use crate::domain::outcome::FailureClass;
use crate::ledger::commitment::{self, Sealed};
use crate::store::{Ended, Group, OpenClaimRow, Returned, Store, StoreError};

/// Claims settled in one transaction.
const GROUP: i64 = 500;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Recipients whose message may or may not have been accepted.
    pub in_doubt: u64,
    /// Claims that went back untouched.
    pub returned: u64,
}

/// Settles every open claim. Only the holder of the worker lock may call it.
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
        for claim in claims {
            match begun(&claim) {
                Some(begun) => {
                    found.in_doubt += 1;
                    group.ended.push(in_doubt(&claim, begun, delivery, message_domain, now)?);
                }
                None => {
                    found.returned += 1;
                    group.returned.push(Returned { recipient_id: claim.id, attempt_id: None, due_at: None });
                }
            }
        }
        store.record(group, now).await?;
    }
}

struct Begun {
    attempt_id: i64,
    number: i64,
    relay: String,
    at: i64,
}

fn begun(claim: &OpenClaimRow) -> Option<Begun> {
    Some(Begun {
        attempt_id: claim.attempt_id?,
        number: claim.attempt_number?,
        relay: claim.relay.clone()?,
        at: claim.begun_at?,
    })
}

fn in_doubt(
    claim: &OpenClaimRow,
    begun: Begun,
    delivery: &Delivery,
    message_domain: &str,
    now: i64,
) -> Result<Ended, StoreError> {
    let foreign = |what: &str| StoreError::Foreign(format!("{what} of a recipient is not 32 octets"));
    let key: Hash = claim.key.as_slice().try_into().map_err(|_| foreign("the key"))?;
    let notice: Hash = claim.notice_hash.as_slice().try_into().map_err(|_| foreign("the notice's hash"))?;
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
    let entry = attempt_entry(&claim.campaign, &notice, &begun.relay, begun.number, begun.at)
        .about(claim.id, &key, &claim.reference)
        .with_hash("sealed", &commitment::sealed(&key, &sealed))
        .with("outcome", outcome.as_str())
        .with("class", class.as_str())
        .with("tls", serde_json::Value::Null)
        .with("code", serde_json::Value::Null)
        .with("enhanced", serde_json::Value::Null);
    Ok(Ended {
        recipient_id: claim.id,
        attempt_id: begun.attempt_id,
        at: now,
        outcome,
        phase: None,
        class: Some(class),
        code: None,
        enhanced: None,
        reply: Some(words),
        relay: begun.relay,
        tls: None,
        queue_id: None,
        content: None,
        message_id,
        next,
        entry,
    })
}
