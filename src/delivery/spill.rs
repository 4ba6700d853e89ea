//! Recipients of domains whose lane is full: only their row numbers wait in memory, in one or two octets each, so that a
//! pass over a million people need not be made twice because one provider is slow.

use std::collections::{HashMap, VecDeque};

/// Row numbers by domain, in the order of the pass.
#[derive(Default)]
pub struct Spill {
    domains: HashMap<String, Ids>,
}

/// Row numbers as differences from one to the next, in base 128.
#[derive(Default)]
struct Ids {
    octets: VecDeque<u8>,
    last_in: i64,
    last_out: i64,
}

impl Spill {
    /// Adds a recipient.
    pub fn push(&mut self, domain: &str, id: i64) {
        match self.domains.get_mut(domain) {
            Some(ids) => ids.push(id),
            None => self.domains.entry(domain.to_owned()).or_default().push(id),
        }
    }

    /// Takes out up to `most` recipients of each domain that has room, in their order.
    pub fn take(&mut self, room: impl Fn(&str) -> usize) -> Vec<i64> {
        let mut out = Vec::new();
        self.domains.retain(|domain, ids| {
            for _ in 0..room(domain) {
                let Some(id) = ids.pop() else { break };
                out.push(id);
            }
            !ids.octets.is_empty()
        });
        out
    }

    /// Forgets everybody; a new pass finds them.
    pub fn clear(&mut self) {
        self.domains.clear();
    }
}

impl Ids {
    fn push(&mut self, id: i64) {
        let step = id.wrapping_sub(self.last_in);
        self.last_in = id;
        // Zigzag: small steps in either direction are small numbers.
        let mut left = (step.wrapping_shl(1) ^ (step >> 63)).cast_unsigned();
        while left >= 0x80 {
            self.octets.push_back((left & 0x7f) as u8 | 0x80);
            left >>= 7;
        }
        self.octets.push_back(left as u8);
    }

    fn pop(&mut self) -> Option<i64> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let octet = self.octets.pop_front()?;
            value |= u64::from(octet & 0x7f) << shift;
            if octet < 0x80 {
                break;
            }
            shift += 7;
        }
        let step = (value >> 1).cast_signed() ^ -((value & 1).cast_signed());
        self.last_out = self.last_out.wrapping_add(step);
        Some(self.last_out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whoever_waits_comes_out_in_order(ids in proptest::collection::vec(any::<i64>(), 0..50), first in 0_usize..20) {
            let mut spill = Spill::default();
            ids.iter().for_each(|id| spill.push("a.example", *id));
            let mut out = spill.take(|_| first);
            spill.push("a.example", 7);
            out.extend(spill.take(|_| 1_000));
            prop_assert_eq!(out, ids.into_iter().chain([7]).collect::<Vec<i64>>());
            prop_assert!(spill.take(|_| 1_000).is_empty());
        }
    }

    #[test]
    fn a_neighbour_takes_one_octet() {
        let mut spill = Spill::default();
        (1..=1_000).for_each(|id| spill.push("a.example", id));
        assert_eq!(spill.domains["a.example"].octets.len(), 1_000);
    }
}
