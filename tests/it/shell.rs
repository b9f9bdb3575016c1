//! `ptychoarrow sql` over files of several formats, its limits, its statements; `inspect` of what was written.

use std::fs;
use std::path::Path;

use crate::sparse;
use crate::support::{SIEMENS, failure, failures, folder, ptychoarrow, success, text};

/// Writes a scan, groups of it, and a log, into one folder.
fn files(folder: &Path) -> [String; 4] {
    let at = |name: &str| text(folder.join(name));
    fs::copy(SIEMENS, at("a.npz")).unwrap();
    let (scan, groups, positions, log) = (
        at("a.npz"),
        at("groups.arrow"),
        at("xy.parquet"),
        at("log.csv"),
    );
    success(&[
        "group",
        &scan,
        "--n-groups",
        "20",
        "--seed",
        "3",
        "--among",
        "y < 200",
        "-o",
        &groups,
    ]);
    success(&["export", &scan, "-o", &positions]);
    fs::write(&log, "scan_point,note\n354,shutter\n347,\n9,beam lost\n").unwrap();
    [scan, groups, positions, log]
}

#[test]
fn npz_arrow_parquet_and_csv_are_joined_in_one_query() {
    let folder = folder();
    let [scan, groups, positions, log] = files(folder.path());
    let sql = "SELECT log.note, scan.x = xy.x AS same, count(groups.group_id) AS groups, max(groups.seed) AS seed \
               FROM log JOIN scan ON log.scan_point = scan.scan_point JOIN xy ON xy.scan_point = scan.scan_point \
               LEFT JOIN (SELECT group_id, seed_point AS seed, unnest(nn_indices) AS member FROM groups) AS groups \
               ON groups.member = log.scan_point GROUP BY log.note, same ORDER BY log.note";
    let output = ptychoarrow(&["sql", &scan, &groups, &positions, &log, "-c", sql]);
    insta::assert_snapshot!("joined_formats", String::from_utf8_lossy(&output.stdout));
    let said = String::from_utf8(output.stderr)
        .unwrap()
        .replace(&groups, "groups.arrow");
    insta::assert_snapshot!(said, @"note: the table `groups` is groups.arrow; the table of the scan is a.groups");
    // Both are there: the file's groups and those that the scan would give.
    let both =
        "SELECT (SELECT count(*) FROM groups) AS file, (SELECT count(*) FROM a.groups) AS scan";
    assert_eq!(
        success(&["sql", &scan, &groups, "--format", "csv", "-c", both]),
        "file,scan\n20,516\n"
    );
    // A stream, and tensors that keep their shapes in every format.
    let stream = text(folder.path().join("st.arrows"));
    success(&[
        "sql",
        &groups,
        "-c",
        "SELECT group_id, diffraction FROM groups",
        "-o",
        &stream,
    ]);
    let shown = success(&[
        "sql",
        &stream,
        &positions,
        "-c",
        "SELECT diffraction FROM st LIMIT 1; SELECT diffraction FROM xy LIMIT 1",
    ]);
    assert!(
        shown.contains("float32 4 x 64 x 64") && shown.contains("float32 64 x 64"),
        "{shown}"
    );
}

