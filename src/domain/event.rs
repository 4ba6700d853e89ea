//! The kinds of ledger entries (ledger.md, "Entries").

use super::closed_set::closed_set;

closed_set! {
    /// What an entry tells. The fields of each are in `ledger::entry`.
    pub enum EntryKind {
        CampaignCreated = "campaign.created",
        CampaignChanged = "campaign.changed",
        AudienceImported = "audience.imported",
        CampaignSubmitted = "campaign.submitted",
        CampaignApproved = "campaign.approved",
        CampaignRejected = "campaign.rejected",
        CampaignScheduled = "campaign.scheduled",
        CampaignStarted = "campaign.started",
        CampaignPaused = "campaign.paused",
        CampaignResumed = "campaign.resumed",
        CampaignCancelled = "campaign.cancelled",
        CampaignFinished = "campaign.finished",
        CampaignRerun = "campaign.rerun",
        Attempt = "attempt",
        Bounce = "bounce",
        Reconciled = "reconciled",
        LetterSent = "letter.sent",
        Suppressed = "suppressed",
        Unsuppressed = "unsuppressed",
        TestSent = "test.sent",
        SeedReceived = "seed.received",
        RecipientFailed = "recipient.failed",
        RecipientSuppressed = "recipient.suppressed",
        RecipientRequeued = "recipient.requeued",
        RecipientCorrected = "recipient.corrected",
        RecipientErased = "recipient.erased",
        BatchApproved = "batch.approved",
        BatchWithdrawn = "batch.withdrawn",
        CheckAnswered = "check.answered",
        RelaySetAside = "relay.set-aside",
        RelayBack = "relay.back",
        RateChanged = "rate.changed",
        HoldSet = "hold.set",
        HoldLifted = "hold.lifted",
        UserChanged = "user.changed",
        KeyRotated = "key.rotated",
        LedgerExported = "ledger.exported",
        LedgerRestored = "ledger.restored",
        PersonalRead = "personal.read",
    }
}
