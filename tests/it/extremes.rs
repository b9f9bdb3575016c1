//! Every number that a user can give, at its extremes: the answer is a result or an error, never an abort, a
//! panic, or a run without end. Each call has 6 GB of address space and 60 seconds.
//!
//! The options are read from `--help` and the named arguments from SQL's own messages, so that a new one is
//! either tried here or listed as one that takes no number. Linux only: `ulimit -v`.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ptychoarrow::group::{Norm, PatternOptions};
use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};
use zip::CompressionMethod;

use crate::support::{f8, folder, npy, npz, ptychoarrow, scan_file, text};

/// Calls in all, as the tables below make them. A change of the tables, or a new option, changes it.
const CALLS: usize = 1124;
/// Parts of calls that are known to fail until what they show is mended. Empty is the aim.
const WAITING: &[&str] = &[];

const ADDRESS_SPACE_KIB: u64 = 6 << 20;
const PATIENCE: Duration = Duration::from_secs(60);
const THREADS: usize = 2;

const VALUES: [&str; 12] = [
    "0",
    "1",
    "-1",
    "2147483648",
    "4294967296",
    "9007199254740992",
    "9223372036854775807",
    "18446744073709551615",
    "1e300",
    "1e-300",
    "nan",
    "inf",
];

const NUMERIC_OPTIONS: [&str; 15] = [
    "bad-value",
    "batch-bytes",
    "bin",
    "crop",
    "epoch",
    "gridsize",
    "inflate-memory",
    "max-distance",
    "memory-limit",
    "n-groups",
    "neighbors",
    "norm",
    "pixel-size",
    "seed",
    "threads",
];
const OTHER_OPTIONS: [&str; 26] = [
    "access",
    "among",
    "array",
    "as",
    "byte-order",
    "center",
    "columns",
    "command",
    "file",
    "format",
    "if-exists",
    "include-seed",
    "layout",
    "measurement",
    "output",
    "pattern-axis",
    "patterns",
    "position-order",
    "probe-axis",
    "role",
    "seeds-from",
    "semantics",
    "table",
    "tensors",
    "unit",
    "unpaired",
];

const NUMERIC_ARGUMENTS: [&str; 13] = [
    "bad_values",
    "bin",
    "crop",
    "epoch",
    "gridsize",
    "k",
    "max_distance",
    "n_groups",
    "neighbors",
    "norm",
    "pixel_size",
    "seed",
    "within",
];
const OTHER_ARGUMENTS: [&str; 20] = [
    "among",
    "center",
    "channels",
    "file",
    "group_oversampling",
    "include_seed",
    "mask",
    "measure",
    "measurement",
    "name",
    "of",
    "pattern_axis",
    "patterns",
    "position_order",
    "roles",
    "sampling",
    "seeds_from",
    "semantics",
    "unit",
    "unpaired",
];

/// A call: the arguments of the command, or, for the library, the number of a case of [`specs`].
enum Call {
    Command(Vec<String>),
    Library(usize),
}

struct Files {
    folder: tempfile::TempDir,
    /// 40 scan points, 8 x 8 pixels, stored.
    small: String,
    /// The same positions, deflated.
    deflated: String,
    /// 100,000 positions and no patterns.
    positions: String,
}

impl Files {
    fn write() -> Self {
        let folder = folder();
        let path = |name: &str| folder.path().join(name);
        let x: Vec<f64> = (0..40).map(|i| f64::from(i % 7) * 2.0).collect();
        let y: Vec<f64> = (0..40).map(|i| f64::from(i / 7) * 3.0).collect();
        scan_file(&path("small.npz"), &x, &y);
        let members = [
            ("xcoords", npy("'<f8'", false, &[40], &f8(&x))),
            ("ycoords", npy("'<f8'", false, &[40], &f8(&y))),
            ("diff3d", npy("'<u2'", false, &[40, 8, 8], &[7; 40 * 128])),
        ];
        npz(&path("deflated.npz"), &members, CompressionMethod::Deflated);
        let x: Vec<f64> = (0..100_000).map(|i| f64::from(i % 316)).collect();
        let y: Vec<f64> = (0..100_000).map(|i| f64::from(i / 316) * 1.001).collect();
        let members = [
            ("xcoords", npy("'<f8'", false, &[100_000], &f8(&x))),
            ("ycoords", npy("'<f8'", false, &[100_000], &f8(&y))),
        ];
        npz(&path("positions.npz"), &members, CompressionMethod::Stored);
        let [small, deflated, positions] =
            ["small.npz", "deflated.npz", "positions.npz"].map(|name| text(path(name)));
        Self {
            folder,
            small,
            deflated,
            positions,
        }
    }
}

