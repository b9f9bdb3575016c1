//! The command as it is typed: what it prints, how it fails.

use std::path::Path;

use serde_json::Value;

use crate::support::{COUNTS, SIEMENS, failure, folder, ptychoarrow, scan_file, success, text};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn inspect_tells_what_a_file_holds() {
    insta::assert_snapshot!(success(&["inspect", SIEMENS]));
    insta::assert_snapshot!(success(&["inspect", COUNTS, "--stats"]));
}

#[test]
fn inspect_tells_programs_too() {
    let report = json(&success(&["inspect", SIEMENS, "--format", "json"]));
    let arrays = report["arrays"].as_array().unwrap();
    assert_eq!(arrays.len(), 7);
    for array in arrays {
        for key in ["name", "dtype", "shape", "byte_offset", "access", "reason"] {
            assert!(array.get(key).is_some(), "{key} of {array}");
        }
    }
    assert_eq!(
        (&arrays[4]["name"], &arrays[4]["byte_offset"]),
        (&Value::from("diff3d"), &Value::from(17468))
    );
    assert_eq!(arrays[0]["access"], "copied");
    let scan = &report["scan"];
    assert_eq!(
        (&scan["positions"], &scan["duplicates"], &scan["unit"]),
        (&516.into(), &0.into(), &"pixels".into())
    );
    assert!((scan["step"]["min"].as_f64().unwrap() - 3.1).abs() < 0.05);
    assert!((scan["step"]["max"].as_f64().unwrap() - 17.2).abs() < 0.05);
}

#[test]
fn inspect_shows_a_file_that_is_no_scan() {
    let folder = folder();
    let path = folder.path().join("other.npz");
    let member = crate::support::npy("'<f4'", false, &[2], &[0; 8]);
    crate::support::npz(
        &path,
        &[("weights", member)],
        zip::CompressionMethod::Stored,
    );
    let shown = success(&["inspect", &text(&path)]);
    assert!(
        shown.contains("weights") && shown.contains("no scan: "),
        "{shown}"
    );
}

fn group(output: &Path, more: &[&str]) -> Vec<u8> {
    let output = text(output);
    let mut args = vec![
        "group",
        SIEMENS,
        "--gridsize",
        "2",
        "--neighbors",
        "6",
        "--n-groups",
        "50",
        "-o",
        &output,
    ];
    args.extend(more);
    success(&args);
    std::fs::read(&output).unwrap()
}

#[test]
fn group_writes_the_same_bytes_for_the_same_seed() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let first = group(&path("a.arrow"), &["--seed", "42"]);
    assert_eq!(
        first,
        group(&path("b.arrow"), &["--seed", "42", "--threads", "1"])
    );
    assert_eq!(
        first,
        group(&path("c.arrow"), &["--seed", "42", "--threads", "2"])
    );
    assert_ne!(first, group(&path("d.arrow"), &["--seed", "43"]));
    // Other batches are other bytes, but the same rows.
    let small = group(&path("e.arrow"), &["--seed", "42", "--batch-bytes", "1KiB"]);
    let rows = |bytes: Vec<u8>| {
        let reader =
            arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
        crate::support::collect(reader)
    };
    assert_eq!(rows(first), rows(small));
}

#[test]
fn group_tells_what_it_did() {
    let folder = folder();
    let output = text(folder.path().join("groups.arrow"));
    let args = [
        "group",
        SIEMENS,
        "--neighbors",
        "6",
        "--n-groups",
        "500",
        "--seed",
        "42",
        "-o",
        &output,
    ];
    let told = success(&args).replace(&text(folder.path()), "FOLDER");
    let told: String = told
        .lines()
        .map(|line| line.split(", in ").next().unwrap().to_string() + "\n")
        .collect();
    insta::assert_snapshot!(told);
    let output = text(folder.path().join("groups.parquet"));
    let done = json(&success(&[
        "group", SIEMENS, "--format", "json", "-o", &output,
    ]));
    assert_eq!(
        (&done["groups"], &done["group_size"], &done["neighbors"]),
        (&516.into(), &4.into(), &6.into())
    );
    let columns = done["columns"].as_array().unwrap();
    assert!(
        !columns.iter().any(|column| column["name"] == "diffraction"),
        "Parquet holds narrow columns by default"
    );
}

#[test]
fn group_without_an_output_shows_the_first_groups() {
    let shown = success(&["group", SIEMENS, "--seed", "1"]);
    assert!(
        shown.contains("nn_indices") && shown.contains("10 of 516 groups"),
        "{shown}"
    );
}

