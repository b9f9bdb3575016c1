//! How a scan is opened.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::bad_pixels::BadPixels;
use super::layout::LayoutOptions;
use crate::npz::OpenOptions;

/// Holds how a scan is opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScanOptions {
    /// How the archive is opened.
    pub open: OpenOptions,
    /// What the file does not say about its layout.
    pub layout: LayoutOptions,
    /// Another NPZ file that holds the patterns, which are joined on the frame index. Default: none.
    pub patterns: Option<PathBuf>,
    /// The pixels of the patterns that are read as 0. Default: none.
    pub bad_pixels: BadPixels,
}

impl ScanOptions {
    /// Sets how the archive is opened.
    pub fn with_open(mut self, open: OpenOptions) -> Self {
        self.open = open;
        self
    }

    /// Sets what the file does not say about its layout.
    pub fn with_layout(mut self, layout: LayoutOptions) -> Self {
        self.layout = layout;
        self
    }

    /// Sets another NPZ file that holds the patterns.
    pub fn with_patterns(mut self, patterns: impl Into<Option<PathBuf>>) -> Self {
        self.patterns = patterns.into();
        self
    }

    /// Sets the pixels of the patterns that are read as 0.
    pub fn with_bad_pixels(mut self, bad_pixels: BadPixels) -> Self {
        self.bad_pixels = bad_pixels;
        self
    }
}
