//! Gathers the members' patterns: copied straight from the file's bytes, cast to f32 on the way and converted
//! while they are in the processor's cache.
//!
//! Numbers are computed in f32. What leaves its range, be it on the way from the file, in a sum or in the
//! conversion, shows in the result as infinite or as "not a number"; such pixels alone are computed again, in
//! f64, and those that still are no numbers are errors.

use arrow::buffer::ScalarBuffer;
use rayon::prelude::*;

use super::channels::move_last;
use super::conversion::Conversion;
use super::pixels::{self, BadPixel};
use super::transform::Transform;
use crate::array::{Column, Numbers, Pool, RowSet};
use crate::error::{PixelProblem, Result};
use crate::group::options::Channels;
use crate::npz::Scalar;
use crate::scan::Scan;

/// Says how the patterns of groups are gathered.
#[derive(Debug)]
pub struct Gather<'a> {
    /// The scan.
    pub scan: &'a Scan,
    /// The patterns of the scan.
    pub patterns: &'a Column,
    /// The number of members per group.
    pub group_size: usize,
    /// What changes pixels and shapes.
    pub transform: &'a Transform,
    /// What is done to each number after that.
    pub conversion: Conversion,
    /// The place of the axis of members.
    pub channels: Channels,
    /// The buffers that are filled.
    pub pool: &'a Pool,
}

/// Holds gathered patterns.
#[derive(Debug)]
pub struct Gathered {
    /// The numbers of all groups.
    pub values: ScalarBuffer<f32>,
    /// The first pixel that is not finite and was left as it is stored, if there is one.
    pub not_finite: Option<NotFinite>,
}

/// Names a pixel that is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotFinite {
    /// The scan point of the pattern.
    pub scan_point: usize,
    /// The place of the pixel in the pattern as it is stored, in C order.
    pub at: usize,
}

/// The bytes of a batch from which on several threads fill it; sharing out fewer costs more than it brings.
const WORTH_SHARING: usize = 1 << 20;

/// The bytes that one thread fills at a time.
const TASK_BYTES: usize = 256 << 10;

/// Holds the buffers of one thread.
#[derive(Default)]
struct Scratch {
    /// A pattern as it is stored, where that is not how it is returned.
    stored: Vec<f32>,
    /// A group with the axis of members first, where it is to be last.
    group: Vec<f32>,
    /// A pattern as it is stored, where it is computed in f64.
    wide: Vec<f64>,
    /// A pattern as it is returned, where it is computed in f64.
    changed: Vec<f64>,
}

/// Names a pixel of the result: the place of its pattern among those gathered, and its own within it.
type Place = (usize, usize);

/// Holds the first pixels of a group, or of several, that are not finite.
#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    /// The first pixel that cannot be returned.
    bad: Option<Place>,
    /// The first pixel that is as it is stored.
    kept: Option<Place>,
}

impl Outcome {
    fn with(self, other: Self) -> Self {
        let first = |a: Option<Place>, b: Option<Place>| a.into_iter().chain(b).min();
        Self {
            bad: first(self.bad, other.bad),
            kept: first(self.kept, other.kept),
        }
    }
}