#[test]
fn several_statements_run_in_order_and_the_last_is_written() {
    let folder = folder();
    let out = text(folder.path().join("out.csv"));
    let script = text(folder.path().join("script.sql"));
    fs::write(&script, "-- near the corner\nCREATE VIEW near AS SELECT * FROM scan WHERE x < 90 AND y < 90;\nSELECT count(*) AS n FROM near;\n")
        .unwrap();
    assert_eq!(
        success(&["sql", SIEMENS, "-f", &script, "--format", "csv"]),
        "n\n18\n"
    );
    success(&["sql", SIEMENS, "-f", &script, "-o", &out]);
    assert_eq!(fs::read_to_string(&out).unwrap(), "n\n18\n");
    let (code, said) = failure(&[
        "sql",
        SIEMENS,
        "-c",
        "SELECT 1; SELECT 2",
        "-o",
        &text(folder.path().join("b.csv")),
    ]);
    insta::assert_snapshot!(said, @"error: several queries return rows, the first is: SELECT 1; with -o, expected one such query, as the last statement; before it, statements such as CREATE VIEW");
    assert_eq!(code, 2);
    assert!(!folder.path().join("b.csv").exists());
    let set = "SET datafusion.execution.target_partitions = 1; SHOW datafusion.execution.target_partitions";
    assert!(success(&["sql", "--format", "csv", "-c", set]).ends_with("target_partitions,1\n"));
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = folder();
    let at = |name: &str| text(folder.path().join(name));
    let [_, groups, positions, _] = files(folder.path());
    fs::write(at("cut.arrow"), &fs::read(&groups).unwrap()[..3000]).unwrap();
    fs::write(at("cut.parquet"), &fs::read(&positions).unwrap()[..3000]).unwrap();
    fs::write(at("text.arrow"), "scan_point,note\n").unwrap();
    fs::write(at("other.xyz"), "1 2 3\n").unwrap();
    fs::create_dir(at("b")).unwrap();
    fs::copy(SIEMENS, at("b/a.npz")).unwrap();
    let calls: [&[&str]; 8] = [
        &["sql", &at("nope.csv"), "-c", "SELECT 1"],
        &["sql", &at("nope.npz"), "-c", "SELECT 1"],
        &["sql", &at("cut.arrow"), "-c", "SELECT 1"],
        &["sql", &at("cut.parquet"), "-c", "SELECT 1"],
        &["sql", &at("text.arrow"), "-c", "SELECT 1"],
        &["sql", &at("other.xyz"), "-c", "SELECT 1"],
        &["sql", &at("a.npz"), &at("b/a.npz"), "-c", "SELECT 1"],
        &["sql", &at("a.npz"), "-c", "SELECT 1; SELCT 2"],
    ];
    insta::assert_snapshot!("sql_file_errors", failures(&calls, folder.path()));
}

/// 10 GB of patterns, of which nothing is held: under 256 MB the narrow columns are sorted and joined.
#[test]
fn a_memory_limit_counts_what_is_held_and_not_what_is_mapped() {
    let folder = folder();
    let path = text(folder.path().join("large.npz"));
    sparse::sparse(path.as_ref(), 40_401);
    let sql = "SELECT count(*) AS n, max(r) AS most FROM (SELECT a.scan_point, row_number() OVER (ORDER BY a.x DESC, \
               a.scan_point) AS r FROM scan AS a JOIN scan AS b ON a.scan_point = b.scan_point JOIN group_members AS m \
               ON m.scan_point = a.scan_point AND m.slot = 0)";
    let said = success(&[
        "sql",
        &path,
        "--memory-limit",
        "256MB",
        "--format",
        "csv",
        "-c",
        sql,
    ]);
    assert_eq!(said, "n,most\n40401,40401\n");
    let few = "SELECT pattern_sum(diffraction) AS s FROM scan ORDER BY x, y LIMIT 2";
    assert_eq!(
        success(&[
            "sql",
            &path,
            "--memory-limit",
            "256MB",
            "--format",
            "csv",
            "-c",
            few
        ]),
        "s\n0.0\n0.0\n"
    );
    // The limit is one: what has to hold all patterns is refused.
    let all = "SELECT array_agg(diffraction) FROM scan";
    let (code, said) = failure(&["sql", SIEMENS, "--memory-limit", "1MB", "-c", all]);
    assert!(code == 1 && said.contains("Resources exhausted"), "{said}");
}

