//! When a person means: a local time with its zone, and the daily window in which messages may leave.
//!
//! Decides which instant a written time stands for, across the days on which clocks change, and whether a window is
//! open. Never asks what time it is: every instant comes in as a value. The daylight saving rules are those of the IANA
//! time zone database as compiled into chrono-tz.

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

mod window;
mod zone;

pub use window::Window;
pub use zone::parse_zone;

/// No offset from UTC was ever over 16 hours (Manila until 1844, Alaska until 1867), so that this far to both sides of a
/// local time the clocks show less and more than it.
const BEYOND_ANY_OFFSET: TimeDelta = TimeDelta::hours(26);
/// A time as somebody wrote it, settled to one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// The instant.
    pub utc: DateTime<Utc>,
    /// The zone it was written in, else the default one: the one to show it in.
    pub zone: Tz,
    /// What the writer should know: that this local time exists twice, which one was taken and how to say the other.
    pub note: Option<String>,
}

/// Why a text is no time or no window. The message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhenError {
    /// Not in one of the forms that are read.
    #[error(
        "{0:?} is not a time: write 2026-11-05T09:00, with a zone 2026-11-05T09:00[Europe/Berlin], or with an offset \
         2026-11-05T09:00+01:00"
    )]
    Form(String),
    /// 30 February, 25 o'clock.
    #[error("{0:?} names a day or a time of day that no calendar has")]
    NoSuchDate(String),
    /// The clocks jump over it.
    #[error(
        "{local} does not exist in {zone}, the clocks go forward over it: write {before}[{zone}] or {after}[{zone}]"
    )]
    Skipped {
        /// As written.
        local: String,
        /// The zone's name.
        zone: &'static str,
        /// The last minute before the jump.
        before: String,
        /// The first moment after it.
        after: String,
    },
    /// Offset and zone contradict each other.
    #[error("{local} does not have the offset {offset} in {zone}: leave the offset out, or write {right}")]
    OffsetOfAnotherZone {
        /// As written.
        local: String,
        /// As written.
        offset: String,
        /// The zone's name.
        zone: &'static str,
        /// The same instant with the zone's own offset.
        right: String,
    },
    /// No such zone in the IANA database.
    #[error("{name:?} is not a time zone: {hint}")]
    UnknownZone {
        /// As written.
        name: String,
        /// Similar names, or how such a name looks.
        hint: String,
    },
    /// Not `HH:MM-HH:MM`.
    #[error("{0:?} is not a window: write it as 09:00-20:00, over midnight as 20:00-06:00")]
    WindowForm(String),
    /// Start and end are the same.
    #[error("the window {0:?} ends when it starts: leave it out if messages may leave at any time of the day")]
    WindowEmpty(String),
}

/// Reads `YYYY-MM-DDTHH:MM[Zone/City]`: the zone is optional, seconds are allowed, a space may stand for the `T`, and a
/// `Z` or an offset may follow (RFC 3339 §5.6, with RFC 9557's zone in brackets).
///
/// Without an offset it is local time in its zone or `default_zone`. A local time that exists twice is taken as the
/// first one, with a note.
///
/// # Errors
/// [`WhenError`] for anything unreadable, a zone that is not known, a local time that the clocks skip, and an offset that
/// the zone given with it does not have at that time.
pub fn parse_at(text: &str, default_zone: Tz) -> Result<At, WhenError> {
    let form = || WhenError::Form(text.to_owned());
    let written = text.trim();
    let (stamp, zone) = match written.strip_suffix(']') {
        Some(rest) => {
            let (stamp, name) = rest.split_once('[').ok_or_else(form)?;
            (stamp.trim_end(), Some(parse_zone(name)?))
        }
        None => (written, None),
    };
    let (local, offset) = split_stamp(stamp).ok_or_else(form)?;
    let naive = parse_local(local).ok_or_else(form)?.ok_or_else(|| WhenError::NoSuchDate(local.to_owned()))?;
    match offset {
        None => in_zone(naive, zone.unwrap_or(default_zone)),
        Some("Z" | "z") => Ok(At { utc: naive.and_utc(), zone: zone.unwrap_or(default_zone), note: None }),
        Some(offset) => {
            let fixed: FixedOffset = offset.parse().map_err(|_| form())?;
            let utc = naive.checked_sub_offset(fixed).ok_or_else(|| WhenError::NoSuchDate(local.to_owned()))?.and_utc();
            match zone {
                Some(zone) if offset_of(zone, utc) != fixed => Err(WhenError::OffsetOfAnotherZone {
                    local: local.to_owned(),
                    offset: offset.to_owned(),
                    zone: zone.name(),
                    right: with_offset(utc, zone),
                }),
                _ => Ok(At { utc, zone: zone.unwrap_or(default_zone), note: None }),
            }
        }
    }
}

