//! Cuts `N x N` complex patches out of an object by bilinear interpolation, bit for bit as PtychoPINN does.
//!
//! PtychoPINN (`ptycho/raw_data.py`, `get_image_patches`, commit 712c23f) pads the object with `N / 2` zeros
//! on every side, shifts the whole canvas once per patch and keeps its upper left `N x N` corner. [`cut`]
//! reads just the `(N + 1) x (N + 1)` pixels under that corner and gives the same bits:
//!
//! ```text
//! sx = round(j + ox)   sy = round(i + oy)      row i, column j; (ox, oy) = offset, rounded to f32 first
//! x0 = floor(sx)       wx = sx - x0            y0, wy alike
//! Ia = canvas(x0, y0)  Ib = canvas(x0 + 1, y0)  Ic = canvas(x0, y0 + 1)  Id = canvas(x0 + 1, y0 + 1)
//! v  = fma(wx * wy, Id, fma((1 - wx) * wy, Ic, fma((1 - wx) * (1 - wy), Ia, (wx * (1 - wy)) * Ib)))
//! ```
//!
//! The order of the multiply-adds is that of XLA's CPU code on a machine with FMA; any other order is off by
//! one unit in the last place in a quarter of the pixels.

use std::ops::{Add, Mul, Range, Sub};

use multiversion::multiversion;
use thiserror::Error;

#[cfg(test)]
mod tests;

/// Describes pixels that do not fill the shape they are said to have.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "an object of {height} x {width} complex pixels has {expected} values (re, im), the slice has {found}"
)]
pub struct ObjectLength {
    /// The number of rows of the object.
    pub height: usize,
    /// The number of columns of the object.
    pub width: usize,
    /// The number of values expected: `height * width * 2`, or `usize::MAX` where that does not fit.
    pub expected: usize,
    /// The number of values found.
    pub found: usize,
}

/// Borrows a complex object of shape `(height, width)`, in C order, as interleaved `re, im` values.
///
/// Creating one costs nothing; all threads that cut from it can share it.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    pixels: Pixels<'a>,
    height: usize,
    width: usize,
}

#[derive(Clone, Copy, Debug)]
enum Pixels<'a> {
    Single(&'a [f32]),
    Double(&'a [f64]),
}

impl<'a> Object<'a> {
    /// Creates an object of complex64 pixels: `pixels[(row * width + column) * 2 + part]`, part 0 = re, 1 =
    /// im.
    ///
    /// # Errors
    ///
    /// [`ObjectLength`] unless there are `height * width * 2` values.
    pub fn complex64(pixels: &'a [f32], height: usize, width: usize) -> Result<Self, ObjectLength> {
        check_length(pixels.len(), height, width)?;
        Ok(Self {
            pixels: Pixels::Single(pixels),
            height,
            width,
        })
    }

    /// Creates an object of complex128 pixels, laid out as in [`Object::complex64`]. Patches are computed in
    /// f64 and rounded once to complex64; only the offset is rounded to f32 before, as in PtychoPINN.
    ///
    /// # Errors
    ///
    /// [`ObjectLength`] unless there are `height * width * 2` values.
    pub fn complex128(
        pixels: &'a [f64],
        height: usize,
        width: usize,
    ) -> Result<Self, ObjectLength> {
        check_length(pixels.len(), height, width)?;
        Ok(Self {
            pixels: Pixels::Double(pixels),
            height,
            width,
        })
    }

    /// Returns the pixels of an object that is complex128.
    pub(crate) fn double(&self) -> Option<&'a [f64]> {
        match self.pixels {
            Pixels::Single(_) => None,
            Pixels::Double(pixels) => Some(pixels),
        }
    }

    /// Returns `(height, width)` in pixels.
    pub fn shape(&self) -> (usize, usize) {
        (self.height, self.width)
    }
}

fn check_length(found: usize, height: usize, width: usize) -> Result<(), ObjectLength> {
    let expected = height.saturating_mul(width).saturating_mul(2);
    if found == expected {
        Ok(())
    } else {
        Err(ObjectLength {
            height,
            width,
            expected,
            found,
        })
    }
}

