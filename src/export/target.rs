//! A file that takes its name only when it is complete.
//!
//! On Linux it has no name at all until then (`O_TMPFILE`): even a process that is killed leaves nothing. Elsewhere, and
//! on file systems that do not have that, it is a temporary file beside the target. A device or pipe is written straight.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::IfExists;
use crate::error::{Error, OutputProblem, Result};
use crate::npz::free_bytes;

/// An output on its way.
pub struct Target {
    path: PathBuf,
    if_exists: IfExists,
    kind: Kind,
}

enum Kind {
    #[cfg(target_os = "linux")]
    Unnamed(File),
    Named(NamedTempFile),
    Device(File),
}

/// Whether the output may be written; false if it is there and is to be left.
pub fn check(path: &Path, if_exists: IfExists) -> Result<bool> {
    let bad = |problem| Error::BadOutput {
        path: path.to_path_buf(),
        problem,
    };
    let folder = folder(path);
    if !folder.is_dir() {
        return Err(bad(OutputProblem::NoFolder(folder.to_path_buf())));
    }
    let Ok(metadata) = std::fs::metadata(path) else {
        return Ok(true);
    };
    match if_exists {
        _ if metadata.is_dir() => Err(bad(OutputProblem::IsFolder)),
        // A device or a pipe is there to be written to.
        _ if !metadata.is_file() => Ok(true),
        IfExists::Error => Err(Error::OutputExists {
            path: path.to_path_buf(),
        }),
        IfExists::Skip => Ok(false),
        IfExists::Replace => Ok(true),
    }
}

impl Target {
    /// Opens an output; `None` if it is there and is to be left.
    pub fn create(path: &Path, if_exists: IfExists) -> Result<Option<Self>> {
        if !check(path, if_exists)? {
            return Ok(None);
        }
        let failed = |e| Error::io(path, "write", e);
        let is_device = std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
        let kind = if is_device {
            Kind::Device(OpenOptions::new().write(true).open(path).map_err(failed)?)
        } else {
            new_file(folder(path)).map_err(failed)?
        };
        Ok(Some(Self {
            path: path.to_path_buf(),
            if_exists,
            kind,
        }))
    }

    /// Where to write.
    pub fn file(&mut self) -> &mut File {
        match &mut self.kind {
            #[cfg(target_os = "linux")]
            Kind::Unnamed(file) => file,
            Kind::Named(file) => file.as_file_mut(),
            Kind::Device(file) => file,
        }
    }

    /// Whether the disk has so many bytes free.
    pub fn check_space(&self, needed: Option<u64>) -> Result<()> {
        let (Some(needed), false) = (needed, matches!(self.kind, Kind::Device(_))) else {
            return Ok(());
        };
        match free_bytes(folder(&self.path)) {
            Some(available) if available < needed => Err(Error::DiskFull {
                path: self.path.clone(),
                needed,
                available,
            }),
            _ => Ok(()),
        }
    }

    /// Gives the file its name; returns its size.
    pub fn commit(self) -> Result<u64> {
        let path = self.path;
        let failed = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::AlreadyExists => Error::OutputExists { path: path.clone() },
            _ => Error::io(&path, "write", e),
        };
        let size = |file: &File| file.metadata().map(|metadata| metadata.len());
        let replace = self.if_exists == IfExists::Replace;
        match self.kind {
            #[cfg(target_os = "linux")]
            Kind::Unnamed(file) => {
                link(&file, &path, replace).map_err(failed)?;
                size(&file).map_err(failed)
            }
            Kind::Named(file) => {
                let file = if replace {
                    file.persist(&path)
                } else {
                    file.persist_noclobber(&path)
                };
                size(&file.map_err(|e| failed(e.error))?).map_err(failed)
            }
            Kind::Device(_) => Ok(0),
        }
    }
}

/// The folder a path is in.
fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

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

/// Links an unnamed file to `path`. A link cannot replace a file, a rename can: it goes by a temporary name.
#[cfg(target_os = "linux")]
fn link(file: &File, path: &Path, replace: bool) -> std::io::Result<()> {
    use rustix::fs::{AtFlags, CWD, linkat};
    use std::os::fd::AsRawFd;

    let from = format!("/proc/self/fd/{}", file.as_raw_fd());
    let link = |to: &Path| linkat(CWD, from.as_str(), CWD, to, AtFlags::SYMLINK_FOLLOW);
    match link(path) {
        Err(rustix::io::Errno::EXIST) if replace => {
            let name = format!(".ptychoarrow-{}-{}", std::process::id(), file.as_raw_fd());
            let beside = folder(path).join(name);
            link(&beside)?;
            std::fs::rename(&beside, path).inspect_err(|_| drop(std::fs::remove_file(&beside)))
        }
        result => Ok(result?),
    }
}
