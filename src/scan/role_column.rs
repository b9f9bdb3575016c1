//! The part of a member that fills a role, as a column.

use std::sync::Arc;

use super::layout::{Layout, Role};
use crate::array::Column;
use crate::error::Result;
use crate::npz::NpzFile;

/// Opens the part of a member that fills a role as a column called after the role; `None` if no member fills
/// it.
///
/// # Errors
/// If the member cannot be a column.
pub fn role_column(npz: &Arc<NpzFile>, layout: &Layout, role: Role) -> Result<Option<Column>> {
    let Some(placed) = layout.get(role) else {
        return Ok(None);
    };
    Column::open(npz, &placed.member, role.name(), &placed.view()).map(Some)
}