fn words(args: &[&str]) -> Call {
    Call::Command(args.iter().map(ToString::to_string).collect())
}

/// The options of a command that take a value.
fn options(command: &str) -> BTreeSet<String> {
    let output = ptychoarrow(&[command, "--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    let option = |line: &str| {
        let line = line.trim_start();
        let long = line
            .find("--")
            .filter(|at| *at == 0 || line.starts_with('-'))?;
        let (name, behind) = line[long + 2..].split_once(' ')?;
        behind.starts_with('<').then(|| name.to_string())
    };
    help.lines().filter_map(option).collect()
}

fn single_options(files: &Files) -> Vec<Call> {
    let known: BTreeSet<&str> = NUMERIC_OPTIONS.into_iter().chain(OTHER_OPTIONS).collect();
    let mut seen = BTreeSet::new();
    let mut calls = Vec::new();
    let query = "SELECT count(*) FROM groups";
    for command in [
        "inspect", "check", "group", "norm", "sql", "export", "align",
    ] {
        for option in options(command) {
            assert!(
                known.contains(option.as_str()),
                "`{command} --{option}` is neither listed as numeric nor as another option"
            );
            seen.insert(option.clone());
            if !NUMERIC_OPTIONS.contains(&option.as_str()) {
                continue;
            }
            for value in VALUES {
                let file = match option.as_str() {
                    "inflate-memory" => &files.deflated,
                    _ => &files.small,
                };
                let option = format!("--{option}={value}");
                let output = files.folder.path().join(format!("out{}", calls.len()));
                let output = match command {
                    "align" => format!("{}.npz", text(output)),
                    _ => format!("{}.arrow", text(output)),
                };
                calls.push(match command {
                    "sql" => words(&["sql", file, "-c", query, &option]),
                    "export" | "align" => words(&[command, file, "-o", &output, &option]),
                    _ => words(&[command, file, &option]),
                });
            }
        }
    }
    for option in NUMERIC_OPTIONS {
        assert!(seen.contains(option), "no command has --{option}");
    }
    calls
}

/// What decides together how many groups there are, and how large.
fn sizes_together(files: &Files) -> Vec<Call> {
    let mut calls = Vec::new();
    for gridsize in ["1", "3", "65536", "4294967295"] {
        for neighbors in ["9", "39", "4294967296", "18446744073709551615"] {
            for n_groups in ["1", "4294967296", "9223372036854775807"] {
                let args = [
                    "group",
                    &files.small,
                    "--group-oversampling",
                    "--gridsize",
                    gridsize,
                    "--neighbors",
                    neighbors,
                    "--n-groups",
                    n_groups,
                ];
                calls.push(words(&args));
            }
        }
    }
    let many = &files.positions;
    for neighbors in ["60", "99999", "100000"] {
        for n_groups in ["20000000000", "9223372036854775807"] {
            let args = [
                "group",
                many,
                "--group-oversampling",
                "-K",
                neighbors,
                "--n-groups",
                n_groups,
            ];
            calls.push(words(&args));
        }
    }
    for value in VALUES {
        let center = format!("--center={value},{value}");
        calls.push(words(&["norm", &files.small, "--crop=4", &center]));
    }
    for k in ["99999", "18446744073709551615"] {
        let table = format!("neighbors('{many}', k => {k})");
        for query in [
            format!("SELECT * FROM {table} LIMIT 10"),
            format!("SELECT count(*) FROM {table}"),
        ] {
            calls.push(words(&["sql", "-c", &query]));
        }
    }
    calls
}

/// The named arguments of a table function, as the message about a wrong one tells them.
fn arguments(function: &str, file: &str) -> BTreeSet<String> {
    let query = format!("SELECT * FROM {function}('{file}', no_such => 1)");
    let output = ptychoarrow(&["sql", "-c", &query]);
    let said = String::from_utf8(output.stderr).unwrap();
    let known = NUMERIC_ARGUMENTS.into_iter().chain(OTHER_ARGUMENTS);
    let known: BTreeSet<&str> = known.collect();
    let call = said.split_once("it is called as").unwrap().1;
    let found = call
        .split(" =>")
        .filter_map(|before| before.rsplit(['[', '(']).next());
    let found = found.filter(|word| !word.contains(')'));
    // Of what tells how to read a file, two are numbers.
    let numbers = ["pixel_size", "bad_values"].into_iter();
    let found = found.chain(numbers.filter(|word| said.contains(word)));
    found
        .map(|word| {
            assert!(
                known.contains(word),
                "{function}: `{word}` is neither listed as numeric nor as another argument: {said}"
            );
            word.to_string()
        })
        .collect()
}

fn single_arguments(files: &Files) -> Vec<Call> {
    let mut calls = Vec::new();
    for function in ["groups", "group_members", "neighbors", "scan"] {
        let arguments = arguments(function, &files.small);
        for argument in arguments
            .iter()
            .filter(|argument| NUMERIC_ARGUMENTS.contains(&argument.as_str()))
        {
            for value in VALUES {
                let value = match value {
                    "nan" | "inf" => format!("'{value}'::double"),
                    number => number.to_string(),
                };
                let call = format!("{function}('{}', {argument} => {value})", files.small);
                let query = format!("SELECT count(*) FROM (SELECT * FROM {call} LIMIT 3)");
                calls.push(words(&["sql", "-c", &query]));
            }
        }
    }
    calls
}

/// Specs for the library: each whole number at its extremes, floats too, lists of scan points that are not
/// there.
fn specs() -> Vec<(String, GroupSpec, PatternOptions)> {
    let whole = [0, 1, 1 << 31, 1 << 32, 1 << 53, i64::MAX as u64, u64::MAX];
    let mut specs = Vec::new();
    for field in ["gridsize", "neighbors", "n_groups", "seed", "epoch"] {
        for value in whole {
            for group_oversampling in [false, true] {
                let json =
                    serde_json::json!({field: value, "group_oversampling": group_oversampling});
                let spec = serde_json::from_value(json.clone()).unwrap();
                specs.push((json.to_string(), spec, PatternOptions::default()));
            }
        }
    }
    for gridsize in whole {
        for neighbors in whole {
            let json = serde_json::json!({"gridsize": gridsize, "neighbors": neighbors, "n_groups": 1u64 << 32, "group_oversampling": true});
            let spec = serde_json::from_value(json.clone()).unwrap();
            specs.push((json.to_string(), spec, PatternOptions::default()));
        }
    }
    for value in [0.0, -1.0, 1e300, 1e-300, f64::NAN, f64::INFINITY] {
        let mut spec = GroupSpec::default();
        spec.max_distance = Some(value);
        specs.push((
            format!("max_distance {value}"),
            spec,
            PatternOptions::default(),
        ));
        let mut spec = GroupSpec::default();
        spec.norm = Some(Norm::Value(value));
        specs.push((format!("norm {value}"), spec, PatternOptions::default()));
    }
    for points in [
        vec![],
        vec![u32::MAX],
        vec![0, u32::MAX],
        vec![3, 3],
        vec![5, 4],
    ] {
        let mut spec = GroupSpec::default();
        spec.among = Some(points.clone());
        specs.push((format!("among {points:?}"), spec, PatternOptions::default()));
        let mut spec = GroupSpec::default();
        spec.seeds_from = Some(points.clone());
        specs.push((
            format!("seeds_from {points:?}"),
            spec,
            PatternOptions::default(),
        ));
    }
    for value in whole {
        for field in ["crop", "bin"] {
            let json = serde_json::json!({field: value});
            let patterns = serde_json::from_value(json.clone()).unwrap();
            specs.push((json.to_string(), GroupSpec::default(), patterns));
        }
    }
    specs
}

const CHILD_FILE: &str = "PTYCHOARROW_EXTREMES_FILE";
const CHILD_SPEC: &str = "PTYCHOARROW_EXTREMES_SPEC";
/// Specs that one child process tries.
const SPECS_PER_CHILD: usize = 16;

/// The child process of the test below: tries some specs, by the library.
#[test]
fn child_process() {
    let (Ok(file), Ok(first)) = (std::env::var(CHILD_FILE), std::env::var(CHILD_SPEC)) else {
        return;
    };
    let first: usize = first.parse().unwrap();
    for (name, spec, patterns) in specs().into_iter().skip(first).take(SPECS_PER_CHILD) {
        eprintln!("spec: {name}");
        let scan = Scan::open(&file).unwrap();
        let read = || -> ptychoarrow::Result<usize> {
            let groups = Groups::try_new_with(&scan, spec, patterns)?;
            let columns = ["nn_indices", "diffraction", "norm_factor"];
            let options = ReadOptions::default().with_columns(columns);
            let mut rows = 0;
            for batch in groups.read(&options)?.take(2) {
                rows += batch?.num_rows();
            }
            Ok(rows)
        };
        match read() {
            Ok(rows) => eprintln!("{rows} rows"),
            Err(error) => eprintln!("{error}"),
        }
    }
}

/// What is wrong with how a call ended, if anything is.
fn problem(call: &Call, files: &Files, errors: &Path) -> Option<String> {
    let script = format!("ulimit -c 0; ulimit -v {ADDRESS_SPACE_KIB}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    match call {
        Call::Command(args) => {
            command.arg(env!("CARGO_BIN_EXE_ptychoarrow")).args(args);
        }
        Call::Library(first) => {
            command.arg(std::env::current_exe().unwrap());
            command.args(["--exact", "extremes::child_process", "--nocapture"]);
            command.env(CHILD_FILE, &files.small);
            command.env(CHILD_SPEC, first.to_string());
        }
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(errors).unwrap())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some(format!("no end after {PATIENCE:?}"));
        }
        std::thread::sleep(Duration::from_millis(3));
    };
    let said = String::from_utf8_lossy(&std::fs::read(errors).unwrap()).into_owned();
    let is_bad = ["panicked", "memory allocation"]
        .iter()
        .any(|word| said.contains(word));
    let good = matches!(
        (call, status.code()),
        (Call::Command(_), Some(0..=2)) | (Call::Library(_), Some(0))
    );
    let end: Vec<&str> = said.lines().rev().take(4).collect();
    (!good || is_bad).then(|| format!("{status}: {end:?}"))
}

