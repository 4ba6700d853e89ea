//! Looking for an octet of a class in a long run of others.
//!
//! Every letter passes several such scans (what may stand in a body, in JSON, in quoted-printable), and nearly all octets of
//! a letter are of no interest to any of them. Decides nothing.

/// Octets that are looked at in one step.
const STEP: usize = 32;

/// The place of the first octet that `is_wanted`.
#[inline]
pub fn find(octets: &[u8], is_wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = 0;
    for step in octets.chunks_exact(STEP) {
        // Without a way out of the inner loop the compiler compares a whole step at once.
        if step.iter().fold(false, |found, octet| found | is_wanted(*octet)) {
            break;
        }
        at += STEP;
    }
    octets[at..].iter().position(|octet| is_wanted(*octet)).map(|found| at + found)
}

/// The place of the first octet that `is_wanted` where the octet after it stands; the last one has 0 after it.
#[inline]
pub fn find_before(octets: &[u8], is_wanted: impl Fn(u8, u8) -> bool) -> Option<usize> {
    let after = octets.get(1..).unwrap_or_default();
    let mut at = 0;
    for (step, after) in octets.chunks_exact(STEP).zip(after.chunks_exact(STEP)) {
        if step.iter().zip(after).fold(false, |found, (octet, next)| found | is_wanted(*octet, *next)) {
            break;
        }
        at += STEP;
    }
    let next = |place: usize| octets.get(place + 1).copied().unwrap_or(0);
    (at..octets.len()).find(|place| is_wanted(octets[*place], next(*place)))
}

/// How many octets `is_wanted` holds for.
#[inline]
pub fn count(octets: &[u8], is_wanted: impl Fn(u8) -> bool) -> usize {
    // Sums that fit in an octet are made many at a time, in whole steps.
    let of_part = |part: &[u8]| part.iter().fold(0_u8, |sum, octet| sum + u8::from(is_wanted(*octet)));
    octets.chunks(usize::from(u8::MAX) / STEP * STEP).map(|part| usize::from(of_part(part))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_found_wherever_it_stands_and_all_are_counted() {
        for length in 0..100 {
            for place in 0..length {
                let mut octets = vec![b'.'; length];
                octets[place..].fill(b'x');
                assert_eq!(find(&octets, |octet| octet == b'x'), Some(place));
                let before = place.checked_sub(1);
                assert_eq!(find_before(&octets, |octet, next| octet == b'.' && next == b'x'), before);
                assert_eq!(count(&octets, |octet| octet == b'x'), length - place);
            }
            assert_eq!(find(&vec![b'.'; length], |octet| octet == b'x'), None);
            let last = length.checked_sub(1);
            assert_eq!(find_before(&vec![b'.'; length], |octet, next| octet == b'.' && next == 0), last);
        }
        assert_eq!(count(&[b'x'; 1_000], |octet| octet == b'x'), 1_000);
    }
}
