//! Computes where the values of each row of a column lie, from the shape and order of the member and a
//! [`View`].

use super::View;
use crate::npz::ArrayInfo;

/// Describes one axis of an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    /// The number of values along the axis.
    pub len: usize,
    /// The distance from one value to the next, counted in values.
    pub stride: usize,
}

/// Describes where rows lie in the data of a member. All distances count values, not bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RowLayout {
    /// The number of rows.
    pub num_rows: usize,
    /// The lengths of the axes of one row; a complex value counts as one.
    pub row_shape: Vec<usize>,
    /// The axes within a row; empty if the values of a row lie together in C order.
    pub scattered: Vec<Axis>,
    /// The place of the first row.
    pub start: usize,
    /// The axes that count the rows, slowest first; those that follow each other without a gap are one.
    row_axes: Vec<Axis>,
}

impl RowLayout {
    /// Computes the layout of a view of a member.
    ///
    /// # Errors
    /// What was expected of the shape, in words, if the view does not fit it.
    pub fn of(info: &ArrayInfo, view: &View) -> Result<Self, &'static str> {
        let axes = axes(info);
        if !view.fits(&info.shape) {
            return Err("an array with the axes that are asked for");
        }
        let start = view.fixed.iter().fold(0, |start: usize, (axis, index)| {
            start.saturating_add(axes[*axis].stride.saturating_mul(*index))
        });
        let row_axes: Vec<Axis> = view.rows.iter().map(|axis| axes[*axis]).collect();
        let within: Vec<Axis> = (0..axes.len())
            .filter(|axis| !view.names(*axis))
            .map(|axis| axes[axis])
            .collect();
        let row_shape: Vec<usize> = within.iter().map(|axis| axis.len).collect();
        let row_len = row_len(info, &row_shape)?;
        let num_rows =
            product(row_axes.iter().map(|axis| axis.len)).ok_or("fewer than 2^64 rows")?;
        let row_axes = if num_rows <= 1 {
            vec![Axis {
                len: num_rows,
                stride: row_len,
            }]
        } else {
            merged(&row_axes)
        };
        let scattered = if is_contiguous(&within) {
            Vec::new()
        } else {
            within
        };
        Ok(Self {
            num_rows,
            row_shape,
            scattered,
            start,
            row_axes,
        })
    }

    /// Returns the number of values of one row; a complex value counts as one.
    pub fn row_len(&self) -> usize {
        self.row_shape.iter().product()
    }

    /// Returns the place of the first value of a row.
    pub fn row_start(&self, mut row: usize) -> usize {
        let mut at = self.start;
        for axis in self.row_axes.iter().rev() {
            at += row % axis.len * axis.stride;
            row /= axis.len;
        }
        at
    }

    /// Returns whether rows follow each other without a gap, each in C order.
    pub fn is_in_order(&self) -> bool {
        let follow = matches!(self.row_axes[..], [axis] if axis.stride == self.row_len());
        follow && self.scattered.is_empty()
    }
}

/// Counts the values of one row, and checks that an Arrow array of fixed size can hold them.
fn row_len(info: &ArrayInfo, row_shape: &[usize]) -> Result<usize, &'static str> {
    let scalar = info.dtype.scalar;
    let parts = (scalar.num_bytes().max(1) / scalar.unit_bytes()).max(1);
    product(row_shape.iter().copied().chain([parts]))
        .filter(|width| i32::try_from(*width).is_ok())
        .map(|width| width / parts)
        .ok_or("fewer than 2^31 values per row")
}

fn product(mut lengths: impl Iterator<Item = usize>) -> Option<usize> {
    lengths.try_fold(1, |product: usize, len| product.checked_mul(len))
}

/// Returns the axes of an array, in the order of its shape.
fn axes(info: &ArrayInfo) -> Vec<Axis> {
    let mut stride: usize = 1;
    let mut axis = |len: &usize| {
        let this = Axis { len: *len, stride };
        stride = stride.saturating_mul(*len);
        this
    };
    if info.fortran_order {
        return info.shape.iter().map(axis).collect();
    }
    let mut axes: Vec<Axis> = info.shape.iter().rev().map(&mut axis).collect();
    axes.reverse();
    axes
}

/// Joins row axes that follow each other without a gap.
fn merged(axes: &[Axis]) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::with_capacity(axes.len());
    let counted = |axis: &&Axis| axes.len() == 1 || axis.len != 1;
    for axis in axes.iter().filter(counted) {
        match merged.last_mut() {
            Some(last) if last.stride == axis.stride.saturating_mul(axis.len) => {
                *last = Axis {
                    len: last.len * axis.len,
                    stride: axis.stride,
                }
            }
            _ => merged.push(*axis),
        }
    }
    merged
}

