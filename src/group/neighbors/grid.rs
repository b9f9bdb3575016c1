//! Searches a grid of equal cells, which is right where the points fill the plane evenly.

use super::best::{Best, Sink, keep_nearest, key_of};
use super::{Entry, Neighbor, squared_distance, starts_of};

/// Holds points in the order of their cells, row by row.
pub(super) struct Grid {
    low: [f64; 2],
    /// The side of a cell, in the positions' unit; `per_side` is its inverse.
    side: f64,
    per_side: f64,
    cells: [usize; 2],
    /// The index of the first entry of each cell; one more than there are cells.
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

/// The number of points per cell, where they are spread evenly.
const DENSITY: f64 = 2.5;

/// The number of points in the cell of the average point beyond which a tree is faster.
const MAX_CROWD: usize = 16;

/// A bound on the error of a cell coordinate within the grid, in cells: there are fewer than 2^32 of them.
const SLACK: f64 = 1e-6;

/// A bound on the error of a distance, as a part of itself.
const ROUNDING: f64 = 1e-14;

/// Describes the block of cells around a point: columns and rows, both ends included.
#[derive(Debug, Clone, Copy)]
struct Block {
    first: [usize; 2],
    last: [usize; 2],
}

impl Grid {
    /// Builds a grid; `None` where points crowd in few cells, or where squared distances would leave the normal numbers.
    pub(super) fn try_new(x: &[f64], y: &[f64], scan_points: &[u32]) -> Option<Self> {
        Self::with_density(x, y, scan_points, DENSITY, MAX_CROWD)
    }

    /// Builds a grid with this many points per cell, and at most `max_crowd` in the cell of the average point.
    pub(super) fn with_density(
        x: &[f64],
        y: &[f64],
        scan_points: &[u32],
        density: f64,
        max_crowd: usize,
    ) -> Option<Self> {
        let at = |point: &u32| [x[*point as usize], y[*point as usize]];
        let mut grid = Self::over(
            scan_points.iter().map(at),
            density / scan_points.len() as f64,
        )?;
        let count = grid.cells[0]
            .checked_mul(grid.cells[1])
            .filter(|count| *count < u32::MAX as usize)?;
        let keys: Vec<u32> = scan_points
            .iter()
            .map(|point| grid.cell(at(point)) as u32)
            .collect();
        grid.starts = starts_of(&keys, count);
        if is_crowded(&grid.starts, scan_points.len(), max_crowd) {
            return None;
        }
        grid.entries = vec![
            Entry {
                at: [0.0; 2],
                scan_point: 0
            };
            scan_points.len()
        ];
        for (key, point) in keys.iter().zip(scan_points).rev() {
            let start = &mut grid.starts[*key as usize];
            *start -= 1;
            grid.entries[*start as usize] = Entry {
                at: at(point),
                scan_point: *point,
            };
        }
        Some(grid)
    }

    /// Lays empty cells over these positions, each of which takes `share` of the area.
    fn over(positions: impl Iterator<Item = [f64; 2]>, share: f64) -> Option<Self> {
        let (low, high) = extent(positions);
        let length = [high[0] - low[0], high[1] - low[1]];
        let longest = length[0].max(length[1]);
        if !(1e-100..=1e100).contains(&longest) {
            return None;
        }
        // One row of cells if the points are on a line.
        let side = (length[0] * length[1] * share).sqrt().max(longest * share);
        let cells = length.map(|length| (length / side) as usize + 1);
        Some(Self {
            low,
            side,
            per_side: 1.0 / side,
            cells,
            starts: Vec::new(),
            entries: Vec::new(),
        })
    }

