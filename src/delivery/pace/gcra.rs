//! One limit: the generic cell rate algorithm.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::rate::Rate;

/// Between the permit and the wire a message is held up by a varying few milliseconds, so that the server may see two
/// messages closer together than they were let go. A fifth of the burst is kept back for that.
const BURST_SHARE_PERCENT: u32 = 80;

/// One limit, by the generic cell rate algorithm (ITU-T I.371, 2004, Annex A): equal to a bucket that holds a burst of
/// permits and gains one per interval.
#[derive(Debug, Clone)]
pub struct Gcra {
    rate: Rate,
    /// When the bucket will be, or was, full.
    full_at: Instant,
    /// `full_at` before the last permit, as long as that one can be given back.
    before_last: Option<Instant>,
}

impl Gcra {
    /// A limit that starts empty at `now`: the first message may leave one interval later. Nobody knows here what left
    /// just before a restart, so nothing is granted for that time.
    pub fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, full_at: now + interval(rate) * burst(rate), before_last: None }
    }

    /// The rate in force.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// When the next message may leave: `now`, or later.
    pub fn earliest(&self, now: Instant) -> Instant {
        if self.rate == Rate::Unlimited {
            return now;
        }
        let one_permit = now + interval(self.rate) * (burst(self.rate) - 1);
        now + self.full_at.saturating_duration_since(one_permit)
    }

    /// Takes a permit if one is there; `false` leaves everything as it was.
    pub fn take(&mut self, now: Instant) -> bool {
        if self.earliest(now) > now {
            return false;
        }
        self.before_last = Some(self.full_at);
        self.full_at = self.full_at.max(now) + interval(self.rate);
        true
    }

    /// Gives the last permit back, because its message did not leave. Where another was taken since, or the rate was
    /// changed, nothing is given back: an interval lost is better than a limit broken.
    pub fn refund(&mut self) {
        if let Some(before) = self.before_last.take() {
            self.full_at = before;
        }
    }

    /// Changes the rate. The permits at hand stay, but never more than the new burst; none is added. From `unlimited`,
    /// the limit starts empty.
    pub fn set_rate(&mut self, rate: Rate, now: Instant) {
        if rate == self.rate {
            return;
        }
        if self.rate == Rate::Unlimited || rate == Rate::Unlimited {
            *self = Self::new(rate, now);
            return;
        }
        let (old, new) = (interval(self.rate).as_nanos(), interval(rate).as_nanos());
        // Counted in missing permits, as nanoseconds of the new interval; rounded up, so that no fraction is gained.
        let missing = (self.full_at.saturating_duration_since(now).as_nanos() * new).div_ceil(old.max(1));
        let larger = new * u128::from(burst(rate).saturating_sub(burst(self.rate)));
        let smaller = new * u128::from(burst(self.rate).saturating_sub(burst(rate)));
        let missing = (missing + larger).saturating_sub(smaller);
        self.full_at = now + Duration::from_nanos(u64::try_from(missing).unwrap_or(u64::MAX));
        self.before_last = None;
        self.rate = rate;
    }
}

/// The time between two messages, rounded up: rounded down, a long window would hold one too many.
fn interval(rate: Rate) -> Duration {
    match rate {
        Rate::Unlimited => Duration::ZERO,
        Rate::Limited { messages, per } => {
            let nanos = per.as_nanos().div_ceil(u128::from(messages.max(1)));
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        }
    }
}

/// How many permits the bucket holds.
fn burst(rate: Rate) -> u32 {
    (rate.burst() * BURST_SHARE_PERCENT / 100).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(text: &str) -> Rate {
        text.parse().unwrap()
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
        let mut limit = Gcra::new(Rate::Unlimited, now);
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
            limit.set_rate(rate(new), later);
            assert!(!limit.take(later), "{old} to {new}");
            assert_eq!(limit.earliest(later), later + interval(rate(new)), "{old} to {new}");
        }
    }

    #[test]
    fn a_lower_rate_keeps_at_most_its_own_burst() {
        let start = Instant::now();
        let mut limit = Gcra::new(rate("100/s"), start);
        limit.set_rate(rate("10/s"), start + Duration::from_secs(60));
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
            1 => Just(Step::Restart),
            1 => Just(Step::GiveBack),
        ];
        (gap, step)
    }

    /// Independent of the limiter: the seconds at which messages left, and the rates by the second from which they held.
    fn assert_no_window_is_over(left: &[f64], rates: &[(f64, Rate)]) {
        let allowed = |from: f64, to: f64| -> (f64, f64) {
            let mut sum = 0.0;
            let mut burst: f64 = 0.0;
            for (n, (since, rate)) in rates.iter().enumerate() {
                let until = rates.get(n + 1).map_or(f64::MAX, |next| next.0);
                if *since <= to && until >= from {
                    sum += (to.min(until) - from.max(*since)).max(0.0) * rate.per_second().unwrap();
                    burst = burst.max(f64::from(rate.burst()));
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
            let (mut now, mut limit) = (start, Gcra::new(first, start));
            let (mut left, mut rates) = (Vec::new(), vec![(0.0, first)]);
            for (gap, step) in steps {
                now += Duration::from_nanos(gap);
                let second = (now - start).as_secs_f64();
                match step {
                    Step::Ask { times } => {
                        left.extend((0..times).filter(|_| limit.take(now)).map(|_| second));
                    }
                    Step::Change(rate) => {
                        limit.set_rate(rate, now);
                        rates.push((second, rate));
                    }
                    Step::Restart => limit = Gcra::new(limit.rate(), now),
                    Step::GiveBack => {
                        let had = limit.before_last.is_some();
                        limit.refund();
                        if had { left.pop(); }
                    }
                }
                left.truncate(600);
                if left.len() == 600 { break; }
            }
            assert_no_window_is_over(&left, &rates);
        }

        #[test]
        fn who_always_asks_gets_the_rate(rate in any_rate(), delay_percent in 0u32..30) {
            // Each message leaves up to 30 % of the interval late; where the burst allows, that is made up for.
            let start = Instant::now();
            let late = if burst(rate) > 1 { interval(rate) * delay_percent / 100 } else { Duration::ZERO };
            let (mut now, mut limit) = (start, Gcra::new(rate, start));
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