/// Cuts the `n x n` patch placed at `offset = (x, y)` into `out`, of shape `(n, n, 2)`: row `i` (along y),
/// column `j` (along x), then re and im.
///
/// Pixel `(i, j)` is the object at column `offset.x + j - n / 2` and row `offset.y + i - n / 2` (`n / 2`
/// rounded down), interpolated between its four neighbours; beyond its edges the object is zero. The formula
/// and its source are at the head of this module. The bits do not depend on the machine: without hardware FMA
/// the same operations run in software, some thirty times slower.
///
/// An offset that is not finite once rounded to f32 gives NaN throughout, as the formula does. With `n = 1`
/// nothing is padded, and a neighbour outside is `0 * (nearest pixel)`: a zero that may be negative, or NaN
/// beside an infinite pixel.
///
/// # Panics
///
/// If `out` does not have `n * n * 2` values. Nothing else panics, whatever the offset.
pub fn cut(object: &Object<'_>, offset: [f64; 2], n: usize, out: &mut [f32]) {
    let offset = prepare(offset, n, out);
    match object.pixels {
        Pixels::Single(pixels) => {
            cut_single(&Canvas::new(pixels, object.shape(), n), offset, n, out)
        }
        Pixels::Double(pixels) => {
            cut_double(&Canvas::new(pixels, object.shape(), n), offset, n, out)
        }
    }
}

/// Cuts as [`cut`] does, compiled for the baseline of the target only: what runs on an x86-64 without AVX2
/// and FMA. The bits are the same; it is here for tests and measurements.
///
/// # Panics
///
/// As [`cut`].
#[doc(hidden)]
pub fn cut_portable(object: &Object<'_>, offset: [f64; 2], n: usize, out: &mut [f32]) {
    let offset = prepare(offset, n, out);
    match object.pixels {
        Pixels::Single(pixels) => cut_from(&Canvas::new(pixels, object.shape(), n), offset, n, out),
        Pixels::Double(pixels) => cut_from(&Canvas::new(pixels, object.shape(), n), offset, n, out),
    }
}

/// Checks the output's length and rounds the offset as PtychoPINN does, also where the object is complex128.
fn prepare(offset: [f64; 2], n: usize, out: &[f32]) -> [f32; 2] {
    let expected = n.checked_mul(n).and_then(|pixels| pixels.checked_mul(2));
    assert_eq!(
        Some(out.len()),
        expected,
        "a patch of {n} x {n} complex pixels needs n * n * 2 values"
    );
    offset.map(|v| v as f32)
}

// `multiversion` takes no generic function, hence one entry per type. All below them is `inline(always)`:
// only what is inlined into these two is compiled for their target features. AVX-512 gains little on a patch
// in the cache but nearly halves the time of one that is not: with half the instructions, twice as many rows
// are on their way at once. (The macro widens it to all that Ice Lake and Zen 4 have; older AVX-512 machines,
// which it slows down, take AVX2.)
#[multiversion(targets("x86_64+avx512f+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn cut_single(canvas: &Canvas<'_, f32>, offset: [f32; 2], n: usize, out: &mut [f32]) {
    cut_from(canvas, offset, n, out);
}

#[multiversion(targets("x86_64+avx512f+avx512vl+avx2+fma", "x86_64+avx2+fma"))]
fn cut_double(canvas: &Canvas<'_, f64>, offset: [f32; 2], n: usize, out: &mut [f32]) {
    cut_from(canvas, offset, n, out);
}

#[inline(always)]
fn cut_from<T: Real>(canvas: &Canvas<'_, T>, [x, y]: [f32; 2], n: usize, out: &mut [f32]) {
    if n == 0 {
        return;
    }
    let x = T::from_f32(x);
    let y = T::from_f32(y);
    let columns = Columns::new(canvas, x, n);
    for (i, out) in out.chunks_exact_mut(2 * n).enumerate() {
        let row = Tap::new(i, y);
        let upper = inner(row.first, canvas.pad, canvas.height);
        for run in &columns.runs {
            let part = 2 * run.columns.start..2 * run.columns.end;
            let out = &mut out[part.clone()];
            match (upper, run.start) {
                (Some(upper), Some(start)) => {
                    let upper = canvas.row(upper, start, run.columns.len() + 1);
                    blend(upper, &columns.weights[part], row.weight, out);
                }
                _ => cut_border(canvas, &row, x, run.columns.clone(), out),
            }
        }
    }
}