#[test]
fn among_is_a_predicate_over_the_scan() {
    let folder = folder();
    let output = text(folder.path().join("g.parquet"));
    let among = "y < 200 AND scan_point % 3 <> 0";
    let args = [
        "group",
        SIEMENS,
        "--among",
        among,
        "--seeds-from",
        "x < 100",
        "-o",
        &output,
        "--format",
        "json",
    ];
    let done = json(&success(&args));
    let seeds = format!("SELECT count(*) AS n FROM scan WHERE x < 100 AND {among}");
    let count = success(&["sql", SIEMENS, "--format", "csv", "-c", &seeds]);
    assert_eq!(format!("n\n{}\n", done["groups"]), count);
}

#[test]
fn sql_prints_tables_csv_and_json() {
    let query = "SELECT scan_point, frame_index, x FROM scan WHERE scan_point < 3";
    let csv = success(&["sql", SIEMENS, "-c", query, "--format", "csv"]);
    assert_eq!(csv.lines().next(), Some("scan_point,frame_index,x"));
    assert_eq!(csv.lines().count(), 4);
    let rows = json(&success(&["sql", SIEMENS, "-c", query, "--format", "json"]));
    assert_eq!(rows[2]["scan_point"], 2);
    let wide =
        "SELECT group_id, nn_indices, coords_nn, diffraction FROM groups ORDER BY group_id LIMIT 2";
    insta::assert_snapshot!(success(&[
        "sql",
        SIEMENS,
        "--neighbors",
        "6",
        "--seed",
        "42",
        "-c",
        wide
    ]));
    let none = success(&[
        "sql",
        SIEMENS,
        "-c",
        "SELECT scan_point, x FROM scan WHERE x < 0",
        "--format",
        "csv",
    ]);
    assert_eq!(none, "scan_point,x\n");
}

#[test]
fn sql_reads_a_file_or_stdin_and_writes_a_file() {
    let folder = folder();
    let file = text(folder.path().join("q.sql"));
    std::fs::write(&file, "-- how many\nSELECT count(*) AS n FROM scan").unwrap();
    assert_eq!(
        success(&["sql", SIEMENS, "-f", &file, "--format", "csv"]),
        "n\n516\n"
    );
    let output = text(folder.path().join("far.parquet"));
    let told = success(&[
        "sql",
        SIEMENS,
        "-c",
        "SELECT scan_point, x FROM scan WHERE x > 300",
        "-o",
        &output,
    ]);
    assert!(told.contains(" rows to "), "{told}");
    assert!(Path::new(&output).exists());
}

#[test]
fn export_writes_a_table() {
    let folder = folder();
    let output = text(folder.path().join("scan.arrow"));
    success(&["export", SIEMENS, "--among", "x < 50", "-o", &output]);
    let reader =
        arrow::ipc::reader::FileReader::try_new(std::fs::File::open(&output).unwrap(), None)
            .unwrap();
    let batch = crate::support::collect(reader);
    assert!(
        batch.num_rows() > 0
            && crate::support::float64(&batch, "x")
                .iter()
                .all(|x| *x < 50.0)
    );
    for table in ["probe", "arrays", "scans"] {
        success(&[
            "export", SIEMENS, "--table", table, "-o", &output, "--force",
        ]);
    }
}

#[test]
fn failures_say_what_to_do_and_write_nothing() {
    let folder = folder();
    let at = |name: &str| text(folder.path().join(name));
    std::fs::write(at("hdf5.npz"), b"\x89HDF\r\n\x1a\n").unwrap();
    std::fs::write(at("cut.npz"), &std::fs::read(SIEMENS).unwrap()[..100_000]).unwrap();
    scan_file(
        Path::new(&at("three.npz")),
        &[0.0, 1.0, 2.0],
        &[0.0, 0.0, 1.0],
    );
    let member = crate::support::npy("'<f4'", false, &[2], &[0; 8]);
    crate::support::npz(
        Path::new(&at("other.npz")),
        &[("weights", member)],
        zip::CompressionMethod::Stored,
    );
    let x = || crate::support::npy("'<f8'", false, &[5], &[0; 40]);
    let patterns = crate::support::npy("'<f4'", false, &[4, 2, 2], &[0; 64]);
    crate::support::npz(
        Path::new(&at("wrong_shape.npz")),
        &[("xcoords", x()), ("ycoords", x()), ("diff3d", patterns)],
        zip::CompressionMethod::Stored,
    );
    std::fs::write(at("there.arrow"), b"precious").unwrap();
    let out = at("out.arrow");
    let calls: Vec<Vec<String>> = [
        vec!["inspect", "missing.npz"],
        vec!["inspect", &at("hdf5.npz")],
        vec!["group", &at("cut.npz"), "-o", &out],
        vec!["group", &at("other.npz"), "-o", &out],
        vec!["group", &at("wrong_shape.npz"), "-o", &out],
        vec!["group", &at("three.npz"), "-o", &out],
        vec!["group", SIEMENS, "-K", "3", "-o", &out],
        vec!["group", SIEMENS, "--n-groups", "1000", "-o", &out],
        vec!["group", SIEMENS, "-o", &at("there.arrow")],
        vec!["group", SIEMENS, "-o", &at("no/such/folder.arrow")],
        vec!["group", SIEMENS, "-o", &at("out.xlsx")],
        vec!["group", SIEMENS, "-o", &out, "--columns", "difraction"],
        vec!["group", SIEMENS, "-o", &out, "--batch-bytes", "4GiB"],
        vec!["group", SIEMENS, "-o", &out, "--among", "y <"],
        vec!["sql", SIEMENS, "-c", "SELECT * FROM scna"],
        vec!["export", SIEMENS, "--table", "object", "-o", &out],
        vec!["export", SIEMENS],
    ]
    .iter()
    .map(|call| call.iter().map(ToString::to_string).collect())
    .collect();
    let mut told = String::new();
    for call in &calls {
        let (code, error) = failure(&call.iter().map(String::as_str).collect::<Vec<_>>());
        // The line about the size may come first.
        let error = error.lines().last().unwrap();
        told += &format!("{}\n    {code}: {error}\n", call.join(" "));
        assert!(!Path::new(&out).exists(), "{call:?}");
    }
    assert_eq!(std::fs::read(at("there.arrow")).unwrap(), b"precious");
    insta::assert_snapshot!(told.replace(&text(folder.path()), "FOLDER"));
}

