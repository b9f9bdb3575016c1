//! Tells from a few patterns where a scan has frequency zero: in the centre of a pattern, or at its corners.

use crate::array::{Column, RowSet};
use crate::error::Result;

/// The number of patterns that are read.
const PATTERNS: usize = 8;

/// The number of pixels of a region from which they can tell their own spread.
const PIXELS: f64 = 30.0;

/// The ratio of the mean pixels of both regions that makes a difference.
const RATIO: f64 = 2.0;

/// The number of standard errors that makes a difference: as they come out of pixels, of which there are many, and of the
/// differences of a few patterns.
const ERRORS: [f64; 2] = [5.0, 10.0];

/// Returns where the zero frequency lies: `centre`, `corner`, or `unknown`.
///
/// The regions compared are the central quarter of a pattern and its four corners; stored numbers are taken without
/// their sign, and those that are not finite are left out. The mean pixel of one region must be more than twice that of
/// the other, and the difference more than 5 times its standard error as 30 pixels or more tell it; or, of 5 patterns
/// or more, 10 times that which the differences of the patterns tell: a peak of a few pixels is no noise if every
/// pattern has it.
///
/// # Errors
/// If the patterns cannot be read.
pub fn zero_frequency(patterns: &Column) -> Result<&'static str> {
    let [height, width] = patterns.row_shape() else {
        return Ok("unknown");
    };
    let step = (patterns.num_rows() / PATTERNS).max(1);
    let rows: Vec<usize> = (0..patterns.num_rows())
        .step_by(step)
        .take(PATTERNS)
        .collect();
    let values = patterns.numbers(&RowSet::List(&rows))?.to_f64();
    let frames: Vec<[Moments; 2]> = values
        .chunks(height * width)
        .map(|frame| regions(frame, *height, *width))
        .collect();
    Ok(verdict(&frames))
}

/// Returns what the centre and the corners of a few patterns tell.
fn verdict(frames: &[[Moments; 2]]) -> &'static str {
    let all = |region: usize| {
        let parts = frames.iter().map(|frame| frame[region]);
        parts.fold(Moments::default(), Moments::with)
    };
    let (centre, corner) = (all(0), all(1));
    let (found, larger, smaller) = match centre.mean() > corner.mean() {
        true => ("centre", centre, corner),
        false => ("corner", corner, centre),
    };
    let difference = larger.mean() - smaller.mean();
    let by_pixels = match larger.count.min(smaller.count) {
        PIXELS.. => (larger.error().powi(2) + smaller.error().powi(2)).sqrt(),
        _ => f64::INFINITY,
    };
    let mut of_frames = Moments::default();
    for [centre, corner] in frames {
        of_frames.add(centre.mean() - corner.mean());
    }
    let by_frames = match frames.len() {
        0..5 => f64::INFINITY,
        _ => of_frames.error(),
    };
    let is_larger = larger.mean() > RATIO * smaller.mean();
    let error = (ERRORS[0] * by_pixels).min(ERRORS[1] * by_frames);
    match is_larger && difference > error {
        true => found,
        false => "unknown",
    }
}

/// Returns the moments of the central quarter of a pattern, and of its four corners.
fn regions(frame: &[f64], height: usize, width: usize) -> [Moments; 2] {
    let mut regions = [Moments::default(); 2];
    let inner = |at: usize, len: usize| at >= len / 4 && at < len - len / 4;
    for (at, value) in frame
        .iter()
        .enumerate()
        .filter(|(_, value)| value.is_finite())
    {
        match (inner(at / width, height), inner(at % width, width)) {
            (true, true) => regions[0].add(value.abs()),
            (false, false) => regions[1].add(value.abs()),
            _ => {}
        }
    }
    regions
}

/// Sums numbers and their squares.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn with(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// Returns the mean; NaN of no numbers.
    fn mean(self) -> f64 {
        self.sum / self.count
    }

    /// Returns the standard error of the mean.
    fn error(self) -> f64 {
        let variance = (self.squares - self.sum * self.mean()).max(0.0) / (self.count - 1.0);
        (variance / self.count).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, from 0 to 1.
    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            // SplitMix64.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    fn of(frames: &[Vec<f64>], side: usize) -> &'static str {
        let frames: Vec<_> = frames
            .iter()
            .map(|frame| regions(frame, side, side))
            .collect();
        verdict(&frames)
    }

    #[test]
    fn flat_noise_has_no_zero_frequency() {
        for seed in 0..400 {
            let mut uniform = noise(seed);
            // Uniform, exponential, and few counts: 1 in a pixel of 20.
            let kind = seed % 3;
            let mut value = || match kind {
                0 => uniform(),
                1 => -(1.0 - uniform()).ln(),
                _ => f64::from(u8::from(uniform() < 0.05)),
            };
            for patterns in [1, 2, 8] {
                let frames: Vec<Vec<f64>> = (0..patterns)
                    .map(|_| (0..36).map(|_| value()).collect())
                    .collect();
                assert_eq!(
                    of(&frames, 6),
                    "unknown",
                    "seed {seed}, {patterns} patterns"
                );
            }
        }
    }

    #[test]
    fn peaks_are_found_at_the_centre_and_at_the_corners() {
        for side in [6, 7, 16, 64] {
            let peak = |at: usize| {
                let mut random = noise(at as u64);
                let middle = (side / 2) as f64;
                let width = side as f64 / 10.0;
                let value = |row: usize, column: usize| {
                    let d2 = (row as f64 - middle).powi(2) + (column as f64 - middle).powi(2);
                    1000.0 * (-d2 / (2.0 * width * width)).exp()
                };
                let shift = at % 2 * (side - side / 2);
                let place =
                    |row: usize, column: usize| ((row + shift) % side, (column + shift) % side);
                (0..side * side)
                    .map(|pixel| {
                        let (row, column) = place(pixel / side, pixel % side);
                        value(row, column) * (0.5 + random()) + random()
                    })
                    .collect::<Vec<f64>>()
            };
            let centred: Vec<_> = (0..8).map(|at| peak(2 * at)).collect();
            let shifted: Vec<_> = (0..8).map(|at| peak(2 * at + 1)).collect();
            assert_eq!(of(&centred, side), "centre", "{side}");
            // Pixels that are not numbers do not count.
            let with_nan: Vec<Vec<f64>> = centred
                .iter()
                .map(|frame| {
                    let mut frame = frame.clone();
                    frame[0] = f64::NAN;
                    frame
                })
                .collect();
            assert_eq!(of(&with_nan, side), "centre", "{side}");
            assert_eq!(of(&shifted, side), "corner", "{side}");
        }
        // One pixel, in every pattern.
        let mut frame = vec![0.0; 64 * 64];
        frame[32 * 64 + 32] = 1e4;
        assert_eq!(of(&vec![frame; 8], 64), "centre");
        assert_eq!(of(&vec![vec![0.0; 36]; 8], 6), "unknown");
        assert_eq!(of(&[], 6), "unknown");
    }
}
