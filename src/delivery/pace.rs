//! How fast messages may leave: limits of campaigns, relays and recipients' domains, held at once.
//!
//! Decides when the next message may leave and counts those that do. Never waits, never asks the time (every instant
//! comes in as a value) and knows nothing of queues. delivery.md, "Rates": in no window of T seconds do more than
//! rate × T + burst messages leave, also across a restart and a change of the rate.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::domain::rate::{MilliRate, Rate};

mod gcra;
mod learned;
#[cfg(test)]
mod simulation;
mod taken;

pub use gcra::{Gcra, Limit};
pub use learned::Kept;
use learned::Learned;
use taken::Taken;

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

/// Who asked for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Slow {
    /// A recipient's domain.
    Domain,
    /// A relay.
    Relay,
}

impl Slow {
    /// The word for it in entries and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Domain => "domain",
            Self::Relay => "relay",
        }
    }

    /// The reverse of [`Slow::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Domain, Self::Relay].into_iter().find(|slow| slow.as_str() == text)
    }
}

/// A rate that a server's answers have changed, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateChange {
    /// Whose.
    pub slow: Slow,
    /// The domain's or relay's name.
    pub name: String,
    /// Before; `None` without a limit.
    pub from: Option<MilliRate>,
    /// From now on.
    pub to: Option<MilliRate>,
    /// What is to be kept across a restart; `None`: nothing any more.
    pub kept: Option<Kept>,
}

/// All limits of a worker. What has no limit of its own is not tracked, but for a count of what was accepted lately, so
/// that memory depends on the settings and not on the number of recipients.
#[derive(Debug)]
pub struct Pace {
    campaigns: HashMap<String, Held>,
    relays: HashMap<String, Held>,
    domains: HashMap<String, Held>,
    taken_by_relays: Taken,
    taken_by_domains: Taken,
}

/// A limit: as configured, as learned, and the lower of both as it is held.
#[derive(Debug)]
struct Held {
    configured: Rate,
    learned: Option<Learned>,
    gcra: Gcra,
}

impl Pace {
    /// Without any limit yet.
    pub fn new(now: Instant) -> Self {
        Self {
            campaigns: HashMap::new(),
            relays: HashMap::new(),
            domains: HashMap::new(),
            taken_by_relays: Taken::new(now),
            taken_by_domains: Taken::new(now),
        }
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
        let room = self.has_room(&domain);
        if room {
            set(&mut self.domains, &domain, rate, now);
        }
        room
    }

    fn has_room(&self, domain: &str) -> bool {
        self.domains.len() < DOMAIN_LIMITS_MAX || self.domains.contains_key(domain)
    }

    /// The limit in force for a domain, `unlimited` where it has none.
    pub fn domain_rate(&self, domain: &str) -> Rate {
        self.domains.get(domain).map_or(Rate::Unlimited, Held::rate)
    }

    /// The limit in force for a relay, `unlimited` where it has none.
    pub fn relay_rate(&self, name: &str) -> Rate {
        self.relays.get(name).map_or(Rate::Unlimited, Held::rate)
    }

    /// When the next message of this lane may leave: `now`, or later.
    pub fn ready_at(&self, lane: Lane<'_>, now: Instant) -> Instant {
        [self.campaigns.get(lane.campaign), self.relays.get(lane.relay), self.domains.get(lane.domain)]
            .into_iter()
            .flatten()
            .map(|limit| limit.gcra.earliest(now))
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
            limit.gcra.take(now);
        }
        Ok(())
    }

    fn limits_mut(&mut self, lane: Lane<'_>) -> impl Iterator<Item = &mut Held> {
        [self.campaigns.get_mut(lane.campaign), self.relays.get_mut(lane.relay), self.domains.get_mut(lane.domain)]
            .into_iter()
            .flatten()
    }

    /// Counts a message that a relay accepted for a domain.
    pub fn accepted(&mut self, relay: &str, domain: &str, now: Instant) {
        self.taken_by_relays.add(relay, now);
        self.taken_by_domains.add(domain, now);
    }

    /// Takes in an answer that says "slow down"; what changed, if something did ([`learned`]).
    pub fn slow_down(&mut self, slow: Slow, name: &str, now: Instant) -> Option<RateChange> {
        let seen = match slow {
            Slow::Relay => self.taken_by_relays.rate(name, now),
            Slow::Domain if self.has_room(name) => self.taken_by_domains.rate(name, now),
            Slow::Domain => return None,
        };
        let held = self.limits_of(slow).entry(name.to_owned()).or_insert_with(|| Held::none(now));
        let from = held.milli();
        match &mut held.learned {
            Some(learned) => {
                if !learned.slow_down(seen, now) {
                    return None;
                }
            }
            None => held.learned = Some(Learned::new(seen, held.configured.milli(), now)),
        }
        held.hold(now);
        Some(held.change(slow, name, from))
    }

    /// Lets learned rates climb where a step is due, and drops those that have reached the configured limit.
    pub fn climb(&mut self, now: Instant) -> Vec<RateChange> {
        let mut changes = Vec::new();
        for slow in [Slow::Domain, Slow::Relay] {
            for (name, held) in self.limits_of(slow).iter_mut() {
                let from = held.milli();
                if !held.learned.as_mut().is_some_and(|learned| learned.climb(now)) {
                    continue;
                }
                let top = held.configured.milli().unwrap_or(MilliRate::MAX);
                if held.learned.as_ref().is_some_and(|learned| learned.rate() >= top) {
                    held.learned = None;
                }
                held.hold(now);
                changes.push(held.change(slow, name, from));
            }
            self.limits_of(slow).retain(|_, held| held.learned.is_some() || held.configured != Rate::Unlimited);
        }
        changes
    }

    /// Holds again what was learned before a restart.
    pub fn learn(&mut self, slow: Slow, name: &str, kept: Kept, now: Instant) {
        if slow == Slow::Domain && !self.has_room(name) {
            return;
        }
        let held = self.limits_of(slow).entry(name.to_owned()).or_insert_with(|| Held::none(now));
        held.learned = Some(Learned::again(kept, now));
        held.hold(now);
    }

    fn limits_of(&mut self, slow: Slow) -> &mut HashMap<String, Held> {
        match slow {
            Slow::Domain => &mut self.domains,
            Slow::Relay => &mut self.relays,
        }
    }
}

