//! Looking for an octet of a class in a long run of others.
//!
//! Every letter passes several such scans (what may stand in a body, in JSON, in quoted-printable), and nearly all octets of
//! a letter are of no interest to any of them. Decides nothing.

/// Octets that are looked at in one step.
const STEP: usize = 32;

/// Octets whose hits are kept in one mask.
const MASK: usize = 64;

/// The places of all octets that are `is_wanted`, in order.
///
/// For what stands close together, such as line ends and quotation marks: a search that begins anew at each of them costs
/// more than all the rest of its scan.
#[inline]
pub fn places<F: Fn(u8) -> bool>(octets: &[u8], is_wanted: F) -> Places<'_, F> {
    Places { rest: octets, mask: 0, base: 0, next: 0, is_wanted }
}

/// See [`places`].
pub struct Places<'o, F> {
    rest: &'o [u8],
    /// Bit n: the octet n places behind `base` is wanted, and was not given yet.
    mask: u64,
    base: usize,
    /// The place of the first octet of `rest`.
    next: usize,
    is_wanted: F,
}

impl<F: Fn(u8) -> bool> Iterator for Places<'_, F> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.mask == 0 {
            self.base = self.next;
            if let Some((step, rest)) = self.rest.split_first_chunk::<MASK>() {
                self.mask = mask(step, &self.is_wanted);
                self.rest = rest;
                self.next += MASK;
            } else if self.rest.is_empty() {
                return None;
            } else {
                let octets = self.rest.len();
                let mut step = [0; MASK];
                step[..octets].copy_from_slice(self.rest);
                self.mask = mask(&step, &self.is_wanted) & ((1 << octets) - 1);
                self.rest = &[];
                self.next += octets;
            }
        }
        let place = self.base + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(place)
    }
}

#[inline]
fn mask(step: &[u8; MASK], is_wanted: &impl Fn(u8) -> bool) -> u64 {
    /// Moves the lowest bit of octet n to bit n of the highest octet: 8 n + (56 - 7 n) = 56 + n.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    // Compared many at a time, into ones and zeros.
    let mut hits = [0; MASK];
    for (hit, octet) in hits.iter_mut().zip(step) {
        *hit = u8::from(is_wanted(*octet));
    }
    let (eights, _) = hits.as_chunks::<8>();
    let gathered = eights.iter().enumerate();
    gathered.fold(0, |mask, (at, eight)| mask | (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (8 * at))
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
                let before = place.checked_sub(1);
                assert_eq!(find_before(&octets, |octet, next| octet == b'.' && next == b'x'), before);
                assert_eq!(count(&octets, |octet| octet == b'x'), length - place);
            }
            let last = length.checked_sub(1);
            assert_eq!(find_before(&vec![b'.'; length], |octet, next| octet == b'.' && next == 0), last);
        }
        assert_eq!(count(&[b'x'; 1_000], |octet| octet == b'x'), 1_000);
    }

    #[test]
    fn every_place_is_given_once_and_in_order() {
        for length in 0..200 {
            for distance in 1..70 {
                let octets: Vec<u8> = (0..length).map(|at| if at % distance == 0 { b'x' } else { b'.' }).collect();
                let found: Vec<usize> = places(&octets, |octet| octet == b'x').collect();
                assert_eq!(found, (0..length).step_by(distance).collect::<Vec<_>>());
                // What fills up the last step is no part of the octets.
                assert_eq!(places(&octets, |octet| octet == 0).next(), None);
            }
            assert!(places(&vec![0xff; length], |octet| octet == 0xff).eq(0..length));
        }
    }
}
