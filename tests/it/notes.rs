//! Every kind of note, and which commands say it: whatever a scan tells is told by every job that it concerns.

use std::collections::BTreeSet;
use std::path::Path;

use zip::CompressionMethod;

use crate::sparse::f8;
use crate::support::{crate_folder, folder, npy, npz, ptychoarrow, text};

/// A member: name, dtype, shape and data.
type Member = (&'static str, &'static str, &'static [usize], Vec<u8>);

/// What a command does with a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// It says the note, and does its work.
    Says,
    /// It fails with exit code 1 and names the same thing: it needs what is not there.
    Fails,
    /// It does its work and says nothing: it does not read what the note is about.
    Silent,
}

use Told::{Fails, Says, Silent};

/// A kind of note, with a scan that gives it.
struct Case {
    code: &'static str,
    /// The members of the scan.
    members: Vec<Member>,
    /// The members of another file, given with `--patterns`.
    others: Vec<Member>,
    /// Options for all four commands.
    options: &'static [&'static str],
    /// What the note, or the error, says.
    says: &'static str,
    /// Arguments of `group` beside `-o`, and what it does.
    group: (&'static [&'static str], Told),
    /// The same of `norm`.
    norm: (&'static [&'static str], Told),
    /// The same of `export` beside `-o`.
    export: (&'static [&'static str], Told),
    /// A query, in which F stands for the file, and what `sql` does.
    sql: (&'static str, Told),
}

const POINTS: usize = 9;

fn vector(name: &'static str, of: impl Fn(usize) -> f64) -> Member {
    let values: Vec<f64> = (0..POINTS).map(of).collect();
    (name, "'<f8'", &[POINTS], f8(&values))
}

fn index(name: &'static str, from: i64) -> Member {
    let values = from..from + POINTS as i64;
    (
        name,
        "'<i8'",
        &[POINTS],
        values.flat_map(i64::to_le_bytes).collect(),
    )
}

/// Patterns of 5 x 5 pixels that are brightest in the middle.
fn patterns(
    name: &'static str,
    shape: &'static [usize],
    change: impl Fn(usize, f64) -> f64,
) -> Member {
    let points = shape.iter().product::<usize>() / 25;
    let pixel = |at: usize| if at % 25 == 12 { 9.0 } else { 1.0 };
    let values: Vec<f64> = (0..points * 25).map(|at| change(at, pixel(at))).collect();
    (name, "'<f8'", shape, f8(&values))
}

fn frames(name: &'static str) -> Member {
    patterns(name, &[POINTS, 5, 5], |_, value| value)
}

fn field(name: &'static str, shape: &'static [usize]) -> Member {
    (
        name,
        "'<c16'",
        shape,
        f8(&vec![1.0; 2 * shape.iter().product::<usize>()]),
    )
}

fn mask() -> Member {
    ("bad_pixels", "'|b1'", &[5, 5], vec![0; 25])
}

fn places(scale: f64, offset: f64) -> Vec<Member> {
    vec![
        vector("xcoords", move |i| offset + scale * (i % 3) as f64),
        vector("ycoords", move |i| offset + scale * (i / 3) as f64),
    ]
}

/// A scan of nine points in the PtychoPINN layout with these further members.
fn scan(further: impl IntoIterator<Item = Member>) -> Vec<Member> {
    let mut members = places(10.0, 10.0);
    members.push(frames("diff3d"));
    members.extend(further);
    members
}

const AMPLITUDES: &[&str] = &["--measurement", "amplitude"];
const ALL: &str = "SELECT * FROM scan";

impl Case {
    /// A case of which all four commands say the note.
    fn new(code: &'static str, says: &'static str, members: Vec<Member>) -> Self {
        Self {
            code,
            members,
            others: Vec::new(),
            options: AMPLITUDES,
            says,
            group: (&[], Says),
            norm: (&[], Says),
            export: (&[], Says),
            sql: (ALL, Says),
        }
    }

