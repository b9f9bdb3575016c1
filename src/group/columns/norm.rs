//! Computes the factor by which patterns are normalised.

use rayon::prelude::*;

use super::sum::{power, sum};
use super::transform::Transform;
use crate::array::{Column, RowSet};
use crate::error::{Parameter, Result};
use crate::group::index::GroupIndex;
use crate::memory;

/// The bytes of patterns that one thread looks at before the next ones: few enough to be held, should they
/// have to be read. The powers never depend on it.
const CHUNK_BYTES: usize = 1 << 20;

/// Computes the power of patterns: the sum of |amplitude|^2 over their pixels, in f64.
#[derive(Debug)]
pub struct Power<'a> {
    /// The patterns of the scan.
    pub patterns: &'a Column,
    /// What changes pixels before.
    pub transform: &'a Transform,
    /// Whether the numbers are intensities, which add up as they are; amplitudes are squared.
    pub is_intensity: bool,
}

impl Power<'_> {
    /// Returns the mean power of the patterns of these scan points, each counted once.
    ///
    /// # Errors
    /// If the patterns cannot be read.
    pub fn mean_of_points(&self, points: &[u32]) -> Result<f64> {
        Ok(sum(&self.of_points(points)?) / points.len() as f64)
    }

    /// Returns the mean power of the members of all groups; a pattern counts as often as it is a member. Each
    /// pattern's power is computed once.
    ///
    /// # Errors
    /// If the patterns cannot be read; if the memory for one number per member cannot be had.
    pub fn mean_of_groups(&self, index: &GroupIndex) -> Result<f64> {
        let members = index.all_members();
        let last = members.iter().max().map_or(0, |last| *last as usize + 1);
        let mut is_member = vec![false; last];
        members
            .iter()
            .for_each(|member| is_member[*member as usize] = true);
        let points: Vec<u32> = (0..last as u32)
            .filter(|point| is_member[*point as usize])
            .collect();
        let mut by_point = vec![0.0; last];
        for (point, power) in points.iter().zip(self.of_points(&points)?) {
            by_point[*point as usize] = power;
        }
        let mut powers = memory::reserve(
            members.len() as u128,
            "the powers of the members of all groups",
            Parameter::NGroups,
        )?;
        powers.extend(members.iter().map(|member| by_point[*member as usize]));
        Ok(sum(&powers) / powers.len() as f64)
    }

    /// Computes the power of each of these patterns.
    fn of_points(&self, points: &[u32]) -> Result<Vec<f64>> {
        let chunk = (CHUNK_BYTES / self.patterns.row_bytes().max(1)).max(1);
        let powers: Vec<Vec<f64>> = points
            .par_chunks(chunk)
            .map(|points| self.of_chunk(points))
            .collect::<Result<_>>()?;
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
            if self.transform.changes() {
                self.transform.apply(&mut stored, &mut changed);
                self.of_pattern(&changed)
            } else {
                self.of_pattern(&stored)
            }
        };
        Ok((0..points.len()).map(of_place).collect())
    }

    fn of_pattern(&self, values: &[f64]) -> f64 {
        if self.is_intensity {
            sum(values)
        } else {
            power(values)
        }
    }
}