impl Gather<'_> {
    /// Returns the patterns of these scan points, the members of one group after those of another.
    ///
    /// # Errors
    /// If the patterns cannot be read or inflated; [`Error::BadPixel`](crate::Error::BadPixel) if a number
    /// cannot be converted, or does not fit f32.
    pub fn groups_of(&self, points: &[usize]) -> Result<Gathered> {
        let num_groups = points.len() / self.group_size.max(1);
        let _span = tracing::debug_span!("gather", groups = num_groups).entered();
        let data = self.patterns.numbers(&RowSet::List(points))?;
        let group_len = self.group_size * self.transform.len();
        let len = num_groups * group_len;
        let mut out = self.pool.take(len, size_of::<f32>())?;
        let outcome = self.fill(&data, group_len, out.typed_data_mut());
        if let Some((place, at)) = outcome.bad {
            let pixel = self.bad_pixel(points[place], at)?;
            return Err(pixel.error(self.scan, self.patterns));
        }
        let kept = outcome.kept.map(|(place, at)| NotFinite {
            scan_point: points[place],
            at: self.transform.sources(at).first().copied().unwrap_or(at),
        });
        Ok(Gathered {
            values: ScalarBuffer::new(self.pool.hand_out(out), 0, len),
            not_finite: kept,
        })
    }

    /// Fills all groups, on several threads if that is worth it.
    fn fill(&self, data: &Numbers<'_>, group_len: usize, out: &mut [f32]) -> Outcome {
        if group_len == 0 {
            return Outcome::default();
        }
        let fill_one = |scratch: &mut Scratch, (group, out): (usize, &mut [f32])| {
            self.fill_group(data, group, scratch, out)
        };
        if size_of_val(out) >= WORTH_SHARING && rayon::current_num_threads() > 1 {
            let groups_per_task = (TASK_BYTES / (group_len * size_of::<f32>())).max(1);
            out.par_chunks_mut(group_len)
                .enumerate()
                .with_min_len(groups_per_task)
                .map_init(Scratch::default, fill_one)
                .reduce(Outcome::default, Outcome::with)
        } else {
            let mut scratch = Scratch::default();
            out.chunks_exact_mut(group_len)
                .enumerate()
                .map(|group| fill_one(&mut scratch, group))
                .fold(Outcome::default(), Outcome::with)
        }
    }

    fn fill_group(
        &self,
        data: &Numbers<'_>,
        group: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Outcome {
        match self.channels {
            Channels::First => self.fill_slots(data, group, scratch, out),
            Channels::Last => {
                let mut slots = std::mem::take(&mut scratch.group);
                slots.resize(out.len(), 0.0);
                let outcome = self.fill_slots(data, group, scratch, &mut slots);
                move_last::<1>(&slots, self.group_size, out);
                scratch.group = slots;
                outcome
            }
        }
    }

    /// Fills a group's patterns, slot after slot, and converts them.
    fn fill_slots(
        &self,
        data: &Numbers<'_>,
        group: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Outcome {
        let first = group * self.group_size;
        for (slot, out) in out.chunks_exact_mut(self.transform.len()).enumerate() {
            self.fill_slot(data, first + slot, scratch, out);
        }
        self.conversion.apply(out);
        if !self.may_leave_range() || all_finite(out) {
            return Outcome::default();
        }
        let mend = |(slot, out): (usize, &mut [f32])| match all_finite(out) {
            true => Outcome::default(),
            false => self.mend(data, first + slot, scratch, out),
        };
        out.chunks_exact_mut(self.transform.len())
            .enumerate()
            .map(mend)
            .fold(Outcome::default(), Outcome::with)
    }

    fn fill_slot(&self, data: &Numbers<'_>, place: usize, scratch: &mut Scratch, out: &mut [f32]) {
        let Scratch { stored, wide, .. } = scratch;
        let narrows = self.narrows();
        if narrows {
            wide.clear();
            data.extend_f64(place, wide);
        }
        match (self.transform.changes(), narrows) {
            (false, false) => data.fill_f32(place, out),
            (false, true) => {
                for (out, value) in out.iter_mut().zip(wide.iter()) {
                    *out = narrow(*value);
                }
            }
            (true, _) => {
                stored.clear();
                match narrows {
                    true => stored.extend(wide.iter().map(|value| narrow(*value))),
                    false => data.extend_f32(place, stored),
                }
                self.transform.apply(stored, out);
            }
        }
    }

    /// Returns whether nothing is computed: numbers are those of the file, as f32.
    fn keeps(&self) -> bool {
        self.conversion == Conversion::Keep && !self.transform.bins()
    }

    /// Returns whether stored numbers that f32 has not must be told from those that it has.
    fn narrows(&self) -> bool {
        self.patterns.scalar() == Scalar::Float64 && !self.keeps()
    }

    /// Returns whether a result can be anything but finite: not for integers that nothing is done to.
    fn may_leave_range(&self) -> bool {
        let is_integer = self.patterns.scalar().is_integer();
        !is_integer || self.conversion != Conversion::Keep
    }

    /// Computes the pixels of a pattern that are not finite again, in f64.
    fn mend(
        &self,
        data: &Numbers<'_>,
        place: usize,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Outcome {
        let Scratch { wide, changed, .. } = scratch;
        wide.clear();
        data.extend_f64(place, wide);
        let values: &[f64] = if self.transform.changes() {
            changed.resize(out.len(), 0.0);
            self.transform.apply(wide, changed);
            changed
        } else {
            wide
        };
        let mut outcome = Outcome::default();
        for (at, (out, value)) in out.iter_mut().zip(values).enumerate() {
            if out.is_finite() {
                continue;
            }
            *out = self.conversion.of_wide(*value) as f32;
            let found = Some((place, at));
            let which = match out.is_finite() {
                true => continue,
                // A number that is none was none before.
                false if self.keeps() && !value.is_finite() => &mut outcome.kept,
                false => &mut outcome.bad,
            };
            *which = which.or(found);
        }
        outcome
    }

    /// Finds the stored pixel that is at fault for a pixel of the result.
    fn bad_pixel(&self, scan_point: usize, at: usize) -> Result<BadPixel> {
        let stored = pixels::pattern(self.patterns, scan_point)?;
        let sources = self.transform.sources(at);
        let find = |is_bad: &dyn Fn(f64) -> bool| {
            let mut sources = sources.iter().copied();
            sources.find(|at| is_bad(stored[*at]))
        };
        let not_finite = find(&|value| !value.is_finite()).map(|at| (at, PixelProblem::NotFinite));
        let negative = || {
            let at = find(&|value| value < 0.0).filter(|_| self.conversion.takes_root())?;
            Some((at, PixelProblem::NegativeRoot))
        };
        let largest = || {
            let by_size = |a: &usize, b: &usize| stored[*a].abs().total_cmp(&stored[*b].abs());
            let at = sources.iter().copied().max_by(by_size);
            (at.unwrap_or_default(), PixelProblem::TooLarge)
        };
        let (at, problem) = not_finite.or_else(negative).unwrap_or_else(largest);
        Ok(BadPixel {
            scan_point,
            at,
            value: stored[at],
            problem,
        })
    }
}

/// Returns the nearest f32, or "not a number" where f32 has none with as many digits.
fn narrow(value: f64) -> f32 {
    let single = value as f32;
    if single.is_normal() || value == 0.0 {
        single
    } else {
        f32::NAN
    }
}

/// Returns whether no number is infinite or "not a number"; a plain loop over bits that vectorises.
fn all_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    let any = |any: bool, value: &f32| any | (value.to_bits() & EXPONENT == EXPONENT);
    // In pieces, so that a pattern full of them is left early.
    values
        .chunks(4096)
        .all(|values| !values.iter().fold(false, any))
}

#[cfg(test)]
mod tests;
