//! Counts combinations.

/// Returns the number of ways to choose `k` of `n` items, or `limit` if that is less.
pub fn combinations(n: usize, k: usize, limit: u128) -> u128 {
    if k > n {
        return 0;
    }
    let mut count = 1_u128;
    for i in 0..k.min(n - k) {
        // The count grows with every step, so it may stop at the limit.
        count = match count.checked_mul((n - i) as u128) {
            Some(product) => product / (i as u128 + 1),
            None => return limit,
        };
        if count >= limit {
            return limit;
        }
    }
    count.min(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combinations_are_binomial() {
        let all = |n, k| combinations(n, k, u128::MAX);
        assert_eq!([all(6, 4), all(3, 4), all(4, 4), all(5, 0)], [15, 0, 1, 1]);
        assert_eq!(all(60, 30), 118_264_581_564_861_424);
        assert_eq!(all(4000, 2000), u128::MAX);
    }

    #[test]
    fn combinations_stop_at_the_limit() {
        assert_eq!(
            [14, 15, 16].map(|limit| combinations(6, 4, limit)),
            [14, 15, 15]
        );
        assert_eq!(combinations(4, 4, 0), 0);
        let huge = combinations(usize::MAX, usize::MAX / 2, usize::MAX as u128);
        assert_eq!(huge, usize::MAX as u128);
    }
}