#[test]
fn what_was_written_tells_where_it_came_from() {
    let folder = folder();
    let [_, groups, positions, log] = files(folder.path());
    let query = text(folder.path().join("few.arrow"));
    success(&[
        "sql",
        &groups,
        "-c",
        "SELECT group_id FROM groups LIMIT 3",
        "-o",
        &query,
    ]);
    let shown = [&groups, &positions, &query].map(|file| success(&["inspect", file]));
    insta::assert_snapshot!(
        "inspect_written",
        shown.join("\n").replace(&text(folder.path()), "")
    );
    let json: serde_json::Value =
        serde_json::from_str(&success(&["inspect", &groups, "--format", "json"])).unwrap();
    assert_eq!(json["provenance"]["ptychoarrow.spec"]["n_groups"], 20);
    assert_eq!(
        json["provenance"]["ptychoarrow.spec"]["among"]
            .as_array()
            .unwrap()
            .len(),
        263
    );
    assert_eq!(
        (&json["rows"], &json["format"]),
        (&20.into(), &"Arrow IPC file".into())
    );
    let (code, _) = failure(&["inspect", &log]);
    assert_eq!(code, 1);
    // Cut anywhere, it is an error or, where only the end is missing, at least no wrong number.
    for file in [&groups, &positions] {
        let whole = fs::read(file).unwrap();
        for len in (0..whole.len()).step_by(whole.len() / 40) {
            let cut = text(
                folder
                    .path()
                    .join(Path::new(file).file_name().unwrap())
                    .with_extension("cut.arrow"),
            );
            fs::write(&cut, &whole[..len]).unwrap();
            assert!(
                !ptychoarrow(&["inspect", &cut]).status.success(),
                "{file} cut at {len}"
            );
        }
    }
}

#[test]
fn a_profile_tells_phases_memory_and_faults() {
    let folder = folder();
    let out = text(folder.path().join("groups.arrow"));
    let columns = "diffraction,diffraction_normalized";
    let calls: [(&[&str], &[&str]); 3] = [
        (
            &["group", SIEMENS, "-o", &out, "--columns", columns],
            &["open", "gather", "write", "tree", "sampling", "norm"],
        ),
        (&["norm", SIEMENS], &["open", "norm"]),
        (&["sql", SIEMENS, "-c", "SELECT count(*) FROM scan"], &[]),
    ];
    for (call, phases) in calls {
        let output = ptychoarrow(&[call, &["--profile"]].concat());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        for phase in phases.iter().chain(&["other", "total"]) {
            assert!(
                said.lines().any(|line| line.starts_with(phase)),
                "{phase}: {said}"
            );
        }
        assert!(
            said.contains("of private memory") && said.contains("page faults"),
            "{said}"
        );
        assert!(!String::from_utf8_lossy(&output.stdout).contains("page faults"));
    }
    // Bytes that were gathered are those of the columns: 516 groups of 4 patterns, twice.
    let output = ptychoarrow(&[
        "group",
        SIEMENS,
        "-o",
        &out,
        "--columns",
        columns,
        "--profile",
        "--force",
    ]);
    let said = String::from_utf8(output.stderr).unwrap();
    let gather = said
        .lines()
        .find(|line| line.starts_with("gather"))
        .unwrap();
    assert!(gather.contains("64.5 MiB"), "{said}");
}

#[test]
fn crop_bin_and_mask_on_the_command_line_and_in_sql() {
    let folder = folder();
    let out = text(folder.path().join("small.arrow"));
    let said = success(&[
        "group",
        SIEMENS,
        "--crop",
        "32",
        "--bin",
        "2",
        "--measurement",
        "amplitude",
        "-o",
        &out,
    ]);
    assert!(said.contains("diffraction float32 [4, 16, 16]"), "{said}");
    let sql = format!(
        "SELECT max(abs(pattern_energy(a.diffraction) / pattern_energy(b.diffraction) - 1)) < 1e-6 AS same FROM small AS a \
         JOIN groups('{SIEMENS}', crop => 32) AS b ON a.group_id = b.group_id"
    );
    // Of amplitudes the squares add up: what is put together keeps its energy.
    assert_eq!(
        success(&["sql", &out, "--format", "csv", "-c", &sql]),
        "same\ntrue\n"
    );
    let refused = [
        "--crop 65",
        "--bin 3 --measurement amplitude",
        "--bin 2",
        "--mask",
        "--bad-value max",
        "--crop 40 --center 50,32",
    ];
    let told: Vec<String> = refused
        .iter()
        .map(|options| {
            let options: Vec<&str> = options.split(' ').collect();
            let (code, said) =
                failure(&[&["group", SIEMENS, "-o", &out, "--force"], &options[..]].concat());
            format!("{code} {said}")
        })
        .collect();
    insta::assert_snapshot!("transform_errors", told.concat());
}
