//! Provides the random streams of native grouping, which are frozen: ChaCha8, with bounded integers of our
//! own.
//!
//! # Words
//!
//! A stream is the sequence of 32-bit words that ChaCha with 8 rounds gives for a key and a stream number,
//! from block 0 on. This is the variant with a 64-bit counter and a 64-bit stream number (D. J. Bernstein's
//! original, not that of RFC 8439). The state of a block has 16 words, all little-endian:
//!
//! | words | content |
//! |---|---|
//! | 0 to 3 | the constants `0x61707865`, `0x3320646e`, `0x79622d32`, `0x6b206574` |
//! | 4 to 11 | the key: bytes 0 to 7 are `seed`, bytes 8 to 15 the epoch, both u64 little-endian; bytes 16 to 31 are 0 |
//! | 12, 13 | the number of the block, low word first |
//! | 14, 15 | the number of the stream, low word first |
//!
//! The words of a block are used in order, word 0 first: each is the sum, modulo 2^32, of the state before
//! the rounds and after.
//!
//! # Streams
//!
//! - Stream 0, with epoch 0 in the key whatever the spec says, draws the seed points.
//! - Stream 1 + g, with the spec's epoch, draws the members for seed point number g, in all rounds of group
//!   oversampling. So a group never depends on how many others are computed, in what order, or where.
//!
//! # Numbers
//!
//! - `below(n)`, a number of 0..n, all equally likely: take a word w, let `t = w * n` in 64 bits; if
//!   `t mod 2^32 < 2^32 mod n`, take another word; else the number is `t div 2^32`. `below(1)` is 0 and takes
//!   no word. (Lemire, "Fast random integer generation in an interval", 2019.)
//! - `draw(p, k)`, the first k steps of a Fisher-Yates shuffle that runs forwards: for i = 0, ..., k - 1,
//!   exchange `p[i]` and `p[i + below(len(p) - i)]`.
//! - `sample(n, k)`, k distinct numbers of 0..n, ascending, by Floyd's algorithm: start with an empty set;
//!   for j = n - k, ..., n - 1, let `t = below(j + 1)`; add t to the set, or j if t is in it already; at the
//!   end, sort.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Holds one stream of random words.
#[derive(Debug)]
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    /// Creates the stream that draws seed points; the epoch has no part in it.
    pub(crate) fn of_seed_points(seed: u64) -> Self {
        Self::new(seed, 0, 0)
    }

    /// Creates the stream that draws members for seed point number `group`, which is the number of its first
    /// group.
    pub(crate) fn of_group(seed: u64, epoch: u64, group: u64) -> Self {
        Self::new(seed, epoch, group.wrapping_add(1))
    }

    fn new(seed: u64, epoch: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&epoch.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        // Before the first draw: afterwards `set_stream` would go on from the middle of the new stream.
        rng.set_stream(stream);
        Self(rng)
    }

    /// Returns a whole number in `0..n`, all equally likely; `n` is at least 1.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        if n == 1 {
            return 0;
        }
        loop {
            let product = u64::from(self.0.next_u32()) * u64::from(n);
            let low = product as u32;
            // 2^32 mod n is below n: where the low half is not, the division is not needed.
            if low >= n || low >= n.wrapping_neg() % n {
                return (product >> 32) as u32;
            }
        }
    }

    /// Moves `count` random items of `items` to its front, in random order: the first steps of a Fisher-Yates
    /// shuffle.
    ///
    /// # Panics
    /// If there are fewer items.
    pub(crate) fn draw<T>(&mut self, items: &mut [T], count: usize) {
        for at in 0..count {
            let from = at + self.below((items.len() - at) as u32) as usize;
            items.swap(at, from);
        }
    }

    /// Returns `count` distinct numbers of `0..n`, ascending: Floyd's algorithm, with one bit per number of
    /// `0..n`.
    ///
    /// # Panics
    /// If `count` is larger than `n`.
    pub(crate) fn sample(&mut self, n: u32, count: u32) -> Vec<u32> {
        let mut taken = vec![0u64; (n as usize).div_ceil(64)];
        let mut take = |number: u32| {
            let (word, bit) = (number as usize / 64, 1 << (number % 64));
            let is_new = taken[word] & bit == 0;
            taken[word] |= bit;
            is_new
        };
        for last in n - count..n {
            if !take(self.below(last + 1)) {
                take(last);
            }
        }
        let mut sample = Vec::with_capacity(count as usize);
        for (word, mut bits) in taken.into_iter().enumerate() {
            while bits != 0 {
                sample.push(word as u32 * 64 + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
        sample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_chacha8() {
        // The first words of ChaCha8 under an all-zero key and nonce; known from the eSTREAM test vectors.
        let mut stream = Stream::of_seed_points(0);
        assert_eq!(stream.0.next_u32().to_le_bytes(), [0x3e, 0x00, 0xef, 0x2f]);
        assert_eq!(stream.0.next_u32().to_le_bytes(), [0x89, 0x5f, 0x40, 0xd6]);
    }

    #[test]
    fn draws_are_frozen() {
        let mut stream = Stream::of_group(42, 7, 3);
        let draws: Vec<u32> = (0..8).map(|_| stream.below(1000)).collect();
        assert_eq!(draws, [671, 777, 692, 735, 692, 869, 686, 493]);
        let sample = Stream::of_seed_points(42).sample(100, 10);
        assert_eq!(sample, [8, 9, 26, 32, 36, 37, 47, 57, 58, 82]);
        let mut items: Vec<u32> = (0..10).collect();
        Stream::of_group(42, 0, 0).draw(&mut items, 4);
        assert_eq!(items[..4], [9, 7, 5, 4]);
    }

    #[test]
    fn samples_are_distinct_ascending_and_even() {
        let mut counts = [0; 20];
        for seed in 0..2000 {
            let sample = Stream::of_seed_points(seed).sample(20, 7);
            assert!(sample.is_sorted_by(|a, b| a < b) && sample.len() == 7);
            sample
                .iter()
                .for_each(|number| counts[*number as usize] += 1);
        }
        // 700 expected each, standard deviation 21.
        assert!(
            counts.iter().all(|count| (600..800).contains(count)),
            "{counts:?}"
        );
        assert_eq!(Stream::of_seed_points(1).sample(5, 5), [0, 1, 2, 3, 4]);
        assert_eq!(Stream::of_seed_points(1).sample(5, 0), [0u32; 0]);
    }
}
