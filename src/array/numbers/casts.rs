//! Casts the values of every stored type of numbers.

use std::fmt::{self, Display};

use half::f16;

use crate::npz::Scalar;

/// Holds the casts from one stored type, chosen once per set of rows. All read as many values as the bytes
/// hold.
#[derive(Clone, Copy)]
pub struct Casts {
    /// Writes values to a slice, as many as both have, rounding to nearest.
    pub fill_f32: fn(&[u8], &mut [f32]),
    /// Appends values, rounding to nearest.
    pub extend_f32: fn(&[u8], &mut Vec<f32>),
    /// Appends values, rounding to nearest.
    pub extend_f64: fn(&[u8], &mut Vec<f64>),
    /// Appends values; stops at the first that is no i64, and returns it as text.
    pub extend_i64: fn(&[u8], &mut Vec<i64>) -> Option<String>,
}

impl fmt::Debug for Casts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Casts")
    }
}

impl Casts {
    /// Returns the casts from a type; `None` if it is a text or a time.
    pub fn of(scalar: Scalar, big_endian: bool) -> Option<Self> {
        Some(match scalar {
            Scalar::Bool => Self::from::<Truth>(big_endian),
            Scalar::Int8 => Self::from::<i8>(big_endian),
            Scalar::Int16 => Self::from::<i16>(big_endian),
            Scalar::Int32 => Self::from::<i32>(big_endian),
            Scalar::Int64 => Self::from::<i64>(big_endian),
            Scalar::UInt8 => Self::from::<u8>(big_endian),
            Scalar::UInt16 => Self::from::<u16>(big_endian),
            Scalar::UInt32 => Self::from::<u32>(big_endian),
            Scalar::UInt64 => Self::from::<u64>(big_endian),
            Scalar::Float16 => Self::from::<f16>(big_endian),
            Scalar::Float32 | Scalar::Complex64 => Self::from::<f32>(big_endian),
            Scalar::Float64 | Scalar::Complex128 => Self::from::<f64>(big_endian),
            Scalar::Bytes(_) | Scalar::Text(_) | Scalar::DateTime(_) | Scalar::TimeDelta(_) => {
                return None;
            }
        })
    }

    fn from<N: Number>(big_endian: bool) -> Self {
        if big_endian {
            Self::in_order::<N, true>()
        } else {
            Self::in_order::<N, false>()
        }
    }

    fn in_order<N: Number, const BIG_ENDIAN: bool>() -> Self {
        Self {
            fill_f32: |bytes, out| {
                out.iter_mut()
                    .zip(N::values::<BIG_ENDIAN>(bytes))
                    .for_each(|(out, value)| *out = value.to_f32());
            },
            extend_f32: |bytes, out| out.extend(N::values::<BIG_ENDIAN>(bytes).map(N::to_f32)),
            extend_f64: |bytes, out| out.extend(N::values::<BIG_ENDIAN>(bytes).map(N::to_f64)),
            extend_i64: |bytes, out| {
                for value in N::values::<BIG_ENDIAN>(bytes) {
                    match value.to_i64() {
                        Some(value) => out.push(value),
                        None => return Some(value.to_string()),
                    }
                }
                None
            },
        }
    }
}

/// Reads and casts the values of one type of stored numbers.
trait Number: Copy + Display {
    /// Reads all values of the bytes.
    fn values<const BIG_ENDIAN: bool>(bytes: &[u8]) -> impl Iterator<Item = Self>;
    /// Returns the nearest f32.
    fn to_f32(self) -> f32;
    /// Returns the nearest f64.
    fn to_f64(self) -> f64;
    /// Returns the value as i64; `None` if it is none.
    fn to_i64(self) -> Option<i64>;
}

macro_rules! numbers {
    ($($type:ty, $to_f32:expr, $to_f64:expr, $to_i64:expr;)*) => {$(
        impl Number for $type {
            fn values<const BIG_ENDIAN: bool>(bytes: &[u8]) -> impl Iterator<Item = Self> {
                bytes.as_chunks::<{ size_of::<$type>() }>().0.iter().map(|bytes| {
                    if BIG_ENDIAN { <$type>::from_be_bytes(*bytes) } else { <$type>::from_le_bytes(*bytes) }
                })
            }

            fn to_f32(self) -> f32 {
                $to_f32(self)
            }

            fn to_f64(self) -> f64 {
                $to_f64(self)
            }

            fn to_i64(self) -> Option<i64> {
                $to_i64(self)
            }
        }
    )*};
}

numbers! {
    i8, f32::from, f64::from, |value| Some(i64::from(value));
    i16, f32::from, f64::from, |value| Some(i64::from(value));
    i32, |value| value as f32, f64::from, |value| Some(i64::from(value));
    i64, |value| value as f32, |value| value as f64, Some;
    u8, f32::from, f64::from, |value| Some(i64::from(value));
    u16, f32::from, f64::from, |value| Some(i64::from(value));
    u32, |value| value as f32, f64::from, |value| Some(i64::from(value));
    u64, |value| value as f32, |value| value as f64, |value| i64::try_from(value).ok();
    f16, f16::to_f32, f16::to_f64, |value| whole(f16::to_f64(value));
    f32, |value| value, f64::from, |value| whole(f64::from(value));
    f64, |value| value as f32, |value| value, whole;
}

