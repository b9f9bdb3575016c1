//! How a scan is opened.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::layout::LayoutOptions;
use crate::npz::OpenOptions;

/// Holds how a scan is opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScanOptions {
    /// How the archive is opened.
    pub open: OpenOptions,
    /// What the file does not say about its layout.
    pub layout: LayoutOptions,
    /// Another NPZ file that holds the patterns, which are joined on the frame index. Default: none.
    pub patterns: Option<PathBuf>,
}
