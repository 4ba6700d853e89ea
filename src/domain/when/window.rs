//! The daily window: whether it is open, when it opens and shuts, and how long it was open.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Days, LocalResult, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use super::{WhenError, numbers, offset_of};

/// A window can be missed for a day when the clocks jump over it, and Samoa skipped 30 December 2011 whole; a day more
/// on each side is enough for every zone.
const SEARCH_DAYS: u32 = 5;

/// The hours of each local day in which messages may leave: from the start on, up to but without the end. An end before
/// the start is on the next day.
///
/// What counts is what clocks in the zone show. Where they skip the start, the window opens at the first moment after
/// the jump; where they skip all of it, it stays shut that day; where they repeat an hour, it is open in both or
/// neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    start: NaiveTime,
    end: NaiveTime,
}

impl Window {
    /// Whether the window is open at that instant.
    pub fn contains(&self, utc: DateTime<Utc>, zone: Tz) -> bool {
        let shown = utc.with_timezone(&zone).time();
        if self.start < self.end {
            self.start <= shown && shown < self.end
        } else {
            self.start <= shown || shown < self.end
        }
    }

    /// The first instant from `utc` on at which the window is open: `utc` itself if it is.
    pub fn next_open(&self, utc: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        self.next(utc, zone, true)
    }

    /// The first instant from `utc` on at which the window is shut: `utc` itself if it is.
    pub fn next_close(&self, utc: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
        self.next(utc, zone, false)
    }

    /// How long the window is open between two instants; zero where `b` is not after `a`. Takes two steps a day.
    pub fn open_time_between(&self, a: DateTime<Utc>, b: DateTime<Utc>, zone: Tz) -> Duration {
        let mut total = TimeDelta::zero();
        let mut opened = self.next_open(a, zone);
        while opened < b {
            let shut = self.next_close(opened, zone).min(b);
            total += shut - opened;
            opened = self.next_open(shut, zone);
        }
        total.to_std().unwrap_or(Duration::ZERO)
    }

    fn next(&self, utc: DateTime<Utc>, zone: Tz, open: bool) -> DateTime<Utc> {
        if self.contains(utc, zone) == open {
            return utc;
        }
        let mut from = utc;
        for _ in 0..SEARCH_DAYS {
            let Some(to) = from.checked_add_days(Days::new(1)) else { break };
            let mut edges = self.edges(from, to, zone);
            edges.sort_unstable();
            if let Some(found) = edges.into_iter().find(|edge| self.contains(*edge, zone) == open) {
                return found;
            }
            from = to;
        }
        from
    }

    /// Every instant after `from`, up to `to`, at which the window may open or shut: when clocks show its start or end,
    /// and when they are changed.
    fn edges(&self, from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> Vec<DateTime<Utc>> {
        let mut edges = Vec::new();
        let first = from.with_timezone(&zone).date_naive();
        let last = to.with_timezone(&zone).date_naive();
        for date in first.iter_days().take_while(|date| *date <= last) {
            for time in [self.start, self.end] {
                match zone.from_local_datetime(&date.and_time(time)) {
                    LocalResult::Single(at) => edges.push(at.to_utc()),
                    LocalResult::Ambiguous(a, b) => edges.extend([a.to_utc(), b.to_utc()]),
                    LocalResult::None => {}
                }
            }
        }
        edges.extend(clock_change(from, to, zone));
        edges.retain(|edge| from < *edge && *edge <= to);
        edges
    }
}

/// The instant between two at which the zone's offset changes, if it is another at the end; zones change at most once
/// in a day.
fn clock_change(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    // Changes fall on whole seconds: the search must, too.
    let (mut before, mut after) = (from.with_nanosecond(0)?, to.with_nanosecond(0)?);
    let old = offset_of(zone, before);
    if offset_of(zone, after) == old {
        return None;
    }
    while after - before > TimeDelta::seconds(1) {
        let middle = before + TimeDelta::seconds((after - before).num_seconds() / 2);
        if offset_of(zone, middle) == old {
            before = middle;
        } else {
            after = middle;
        }
    }
    Some(after)
}

impl FromStr for Window {
    type Err = WhenError;