    /// A case about the table `probe`, or what else is read with these arguments, alone.
    fn of_table(mut self, export: &'static [&'static str], sql: &'static str) -> Self {
        self.group.1 = Silent;
        self.norm.1 = Silent;
        self.export = (export, Says);
        self.sql = (sql, Says);
        self
    }

    /// A case about groups, which `export` does not know.
    fn of_groups(
        mut self,
        group: &'static [&'static str],
        norm: &'static [&'static str],
        sql: &'static str,
    ) -> Self {
        self.group.0 = group;
        self.norm.0 = norm;
        self.export.1 = Silent;
        self.sql.0 = sql;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

const PROBE: (&[&str], &str) = (&["--table", "probe"], "SELECT power FROM probe");

fn cases_of_scans() -> Vec<Case> {
    let upper = vec![
        vector("XCOORDS", |i| (i % 3) as f64),
        vector("YCOORDS", |i| (i / 3) as f64),
        frames("Diff3D"),
    ];
    let product = |scale: f64| {
        vec![
            vector("probe_position_x_m", move |i| scale * (i % 3) as f64),
            vector("probe_position_y_m", move |i| scale * (i / 3) as f64),
        ]
    };
    let and = |mut members: Vec<Member>, more: Vec<Member>| {
        members.extend(more);
        members
    };
    let tike = vec![
        ("scan", "'<f8'", &[1, POINTS, 2][..], {
            let at = |i: usize| [10.0 * (i / 3) as f64, 10.0 * (i % 3) as f64];
            f8(&(0..POINTS).flat_map(at).collect::<Vec<f64>>())
        }),
        patterns("data", &[1, POINTS, 5, 5], |_, value| value),
    ];
    let counts: Vec<u8> = (0..POINTS * 25).flat_map(|_| 3u16.to_le_bytes()).collect();
    let joined = and(
        scan([]),
        vec![
            index("indexes", 1),
            index("probe_position_indexes", 0),
            vector("ring", |i| i as f64),
        ],
    );
    let not_read = [
        vector("xcoords", |i| i as f64),
        vector("ycoords", |i| i as f64),
        ("diff3d", "'|V8'", &[POINTS, 5, 5], vec![0; POINTS * 200]),
    ];
    vec![
        Case::new(
            "misfit",
            "`diff3d` does not serve as diffraction",
            and(
                places(10.0, 0.0),
                vec![("dp", "'<c16'", &[POINTS, 5, 5], f8(&[1.0; POINTS * 50]))],
            ),
        )
        .with(|case| {
            case.says = "`dp`";
            case.norm.1 = Fails;
        }),
        Case::new("unreadable_member", "`diff3d`", not_read.to_vec()).with(|case| {
            case.group.0 = &["--columns", "nn_indices"];
            case.norm.1 = Fails;
            case.export.1 = Fails;
            case.sql.1 = Fails;
        }),
        Case::new(
            "taken_by_name_alone",
            "`patterns` is taken for diffraction by its name alone",
            and(product(1e-6), vec![frames("patterns")]),
        ),
        Case::new(
            "taken_in_another_case",
            "`Diff3D` is taken for diffraction by its name in another case",
            upper,
        ),
        Case::new(
            "mask_polarity",
            "`bad_pixels`: true means a bad pixel",
            scan([mask()]),
        )
        .with(|case| case.options = &["--mask", "--measurement", "amplitude"]),
        Case::new(
            "mask_not_applied",
            "`bad_pixels`, which is not applied",
            scan([mask()]),
        ),
        Case::new(
            "half_of_pair",
            "`xcoords_start` alone is no position",
            scan([vector("xcoords_start", |i| i as f64)]),
        )
        .with(|case| {
            case.group.1 = Silent;
            case.norm.1 = Silent;
        }),
        Case::new(
            "looks_like_patterns",
            "`dp` looks like patterns too",
            scan([frames("dp")]),
        ),
        Case::new(
            "complex_without_role",
            "`psi0` is complex and has no role",
            scan([field("probeGuess", &[5, 5]), field("psi0", &[7, 7])]),
        )
        .of_table(PROBE.0, PROBE.1),
        Case::new("no_patterns", "the file has no patterns", places(10.0, 0.0)).with(|case| {
            case.norm.1 = Fails;
            case.says = "patterns";
        }),
        Case::new(
            "remark",
            "tike keeps the zero frequency at the corners",
            tike,
        ),
        Case::new("unlikely_unit", "are unlikely; they may be", {
            let mut members = places(1e-6, 0.0);
            members.push(frames("diff3d"));
            members
        })
        .with(|case| case.norm.1 = Silent),
        Case::new(
            "open_probe_axis",
            "whether its modes are counted along the first axes or the last stays open",
            scan([field("probeGuess", &[5, 5, 5])]),
        )
        .of_table(&["--table", "scans"], "SELECT probe_modes FROM scans"),
        Case::new(
            "probe_shape",
            "do not have the shape",
            scan([field("probeGuess", &[2, 7, 7])]),
        )
        .of_table(PROBE.0, PROBE.1),
        Case::new(
            "probe_per_point",
            "they may be one probe per scan point",
            scan([field("probeGuess", &[POINTS, 5, 5])]),
        )
        .of_table(PROBE.0, PROBE.1),
        Case::new(
            "off_object",
            "scan points are off the object `objectGuess`",
            scan([field("objectGuess", &[31, 31])]),
        )
        .of_groups(
            &["--among", "scan_point < 8", "--columns", "object_patches"],
            &[],
            "SELECT object_patches FROM groups('F', among => 'scan_point < 8')",
        )
        .with(|case| case.norm.1 = Silent),
        Case::new("unpaired", "left out without a partner", {
            let mut members = places(10.0, 0.0);
            members.push(patterns("diff3d", &[POINTS + 2, 5, 5], |_, value| value));
            members
        })
        .with(|case| case.options = &["--unpaired", "drop", "--measurement", "amplitude"]),
        Case::new(
            "paired_by_order",
            "of another file are paired by order",
            places(10.0, 0.0),
        )
        .with(|case| case.others = vec![frames("diff3d")]),
        Case::new(
            "counts_by_layout",
            "`diff3d` holds counts of the detector",
            scan([mask()]),
        )
        .with(|case| case.options = &[]),
        Case::new(
            "pattern_axis_by_layout",
            "the shape [9, 9, 9] of `diff3d` leaves open which axis counts the patterns; it is axis 0",
            {
                let mut members = places(10.0, 10.0);
                let values = vec![1.0; POINTS * POINTS * POINTS];
                members.push(("diff3d", "'<f8'", &[POINTS, POINTS, POINTS], f8(&values)));
                members
            },
        ),
        Case::new("no_column", "`ring` is no column of `scan`", joined).with(|case| {
            case.options = &["--unpaired", "drop", "--measurement", "amplitude"];
            case.group.1 = Silent;
            case.norm.1 = Silent;
        }),
        Case::new(
            "renamed_column",
            "`scan_row` is the column `member_scan_row`",
            scan([vector("scan_row", |i| i as f64)]),
        )
        .with(|case| {
            case.group.1 = Silent;
            case.norm.1 = Silent;
        }),
        Case::new(
            "measurement_by_dtype",
            "are taken for intensities (counts) because they are integers",
            {
                let mut members = places(10.0, 0.0);
                members.push(("diff3d", "'<u2'", &[POINTS, 5, 5], counts));
                members
            },
        )
        .with(|case| case.options = &[]),
        Case::new(
            "duplicate_positions",
            "1 scan point is at exactly the position of an earlier one",
            vec![
                vector("xcoords", |i| 10.0 * (i % 3) as f64 * f64::from(i != 8)),
                vector("ycoords", |i| 10.0 * (i / 3) as f64 * f64::from(i != 8)),
                frames("diff3d"),
            ],
        )
        .with(|case| case.norm.1 = Silent),
        Case::new(
            "positions_not_finite",
            "scan point 4",
            vec![
                vector("xcoords", |i| {
                    if i == 4 {
                        f64::NAN
                    } else {
                        10.0 * (i % 3) as f64
                    }
                }),
                vector("ycoords", |i| 10.0 * (i / 3) as f64),
                frames("diff3d"),
            ],
        )
        .with(|case| {
            case.group.1 = Fails;
            case.norm.1 = Silent;
        }),
    ]
}

fn cases_of_groups() -> Vec<Case> {
    let dead = |at: usize, value: f64| if at < 25 { 0.0 } else { value };
    let lost = |at: usize, value: f64| if at == 7 { f64::NAN } else { value };
    let with = |frames: Member| {
        let mut members = places(10.0, 10.0);
        members.push(frames);
        members
    };
    let object = || scan([field("objectGuess", &[34, 34])]);
    const PATCHES: &[&str] = &["--columns", "object_patches"];
    const PATCHES_OF: &str = "SELECT object_patches FROM groups";
    let far = vec![
        vector(
            "xcoords",
            |i| if i == 8 { 1e4 } else { 10.0 * (i % 3) as f64 },
        ),
        vector("ycoords", |i| 10.0 * (i / 3) as f64),
        frames("diff3d"),
    ];
    vec![
        Case::new("groups_skipped", "1 of 9 groups were skipped", far)
            .of_groups(
                &["--max-distance", "50"],
                &[],
                "SELECT group_id FROM groups('F', max_distance => 50)",
            )
            .with(|case| case.norm.1 = Silent),
        Case::new(
            "pool_smaller",
            "pools have 8 neighbours, fewer than K = 20",
            scan([]),
        )
        .of_groups(
            &["-K", "20"],
            &["-K", "20"],
            "SELECT group_id FROM groups('F', neighbors => 20)",
        )
        .with(|case| case.norm.1 = Silent),
        Case::new(
            "unknown_measurement",
            "patterns were normalised as amplitudes",
            scan([]),
        )
        .of_groups(
            &["--columns", "norm_factor"],
            &[],
            "SELECT norm_factor FROM groups",
        )
        .with(|case| case.options = &[]),
        Case::new("uneven_crop", "rows 0 to 3 and columns 0 to 3", scan([])).of_groups(
            &["--crop", "4"],
            &["--crop", "4"],
            "SELECT diffraction FROM groups('F', crop => 4)",
        ),
        Case::new(
            "center_of_mass",
            "the centre of mass of the mean pattern is pixel (2, 2)",
            scan([]),
        )
        .of_groups(
            &["--crop", "3", "--center", "com"],
            &["--crop", "3", "--center", "com"],
            "SELECT diffraction FROM groups('F', crop => 3, center => 'com')",
        ),
        Case::new(
            "dead_frames_in_factor",
            "1 of the 9 patterns",
            with(patterns("diff3d", &[POINTS, 5, 5], dead)),
        )
        .of_groups(
            &["--columns", "norm_factor"],
            &[],
            "SELECT norm_factor FROM groups",
        ),
        Case::new(
            "pixels_not_finite",
            "scan point 0",
            with(patterns("diff3d", &[POINTS, 5, 5], lost)),
        )
        .of_groups(&[], &[], "SELECT diffraction FROM groups")
        .with(|case| case.norm.1 = Fails),
        Case::new(
            "patches_off_object",
            "object patches lie in part beside the object",
            scan([field("objectGuess", &[32, 32])]),
        )
        .of_groups(PATCHES, &[], PATCHES_OF)
        .with(|case| case.norm.1 = Silent),
        Case::new(
            "assumed_origin",
            "position 0 was taken for the middle",
            object(),
        )
        .of_groups(PATCHES, &[], PATCHES_OF)
        .with(|case| {
            case.options = &["--unit", "micrometres", "--pixel-size", "1e-6"];
            case.norm.1 = Silent;
        }),
        Case::new("no_object_patches", "object patches", object())
            .of_groups(&[], &[], PATCHES_OF)
            .with(|case| {
                case.options = &["--unit", "micrometres"];
                case.norm.1 = Silent;
                case.sql.1 = Fails;
            }),
    ]
}

fn write(path: &Path, members: &[Member]) {
    let members: Vec<(&str, Vec<u8>)> = members
        .iter()
        .map(|(name, dtype, shape, data)| (*name, npy(dtype, false, shape, data)))
        .collect();
    npz(path, &members, CompressionMethod::Stored);
}

/// Returns the codes that the sources know.
fn codes(file: &str) -> BTreeSet<String> {
    let source = std::fs::read_to_string(crate_folder().join(file)).unwrap();
    let from = source.find("pub fn code(&self)").unwrap();
    let to = from + source[from..].find("\n    }\n").unwrap();
    let quoted = source[from..to].split('"').skip(1).step_by(2);
    quoted.map(str::to_string).collect()
}

/// Runs a call that succeeded once more, with `--strict`, and returns what is wrong: with warnings it must fail and leave
/// no output.
fn strictly(call: &[&str], said: &str, outputs: &[&str]) -> Option<String> {
    outputs
        .iter()
        .for_each(|output| drop(std::fs::remove_file(output)));
    let done = ptychoarrow(&[call, &["--strict"]].concat());
    let warns = said.lines().any(|line| line.starts_with("warning: "));
    let left = outputs.iter().any(|output| Path::new(output).exists());
    let is_right = match warns {
        true => done.status.code() == Some(1) && !left,
        false => done.status.success(),
    };
    let said = String::from_utf8_lossy(&done.stderr);
    (!is_right).then(|| {
        format!(
            "{call:?} --strict: {:?}, output left: {left}\n{said}",
            done.status
        )
    })
}

#[test]
fn every_kind_of_note_is_said_by_every_command_that_it_concerns() {
    let mut wrong = Vec::new();
    let mut calls = [0; 3];
    let cases: Vec<Case> = cases_of_scans()
        .into_iter()
        .chain(cases_of_groups())
        .collect();
    for case in &cases {
        let folder = folder();
        let (file, other) = (
            folder.path().join("scan.npz"),
            folder.path().join("other.npz"),
        );
        write(&file, &case.members);
        let mut options: Vec<String> = case.options.iter().map(ToString::to_string).collect();
        if !case.others.is_empty() {
            write(&other, &case.others);
            options.extend(["--patterns".to_string(), text(&other)]);
        }
        let ending = if case.code == "no_object_patches" {
            "npz"
        } else {
            "arrow"
        };
        let output = text(folder.path().join(format!("out.{ending}")));
        let exported = output.replace(".npz", ".arrow");
        let file = text(&file);
        let query = case
            .sql
            .0
            .replace('F', &file)
            .replace(&format!("{file}ROM"), "FROM");
        let write_to = ["-o", output.as_str()];
        let commands: [(&str, Vec<&str>, Told); 4] = [
            ("group", [case.group.0, &write_to].concat(), case.group.1),
            ("norm", case.norm.0.to_vec(), case.norm.1),
            (
                "export",
                [case.export.0, &["-o", &exported]].concat(),
                case.export.1,
            ),
            ("sql", vec!["-c", query.as_str()], case.sql.1),
        ];
        for (command, arguments, expected) in commands {
            let mut call = vec![command, &file];
            call.extend(arguments);
            call.extend(options.iter().map(String::as_str));
            if command != "norm" && command != "sql" {
                call.push("--force");
            }
            let done = ptychoarrow(&call);
            let said = String::from_utf8(done.stderr).unwrap();
            let line = said.lines().find(|line| line.contains(case.says));
            let found = match (done.status.code(), line) {
                (Some(0), None) => Silent,
                (Some(0), Some(line))
                    if line.starts_with("warning: ") || line.starts_with("note: ") =>
                {
                    Says
                }
                (Some(1 | 2), Some(line)) if line.starts_with("error: ") => Fails,
                _ => {
                    wrong.push(format!(
                        "{}: {call:?}: exit {:?}: {said}",
                        case.code,
                        done.status.code()
                    ));
                    continue;
                }
            };
            calls[found as usize] += 1;
            if found != Fails {
                wrong.extend(strictly(&call, &said, &[&output, &exported]));
            }
            if found != expected {
                wrong.push(format!(
                    "{}: {command} {found:?}, expected {expected:?}: {call:?}\n{said}",
                    case.code
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let shown: BTreeSet<String> = cases.iter().map(|case| case.code.to_string()).collect();
    let mut known = codes("src/scan/layout/uses.rs");
    known.extend(codes("src/group/note.rs"));
    assert_eq!(
        shown, known,
        "a kind of note has no case, or a case no kind"
    );
    println!(
        "{} kinds of notes: said, failed, silent in {calls:?} calls",
        cases.len()
    );
}

#[test]
fn scan_points_that_are_left_out_are_not_warned_of() {
    let folder = folder();
    let file = folder.path().join("scan.npz");
    let members = vec![
        vector("xcoords", |i| match i {
            4 => f64::NAN,
            8 => 0.0,
            i => 10.0 * (i % 3) as f64,
        }),
        vector(
            "ycoords",
            |i| if i == 8 { 0.0 } else { 10.0 * (i / 3) as f64 },
        ),
        frames("diff3d"),
    ];
    write(&file, &members);
    let (file, output) = (text(&file), text(folder.path().join("out.arrow")));
    let among = "scan_point NOT IN (4, 8)";
    let tables = ["groups", "group_members", "neighbors"];
    let queries =
        tables.map(|table| format!("SELECT * FROM {table}('{file}', among => '{among}')"));
    let mut calls = vec![vec!["group", &file, "--among", among]];
    calls.push(vec!["group", &file, "--among", among, "-o", &output]);
    calls.extend(queries.iter().map(|query| vec!["sql", "-c", query]));
    calls.extend(
        queries
            .iter()
            .map(|query| vec!["sql", "-c", query, "-o", &output, "--force"]),
    );
    for mut call in calls {
        call.extend(["--measurement", "amplitude", "--strict"]);
        let done = ptychoarrow(&call);
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(
            done.status.success() && !said.contains("warning"),
            "{call:?}: {said}"
        );
    }
}
