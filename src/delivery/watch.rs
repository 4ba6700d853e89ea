//! What makes a campaign pause itself: too many failures, or ten of the sender's own making in a row (delivery.md).

use std::collections::VecDeque;

use super::classify::Scope;
use crate::domain::campaign::reason;

/// The share is taken over so many.
const WINDOW: usize = 1_000;
/// Before so many, a share says nothing.
const FIRST: usize = 100;
/// Refusals of the sender, not of the address, in a row.
const SENDER_ROW_MAX: u32 = 10;

/// The last outcomes of one campaign since it was started or resumed.
#[derive(Default)]
pub struct Watch {
    last: VecDeque<bool>,
    failed: usize,
    sender_row: u32,
}

impl Watch {
    /// Notes one settled recipient.
    pub fn settled(&mut self, has_failed: bool) {
        if self.last.len() == WINDOW && self.last.pop_front() == Some(true) {
            self.failed -= 1;
        }
        self.last.push_back(has_failed);
        self.failed += usize::from(has_failed);
    }

    /// Notes whose fault an attempt's refusal was; `None` for an acceptance.
    pub fn refused(&mut self, scope: Option<Scope>) {
        self.sender_row = if scope == Some(Scope::Sender) { self.sender_row + 1 } else { 0 };
    }

    /// Why the campaign should pause itself now.
    pub fn verdict(&self, share_max: f64) -> Option<&'static str> {
        if self.sender_row >= SENDER_ROW_MAX {
            return Some(reason::SENDER_REFUSED);
        }
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        let is_over = self.last.len() >= FIRST && self.failed as f64 > share_max * self.last.len() as f64;
        (is_over && share_max < 1.0).then_some(reason::FAILURE_SHARE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(failed: usize, fine: usize) -> Watch {
        let mut watch = Watch::default();
        (0..failed).for_each(|_| watch.settled(true));
        (0..fine).for_each(|_| watch.settled(false));
        watch
    }

    #[test]
    fn more_than_the_share_of_the_last_thousand_pauses_after_the_first_hundred() {
        assert_eq!(after(50, 49).verdict(0.10), None);
        assert_eq!(after(11, 89).verdict(0.10), Some(reason::FAILURE_SHARE));
        assert_eq!(after(10, 90).verdict(0.10), None);
        assert_eq!(after(500, 500).verdict(1.0), None);
        assert_eq!(after(500, 1_000).verdict(0.10), None);
    }

    #[test]
    fn ten_refusals_of_the_sender_in_a_row_pause() {
        let mut watch = Watch::default();
        (0..9).for_each(|_| watch.refused(Some(Scope::Sender)));
        assert_eq!(watch.verdict(1.0), None);
        watch.refused(None);
        (0..10).for_each(|_| watch.refused(Some(Scope::Sender)));
        assert_eq!(watch.verdict(1.0), Some(reason::SENDER_REFUSED));
    }
}
