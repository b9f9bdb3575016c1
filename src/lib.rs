//! PtychoArrow: scans of ptychography as Arrow, without reading them first.
//!
//! A scan (positions, diffraction patterns, probe, object) lives in a NumPy `.npz` file. This crate maps the file's
//! members into Arrow buffers, forms groups of neighbouring scan positions deterministically, and returns both as
//! `RecordBatchReader`s:
//!
//! ```
//! use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};
//!
//! let scan = Scan::open("tests/data/siemens_star.npz")?;
//! let spec = GroupSpec::default().with_gridsize(2).with_neighbors(6).with_seed(42);
//! let groups = Groups::try_new(&scan, spec)?;
//! let mut reader = groups.read(&ReadOptions::default().with_columns(["nn_indices", "diffraction"]))?;
//! let batch = reader.next().unwrap()?;
//! assert_eq!(batch.num_rows(), 127); // 8 MiB of groups of four 64 x 64 patterns
//! # Ok::<_, ptychoarrow::Error>(())
//! ```
//!
//! The modules, each of which imports only those above it:
//!
//! | module | what it does |
//! |---|---|
//! | [`error`] | describes what can go wrong as facts, and what helps as data |
//! | [`progress`] | tells how far a long task is |
//! | [`npz`] | reads an archive: its directory, its members' headers, their bytes through a map |
//! | [`mod@array`] | turns a member into an Arrow column |
//! | [`table`] | holds the contract of everything that produces rows, and the one reader |
//! | [`scan`] | finds out which member plays which role; the table `scan` and those beside it |
//! | [`group`] | forms groups of neighbouring positions; the tables `groups`, `group_members`, `neighbors` |
//! | [`check`] | finds what is wrong, or odd, with a file |
//! | `export` | writes any `RecordBatchReader` to a file (feature `export`) |
//! | `sql` | connects all of it to DataFusion (feature `sql`) |
//! | `cli` | is the command (feature `cli`) |
//!
//! A `tracing` subscriber sees the spans `open` and `scan` (reading a file's headers), `phase` (tree, sampling, norm),
//! `batch` and, within it, `gather`, and `write`.

// Members are mapped as they lie in the file, which is little-endian nearly everywhere: nothing swaps bytes on the way to
// a big-endian machine. And a file is larger than what an address of 32 bits reaches.
#[cfg(not(all(target_endian = "little", target_pointer_width = "64")))]
compile_error!(
    "ptychoarrow maps little-endian files of any size: it needs a little-endian target of 64 bits"
);

#[cfg(test)]
#[macro_use]
#[path = "../tests/it/properties.rs"]
mod properties;

pub mod array;
pub mod check;
#[cfg(feature = "cli")]
#[doc(hidden)]
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

/// Opens the inside of the crate to its own benchmarks, tests and fuzzer. It is not part of the public interface and may
/// change at any time.
#[doc(hidden)]
pub mod internals {
    pub use crate::group::neighbors::Neighbors;
    pub use crate::group::patch::{Object, cut, cut_portable};
    pub use crate::group::ptychopinn::{Call, Refusal, table, table_and_next};
    /// Reads headers of `.npy` files.
    pub mod header {
        #[cfg(feature = "export")]
        pub use crate::npz::header::format;
        pub use crate::npz::header::{header_len, parse};
    }
    #[cfg(feature = "export")]
    pub use crate::npz::write::NpzWriter;
    #[cfg(feature = "sql")]
    pub use crate::sql::functions::examples;
}
