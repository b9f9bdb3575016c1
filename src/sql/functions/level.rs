//! Holds levels that pixels are compared with, without rounding either.

/// Holds a number that pixels are compared with.
#[derive(Debug, Clone, Copy)]
pub enum Level {
    /// An integer.
    Whole(i128),
    /// Any other number.
    Real(f64),
}

impl Level {
    /// Returns the smallest f64 that is not below the level.
    pub fn as_real(self) -> f64 {
        match self {
            Self::Real(level) => level,
            Self::Whole(level) => match level as f64 {
                rounded if (rounded as i128) < level => rounded.next_up(),
                rounded => rounded,
            },
        }
    }

    /// Returns the smallest integer that is not below the level, as far as i128 has it; `None` for NaN.
    pub fn as_whole(self) -> Option<i128> {
        match self {
            Self::Whole(level) => Some(level),
            Self::Real(level) => (!level.is_nan()).then(|| level.ceil() as i128),
        }
    }
}
