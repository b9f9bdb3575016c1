//! An output never takes the place of a file that it is made of, by whichever path; a scan written anew may.

use std::os::unix::fs::symlink;
use std::path::Path;

use ptychoarrow::export::{ExportOptions, IfExists, check, write, write_groups};
use ptychoarrow::npz::NpzFile;
use ptychoarrow::{Error, GroupSpec, Groups, ReadOptions, Scan};

use crate::support::{failure, folder, npy, npz, scan_file, success, text};

const X: [f64; 9] = [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0];
const Y: [f64; 9] = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0];

/// Makes a scan `in.npz`, and returns other spellings of it: each ends in every format.
fn scan_with_other_names(folder: &Path) -> Vec<String> {
    scan_file(&folder.join("in.npz"), &X, &Y);
    std::fs::create_dir(folder.join("sub")).unwrap();
    let mut names = Vec::new();
    for ending in ["npz", "arrow", "arrows", "parquet", "csv"] {
        let (soft, hard) = (
            folder.join(format!("soft.{ending}")),
            folder.join(format!("hard.{ending}")),
        );
        symlink("in.npz", &soft).unwrap();
        std::fs::hard_link(folder.join("in.npz"), &hard).unwrap();
        // A link to a link, and a path that goes around.
        let twice = folder.join(format!("sub/twice.{ending}"));
        symlink(Path::new("..").join(soft.file_name().unwrap()), &twice).unwrap();
        let around = folder.join(format!("sub/../hard.{ending}"));
        names.extend([soft, hard, twice, around].map(text));
    }
    names.push(text(folder.join("sub/../in.npz")));
    names.push(text(folder.join("in.npz")));
    names
}

fn is_refused(args: &[&str], input: &str) {
    let (code, said) = failure(args);
    assert_eq!(code, 2, "{args:?}: {said}");
    assert!(
        said.contains("cannot be the output: it is "),
        "{args:?}: {said}"
    );
    assert!(said.contains(input), "{args:?} names {input}: {said}");
    assert_eq!(said.lines().count(), 1, "nothing else was done: {said}");
}

#[test]
fn what_is_made_of_a_scan_never_replaces_it() {
    let folder = folder();
    let names = scan_with_other_names(folder.path());
    let input = text(folder.path().join("in.npz"));
    let before = std::fs::read(&input).unwrap();
    let query = format!("SELECT x FROM scan('{input}')");
    let external = format!(
        "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{input}'; CREATE VIEW v AS SELECT x FROM t; \
         SELECT 1 AS one WHERE 0.5 IN (SELECT x FROM v)"
    );
    for name in &names {
        for how in [&["--force"][..], &["--if-exists", "skip"], &[]] {
            is_refused(&[&["group", &input, "-o", name], how].concat(), "in.npz");
        }
        if name.ends_with("npz") {
            continue;
        }
        let call = |args: &[&str]| is_refused(&[args, &["-o", name, "--force"]].concat(), "in.npz");
        call(&["export", &input, "--columns", "x"]);
        call(&["sql", &input, "-c", "SELECT 1 AS one"]);
        call(&["sql", "-c", &query]);
    }
    let hard = text(folder.path().join("hard.arrow"));
    is_refused(
        &[
            "export", &input, "--table", "arrays", "-o", &hard, "--force",
        ],
        "in.npz",
    );
    is_refused(&["sql", "-c", &external, "-o", &hard, "--force"], "in.npz");
    // The same through a link as the input.
    for name in names.iter().filter(|name| name.contains("soft.npz")) {
        is_refused(&["group", name, "-o", &input, "--force"], "soft.npz");
    }
    assert_eq!(std::fs::read(&input).unwrap(), before);
}

