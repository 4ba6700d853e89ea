//! The states of a recipient (interface.md, "Recipient states") and the moves between them.

use super::closed_set::closed_set;

closed_set! {
    /// Where one affected customer stands in one campaign. In the order of `campaign status --json`.
    pub enum RecipientState {
        Pending = "pending",
        Sending = "sending",
        Accepted = "accepted",
        Delivered = "delivered",
        Deferred = "deferred",
        Failed = "failed",
        InDoubt = "in-doubt",
        Bounced = "bounced",
        Suppressed = "suppressed",
        Cancelled = "cancelled",
    }
}

impl RecipientState {
    /// Whether nothing more happens by itself. `in-doubt` is settled only while no resend is due.
    pub fn is_settled(self, resend_due: bool) -> bool {
        match self {
            Self::Pending | Self::Sending | Self::Deferred => false,
            Self::InDoubt => !resend_due,
            _ => true,
        }
    }

    /// Told: their relay has taken responsibility, or their own mail system has the notice.
    pub fn is_told(self) -> bool {
        matches!(self, Self::Accepted | Self::Delivered)
    }

    /// Whether a recipient may go from `self` to `to`. A settled state is left only by the later moves.
    pub fn may_become(self, to: Self) -> bool {
        use RecipientState::*;
        match self {
            Pending | Deferred => {
                matches!(to, Sending | Failed | Suppressed | Cancelled | InDoubt)
            }
            Sending => matches!(to, Pending | Deferred | Accepted | Failed | InDoubt | Suppressed | Cancelled),
            Accepted => matches!(to, Delivered | Bounced),
            InDoubt => matches!(to, Sending | Accepted | Delivered | Bounced | Pending),
            Failed | Bounced | Suppressed => to == Pending,
            Delivered | Cancelled => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RecipientState::*;
    use super::*;

    #[test]
    fn a_settled_state_is_left_only_by_the_moves_of_the_interface() {
        let later = [
            (Accepted, vec![Delivered, Bounced]),
            (InDoubt, vec![Pending, Sending, Accepted, Delivered, Bounced]),
            (Failed, vec![Pending]),
            (Bounced, vec![Pending]),
            (Suppressed, vec![Pending]),
            (Delivered, vec![]),
            (Cancelled, vec![]),
        ];
        for (from, allowed) in later {
            for to in RecipientState::ALL {
                assert_eq!(from.may_become(*to), allowed.contains(to), "{from} to {to}");
            }
        }
    }

    #[test]
    fn doubt_never_turns_into_failure() {
        assert!(!InDoubt.may_become(Failed));
    }
}
