//! Works out the neighbours that a batch of rows covers, and keeps them for the next column.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::array::RowSet;
use crate::error::{Parameter, Result};
use crate::group::neighbors::Neighbor;
use crate::memory;

/// Says which rows belong to which scan point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Extents<'a> {
    /// Each scan point has this many rows.
    Equal(usize),
    /// The rows of each scan point begin where those of the one before end; one number more than there are points.
    Counted(&'a [usize]),
}

/// Describes a row: the neighbour of `rank`, counted from 0, of the scan point at a place of the list of all that have
/// neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) slot: u32,
    pub(super) rank: u32,
}

impl<'a> Extents<'a> {
    /// Returns the places of these rows, in their order.
    pub(super) fn places<'b>(self, rows: &'b RowSet<'_>) -> impl Iterator<Item = Place> + 'b
    where
        'a: 'b,
    {
        let (mut point, mut extent) = (0, 0..0);
        rows.iter().map(move |row| {
            if !extent.contains(&row) {
                (point, extent) = self.around(row);
            }
            Place {
                slot: point as u32,
                rank: (row - extent.start) as u32,
            }
        })
    }

    /// Returns the scan point that a row belongs to, and all of its rows.
    fn around(self, row: usize) -> (usize, Range<usize>) {
        match self {
            Self::Equal(k) => {
                let point = row / k;
                (point, point * k..(point + 1) * k)
            }
            Self::Counted(starts) => {
                let point = starts.partition_point(|start| *start <= row) - 1;
                (point, starts[point]..starts[point + 1])
            }
        }
    }
}

/// Keeps the neighbours of the scan points that were asked about last.
///
/// A batch asks for its columns one after the other, and the rows of one scan point may be spread over many batches.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// The latest last.
    blocks: Mutex<Vec<Arc<Block>>>,
}

/// Holds the neighbours of some scan points.
#[derive(Debug)]
struct Block {
    /// The scan points, ascending.
    points: Vec<u32>,
    /// The largest number of neighbours per scan point.
    depth: usize,
    /// The index of the first neighbour of each scan point; one more than there are points.
    starts: Vec<usize>,
    found: Vec<Neighbor>,
}

/// The number of neighbours in a block; a block of one scan point may have more.
const BLOCK: usize = 1 << 18;

/// Scan points with more neighbours than this have a block each, so that the next batch finds the last of them.
const ALONE: usize = BLOCK / 4;

/// The number of scan points that one task searches the neighbours of.
const TASK: usize = 512;

impl Cache {
    /// Returns the values of the neighbours at these places, no more than `k` per scan point. `search` finds the first
    /// neighbours of a scan point, as many as it is asked for; `order` tells the order in which to search.
    pub(super) fn values<T>(
        &self,
        places: &[Place],
        k: usize,
        search: impl Fn(u32, usize, &mut Vec<Neighbor>) + Sync,
        order: impl Fn(&[u32]) -> Vec<u32>,
        value: impl Fn(&Neighbor) -> T,
    ) -> Result<Vec<T>> {
        let deepest = places.iter().map(|place| place.rank).max().unwrap_or(0);
        // Of many neighbours, the first few are found much faster; doubling bounds how often they are found again.
        let depth = (deepest as usize + 1).next_power_of_two().min(k);
        let mut values = Vec::with_capacity(places.len());
        for part in parts(places, depth) {
            let mut points: Vec<u32> = part.iter().map(|place| place.slot).collect();
            points.sort_unstable();
            points.dedup();
            let block = match self.get(&points, depth) {
                Some(block) => block,
                None => {
                    let block = Arc::new(Block::of(points, depth, &search, &order)?);
                    self.keep(&block, places.len());
                    block
                }
            };
            for run in part.chunk_by(|a, b| a.slot == b.slot) {
                let found = block.of_point(run[0].slot);
                values.extend(run.iter().map(|place| value(&found[place.rank as usize])));
            }
        }
        Ok(values)
    }

