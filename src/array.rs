//! Reads a member as an Arrow column: rows along one axis or several, and a tensor per row.
//!
//! A stored member whose data is aligned, little-endian and in C order becomes Arrow arrays over the map
//! itself. Any other is copied a batch at a time, never whole; [`Access`] says which, and why.

mod access;
mod column;
pub(crate) mod complex;
mod copy;
mod dtype;
mod field;
mod layout;
mod marks;
#[cfg(feature = "ndarray")]
mod ndarray;
mod numbers;
mod pool;
mod row_set;
mod rows;
mod stored;
pub mod tensor;
mod text;
mod time;
mod values;
mod view;

#[cfg(feature = "ndarray")]
pub use self::ndarray::array_view;
pub use access::Access;
pub use column::Column;
#[cfg(feature = "export")]
pub(crate) use dtype::DTYPE_KEY;
pub(crate) use marks::{MarkedValue, Marks};
pub use numbers::Numbers;
pub(crate) use pool::Pool;
pub use row_set::RowSet;
pub use rows::RowData;
pub(crate) use text::width as text_width;
pub use view::View;
