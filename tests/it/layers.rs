//! The architecture, tested: imports point one way, unsafe code stays in one file, one arrow, tests cost no second
//! DataFusion.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::crate_folder;

/// Rooms of the house, each with those it may import.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("npz", &["error"]),
    ("array", &["error", "npz"]),
    ("table", &["error", "array"]),
    ("scan", &["error", "npz", "array", "table"]),
    ("group", &["error", "npz", "array", "table", "scan"]),
    ("check", &["error", "npz", "array", "table", "scan"]),
    (
        "export",
        &["error", "npz", "array", "table", "scan", "group"],
    ),
    ("sql", &["error", "npz", "array", "table", "scan", "group"]),
    (
        "cli",
        &[
            "error", "npz", "array", "table", "scan", "group", "check", "export", "sql",
        ],
    ),
];

pub fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found
}

/// The rooms that a text imports from: `crate::room`, `use crate::{room, room::x}`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for part in text.split("crate::").skip(1) {
        if let Some(list) = part.strip_prefix('{') {
            let list = &list[..list.find('}').unwrap_or(list.len())];
            rooms.extend(list.split(',').map(|item| first_word(item.trim())));
        } else {
            rooms.insert(first_word(part));
        }
    }
    rooms
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

#[test]
fn imports_point_one_way() {
    let src = crate_folder().join("src");
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut seen = BTreeSet::new();
    for file in sources(&src) {
        let relative = file.strip_prefix(&src).unwrap();
        let room = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        if matches!(room, "lib" | "main") {
            continue;
        }
        let allowed = allowed
            .get(room)
            .unwrap_or_else(|| panic!("{} is in no room", relative.display()));
        seen.insert(room.to_string());
        let code: String = std::fs::read_to_string(&file).unwrap();
        let code: String = code
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect::<Vec<_>>()
            .join("\n");
        for import in imports(&code) {
            let is_room = ROOMS.iter().any(|(name, _)| *name == import);
            assert!(
                !is_room || import == room || allowed.contains(&import.as_str()),
                "{} imports {import}",
                relative.display()
            );
        }
    }
    assert_eq!(seen.len(), ROOMS.len(), "every room was looked at");
}

#[test]
fn unsafe_code_is_in_one_file() {
    let src = crate_folder().join("src");
    let with_unsafe: Vec<PathBuf> = sources(&src)
        .into_iter()
        .filter(|file| {
            std::fs::read_to_string(file)
                .unwrap()
                .contains("allow(unsafe_code)")
        })
        .collect();
    assert_eq!(with_unsafe, [src.join("npz/source.rs")]);
}

fn cargo_tree(args: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--prefix", "none"])
        .args(args)
        .current_dir(crate_folder())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| line.trim_end_matches(" (*)").to_string())
        .collect()
}

#[test]
fn one_arrow_is_in_the_tree() {
    let packages = cargo_tree(&["-e", "normal,build,dev"]);
    for name in ["arrow", "arrow-array", "arrow-schema", "parquet"] {
        let versions: Vec<&String> = packages
            .iter()
            .filter(|line| line.starts_with(&format!("{name} v")))
            .collect();
        assert_eq!(versions.len(), 1, "{versions:?}");
    }
}

#[test]
fn without_default_features_there_is_no_sql_and_no_command_line() {
    let packages = cargo_tree(&["-e", "normal", "--no-default-features"]);
    for name in ["datafusion", "tokio", "clap", "parquet"] {
        assert!(
            !packages
                .iter()
                .any(|line| line.starts_with(&format!("{name} v"))),
            "{name}"
        );
    }
}

#[test]
fn tests_switch_on_no_feature_of_what_datafusion_is_built_on() {
    let features = |edges: &str| {
        let lines = cargo_tree(&["-e", edges]);
        lines
            .into_iter()
            .filter_map(|line| {
                line.split_once(" feature ")
                    .map(|(name, f)| (name.to_string(), f.to_string()))
            })
            .collect::<BTreeSet<_>>()
    };
    // Lines of features carry no version: of a package that is there in several, they tell nothing.
    let all: Vec<String> = cargo_tree(&["-e", "normal,build,dev"])
        .iter()
        .map(|line| first_name(line))
        .collect();
    let is_single = |name: &String| all.iter().filter(|other| *other == name).count() == 1;
    let packages = cargo_tree(&["-e", "normal,build"]);
    let packages: BTreeSet<String> = packages
        .iter()
        .map(|line| first_name(line))
        .filter(is_single)
        .collect();
    let normal = features("normal,build,features");
    let added: Vec<(String, String)> = features("normal,build,dev,features")
        .into_iter()
        .filter(|line| !normal.contains(line))
        .collect();
    let costly: Vec<_> = added
        .iter()
        .filter(|(name, _)| packages.contains(name))
        .collect();
    assert!(
        costly.is_empty(),
        "these would build DataFusion twice: {costly:?}"
    );
}

fn first_name(line: &str) -> String {
    line.split(' ').next().unwrap_or_default().to_string()
}
