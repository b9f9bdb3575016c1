//! The members' patterns: copied straight from the file's bytes, cast to f4 on the way, converted while in the cache.

use serde::{Deserialize, Serialize};

use super::Groups;
use super::plan::bad;
use super::spec::Semantics;
use crate::array::{RowData, RowSet};
use crate::error::Result;
use crate::scan::Scan;
use crate::scan::layout::Measurement;

/// How patterns are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PatternOptions {
    /// As what the column `diffraction` holds them. Default as stored.
    pub measure: Measure,
    /// Where the axis of members is. Default first.
    pub channels: Channels,
}

/// As what patterns are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The numbers of the file.
    #[default]
    Stored,
    /// Square roots of counts.
    Amplitude,
    /// Counts.
    Intensity,
}

impl Measure {
    /// What numbers are after the conversion that were this before.
    pub fn of(self, stored: Measurement) -> Measurement {
        match self {
            Self::Stored => stored,
            Self::Amplitude => Measurement::Amplitude,
            Self::Intensity => Measurement::Intensity,
        }
    }
}

/// Where the axis of members is in `diffraction`, `diffraction_normalized` and `object_patches`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// [C, N, N]: as torch has it; one copy a pattern.
    #[default]
    First,
    /// [N, N, C]: as TensorFlow has it.
    Last,
}

/// What is done to a stored number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Conversion {
    /// Nothing.
    Keep,
    /// Counts become amplitudes.
    Root,
    /// Amplitudes become counts.
    Square,
    /// Times a factor.
    Scale(f32),
    /// Counts become amplitudes, times a factor.
    RootAndScale(f32),
}

impl Conversion {
    /// The conversion of the column `diffraction`.
    ///
    /// # Errors
    /// If one is asked for and the file does not say what its numbers are.
    pub fn of(scan: &Scan, measure: Measure) -> Result<Self> {
        match (measure, scan.measurement()) {
            (Measure::Stored, _)
            | (Measure::Amplitude, Measurement::Amplitude)
            | (Measure::Intensity, Measurement::Intensity) => Ok(Self::Keep),
            (Measure::Amplitude, Measurement::Intensity) => Ok(Self::Root),
            (Measure::Intensity, Measurement::Amplitude) => Ok(Self::Square),
            (_, Measurement::Unknown) => Err(bad(
                "as",
                "a conversion of patterns whose measurement is unknown",
                "a file that says what its numbers are (integers are intensities)",
                "say it: --measurement amplitude or --measurement intensity",
            )),
        }
    }

    /// The conversion of the column `diffraction_normalized`.
    pub fn normalized(groups: &Groups, factor: f32) -> Self {
        if takes_roots(groups) { Self::RootAndScale(factor) } else { Self::Scale(factor) }
    }

    fn apply(self, values: &mut [f32]) {
        match self {
            Self::Keep => {}
            Self::Root => values.iter_mut().for_each(|value| *value = value.sqrt()),
            Self::Square => values.iter_mut().for_each(|value| *value *= *value),
            Self::Scale(factor) => values.iter_mut().for_each(|value| *value *= factor),
            Self::RootAndScale(factor) => values.iter_mut().for_each(|value| *value = factor * value.sqrt()),
        }
    }
}

/// Whether stored numbers are rooted before they are normalised. PtychoPINN takes whatever is stored for amplitudes, so
/// its semantics roots only what the user says are intensities.
pub fn takes_roots(groups: &Groups) -> bool {
    match groups.spec().semantics {
        Semantics::Native => groups.scan().measurement() == Measurement::Intensity,
        Semantics::Ptychopinn => groups.scan().layout_options().measurement == Some(Measurement::Intensity),
    }
}

/// The members' patterns, group after group, as f4.
///
/// # Errors
/// If the scan has no patterns, or a deflated one cannot be inflated.
pub fn gather(groups: &Groups, rows: &RowSet<'_>, conversion: Conversion) -> Result<Vec<f32>> {
    let patterns = groups.scan().require_diffraction()?;
    let points = members(groups, rows)?;
    let data = patterns.rows(&RowSet::List(&points))?;
    let group_len = groups.group_size() * patterns.row_len();
    let mut out = Vec::with_capacity(rows.len() * group_len);
    let mut scratch = Vec::new();
    for group in 0..rows.len() {
        match groups.patterns().channels {
            Channels::First => {
                let start = out.len();
                append(&data, group, groups.group_size(), &mut out);
                conversion.apply(&mut out[start..]);
            }
            Channels::Last => {
                scratch.clear();
                append(&data, group, groups.group_size(), &mut scratch);
                conversion.apply(&mut scratch);
                append_channels_last(&scratch, groups.group_size(), 1, &mut out);
            }
        }
    }
    Ok(out)
}

/// The scan points of the members of these groups, group after group.
pub fn members(groups: &Groups, rows: &RowSet<'_>) -> Result<Vec<usize>> {
    let index = groups.index()?;
    Ok(rows.iter().flat_map(|row| index.members(row)).map(|point| *point as usize).collect())
}

/// Appends the rows of a group's members, slot after slot; `data` are the rows of all [`members`].
pub fn append(data: &RowData<'_>, group: usize, group_size: usize, out: &mut Vec<f32>) {
    (group * group_size..(group + 1) * group_size).for_each(|place| data.extend_f32(place, out));
}

/// Appends `channels` images to `out` with the channel as the last axis but for the `parts` of a pixel.
pub fn append_channels_last(images: &[f32], channels: usize, parts: usize, out: &mut Vec<f32>) {
    let image = images.len() / channels.max(1);
    for pixel in (0..image).step_by(parts) {
        for channel in 0..channels {
            out.extend_from_slice(&images[channel * image + pixel..][..parts]);
        }
    }
}
