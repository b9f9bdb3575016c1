//! Scalar functions of SQL against brute force over the same numbers; their examples and their errors.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use ptychoarrow::Scan;
use ptychoarrow::array::RowSet;
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::scan::layout::{LayoutOptions, Measurement};
use ptychoarrow::sql::{RegisterOptions, Session};
use zip::CompressionMethod;

use crate::support::{
    COUNTS, SIEMENS, collect, f8, float64, folder, groups_of, int64, npy, npz, text,
};

fn session_of(file: &str, measurement: Option<Measurement>) -> Session {
    let layout = LayoutOptions::default().with_measurement(measurement);
    let scan = ScanOptions::default().with_layout(layout);
    let session = Session::try_new(Some(2), &scan).unwrap();
    session
        .register(
            "public",
            file.as_ref(),
            &RegisterOptions::default().with_scan(scan),
        )
        .unwrap();
    session
}

fn rows(session: &Session, sql: &str) -> RecordBatch {
    collect(
        session
            .query(sql)
            .unwrap_or_else(|e| panic!("{sql}: {}", e.report())),
    )
}

fn failure(session: &Session, sql: &str) -> String {
    let error = match session.query(sql) {
        Err(error) => error,
        Ok(mut reader) => ptychoarrow::Error::from(reader.find_map(Result::err).expect(sql)),
    };
    error.report()
}

/// Returns all patterns as f64, one per row.
fn patterns(file: &str) -> Vec<Vec<f64>> {
    let scan = Scan::open(file).unwrap();
    let column = scan.require_diffraction().unwrap();
    let array: ArrayRef = column.array(&RowSet::Range(0..column.num_rows())).unwrap();
    let list = array.as_fixed_size_list();
    let values = cast(list.values(), &DataType::Float64).unwrap();
    let len = list.value_length() as usize;
    values
        .as_primitive::<Float64Type>()
        .values()
        .chunks(len)
        .map(<[f64]>::to_vec)
        .collect()
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= 1e-11 * expected.abs().max(1e-300),
            "{what} of {row}: {found}, {expected}"
        );
    }
}

#[test]
fn reductions_are_those_of_plain_loops_over_f4_and_u2() {
    for file in [SIEMENS, COUNTS] {
        let session = session_of(file, None);
        let patterns = patterns(file);
        let of = |f: &dyn Fn(&[f64]) -> f64| {
            patterns
                .iter()
                .map(|pattern| f(pattern))
                .collect::<Vec<f64>>()
        };
        let mean = |pattern: &[f64]| pattern.iter().sum::<f64>() / pattern.len() as f64;
        let cases: [(&str, Vec<f64>); 6] = [
            ("pattern_sum", of(&|pattern| pattern.iter().sum())),
            (
                "pattern_min",
                of(&|pattern| pattern.iter().copied().fold(f64::INFINITY, f64::min)),
            ),
            (
                "pattern_max",
                of(&|pattern| pattern.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            ),
            ("pattern_mean", of(&mean)),
            (
                "pattern_energy",
                of(&|pattern| pattern.iter().map(|value| value * value).sum()),
            ),
            (
                "pattern_std",
                of(&|pattern| {
                    let mean = mean(pattern);
                    (pattern.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / pattern.len() as f64)
                        .sqrt()
                }),
            ),
        ];
        for (name, expected) in cases {
            let found = rows(
                &session,
                &format!("SELECT {name}(diffraction) AS f FROM scan ORDER BY scan_point"),
            );
            assert_close(&float64(&found, "f"), &expected, name);
        }
        let level = patterns[7].iter().copied().fold(0.0, f64::max);
        let sql = format!(
            "SELECT pattern_saturated(diffraction, {level:?}) AS s, pattern_not_finite(diffraction) AS n FROM scan \
             ORDER BY scan_point"
        );
        let found = rows(&session, &sql);
        let expected =
            of(&|pattern| pattern.iter().filter(|value| **value >= level).count() as f64);
        assert_eq!(
            int64(&found, "s")
                .iter()
                .map(|n| *n as f64)
                .collect::<Vec<_>>(),
            expected
        );
        assert_eq!(int64(&found, "n"), vec![0; 516]);
    }
}

#[test]
fn photons_are_counts_whatever_is_stored() {
    let counts = float64(
        &rows(
            &session_of(COUNTS, None),
            "SELECT photons(diffraction) AS p FROM scan ORDER BY scan_point",
        ),
        "p",
    );
    assert_close(
        &counts,
        &patterns(COUNTS)
            .iter()
            .map(|p| p.iter().sum())
            .collect::<Vec<_>>(),
        "counts",
    );
    let amplitudes = session_of(SIEMENS, Some(Measurement::Amplitude));
    let expected: Vec<f64> = patterns(SIEMENS)
        .iter()
        .map(|p| p.iter().map(|v| v * v).sum())
        .collect();
    let found = rows(
        &amplitudes,
        "SELECT photons(diffraction) AS p FROM scan ORDER BY scan_point",
    );
    assert_close(&float64(&found, "p"), &expected, "amplitudes");
    // Said in the call, for a file that does not say.
    let unknown = session_of(SIEMENS, None);
    let found = rows(
        &unknown,
        "SELECT photons(diffraction, 'amplitude') AS p FROM scan ORDER BY scan_point",
    );
    assert_close(&float64(&found, "p"), &expected, "said");
    // Converted patterns say what they became: four of them a group.
    let sql = format!(
        "SELECT nn_indices, photons(diffraction) AS p FROM groups('{COUNTS}', measure => 'amplitude')"
    );
    let found = rows(&session_of(COUNTS, None), &sql);
    let members = groups_of(&found);
    let expected: Vec<f64> = members
        .iter()
        .map(|group| group.iter().map(|m| counts[*m as usize]).sum())
        .collect();
    // Roots in f4, squared again.
    for (found, expected) in float64(&found, "p").iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-6 * expected,
            "{found}, {expected}"
        );
    }
}

