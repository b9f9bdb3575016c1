//! The members' patterns: copied straight from the file's bytes, cast to f4 on the way, converted while in the cache.

use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Groups;
use super::spec::Semantics;
use super::transform::Transform;
use crate::array::{RowData, RowSet};
use crate::error::{Error, Parameter, Result};
use crate::scan::Scan;
use crate::scan::layout::Measurement;

/// How patterns are handed out. On the way from the file, in the pass that casts them, in this order: bad pixels become 0,
/// the middle is cut out, pixels are put together, numbers are converted and, for `diffraction_normalized`, multiplied by
/// the factor, which is that of the patterns as they are handed out. Object patches are not offered with `crop` or `bin`:
/// cutting the detector changes the size of the object's pixels, putting its pixels together the field of view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PatternOptions {
    /// As what the column `diffraction` holds them. Default as stored.
    pub measure: Measure,
    /// Where the axis of members is. Default first.
    pub channels: Channels,
    /// Only the middle of each pattern, so many pixels high and wide. The middle of N pixels is pixel N/2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crop: Option<usize>,
    /// So many pixels by so many, from the corner of what is left, are put together: counts add up, of amplitudes the
    /// squares do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bin: Option<usize>,
    /// Whether bad pixels, as the file's mask tells them, become 0.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mask: bool,
}

/// As what patterns are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
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
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Channels {
    /// [C, N, N]: as torch has it; one copy a pattern.
    #[default]
    #[cfg_attr(feature = "cli", value(name = "channels-first"))]
    First,
    /// [N, N, C]: as TensorFlow has it.
    #[cfg_attr(feature = "cli", value(name = "channels-last"))]
    Last,
}

/// Creates the error for a conversion of patterns whose measurement is unknown.
pub fn unknown_measurement(scan: &Scan, parameter: Parameter) -> Error {
    Error::UnknownMeasurement {
        path: scan.npz().path().to_path_buf(),
        parameter,
    }
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
            (_, Measurement::Unknown) => Err(unknown_measurement(scan, Parameter::Measure)),
        }
    }

    /// The conversion of the column `diffraction_normalized`.
    pub fn normalized(groups: &Groups, factor: f32) -> Self {
        if takes_roots(groups) {
            Self::RootAndScale(factor)
        } else {
            Self::Scale(factor)
        }
    }

    fn apply(self, values: &mut [f32]) {
        match self {
            Self::Keep => {}
            Self::Root => values.iter_mut().for_each(|value| *value = value.sqrt()),
            Self::Square => values.iter_mut().for_each(|value| *value *= *value),
            Self::Scale(factor) => values.iter_mut().for_each(|value| *value *= factor),
            Self::RootAndScale(factor) => values
                .iter_mut()
                .for_each(|value| *value = factor * value.sqrt()),
        }
    }
}

/// Whether stored numbers are rooted before they are normalised. PtychoPINN takes whatever is stored for amplitudes, so
/// its semantics roots only what the user says are intensities.
pub fn takes_roots(groups: &Groups) -> bool {
    match groups.spec().semantics {
        Semantics::Native => groups.scan().measurement() == Measurement::Intensity,
        Semantics::Ptychopinn => {
            groups.scan().layout_options().measurement == Some(Measurement::Intensity)
        }
    }
}

/// The members' patterns, group after group, as f4.
///
/// # Errors
/// If the scan has no patterns, or a deflated one cannot be inflated.
pub fn gather(
    groups: &Groups,
    rows: &RowSet<'_>,
    conversion: Conversion,
) -> Result<ScalarBuffer<f32>> {
    let patterns = groups.scan().require_diffraction()?;
    let _span = tracing::debug_span!("gather", groups = rows.len()).entered();
    let points = members(groups, rows)?;
    let data = patterns.rows(&RowSet::List(&points))?;
    let (size, transform) = (groups.group_size(), &groups.inner.transform);
    let group_len = size * transform.len();
    let len = rows.len() * group_len;
    let mut out = groups.inner.pool.take(len * size_of::<f32>());
    let one =
        |scratch: &mut Scratch, (group, out): (usize, &mut [f32])| match groups.patterns().channels
        {
            Channels::First => {
                fill_group(&data, group, size, transform, &mut scratch.stored, out);
                conversion.apply(out);
            }
            Channels::Last => {
                scratch.group.resize(group_len, 0.0);
                fill_group(
                    &data,
                    group,
                    size,
                    transform,
                    &mut scratch.stored,
                    &mut scratch.group,
                );
                conversion.apply(&mut scratch.group);
                fill_channels_last(&scratch.group, size, out);
            }
        };
    let values = out.typed_data_mut::<f32>();
    if len * size_of::<f32>() >= WORTH_SHARING && rayon::current_num_threads() > 1 {
        let tasks = values.par_chunks_mut(group_len).enumerate();
        let least = (TASK_BYTES / (group_len * size_of::<f32>())).max(1);
        tasks
            .with_min_len(least)
            .for_each_init(Scratch::default, one);
    } else if group_len > 0 {
        let mut scratch = Scratch::default();
        values
            .chunks_exact_mut(group_len)
            .enumerate()
            .for_each(|group| one(&mut scratch, group));
    }
    Ok(ScalarBuffer::new(groups.inner.pool.hand_out(out), 0, len))
}

/// Bytes from which on several threads fill a batch, and that each of them fills at a time: below, sharing out costs more
/// than it brings.
const WORTH_SHARING: usize = 1 << 20;
const TASK_BYTES: usize = 256 << 10;

/// Buffers of a thread.
#[derive(Default)]
struct Scratch {
    /// A pattern as it is stored, where that is not how it is handed out.
    stored: Vec<f32>,
    /// A group, slot after slot, where its axes are to be swapped.
    group: Vec<f32>,
}

/// A group's patterns, slot after slot.
fn fill_group(
    data: &RowData<'_>,
    group: usize,
    size: usize,
    transform: &Transform,
    stored: &mut Vec<f32>,
    out: &mut [f32],
) {
    for (slot, out) in out.chunks_exact_mut(transform.len().max(1)).enumerate() {
        let place = group * size + slot;
        if transform.changes() {
            stored.clear();
            data.extend_f32(place, stored);
            transform.apply(stored, out);
        } else {
            data.fill_f32(place, out);
        }
    }
}

/// Images one after the other, with the axis of images last.
fn fill_channels_last(images: &[f32], channels: usize, out: &mut [f32]) {
    let image = images.len() / channels.max(1);
    for (pixel, out) in out.chunks_exact_mut(channels.max(1)).enumerate() {
        out.iter_mut()
            .enumerate()
            .for_each(|(channel, value)| *value = images[channel * image + pixel]);
    }
}

/// The scan points of the members of these groups, group after group.
pub fn members(groups: &Groups, rows: &RowSet<'_>) -> Result<Vec<usize>> {
    let index = groups.index()?;
    Ok(rows
        .iter()
        .flat_map(|row| index.members(row))
        .map(|point| *point as usize)
        .collect())
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