    /// Finds the nearest at a finite distance. A small block around the point mostly has them all: it is scanned
    /// without branches. If it has not, the search starts again, row by row.
    pub(super) fn nearest(
        &self,
        at: [f64; 2],
        k: usize,
        except: Option<u32>,
        out: &mut Vec<Neighbor>,
    ) {
        let (block, limit) = self.block_around(at, self.reach(k));
        self.collect(&block, at, limit, key_of(except), out);
        if out.len() >= k {
            return keep_nearest(out, k);
        }
        Best::find(k, f64::MAX, except, out, |best| self.visit(at, best));
    }

    /// Returns the number of cells to each side of its own that mostly hold the `k` nearest of a point.
    fn reach(&self, k: usize) -> usize {
        let wanted = k as f64 * (1.2 / DENSITY);
        let narrow = self.cells[0].min(self.cells[1]) as f64;
        (wanted * std::f64::consts::FRAC_1_PI)
            .sqrt()
            .max(0.5 * wanted / narrow) as usize
            + 1
    }

    /// Returns the block that reaches this many cells to each side, and a squared distance within which nothing lies
    /// outside it.
    fn block_around(&self, at: [f64; 2], reach: usize) -> (Block, f64) {
        let mut block = Block {
            first: [0; 2],
            last: [0; 2],
        };
        let mut margin = f64::INFINITY;
        for (axis, value) in at.into_iter().enumerate() {
            let coordinate = (value - self.low[axis]) * self.per_side;
            let (cell, end) = (
                (coordinate as usize).min(self.cells[axis] - 1),
                self.cells[axis] - 1,
            );
            let inside = (coordinate - cell as f64).clamp(0.0, 1.0);
            block.first[axis] = cell.saturating_sub(reach);
            block.last[axis] = cell.saturating_add(reach).min(end);
            if block.first[axis] > 0 {
                margin = margin.min(inside);
            }
            if block.last[axis] < end {
                margin = margin.min(1.0 - inside);
            }
        }
        let radius = (reach as f64 + margin) * self.side * (1.0 - SLACK);
        (block, (radius * radius).min(f64::MAX))
    }

    /// Leaves in `out` what is in the block and within the limit.
    fn collect(
        &self,
        block: &Block,
        at: [f64; 2],
        limit: f64,
        except: u64,
        out: &mut Vec<Neighbor>,
    ) {
        let rows = block.first[1]..=block.last[1];
        let row = |row: usize| self.row(row, block.first[0], block.last[0]);
        let most = rows.clone().map(|number| row(number).len()).sum();
        out.resize(
            most,
            Neighbor {
                distance2: 0.0,
                scan_point: 0,
            },
        );
        let mut found = 0;
        for number in rows {
            for entry in row(number) {
                let distance2 = squared_distance(at, entry.at);
                // Written always, kept if it fits: no branch to mispredict.
                out[found] = Neighbor {
                    distance2,
                    scan_point: entry.scan_point,
                };
                found +=
                    usize::from((distance2 <= limit) & (u64::from(entry.scan_point) != except));
            }
        }
        out.truncate(found);
    }

    /// Shows the sink every point within its bound, from the point's row outwards.
    pub(super) fn visit(&self, at: [f64; 2], sink: &mut impl Sink) {
        let limit = match sink.enough() {
            usize::MAX => f64::MAX,
            _ => self.limit_of_enough(at, sink),
        };
        let row = self.cell_along(1, at[1]);
        for row in row..self.cells[1] {
            if !self.visit_row(row, at, limit, sink) {
                break;
            }
        }
        for row in (0..row).rev() {
            if !self.visit_row(row, at, limit, sink) {
                break;
            }
        }
    }

    /// Returns a squared distance within which there is enough for the sink, if there is enough at all.
    fn limit_of_enough(&self, at: [f64; 2], sink: &impl Sink) -> f64 {
        let mut reach = 1;
        loop {
            let (block, _) = self.block_around(at, reach);
            if (0..2).all(|axis| block.first[axis] == 0 && block.last[axis] == self.cells[axis] - 1)
            {
                return f64::MAX;
            }
            let rows = block.first[1]..=block.last[1];
            let entries = rows.flat_map(|row| self.row(row, block.first[0], block.last[0]));
            if entries
                .filter(|entry| sink.wants(entry))
                .take(sink.enough())
                .count()
                == sink.enough()
            {
                return self.farthest(&block, at);
            }
            reach *= 2;
        }
    }

