//! Opens the table `neighbors` from plain data.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::group::{NeighborsOptions, NeighborsTable};
use crate::npz::{Identity, NpzFile};
use crate::scan::{Scan, ScanOptions};

/// Says which neighbours of each scan point are listed, as plain data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NeighborsQuery {
    /// The largest number of neighbours per scan point.
    pub k: Option<usize>,
    /// The largest distance of a neighbour, in the positions' unit.
    pub within: Option<f64>,
    /// The scan whose points are the neighbours, if it is another.
    pub of: Option<OtherScan>,
}

/// Names another file, which is opened with the options of the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OtherScan {
    /// The file.
    pub path: PathBuf,
    /// What the file was when the query was planned.
    pub identity: Identity,
}

impl OtherScan {
    /// Opens the file to learn what it is.
    ///
    /// # Errors
    /// If the file is not an NPZ archive.
    pub(crate) fn of(path: impl Into<PathBuf>, options: &ScanOptions) -> Result<Self> {
        let path = path.into();
        let identity = NpzFile::open_with(&path, &options.open)?.identity().clone();
        Ok(Self { path, identity })
    }

    /// Opens the scan, if the file is still what it was.
    fn open(&self, options: &ScanOptions) -> Result<Scan> {
        let npz = Arc::new(NpzFile::open_with(&self.path, &options.open)?);
        if *npz.identity() != self.identity {
            let what = "it is not the file that the query was planned with".to_string();
            return Err(Error::FileChanged {
                path: self.path.clone(),
                what,
            });
        }
        // Patterns from elsewhere are those of the first scan.
        let options = ScanOptions {
            patterns: None,
            ..options.clone()
        };
        Scan::try_new(npz, &options)
    }
}

impl NeighborsQuery {
    /// Opens the table of this scan, which was opened with these options.
    ///
    /// # Errors
    /// As [`NeighborsTable::try_new`]; if the other file cannot be opened, or has changed.
    pub(crate) fn table(&self, scan: &Scan, options: &ScanOptions) -> Result<NeighborsTable> {
        let of = self.of.as_ref().map(|of| of.open(options)).transpose()?;
        let options = NeighborsOptions::default()
            .with_k(self.k)
            .with_within(self.within)
            .with_of(of);
        NeighborsTable::try_new(scan, &options)
    }
}
