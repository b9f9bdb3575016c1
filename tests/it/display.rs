//! Tables for people: no wider than the terminal, with what is left out counted; whole where programs read.

use std::process::Command;

use crate::support::{SIEMENS, failure, success};

/// Runs the command as in a terminal of this width.
fn at_width(columns: &str, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_ptychoarrow"))
        .args(args)
        .env("COLUMNS", columns)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn lines_of_table(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with(['|', '+']))
        .collect()
}

#[test]
fn a_wide_table_is_shortened_and_the_rest_is_counted() {
    let query = ["sql", SIEMENS, "-c", "SELECT * FROM scan"];
    insta::assert_snapshot!(
        at_width("64", &["sql", SIEMENS, "-c", "SELECT * FROM scan LIMIT 2"]),
        @r"
    +------------+-------------------+---+-------------------------+
    | scan_point | x                 | … | diffraction             |
    +------------+-------------------+---+-------------------------+
    | 0          | 36.65657043457031 | … | float32 64 x 64, 0 to … |
    | 1          | 81.33306121826172 | … | float32 64 x 64, 0 to … |
    +------------+-------------------+---+-------------------------+
    … 4 columns not shown; for all of them use --format csv, --format json or -o FILE
    "
    );
    let commands: [&[&str]; 3] = [&query, &["group", SIEMENS], &["inspect", SIEMENS]];
    for command in commands {
        for width in [40, 80, 120] {
            let text = at_width(&width.to_string(), command);
            let lines = lines_of_table(&text);
            let widest = lines.iter().map(|line| line.chars().count()).max().unwrap();
            assert!(
                lines.len() > 5 && widest <= width,
                "{command:?} {width}: {text}"
            );
            let told = text.contains("not shown") && text.contains("column");
            assert_eq!(text.contains("| … |"), told, "{command:?} {width}: {text}");
        }
    }
    let said = at_width("80", &query);
    assert!(
        said.contains("… 476 rows and 3 columns not shown"),
        "{said}"
    );
    // Where there is no terminal, and no width, no column is left out.
    assert!(!success(&["inspect", SIEMENS]).contains("not shown"));
}

#[test]
fn rows_that_are_not_shown_are_counted_as_far_as_that_is_cheap() {
    let rows = |count: usize| {
        let sql = format!("SELECT value FROM generate_series(1, {count})");
        success(&["sql", "-c", &sql])
    };
    assert!(!rows(40).contains("not shown"));
    assert!(rows(41).contains("… 1 row not shown"));
    assert!(rows(10_000).contains("… 9960 rows not shown"));
    assert!(rows(10_001).contains("… more than 9959 rows not shown"));
}

#[test]
fn long_values_are_shown_in_short() {
    let query = "SELECT array_agg(x) AS list, array_agg(diffraction) AS tensors, \
                 arrow_cast('0123456789abcdefghij', 'Binary') AS bytes, 'two' || chr(10) || 'lines' AS text FROM scan";
    let table = success(&["sql", SIEMENS, "-c", query]);
    let lines = lines_of_table(&table);
    assert_eq!(lines.len(), 5, "{table}");
    assert!(table.contains(", … 513 more]"), "{table}");
    assert!(table.contains("[[0.0, 0.0, 0.0, … 4093 more], "), "{table}");
    assert!(table.contains("3031323334353637… 12 more bytes"), "{table}");
    assert!(table.contains(r"| two\nlines |"), "{table}");
    // A plan is read line by line, and whole.
    let plan = at_width(
        "30",
        &[
            "sql",
            SIEMENS,
            "-c",
            "EXPLAIN SELECT x FROM scan WHERE y > 3",
        ],
    );
    assert!(plan.contains("filters=[y@2 > 3]"), "{plan}");
}

#[test]
fn csv_and_json_are_whole() {
    let csv = at_width(
        "20",
        &[
            "sql",
            SIEMENS,
            "--format",
            "csv",
            "-c",
            "SELECT array_agg(scan_point) AS a, arrow_cast(NULL, 'Utf8') AS n, '' AS e, ['p q', '\"'] AS t FROM scan WHERE scan_point < 12",
        ],
    );
    let expected = "a,n,e,t\n\"[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]\",,\"\",\"[\"\"p q\"\", \"\"\\\"\"\"\"]\"\n";
    assert_eq!(csv, expected);
    let json = at_width(
        "20",
        &[
            "sql",
            SIEMENS,
            "--format",
            "json",
            "-c",
            "SELECT * FROM scan LIMIT 1",
        ],
    );
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["diffraction"].as_array().unwrap().len(), 4096);
    let (code, said) = failure(&[
        "sql",
        SIEMENS,
        "--format",
        "csv",
        "-c",
        "SELECT diffraction FROM scan",
    ]);
    assert!(code == 2 && said.contains("column `diffraction`"), "{said}");
}
