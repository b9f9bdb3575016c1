//! Options for how the patterns of groups are returned.

use serde::{Deserialize, Serialize};

use crate::scan::layout::Measurement;

/// Says how patterns are returned in `diffraction` and `diffraction_normalized`.
///
/// Patterns go through these steps in this order, each on the result of the one before:
///
/// 1. The numbers of the file become f32, rounded to nearest.
/// 2. `mask`: bad pixels become 0.
/// 3. `crop`: an n x n square is cut out of the H x W pixels. Its first row is `H div 2 - n div 2`, its first
///    column `W div 2 - n div 2` (`div` rounds down), so that pixel `N div 2`, where a shifted Fourier
///    transform has frequency zero, becomes pixel `n div 2`.
/// 4. `bin`: each square of b x b pixels, counted from the corner of what step 3 left, becomes one pixel: the
///    sum of the squares' intensities, or the root of the sum of squares where the file holds amplitudes.
///    Both sides must be divisible by b, that is those of the crop, or H and W without one.
/// 5. `measure`: the root or the square of each number.
///
/// `diffraction_normalized` has steps 1 to 4 and then its own last step: see [`group`](super). Object patches
/// are not offered with `crop` or `bin`, because cropping the detector changes the size of the object's
/// pixels, and binning changes the field of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PatternOptions {
    /// Whether `diffraction` holds the stored numbers, amplitudes or intensities. Default: stored.
    pub measure: Measure,
    /// The place of the axis of members. Default: first.
    pub channels: Channels,
    /// The side, in pixels, of the square that is cut out of the middle of each pattern; 1 to the shorter
    /// side of a pattern. Default: no crop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<usize>,
    /// The side, in pixels, of the squares whose pixels become one. Default: no binning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bin: Option<usize>,
    /// Whether bad pixels become 0. The file's mask has the shape (H, W) of a pattern: in the role
    /// `bad_pixels` a number other than 0 marks a bad pixel, in the role `valid_pixels` a 0 does. Default:
    /// false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mask: bool,
}

impl PatternOptions {
    /// Sets whether `diffraction` holds the stored numbers, amplitudes or intensities.
    pub fn with_measure(mut self, measure: Measure) -> Self {
        self.measure = measure;
        self
    }

    /// Sets the place of the axis of members.
    pub fn with_channels(mut self, channels: Channels) -> Self {
        self.channels = channels;
        self
    }

    /// Sets the side of the square that is cut out of each pattern, in pixels.
    pub fn with_crop(mut self, crop: impl Into<Option<usize>>) -> Self {
        self.crop = crop.into();
        self
    }

    /// Sets the side of the squares whose pixels become one, in pixels.
    pub fn with_bin(mut self, bin: impl Into<Option<usize>>) -> Self {
        self.bin = bin.into();
        self
    }

    /// Sets whether bad pixels become 0.
    pub fn with_mask(mut self, mask: bool) -> Self {
        self.mask = mask;
        self
    }
}

/// Says whether patterns are returned as stored, as amplitudes or as intensities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Measure {
    /// The numbers are those of the file.
    #[default]
    Stored,
    /// The numbers are amplitudes: square roots of intensities.
    Amplitude,
    /// The numbers are intensities, such as counts: squares of amplitudes.
    Intensity,
}

impl Measure {
    /// Returns what the numbers are after the conversion, if they were `stored` before.
    pub fn of(self, stored: Measurement) -> Measurement {
        match self {
            Self::Stored => stored,
            Self::Amplitude => Measurement::Amplitude,
            Self::Intensity => Measurement::Intensity,
        }
    }
}

/// Says where the axis of members is in `diffraction`, `diffraction_normalized` and `object_patches`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Channels {
    /// The axis of members comes first, as PyTorch has it: (C, H, W).
    #[default]
    #[cfg_attr(feature = "cli", value(name = "channels-first"))]
    First,
    /// The axis of members comes last, as TensorFlow has it: (H, W, C).
    #[cfg_attr(feature = "cli", value(name = "channels-last"))]
    Last,
}
