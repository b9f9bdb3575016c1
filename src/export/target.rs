//! Creates a file that takes its name only when it is complete.
//!
//! On Linux the file has no name at all until then (`O_TMPFILE`): even a process that is killed leaves nothing. Elsewhere,
//! and on file systems that cannot do this, it is a temporary file beside the output. A pipe or a device is written to
//! directly. What becomes of symbolic links, and of files when the power fails, is told in the module above.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::IfExists;
use crate::error::{Error, OutputProblem, Result};
use crate::npz::{NpzFile, free_bytes};

/// Says where an output goes, and which files it is made of.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The path as given.
    pub path: &'a Path,
    /// What to do if the output exists.
    pub if_exists: IfExists,
    /// The files that the output is made of.
    pub sources: &'a [PathBuf],
    /// Whether the output may replace one of them: if it is the same scan, written anew.
    pub may_replace_source: bool,
}

/// Holds an output that is being written.
pub struct Target {
    /// The path as given.
    path: PathBuf,
    /// The path that the file gets: where a symbolic link leads, else the path as given.
    place: PathBuf,
    if_exists: IfExists,
    /// The files that the new file must not replace.
    kept: Vec<PathBuf>,
    /// Whether the new file replaces one that it is made of.
    replaces_source: bool,
    kind: Kind,
}

enum Kind {
    #[cfg(target_os = "linux")]
    Unnamed(File),
    Named(NamedTempFile),
    Device(File),
}

/// Checks whether the output may be written; returns false if it exists and is to be left as it is.
pub fn check(place: Place<'_>) -> Result<bool> {
    let (path, if_exists) = (place.path, place.if_exists);
    let bad = |problem| Error::BadOutput {
        path: path.to_path_buf(),
        problem,
    };
    let folder = folder(path);
    if !folder.is_dir() {
        return Err(bad(OutputProblem::NoFolder(folder.to_path_buf())));
    }
    let Ok(metadata) = std::fs::metadata(path) else {
        // Nothing is there, or a link to nothing.
        return match std::fs::read_link(path) {
            Ok(leads_to) => Err(bad(OutputProblem::DanglingLink(leads_to))),
            Err(_) => Ok(true),
        };
    };
    if !place.may_replace_source {
        refuse_sources(path, path, place.sources)?;
    }
    match if_exists {
        _ if metadata.is_dir() => Err(bad(OutputProblem::IsFolder)),
        // A pipe or a device exists in order to be written to.
        _ if !metadata.is_file() => Ok(true),
        IfExists::Error => Err(Error::OutputExists {
            path: path.to_path_buf(),
        }),
        IfExists::Skip => Ok(false),
        IfExists::Replace => Ok(true),
    }
}

/// Refuses a file, known to the user as `path`, that is one of these sources.
fn refuse_sources(path: &Path, file: &Path, sources: &[PathBuf]) -> Result<()> {
    match sources.iter().find(|source| is_same_file(file, source)) {
        None => Ok(()),
        Some(source) => Err(Error::OutputIsInput {
            path: path.to_path_buf(),
            input: source.clone(),
        }),
    }
}

/// Returns whether two paths lead to one file: through symbolic links, hard links and other spellings.
fn is_same_file(first: &Path, second: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let of = |path: &Path| {
            let metadata = std::fs::metadata(path).ok()?;
            Some((metadata.dev(), metadata.ino()))
        };
        of(first).is_some_and(|first| Some(first) == of(second))
    }
    #[cfg(not(unix))]
    {
        let of = |path: &Path| path.canonicalize().ok();
        of(first).is_some_and(|first| Some(first) == of(second))
    }
}

impl Target {
    /// Opens an output that is an archive written anew, and so may replace it; returns `None` if it exists and is to be
    /// left as it is.
    pub fn rewriting(npz: &NpzFile, path: &Path, if_exists: IfExists) -> Result<Option<Self>> {
        Self::create(Place {
            path,
            if_exists,
            sources: &[npz.path().to_path_buf()],
            may_replace_source: true,
        })
    }

    /// Opens an output; returns `None` if it exists and is to be left as it is.
    pub fn create(at: Place<'_>) -> Result<Option<Self>> {
        let path = at.path;
        if !check(at)? {
            return Ok(None);
        }
        let failed = |e| Error::io(path, "write", e);
        let is_device = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        // The new file is created on the disk of the one that it replaces, which may be behind a link.
        let place = if path.is_symlink() {
            path.canonicalize().map_err(failed)?
        } else {
            path.to_path_buf()
        };
        let kind = if is_device {
            Kind::Device(OpenOptions::new().write(true).open(path).map_err(failed)?)
        } else {
            new_file(folder(&place)).map_err(failed)?
        };
        Ok(Some(Self {
            path: path.to_path_buf(),
            place,
            if_exists: at.if_exists,
            kept: match at.may_replace_source {
                true => Vec::new(),
                false => at.sources.to_vec(),
            },
            replaces_source: at.sources.iter().any(|source| is_same_file(path, source)),
            kind,
        }))
    }

