use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Mutex;

use bytes::Bytes;

use super::*;
use crate::error::RustTerms;
use crate::npz::write::NpzWriter;
use crate::npz::{AccessMode, OpenOptions};
use crate::scan::BadPixels;
use crate::scan::layout::LayoutOptions;

const SIEMENS: &str = "tests/data/siemens_star.npz";
const COUNTS: &str = "tests/data/siemens_star_counts_deflated.npz";

/// Name, dtype as NumPy writes it, shape, data.
type Member = (&'static str, &'static str, Vec<usize>, Vec<u8>);

fn f8(values: &[f64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn f4(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn u2(values: &[u16]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn i8(values: &[i64]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn x(values: &[f64]) -> Member {
    ("xcoords", "<f8", vec![values.len()], f8(values))
}

fn y(values: &[f64]) -> Member {
    ("ycoords", "<f8", vec![values.len()], f8(values))
}

/// Six frames of 4 x 4 pixels; every value once.
fn amplitudes() -> Vec<f32> {
    (0..96u16).map(|at| f32::from(at * 37 % 96) + 0.5).collect()
}

fn patterns(values: &[f32]) -> Member {
    ("diff3d", "<f4", vec![values.len() / 16, 4, 4], f4(values))
}

/// A scan of six points with nothing to complain of.
fn clean() -> Vec<Member> {
    let probe: Vec<f32> = (0..32u8).map(f32::from).collect();
    vec![
        x(&[2.0, 7.0, 12.0, 3.0, 8.0, 13.0]),
        y(&[2.0, 3.0, 2.0, 7.0, 8.0, 7.0]),
        (
            "xcoords_start",
            "<f8",
            vec![6],
            f8(&[0.0, 5.0, 10.0, 0.0, 5.0, 10.0]),
        ),
        (
            "ycoords_start",
            "<f8",
            vec![6],
            f8(&[0.0, 0.0, 0.0, 5.0, 5.0, 5.0]),
        ),
        patterns(&amplitudes()),
        ("probeGuess", "<c8", vec![4, 4], f4(&probe)),
        ("objectGuess", "<c8", vec![10, 16], f4(&[1.0; 320])),
        ("scan_index", "<i8", vec![6], i8(&[0, 1, 2, 3, 4, 5])),
    ]
}

/// The clean scan with another member in the place of its own, or beside them.
fn with(member: Member) -> Vec<Member> {
    let mut members = clean();
    match members.iter_mut().find(|(name, ..)| *name == member.0) {
        Some(own) => *own = member,
        None => members.push(member),
    }
    members
}

fn archive(members: &[Member]) -> Vec<u8> {
    let mut writer = NpzWriter::new(Cursor::new(Vec::new()));
    for (name, descr, shape, data) in members {
        writer.begin(name, descr, shape, data.len() as u64).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn report_of(archive: Vec<u8>) -> CheckReport {
    let npz =
        NpzFile::from_bytes("scan.npz", Bytes::from(archive), &OpenOptions::default()).unwrap();
    check(&Arc::new(npz), &CheckOptions::default()).unwrap()
}

fn report_on(path: impl AsRef<Path>, options: &ScanOptions) -> CheckReport {
    let npz = NpzFile::open_with(path, &options.open).unwrap();
    check(&Arc::new(npz), &of_scan(options)).unwrap()
}

fn of_scan(options: &ScanOptions) -> CheckOptions {
    CheckOptions {
        scan: options.clone(),
        ..Default::default()
    }
}

/// One finding per line: what is printed, count, first rows.
fn text(report: &CheckReport) -> String {
    let line = |finding: &Finding| {
        let Finding {
            severity,
            code,
            found,
            count,
            first,
            ..
        } = finding;
        let (code, hint) = (code.id(), finding.hint(&RustTerms));
        let member = finding.member.as_deref().unwrap_or("-");
        format!(
            "{} {code} {member}: {found}; {hint} [{count} {first:?}]",
            severity.word()
        )
    };
    report
        .findings
        .iter()
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Severity, code and member of each finding, for those whose words come from another module.
fn codes(report: &CheckReport) -> Vec<String> {
    let code = |finding: &Finding| {
        format!(
            "{} {} {}",
            finding.severity.word(),
            finding.code.id(),
            finding.member.as_deref().unwrap_or("-")
        )
    };
    report.findings.iter().map(code).collect()
}

fn found(members: &[Member]) -> String {
    text(&report_of(archive(members)))
}

#[test]
fn a_clean_file_has_no_findings() {
    let report = report_of(archive(&clean()));
    assert_eq!(text(&report), "");
    assert_eq!(
        (report.positions, report.frames, report.members),
        (Some(6), Some(6), 8)
    );
    assert_eq!(
        report.bytes,
        8 * 128 + 4 * 48 + 6 * 16 * 4 + 16 * 8 + 160 * 8 + 6 * 8
    );
}

#[test]
fn a_measured_scan_has_no_findings() {
    for file in [SIEMENS, COUNTS] {
        for access in [AccessMode::Map, AccessMode::Read] {
            let open = OpenOptions {
                access,
                ..Default::default()
            };
            let report = report_on(
                file,
                &ScanOptions {
                    open,
                    ..Default::default()
                },
            );
            assert_eq!(text(&report), "", "{file}");
            assert_eq!(
                (report.positions, report.frames, report.members),
                (Some(516), Some(516), 7)
            );
        }
    }
}

#[test]
fn simulated_scans_of_every_layout_have_no_errors() {
    for name in [
        "fortran_order",
        "legacy_hwm",
        "intgrid_u16",
        "both_keys",
        "with_metadata",
        "bigties",
        "tiny1",
    ] {
        let report = report_on(
            format!("tests/data/goldens/data/{name}.npz"),
            &ScanOptions::default(),
        );
        assert_eq!(text(&report), "", "{name}");
        assert!(report.frames.is_some(), "{name}");
    }
}

#[test]
fn damaged_members_are_named_and_not_looked_into() {
    let negative: Vec<f32> = amplitudes().iter().map(|value| -value).collect();
    let mut bytes = archive(&with(patterns(&negative)));
    let data = f4(&negative);
    let at = bytes
        .windows(data.len())
        .position(|window| window == data)
        .unwrap();
    bytes[at + 7] ^= 1;
    insta::assert_snapshot!(text(&report_of(bytes)), @"error crc diff3d: CRC-32 66321e21; expected 512 bytes, CRC-32 263e0604; the file is damaged; copy the file or save it again [1 []]");
}

#[test]
fn members_that_are_no_arrays_are_errors_where_a_scan_needs_them() {
    let object = |name| (name, "|O", vec![1], vec![0x80, 4, 0x4e, 0x2e, 0, 0, 0, 0]);
    let mut members = with(object("notes"));
    members.extend([object("_metadata"), object("PROBE"), object("bad_pixels")]);
    insta::assert_snapshot!(found(&members), @"
    error refused-member PROBE: pickled Python objects (dtype object), which are never unpickled; the member cannot be read; save it again as a plain array of numbers, text or times [1 []]
    error refused-member bad_pixels: pickled Python objects (dtype object), which are never unpickled; the member cannot be read; save it again as a plain array of numbers, text or times [1 []]
    warning refused-member notes: pickled Python objects (dtype object), which are never unpickled; the member cannot be read; save it again as a plain array of numbers, text or times [1 []]
    ");
}

#[test]
fn a_bare_npy_that_is_cut_short_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.npy");
    let mut bytes = b"\x93NUMPY\x01\x00\x3e\x00".to_vec();
    bytes.extend(b"{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }");
    bytes.resize(10 + 0x3e, b' ');
    std::fs::write(&path, bytes).unwrap();
    let report = report_on(&path, &ScanOptions::default());
    assert_eq!(
        codes(&report),
        ["error refused-member frames", "warning no-scan -"]
    );
}

#[test]
fn several_members_of_one_name_are_a_warning() {
    let mut members = clean();
    members.extend([
        ("note_a", "<f8", vec![1], f8(&[1.0])),
        ("note_b", "<f8", vec![1], f8(&[2.0])),
    ]);
    // No writer makes such a file: the name is changed afterwards, where it stands before its data and in the directory.
    let mut bytes = archive(&members);
    while let Some(at) = bytes.windows(6).position(|window| window == b"note_b") {
        bytes[at + 5] = b'a';
    }
    insta::assert_snapshot!(text(&report_of(bytes)), @"warning duplicate-member -: 2 members are called `note_a`: the last one counts, as in NumPy; only one of them can be read; save the file again with every member name once [1 []]");
}

#[test]
fn an_archive_without_a_scan_is_a_warning_and_roles_that_do_not_fit_an_error() {
    let codes_of = |members: &[Member]| codes(&report_of(archive(members)));
    assert_eq!(
        codes_of(&[("weights", "<f8", vec![2], f8(&[1.0, 2.0]))]),
        ["warning no-scan -"]
    );
    assert_eq!(codes_of(&with(y(&[1.0, 2.0]))), ["error no-scan ycoords"]);
    assert_eq!(
        codes_of(&with(patterns(&amplitudes()[..64]))),
        ["error no-scan diff3d"]
    );
    let report = report_of(archive(&with(y(&[1.0, 2.0]))));
    assert_eq!(
        (report.positions, report.frames, report.members),
        (None, None, 8)
    );
    let error = Scan::open("tests/data/goldens/data/bad_no_xcoords.npz").unwrap_err();
    let report = report_on(
        "tests/data/goldens/data/bad_no_xcoords.npz",
        &ScanOptions::default(),
    );
    assert_eq!(report.findings[0].found, error.facts());
    assert_eq!(report.findings[0].remedies, error.remedies());
}

#[test]
fn members_named_by_an_option_must_be_there_and_fit() {
    let options = |role, name: &str| {
        let layout = LayoutOptions {
            roles: vec![(role, name.to_string())],
            ..Default::default()
        };
        ScanOptions {
            layout,
            ..Default::default()
        }
    };
    assert_eq!(
        codes(&report_on(SIEMENS, &options(Role::Probe, "beam"))),
        ["error no-scan -"]
    );
    // Whoever notices it first: it is an error about that member.
    let misfits = [
        (Role::Probe, ("probeGuess", "<U2", vec![4, 4], vec![0; 128])),
        (Role::Probe, ("notes", "|O", vec![1], vec![0; 8])),
    ];
    for (role, member) in misfits {
        let name = member.0;
        let archive = Bytes::from(archive(&with(member)));
        let npz =
            Arc::new(NpzFile::from_bytes("scan.npz", archive, &OpenOptions::default()).unwrap());
        let report = check(&npz, &of_scan(&options(role, name))).unwrap();
        let about = report
            .errors()
            .filter(|finding| finding.member.as_deref() == Some(name));
        assert!(about.count() > 0, "{:?}", codes(&report));
    }
}

#[test]
fn positions_are_finite_and_each_their_own() {
    let nan = f64::NAN;
    insta::assert_snapshot!(found(&with(x(&[nan, 5.0, 10.0, 1.0, f64::INFINITY, 11.0]))), @"error not-finite xcoords: 2 of 6 values of x not finite: scan points 0, 4; one such value is enough to spoil a normalisation or a reconstruction; correct the file or leave these scan points out with GroupSpec::among [2 [0, 4]]");
    let start = (
        "ycoords_start",
        "<f8",
        vec![6],
        f8(&[0.0, 0.0, nan, 5.0, 5.0, 5.0]),
    );
    insta::assert_snapshot!(found(&with(start)), @"error not-finite ycoords_start: 1 of 6 values of y_start not finite: scan point 2; one such value is enough to spoil a normalisation or a reconstruction; correct the file or leave these scan points out with GroupSpec::among [1 [2]]");
    // 0 and -0 are one place; what is nowhere is at no place twice.
    let mut members = with(x(&[0.0, -0.0, nan, nan, 0.0, 1.0]));
    members[1] = y(&[2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    insta::assert_snapshot!(found(&members), @"
    error not-finite xcoords: 2 of 6 values of x not finite: scan points 2, 3; one such value is enough to spoil a normalisation or a reconstruction; correct the file or leave these scan points out with GroupSpec::among [2 [2, 3]]
    warning duplicate-positions xcoords: 2 scan points of 6 at exactly the position of an earlier one: 1, 4; exposures were repeated, or the stage did not move; neighbours at distance 0 add no overlap; leave these scan points out with GroupSpec::among [2 [1, 4]]
    ");
}

#[test]
fn unlikely_units_are_warnings() {
    let metres = [0.0, 5e-6, 1e-5, 1e-6, 6e-6, 1.1e-5];
    let mut members = with(x(&metres));
    members[1] = y(&metres);
    let report = report_of(archive(&members));
    assert_eq!(
        report
            .findings
            .iter()
            .map(|finding| finding.code)
            .collect::<Vec<_>>(),
        [Code::SuspiciousUnit, Code::OffObject]
    );
    assert_eq!((report.errors().count(), report.warnings().count()), (0, 2));
}

#[test]
fn frame_numbers_occur_once() {
    let numbers = |values: &[i64]| with(("scan_index", "<i8", vec![values.len()], i8(values)));
    insta::assert_snapshot!(found(&numbers(&[0, 1, 1, 3, 0, 5])), @"warning duplicate-frame-index scan_index: 2 of 6 frame numbers occur earlier: scan points 2, 4; patterns of another file cannot be joined by such numbers [2 [2, 4]]");
    insta::assert_snapshot!(found(&numbers(&[7; 6])), @"warning duplicate-frame-index scan_index: all 6 frame numbers are 7, which may be the number of the scan; patterns of another file cannot be joined by such numbers [5 [1, 2, 3, 4, 5]]");
}

#[test]
fn patterns_are_finite_and_not_negative() {
    let mut values = amplitudes();
    (values[16], values[17], values[95]) = (f32::NAN, f32::INFINITY, f32::NEG_INFINITY);
    insta::assert_snapshot!(found(&with(patterns(&values))), @"error not-finite diff3d: 3 values not finite, in 2 of 6 frames: 1, 5; one such value is enough to spoil a normalisation or a reconstruction; add a mask of bad pixels, a member named with LayoutOptions::roles = bad_pixels=NAME, mark the pixels as bad with BadPixels::values = nan or leave these scan points out with GroupSpec::among [3 [1, 5]]");
    let mut values = amplitudes();
    values[40] = -1e-3;
    insta::assert_snapshot!(found(&with(patterns(&values))), @"warning negative diff3d: 1 value below 0, in 1 of 6 frames: 2; a background may have been subtracted; no amplitude can be computed from such a count; add a mask of bad pixels, a member named with LayoutOptions::roles = bad_pixels=NAME [1 [2]]");
    // A frame of no numbers at all is not dead as well.
    let mut values = amplitudes();
    values[..16].fill(f32::NAN);
    insta::assert_snapshot!(found(&with(patterns(&values))), @"error not-finite diff3d: 16 values not finite, in 1 of 6 frames: 0; one such value is enough to spoil a normalisation or a reconstruction; add a mask of bad pixels, a member named with LayoutOptions::roles = bad_pixels=NAME, mark the pixels as bad with BadPixels::values = nan or leave these scan points out with GroupSpec::among [16 [0]]");
}

#[test]
fn dead_and_constant_frames_are_warnings() {
    let mut values = amplitudes();
    values[..16].fill(0.0);
    values[32..48].fill(0.0);
    values[32] = 3.0;
    values[80..].fill(7.0);
    insta::assert_snapshot!(found(&with(patterns(&values))), @"
    warning dead-frames diff3d: a sum of 0, or below 1 % of the median frame's 440, in 2 of 6 frames: 0, 2; the shutter may have been closed, or the beam lost; leave these scan points out with GroupSpec::among [2 [0, 2]]
    warning constant-frames diff3d: one value, not 0, in all pixels of 1 of 6 frames: 5; these frames may be no exposures; leave these scan points out with GroupSpec::among [1 [5]]
    ");
    // With most frames dead, the median says nothing: those that sum to 0 are.
    let mut values = vec![0.0; 96];
    (values[0], values[90]) = (1e-3, 5.0);
    insta::assert_snapshot!(found(&with(patterns(&values))), @"warning dead-frames diff3d: a sum of 0, or below 1 % of the median frame's 0, in 4 of 6 frames: 1, 2, 3, 4; the shutter may have been closed, or the beam lost; leave these scan points out with GroupSpec::among [4 [1, 2, 3, 4]]");
}

#[test]
fn saturated_frames_are_warnings() {
    let mut counts: Vec<u16> = (0..96).collect();
    (counts[20], counts[50]) = (65535, 65535);
    insta::assert_snapshot!(found(&with(("diff3d", "<u2", vec![6, 4, 4], u2(&counts)))), @"warning saturated-frames diff3d: a pixel at 65535, the largest value of the dtype, in 2 of 6 frames: 1, 3; the detector may have been overexposed, or the value may mark bad pixels; add a mask of bad pixels, a member named with LayoutOptions::roles = bad_pixels=NAME, mark the pixels as bad with BadPixels::values = 65535 or leave these scan points out with GroupSpec::among [2 [1, 3]]");
    let mut values = amplitudes();
    values[16..20].fill(120.0);
    // Three are no plateau.
    values[60..63].fill(120.0);
    insta::assert_snapshot!(found(&with(patterns(&values))), @"warning saturated-frames diff3d: at least 4 pixels at 120, the largest value of all frames, and fewer at the next lower value, in 1 of 6 frames: 1; the detector may have been overexposed, or the value may mark bad pixels; add a mask of bad pixels, a member named with LayoutOptions::roles = bad_pixels=NAME, mark the pixels as bad with BadPixels::values = 120 or leave these scan points out with GroupSpec::among [1 [1]]");
}

#[test]
fn few_counts_and_masks_are_not_saturated() {
    // Of 16 pixels, 7 at 0, 5 at 1, 4 at 2: the largest value occurs often, but lower ones more often.
    let weak: Vec<u16> = (0..96)
        .map(|at| [0, 1, 0, 2, 1, 0, 1, 2, 0, 2, 1, 0, 0, 1, 2, 0][at % 16])
        .collect();
    // All frames are the same here, which is a finding of its own.
    assert_eq!(
        codes(&report_of(archive(&with((
            "diff3d",
            "<u2",
            vec![6, 4, 4],
            u2(&weak)
        ))))),
        ["warning repeated-frames diff3d"]
    );
    // Truth values are always one of two.
    let truths: Vec<u8> = (0..96).map(|at| u8::from(at % 3 > 0)).collect();
    assert_eq!(
        codes(&report_of(archive(&with((
            "diff3d",
            "|b1",
            vec![6, 4, 4],
            truths
        ))))),
        ["error no-scan diff3d"]
    );
}

#[test]
fn scans_without_points_or_pixels_are_errors() {
    let mut members = vec![x(&[]), y(&[]), ("diff3d", "<f4", vec![0, 4, 4], Vec::new())];
    insta::assert_snapshot!(found(&members), @"error length -: no scan points; a scan needs scan points, pixels, and one object patch per scan point; read the file again once it is complete [1 []]");
    members = with(("diff3d", "<f4", vec![6, 0, 5], Vec::new()));
    members.retain(|(name, ..)| *name != "probeGuess");
    let report = report_of(archive(&members));
    let about: Vec<&Finding> = report.errors().collect();
    assert!(
        matches!(about[..], [error] if error.member.as_deref() == Some("diff3d")),
        "{:?}",
        codes(&report)
    );
}

#[test]
fn probe_and_object_are_finite_and_of_the_right_shape() {
    let mut probe: Vec<f32> = (0..32u8).map(f32::from).collect();
    probe[3] = f32::NAN;
    insta::assert_snapshot!(found(&with(("probeGuess", "<c8", vec![4, 4], f4(&probe)))), @"error not-finite probeGuess: 1 of 32 values not finite, real and imaginary parts counted each; one such value is enough to spoil a normalisation or a reconstruction; correct the file [1 []]");
    insta::assert_snapshot!(found(&with(("probeGuess", "<c16", vec![2, 4, 4], vec![0; 512]))), @"error zero-probe probeGuess: zeros only; the illumination is missing; correct the file or use another member [1 []]");
    insta::assert_snapshot!(found(&with(("probeGuess", "<c8", vec![2, 16], f4(&amplitudes()[..64])))), @"warning probe-shape probeGuess: `probeGuess` has shape [2, 16], and its modes, taken as [2, 16], do not have the shape [4, 4] of a pattern; the probe cannot be multiplied with patches of the size of a pattern; crop or pad it to the shape of a pattern or name the member with LayoutOptions::roles = probe=NAME [1 []]");
    let mut object = vec![1.0; 320];
    object[7] = f64::INFINITY;
    let object = f8(&object);
    insta::assert_snapshot!(found(&with(("objectGuess", "<c16", vec![10, 16], object))), @"error not-finite objectGuess: 1 of 320 values not finite, real and imaginary parts counted each; one such value is enough to spoil a normalisation or a reconstruction; correct the file [1 []]");
    // One or several modes, or an axis of 1 at the end.
    for shape in [vec![4, 4, 1], vec![1, 4, 4], vec![1, 1, 4, 4]] {
        assert_eq!(
            found(&with(("probeGuess", "<c8", shape, f4(&amplitudes()[..32])))),
            ""
        );
    }
}

#[test]
fn object_patches_are_one_a_scan_point() {
    assert_eq!(found(&with(("Y", "<c8", vec![6, 4, 4], vec![0; 768]))), "");
    insta::assert_snapshot!(found(&with(("Y", "<c8", vec![5, 4, 4], vec![0; 640]))), @"warning misfit Y: `Y` does not serve as object_patches: found shape [5, 4, 4], expected (6, N, N): one patch for each of the 6 positions in `xcoords`; the member is not used in that role; correct the file or name the member with LayoutOptions::roles = object_patches=NAME [1 []]");
}

#[test]
fn patterns_that_are_no_real_numbers_do_no_harm() {
    for (descr, bytes, expected) in [
        ("<c8", 8, "error no-scan diff3d"),
        ("|b1", 1, "error no-scan diff3d"),
        ("<U1", 4, "error no-scan diff3d"),
        ("<M8[s]", 8, "error no-scan diff3d"),
        ("<f2", 2, "warning dead-frames diff3d"),
        (">i2", 2, "warning dead-frames diff3d"),
    ] {
        let members = with(("diff3d", descr, vec![6, 4, 4], vec![0; 96 * bytes]));
        assert_eq!(codes(&report_of(archive(&members))), [expected], "{descr}");
    }
}

/// Packs these members by other methods in turn: stored, deflated, bzip2, Zstandard.
fn packed(members: &[Member]) -> Vec<u8> {
    let mut archive = crate::npz::pack::Archive::default();
    for (index, (name, descr, shape, data)) in members.iter().enumerate() {
        let npy = [&crate::npz::header::format(descr, shape, false)[..], data].concat();
        archive.add(&format!("{name}.npy"), [0, 8, 12, 93][index % 4], &npy);
    }
    archive.finish()
}

#[test]
fn no_member_is_inflated_twice() {
    for turn in 0..8 {
        let mut members = with(("weights", "<f8", vec![2], f8(&[1.0, 2.0])));
        members.push(("Y", "<c8", vec![6, 4, 4], vec![0; 768]));
        members.push(("mask", "<f4", vec![4, 4], f4(&[1.0; 16])));
        members.rotate_left(turn);
        let name = format!("once {turn}.npz");
        let open = OpenOptions::default().with_inflate_memory(if turn < 4 { 1 << 30 } else { 200 });
        let npz = NpzFile::from_bytes(&name, Bytes::from(packed(&members)), &open).unwrap();
        let report = check(&Arc::new(npz), &CheckOptions::default()).unwrap();
        assert_eq!(text(&report), "", "{turn}");
        let plain = report_of(archive(&members));
        assert_eq!((report.bytes, report.members), (plain.bytes, members.len()));
        let counts = crate::npz::unpack::ends::counts(Path::new(&name));
        let expected: BTreeMap<String, usize> = members
            .iter()
            .map(|(name, ..)| (name.to_string(), 1))
            .collect();
        assert_eq!(counts, expected, "{turn}");
    }
}

#[test]
fn damaged_members_of_every_method_are_told_alike() {
    for turn in 0..4 {
        let mut members = clean();
        members.rotate_left(turn);
        let bytes = packed(&members);
        for (index, (member, ..)) in members.iter().enumerate() {
            let mut bytes = bytes.clone();
            let name = format!("{member}.npy");
            let places = bytes.windows(name.len());
            let record = places
                .clone()
                .rposition(|at| at == name.as_bytes())
                .unwrap();
            // The CRC-32 of a directory record stands 30 bytes before the name.
            bytes[record - 30] ^= 1;
            let report = report_of(bytes);
            let about: Vec<&Finding> = report.errors().collect();
            assert_eq!(
                codes(&report)[0],
                format!("error crc {member}"),
                "{turn} {index}"
            );
            assert!(about[0].found.starts_with("CRC-32 "), "{}", about[0].found);
        }
    }
}

#[test]
fn a_deflated_member_that_nothing_can_hold_is_a_finding() {
    let npz = Arc::new(NpzFile::open(COUNTS).unwrap());
    let mut run = Run {
        npz: &npz,
        findings: Vec::new(),
        masked_pixels: None,
        marked_values: None,
        done: 0,
        total: 0,
        progress: &Progress::default(),
    };
    let scan = Scan::try_new(Arc::clone(&npz), &ScanOptions::default()).unwrap();
    let full = |_: &mut Run, _: &Scan| {
        let (path, folder) = (COUNTS.into(), "/tmp".into());
        Err(Error::ScratchFull {
            path,
            member: "diff3d".to_string(),
            needed: 9,
            folder,
            available: 1,
        })
    };
    run.look(&scan, &[Role::Diffraction], full).unwrap();
    assert_eq!(
        (run.findings[0].code, run.findings[0].member.as_deref()),
        (Code::NotChecked, Some("diff3d"))
    );
    // A file that changes is not worth going on with.
    let changed = |_: &mut Run, _: &Scan| {
        Err(Error::FileChanged {
            path: COUNTS.into(),
            what: String::new(),
        })
    };
    assert!(run.look(&scan, &[Role::Probe], changed).is_err());
}

#[test]
fn the_report_does_not_depend_on_threads_and_progress_ends_at_its_total() {
    // Frames larger than what one thread looks at at a time, whose sum depends on the order of addition.
    let pixels = 200 * 200;
    let values: Vec<f32> = (0..3 * pixels)
        .map(|at| ((at * 7919 % 10007) as f32).sqrt())
        .collect();
    let members = [
        x(&[0.0, 1.0, 2.0]),
        y(&[0.0, 1.0, 0.0]),
        ("diff3d", "<f4", vec![3, 200, 200], f4(&values)),
    ];
    let npz = NpzFile::from_bytes(
        "scan.npz",
        Bytes::from(archive(&members)),
        &OpenOptions::default(),
    )
    .unwrap();
    let scan = Scan::try_new(Arc::new(npz), &ScanOptions::default()).unwrap();
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| summary::summaries(scan.diffraction().unwrap(), |_| Ok(())).unwrap())
    };
    assert_eq!(on(1), on(3));
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let progress = Progress::new(move |step| {
        listener
            .lock()
            .unwrap()
            .push((step.done, step.total.unwrap()));
    });
    let options = CheckOptions {
        progress,
        ..Default::default()
    };
    check(scan.npz(), &options).unwrap();
    let told = told.lock().unwrap();
    assert!(told.is_sorted());
    let (done, total) = told.last().unwrap();
    assert_eq!(done, total);
}

#[test]
fn a_report_is_plain_data() {
    let report = report_of(archive(&with(y(&[2.0, 3.0, 2.0, 7.0, f64::NAN, 7.0]))));
    insta::assert_snapshot!(serde_json::to_string_pretty(&report.to_json(&RustTerms)).unwrap(), @r#"
    {
      "bytes": 3056,
      "findings": [
        {
          "code": "not-finite",
          "count": 1,
          "first": [
            4
          ],
          "found": "1 of 6 values of y not finite: scan point 4",
          "hint": "one such value is enough to spoil a normalisation or a reconstruction; correct the file or leave these scan points out with GroupSpec::among",
          "member": "ycoords",
          "severity": "error"
        }
      ],
      "frames": 6,
      "marked_values": null,
      "masked_pixels": null,
      "members": 8,
      "positions": 6
    }
    "#);
}

/// Frames of a spot on 8 x 8 pixels that wanders, with Poisson-like noise by a fixed rule, and whatever `change` does.
fn spots(change: impl Fn(usize, usize, usize, u16) -> u16) -> Vec<u16> {
    let value = |frame: usize, row: usize, col: usize| {
        let (dy, dx) = (
            row as f64 - 3.5 - (frame % 3) as f64 / 3.0,
            col as f64 - 3.5,
        );
        let noise = (frame * 31 + row * 17 + col * 13) % 7;
        (100.0 * (-(dx * dx + dy * dy) / 8.0).exp()) as u16 + noise as u16
    };
    let pixels = (0..6).flat_map(|frame| (0..64).map(move |at| (frame, at / 8, at % 8)));
    pixels
        .map(|(frame, row, col)| change(frame, row, col, value(frame, row, col)))
        .collect()
}

fn found_in_spots(change: impl Fn(usize, usize, usize, u16) -> u16) -> String {
    found(&with(("diff3d", "<u2", vec![6, 8, 8], u2(&spots(change)))))
        .lines()
        .filter(|line| !line.contains("probe-shape"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn repeated_frames_are_warnings() {
    assert_eq!(found_in_spots(|_, _, _, value| value), "");
    let first = spots(|_, _, _, value| value);
    // Frames 2 and 5 are frame 0 again; frames 1 and 3 are zeros, which are dead and not repeated.
    insta::assert_snapshot!(found_in_spots(|frame, row, col, value| match frame {
        2 | 5 => first[row * 8 + col],
        1 | 3 => 0,
        _ => value,
    }), @r"
    warning dead-frames diff3d: a sum of 0, or below 1 % of the median frame's 2449, in 2 of 6 frames: 1, 3; the shutter may have been closed, or the beam lost; leave these scan points out with GroupSpec::among [2 [1, 3]]
    warning repeated-frames diff3d: exactly the values of an earlier frame in 2 of 6 frames: 2, 5; the detector or the file may have written a frame again; no two exposures have the same noise; leave these scan points out with GroupSpec::among [2 [2, 5]]
    ");
}

#[test]
fn hot_pixels_are_warnings_and_peaks_are_none() {
    // One in a dim place, two side by side, and one that is hot in 3 of 6 frames only.
    let hot = [[0, 1], [6, 6], [6, 7]];
    insta::assert_snapshot!(found_in_spots(|frame, row, col, value| match [row, col] {
        place if hot.contains(&place) => 4000 + frame as u16,
        [6, 0] if frame < 3 => 4000,
        _ => value,
    }), @"warning hot-pixels diff3d: 3 pixels much brighter than the pixels around, in at least 6 of 6 frames: (0, 1), (6, 6), (6, 7); these pixels may count without light; add a mask of bad pixels, a member named with LayoutOptions::roles = bad_pixels=NAME [3 []]");
    // Zero frequency; a peak of 2 x 2 pixels; a bright line.
    assert_eq!(
        found_in_spots(|_, row, col, value| match [row, col] {
            [4, 4] => 9000,
            [6 | 7, 0 | 1] => 500,
            [_, 7] => 500,
            _ => value,
        }),
        ""
    );
}

#[test]
fn masked_pixels_are_passed_over() {
    let spots = spots(|_, row, col, value| match [row, col] {
        [3, _] => u16::MAX,
        [0, 1] => 400,
        [7, 7] => 9,
        _ => value,
    });
    let mut members = with(("diff3d", "<u2", vec![6, 8, 8], u2(&spots)));
    let mask: Vec<u8> = (0..64).map(|at| u8::from(at / 8 == 3 || at == 1)).collect();
    members.push(("bad_pixels", "|b1", vec![8, 8], mask));
    let options = |bad| ScanOptions::default().with_bad_pixels(bad);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.npz");
    std::fs::write(&path, archive(&members)).unwrap();
    let report = report_on(&path, &options(BadPixels::default()));
    assert_eq!(
        (report.masked_pixels, report.marked_values),
        (Some(9), None)
    );
    assert_eq!(codes(&report), ["warning probe-shape probeGuess"]);
    let report = report_on(
        &path,
        &options(BadPixels::default().with_values(["9".parse().unwrap()])),
    );
    assert_eq!(report.masked_pixels, Some(9));
    let nines = spots.iter().enumerate();
    let nines =
        nines.filter(|(at, value)| **value == 9 && members[members.len() - 1].3[at % 64] == 0);
    assert_eq!(report.marked_values, Some(nines.count() as u64));
}

#[test]
fn positions_far_from_all_others_are_warnings() {
    let far = [0.0, 10.0, 20.0, 30.0, 40.0, 500.0];
    insta::assert_snapshot!(found(&with(x(&far))), @"
    warning isolated-positions xcoords: 1 scan point of 6 more than 10 times as far from any other as the median of 10.05: scan point 5; the stage may have been elsewhere, or the position be misread; such a scan point overlaps with no other; leave these scan points out with GroupSpec::among or correct the file [1 [5]]
    warning off-object xcoords: 4 of 6 scan points are off the object `objectGuess` of 10 x 16 pixels, the first is 2; no object patches can be cut there, and the unit, the pixel size or the object may be wrong; give LayoutOptions::unit or give LayoutOptions::pixel_size_m [4 [2]]
    ");
}
