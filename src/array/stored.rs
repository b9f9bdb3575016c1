//! Describes where the values of a member are, and which of them make which row.

use std::sync::{Arc, OnceLock};

use super::layout::{Axis, RowLayout};
use super::marks::Marks;
use crate::error::Result;
use crate::npz::{MemberData, NpzFile, Scalar};

/// Describes the stored values of a member as rows.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    /// The file.
    pub npz: Arc<NpzFile>,
    /// The name of the member.
    pub member: String,
    /// The element type.
    pub scalar: Scalar,
    /// Whether values are big-endian.
    pub big_endian: bool,
    /// The place of each row in the member's data.
    pub layout: RowLayout,
    /// The rows of the member that are read, in their order; `None` for all.
    pub picked: Option<Arc<[usize]>>,
    /// The values that are read as 0, if there are any.
    pub marks: Option<Arc<Marks>>,
    /// The member's data, once something has asked for it.
    data: Arc<OnceLock<MemberData>>,
}

impl Stored {
    /// Describes all rows of a member.
    pub fn new(
        npz: &Arc<NpzFile>,
        member: &str,
        (scalar, big_endian): (Scalar, bool),
        layout: RowLayout,
    ) -> Self {
        Self {
            npz: Arc::clone(npz),
            member: member.to_string(),
            scalar,
            big_endian,
            layout,
            picked: None,
            marks: None,
            data: Arc::default(),
        }
    }

    /// Returns the member's data; inflates it at the first call, if it is compressed.
    ///
    /// # Errors
    /// If a compressed member is damaged or cannot be inflated.
    pub fn data(&self) -> Result<&MemberData> {
        if let Some(data) = self.data.get() {
            return Ok(data);
        }
        let array = self.npz.array(&self.member)?;
        Ok(self.data.get_or_init(|| array.data))
    }

    /// Returns the number of rows.
    pub fn num_rows(&self) -> usize {
        let picked = self.picked.as_ref();
        picked.map_or(self.layout.num_rows, |picked| picked.len())
    }

    /// Returns the number of values in one row; a complex value counts as one.
    pub fn row_len(&self) -> usize {
        self.layout.row_len()
    }

    /// Returns the number of bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.row_len() * self.scalar.num_bytes()
    }

    /// Returns the axes within a row; none if the values of a row lie together in C order.
    pub fn scattered(&self) -> &[Axis] {
        &self.layout.scattered
    }

    /// Returns the number that a row has in the member.
    pub fn member_row(&self, row: usize) -> usize {
        self.picked.as_ref().map_or(row, |picked| picked[row])
    }

    /// Returns where a row begins in the member's data, in values.
    pub fn row_start(&self, row: usize) -> usize {
        self.layout.row_start(self.member_row(row))
    }

    /// Returns whether rows follow each other without a gap, each in C order.
    pub fn is_in_order(&self) -> bool {
        self.picked.is_none() && self.layout.is_in_order()
    }
}
