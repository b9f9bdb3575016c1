//! Files on the command line become tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::SqlArgs;
use crate::cli::RunArgs;
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{register_options, stem};
use crate::cli::output::log;
use crate::sql::{FileFormat, Session, SessionOptions};

/// The schema of names without a schema.
const DEFAULT_SCHEMA: &str = "public";

/// Registers every file under its own name; the tables of a lone NPZ file also without it.
///
/// # Errors
/// If two files go by the same name; if one cannot be opened.
pub fn register(
    session: &Session,
    args: &SqlArgs,
    options: &SessionOptions,
    run: &RunArgs,
) -> Result<()> {
    check_names(&args.files)?;
    let (others, scans): (Vec<&PathBuf>, Vec<&PathBuf>) = args
        .files
        .iter()
        .partition(|file| FileFormat::of(file).is_some());
    if scans.len() > 1 && args.spec.has_predicates() {
        return Err(Failure::usage(format!(
            "a predicate and {} NPZ files: scan points are rows of one file; query the files one by one",
            scans.len()
        )));
    }
    for file in &scans {
        let spec = args.spec.spec(Some(file), &options.scan, run)?;
        let register_options = register_options(&options.scan, spec);
        session.register(&stem(file), file, &register_options)?;
        if scans.len() == 1 {
            session.register(DEFAULT_SCHEMA, file, &register_options)?;
        }
    }
    for file in others {
        let (name, format) = (stem(file), FileFormat::of(file));
        if let ([scan], true) = (&scans[..], is_a_table_of_a_scan(&name)) {
            let (file, scan) = (file.display(), stem(scan));
            log(&format!(
                "note: `{name}` is {file}; that of the scan is {scan}.{name}"
            ));
        }
        if let Some(format) = format {
            session.register_file(&name, file, format)?;
        }
    }
    Ok(())
}

fn is_a_table_of_a_scan(name: &str) -> bool {
    crate::sql::Relation::all(&Default::default())
        .iter()
        .any(|relation| relation.name() == name)
}

fn check_names(files: &[PathBuf]) -> Result<()> {
    let mut names: BTreeMap<String, &Path> = BTreeMap::new();
    for file in files {
        if let Some(other) = names.insert(stem(file), file) {
            return Err(Failure::usage(format!(
                "{} and {} are both called `{}`: expected files with different names; name one in the query instead: \
                 FROM scan('{}')",
                other.display(),
                file.display(),
                stem(file),
                file.display()
            )));
        }
    }
    Ok(())
}