/// The local part of a stamp and its `Z` or offset; the date's own hyphens are not taken for a sign.
fn split_stamp(stamp: &str) -> Option<(&str, Option<&str>)> {
    const DATE_LEN: usize = "2026-11-05".len();
    let clock = stamp.get(DATE_LEN..)?;
    match clock.find(['Z', 'z', '+', '-']) {
        None => Some((stamp, None)),
        Some(at) => {
            let (local, offset) = stamp.split_at(DATE_LEN + at);
            let hours_and_minutes = offset.len() == "+01:00".len() && offset.is_ascii();
            (hours_and_minutes || offset.eq_ignore_ascii_case("z")).then_some((local.trim_end(), Some(offset)))
        }
    }
}

/// `None`: another form. `Some(None)`: the form is right, but there is no such day or time of day.
fn parse_local(text: &str) -> Option<Option<NaiveDateTime>> {
    let (date, clock) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (hour, minute, second) = match clock.len() {
        5 => {
            let [hour, minute] = numbers(clock, ':', [2, 2])?;
            (hour, minute, 0)
        }
        _ => {
            let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
            (hour, minute, second)
        }
    };
    let date = i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, day));
    Some(date.and_then(|date| date.and_hms_opt(hour, minute, second)))
}

/// Exactly `N` numbers of the given widths.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u32; N]> {
    let mut found = [0; N];
    let mut parts = text.split(separator);
    for (slot, width) in found.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width && part.bytes().all(|b| b.is_ascii_digit()))?;
        *slot = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// A local time in its zone: refused where the clocks skip it, the first of two where they repeat it.
fn in_zone(naive: NaiveDateTime, zone: Tz) -> Result<At, WhenError> {
    match zone.from_local_datetime(&naive) {
        LocalResult::Single(at) => Ok(At { utc: at.to_utc(), zone, note: None }),
        LocalResult::Ambiguous(first, second) => {
            let (first, second) = (first.to_utc().min(second.to_utc()), first.to_utc().max(second.to_utc()));
            let note = format!(
                "{} exists twice in {}, the clocks go back over it: taken as the first ({} UTC); for the second ({} \
                 UTC) write {}",
                short(naive),
                zone.name(),
                short(first.naive_utc()),
                short(second.naive_utc()),
                with_offset(second, zone),
            );
            Ok(At { utc: first, zone, note: Some(note) })
        }
        LocalResult::None => {
            let (before, after) = around_jump(naive, zone);
            Err(WhenError::Skipped {
                local: short(naive),
                zone: zone.name(),
                before: short(before.with_second(0).unwrap_or(before)),
                after: short(after),
            })
        }
    }
}

/// The last second before and the first second after the jump that skips `naive`.
fn around_jump(naive: NaiveDateTime, zone: Tz) -> (NaiveDateTime, NaiveDateTime) {
    let shown = |utc: DateTime<Utc>| utc.with_timezone(&zone).naive_local();
    let (mut below, mut above) = (naive.and_utc() - BEYOND_ANY_OFFSET, naive.and_utc() + BEYOND_ANY_OFFSET);
    // Clocks never show `naive`, so one second lies between the last lower and the first higher reading.
    while above - below > TimeDelta::seconds(1) {
        let middle = below + TimeDelta::seconds((above - below).num_seconds() / 2);
        if shown(middle) < naive {
            below = middle;
        } else {
            above = middle;
        }
    }
    (shown(below), shown(above))
}

fn offset_of(zone: Tz, utc: DateTime<Utc>) -> FixedOffset {
    zone.offset_from_utc_datetime(&utc.naive_utc()).fix()
}

