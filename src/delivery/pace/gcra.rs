//! One limit: the generic cell rate algorithm.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::rate::{MilliRate, Rate};

/// Between the permit and the wire a message is held up by a varying few milliseconds, so that the server may see two
/// messages closer together than they were let go. A fifth of the burst is kept back for that.
const BURST_SHARE_PERCENT: u32 = 80;
/// The bucket of a learned limit holds a twentieth of a second's worth: a server that counts by the second would refuse
/// a second's worth on top. With what is kept back for the way to the wire that is a burst of a tenth.
const LEARNED_BUCKETS_PER_SECOND: u64 = 20;
/// At two messages a second and more it holds two, for a timer that rings late must not cost a permit each time.
const LEARNED_TWO_FROM: MilliRate = MilliRate(2000);

/// How much may leave: a rate as the time between two messages, and a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Zero without a limit.
    interval: Duration,
    /// How many permits the bucket holds.
    burst: u32,
}

impl Limit {
    /// No limit.
    pub const NONE: Self = Self { interval: Duration::ZERO, burst: 1 };

    /// A limit from the settings: a burst of one second's worth, at least 1, at most 100 (delivery.md, "Rates").
    pub fn configured(rate: Rate) -> Self {
        match rate {
            Rate::Unlimited => Self::NONE,
            Rate::Limited { messages, per } => {
                let nanos = per.as_nanos().div_ceil(u128::from(messages.max(1)));
                let interval = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                Self { interval, burst: (rate.burst() * BURST_SHARE_PERCENT / 100).max(1) }
            }
        }
    }

    /// A learned limit under a configured one: the lower rate, and a burst of a tenth of a second's worth, at least two
    /// (one below 2/s), never more than the configured limit's.
    pub fn learned(rate: MilliRate, configured: Rate) -> Self {
        let over = Self::configured(configured);
        let interval = rate.interval();
        if over.is_some() && over.interval >= interval {
            return over;
        }
        let worth = u32::try_from(rate.0 / 1000 / LEARNED_BUCKETS_PER_SECOND).unwrap_or(u32::MAX);
        let least = if rate >= LEARNED_TWO_FROM { 2 } else { 1 };
        let most = if over.is_some() { over.burst } else { Rate::Unlimited.burst() };
        Self { interval, burst: worth.max(least).min(most) }
    }

    /// Whether it limits anything.
    pub fn is_some(self) -> bool {
        !self.interval.is_zero()
    }

    /// The time between two messages.
    pub fn interval(self) -> Duration {
        self.interval
    }
}

/// One limit, by the generic cell rate algorithm (ITU-T I.371, 2004, Annex A): equal to a bucket that holds a burst of
/// permits and gains one per interval.
#[derive(Debug, Clone)]
pub struct Gcra {
    limit: Limit,
    /// When the bucket will be, or was, full.
    full_at: Instant,
    /// `full_at` before the last permit, as long as that one can be given back.
    before_last: Option<Instant>,
}

impl Gcra {
    /// A limit that starts empty at `now`: the first message may leave one interval later. Nobody knows here what left
    /// just before a restart, so nothing is granted for that time.
    pub fn new(limit: Limit, now: Instant) -> Self {
        Self { limit, full_at: now + limit.interval * limit.burst, before_last: None }
    }

    /// The limit in force.
    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// When the next message may leave: `now`, or later.
    pub fn earliest(&self, now: Instant) -> Instant {
        if !self.limit.is_some() {
            return now;
        }
        let one_permit = now + self.limit.interval * (self.limit.burst - 1);
        now + self.full_at.saturating_duration_since(one_permit)
    }

    /// Takes a permit if one is there; `false` leaves everything as it was.
    pub fn take(&mut self, now: Instant) -> bool {
        if self.earliest(now) > now {
            return false;
        }
        self.before_last = Some(self.full_at);
        self.full_at = self.full_at.max(now) + self.limit.interval;
        true
    }

    /// Gives the last permit back, because its message did not leave. Where another was taken since, or the rate was
    /// changed, nothing is given back: an interval lost is better than a limit broken.
    pub fn refund(&mut self) {
        if let Some(before) = self.before_last.take() {
            self.full_at = before;
        }
    }

