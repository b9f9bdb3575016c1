use super::*;

/// Numbers in [-0.5, 0.5), the same in every run (splitmix64).
fn random(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }
}

fn values(seed: u64, height: usize, width: usize) -> Vec<f32> {
    let mut next = random(seed);
    (0..height * width * 2).map(|_| next() as f32).collect()
}

fn patch(object: &Object<'_>, offset: [f64; 2], n: usize) -> Vec<f32> {
    let mut out = vec![f32::MAX; n * n * 2];
    cut(object, offset, n, &mut out);
    out
}

/// Patch sizes, object shapes and offsets: inside, over every border, outside, next to integers.
fn situations() -> Vec<(usize, (usize, usize), [f64; 2])> {
    let mut next = random(1);
    let mut all = Vec::new();
    for n in [1, 2, 3, 7, 8, 16, 33] {
        for shape in [(40, 45), (1, 1), (2, 9), (9, 2), (64, 5)] {
            for trial in 0..60 {
                let mut offset = [shape.1, shape.0]
                    .map(|side| (next() + 0.5) * (side + 2 * n) as f64 - n as f64);
                match trial % 5 {
                    0 => offset = offset.map(|v| v.round()),
                    1 => offset = offset.map(|v| v.round() + next() * 1e-6),
                    2 => offset = offset.map(|v| v.round() + next() * 1e-9),
                    _ => {}
                }
                all.push((n, shape, offset));
            }
        }
    }
    all
}

/// The definition, in f64: four neighbours, zero beyond the object. `double`: positions are not rounded to
/// f32.
fn naive(
    pixels: &[f64],
    (height, width): (usize, usize),
    offset: [f64; 2],
    n: usize,
    double: bool,
) -> Vec<f64> {
    let pixel = |row: f64, column: f64, part: usize| {
        let inside = row >= 0.0 && column >= 0.0 && row < height as f64 && column < width as f64;
        if inside {
            pixels[2 * (row as usize * width + column as usize) + part]
        } else {
            0.0
        }
    };
    let place = |k: usize, o: f64| {
        if double {
            k as f64 + f64::from(o as f32)
        } else {
            (k as f32 + o as f32).into()
        }
    };
    let mut out = Vec::new();
    for i in 0..n {
        for j in 0..n {
            let [x, y] = [place(j, offset[0]), place(i, offset[1])].map(|v| v - (n / 2) as f64);
            let (wx, wy) = (x - x.floor(), y - y.floor());
            for part in 0..2 {
                let at = |dx: f64, dy: f64| pixel(y.floor() + dy, x.floor() + dx, part);
                let upper = (1.0 - wx) * at(0.0, 0.0) + wx * at(1.0, 0.0);
                out.push((1.0 - wy) * upper + wy * ((1.0 - wx) * at(0.0, 1.0) + wx * at(1.0, 1.0)));
            }
        }
    }
    out
}

#[test]
fn patches_match_naive() {
    for (seed, (n, shape, offset)) in situations().into_iter().enumerate() {
        let single = values(seed as u64, shape.0, shape.1);
        let double: Vec<f64> = single.iter().map(|&v| v.into()).collect();
        let objects = [
            (Object::complex64(&single, shape.0, shape.1).unwrap(), false),
            (Object::complex128(&double, shape.0, shape.1).unwrap(), true),
        ];
        for (object, is_double) in objects {
            let expected = naive(&double, shape, offset, n, is_double);
            for (got, want) in patch(&object, offset, n).iter().zip(expected) {
                assert!(
                    (f64::from(*got) - want).abs() < 1e-6,
                    "{got} {want}: n {n}, {shape:?}, at {offset:?}"
                );
            }
        }
    }
}

/// Bits, with every NaN alike: which NaN comes out of a sum of several is not specified.
fn bits(values: &[f32]) -> Vec<u32> {
    values
        .iter()
        .map(|v| if v.is_nan() { u32::MAX } else { v.to_bits() })
        .collect()
}