#[test]
fn a_closed_pipe_is_success() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_ptychoarrow"))
        .args([
            "sql",
            SIEMENS,
            "--format",
            "csv",
            "-c",
            "SELECT a.x FROM scan a CROSS JOIN scan b",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Runs the command by the shell, whose redirections may close or fill what it writes to; returns the exit code.
#[cfg(target_os = "linux")]
fn redirected(arguments: &str) -> Option<i32> {
    let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_ptychoarrow"));
    let status = std::process::Command::new("sh")
        .args(["-c", &command])
        .status();
    status.unwrap().code()
}

#[test]
#[cfg(target_os = "linux")]
fn messages_that_cannot_be_written_change_nothing_and_results_that_cannot_are_an_error() {
    let folder = folder();
    let out = text(folder.path().join("g.csv"));
    let group = format!("group {SIEMENS} --n-groups 3 --columns group_id --force -o {out}");
    for to in ["2>&-", ">&-", ">&- 2>&-", "2>/dev/full"] {
        assert_eq!(redirected(&format!("{group} {to}")), Some(0), "{to}");
        assert!(Path::new(&out).exists(), "{to}");
        std::fs::remove_file(&out).unwrap();
        assert_eq!(
            redirected(&format!("norm {SIEMENS} --profile {to}")),
            Some(0),
            "{to}"
        );
    }
    for to in ["2>&-", "2>/dev/full"] {
        assert_eq!(
            redirected(&format!("norm missing.npz {to}")),
            Some(2),
            "{to}"
        );
        assert_eq!(
            redirected(&format!("check missing.npz {to}")),
            Some(2),
            "{to}"
        );
    }
    assert_eq!(
        redirected(&format!("norm {SIEMENS} >/dev/full 2>&-")),
        Some(1)
    );
}

#[test]
fn usage_errors_have_code_2_and_help_has_0() {
    assert_eq!(ptychoarrow(&["grup"]).status.code(), Some(2));
    assert_eq!(
        ptychoarrow(&["group", SIEMENS, "--gridsize", "two"])
            .status
            .code(),
        Some(2)
    );
    for command in [
        "inspect", "check", "group", "norm", "sql", "export", "align",
    ] {
        let help = success(&[command, "--help"]);
        assert!(
            help.contains("Usage: ptychoarrow") && help.contains("--threads"),
            "{help}"
        );
    }
}

#[test]
fn groups_are_written_as_the_dict_of_ptychopinn() {
    let folder = folder();
    let golden = "tests/data/goldens/data/raster_jit.npz";
    let write = |name: &str, more: &[&str]| {
        let output = text(folder.path().join(name));
        let mut args = vec![
            "group",
            golden,
            "--semantics",
            "ptychopinn",
            "--n-groups",
            "20",
            "--seed",
            "7",
            "-o",
            &output,
        ];
        args.extend(more);
        success(&args);
        output
    };
    let (first, second) = (
        write("a.npz", &[]),
        write("b.npz", &["--batch-bytes", "1KiB", "--threads", "1"]),
    );
    assert_eq!(
        std::fs::read(&first).unwrap(),
        std::fs::read(&second).unwrap(),
        "the same bytes, whatever the batches"
    );
    let npz = ptychoarrow::NpzFile::open(&first).unwrap();
    let members: Vec<String> = npz
        .arrays()
        .map(|info| {
            assert!(
                info.byte_offset.unwrap().is_multiple_of(64),
                "{}",
                info.name
            );
            format!("{} {} {:?}", info.name, info.dtype, info.shape)
        })
        .collect();
    insta::assert_snapshot!(members.join("\n"));
    let (code, error) = failure(&[
        "group",
        SIEMENS,
        "--columns",
        "span",
        "-o",
        &text(folder.path().join("c.npz")),
    ]);
    assert!(code == 2 && error.contains("PtychoPINN"), "{error}");
}

#[test]
fn norm_prints_the_factor_of_the_column() {
    let counts = success(&["norm", COUNTS]);
    let done = json(&success(&[
        "norm",
        SIEMENS,
        "--measurement",
        "amplitude",
        "--format",
        "json",
    ]));
    let (counts, amplitudes): (f64, f64) = (
        counts.trim().parse().unwrap(),
        done["norm_factor"].as_f64().unwrap(),
    );
    assert!((counts / amplitudes - 1.0).abs() < 1e-6);
    let column = success(&[
        "sql",
        COUNTS,
        "--format",
        "csv",
        "-c",
        "SELECT norm_factor FROM groups LIMIT 1",
    ]);
    assert!(
        (column.lines().nth(1).unwrap().parse::<f64>().unwrap() - counts).abs() < 1e-8,
        "{column} {counts}"
    );
}

#[test]
fn check_tells_errors_and_warnings_apart() {
    let folder = folder();
    let at = |name: &str| text(folder.path().join(name));
    let checked = |args: &[&str]| {
        let output = ptychoarrow(&[&["check"], args].concat());
        let (out, err) = (
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        );
        format!("{}\n{out}{err}", output.status.code().unwrap())
            .replace(&text(folder.path()), "FOLDER")
    };
    // A bit of the patterns flipped; a position twice, a pattern without a count, a number that is none.
    let mut bytes = std::fs::read(SIEMENS).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(at("flipped.npz"), bytes).unwrap();
    let f8 = |values: &[f64]| {
        crate::support::npy("'<f8'", false, &[values.len()], &crate::support::f8(values))
    };
    let mut pixels: Vec<f32> = (0..6 * 16).map(|pixel| 1.0 + (pixel % 7) as f32).collect();
    pixels[16..32].fill(0.0);
    pixels[40] = f32::NAN;
    let patterns = crate::support::npy("'<f4'", false, &[6, 4, 4], &crate::support::f4(&pixels));
    let members = [
        ("xcoords", f8(&[0.0, 1.0, 2.0, 0.0, 1.0, 0.0])),
        ("ycoords", f8(&[0.0, 0.0, 0.0, 1.0, 1.0, 0.0])),
        ("diff3d", patterns),
        (
            "notes",
            crate::support::npy("'|O'", false, &[], b"\x80\x04N."),
        ),
    ];
    crate::support::npz(
        Path::new(&at("odd.npz")),
        &members,
        zip::CompressionMethod::Stored,
    );
    let twice = [("xcoords", f8(&[0.0, 0.0])), ("ycoords", f8(&[0.0, 0.0]))];
    crate::support::npz(
        Path::new(&at("twice.npz")),
        &twice,
        zip::CompressionMethod::Stored,
    );
    let told = [
        checked(&[SIEMENS, COUNTS]),
        checked(&[&at("flipped.npz")]),
        checked(&[&at("odd.npz"), &at("missing.npz")]),
        checked(&[&at("twice.npz")]),
        checked(&["--strict", &at("twice.npz")]),
        checked(&["--format", "json", &at("twice.npz")]),
    ];
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn align_tells_what_will_still_be_copied() {
    let folder = folder();
    let (input, output) = (
        text(folder.path().join("a.npz")),
        text(folder.path().join("b.npz")),
    );
    let members = [
        ("big", crate::support::npy("'>f8'", false, &[2], &[0; 16])),
        ("small", crate::support::npy("'<f8'", false, &[2], &[0; 16])),
    ];
    crate::support::npz(
        Path::new(&input),
        &members,
        zip::CompressionMethod::Deflated,
    );
    let told = |args: &[&str]| success(args).replace(&text(folder.path()), "FOLDER");
    let mut all = told(&["align", &input, "-o", &output]);
    all += &told(&[
        "align",
        &input,
        "-o",
        &output,
        "--force",
        "--byte-order",
        "little",
        "--format",
        "json",
    ]);
    insta::assert_snapshot!(all);
    let refused = [
        failure(&["align", &input]),
        failure(&["align", &input, "-o", "x.arrow"]),
        failure(&["align", &input, "-o", &output]),
    ];
    let refused: Vec<String> = refused
        .iter()
        .map(|(code, error)| format!("{code}: {error}"))
        .collect();
    insta::assert_snapshot!(refused.join("\n").replace(&text(folder.path()), "FOLDER"));
}