/// Returns whether values along these axes lie together in C order.
fn is_contiguous(axes: &[Axis]) -> bool {
    let mut expected: usize = 1;
    axes.iter().rev().filter(|axis| axis.len != 1).all(|axis| {
        let fits = axis.stride == expected;
        expected = expected.saturating_mul(axis.len);
        fits
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::npz::{Dtype, Method, Scalar};

    fn info(shape: &[usize], fortran_order: bool, scalar: Scalar) -> ArrayInfo {
        ArrayInfo {
            name: "a".to_string(),
            dtype: Dtype {
                descr: String::new(),
                scalar,
                big_endian: false,
            },
            shape: shape.to_vec(),
            fortran_order,
            method: Method::Stored,
            header_bytes: 0,
            byte_offset: Some(0),
            num_bytes: 0,
            packed_bytes: 0,
            crc32: None,
        }
    }

    /// The place of every value of every row, found by counting through the array.
    fn naive(shape: &[usize], fortran_order: bool, view: &View) -> Vec<Vec<usize>> {
        let len: usize = shape.iter().product();
        let index = |mut at: usize| {
            let mut index = vec![0; shape.len()];
            let axes: Vec<usize> = (0..shape.len()).collect();
            let fastest_first: Vec<usize> = match fortran_order {
                true => axes,
                false => axes.into_iter().rev().collect(),
            };
            for axis in fastest_first {
                index[axis] = at % shape[axis];
                at /= shape[axis];
            }
            index
        };
        let mut values: Vec<(Vec<usize>, Vec<usize>, usize)> = (0..len)
            .map(|at| (index(at), at))
            .filter(|(index, _)| {
                view.fixed
                    .iter()
                    .all(|(axis, fixed)| index[*axis] == *fixed)
            })
            .map(|(index, at)| {
                let row = view.rows.iter().map(|axis| index[*axis]).collect();
                let within = (0..shape.len()).filter(|axis| !view.names(*axis));
                (row, within.map(|axis| index[axis]).collect(), at)
            })
            .collect();
        values.sort();
        values
            .chunk_by(|a, b| a.0 == b.0)
            .map(|row| row.iter().map(|(_, _, at)| *at).collect())
            .collect()
    }

    fn places(layout: &RowLayout) -> Vec<Vec<usize>> {
        let offsets: Vec<usize> = match layout.scattered.is_empty() {
            true => (0..layout.row_len()).collect(),
            false => super::super::copy::offsets(&layout.scattered).collect(),
        };
        (0..layout.num_rows)
            .map(|row| {
                offsets
                    .iter()
                    .map(|at| layout.row_start(row) + at)
                    .collect()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn layout_matches_naive(
            shape in proptest::collection::vec(1usize..4, 1..5),
            fortran in any::<bool>(),
            roles in proptest::collection::vec(0u8..3, 4),
            index in 0usize..4,
        ) {
            let with = |role: u8| (0..shape.len()).filter(|axis| roles[*axis] == role).collect::<Vec<_>>();
            let view = View {
                rows: with(0),
                fixed: with(1).into_iter().map(|axis| (axis, index % shape[axis])).collect(),
            };
            let layout = RowLayout::of(&info(&shape, fortran, Scalar::Float32), &view).unwrap();
            prop_assert_eq!(places(&layout), naive(&shape, fortran, &view));
        }
    }

    #[test]
    fn shapes_that_lie_are_refused_without_overflow() {
        let huge = usize::MAX / 2;
        let of = |shape: &[usize], view: &View, scalar| {
            RowLayout::of(&info(shape, false, scalar), view).map(|layout| layout.num_rows)
        };
        let whole = View::whole();
        assert!(
            of(&[huge, huge], &whole, Scalar::Bool)
                .unwrap_err()
                .contains("2^31")
        );
        assert!(
            of(&[1 << 30], &whole, Scalar::Complex64)
                .unwrap_err()
                .contains("2^31")
        );
        assert_eq!(of(&[1 << 30], &whole, Scalar::Float64), Ok(1));
        let rows = View {
            rows: vec![0, 1],
            fixed: Vec::new(),
        };
        assert!(
            of(&[huge, huge], &rows, Scalar::Bool)
                .unwrap_err()
                .contains("2^64")
        );
        assert_eq!(of(&[huge, 0], &View::along(0), Scalar::Bool), Ok(huge));
        assert!(of(&[3], &View::along(1), Scalar::Bool).is_err());
        let fixed = View {
            rows: vec![0],
            fixed: vec![(1, 3)],
        };
        assert!(of(&[3, 3], &fixed, Scalar::Bool).is_err());
        assert_eq!(of(&[3, 4], &fixed, Scalar::Bool), Ok(3));
    }
}
