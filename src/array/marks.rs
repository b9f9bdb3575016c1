//! Marks values of rows as bad, by their place or by what they are, and sets them to 0.

use std::sync::Arc;

/// Says which values of a row are bad: those at some places of every row, and those that are one of some
/// values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Marks {
    /// Whether the value at each place of a row is bad, if any is.
    pub places: Option<Arc<[bool]>>,
    /// The values that are bad wherever they are.
    pub values: Vec<MarkedValue>,
    /// The number of bytes of a value.
    pub size: usize,
    /// Whether values are big-endian.
    pub big_endian: bool,
}

/// Describes values by their bits, as an unsigned integer of as many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkedValue {
    /// The value with exactly these bits.
    Bits(u64),
    /// The values of which these bits, taken as a number, are larger than a limit: those that are "not a
    /// number" of a type of floats.
    Above {
        /// The bits that are looked at: all but the sign.
        mask: u64,
        /// The bits of infinity.
        limit: u64,
    },
}

impl MarkedValue {
    fn is(self, bits: u64) -> bool {
        match self {
            Self::Bits(bad) => bits == bad,
            Self::Above { mask, limit } => bits & mask > limit,
        }
    }
}

impl Marks {
    /// Sets the bad values of a row to 0.
    pub fn clear(&self, row: &mut [u8]) {
        if let Some(places) = &self.places {
            row.chunks_exact_mut(self.size)
                .zip(places.iter())
                .filter(|(_, bad)| **bad)
                .for_each(|(value, _)| value.fill(0));
        }
        if self.values.is_empty() {
            return;
        }
        match self.size {
            1 => self.clear_values::<1>(row),
            2 => self.clear_values::<2>(row),
            4 => self.clear_values::<4>(row),
            _ => self.clear_values::<8>(row),
        }
    }

    fn clear_values<const SIZE: usize>(&self, row: &mut [u8]) {
        for value in row.as_chunks_mut::<SIZE>().0 {
            if self.is_bad(bits(*value, self.big_endian)) {
                *value = [0; SIZE];
            }
        }
    }

    /// Returns whether each value of a row is bad.
    pub fn of_row(&self, row: &[u8]) -> Vec<bool> {
        let mut bad = match &self.places {
            Some(places) => places.to_vec(),
            None => vec![false; row.len() / self.size.max(1)],
        };
        if !self.values.is_empty() {
            match self.size {
                1 => self.mark_values::<1>(row, &mut bad),
                2 => self.mark_values::<2>(row, &mut bad),
                4 => self.mark_values::<4>(row, &mut bad),
                _ => self.mark_values::<8>(row, &mut bad),
            }
        }
        bad
    }

    fn mark_values<const SIZE: usize>(&self, row: &[u8], bad: &mut [bool]) {
        for (value, bad) in row.as_chunks::<SIZE>().0.iter().zip(bad) {
            *bad |= self.is_bad(bits(*value, self.big_endian));
        }
    }

    fn is_bad(&self, bits: u64) -> bool {
        self.values.iter().any(|value| value.is(bits))
    }
}

/// Returns the bytes of a value as an integer.
fn bits<const SIZE: usize>(value: [u8; SIZE], big_endian: bool) -> u64 {
    let add = |bits, byte: u8| bits << 8 | u64::from(byte);
    match big_endian {
        true => value.into_iter().fold(0, add),
        false => value.into_iter().rev().fold(0, add),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_marked_by_place_and_by_bits_in_both_byte_orders() {
        for big_endian in [false, true] {
            let write = |value: u16| match big_endian {
                true => value.to_be_bytes(),
                false => value.to_le_bytes(),
            };
            let marks = Marks {
                places: Some([true, false, false, false].into()),
                values: vec![MarkedValue::Bits(0xfffe)],
                size: 2,
                big_endian,
            };
            let mut row = [7, 8, 0xfffe, 0xfeff].map(write).concat();
            assert_eq!(marks.of_row(&row), [true, false, true, false]);
            marks.clear(&mut row);
            assert_eq!(row, [0, 8, 0, 0xfeff].map(write).concat());
        }
    }

    #[test]
    fn not_a_number_is_marked_and_infinity_is_not() {
        let marks = Marks {
            places: None,
            values: vec![MarkedValue::Above {
                mask: 0x7fff_ffff,
                limit: 0x7f80_0000,
            }],
            size: 4,
            big_endian: false,
        };
        let values = [1.0f32, f32::NAN, -f32::NAN, f32::INFINITY, -0.0];
        let mut row = values.map(f32::to_le_bytes).concat();
        assert_eq!(marks.of_row(&row), [false, true, true, false, false]);
        marks.clear(&mut row);
        let cleared = [1.0f32, 0.0, 0.0, f32::INFINITY, -0.0];
        assert_eq!(row, cleared.map(f32::to_le_bytes).concat());
    }
}