#[test]
fn no_number_aborts_panics_or_runs_without_end() {
    let files = Files::write();
    let mut calls: VecDeque<Call> = VecDeque::new();
    let mut counts = Vec::new();
    let specs = (0..specs().len()).step_by(SPECS_PER_CHILD);
    for (kind, some) in [
        ("single options", single_options(&files)),
        ("sizes together", sizes_together(&files)),
        ("arguments in SQL", single_arguments(&files)),
        (
            "child processes with specs",
            specs.map(Call::Library).collect(),
        ),
    ] {
        counts.push(format!("{} {kind}", some.len()));
        calls.extend(some);
    }
    let total = calls.len();
    let start = Instant::now();
    let calls = Mutex::new(calls);
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (files, calls, problems) = (&files, &calls, &problems);
            scope.spawn(move || {
                let errors = files.folder.path().join(format!("errors{thread}"));
                loop {
                    let Some(call) = calls.lock().unwrap().pop_front() else {
                        return;
                    };
                    if let Some(problem) = problem(&call, files, &errors) {
                        let call = match &call {
                            Call::Command(args) => args.join(" "),
                            Call::Library(first) => format!("specs from {first} on"),
                        };
                        problems
                            .lock()
                            .unwrap()
                            .push(format!("{call}\n    {problem}"));
                    }
                }
            });
        }
    });
    println!(
        "{total} calls in {:.0?}: {}",
        start.elapsed(),
        counts.join(", ")
    );
    println!("waiting for: {WAITING:?}");
    let problems = problems.into_inner().unwrap();
    let is_new = |problem: &&String| !WAITING.iter().any(|known| problem.contains(known));
    let new: Vec<&String> = problems.iter().filter(is_new).collect();
    assert!(new.is_empty(), "{} of {total} calls:\n{new:#?}", new.len());
    assert_eq!(total, CALLS, "the number of calls: {}", counts.join(", "));
}