    /// `09:00-20:00`, `20:00-06:00`; `24:00` at the end is midnight.
    fn from_str(text: &str) -> Result<Self, WhenError> {
        let form = || WhenError::WindowForm(text.to_owned());
        let (start, end) = text.trim().split_once('-').ok_or_else(form)?;
        let clock = |text: &str| {
            let [hour, minute] = numbers(text.trim(), ':', [2, 2])?;
            NaiveTime::from_hms_opt(hour, minute, 0)
        };
        let start = clock(start).ok_or_else(form)?;
        let end = if end.trim() == "24:00" { NaiveTime::MIN } else { clock(end).ok_or_else(form)? };
        if start == end { Err(WhenError::WindowEmpty(text.to_owned())) } else { Ok(Self { start, end }) }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start.format("%H:%M"), self.end.format("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::New_York;
    use chrono_tz::Asia::Kathmandu;
    use chrono_tz::Australia::Lord_Howe;
    use chrono_tz::Europe::Berlin;
    use chrono_tz::Pacific::Apia;
    use chrono_tz::TZ_VARIANTS;

    use super::super::parse_at;
    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn at(text: &str) -> DateTime<Utc> {
        let at = parse_at(text, Berlin).unwrap();
        assert_eq!(at.note, None, "{text}");
        at.utc
    }

    fn window(text: &str) -> Window {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_reads_back_as_it_was_written() {
        for text in ["09:00-20:00", "20:00-06:00", "00:00-23:59"] {
            assert_eq!(window(text).to_string(), text);
        }
        assert_eq!(window(" 18:00 - 24:00 ").to_string(), "18:00-00:00");
        for text in ["09:00", "9-20", "09:00-25:00", "24:00-06:00", "", "-", "09:00-20:00-21:00", "09:00–20:00"] {
            assert!(matches!(text.parse::<Window>(), Err(WhenError::WindowForm(_))), "{text:?}");
        }
        for text in ["09:00-09:00", "00:00-24:00"] {
            assert!(matches!(text.parse::<Window>(), Err(WhenError::WindowEmpty(_))), "{text:?}");
        }
    }

    #[test]
    fn a_window_opens_at_its_start_and_is_shut_at_its_end() {
        let day = window("09:00-20:00");
        for (text, open) in [("08:59:59", false), ("09:00:00", true), ("19:59:59", true), ("20:00:00", false)] {
            assert_eq!(day.contains(at(&format!("2026-06-01T{text}")), Berlin), open, "{text}");
        }
        assert_eq!(day.next_open(at("2026-06-01T20:00"), Berlin), at("2026-06-02T09:00"));
        assert_eq!(day.next_open(at("2026-06-01T08:00"), Berlin), at("2026-06-01T09:00"));
        assert_eq!(day.next_open(at("2026-06-01T12:00"), Berlin), at("2026-06-01T12:00"));
        assert_eq!(day.next_close(at("2026-06-01T12:00"), Berlin), at("2026-06-01T20:00"));
        assert_eq!(day.next_close(at("2026-06-01T21:00"), Berlin), at("2026-06-01T21:00"));
    }

    #[test]
    fn a_window_may_reach_over_midnight() {
        let night = window("20:00-06:00");
        assert!(night.contains(at("2026-06-01T23:00"), Berlin) && night.contains(at("2026-06-02T05:59"), Berlin));
        assert!(!night.contains(at("2026-06-02T06:00"), Berlin));
        assert_eq!(night.next_close(at("2026-06-01T20:00"), Berlin), at("2026-06-02T06:00"));
        assert_eq!(night.next_open(at("2026-06-02T06:00"), Berlin), at("2026-06-02T20:00"));
    }

    #[test]
    fn a_start_that_the_clocks_skip_opens_right_after_the_jump() {
        let early = window("02:30-06:00");
        let opens = early.next_open(at("2026-03-29T00:00"), Berlin);
        assert_eq!(opens, at("2026-03-29T03:00"));
        assert_eq!(early.next_open(at("2026-03-30T00:00"), Berlin), at("2026-03-30T02:30"));
        let howe = window("02:10-03:00").next_open(at("2026-10-04T00:00[Australia/Lord_Howe]"), Lord_Howe);
        assert_eq!(howe, at("2026-10-04T02:30[Australia/Lord_Howe]"));
    }

    #[test]
    fn a_window_that_the_clocks_skip_whole_stays_shut_that_day() {
        let inside = window("02:10-02:50");
        assert_eq!(inside.next_open(at("2026-03-29T00:00"), Berlin), at("2026-03-30T02:10"));
        let noon = window("11:00-13:00");
        let skipped = noon.next_open(at("2011-12-29T13:00[Pacific/Apia]"), Apia);
        assert_eq!(skipped, at("2011-12-31T11:00[Pacific/Apia]"));
    }

    #[test]
    fn a_repeated_hour_is_open_by_what_the_clocks_show() {
        let window = window("01:30-02:30");
        let (a, b) = (utc("2026-10-24T22:00:00Z"), utc("2026-10-25T22:00:00Z"));
        assert_eq!(window.next_close(utc("2026-10-25T00:00:00Z"), Berlin), utc("2026-10-25T00:30:00Z"));
        assert_eq!(window.next_open(utc("2026-10-25T00:30:00Z"), Berlin), utc("2026-10-25T01:00:00Z"));
        assert_eq!(window.next_close(utc("2026-10-25T01:00:00Z"), Berlin), utc("2026-10-25T01:30:00Z"));
        assert_eq!(window.open_time_between(a, b, Berlin), Duration::from_secs(90 * 60));
    }

    #[test]
    fn open_time_counts_real_hours_on_days_of_23_and_25() {
        let hours = |window: &str, day: &str, next: &str, zone: Tz| {
            let (a, b) = (in_zone_at(day, zone), in_zone_at(next, zone));
            window.parse::<Window>().unwrap().open_time_between(a, b, zone).as_secs_f64() / 3600.0
        };
        assert_eq!(hours("09:00-20:00", "2026-03-29", "2026-03-30", Berlin), 11.0);
        assert_eq!(hours("00:00-06:00", "2026-03-29", "2026-03-30", Berlin), 5.0);
        assert_eq!(hours("00:00-06:00", "2026-10-25", "2026-10-26", Berlin), 7.0);
        assert_eq!(hours("00:00-06:00", "2026-03-08", "2026-03-09", New_York), 5.0);
        assert_eq!(hours("00:00-06:00", "2026-10-04", "2026-10-05", Lord_Howe), 5.5);
        assert_eq!(hours("00:00-06:00", "2026-04-05", "2026-04-06", Lord_Howe), 6.5);
        assert_eq!(hours("20:00-06:00", "2026-06-01", "2026-06-08", Kathmandu), 70.0);
        assert_eq!(hours("09:00-20:00", "2026-06-02", "2026-06-01", Berlin), 0.0);
    }

    fn in_zone_at(day: &str, zone: Tz) -> DateTime<Utc> {
        parse_at(&format!("{day}T00:00"), zone).unwrap().utc
    }

    #[test]
    fn next_open_agrees_with_looking_at_every_minute() {
        for (zone, from) in [
            (Berlin, "2026-03-28T12:07:30Z"),
            (Berlin, "2026-10-24T12:00:00Z"),
            (New_York, "2026-10-31T12:00:00Z"),
            (Lord_Howe, "2026-04-04T00:00:00Z"),
            (Lord_Howe, "2026-10-03T00:00:00.5Z"),
            (Kathmandu, "1985-12-31T00:00:00Z"),
            (Apia, "2011-12-29T12:00:00Z"),
        ] {
            for text in ["09:00-20:00", "20:00-06:00", "02:10-02:50", "01:30-02:30", "01:45-02:00", "23:59-00:01"] {
                let window = window(text);
                let start = utc(from);
                for open in [true, false] {
                    let looked = (0..3 * 24 * 60 * 60 / 30)
                        .map(|half| if half == 0 { start } else { half_minute(start, half) })
                        .find(|moment| window.contains(*moment, zone) == open)
                        .unwrap();
                    assert_eq!(window.next(start, zone, open), looked, "{text} {zone} from {from}, open: {open}");
                }
            }
        }
    }

    fn half_minute(start: DateTime<Utc>, n: i64) -> DateTime<Utc> {
        let whole = start.timestamp() - start.timestamp().rem_euclid(30) + 30 * n;
        DateTime::from_timestamp(whole, 0).unwrap()
    }

    #[test]
    fn every_zone_opens_and_shuts_within_the_search() {
        let window = window("02:10-02:50");
        for zone in TZ_VARIANTS {
            let mut moment = utc("2026-01-01T00:00:00Z");
            for _ in 0..400 {
                let opens = window.next_open(moment, zone);
                assert!(window.contains(opens, zone), "{zone} after {moment}");
                moment = window.next_close(opens, zone);
                assert!(!window.contains(moment, zone), "{zone} after {opens}");
            }
        }
    }
}