    fn get(&self, points: &[u32], depth: usize) -> Option<Arc<Block>> {
        let blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |block: &&Arc<Block>| block.depth >= depth && block.points == points;
        blocks.iter().rev().find(fits).cloned()
    }

    /// Keeps a block, and of the others as much as the columns of a batch of this many rows need on every thread.
    fn keep(&self, block: &Arc<Block>, rows: usize) {
        let limit = rayon::current_num_threads().saturating_mul(BLOCK.max(rows.saturating_mul(2)));
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.push(Arc::clone(block));
        let mut kept = 0usize;
        let mut fits = |block: &&Arc<Block>| {
            kept = kept.saturating_add(block.found.len());
            kept <= limit
        };
        let count = blocks.iter().rev().take_while(&mut fits).count().max(1);
        let old = blocks.len() - count;
        blocks.drain(..old);
    }
}

/// Cuts the places of a batch into parts whose neighbours fit into a block.
fn parts(places: &[Place], depth: usize) -> impl Iterator<Item = &[Place]> {
    let most = match depth {
        0..=ALONE => BLOCK / depth.max(1),
        _ => 1,
    };
    let mut rest = places;
    std::iter::from_fn(move || {
        let runs = rest.chunk_by(|a, b| a.slot == b.slot).take(most);
        let end = runs.map(<[Place]>::len).sum();
        let (part, after) = rest.split_at(end);
        rest = after;
        (!part.is_empty()).then_some(part)
    })
}

impl Block {
    /// Searches up to `depth` neighbours of each of these points.
    fn of(
        points: Vec<u32>,
        depth: usize,
        search: &(impl Fn(u32, usize, &mut Vec<Neighbor>) + Sync),
        order: &impl Fn(&[u32]) -> Vec<u32>,
    ) -> Result<Self> {
        if let [point] = points[..] {
            let mut found = memory::reserve(depth as u128, FOUND, Parameter::K)?;
            search(point, depth, &mut found);
            let starts = vec![0, found.len()];
            return Ok(Self {
                points,
                depth,
                starts,
                found,
            });
        }
        let order = order(&points);
        let parts: Vec<Part> = order
            .par_chunks(TASK)
            .map(|slots| Part::of(&points, slots, depth, search))
            .collect();
        let mut starts = vec![0; points.len() + 1];
        for (slot, len) in order.iter().zip(parts.iter().flat_map(|part| &part.lens)) {
            starts[*slot as usize + 1] = *len;
        }
        for slot in 0..points.len() {
            starts[slot + 1] += starts[slot];
        }
        let nobody = Neighbor {
            distance2: 0.0,
            scan_point: 0,
        };
        let mut found = vec![nobody; starts[points.len()]];
        for (slots, part) in order.chunks(TASK).zip(&parts) {
            let mut rest = &part.found[..];
            for (slot, len) in slots.iter().zip(&part.lens) {
                let start = starts[*slot as usize];
                found[start..start + len].copy_from_slice(&rest[..*len]);
                rest = &rest[*len..];
            }
        }
        Ok(Self {
            points,
            depth,
            starts,
            found,
        })
    }

    /// Returns the neighbours of a point that is one of the block's.
    fn of_point(&self, point: u32) -> &[Neighbor] {
        let slot = self.points.partition_point(|other| *other < point);
        &self.found[self.starts[slot]..self.starts[slot + 1]]
    }
}

/// Names what the memory of a block is for, in errors.
const FOUND: &str = "the neighbours of one scan point";

/// Holds the neighbours of some scan points, in the order in which they were searched.
struct Part {
    lens: Vec<usize>,
    found: Vec<Neighbor>,
}

impl Part {
    fn of(
        points: &[u32],
        slots: &[u32],
        depth: usize,
        search: &impl Fn(u32, usize, &mut Vec<Neighbor>),
    ) -> Self {
        let (mut lens, mut found) = (Vec::with_capacity(slots.len()), Vec::new());
        let mut near = Vec::new();
        for slot in slots {
            search(points[*slot as usize], depth, &mut near);
            lens.push(near.len());
            found.extend_from_slice(&near);
        }
        Self { lens, found }
    }
}