    /// Returns a path under which the file can be read before it has its name, if it takes the place of one that it is
    /// made of: then it has to be verified first.
    pub fn to_verify(&self) -> Option<PathBuf> {
        match &self.kind {
            _ if !self.replaces_source => None,
            #[cfg(target_os = "linux")]
            Kind::Unnamed(file) => Some(descriptor_path(file)),
            Kind::Named(file) => Some(file.path().to_path_buf()),
            Kind::Device(_) => None,
        }
    }

    /// Returns the file to write to.
    pub fn file(&mut self) -> &mut File {
        match &mut self.kind {
            #[cfg(target_os = "linux")]
            Kind::Unnamed(file) => file,
            Kind::Named(file) => file.as_file_mut(),
            Kind::Device(file) => file,
        }
    }

    /// Checks that the disk has this many bytes free.
    pub fn check_space(&self, needed: Option<u64>) -> Result<()> {
        let (Some(needed), false) = (needed, matches!(self.kind, Kind::Device(_))) else {
            return Ok(());
        };
        match free_bytes(folder(&self.place)) {
            Some(available) if available < needed => Err(Error::DiskFull {
                path: self.path.clone(),
                needed,
                available,
            }),
            _ => Ok(()),
        }
    }

    /// Gives the file its name; returns its size in bytes.
    pub fn commit(self) -> Result<u64> {
        let (path, place) = (self.path, self.place);
        // The output may have become a link to a source meanwhile.
        refuse_sources(&path, &place, &self.kept)?;
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::AlreadyExists => Error::OutputExists { path: path.clone() },
            _ => Error::io(&path, "write", e),
        };
        let size = |file: &File| file.metadata().map(|metadata| metadata.len());
        let replace = self.if_exists == IfExists::Replace;
        match self.kind {
            #[cfg(target_os = "linux")]
            Kind::Unnamed(file) => {
                link(&file, &place, replace).map_err(failed)?;
                size(&file).map_err(failed)
            }
            Kind::Named(file) => {
                let file = if replace && place.exists() {
                    file.as_file().sync_all().map_err(failed)?;
                    let file = file.persist(&place).map_err(|e| failed(e.error))?;
                    sync_folder(&place);
                    file
                } else if replace {
                    file.persist(&place).map_err(|e| failed(e.error))?
                } else {
                    file.persist_noclobber(&place)
                        .map_err(|e| failed(e.error))?
                };
                size(&file).map_err(failed)
            }
            Kind::Device(_) => Ok(0),
        }
    }
}

/// Returns the folder that a path is in.
fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Creates a file in a folder: without a name, where the system can do that.
fn new_file(folder: &Path) -> std::io::Result<Kind> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, Mode, OFlags, openat};
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let linkable = Path::new("/proc/self/fd").exists();
        if let (true, Ok(file)) = (
            linkable,
            openat(CWD, folder, flags, Mode::from_raw_mode(0o666)),
        ) {
            return Ok(Kind::Unnamed(File::from(file)));
        }
    }
    temporary(folder).map(Kind::Named)
}

fn temporary(folder: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ptychoarrow-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Returns a path that leads to an open file, even to one without a name.
#[cfg(target_os = "linux")]
fn descriptor_path(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Gives an unnamed file the name `path`. A link cannot replace a file, but a rename can: to replace one, the file first
/// gets a temporary name.
#[cfg(target_os = "linux")]
fn link(file: &File, path: &Path, replace: bool) -> std::io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd;

    let from = descriptor_path(file);
    let link = |to: &Path| linkat(CWD, &from, CWD, to, AtFlags::SYMLINK_FOLLOW);
    match link(path) {
        Err(rustix::io::Errno::EXIST) if replace => {
            let name = format!(".ptychoarrow-{}-{}", std::process::id(), file.as_raw_fd());
            let beside = folder(path).join(name);
            // Before the old data loses its name, the new data has to be on the disk.
            file.sync_all()?;
            link(&beside)?;
            std::fs::rename(&beside, path).inspect_err(|_| drop(std::fs::remove_file(&beside)))?;
            sync_folder(path);
            Ok(())
        }
        result => Ok(result?),
    }
}

/// Writes the new name of a replaced file through to the disk. Where that fails, the old file is still there after a
/// power failure, which is no loss: errors are ignored.
fn sync_folder(path: &Path) {
    drop(File::open(folder(path)).and_then(|folder| folder.sync_all()));
}
