//! Computes the diameter of the circle that holds a part of an image's power.
//!
//! The power between the centres of pixels is interpolated: by cubic convolution (Keys, 1981; a = -1/2), which is exact for
//! parabolas and does not widen an image as filling the pixels evenly would, at 8 x 8 points per pixel. E(r) is the sum
//! over the points no farther than r from the centre of mass; the diameter is 2 r for the first r at which E(r) reaches
//! the fraction asked for of E(infinity). At the edge of an image its last pixels are repeated.
//!
//! Of a Gaussian |P|^2 = exp(-r^2 / (2 s^2)), centred on a pixel, the diameter of a part f of the power is
//! 2 s sqrt(-2 ln(1 - f)), and the function is off by:
//!
//! | s in pixels | 0.5 | 0.7 | 1 | 2 | 5 | 10 |
//! |---|---|---|---|---|---|---|
//! | f = 0.5 | -0.9 % | 2.3 % | 2.7 % | -0.1 % | 0.0 % | 0.0 % |
//! | f = 0.9 | -0.1 % | 4.2 % | -0.5 % | 0.1 % | -0.1 % | 0.0 % |
//!
//! A probe of one pixel has a diameter of about that pixel: 0.9 for half of its power.

use super::reduce::Pixel;

/// The number of points per pixel and axis.
const POINTS: usize = 8;

/// The number of parts per pixel into which radii are divided.
const BINS: f64 = 32.0;

/// Returns |P|^2 of complex numbers that are stored as pairs.
pub fn powers<T: Pixel>(probe: &[T]) -> Vec<f64> {
    let (parts, _) = probe.as_chunks::<2>();
    let power = |[re, im]: &[T; 2]| re.to_f64() * re.to_f64() + im.to_f64() * im.to_f64();
    parts.iter().map(power).collect()
}

/// Returns the diameter of the circle about the centre of mass that holds this fraction of an image's power; `None` for an
/// image without power, or with powers that are not finite.
pub fn diameter(powers: &[f64], width: usize, fraction: f64) -> Option<f64> {
    let total: f64 = powers.iter().sum();
    if !total.is_finite() || total <= 0.0 {
        return None;
    }
    let image = Image { powers, width };
    let rings = image.rings(image.center(total));
    // A sum in another order may miss the whole by a rounding error.
    let wanted = fraction * rings.iter().sum::<f64>() * (1.0 - 1e-12);
    let mut held = 0.0;
    for (ring, power) in rings.iter().enumerate() {
        if held + power >= wanted {
            let part = (wanted - held) / power;
            return Some(2.0 * (ring as f64 + part) / BINS);
        }
        held += power;
    }
    None
}

/// Holds the powers of an image's pixels.
struct Image<'a> {
    powers: &'a [f64],
    width: usize,
}

/// Holds the weights of the four pixels around a point between two of them, the first of which is `shift` pixels after the
/// pixel that the point belongs to.
struct Taps {
    /// The place of the point from the centre of its pixel.
    offset: f64,
    shift: isize,
    weights: [f64; 4],
}

impl Image<'_> {
    fn height(&self) -> usize {
        self.powers.len() / self.width
    }

    /// Returns the row and column of the centre of mass.
    fn center(&self, total: f64) -> [f64; 2] {
        let pixels = || self.powers.iter().enumerate();
        let rows: f64 = pixels()
            .map(|(at, power)| (at / self.width) as f64 * power)
            .sum();
        let cols: f64 = pixels()
            .map(|(at, power)| (at % self.width) as f64 * power)
            .sum();
        [rows / total, cols / total]
    }

    /// Returns the power by distance from a centre, in rings of 1/32 pixel.
    fn rings(&self, center: [f64; 2]) -> Vec<f64> {
        let reach = (self.height() as f64 + 1.0).hypot(self.width as f64 + 1.0);
        let mut rings = vec![0.0; (reach * BINS) as usize + 1];
        let taps = taps();
        let mut line = vec![0.0; self.width];
        for row in 0..self.height() {
            for tap in &taps {
                for (col, value) in line.iter_mut().enumerate() {
                    let pixel = |row| self.powers[row * self.width + col];
                    *value = tap.interpolate(row, self.height(), pixel);
                }
                let dy = row as f64 + tap.offset - center[0];
                add_line(&line, &taps, [dy, center[1]], &mut rings);
            }
        }
        rings
    }
}

/// Adds the power of the points on a line, which is this far from the centre, to the rings.
fn add_line(line: &[f64], taps: &[Taps], [dy, center]: [f64; 2], rings: &mut [f64]) {
    for col in 0..line.len() {
        for tap in taps {
            let dx = col as f64 + tap.offset - center;
            let ring = ((dy * dy + dx * dx).sqrt() * BINS) as usize;
            rings[ring] += tap.interpolate(col, line.len(), |col| line[col]);
        }
    }
}