#[test]
fn centers_pixels_and_correlations() {
    let session = session_of(SIEMENS, None);
    let patterns = patterns(SIEMENS);
    let sql = "SELECT center_of_mass(diffraction)['row'] AS r, center_of_mass(diffraction)['col'] AS c, \
               pixel(diffraction, scan_point % 64, 5) AS p FROM scan ORDER BY scan_point";
    let found = rows(&session, sql);
    let moment = |axis: fn(usize) -> usize| -> Vec<f64> {
        let of = |pattern: &Vec<f64>| {
            let moment: f64 = pattern
                .iter()
                .enumerate()
                .map(|(at, value)| axis(at) as f64 * value)
                .sum();
            moment / pattern.iter().sum::<f64>()
        };
        patterns.iter().map(of).collect()
    };
    assert_close(&float64(&found, "r"), &moment(|at| at / 64), "row");
    assert_close(&float64(&found, "c"), &moment(|at| at % 64), "col");
    // A pixel keeps its type.
    assert_eq!(found["p"].data_type(), &DataType::Float32);
    let pixels = cast(&found["p"], &DataType::Float64).unwrap();
    let expected: Vec<f64> = patterns
        .iter()
        .enumerate()
        .map(|(i, pattern)| pattern[i % 64 * 64 + 5])
        .collect();
    assert_eq!(
        pixels.as_primitive::<Float64Type>().values().to_vec(),
        expected
    );

    let sql = "SELECT correlation(a.diffraction, a.diffraction) AS own, correlation(a.diffraction, b.diffraction) AS r \
               FROM scan AS a JOIN scan AS b ON b.scan_point = a.scan_point + 1 WHERE a.scan_point < 5 \
               ORDER BY a.scan_point";
    let found = rows(&session, sql);
    assert_close(&float64(&found, "own"), &[1.0; 5], "own");
    let expected: Vec<f64> = (0..5)
        .map(|i| pearson(&patterns[i], &patterns[i + 1]))
        .collect();
    assert_close(&float64(&found, "r"), &expected, "correlation");
}

fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let (ma, mb) = (mean(a), mean(b));
    let cross: f64 = a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum();
    let power = |v: &[f64], m: f64| v.iter().map(|v| (v - m).powi(2)).sum::<f64>();
    cross / (power(a, ma) * power(b, mb)).sqrt()
}

