//! Computes the factor by which patterns are normalised.

use rayon::prelude::*;

use super::pixels::BadPixel;
use super::sum::{power, sum};
use super::transform::Transform;
use crate::array::{Column, RowSet};
use crate::error::{Parameter, PixelProblem, Result};
use crate::group::index::GroupIndex;
use crate::memory;
use crate::scan::Scan;

/// The bytes of patterns that one thread looks at before the next ones: few enough to be held, should they
/// have to be read. The powers never depend on it.
const CHUNK_BYTES: usize = 1 << 20;

/// Computes the power of patterns: the sum of |amplitude|^2 over their pixels, in f64.
#[derive(Debug)]
pub struct Power<'a> {
    /// The scan.
    pub scan: &'a Scan,
    /// The patterns of the scan.
    pub patterns: &'a Column,
    /// What changes pixels before.
    pub transform: &'a Transform,
    /// Whether the numbers are intensities, which add up as they are; amplitudes are squared.
    pub is_intensity: bool,
}

/// Holds a mean power, and what it is the mean of.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MeanPower {
    /// The mean power of a pattern.
    pub power: f64,
    /// The number of different patterns.
    pub patterns: usize,
    /// The number of those among them whose power is 0.
    pub dead: usize,
    /// The first scan point of those.
    pub first_dead: Option<u32>,
}

impl MeanPower {
    /// Returns the mean of `all`, which come from patterns of these powers.
    fn of(all: &[f64], points: &[u32], powers: &[f64]) -> Self {
        let mut dead = points
            .iter()
            .zip(powers)
            .filter(|(_, power)| **power == 0.0);
        let first_dead = dead.next().map(|(point, _)| *point);
        Self {
            power: sum(all) / all.len() as f64,
            patterns: points.len(),
            dead: usize::from(first_dead.is_some()) + dead.count(),
            first_dead,
        }
    }
}

impl Power<'_> {
    /// Returns the mean power of the patterns of these scan points, each counted once.
    ///
    /// # Errors
    /// If the patterns cannot be read; [`Error::BadPixel`](crate::Error::BadPixel) if a pixel is not finite,
    /// or is a negative count.
    pub fn mean_of_points(&self, points: &[u32]) -> Result<MeanPower> {
        let powers = self.of_points(points)?;
        Ok(MeanPower::of(&powers, points, &powers))
    }

    /// Returns the mean power of the members of all groups; a pattern counts as often as it is a member. Each
    /// pattern's power is computed once.
    ///
    /// # Errors
    /// As [`Power::mean_of_points`]; if the memory for one number per member cannot be had.
    pub fn mean_of_groups(&self, index: &GroupIndex) -> Result<MeanPower> {
        let members = index.all_members();
        let last = members.iter().max().map_or(0, |last| *last as usize + 1);
        let mut is_member = vec![false; last];
        members
            .iter()
            .for_each(|member| is_member[*member as usize] = true);
        let points: Vec<u32> = (0..last as u32)
            .filter(|point| is_member[*point as usize])
            .collect();
        let of_points = self.of_points(&points)?;
        let mut by_point = vec![0.0; last];
        for (point, power) in points.iter().zip(&of_points) {
            by_point[*point as usize] = *power;
        }
        let mut powers = memory::reserve(
            members.len() as u128,
            "the powers of the members of all groups",
            Parameter::NGroups,
        )?;
        powers.extend(members.iter().map(|member| by_point[*member as usize]));
        Ok(MeanPower::of(&powers, &points, &of_points))
    }

    /// Computes the power of each of these patterns. Of several bad pixels it is always the same that is told.
    fn of_points(&self, points: &[u32]) -> Result<Vec<f64>> {
        let chunk = (CHUNK_BYTES / self.patterns.row_bytes().max(1)).max(1);
        let powers: Vec<Result<Vec<f64>>> = points
            .par_chunks(chunk)
            .map(|points| self.of_chunk(points))
            .collect();
        let powers: Vec<Vec<f64>> = powers.into_iter().collect::<Result<_>>()?;
        Ok(powers.concat())
    }

    fn of_chunk(&self, points: &[u32]) -> Result<Vec<f64>> {
        let points: Vec<usize> = points.iter().map(|point| *point as usize).collect();
        let data = self.patterns.numbers(&RowSet::List(&points))?;
        let mut stored = Vec::with_capacity(self.patterns.row_len());
        let mut changed = vec![0.0; self.transform.len()];
        let of_place = |place: usize| {
            stored.clear();
            data.extend_f64(place, &mut stored);
            self.check(&stored, points[place])?;
            Ok(if self.transform.changes() {
                self.transform.apply(&stored, &mut changed);
                self.of_pattern(&changed)
            } else {
                self.of_pattern(&stored)
            })
        };
        (0..points.len()).map(of_place).collect()
    }

    fn of_pattern(&self, values: &[f64]) -> f64 {
        if self.is_intensity {
            sum(values)
        } else {
            power(values)
        }
    }

    /// Checks that no pixel that is used is infinite or "not a number" or, as a count, negative.
    fn check(&self, stored: &[f64], scan_point: usize) -> Result<()> {
        let min = match self.is_intensity {
            true => 0.0,
            false => -f64::MAX,
        };
        let is_good = |value: f64| (value >= min) & (value <= f64::MAX);
        let all_good =
            |values: &[f64]| values.iter().fold(true, |all, value| all & is_good(*value));
        if self.transform.used(stored).all(all_good) {
            return Ok(());
        }
        let origin = stored.as_ptr() as usize;
        let found = self.transform.used(stored).find_map(|values| {
            let at = values.iter().position(|value| !is_good(*value))?;
            let before = (values.as_ptr() as usize - origin) / size_of::<f64>();
            Some((before + at, values[at]))
        });
        let (at, value) = found.unwrap_or_default();
        let problem = match value.is_finite() {
            true => PixelProblem::NegativeInFactor,
            false => PixelProblem::NotFiniteInFactor,
        };
        let pixel = BadPixel {
            scan_point,
            at,
            value,
            problem,
        };
        Err(pixel.error(self.scan, self.patterns))
    }
}