/// Returns the weights for all points of a pixel along an axis.
fn taps() -> [Taps; POINTS] {
    std::array::from_fn(|point| {
        let offset = (point as f64 + 0.5) / POINTS as f64 - 0.5;
        let before = offset.rem_euclid(1.0);
        Taps {
            offset,
            shift: if offset < 0.0 { -2 } else { -1 },
            weights: [1.0 + before, before, 1.0 - before, 2.0 - before].map(cubic),
        }
    })
}

/// Returns the weight of a pixel at a distance.
fn cubic(x: f64) -> f64 {
    match x < 1.0 {
        true => (1.5 * x - 2.5) * x * x + 1.0,
        false => ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0,
    }
}

impl Taps {
    /// Returns the value at the point of a pixel along an axis of this length.
    #[inline]
    fn interpolate(&self, at: usize, len: usize, pixel: impl Fn(usize) -> f64) -> f64 {
        let first = at as isize + self.shift;
        let weighted = (first..).zip(self.weights);
        weighted
            .map(|(at, weight)| weight * pixel(at.clamp(0, len as isize - 1) as usize))
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 101;

    fn image(value: impl Fn(f64) -> f64) -> Vec<f64> {
        let at = |i: usize| i as f64 - 50.0;
        let pixels = (0..SIDE * SIDE).map(|i| (at(i / SIDE), at(i % SIDE)));
        pixels.map(|(y, x)| value(y.hypot(x))).collect()
    }

    /// Returns the relative error of the diameter of a Gaussian.
    fn error(s: f64, fraction: f64) -> f64 {
        let gaussian = image(|r| (-r * r / (2.0 * s * s)).exp());
        let exact = 2.0 * s * (-2.0 * (1.0 - fraction).ln()).sqrt();
        diameter(&gaussian, SIDE, fraction).unwrap() / exact - 1.0
    }

    #[test]
    fn the_diameter_of_a_gaussian_is_as_far_off_as_documented() {
        for fraction in [0.5, 0.9] {
            let shown = [0.5, 0.7, 1.0, 2.0, 5.0, 10.0].map(|s| {
                format!(
                    "{:.1} %",
                    (1000.0 * error(s, fraction)).round() / 10.0 + 0.0
                )
            });
            let documented = format!("//! | f = {fraction} | {} |", shown.join(" | "));
            assert!(
                include_str!("diameter.rs").contains(&documented),
                "{documented}"
            );
        }
        assert!(error(1.0, 0.5).abs() < 0.03 && error(2.0, 0.5).abs() < 0.01);
    }

    #[test]
    fn the_diameter_of_a_disc_is_that_of_its_area() {
        let disc = image(|r| f64::from(u8::from(r <= 20.0)));
        let area: f64 = disc.iter().sum();
        for fraction in [0.1, 0.5, 0.9] {
            let exact = 2.0 * (fraction * area / std::f64::consts::PI).sqrt();
            let found = diameter(&disc, SIDE, fraction).unwrap();
            assert!((found - exact).abs() < 0.05, "{fraction}: {found}, {exact}");
        }
        assert!((diameter(&disc, SIDE, 1.0).unwrap() - 40.0).abs() < 1.0);
    }

    #[test]
    fn an_image_that_fills_its_frame_loses_no_power() {
        let even = vec![1.0; 30 * 40];
        let rings = |powers| {
            Image { powers, width: 40 }
                .rings([14.5, 19.5])
                .iter()
                .sum::<f64>()
        };
        let points = (POINTS * POINTS) as f64;
        assert!((rings(&even) / points - 1200.0).abs() < 1e-9);
        // A circle of half that area fits into it.
        let found = diameter(&even, 40, 0.5).unwrap();
        assert!(
            (found - 2.0 * (600.0 / std::f64::consts::PI).sqrt()).abs() < 0.05,
            "{found}"
        );
    }

    #[test]
    fn one_pixel_has_a_diameter_and_none_has_not() {
        let mut pixel = vec![0.0; 49];
        pixel[24] = 7.0;
        let found = diameter(&pixel, 7, 0.5).unwrap();
        assert!((found - 0.9).abs() < 0.05, "{found}");
        assert!(diameter(&[7.0], 1, 0.5).unwrap() > 0.0);
        assert_eq!(diameter(&[0.0], 1, 0.9), None);
        assert_eq!(diameter(&[f64::NAN, 1.0], 2, 0.9), None);
        assert_eq!(diameter(&[], 1, 0.9), None);
    }
}