/// Computes the interior of one row, where all neighbours are pixels of the object: no branch and no bounds
/// check, so that it becomes vector code. `weights` holds wx twice for every pixel, once for re and once for
/// im.
#[inline(always)]
fn blend<T: Real>((upper, lower): (&[T], &[T]), weights: &[T], wy: T, out: &mut [f32]) {
    let m = out.len();
    // Slices of one length let the compiler drop the bounds checks; a neighbour to the right is two values
    // on.
    let (a, b) = (&upper[..m], &upper[2..2 + m]);
    let (c, d) = (&lower[..m], &lower[2..2 + m]);
    let weights = &weights[..m];
    for k in 0..m {
        out[k] = bilinear([a[k], b[k], c[k], d[k]], weights[k], wy).to_f32();
    }
}

/// Computes any stretch of a row, pixel by pixel, by PtychoPINN's rule: neighbours are looked up at the
/// nearest place of the padded canvas and multiplied by 0 where that was not the place asked for.
#[inline(always)]
fn cut_border<T: Real>(
    canvas: &Canvas<'_, T>,
    row: &Tap<T>,
    x: T,
    columns: Range<usize>,
    out: &mut [f32],
) {
    for (j, out) in columns.zip(out.chunks_exact_mut(2)) {
        let column = Tap::new(j, x);
        let [left, right] = [column.first, column.first.saturating_add(1)];
        let [top, bottom] = [row.first, row.first.saturating_add(1)];
        let corners = [(left, top), (right, top), (left, bottom), (right, bottom)]
            .map(|(x, y)| canvas.pixel(x, y));
        for (part, out) in out.iter_mut().enumerate() {
            *out = bilinear(corners.map(|pixel| pixel[part]), column.weight, row.weight).to_f32();
        }
    }
}

/// Returns PtychoPINN's sum, in its order: see the head of this module.
#[inline(always)]
fn bilinear<T: Real>([a, b, c, d]: [T; 4], wx: T, wy: T) -> T {
    let ux = T::ONE - wx;
    let uy = T::ONE - wy;
    let sum = (ux * uy).mul_add(a, (wx * uy) * b);
    (wx * wy).mul_add(d, (ux * wy).mul_add(c, sum))
}

/// Describes where the `k`-th sample of an axis falls: between `first` and `first + 1` of the canvas.
struct Tap<T> {
    first: i64,
    weight: T,
}

impl<T: Real> Tap<T> {
    #[inline(always)]
    fn new(k: usize, offset: T) -> Self {
        let position = T::from_usize(k) + offset;
        let floor = position.floor();
        Self {
            first: floor.to_i64(),
            weight: position - floor,
        }
    }
}

/// Returns the pixel of the object at place `first` of the canvas, if the one after it is a pixel too.
#[inline(always)]
fn inner(first: i64, pad: i64, length: i64) -> Option<usize> {
    (pad..pad + length - 1)
        .contains(&first)
        .then(|| (first - pad) as usize)
}

/// Holds the samples along x, the same for every row.
struct Columns<T> {
    /// The weight wx of each column, twice: for re and for im.
    weights: Vec<T>,
    /// The stretches that together are `0..n`.
    runs: Vec<Run>,
}

/// Describes columns of the patch that read consecutive pixels of the object.
///
/// There is usually one interior run. But `j + x` is rounded for every `j` apart: with x just under an
/// integer the first few floors stay below it and the later ones do not, which skips a pixel and so begins
/// another run.
struct Run {
    columns: Range<usize>,
    /// The object's column under the first one; `None` where a neighbour is outside the object.
    start: Option<usize>,
}