    /// Takes all permits away: the next message may leave one interval from `now`.
    pub fn empty(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now + self.limit.interval * self.limit.burst);
        self.before_last = None;
    }

    /// Changes the limit. The permits at hand stay, but never more than the new burst; none is added. From no limit, it
    /// starts empty.
    pub fn set(&mut self, limit: Limit, now: Instant) {
        if limit == self.limit {
            return;
        }
        if !self.limit.is_some() || !limit.is_some() {
            *self = Self::new(limit, now);
            return;
        }
        let (old, new) = (self.limit.interval.as_nanos(), limit.interval.as_nanos());
        // Counted in missing permits, as nanoseconds of the new interval; rounded up, so that no fraction is gained.
        let missing = (self.full_at.saturating_duration_since(now).as_nanos() * new).div_ceil(old.max(1));
        let larger = new * u128::from(limit.burst.saturating_sub(self.limit.burst));
        let smaller = new * u128::from(self.limit.burst.saturating_sub(limit.burst));
        let missing = (missing + larger).saturating_sub(smaller);
        self.full_at = now + Duration::from_nanos(u64::try_from(missing).unwrap_or(u64::MAX));
        self.before_last = None;
        self.limit = limit;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Limit {
        Limit::configured(text.parse().unwrap())
    }

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    /// How many leave at once at `now`.
    fn drain(limit: &mut Gcra, now: Instant) -> u32 {
        (0..1000).take_while(|_| limit.take(now)).count() as u32
    }

    #[test]
    fn after_a_start_messages_are_spaced_from_the_beginning() {
        let start = Instant::now();
        let mut limit = Gcra::new(rate("50/s"), start);
        for n in 1..=100 {
            let due = start + ms(20 * n);
            assert_eq!(limit.earliest(due - ms(1)), due);
            assert!(!limit.take(due - ms(1)));
            assert!(limit.take(due));
        }
    }

    #[test]
    fn after_a_rest_four_fifths_of_the_burst_leave_at_once() {
        for (text, burst) in [("50/s", 40), ("1/h", 1), ("2/s", 1), ("5000/s", 80), ("600/min", 8)] {
            let start = Instant::now();
            let mut limit = Gcra::new(rate(text), start);
            assert_eq!(drain(&mut limit, start + Duration::from_secs(100 * 3600)), burst, "{text}");
        }
    }

    #[test]
    fn without_a_limit_everything_may_leave() {
        let now = Instant::now();
        let mut limit = Gcra::new(Limit::NONE, now);
        assert_eq!((limit.earliest(now), drain(&mut limit, now)), (now, 1000));
    }

    #[test]
    fn a_change_of_rate_grants_nothing() {
        for (old, new) in [("50/s", "10/s"), ("10/s", "50/s"), ("1/h", "1000/s"), ("unlimited", "50/s"), ("5/s", "1/h")]
        {
            let start = Instant::now();
            let mut limit = Gcra::new(rate(old), start);
            let later = start + Duration::from_secs(7200);
            if old != "unlimited" {
                drain(&mut limit, later);
            }
            limit.set(rate(new), later);
            assert!(!limit.take(later), "{old} to {new}");
            assert_eq!(limit.earliest(later), later + rate(new).interval, "{old} to {new}");
        }
    }

    #[test]
    fn a_lower_rate_keeps_at_most_its_own_burst() {
        let start = Instant::now();
        let mut limit = Gcra::new(rate("100/s"), start);
        limit.set(rate("10/s"), start + Duration::from_secs(60));
        assert_eq!(drain(&mut limit, start + Duration::from_secs(60)), 8);
    }

    #[test]
    fn a_permit_given_back_can_be_taken_again_but_only_the_last() {
        let start = Instant::now();
        let mut limit = Gcra::new(rate("1/s"), start);
        let now = start + ms(1000);
        assert!(limit.take(now));
        limit.refund();
        limit.refund();
        assert!(limit.take(now) && !limit.take(now));
        let mut limit = Gcra::new(rate("10/s"), start);
        assert_eq!(drain(&mut limit, now), 8);
        limit.refund();
        limit.refund();
        assert_eq!(drain(&mut limit, now), 1);
    }

    #[test]
    fn an_instant_before_the_last_one_breaks_nothing() {
        let start = Instant::now() + ms(10_000);
        let mut limit = Gcra::new(rate("10/s"), start);
        assert!(limit.take(start + ms(100)));
        assert!(!limit.take(start - ms(5000)));
        assert_eq!(limit.earliest(start - ms(5000)), start + ms(200));
        assert!(limit.take(start + ms(200)));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Ask { times: u32 },
        Change(Rate),
        Learn(MilliRate),
        Restart,
        GiveBack,
    }

    fn any_rate() -> impl Strategy<Value = Rate> {
        (1u32..400, prop_oneof![Just(1u64), Just(60), Just(3600)])
            .prop_map(|(messages, per)| Rate::Limited { messages, per: Duration::from_secs(per) })
    }

    fn any_step() -> impl Strategy<Value = (u64, Step)> {
        let gap = prop_oneof![4 => 0u64..20_000_000, 4 => 0u64..2_000_000_000, 1 => 0u64..100_000_000_000];
        let step = prop_oneof![
            12 => (1u32..150).prop_map(|times| Step::Ask { times }),
            2 => any_rate().prop_map(Step::Change),
            2 => (20u64..400_000).prop_map(|milli| Step::Learn(MilliRate(milli))),
            1 => Just(Step::Restart),
            1 => Just(Step::GiveBack),
        ];
        (gap, step)
    }

    /// What a limit promises: messages a second, and a burst.
    type Promise = (f64, f64);

    fn configured(rate: Rate) -> Promise {
        (rate.per_second().unwrap(), f64::from(rate.burst()))
    }

    /// The lower of the two, as the documents say it; independent of [`Limit::learned`].
    fn learned(milli: MilliRate, over: Rate) -> Promise {
        let (rate, (most, burst)) = (milli.0 as f64 / 1000.0, configured(over));
        if rate >= most {
            (most, burst)
        } else {
            (rate, (rate / 10.0).max(if rate < 2.0 { 1.0 } else { 2.0 }).min(burst))
        }
    }

    /// Independent of the limiter: the seconds at which messages left, and the promises by the second from which they
    /// held.
    fn assert_no_window_is_over(left: &[f64], promises: &[(f64, Promise)]) {
        let allowed = |from: f64, to: f64| -> (f64, f64) {
            let mut sum = 0.0;
            let mut burst: f64 = 0.0;
            for (n, (since, promise)) in promises.iter().enumerate() {
                let until = promises.get(n + 1).map_or(f64::MAX, |next| next.0);
                if *since <= to && until >= from {
                    sum += (to.min(until) - from.max(*since)).max(0.0) * promise.0;
                    burst = burst.max(promise.1);
                }
            }
            (sum, burst)
        };
        for (i, from) in left.iter().enumerate() {
            for (j, to) in left.iter().enumerate().skip(i) {
                let (sum, burst) = allowed(*from, *to);
                assert!((j - i + 1) as f64 <= sum + burst + 1e-6, "{} between {from} and {to}", j - i + 1);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn no_window_holds_more_than_the_rate_and_the_burst(
            first in any_rate(),
            steps in proptest::collection::vec(any_step(), 1..60),
        ) {
            let start = Instant::now();
            let (mut now, mut limit) = (start, Gcra::new(Limit::configured(first), start));
            let (mut left, mut promises, mut over) = (Vec::new(), vec![(0.0, configured(first))], first);
            for (gap, step) in steps {
                now += Duration::from_nanos(gap);
                let second = (now - start).as_secs_f64();
                match step {
                    Step::Ask { times } => {
                        left.extend((0..times).filter(|_| limit.take(now)).map(|_| second));
                    }
                    Step::Change(rate) => {
                        limit.set(Limit::configured(rate), now);
                        promises.push((second, configured(rate)));
                        over = rate;
                    }
                    Step::Learn(milli) => {
                        limit.set(Limit::learned(milli, over), now);
                        promises.push((second, learned(milli, over)));
                    }
                    Step::Restart => limit = Gcra::new(limit.limit(), now),
                    Step::GiveBack => {
                        let had = limit.before_last.is_some();
                        limit.refund();
                        if had { left.pop(); }
                    }
                }
                left.truncate(600);
                if left.len() == 600 { break; }
            }
            assert_no_window_is_over(&left, &promises);
        }

        #[test]
        fn who_always_asks_gets_the_rate(rate in any_rate(), delay_percent in 0u32..30) {
            // Each message leaves up to 30 % of the interval late; where the burst allows, that is made up for.
            let start = Instant::now();
            let held = Limit::configured(rate);
            let late = if held.burst > 1 { held.interval * delay_percent / 100 } else { Duration::ZERO };
            let (mut now, mut limit) = (start, Gcra::new(held, start));
            let count = 2000;
            for _ in 0..count {
                now = limit.earliest(now);
                if limit.earliest(now) == now && !limit.take(now) {
                    panic!("refused when due");
                }
                now += late;
            }
            let wanted = f64::from(count) / rate.per_second().unwrap();
            prop_assert!((now - start).as_secs_f64() <= wanted / 0.99);
        }
    }
}
