//! The Merkle tree hash of RFC 6962 §2.1: leaf, node, and a root made while the leaves pass by.

use crate::crypto::{Hash, sha256};

/// SHA-256(0x00 ‖ bytes).
pub fn leaf_hash(bytes: &[u8]) -> Hash {
    sha256(&[&[0], bytes])
}

/// SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// A root over leaves that come one by one, in memory of one hash a level.
#[derive(Debug, Clone, Default)]
pub struct RootBuilder {
    /// Roots of complete subtrees, largest first; the bits of `size` say which heights are there.
    subtrees: Vec<Hash>,
    size: u64,
}

impl RootBuilder {
    /// Adds the hash of the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        let mut size = self.size;
        while size & 1 == 1 {
            if let Some(left) = self.subtrees.pop() {
                node = node_hash(&left, &node);
            }
            size >>= 1;
        }
        self.subtrees.push(node);
        self.size += 1;
    }

    /// How many leaves were added.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root so far; of no leaves, SHA-256 of nothing.
    pub fn root(&self) -> Hash {
        let mut from_small = self.subtrees.iter().rev();
        match from_small.next() {
            None => sha256(&[]),
            Some(first) => from_small.fold(*first, |right, left| node_hash(left, &right)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The eight inputs and the roots after each, as published with the reference code of RFC 6962.
    #[test]
    fn the_published_test_vectors_hold() {
        let inputs =
            ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut builder = RootBuilder::default();
        assert_eq!(hex::encode(builder.root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (input, root) in inputs.iter().zip(roots) {
            builder.push(leaf_hash(&hex::decode(input).unwrap()));
            assert_eq!(hex::encode(builder.root()), root);
        }
        assert_eq!(builder.size(), 8);
    }
}