/// `2026-10-25T02:30`, with seconds only where they say something.
fn short(naive: NaiveDateTime) -> String {
    naive.format(if naive.second() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" }).to_string()
}

/// `2026-10-25T02:30+01:00[Europe/Berlin]`: the form that leaves no doubt.
fn with_offset(utc: DateTime<Utc>, zone: Tz) -> String {
    let local = utc.with_timezone(&zone);
    format!("{}{}[{}]", short(local.naive_local()), local.format("%:z"), zone.name())
}

#[cfg(test)]
mod tests {
    use chrono_tz::America::New_York;
    use chrono_tz::Asia::Kathmandu;
    use chrono_tz::Europe::Berlin;

    use super::*;

    fn utc(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().to_utc()
    }

    fn at(text: &str) -> DateTime<Utc> {
        let at = parse_at(text, Berlin).unwrap();
        assert_eq!(at.note, None, "{text}");
        at.utc
    }

    #[test]
    fn a_time_is_read_in_every_form_of_the_interface() {
        for text in [
            "2026-11-05T09:00",
            "2026-11-05 09:00",
            "2026-11-05t09:00:00",
            " 2026-11-05T09:00[Europe/Berlin] ",
            "2026-11-05T09:00+01:00",
            "2026-11-05T08:00Z",
            "2026-11-05T08:00:00z[Europe/Berlin]",
            "2026-11-05T03:00[America/New_York]",
            "2026-11-05T03:00-05:00[America/New_York]",
            "2026-11-05T13:45[Asia/Kathmandu]",
        ] {
            assert_eq!(at(text), utc("2026-11-05T08:00:00Z"), "{text}");
        }
    }

    #[test]
    fn the_zone_is_the_one_written_else_the_default() {
        assert_eq!(parse_at("2026-11-05T09:00[Asia/Kathmandu]", Berlin).unwrap().zone, Kathmandu);
        assert_eq!(parse_at("2026-11-05T09:00", New_York).unwrap().zone, New_York);
        assert_eq!(parse_at("2026-11-05T09:00Z", New_York).unwrap().zone, New_York);
    }

    #[test]
    fn anything_else_is_refused_without_a_panic() {
        for text in [
            "",
            "T",
            "now",
            "2026-11-05",
            "2026-11-05T9:00",
            "2026-11-05T09",
            "26-11-05T09:00",
            "2026-11-05T09:00[",
            "2026-11-05T09:00]",
            "2026-11-05T09:00+1",
            "2026-11-05T09:00+99:00",
            "2026-11-05T09:00 CET",
            "2026-11-05T09:00+01:00Z",
            "2026/11/05T09:00",
            "+2026-11-05T09:00",
            "äöüäöüäöü09:00",
        ] {
            assert!(matches!(parse_at(text, Berlin), Err(WhenError::Form(_))), "{text:?} {:?}", parse_at(text, Berlin));
        }
        for text in ["2026-02-30T09:00", "2026-11-05T25:00", "2026-13-05T09:00", "2026-11-05T09:00:60"] {
            assert!(matches!(parse_at(text, Berlin), Err(WhenError::NoSuchDate(_))), "{text:?}");
        }
    }

    #[test]
    fn a_time_the_clocks_skip_is_refused_with_the_two_nearest() {
        let nearest = |text: &str| match parse_at(text, Berlin).unwrap_err() {
            WhenError::Skipped { before, after, .. } => (before, after),
            other => panic!("{text}: {other}"),
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(nearest("2026-03-29T02:30"), pair("2026-03-29T01:59", "2026-03-29T03:00"));
        assert_eq!(nearest("2026-03-29T02:00"), pair("2026-03-29T01:59", "2026-03-29T03:00"));
        assert_eq!(nearest("2026-03-08T02:59[America/New_York]"), pair("2026-03-08T01:59", "2026-03-08T03:00"));
        assert_eq!(nearest("2026-10-04T02:15[Australia/Lord_Howe]"), pair("2026-10-04T01:59", "2026-10-04T02:30"));
        assert_eq!(nearest("1986-01-01T00:07[Asia/Kathmandu]"), pair("1985-12-31T23:59", "1986-01-01T00:15"));
        assert_eq!(nearest("2011-12-30T12:00[Pacific/Apia]"), pair("2011-12-29T23:59", "2011-12-31T00:00"));
        assert_eq!(nearest("1980-04-06T02:30"), pair("1980-04-06T01:59", "1980-04-06T03:00"));
        let message = parse_at("2026-03-29T02:30", Berlin).unwrap_err().to_string();
        assert!(message.contains("2026-03-29T03:00[Europe/Berlin]"), "{message}");
    }

    #[test]
    fn what_the_refusal_suggests_is_accepted() {
        for text in ["2026-03-29T02:30", "2026-10-04T02:15[Australia/Lord_Howe]", "2011-12-30T00:00[Pacific/Apia]"] {
            let Err(WhenError::Skipped { zone, before, after, .. }) = parse_at(text, Berlin) else { panic!("{text}") };
            assert!(at(&format!("{before}[{zone}]")) < at(&format!("{after}[{zone}]")));
        }
    }

    #[test]
    fn a_time_that_exists_twice_is_the_first_and_says_how_to_write_the_second() {
        for (text, first, second) in [
            ("2026-10-25T02:30[Europe/Berlin]", "2026-10-25T00:30", "2026-10-25T02:30+01:00[Europe/Berlin]"),
            ("2026-11-01T01:30[America/New_York]", "2026-11-01T05:30", "2026-11-01T01:30-05:00[America/New_York]"),
            (
                "2026-04-05T01:45[Australia/Lord_Howe]",
                "2026-04-04T14:45",
                "2026-04-05T01:45+10:30[Australia/Lord_Howe]",
            ),
            ("1979-10-28T01:30[America/New_York]", "1979-10-28T05:30", "1979-10-28T01:30-05:00[America/New_York]"),
        ] {
            let read = parse_at(text, Berlin).unwrap();
            assert_eq!(read.utc, utc(&format!("{first}:00Z")), "{text}");
            let note = read.note.unwrap();
            assert!(note.contains(first) && note.contains(second), "{note}");
            let later = parse_at(second, Berlin).unwrap();
            assert!(later.utc > read.utc && later.note.is_none());
            assert!(note.contains(&short(later.utc.naive_utc())), "{note}");
        }
    }

    #[test]
    fn an_offset_that_the_zone_does_not_have_is_refused_with_the_right_one() {
        let error = parse_at("2026-07-01T09:00+01:00[Europe/Berlin]", Berlin).unwrap_err();
        assert!(error.to_string().contains("2026-07-01T10:00+02:00[Europe/Berlin]"), "{error}");
    }
}
