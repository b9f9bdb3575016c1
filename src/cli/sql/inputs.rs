//! Registers the files of the command line as tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::SqlArgs;
use crate::cli::failure::{Failure, Result};
use crate::cli::input::stem;
use crate::cli::output::log;
use crate::group::PatternOptions;
use crate::npz::NpzFile;
use crate::sql::{FileFormat, RegisterOptions, Session, SessionOptions, csv};

/// The schema of tables that are named without a schema.
const DEFAULT_SCHEMA: &str = "public";

/// Registers every file under its own name, and the tables of an only NPZ file also without that name.
///
/// # Errors
/// If two files have the same name; if one cannot be opened.
pub fn register(session: &Session, args: &SqlArgs, options: &SessionOptions) -> Result<()> {
    check_names(&args.files)?;
    let (others, scans): (Vec<&PathBuf>, Vec<&PathBuf>) = args
        .files
        .iter()
        .partition(|file| FileFormat::of(file).is_some());
    let register = RegisterOptions::default()
        .with_scan(options.scan.clone())
        .with_groups(args.spec.query(PatternOptions::default()));
    for file in &scans {
        let npz = Arc::new(NpzFile::open_with(file, &options.scan.open)?);
        session.register_npz(&stem(file), &npz, &register)?;
        if scans.len() == 1 {
            session.register_npz(DEFAULT_SCHEMA, &npz, &register)?;
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
        if let (Some(FileFormat::Csv), Ok(lines @ 1..)) = (format, csv::comment_lines(file)) {
            let file = file.display();
            log(&format!(
                "note: {file}: the first {lines} lines begin with #: such lines are comments, and left out"
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
