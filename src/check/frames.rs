//! Looks at every frame once: sums up the values of its good pixels, recognises frames that were there before,
//! and finds pixels that stand out from their neighbours.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};

use rayon::prelude::*;

use super::summary::{Summary, pieces};
use crate::array::{Column, Marks, Numbers, RowSet};
use crate::error::Result;
use crate::table::DEFAULT_BATCH_BYTES;

/// The largest fraction of its neighbours that may be as bright as a tenth of a hot pixel, as a divisor.
const BRIGHT_NEIGHBOURS: usize = 4;

/// Says how frames are looked at.
pub struct Look<'a> {
    /// The frames, as they are stored.
    pub frames: &'a Column,
    /// Which pixels are bad, and so are passed over.
    pub marks: Option<&'a Marks>,
    /// The height and the width of a frame, if its pixels are looked at beside their neighbours.
    pub shape: Option<[usize; 2]>,
    /// How many times as large as its neighbours the value of a hot pixel is.
    pub hot: f64,
}

/// Holds what was seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// The summaries of the frames.
    pub frames: Vec<Summary>,
    /// The frames whose bytes are those of an earlier one.
    pub repeated: Vec<usize>,
    /// The number of frames in which each pixel stands out, if that was looked at.
    pub stands_out: Vec<u32>,
    /// The number of values that are bad, in all frames.
    pub marked: u64,
}

/// Holds what was seen of one frame.
struct Frame {
    summary: Summary,
    hash: u64,
    stands_out: Vec<u32>,
    marked: u64,
}

impl Look<'_> {
    /// Looks at all frames, one batch at a time, on all cores. `progress` is told the bytes of each batch after
    /// it was read, and may end the pass.
    ///
    /// # Errors
    /// If the frames cannot be read, or those of `progress`.
    pub fn at_all(&self, mut progress: impl FnMut(u64) -> Result<()>) -> Result<Seen> {
        let mut seen = Seen::default();
        let (column, mut hashes) = (self.frames, HashSet::new());
        if column.row_bytes() == 0 {
            return Ok(seen);
        }
        if self.shape.is_some() {
            seen.stands_out = vec![0; column.row_len()];
        }
        let step = (DEFAULT_BATCH_BYTES / column.row_bytes()).max(1);
        for start in (0..column.num_rows()).step_by(step) {
            let rows = start..(start + step).min(column.num_rows());
            let data = column.numbers(&RowSet::Range(rows))?;
            let of_batch: Vec<Frame> = (0..data.len())
                .into_par_iter()
                .map(|place| self.at(&data, place))
                .collect();
            for frame in of_batch {
                if !hashes.insert(frame.hash) {
                    seen.repeated.push(seen.frames.len());
                }
                for at in frame.stands_out {
                    seen.stands_out[at as usize] += 1;
                }
                seen.marked += frame.marked;
                seen.frames.push(frame.summary);
            }
            progress((data.len() * column.row_bytes()) as u64)?;
        }
        Ok(seen)
    }

    fn at(&self, data: &Numbers<'_>, place: usize) -> Frame {
        let bytes = data.rows().row(place);
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        let bad = self.marks.map(|marks| marks.of_row(bytes));
        let mut values = Vec::with_capacity(self.frames.row_len());
        if bad.is_some() || self.shape.is_some() {
            data.extend_f64_from(bytes, &mut values);
        }
        let summary = match &bad {
            None if self.shape.is_some() => Summary::in_pieces(&values),
            None => pieces(data, place),
            Some(bad) => {
                let good = values.iter().zip(bad).filter(|(_, bad)| !**bad);
                let good: Vec<f64> = good.map(|(value, _)| *value).collect();
                Summary::in_pieces(&good)
            }
        };
        let stands_out = match self.shape {
            Some(shape) if summary.sum > 0.0 => self.stand_out(&values, bad.as_deref(), shape),
            _ => Vec::new(),
        };
        let count = |bad: Vec<bool>| bad.into_iter().filter(|bad| *bad).count() as u64;
        Frame {
            summary,
            hash: hasher.finish(),
            stands_out,
            marked: bad.map_or(0, count),
        }
    }

    /// Returns the good pixels of a frame that are much larger than most of their good neighbours.
    fn stand_out(
        &self,
        values: &[f64],
        bad: Option<&[bool]>,
        [height, width]: [usize; 2],
    ) -> Vec<u32> {
        let is_good = |at: usize| bad.is_none_or(|bad| !bad[at]);
        let mut found = Vec::new();
        for row in 0..height {
            for column in 0..width {
                let at = row * width + column;
                let limit = values[at] / self.hot;
                // Two neighbours tell of nearly every pixel that it is none.
                let is_dim = |at: usize| values[at] <= limit;
                let beside = column > 0 && is_dim(at - 1) || column + 1 < width && is_dim(at + 1);
                let above = row > 0 && is_dim(at - width) || row + 1 < height && is_dim(at + width);
                let is_candidate = values[at] > 0.0 && values[at].is_finite() && (beside || above);
                if !is_candidate || !is_good(at) {
                    continue;
                }
                let neighbours = neighbours([row, column], [height, width])
                    .map(|[row, column]| row * width + column)
                    .filter(|at| is_good(*at));
                let (mut all, mut bright) = (0, 0);
                for neighbour in neighbours {
                    all += 1;
                    // "Not a number" is not dim.
                    bright += usize::from(!is_dim(neighbour));
                }
                if all >= 3 && bright <= all / BRIGHT_NEIGHBOURS {
                    found.push(at as u32);
                }
            }
        }
        found
    }
}

/// Iterates over the pixels around a pixel: 8, and fewer at an edge.
fn neighbours(
    [row, column]: [usize; 2],
    [height, width]: [usize; 2],
) -> impl Iterator<Item = [usize; 2]> {
    let around = |at: usize, len: usize| at.saturating_sub(1)..(at + 2).min(len);
    around(row, height)
        .flat_map(move |row| around(column, width).map(move |column| [row, column]))
        .filter(move |other| *other != [row, column])
}
