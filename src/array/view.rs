//! Says which axes of an array count the rows of a column.

use crate::npz::ArrayInfo;

/// Says how an N-dimensional array is read as a column: which axes count the rows, and which are fixed to one
/// index.
///
/// All other axes, in their order, are the axes of the tensor that each row holds.
///
/// ```
/// use std::sync::Arc;
/// use ptychoarrow::NpzFile;
/// use ptychoarrow::array::{Column, View};
///
/// let npz = Arc::new(NpzFile::open("tests/data/siemens_star.npz")?);
/// // 516 diffraction patterns of 64 x 64 pixels: one row per pattern, ...
/// let patterns = Column::open(&npz, "diff3d", "diffraction", &View::along(0))?;
/// assert_eq!((patterns.num_rows(), patterns.row_shape()), (516, &[64, 64][..]));
/// // ... or the line 32 of each pattern.
/// let lines = View { rows: vec![0], fixed: vec![(1, 32)] };
/// let lines = Column::open(&npz, "diff3d", "line", &lines)?;
/// assert_eq!((lines.num_rows(), lines.row_shape()), (516, &[64][..]));
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// The axes that count the rows, slowest first; if there are none, the whole array is one row.
    pub rows: Vec<usize>,
    /// The axes of which one index is taken, as (axis, index).
    pub fixed: Vec<(usize, usize)>,
}

impl View {
    /// Returns the view of the whole array as one row.
    pub fn whole() -> Self {
        Self::default()
    }

    /// Returns the view with one row per index of one axis.
    pub fn along(axis: usize) -> Self {
        Self {
            rows: vec![axis],
            fixed: Vec::new(),
        }
    }

    /// Returns the view with one row per index of the first axis; an array without axes is one row.
    pub fn first_axis(info: &ArrayInfo) -> Self {
        if info.shape.is_empty() {
            Self::whole()
        } else {
            Self::along(0)
        }
    }

    /// Returns whether an axis counts the rows or is fixed.
    pub(super) fn names(&self, axis: usize) -> bool {
        self.rows.contains(&axis) || self.fixed.iter().any(|(fixed, _)| *fixed == axis)
    }

    /// Returns whether an array of this shape has the axes and indices, each axis named once.
    pub(super) fn fits(&self, shape: &[usize]) -> bool {
        let fixed = self.fixed.iter().map(|(axis, _)| axis);
        let mut named: Vec<usize> = self.rows.iter().chain(fixed).copied().collect();
        named.sort_unstable();
        named.iter().all(|axis| *axis < shape.len())
            && named.windows(2).all(|pair| pair[0] != pair[1])
            && self.fixed.iter().all(|(axis, index)| *index < shape[*axis])
    }
}