#[test]
fn every_input_counts() {
    let folder = folder();
    let at = |name: &str| text(folder.path().join(name));
    let (scan, other) = (at("scan.npz"), at("other.npz"));
    scan_file(scan.as_ref(), &X, &Y);
    scan_file(other.as_ref(), &X, &Y);
    std::fs::hard_link(&other, at("other.arrow")).unwrap();
    std::fs::hard_link(&scan, at("scan.arrow")).unwrap();
    // The file of the patterns.
    let output = at("other.arrow");
    for args in [
        &["group", &scan][..],
        &["export", &scan],
        &["sql", &scan, "-c", "SELECT 1 AS a"],
    ] {
        let args = [args, &["--patterns", &other, "-o", &output, "--force"]].concat();
        is_refused(&args, "other.npz");
    }
    let patterns = format!("SELECT x FROM scan('{scan}', patterns => '{other}')");
    let positions = format!("SELECT n.rank FROM neighbors('{scan}', of => '{other}') n");
    for (query, output, input) in [
        (&positions, "other.arrow", "other.npz"),
        (&positions, "scan.arrow", "scan.npz"),
    ] {
        is_refused(&["sql", "-c", query, "-o", &at(output), "--force"], input);
    }
    // A table function with patterns that do not fit fails, and leaves the file alone as well.
    assert_ne!(
        failure(&["sql", "-c", &patterns, "-o", &at("other.arrow"), "--force"]).0,
        0
    );
    // Tables of other formats, on the command line and in the query, alone and as a folder.
    for ending in ["parquet", "arrow", "csv"] {
        let table = at(&format!("table.{ending}"));
        success(&["export", &scan, "--columns", "x,y", "-o", &table]);
        std::fs::create_dir(at(ending)).unwrap();
        let (inside, link) = (
            at(&format!("{ending}/t.{ending}")),
            at(&format!("link.{ending}")),
        );
        std::fs::copy(&table, &inside).unwrap();
        symlink(&inside, &link).unwrap();
        let stored = ending.to_uppercase();
        let external = |location: &str| {
            let options = if ending == "csv" {
                "OPTIONS ('has_header' 'true')"
            } else {
                ""
            };
            format!(
                "CREATE EXTERNAL TABLE t STORED AS {stored} LOCATION '{location}' {options}; SELECT x FROM t"
            )
        };
        is_refused(
            &[
                "sql",
                &table,
                "-c",
                "SELECT x FROM \"table\"",
                "-o",
                &table,
                "--force",
            ],
            &table,
        );
        is_refused(
            &["sql", "-c", &external(&inside), "-o", &link, "--force"],
            &inside,
        );
        is_refused(
            &[
                "sql",
                "-c",
                &external(&text(folder.path().join(ending))),
                "-o",
                &link,
                "--force",
            ],
            &inside,
        );
        assert_eq!(
            std::fs::read(&table).unwrap(),
            std::fs::read(&inside).unwrap()
        );
        // Another file may be replaced.
        let query = external(&inside);
        success(&["sql", "-c", &query, "-o", &table, "--force"]);
    }
}

#[test]
fn the_library_is_told_the_sources() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    scan_file(&at("in.npz"), &X, &Y);
    let before = std::fs::read(at("in.npz")).unwrap();
    std::fs::hard_link(at("in.npz"), at("in.arrow")).unwrap();
    let scan = Scan::open(at("in.npz")).unwrap();
    let groups = Groups::try_new(&scan, GroupSpec::default()).unwrap();
    let replace = ExportOptions::default().with_if_exists(IfExists::Replace);
    let refused = |error: Error| match error {
        Error::OutputIsInput { input, .. } => assert_eq!(input, at("in.npz")),
        other => panic!("{other}"),
    };
    // Groups know their own sources, a reader does not.
    let read = ReadOptions::default();
    refused(write_groups(&groups, &read, &at("in.npz"), &replace).unwrap_err());
    let told = replace
        .clone()
        .with_sources(scan.sources().map(|npz| npz.path()));
    refused(check(&at("in.arrow"), &told).unwrap_err());
    let reader = scan.read(&read).unwrap();
    refused(write(reader, &at("in.arrow"), &told).unwrap_err());
    assert_eq!(std::fs::read(at("in.npz")).unwrap(), before);
    // A link that appears while the rows are written is noticed as well.
    let link = at("late.arrow");
    let (from, to) = (at("in.npz"), link.clone());
    let progress =
        ptychoarrow::progress::Progress::new(move |_| drop(std::fs::hard_link(&from, &to)));
    let reader = scan.read(&read).unwrap();
    refused(write(reader, &link, &told.with_progress(progress)).unwrap_err());
    assert_eq!(std::fs::read(link).unwrap(), before);
}

