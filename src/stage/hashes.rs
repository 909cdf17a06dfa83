//! A set of texts that keeps 128-bit hashes: 16 bytes for each ARN instead of 150.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

use siphasher::sip128::{Hasher128, SipHasher13};

/// How many hashes stay in a single table. Most lists are shorter.
const SHORT: usize = 8_192;

/// How many tables a longer list has. While a table doubles it needs its old and its new memory, and many tables do not double all
/// at once. A power of two would have them all just above the size at which they double, if a round number of ARNs is listed.
const SHARDS: usize = 48;

/// A set of texts, kept as hashes. That two texts have the same hash is as unlikely as a broken disk.
#[derive(Debug, Default)]
pub(super) struct Hashes(Vec<Table>);

type Table = HashSet<u128, BuildHasherDefault<IdentityHasher>>;

impl Hashes {
    /// Whether `text` is new.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        if self.0.is_empty() {
            self.0.push(Table::default());
        } else if self.0.len() == 1 && self.0[0].len() == SHORT {
            self.spread();
        }
        let mut hasher = SipHasher13::new();
        text.hash(&mut hasher);
        let hash = hasher.finish128().as_u128();
        let shard = shard(hash, self.0.len());
        self.0[shard].insert(hash)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn spread(&mut self) {
        let all = std::mem::take(&mut self.0);
        self.0.resize_with(SHARDS, Table::default);
        for hash in all.into_iter().flatten() {
            self.0[shard(hash, SHARDS)].insert(hash);
        }
    }
}

/// A table places a hash by its lower half, so the upper half chooses the table.
#[allow(clippy::cast_possible_truncation, reason = "any bits will do")]
fn shard(hash: u128, shards: usize) -> usize {
    (hash >> 64) as usize % shards
}

/// A hasher for hashes, which need no hashing.
#[derive(Debug, Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
    fn write(&mut self, bytes: &[u8]) {
        // Never called for `u128`. `Hasher` requires it.
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    #[allow(clippy::cast_possible_truncation, reason = "its lower half is as good as all of it")]
    fn write_u128(&mut self, hash: u128) {
        self.0 = hash as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_new_once_also_when_the_tables_are_spread() {
        let mut seen = Hashes::default();
        assert!(seen.is_empty());
        let texts = || (0..3 * SHORT).map(|n| format!("arn:{n}"));
        assert!(texts().all(|text| seen.insert(&text)));
        assert!(!texts().any(|text| seen.insert(&text)));
        assert_eq!((seen.0.len(), seen.0.iter().map(HashSet::len).sum::<usize>()), (SHARDS, 3 * SHORT));
        let even = 3 * SHORT / SHARDS;
        assert!(seen.0.iter().all(|table| (even / 2..2 * even).contains(&table.len())), "they share it evenly");
    }
}
