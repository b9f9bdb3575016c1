//! Counts for tests how often members are unpacked to their ends.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::*;

static COUNTS: Mutex<BTreeMap<(PathBuf, String), usize>> = Mutex::new(BTreeMap::new());

/// Names a member of a file.
pub struct Ends(PathBuf, String);

impl Ends {
    pub(super) fn of(source: &FileSource, entry: &DirectoryEntry) -> Self {
        Self(source.path().to_path_buf(), entry.name.clone())
    }

    pub(super) fn count(&self) {
        let mut counts = COUNTS.lock().unwrap();
        *counts.entry((self.0.clone(), self.1.clone())).or_default() += 1;
    }
}

/// Returns how often each member of this file was unpacked to its end, by name.
pub fn counts(path: &Path) -> BTreeMap<String, usize> {
    let counts = COUNTS.lock().unwrap();
    let of_file = counts.iter().filter(|((file, _), _)| file == path);
    of_file
        .map(|((_, name), times)| (name.clone(), *times))
        .collect()
}