#[test]
fn a_scan_may_be_written_anew_in_its_own_place() {
    let folder = folder();
    let at = |name: &str| text(folder.path().join(name));
    let members = || {
        let pixels: Vec<u8> = (0..9 * 16).collect();
        vec![
            (
                "xcoords",
                npy("'<f8'", false, &[9], &crate::support::f8(&X)),
            ),
            (
                "ycoords",
                npy("'<f8'", false, &[9], &crate::support::f8(&Y)),
            ),
            ("diff3d", npy("'|u1'", true, &[9, 4, 4], &pixels)),
            ("notes", npy("'|O'", false, &[], b"\x80\x04N.")),
        ]
    };
    for name in ["in.npz", "soft.npz"] {
        npz(
            at("in.npz").as_ref(),
            &members(),
            zip::CompressionMethod::Deflated,
        );
        drop(symlink("in.npz", at("soft.npz")));
        let (code, said) = failure(&["align", &at("in.npz"), "-o", &at(name)]);
        assert!(code == 2 && said.contains("output exists"), "{said}");
        let said = success(&["align", &at("in.npz"), "-o", &at(name), "--force"]);
        assert!(said.starts_with("4 members to "), "{said}");
        let said = success(&[
            "export",
            &at("in.npz"),
            "--among",
            "y < 2",
            "-o",
            &at(name),
            "--force",
        ]);
        assert!(said.starts_with("6 of 9 scan points to "), "{said}");
        let npz = NpzFile::open(at("in.npz")).unwrap();
        assert_eq!(npz.info("diff3d").unwrap().shape, [6, 4, 4]);
        assert_eq!(
            npz.names(),
            [
                "xcoords",
                "ycoords",
                "diff3d",
                "notes",
                "scan_index",
                "_ptychoarrow"
            ]
        );
        assert!(Path::new(&at("soft.npz")).is_symlink());
    }
    // A damaged one stays as it is.
    let mut bytes = std::fs::read(at("in.npz")).unwrap();
    let place = bytes.len() / 4;
    bytes[place] ^= 1;
    std::fs::write(at("in.npz"), &bytes).unwrap();
    assert_eq!(
        failure(&["align", &at("in.npz"), "-o", &at("in.npz"), "--force"]).0,
        1
    );
    assert_eq!(std::fs::read(at("in.npz")).unwrap(), bytes);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        2,
        "nothing else is left"
    );
}

/// The form of tensors is the same choice for every table, command and format that has tensors.
#[test]
fn tensors_take_the_form_that_is_asked_for_everywhere() {
    let folder = folder();
    let at = |name: &str| text(folder.path().join(name));
    let scan = at("scan.npz");
    scan_file(scan.as_ref(), &X, &Y);
    let calls: [&[&str]; 3] = [
        &[
            "group",
            &scan,
            "--columns",
            "group_id,coords_nn,diffraction",
        ],
        &["export", &scan, "--columns", "scan_point,diffraction"],
        &[
            "sql",
            &scan,
            "-c",
            "SELECT scan_point, diffraction FROM scan",
        ],
    ];
    let schema = |path: &str| {
        let described = ptychoarrow::export::describe(path.as_ref())
            .unwrap()
            .unwrap();
        described.schema
    };
    for call in calls {
        for ending in ["arrow", "arrows", "parquet"] {
            let out = at(&format!("out.{ending}"));
            for tensors in ["tensor", "lists", "binary"] {
                success(&[call, &["--tensors", tensors, "-o", &out, "--force"]].concat());
                let (schema, told) = (schema(&out), format!("{call:?} {ending} {tensors}"));
                let said = format!("{schema:?}");
                assert_eq!(
                    said.contains("ARROW:extension"),
                    tensors == "tensor",
                    "{told}"
                );
                assert_eq!(
                    said.contains("FixedSizeBinary"),
                    tensors == "binary",
                    "{told}"
                );
                assert_eq!(
                    said.contains("FixedSizeList"),
                    tensors != "binary",
                    "{told}"
                );
            }
        }
        for ending in ["csv", "npz"] {
            let out = at(&format!("none.{ending}"));
            let (code, said) = failure(&[call, &["--tensors", "lists", "-o", &out]].concat());
            assert_eq!(code, 2);
            let expected = "only Arrow and Parquet files can hold tensors in one way or another; leave out --tensors";
            assert!(said.contains(expected), "{said}");
            assert!(!Path::new(&out).exists());
        }
    }
    let (code, said) = failure(&["group", &scan, "--tensors", "lists"]);
    assert!(code == 2 && said.contains("--tensors"), "{said}");
    let out = at("narrow.arrow");
    let call = [
        "export",
        &scan,
        "--columns",
        "x",
        "--tensors",
        "binary",
        "-o",
        &out,
    ];
    let output = crate::support::ptychoarrow(&call);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.success() && said.contains("no column is a tensor"),
        "{said}"
    );
}
