//! Opens the table `neighbors` from plain data.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::deferred::{Deferred, Resolve};
use super::predicate::Predicate;
use crate::error::{Error, Parameter, Result};
use crate::group::{NeighborsOptions, NeighborsTable};
use crate::npz::{Identity, NpzFile};
use crate::scan::{Scan, ScanOptions};
use crate::table::{Table, TableInfo};

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
    /// A predicate over the columns of `scan` for the scan points that have neighbours and are such; of another scan too,
    /// if one is named.
    pub among: Option<String>,
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
    /// Opens the table of this scan, which was opened with these options. With a predicate, the scan points are looked for
    /// when the first row is asked for.
    ///
    /// # Errors
    /// As [`NeighborsTable::try_new`]; if the other file cannot be opened, or has changed; if the predicate cannot be
    /// parsed.
    pub(crate) fn table(&self, scan: &Scan, options: &ScanOptions) -> Result<Arc<dyn Table>> {
        let of = self.of.as_ref().map(|of| of.open(options)).transpose()?;
        let options = NeighborsOptions::default()
            .with_k(self.k)
            .with_within(self.within)
            .with_of(of);
        let template = Arc::new(NeighborsTable::try_new(scan, &options)?);
        let Some(sql) = &self.among else {
            return Ok(template);
        };
        let parse = |scan: &Scan| Predicate::parse(scan, Parameter::Among, sql);
        let rows = PredicateNeighbors {
            scan: scan.clone(),
            among: parse(scan)?,
            of_among: options.of.as_ref().map(parse).transpose()?,
            spec: format!(
                "{}, among='{sql}'",
                template.spec_text().unwrap_or_default()
            ),
            options,
        };
        Ok(Arc::new(Deferred::new(template, Box::new(rows))))
    }
}

/// Holds neighbours whose scan points are told by a predicate.
#[derive(Debug)]
struct PredicateNeighbors {
    scan: Scan,
    options: NeighborsOptions,
    among: Predicate,
    of_among: Option<Predicate>,
    spec: String,
}

impl Resolve for PredicateNeighbors {
    fn resolve(&self) -> Result<Arc<dyn Table>> {
        let of = self.options.of.as_ref().zip(self.of_among.as_ref());
        let of_among = of.map(|(of, predicate)| selected(of, predicate));
        let options = self.options.clone();
        let options = options
            .with_among(selected(&self.scan, &self.among)?)
            .with_of_among(of_among.transpose()?);
        Ok(Arc::new(NeighborsTable::try_new(&self.scan, &options)?))
    }

    fn spec_text(&self) -> String {
        self.spec.clone()
    }
}

/// Returns the scan points that a predicate leaves.
///
/// # Errors
/// [`Error::NothingSelected`] if that is none.
fn selected(scan: &Scan, predicate: &Predicate) -> Result<Vec<u32>> {
    let points = predicate.points(scan)?;
    match points.is_empty() {
        false => Ok(points),
        true => Err(Error::NothingSelected {
            path: scan.npz().path().to_path_buf(),
            parameter: Parameter::Among,
        }),
    }
}
