//! How fast messages may leave: limits of campaigns, relays and recipients' domains, held at once.
//!
//! Decides when the next message may leave and counts those that do. Never waits, never asks the time (every instant
//! comes in as a value) and knows nothing of queues. delivery.md, "Rates": in no window of T seconds do more than
//! rate × T + burst messages leave, also across a restart and a change of the rate.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::domain::rate::Rate;

mod gcra;

pub use gcra::Gcra;

/// Domains with a limit of their own. They come from the settings and from servers that asked for less; more than this
/// is a list of domains, not of limits.
pub const DOMAIN_LIMITS_MAX: usize = 10_000;

/// Whose limits a message comes under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lane<'a> {
    /// The campaign's name.
    pub campaign: &'a str,
    /// The relay's name.
    pub relay: &'a str,
    /// The recipient's domain as an A-label in lower case.
    pub domain: &'a str,
}

/// All limits of a worker. What has no limit of its own is not tracked, so that memory depends on the settings and not
/// on the number of recipients.
#[derive(Debug, Default)]
pub struct Pace {
    campaigns: HashMap<String, Gcra>,
    relays: HashMap<String, Gcra>,
    domains: HashMap<String, Gcra>,
}

impl Pace {
    /// Without any limit yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets or changes a campaign's limit; `unlimited` removes it. A new limit starts empty ([`Gcra::new`]).
    pub fn set_campaign(&mut self, name: &str, rate: Rate, now: Instant) {
        set(&mut self.campaigns, name, rate, now);
    }

    /// Sets or changes a relay's limit, for all campaigns together; `unlimited` removes it.
    pub fn set_relay(&mut self, name: &str, rate: Rate, now: Instant) {
        set(&mut self.relays, name, rate, now);
    }

    /// Sets or changes a domain's limit, for all campaigns and relays together; `unlimited` removes it. Returns `false`
    /// and changes nothing where there are [`DOMAIN_LIMITS_MAX`] others already.
    pub fn set_domain(&mut self, domain: &str, rate: Rate, now: Instant) -> bool {
        let domain = domain.to_ascii_lowercase();
        let room = self.domains.len() < DOMAIN_LIMITS_MAX || self.domains.contains_key(&domain);
        if room {
            set(&mut self.domains, &domain, rate, now);
        }
        room
    }

    /// The limit in force for a domain, `unlimited` where it has none.
    pub fn domain_rate(&self, domain: &str) -> Rate {
        self.domains.get(domain).map_or(Rate::Unlimited, Gcra::rate)
    }

    /// The limit in force for a relay, `unlimited` where it has none.
    pub fn relay_rate(&self, name: &str) -> Rate {
        self.relays.get(name).map_or(Rate::Unlimited, Gcra::rate)
    }

    /// When the next message of this lane may leave: `now`, or later.
    pub fn ready_at(&self, lane: Lane<'_>, now: Instant) -> Instant {
        [self.campaigns.get(lane.campaign), self.relays.get(lane.relay), self.domains.get(lane.domain)]
            .into_iter()
            .flatten()
            .map(|limit| limit.earliest(now))
            .fold(now, Instant::max)
    }

    /// Takes a permit of every limit of this lane, or of none.
    ///
    /// # Errors
    /// The instant from which it may be tried again, where one of the limits has no permit.
    pub fn take(&mut self, lane: Lane<'_>, now: Instant) -> Result<(), Instant> {
        let ready = self.ready_at(lane, now);
        if ready > now {
            return Err(ready);
        }
        for limit in self.limits_mut(lane) {
            // All of them have one: `ready_at` has just asked.
            limit.take(now);
        }
        Ok(())
    }

    /// Gives back what the lane's last [`Pace::take`] took, because the message did not leave ([`Gcra::refund`]).
    pub fn refund(&mut self, lane: Lane<'_>) {
        for limit in self.limits_mut(lane) {
            limit.refund();
        }
    }

    fn limits_mut(&mut self, lane: Lane<'_>) -> impl Iterator<Item = &mut Gcra> {
        [self.campaigns.get_mut(lane.campaign), self.relays.get_mut(lane.relay), self.domains.get_mut(lane.domain)]
            .into_iter()
            .flatten()
    }
}

fn set(limits: &mut HashMap<String, Gcra>, name: &str, rate: Rate, now: Instant) {
    if rate == Rate::Unlimited {
        limits.remove(name);
    } else if let Some(limit) = limits.get_mut(name) {
        limit.set_rate(rate, now);
    } else {
        limits.insert(name.to_owned(), Gcra::new(rate, now));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    const LANE: Lane<'static> = Lane { campaign: "c", relay: "main", domain: "gmail.com" };

    #[test]
    fn a_permit_is_taken_of_all_limits_or_of_none() {
        let start = Instant::now();
        let mut pace = Pace::new();
        pace.set_campaign("c", rate("10/s"), start);
        pace.set_relay("main", rate("10/s"), start);
        assert!(pace.set_domain("Gmail.com", rate("1/s"), start));
        assert_eq!(pace.ready_at(LANE, start), start + ms(1000));
        let now = start + ms(1000);
        assert_eq!(pace.take(LANE, now), Ok(()));
        assert_eq!(pace.take(LANE, now), Err(start + ms(2000)));
        // The refused one has taken nothing of campaign and relay: seven of eight are left.
        let other = Lane { domain: "example.org", ..LANE };
        let left = (0..100).take_while(|_| pace.take(other, now).is_ok()).count();
        assert_eq!(left, 7);
    }

    #[test]
    fn a_slow_domain_does_not_hold_back_the_others() {
        let start = Instant::now();
        let mut pace = Pace::new();
        assert!(pace.set_domain("gmail.com", rate("1/h"), start));
        assert!(pace.take(LANE, start).is_err());
        assert_eq!(pace.take(Lane { domain: "example.org", ..LANE }, start), Ok(()));
    }

    #[test]
    fn only_what_has_a_limit_is_tracked_and_not_without_end() {
        let now = Instant::now();
        let mut pace = Pace::new();
        for n in 0..DOMAIN_LIMITS_MAX {
            assert!(pace.set_domain(&format!("d{n}.example"), rate("1/s"), now));
        }
        assert!(!pace.set_domain("one.more.example", rate("1/s"), now));
        assert!(pace.set_domain("d0.example", rate("unlimited"), now));
        assert_eq!(pace.domain_rate("d0.example"), Rate::Unlimited);
        assert!(pace.set_domain("one.more.example", rate("1/s"), now));
        for n in 0..1000 {
            let domain = format!("free{n}.example");
            assert_eq!(pace.take(Lane { domain: &domain, ..LANE }, now), Ok(()));
        }
        assert_eq!(pace.domains.len(), DOMAIN_LIMITS_MAX);
    }

    #[test]
    fn a_message_that_did_not_leave_is_given_back_to_every_limit() {
        let start = Instant::now();
        let mut pace = Pace::new();
        pace.set_campaign("c", rate("1/s"), start);
        pace.set_relay("main", rate("1/s"), start);
        let now = start + ms(1000);
        assert_eq!(pace.take(LANE, now), Ok(()));
        pace.refund(LANE);
        assert_eq!(pace.take(LANE, now), Ok(()));
    }
}