#[test]
fn nulls_and_what_is_no_number() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let mut pixels = vec![1.0; 3 * 16];
    (pixels[3], pixels[16], pixels[17]) = (f64::NAN, f64::INFINITY, -2.0);
    pixels[32..].fill(0.0);
    let members = [
        ("xcoords", npy("'<f8'", false, &[3], &f8(&[0.0, 1.0, 2.0]))),
        ("ycoords", npy("'<f8'", false, &[3], &f8(&[0.0, 1.0, 0.0]))),
        ("diff3d", npy("'<f8'", false, &[3, 4, 4], &f8(&pixels))),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    let session = session_of(&text(&path), None);
    let found = rows(
        &session,
        "SELECT pattern_max(diffraction) AS most, pattern_not_finite(diffraction) AS bad, \
         center_of_mass(diffraction)['row'] AS r, correlation(diffraction, diffraction) AS c FROM scan ORDER BY scan_point",
    );
    let most = float64(&found, "most");
    assert!(most[0].is_nan() && most[1] == f64::INFINITY && most[2] == 0.0);
    assert_eq!(int64(&found, "bad"), [1, 1, 0]);
    // No weight, no centre; a constant has no correlation.
    assert!(found["r"].is_null(2) && found["c"].is_null(2));
    let found = rows(
        &session,
        "SELECT pattern_sum(CASE WHEN scan_point = 1 THEN diffraction END) AS s, linear_overlap(NULL, 2.0) AS o, \
         area_overlap(1.0, 0.0) AS z FROM scan ORDER BY scan_point",
    );
    assert_eq!(
        (
            found["s"].is_null(0),
            found["s"].is_null(1),
            found["s"].is_null(2)
        ),
        (true, false, true)
    );
    assert_eq!((found["o"].null_count(), found["z"].null_count()), (3, 3));
}

#[test]
fn every_example_of_the_documentation_runs() {
    let session = session_of(SIEMENS, None);
    let mut shown = String::new();
    for (name, example) in ptychoarrow::internals::examples() {
        assert!(example.contains(&format!("{name}(")), "{example}");
        let batch = rows(&session, example);
        assert!(batch.num_rows() > 0, "{example}");
        shown += &format!(
            "{example}\n{}\n\n",
            arrow::util::pretty::pretty_format_batches(&[batch]).unwrap()
        );
    }
    insta::assert_snapshot!("function_examples", shown);
}

#[test]
fn functions_document_themselves() {
    let session = session_of(SIEMENS, None);
    let sql = "SELECT routine_name, description, syntax_example FROM information_schema.routines \
               WHERE routine_name = 'area_overlap' OR routine_name LIKE 'pattern\\_%' ORDER BY 1";
    let found = rows(&session, sql);
    assert!(found.num_rows() >= 8, "{}", found.num_rows());
    assert_eq!(found["syntax_example"].null_count(), 0);
}

#[test]
fn wrong_arguments_are_told() {
    let session = session_of(SIEMENS, None);
    let calls = [
        "SELECT pattern_sum(x) FROM scan",
        "SELECT pattern_sum() FROM scan",
        "SELECT pattern_saturated(diffraction) FROM scan",
        "SELECT pattern_saturated(diffraction, 'a') FROM scan",
        "SELECT photons(diffraction) FROM scan",
        "SELECT photons(diffraction, 'counts') FROM scan",
        "SELECT photons(diffraction_normalized) FROM groups",
        "SELECT isfinite(diffraction) FROM scan",
        "SELECT total_probe_diameter(diffraction, 0.9) FROM scan",
        "SELECT total_probe_diameter(probe, 0) FROM probe",
        "SELECT total_probe_diameter(DISTINCT probe, 0.5) FROM probe",
        "SELECT total_probe_diameter(p, f) FROM (SELECT probe AS p, 0.5 AS f FROM probe UNION ALL SELECT probe, 0.6 FROM probe)",
        "SELECT center_of_mass(diffraction) FROM groups",
        "SELECT pixel(diffraction, 64, 0) FROM scan",
        "SELECT pixel(diffraction, 0, -1) FROM scan",
        "SELECT pixel(diffraction, 0.5, 1) FROM scan",
        "SELECT probe_diameter(diffraction, 0.9) FROM scan",
        "SELECT probe_diameter(probe, 1.5) FROM probe",
        "SELECT linear_overlap('far', 1) FROM scan",
        "SELECT correlation(diffraction, probe) FROM scan, probe",
    ];
    let told: Vec<String> = calls
        .iter()
        .map(|sql| format!("{sql}\n  {}", failure(&session, sql)))
        .collect();
    insta::assert_snapshot!("function_errors", told.join("\n"));
}

