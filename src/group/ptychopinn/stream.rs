//! Reproduces NumPy's legacy global random stream (`np.random.seed`, `permutation`, `choice`).
//!
//! NumPy froze this stream: the same seed gives the same numbers in every version and on every machine. The
//! generator is MT19937 by Matsumoto and Nishimura; what is built on it below follows NumPy's documented and
//! observed behaviour.

use rand_mt::Mt;

/// Holds the stream after `np.random.seed(seed)`.
///
/// The state is filled by the generator's own `init_genrand` (one word), not by `init_by_array`.
#[derive(Debug, Clone)]
pub struct Stream {
    words: Mt,
}

impl Stream {
    /// Starts the stream at `seed`. Every `u32` is a valid seed, and no other number is.
    pub fn new(seed: u32) -> Self {
        Self {
            words: Mt::new(seed),
        }
    }

    /// Returns the next 32-bit word.
    pub fn next_u32(&mut self) -> u32 {
        self.words.next_u32()
    }

    /// Returns a whole number in `0..=max`, all equally likely.
    ///
    /// Words are cut to the bits `max` needs, low bits kept, until one is not above `max`: one word per
    /// trial. Nothing is drawn for `max == 0`.
    pub fn bounded(&mut self, max: u32) -> u32 {
        if max == 0 {
            return 0;
        }
        let mask = u32::MAX >> max.leading_zeros();
        loop {
            let trial = self.next_u32() & mask;
            if trial <= max {
                return trial;
            }
        }
    }

    /// Shuffles in place: from the last place to the second, swap with a [`bounded`](Self::bounded) place not
    /// after it.
    ///
    /// `pop[np.random.permutation(len(pop))]` is `pop` after this.
    pub(super) fn shuffle(&mut self, population: &mut [u32]) {
        for last in (1..population.len()).rev() {
            // Positions and neighbours are counted in u32, so a place fits.
            population.swap(last, self.bounded(last as u32) as usize);
        }
    }

    /// Returns the numbers `0..n`, shuffled: `np.random.permutation(n)`.
    pub fn permutation(&mut self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        self.shuffle(&mut order);
        order
    }

    /// Returns `size` numbers of `0..n`: `np.random.choice(n, size, replace)`.
    ///
    /// Without replacement these are the first of a whole permutation, so `n - 1` bounded numbers are drawn
    /// whatever the size. With replacement every number is drawn on its own, and none at all for `n == 1`.
    ///
    /// # Panics
    ///
    /// Where NumPy raises `ValueError`: more numbers than there are without replacement, or any number of
    /// none.
    pub fn choice(&mut self, n: u32, size: usize, replace: bool) -> Vec<u32> {
        if replace {
            assert!(n > 0 || size == 0, "there is nothing to choose from");
            return (0..size).map(|_| self.bounded(n - 1)).collect();
        }
        assert!(
            size <= n as usize,
            "{size} different numbers do not exist below {n}"
        );
        let mut order = self.permutation(n);
        order.truncate(size);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_published_generator() {
        // mt19937ar.c, init_genrand(5489): the 1st and, as the C++ standard requires, the 10,000th word.
        let mut stream = Stream::new(5489);
        assert_eq!(stream.next_u32(), 3_499_211_612);
        assert_eq!(
            (0..9_999).map(|_| stream.next_u32()).last(),
            Some(4_123_659_995)
        );
    }

    #[test]
    fn permutations_are_numpys() {
        // np.random.seed(42); np.random.permutation(10)
        assert_eq!(
            Stream::new(42).permutation(10),
            [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]
        );
        assert!(Stream::new(0).permutation(0).is_empty());
    }

    #[test]
    fn choices_are_numpys() {
        // np.random.seed(0); np.random.choice(100, 5, replace=False), then replace=True
        assert_eq!(Stream::new(0).choice(100, 5, false), [26, 86, 2, 55, 75]);
        assert_eq!(Stream::new(0).choice(100, 5, true), [44, 47, 64, 67, 67]);
    }

    #[test]
    fn a_single_candidate_costs_no_word() {
        let mut stream = Stream::new(7);
        let mut untouched = stream.clone();
        assert_eq!(stream.choice(1, 4, true), [0; 4]);
        assert_eq!(stream.choice(1, 1, false), [0]);
        assert_eq!(stream.next_u32(), untouched.next_u32());
    }

    #[test]
    fn a_small_choice_costs_a_whole_permutation() {
        let (mut chooses, mut permutes) = (Stream::new(3), Stream::new(3));
        assert_eq!(
            chooses.choice(1000, 2, false),
            permutes.permutation(1000)[..2]
        );
        assert_eq!(chooses.next_u32(), permutes.next_u32());
    }
}