/// What a machine with FMA but without AVX-512 runs, also where this one has both.
#[multiversion(targets("x86_64+avx2+fma"))]
fn cut_avx2(object: &Object<'_>, offset: [f64; 2], n: usize, out: &mut [f32]) {
    let offset = prepare(offset, n, out);
    match object.pixels {
        Pixels::Single(pixels) => cut_from(&Canvas::new(pixels, object.shape(), n), offset, n, out),
        Pixels::Double(pixels) => cut_from(&Canvas::new(pixels, object.shape(), n), offset, n, out),
    }
}

// Without optimisation every path calls the same `fma` routine: build these tests with `opt-level` >= 1 (as
// `[profile.test]` does here), or this one compares a function with itself.
#[test]
fn dispatched_and_portable_code_give_the_same_bits() {
    for (seed, (n, shape, offset)) in situations().into_iter().enumerate() {
        let single = values(seed as u64, shape.0, shape.1);
        let double: Vec<f64> = single.iter().map(|&v| f64::from(v) / 3.0).collect();
        let objects = [
            Object::complex64(&single, shape.0, shape.1).unwrap(),
            Object::complex128(&double, shape.0, shape.1).unwrap(),
        ];
        for object in objects {
            let mut portable = vec![0.0; n * n * 2];
            cut_portable(&object, offset, n, &mut portable);
            let mut avx2 = vec![0.0; n * n * 2];
            cut_avx2(&object, offset, n, &mut avx2);
            assert_eq!(
                bits(&patch(&object, offset, n)),
                bits(&portable),
                "n {n}, {shape:?}, at {offset:?}"
            );
            assert_eq!(
                bits(&avx2),
                bits(&portable),
                "AVX2: n {n}, {shape:?}, at {offset:?}"
            );
        }
    }
}

#[test]
fn interior_and_border_code_give_the_same_bits() {
    for (seed, (n, shape, offset)) in situations().into_iter().enumerate() {
        let pixels = values(seed as u64, shape.0, shape.1);
        let object = Object::complex64(&pixels, shape.0, shape.1).unwrap();
        let canvas = Canvas::new(&pixels, shape, n);
        let mut expected = vec![0.0; n * n * 2];
        for (i, out) in expected.chunks_exact_mut(2 * n).enumerate() {
            cut_border(
                &canvas,
                &Tap::new(i, offset[1] as f32),
                offset[0] as f32,
                0..n,
                out,
            );
        }
        assert_eq!(
            bits(&patch(&object, offset, n)),
            bits(&expected),
            "n {n}, {shape:?}, at {offset:?}"
        );
    }
}

#[test]
fn an_offset_just_under_an_integer_splits_the_columns() {
    let pixels = values(3, 60, 60);
    let columns = Columns::new(&Canvas::new(&pixels, (60, 60), 8), 7.999_999_5_f32, 8);
    let runs: Vec<_> = columns
        .runs
        .iter()
        .map(|run| (run.columns.clone(), run.start))
        .collect();
    assert_eq!(
        runs,
        [(0..1, Some(3)), (1..8, Some(5))],
        "7.9999995 + 1 rounds to 9 and so skips column 8 - 4"
    );
}

#[test]
fn whole_offsets_copy_pixels() {
    let pixels = values(4, 20, 30);
    let object = Object::complex64(&pixels, 20, 30).unwrap();
    let out = patch(&object, [12.0, 9.0], 5); // 5 / 2 = 2: rows 7..12, columns 10..15
    for (i, row) in out.chunks_exact(10).enumerate() {
        assert_eq!(row, &pixels[2 * ((7 + i) * 30 + 10)..][..10]);
    }
    let edge = patch(&object, [29.0, 0.0], 4); // column 27.., row -2..
    assert!(
        edge[..16].iter().all(|v| *v == 0.0),
        "two rows above the object"
    );
    assert_eq!(edge[16..22], pixels[54..60]);
    assert_eq!(edge[22..24], [0.0; 2], "right of the object");
}

