//! Options for how the patterns of groups are returned.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::scan::layout::Measurement;

/// Says how patterns are returned in `diffraction` and `diffraction_normalized`.
///
/// Patterns go through these steps in this order, each on the result of the one before:
///
/// 1. Bad pixels are 0, as [`ScanOptions::bad_pixels`](crate::scan::ScanOptions::bad_pixels) says: that
///    belongs to reading the scan, so that everything which reads its patterns sees the same numbers.
/// 2. The numbers of the file become f32, rounded to nearest.
/// 3. `crop`: a part of n x m pixels is cut out of the H x W pixels. Its first row is `r - n div 2`, its first
///    column `c - m div 2` (`div` rounds down), where (r, c) is `center`, by default the pixel
///    `(H div 2, W div 2)`, where a shifted Fourier transform has frequency zero. So that pixel becomes pixel
///    `(n div 2, m div 2)`. Where H - n is odd, there are as many rows before the part as after it plus or
///    minus one; a [`GroupNote`](super::GroupNote) then says which are taken.
/// 4. `bin`: each square of b x b pixels, counted from the corner of what step 3 left, becomes one pixel: the
///    sum of the squares' intensities, or the root of the sum of squares where the file holds amplitudes.
///    Both sides must be divisible by b, that is those of the crop, or H and W without one.
/// 5. `measure`: the root or the square of each number.
///
/// `diffraction_normalized` has steps 1 to 4 and then its own last step: see [`group`](super). Object patches
/// are not offered with `crop` or `bin`, because cropping the detector changes the size of the object's
/// pixels, and binning changes the field of view.
///
/// A pixel for which one of these steps leaves the range of f32 (a stored f64 of more than 3.4e38, or nearer
/// to 0 than 1.2e-38; the sum of squares of large amplitudes) is computed in f64 instead, and rounded to f32
/// at the end. A pixel whose result does not fit f32, and one that is converted, binned or normalised although
/// it is not a finite number or, under a root, negative, is an error that names it:
/// [`Error::BadPixel`](crate::Error::BadPixel). Where nothing is computed, numbers that are not finite stay as
/// they are stored, and a note says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PatternOptions {
    /// Whether `diffraction` holds the stored numbers, amplitudes or intensities. Default: stored.
    pub measure: Measure,
    /// The place of the axis of members. Default: first.
    pub channels: Channels,
    /// The height and the width, in pixels, of the part that is cut out of each pattern; it lies within the
    /// pattern. Default: no crop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<Crop>,
    /// The pixel of the file's patterns around which the part is cut out. Default: (H div 2, W div 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub center: Option<Center>,
    /// The side, in pixels, of the squares whose pixels become one. Default: no binning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bin: Option<usize>,
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

    /// Sets the size of the part that is cut out of each pattern: the side of a square, or height and width,
    /// in pixels.
    ///
    /// ```
    /// use ptychoarrow::group::PatternOptions;
    /// // The rows 0 to 15 and the columns 0 to 15 of patterns of 18 x 16 pixels.
    /// let options = PatternOptions::default().with_crop(16).with_center([8, 8]);
    /// assert_eq!(options.crop, Some([16, 16].into()));
    /// ```
    pub fn with_crop(mut self, crop: impl Into<Crop>) -> Self {
        self.crop = Some(crop.into());
        self
    }

    /// Sets the pixel around which the part is cut out: [row, column], or the centre of mass.
    pub fn with_center(mut self, center: impl Into<Center>) -> Self {
        self.center = Some(center.into());
        self
    }

    /// Sets the side of the squares whose pixels become one, in pixels.
    pub fn with_bin(mut self, bin: impl Into<Option<usize>>) -> Self {
        self.bin = bin.into();
        self
    }
}

/// Holds the height and the width, in pixels, of a part of a pattern. As a text it is `16` for a square, or
/// `16x18`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Sides", into = "Sides")]
pub struct Crop {
    /// The number of rows.
    pub height: usize,
    /// The number of columns.
    pub width: usize,
}

/// Is a [`Crop`] as data: the side of a square, or both sides.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Sides {
    Square(usize),
    Both([usize; 2]),
}

impl From<Sides> for Crop {
    fn from(sides: Sides) -> Self {
        match sides {
            Sides::Square(side) => side.into(),
            Sides::Both(sides) => sides.into(),
        }
    }
}

impl From<Crop> for Sides {
    fn from(crop: Crop) -> Self {
        match crop.height == crop.width {
            true => Self::Square(crop.height),
            false => Self::Both([crop.height, crop.width]),
        }
    }
}

impl From<usize> for Crop {
    fn from(side: usize) -> Self {
        [side, side].into()
    }
}

impl From<[usize; 2]> for Crop {
    fn from([height, width]: [usize; 2]) -> Self {
        Self { height, width }
    }
}

impl FromStr for Crop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let side = |text: &str| text.trim().parse::<usize>().ok();
        let crop = match text.split_once('x') {
            None => side(text).map(Self::from),
            Some((height, width)) => side(height)
                .zip(side(width))
                .map(|(height, width)| Self { height, width }),
        };
        crop.ok_or_else(|| {
            "expected a number of pixels, such as 128, or rows and columns, such as 128x96"
                .to_string()
        })
    }
}

/// Names the pixel around which a part is cut out of each pattern. As a text it is `ROW,COLUMN` or `com`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Place", into = "Place")]
pub enum Center {
    /// The pixel at this row and this column, counted from 0.
    Pixel([usize; 2]),
    /// The centre of mass of the mean pattern of `among`: of the numbers as they are stored, bad pixels being
    /// 0, and each coordinate rounded to the nearest pixel, halves upwards.
    Mass,
}

/// Is a [`Center`] as data.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Place {
    Pixel([usize; 2]),
    Word(String),
}

/// The word for the centre of mass.
const MASS: &str = "com";

impl TryFrom<Place> for Center {
    type Error = String;

    fn try_from(place: Place) -> Result<Self, String> {
        match place {
            Place::Pixel(pixel) => Ok(Self::Pixel(pixel)),
            Place::Word(word) => word.parse(),
        }
    }
}

impl From<Center> for Place {
    fn from(center: Center) -> Self {
        match center {
            Center::Pixel(pixel) => Self::Pixel(pixel),
            Center::Mass => Self::Word(MASS.to_string()),
        }
    }
}

impl From<[usize; 2]> for Center {
    fn from(pixel: [usize; 2]) -> Self {
        Self::Pixel(pixel)
    }
}

impl FromStr for Center {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case(MASS) {
            return Ok(Self::Mass);
        }
        let number = |text: &str| text.trim().parse().ok();
        text.split_once(',')
            .and_then(|(row, column)| Some(Self::Pixel([number(row)?, number(column)?])))
            .ok_or_else(|| {
                "expected ROW,COLUMN counted from 0, such as 130,127, or com for the centre of mass"
                    .to_string()
            })
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
