//! Registers the files of the command line as tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::SqlArgs;
use crate::cli::RunArgs;
use crate::cli::failure::{Failure, Result};
use crate::cli::input::{register_options, stem};
use crate::cli::output::log;
use crate::sql::{FileFormat, Session, SessionOptions};

/// The schema of tables that are named without a schema.
const DEFAULT_SCHEMA: &str = "public";

/// Registers every file under its own name, and the tables of an only NPZ file also without that name.
///
/// # Errors
/// If two files have the same name; if one cannot be opened.
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
            "--among and --seeds-from select scan points of one file, and there are {} NPZ files; query the files one by \
             one, or give the selection in the query: groups('FILE', among => '...')",
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
                "note: the table `{name}` is {file}; the table of the scan is {scan}.{name}"
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
                "{} and {} are both called `{}`: expected files with different names; leave one out and name it in the \
                 query: FROM scan('{}')",
                other.display(),
                file.display(),
                stem(file),
                file.display()
            )));
        }
    }
    Ok(())
}