#[test]
fn patches_outside_are_zero() {
    let pixels = values(5, 20, 30);
    let object = Object::complex64(&pixels, 20, 30).unwrap();
    let far = [-100.5, 400.25, 1e7, -1e10, 3e38, -3e38, f64::from(f32::MAX)];
    for n in [1, 2, 7, 64] {
        for x in far {
            for offset in [[x, 5.5], [5.5, x], [x, x]] {
                assert!(
                    patch(&object, offset, n).iter().all(|v| *v == 0.0),
                    "n {n} at {offset:?}"
                );
            }
        }
    }
}

#[test]
fn offsets_that_are_not_finite_give_nan() {
    let pixels = values(6, 20, 30);
    let wide: Vec<f64> = pixels.iter().map(|&v| v.into()).collect();
    let objects = [
        Object::complex64(&pixels, 20, 30).unwrap(),
        Object::complex128(&wide, 20, 30).unwrap(),
    ];
    for object in objects {
        for n in [1, 2, 7, 64] {
            // 1e300 is infinite as an f32.
            for x in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -f64::MAX] {
                for offset in [[x, 5.5], [5.5, x], [x, x]] {
                    assert!(
                        patch(&object, offset, n).iter().all(|v| v.is_nan()),
                        "n {n} at {offset:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_offset_panics() {
    let pixels = values(8, 12, 11);
    let object = Object::complex64(&pixels, 12, 11).unwrap();
    let mut next = random(9);
    // Any bits at all, in f64 and in f32: every exponent, subnormals, NaNs.
    for trial in 0..20_000 {
        let offset = [0; 2].map(|_| match trial % 3 {
            0 => f64::from_bits(((next() + 0.5) * 2f64.powi(64)) as u64),
            1 => f64::from(f32::from_bits(((next() + 0.5) * 2f64.powi(32)) as u32)),
            _ => (next() * 64.0).round() + next() * 1e-12,
        });
        patch(&object, offset, 1 + trial % 5);
    }
}

#[test]
fn pixels_that_are_not_finite_stay_local() {
    let mut pixels = values(7, 20, 30);
    pixels[2 * (10 * 30 + 15)] = f32::INFINITY;
    let out = patch(
        &Object::complex64(&pixels, 20, 30).unwrap(),
        [15.5, 10.5],
        8,
    );
    let touched: Vec<usize> = (0..128).filter(|&k| !out[k].is_finite()).collect();
    assert_eq!(
        touched,
        [3 * 16 + 6, 3 * 16 + 8, 4 * 16 + 6, 4 * 16 + 8],
        "re of the four pixels around it"
    );
}

#[test]
fn objects_without_pixels_are_zero() {
    for shape in [(0, 0), (0, usize::MAX), (7, 0)] {
        let object = Object::complex64(&[], shape.0, shape.1).unwrap();
        for n in [0, 1, 2, 5] {
            assert!(
                patch(&object, [0.25, 1e9], n).iter().all(|v| *v == 0.0),
                "n {n}, {shape:?}"
            );
        }
    }
}

#[test]
fn refuses_pixels_that_do_not_fill_the_shape() {
    let found = Object::complex64(&[0.0; 7], 2, 2).unwrap_err();
    assert_eq!(
        found,
        ObjectLength {
            height: 2,
            width: 2,
            expected: 8,
            found: 7
        }
    );
    assert!(Object::complex128(&[], usize::MAX, usize::MAX).is_err());
}

#[test]
#[should_panic(expected = "n * n * 2")]
fn refuses_an_output_of_the_wrong_length() {
    cut(
        &Object::complex64(&[0.0; 2], 1, 1).unwrap(),
        [0.0; 2],
        4,
        &mut [0.0; 31],
    );
}
