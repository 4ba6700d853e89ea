//! The states of a campaign and of a batch, and the moves between them (interface.md, "Campaign states").

use super::closed_set::closed_set;

closed_set! {
    /// Where a campaign is. `cancelled` can be reached from any but `finished`.
    pub enum CampaignState {
        Draft = "draft",
        InReview = "in-review",
        Approved = "approved",
        Scheduled = "scheduled",
        Sending = "sending",
        Paused = "paused",
        Finished = "finished",
        Cancelled = "cancelled",
    }
}

impl CampaignState {
    /// Whether a campaign may go from `self` to `to`.
    pub fn may_become(self, to: Self) -> bool {
        use CampaignState::*;
        matches!(
            (self, to),
            (Draft, InReview)
                | (InReview, Approved | Draft)
                | (Approved, Scheduled | Draft)
                | (Scheduled, Sending | Paused | Approved | Draft | Scheduled)
                | (Sending, Paused | Finished)
                | (Paused, Sending | Scheduled | Finished)
                | (Finished, Sending)
                | (Draft | InReview | Approved | Scheduled | Sending | Paused, Cancelled)
        )
    }

    /// Before the first message: what approval froze may still change, and sends the campaign back to `draft`.
    pub fn is_before_start(self) -> bool {
        matches!(self, Self::Draft | Self::InReview | Self::Approved | Self::Scheduled)
    }
}

closed_set! {
    /// Where a batch is. `staging` rows belong to an import that has not ended and count nowhere.
    pub enum BatchState {
        Staging = "staging",
        Waiting = "waiting",
        InReview = "in-review",
        Approved = "approved",
        Rejected = "rejected",
        Withdrawn = "withdrawn",
    }
}

/// Why a campaign stands in `paused`: the value of `reason` in `campaign status`.
pub mod reason {
    /// Somebody ran `campaign pause`.
    pub const OPERATOR: &str = "operator";
    /// The start was missed by more than `delivery.late_start`.
    pub const LATE_START: &str = "late-start";
    /// candor.toml no longer says what was approved.
    pub const SETTINGS_CHANGED: &str = "settings-changed";
    /// What is to be sent is not what was approved.
    pub const NOT_AS_APPROVED: &str = "not-as-approved";
    /// `[safety] only_to` holds back everybody who is left.
    pub const ONLY_TO: &str = "only-to";
    /// Too many of the last thousand failed for good.
    pub const FAILURE_SHARE: &str = "failure-share";
    /// The first `--canary` people have been sent to.
    pub const CANARY: &str = "canary";
    /// The relay refuses the credentials.
    pub const RELAY_AUTH: &str = "relay-auth";
    /// Ten failures of the sender's own making in a row.
    pub const SENDER_REFUSED: &str = "sender-refused";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_a_cancelled_campaign_and_only_sending_leaves_a_finished_one() {
        for to in CampaignState::ALL {
            assert!(!CampaignState::Cancelled.may_become(*to));
            assert_eq!(CampaignState::Finished.may_become(*to), *to == CampaignState::Sending);
        }
    }

    #[test]
    fn nothing_is_sent_without_passing_review_and_schedule() {
        for from in [CampaignState::Draft, CampaignState::InReview, CampaignState::Approved] {
            assert!(!from.may_become(CampaignState::Sending));
        }
        assert!(!CampaignState::Draft.may_become(CampaignState::Approved));
    }
}
