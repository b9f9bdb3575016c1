//! PtychoArrow: scans of ptychography as Arrow, without reading them first.
//!
//! A scan (positions, diffraction patterns, probe, object) lives in a NumPy `.npz` file. This crate maps the file's
//! members into Arrow buffers, forms groups of neighbouring scan positions deterministically, and hands both out as
//! `RecordBatchReader`s:
//!
//! ```
//! use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};
//!
//! let scan = Scan::open("tests/data/siemens_star.npz")?;
//! let spec = GroupSpec { gridsize: 2, neighbors: Some(6), seed: 42, ..Default::default() };
//! let groups = Groups::try_new(&scan, spec)?;
//! let columns = Some(vec!["nn_indices".to_string(), "diffraction".to_string()]);
//! let mut reader = groups.read(&ReadOptions { columns, ..Default::default() })?;
//! let batch = reader.next().unwrap()?;
//! assert_eq!(batch.num_rows(), 127); // 8 MiB of groups of four 64 x 64 patterns
//! # Ok::<_, ptychoarrow::Error>(())
//! ```
//!
//! Whoever installs a `tracing` subscriber sees spans: `open` and `scan` (what is read of a file's headers), `phase` (tree,
//! sampling, norm), `batch` and, within it, `gather`.
//!
//! The rooms of the house, each importing only those before it:
//!
//! | room | what is in it |
//! |---|---|
//! | [`error`] | what can go wrong, as facts |
//! | [`npz`] | an archive: its directory, its members' headers, their bytes by map |
//! | [`mod@array`] | a member as an Arrow column |
//! | [`table`] | the one contract: schema, rows, `read(&ReadOptions)` |
//! | [`scan`] | a scan: roles of members, the table `scan` and those beside it |
//! | [`group`] | groups of neighbouring positions |
//! | [`check`] | what is wrong, or odd, with a file |
//! | `export` | writers of any `RecordBatchReader` (feature `export`) |
//! | `sql` | DataFusion over all of it (feature `sql`) |
//! | `cli` | the command (feature `cli`) |

#[cfg(test)]
#[macro_use]
#[path = "../tests/it/properties.rs"]
mod properties;

pub mod array;
pub mod check;
#[cfg(feature = "cli")]
pub mod cli;
pub mod error;
#[cfg(feature = "export")]
pub mod export;
pub mod group;
mod memory;
pub mod npz;
pub mod progress;
pub mod scan;
#[cfg(feature = "sql")]
pub mod sql;
pub mod table;

pub use error::{Error, Result};
pub use group::{GroupSpec, Groups};
pub use npz::NpzFile;
pub use scan::Scan;
pub use table::{ReadOptions, Table, TableReader};
