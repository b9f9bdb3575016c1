//! Holds the options of opening an archive.

use serde::{Deserialize, Serialize};

use super::AccessMode;
use crate::progress::Progress;

/// Says how an archive is opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OpenOptions {
    /// How the file's bytes are reached. By default the file is mapped.
    pub access: AccessMode,
    /// The bytes of private memory that inflated members may take, all together; further ones go to a scratch file in
    /// the temporary folder. The default is 1 GiB.
    pub inflate_memory: u64,
    /// The listener that is told how far the inflation of a member is. By default there is none. It may use the same
    /// file: no lock is held while it is called.
    #[serde(skip)]
    pub progress: Progress,
}

impl OpenOptions {
    /// Sets how the file's bytes are reached.
    pub fn with_access(mut self, access: AccessMode) -> Self {
        self.access = access;
        self
    }

    /// Sets the bytes of private memory that inflated members may take, all together.
    pub fn with_inflate_memory(mut self, inflate_memory: u64) -> Self {
        self.inflate_memory = inflate_memory;
        self
    }

    /// Sets the listener that is told how far the inflation of a member is.
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = progress;
        self
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            access: AccessMode::Map,
            inflate_memory: 1 << 30,
            progress: Progress::default(),
        }
    }
}