    /// Returns a squared distance not below that of any point in the block.
    fn farthest(&self, block: &Block, at: [f64; 2]) -> f64 {
        let along = |axis: usize| {
            let low = self.low[axis] + block.first[axis] as f64 * self.side;
            let high = self.low[axis] + (block.last[axis] + 1) as f64 * self.side;
            let far = (at[axis] - low).abs().max((at[axis] - high).abs()) + self.side * SLACK;
            far * far
        };
        ((along(0) + along(1)) * (1.0 + ROUNDING)).min(f64::MAX)
    }

    /// Shows the sink what of this row may be within its bound; returns false if nothing of this row, or beyond it, can
    /// be.
    fn visit_row(&self, row: usize, at: [f64; 2], limit: f64, sink: &mut impl Sink) -> bool {
        let bound = sink.bound().min(limit);
        let coordinate = (at[1] - self.low[1]) * self.per_side;
        let away = (row as f64 - coordinate).max(coordinate - (row + 1) as f64);
        let away = ((away * (1.0 - ROUNDING) - SLACK) * self.side).max(0.0);
        let rest = bound * (1.0 + ROUNDING) - away * away;
        // Not a number where the row is so far away that squares overflow.
        if rest < 0.0 || rest.is_nan() {
            return false;
        }
        let half = rest.sqrt() * (1.0 + ROUNDING);
        let (first, last) = (
            self.cell_along(0, at[0] - half),
            self.cell_along(0, at[0] + half),
        );
        for entry in self.row(row, first, last) {
            sink.offer(entry, squared_distance(at, entry.at));
        }
        true
    }

    /// Returns the entries of a row from one column to another, both included.
    fn row(&self, row: usize, first: usize, last: usize) -> &[Entry] {
        let row = row * self.cells[0];
        &self.entries[self.starts[row + first] as usize..self.starts[row + last + 1] as usize]
    }

    /// Returns the cell along an axis; never a lower one for a higher value.
    fn cell_along(&self, axis: usize, value: f64) -> usize {
        (((value - self.low[axis]) * self.per_side) as usize).min(self.cells[axis] - 1)
    }

    fn cell(&self, at: [f64; 2]) -> usize {
        self.cell_along(1, at[1]) * self.cells[0] + self.cell_along(0, at[0])
    }

    /// Returns the index of the first entry of the cell where `at` belongs.
    pub(super) fn first_near(&self, at: [f64; 2]) -> u32 {
        self.starts[self.cell(at)]
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the entries of each cell, in order; equal positions are in one cell.
    pub(super) fn buckets(&self) -> impl Iterator<Item = &[Entry]> {
        self.starts
            .windows(2)
            .map(|pair| &self.entries[pair[0] as usize..pair[1] as usize])
    }
}

/// Returns the lowest and highest coordinates.
fn extent(positions: impl Iterator<Item = [f64; 2]>) -> ([f64; 2], [f64; 2]) {
    let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
    for at in positions {
        for axis in 0..2 {
            low[axis] = low[axis].min(at[axis]);
            high[axis] = high[axis].max(at[axis]);
        }
    }
    (low, high)
}

/// Returns whether too many points share the cell of the average point; `ends` is where the entries of each cell end.
fn is_crowded(ends: &[u32], points: usize, max_crowd: usize) -> bool {
    let square = |pair: &[u32]| (pair[1] - pair[0]) as usize * (pair[1] - pair[0]) as usize;
    let first = ends
        .first()
        .map_or(0, |first| *first as usize * *first as usize);
    let crowd = first + ends.windows(2).map(square).sum::<usize>();
    crowd > points.saturating_mul(max_crowd)
}