/// Two modes, of which the second is five times as wide and has 1.9 % of the power: 90 % of the whole are near the first.
#[test]
fn the_diameter_of_all_modes_is_that_of_their_summed_power() {
    const N: usize = 256;
    let (narrow, wide, share) = (4.0, 20.0, 0.019);
    let mode = |s: f64, power: f64| {
        let at = |i: usize| i as f64 - 128.0;
        let square = move |i: usize| at(i / N).powi(2) + at(i % N).powi(2);
        // |P|^2 is a Gaussian whose sum is `power`.
        let peak = power / (2.0 * std::f64::consts::PI * s * s);
        (0..N * N).flat_map(move |i| [(peak * (-square(i) / (2.0 * s * s)).exp()).sqrt(), 0.0])
    };
    let pixels: Vec<f64> = mode(narrow, 1.0 - share).chain(mode(wide, share)).collect();
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let members = [
        ("xcoords", npy("'<f8'", false, &[2], &f8(&[0.0, 1.0]))),
        ("ycoords", npy("'<f8'", false, &[2], &f8(&[0.0, 1.0]))),
        (
            "diff3d",
            npy("'<f8'", false, &[2, N, N], &f8(&vec![1.0; 2 * N * N])),
        ),
        ("probeGuess", npy("'<c16'", false, &[2, N, N], &f8(&pixels))),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    // 1 - 0.981 exp(-r^2 / 2 s1^2) - 0.019 exp(-r^2 / 2 s2^2) = 0.9
    let outside = |r: f64, s: f64| (-r * r / (2.0 * s * s)).exp();
    let held = |r: f64| 1.0 - (1.0 - share) * outside(r, narrow) - share * outside(r, wide);
    let (mut low, mut high) = (0.0, 100.0);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if held(middle) < 0.9 {
            low = middle
        } else {
            high = middle
        }
    }
    let session = session_of(&text(&path), None);
    let sql = "SELECT total_probe_diameter(probe, 0.9) AS total, max(probe_diameter(probe, 0.9)) AS widest, \
               total_probe_diameter(probe, 0.9) FILTER (WHERE mode = 1) AS second, \
               total_probe_diameter(probe, 0.9) FILTER (WHERE mode > 1) AS none FROM probe";
    let found = rows(&session, sql);
    let of = |name: &str| float64(&found, name)[0];
    assert!(
        (of("total") / (2.0 * high) - 1.0).abs() < 0.005,
        "{} {}",
        of("total"),
        2.0 * high
    );
    assert!((of("widest") / (2.0 * wide * (2.0 * 10f64.ln()).sqrt()) - 1.0).abs() < 0.005);
    assert_eq!(of("second"), of("widest"));
    assert!(found["none"].is_null(0));
    // Parts that are added up separately: as many rows as make several partitions.
    let many = "SELECT total_probe_diameter(probe, 0.9) AS total FROM probe CROSS JOIN generate_series(1, 40)";
    assert!((float64(&rows(&session, many), "total")[0] / of("total") - 1.0).abs() < 1e-9);
}

#[test]
fn integers_beyond_2_53_are_not_rounded() {
    let edge = 1u64 << 53;
    let folder = folder();
    let path = folder.path().join("scan.npz");
    let pixels: Vec<u8> = [edge, edge + 1, edge + 3, u64::MAX]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let members = [
        ("xcoords", npy("'<f8'", false, &[1], &f8(&[0.0]))),
        ("ycoords", npy("'<f8'", false, &[1], &f8(&[0.0]))),
        ("diff3d", npy("'<u8'", false, &[1, 2, 2], &pixels)),
    ];
    npz(&path, &members, CompressionMethod::Stored);
    let session = session_of(&text(&path), None);
    let sql = "SELECT pattern_saturated(diffraction, 9007199254740993) AS a, \
               pattern_saturated(diffraction, 9007199254740994) AS b, \
               pattern_saturated(diffraction, 18446744073709551615) AS c, \
               pattern_saturated(diffraction, 1e300) AS d, \
               CAST(pattern_max(diffraction) = 18446744073709551615 AS BIGINT) AS e, \
               CAST(pattern_min(diffraction) = 9007199254740992 AS BIGINT) AS f FROM scan";
    let found = rows(&session, sql);
    let told: Vec<i64> = ["a", "b", "c", "d", "e", "f"]
        .map(|name| int64(&found, name)[0])
        .to_vec();
    assert_eq!(told, [3, 2, 1, 0, 1, 1]);
}