impl<T: Real> Columns<T> {
    #[inline(always)]
    fn new(canvas: &Canvas<'_, T>, x: T, n: usize) -> Self {
        let mut weights = Vec::with_capacity(2 * n);
        let mut runs: Vec<Run> = Vec::with_capacity(4);
        for j in 0..n {
            let tap = Tap::new(j, x);
            weights.extend([tap.weight; 2]);
            let start = inner(tap.first, canvas.pad, canvas.width);
            match runs.last_mut() {
                Some(run) if run.next() == start => run.columns.end = j + 1,
                _ => runs.push(Run {
                    columns: j..j + 1,
                    start,
                }),
            }
        }
        Self { weights, runs }
    }
}

impl Run {
    /// Returns the `start` that a column just right of this run must have to belong to it.
    fn next(&self) -> Option<usize> {
        self.start.map(|start| start + self.columns.len())
    }
}

/// Holds the object within its border of `pad` zeros, which exists only in the arithmetic.
struct Canvas<'a, T> {
    pixels: &'a [T],
    height: i64,
    width: i64,
    pad: i64,
}

impl<'a, T: Real> Canvas<'a, T> {
    fn new(pixels: &'a [T], shape: (usize, usize), n: usize) -> Self {
        // Without pixels one side is 0 and the other may be anything; with pixels both are below 2^63.
        let (height, width) = if pixels.is_empty() { (0, 0) } else { shape };
        Self {
            pixels,
            height: height as i64,
            width: width as i64,
            pad: (n / 2) as i64,
        }
    }

    /// Returns `length` pixels of the object from (row, start), and those below them.
    #[inline(always)]
    fn row(&self, row: usize, start: usize, length: usize) -> (&'a [T], &'a [T]) {
        let width = self.width as usize;
        let upper = 2 * (row * width + start);
        let lower = upper + 2 * width;
        (
            &self.pixels[upper..upper + 2 * length],
            &self.pixels[lower..lower + 2 * length],
        )
    }

    /// Returns the canvas at (x, y), or 0 times its nearest value where that is outside.
    #[inline(always)]
    fn pixel(&self, x: i64, y: i64) -> [T; 2] {
        let nearest_x = x.min(self.width + 2 * self.pad - 1).max(0);
        let nearest_y = y.min(self.height + 2 * self.pad - 1).max(0);
        let mask = if (x, y) == (nearest_x, nearest_y) {
            T::ONE
        } else {
            T::ZERO
        };
        let (column, row) = (nearest_x - self.pad, nearest_y - self.pad);
        if !(0..self.width).contains(&column) || !(0..self.height).contains(&row) {
            return [T::ZERO; 2];
        }
        let at = 2 * (row * self.width + column) as usize;
        [self.pixels[at] * mask, self.pixels[at + 1] * mask]
    }
}

/// Names the two float types that an object can have.
trait Real: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    const ZERO: Self;
    const ONE: Self;
    fn from_f32(v: f32) -> Self;
    fn from_usize(v: usize) -> Self;
    fn to_f32(self) -> f32;
    /// Converts to an integer, saturating; NaN becomes a place outside every canvas.
    fn to_i64(self) -> i64;
    fn floor(self) -> Self;
    /// Returns `self * b + c`, rounded once.
    fn mul_add(self, b: Self, c: Self) -> Self;
}

/// Implements [`Real`] for both types, whose methods read the same.
macro_rules! real {
    ($type:ty) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;

            #[inline(always)]
            fn from_f32(v: f32) -> Self {
                v.into()
            }

            #[inline(always)]
            fn from_usize(v: usize) -> Self {
                v as $type
            }

            #[inline(always)]
            fn to_f32(self) -> f32 {
                self as f32
            }

            #[inline(always)]
            fn to_i64(self) -> i64 {
                if self.is_nan() { i64::MIN } else { self as i64 }
            }

            #[inline(always)]
            fn floor(self) -> Self {
                self.floor()
            }

            #[inline(always)]
            fn mul_add(self, b: Self, c: Self) -> Self {
                self.mul_add(b, c)
            }
        }
    };
}

real!(f32);
real!(f64);