/// Returns a float as i64; `None` if it has a fraction or does not fit.
fn whole(value: f64) -> Option<i64> {
    // 2^63 itself is the first that does not fit; the fraction of an infinity is not a number.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (value.fract() == 0.0 && (-LIMIT..LIMIT).contains(&value)).then_some(value as i64)
}

/// Holds a truth value; any byte but 0 is true.
#[derive(Clone, Copy)]
struct Truth(bool);

impl Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Number for Truth {
    fn values<const BIG_ENDIAN: bool>(bytes: &[u8]) -> impl Iterator<Item = Self> {
        bytes.iter().map(|byte| Self(*byte != 0))
    }

    fn to_f32(self) -> f32 {
        f32::from(u8::from(self.0))
    }

    fn to_f64(self) -> f64 {
        f64::from(u8::from(self.0))
    }

    fn to_i64(self) -> Option<i64> {
        Some(i64::from(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a number of every type with its bytes, little-endian and big-endian.
    fn cases() -> Vec<(Scalar, f64, Vec<u8>, Vec<u8>)> {
        macro_rules! case {
            ($scalar:ident, $value:expr, $as_f64:expr) => {
                (
                    Scalar::$scalar,
                    $as_f64,
                    $value.to_le_bytes().to_vec(),
                    $value.to_be_bytes().to_vec(),
                )
            };
        }
        vec![
            case!(Int8, -3i8, -3.0),
            case!(UInt8, 253u8, 253.0),
            case!(Int16, -3i16, -3.0),
            case!(UInt16, 65533u16, 65533.0),
            case!(Int32, -3i32, -3.0),
            case!(UInt32, 4_294_967_293u32, 4_294_967_293.0),
            case!(Int64, -3i64, -3.0),
            case!(UInt64, 3u64, 3.0),
            case!(Float16, f16::from_f32(-3.0), -3.0),
            case!(Float32, -3f32, -3.0),
            case!(Float64, -3f64, -3.0),
            case!(Complex64, -3f32, -3.0),
            case!(Complex128, -3f64, -3.0),
            (Scalar::Bool, 1.0, vec![7], vec![7]),
        ]
    }

    #[test]
    fn casts_every_type_in_both_byte_orders() {
        for (scalar, expected, little, big) in cases() {
            for (bytes, big_endian) in [(little, false), (big, true)] {
                let casts = Casts::of(scalar, big_endian).unwrap();
                let twice = bytes.repeat(2);
                let (mut single, mut double, mut whole) = (Vec::new(), Vec::new(), Vec::new());
                (casts.extend_f32)(&twice, &mut single);
                (casts.extend_f64)(&twice, &mut double);
                assert_eq!((casts.extend_i64)(&twice, &mut whole), None);
                assert_eq!(single, [expected as f32; 2], "{scalar:?}");
                assert_eq!(double, [expected; 2], "{scalar:?}");
                assert_eq!(whole, [expected as i64; 2], "{scalar:?}");
                // A shorter slice is filled, a longer one is left as it was behind the values.
                let mut filled = [9.0; 3];
                (casts.fill_f32)(&twice, &mut filled);
                assert_eq!(filled, [single[0], single[1], 9.0], "{scalar:?}");
                (casts.fill_f32)(&twice, &mut filled[2..]);
                assert_eq!(filled, [single[0]; 3], "{scalar:?}");
            }
        }
        let step = crate::npz::TimeStep {
            count: 1,
            unit: crate::npz::TimeUnit::Second,
        };
        for scalar in [Scalar::Bytes(3), Scalar::Text(3), Scalar::DateTime(step)] {
            assert!(Casts::of(scalar, false).is_none());
        }
    }

    #[test]
    fn what_is_no_whole_number_of_64_bits_is_refused_not_changed() {
        fn first<N: Number>(
            values: &[N],
            bytes: impl Fn(&N) -> Vec<u8>,
        ) -> (Vec<i64>, Option<String>) {
            let bytes: Vec<u8> = values.iter().flat_map(bytes).collect();
            let mut out = Vec::new();
            let refused = (Casts::from::<N>(false).extend_i64)(&bytes, &mut out);
            (out, refused)
        }
        let unsigned = |values: &[u64]| first(values, |value| value.to_le_bytes().to_vec());
        let floats = |values: &[f64]| first(values, |value| value.to_le_bytes().to_vec());
        assert_eq!(unsigned(&[0, i64::MAX as u64]), (vec![0, i64::MAX], None));
        assert_eq!(
            unsigned(&[5, 1 << 63]),
            (vec![5], Some("9223372036854775808".to_string()))
        );
        let smallest = -9_223_372_036_854_775_808.0;
        assert_eq!(floats(&[-0.0, 7.0, smallest]), (vec![0, 7, i64::MIN], None));
        for bad in [
            0.5,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -smallest,
            1e300,
            -1e300,
        ] {
            assert_eq!(
                floats(&[7.0, bad]),
                (vec![7], Some(bad.to_string())),
                "{bad}"
            );
        }
        let halves = [f16::from_f32(2.0), f16::NAN];
        let found = first(&halves, |value| value.to_le_bytes().to_vec());
        assert_eq!(found, (vec![2], Some("NaN".to_string())));
    }
}