impl Held {
    fn none(now: Instant) -> Self {
        Self { configured: Rate::Unlimited, learned: None, gcra: Gcra::new(Limit::NONE, now) }
    }

    fn hold(&mut self, now: Instant) {
        let configured = Limit::configured(self.configured);
        let learned = self.learned.as_ref().map(|learned| Limit::learned(learned.rate(), self.configured));
        self.gcra.set(learned.unwrap_or(configured), now);
    }

    /// The rate in force, in thousandths; `None` without a limit.
    fn milli(&self) -> Option<MilliRate> {
        let learned = self.learned.as_ref().map(Learned::rate);
        [self.configured.milli(), learned].into_iter().flatten().min()
    }

    fn rate(&self) -> Rate {
        self.milli().map_or(Rate::Unlimited, Rate::from)
    }

    fn change(&self, slow: Slow, name: &str, from: Option<MilliRate>) -> RateChange {
        let kept = self.learned.as_ref().map(Learned::kept);
        RateChange { slow, name: name.to_owned(), from, to: self.milli(), kept }
    }
}

fn set(limits: &mut HashMap<String, Held>, name: &str, rate: Rate, now: Instant) {
    match limits.get_mut(name) {
        Some(held) if rate == Rate::Unlimited && held.learned.is_none() => drop(limits.remove(name)),
        Some(held) => {
            held.configured = rate;
            held.hold(now);
        }
        None if rate == Rate::Unlimited => {}
        None => {
            let gcra = Gcra::new(Limit::configured(rate), now);
            limits.insert(name.to_owned(), Held { configured: rate, learned: None, gcra });
        }
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
        let mut pace = Pace::new(start);
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
        let mut pace = Pace::new(start);
        assert!(pace.set_domain("gmail.com", rate("1/h"), start));
        assert!(pace.take(LANE, start).is_err());
        assert_eq!(pace.take(Lane { domain: "example.org", ..LANE }, start), Ok(()));
    }

    #[test]
    fn only_what_has_a_limit_is_tracked_and_not_without_end() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
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
    fn a_slow_down_halves_once_in_ten_seconds_and_never_goes_over_the_configured_limit() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!(pace.set_domain("gmail.com", rate("20/s"), start));
        let at = |s: u64| start + Duration::from_secs(s);
        (0..100).for_each(|n| pace.accepted("main", "gmail.com", start + ms(n * 100)));
        let change = pace.slow_down(Slow::Domain, "gmail.com", at(10)).unwrap();
        assert_eq!((change.from, change.to), (Some(MilliRate(20_000)), Some(MilliRate(5_000))));
        assert_eq!(pace.slow_down(Slow::Domain, "gmail.com", at(19)), None);
        assert_eq!(pace.climb(at(20))[0].to, Some(MilliRate(6_000)));
        // A restart: what was learned holds, and a lower setting holds too.
        let mut again = Pace::new(at(30));
        again.learn(Slow::Domain, "gmail.com", change.kept.unwrap(), at(30));
        assert_eq!(again.domain_rate("gmail.com"), rate("18000/h"));
        assert!(again.set_domain("gmail.com", rate("1/s"), at(30)));
        assert_eq!(again.domain_rate("gmail.com"), rate("3600/h"));
    }
}
