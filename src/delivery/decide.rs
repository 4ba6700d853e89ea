//! What an attempt's outcome means for the recipient: a pure function of outcome, history and settings.

use std::time::Duration;

use super::classify::Wait;
use crate::config::{Delivery, InDoubt};
use crate::domain::outcome::{AttemptOutcome, FailureClass};
use crate::domain::recipient::RecipientState;
use crate::domain::retry;
use crate::store::NextState;

/// What is known of a recipient before the outcome.
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// Temporary failures in this run of tries.
    pub tries: i64,
    /// Attempts in doubt, in this run of tries.
    pub doubts: i64,
    /// The campaign's active time since it was first due.
    pub due_for: Duration,
}

/// How one attempt ended, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// 250 to its own end-of-data.
    Accepted,
    /// The final dot left and nothing is known.
    InDoubt,
    /// Refused.
    Refused {
        /// By the class table.
        class: FailureClass,
        /// The same again would be refused again.
        permanent: bool,
        /// What the table says about waiting.
        wait: Wait,
    },
}

/// Decides. `now` is epoch milliseconds, `drawn` a random number in 0.0 … 1.0 for the jitter.
///
/// In doubt never turns into failed: a recipient that an earlier attempt left in doubt goes back there, settled, when the
/// resend fails for good or its time is over (interface.md, "Later moves").
pub fn decide(
    ending: Ending,
    history: History,
    delivery: &Delivery,
    now: i64,
    drawn: f64,
) -> (AttemptOutcome, NextState) {
    let History { tries, doubts, .. } = history;
    let settled = |state| NextState { state, due_at: None, tries, doubts };
    match ending {
        Ending::Accepted => (AttemptOutcome::Accepted, settled(RecipientState::Accepted)),
        Ending::InDoubt => {
            let doubts = doubts + 1;
            let resend = delivery.in_doubt == InDoubt::Resend && doubts <= i64::from(delivery.in_doubt_resends);
            let due_at = resend.then(|| now + millis(delivery.retry_first));
            (AttemptOutcome::InDoubt, NextState { state: RecipientState::InDoubt, due_at, tries, doubts })
        }
        Ending::Refused { class, permanent, wait } => {
            let tries = tries + 1;
            let again = next_try(class, permanent, wait, tries, history.due_for, delivery, drawn);
            let (waiting, ended) = if doubts > 0 {
                (RecipientState::InDoubt, RecipientState::InDoubt)
            } else {
                (RecipientState::Deferred, RecipientState::Failed)
            };
            match again {
                Some(wait) => {
                    let due_at = Some(now + millis(wait));
                    (AttemptOutcome::Deferred, NextState { state: waiting, due_at, tries, doubts })
                }
                None => (AttemptOutcome::Failed, NextState { state: ended, due_at: None, tries, doubts }),
            }
        }
    }
}

/// How long until the next try; `None` if there is none.
fn next_try(
    class: FailureClass,
    permanent: bool,
    wait: Wait,
    tries: i64,
    due_for: Duration,
    delivery: &Delivery,
    drawn: f64,
) -> Option<Duration> {
    let tries = u32::try_from(tries).unwrap_or(u32::MAX);
    let usual = retry::wait(delivery.retry_first, tries);
    let wait = match (class, wait) {
        (FailureClass::MailboxFull, _) => {
            if tries >= retry::MAILBOX_FULL_TRIES {
                return None;
            }
            retry::MAILBOX_FULL_WAIT
        }
        _ if permanent => return None,
        (FailureClass::Auth, _) if tries >= retry::AUTH_TRIES => return None,
        (_, Wait::Greylist) => usual.max(delivery.greylist_wait),
        _ => retry::with_jitter(usual, drawn),
    };
    (due_for + wait <= delivery.give_up_after).then_some(wait)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(tries: i64, doubts: i64, due_for_s: u64) -> History {
        History { tries, doubts, due_for: Duration::from_secs(due_for_s) }
    }

    fn refused(class: FailureClass, permanent: bool) -> Ending {
        Ending::Refused { class, permanent, wait: Wait::Usual }
    }

    fn run(ending: Ending, history: History, delivery: &Delivery) -> (AttemptOutcome, RecipientState, Option<i64>) {
        let (outcome, next) = decide(ending, history, delivery, 1_000_000, 0.5);
        (outcome, next.state, next.due_at.map(|at| (at - 1_000_000) / 1000))
    }

    #[test]
    fn temporary_failures_wait_twice_as_long_each_time_until_give_up_after() {
        let delivery = Delivery::default();
        let temporary = refused(FailureClass::OtherTemporary, false);
        let waits = [0, 1, 2].map(|tries| run(temporary, history(tries, 0, 0), &delivery).2);
        assert_eq!(waits, [Some(60), Some(120), Some(240)]);
        let late = run(temporary, history(9, 0, 72 * 3600 - 10), &delivery);
        assert_eq!(late, (AttemptOutcome::Failed, RecipientState::Failed, None));
    }

    #[test]
    fn in_doubt_is_resent_as_often_as_allowed_and_then_stays_in_doubt() {
        let delivery = Delivery::default();
        let first = run(Ending::InDoubt, history(0, 0, 0), &delivery);
        assert_eq!(first, (AttemptOutcome::InDoubt, RecipientState::InDoubt, Some(60)));
        let second = run(Ending::InDoubt, history(0, 1, 0), &delivery);
        assert_eq!(second, (AttemptOutcome::InDoubt, RecipientState::InDoubt, None));
        let hold = Delivery { in_doubt: InDoubt::Hold, ..Delivery::default() };
        assert_eq!(run(Ending::InDoubt, history(0, 0, 0), &hold).2, None);
    }

    #[test]
    fn doubt_never_turns_into_failure() {
        let delivery = Delivery::default();
        let refused_for_good = run(refused(FailureClass::BadAddress, true), history(0, 1, 0), &delivery);
        assert_eq!(refused_for_good, (AttemptOutcome::Failed, RecipientState::InDoubt, None));
        let temporary = run(refused(FailureClass::Greylisted, false), history(0, 1, 0), &delivery);
        assert_eq!((temporary.0, temporary.1), (AttemptOutcome::Deferred, RecipientState::InDoubt));
        assert!(temporary.2.is_some());
    }

    #[test]
    fn a_full_mailbox_is_tried_once_a_day_three_times_even_after_a_5xx() {
        let delivery = Delivery { give_up_after: Duration::from_secs(10 * 86_400), ..Delivery::default() };
        let full = refused(FailureClass::MailboxFull, true);
        assert_eq!(run(full, history(0, 0, 0), &delivery).2, Some(86_400));
        assert_eq!(run(full, history(2, 0, 0), &delivery).1, RecipientState::Failed);
    }

    #[test]
    fn a_greylisted_recipient_waits_at_least_greylist_wait() {
        let ending = Ending::Refused { class: FailureClass::Greylisted, permanent: false, wait: Wait::Greylist };
        assert_eq!(run(ending, history(0, 0, 0), &Delivery::default()).2, Some(300));
    }
}
