//! Moves the axis of members behind the axes of pixels.

/// Writes images that follow each other to `out` with the axis of images behind those of pixels. A pixel has
/// `PARTS` numbers, which stay together: 1 of a pattern, 2 of a complex patch.
pub fn move_last<const PARTS: usize>(images: &[f32], count: usize, out: &mut [f32]) {
    let (images, _) = images.as_chunks::<PARTS>();
    let (out, _) = out.as_chunks_mut::<PARTS>();
    let image_len = images.len() / count.max(1);
    for (pixel, out) in out.chunks_exact_mut(count.max(1)).enumerate() {
        for (image, value) in out.iter_mut().enumerate() {
            *value = images[image * image_len + pixel];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_pixel_stay_together() {
        let images = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0];
        let mut out = [0.0; 8];
        move_last::<1>(&images, 2, &mut out);
        assert_eq!(out, [1.0, 5.0, 2.0, 6.0, 3.0, 7.0, 4.0, 8.0]);
        move_last::<2>(&images, 2, &mut out);
        assert_eq!(out, [1.0, 2.0, 5.0, 6.0, 3.0, 4.0, 7.0, 8.0]);
    }
}
