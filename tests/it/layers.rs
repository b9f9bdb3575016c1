//! The architecture, tested: modules use each other in one direction, unsafe code stays in one file, there is
//! one arrow, and the tests' dependencies cost no second build of DataFusion.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};
use serde_json::Value;

use crate::source::{Crate, ModulePath, paths, tokens};
use crate::support::crate_folder;

/// The modules of the crate, each with those it may use.
const MODULES: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("memory", &["error"]),
    ("progress", &[]),
    // What only the tests and benchmarks of this crate may use.
    (
        "internals",
        &["npz", "group", "sql", "cli", "array", "table", "export"],
    ),
    ("npz", &["error", "memory", "progress"]),
    ("array", &["error", "memory", "npz"]),
    ("table", &["error", "memory", "array"]),
    (
        "scan",
        &["error", "memory", "progress", "npz", "array", "table"],
    ),
    (
        "group",
        &[
            "error", "memory", "progress", "npz", "array", "table", "scan",
        ],
    ),
    (
        "check",
        &[
            "error", "memory", "progress", "npz", "array", "table", "scan", "group",
        ],
    ),
    (
        "export",
        &[
            "error", "memory", "progress", "npz", "array", "table", "scan", "group",
        ],
    ),
    (
        "sql",
        &[
            "error", "memory", "progress", "npz", "array", "table", "scan", "group",
        ],
    ),
    (
        "cli",
        &[
            "error", "memory", "progress", "npz", "array", "table", "scan", "group", "check",
            "export", "sql",
        ],
    ),
];

/// Circles of modules that are still to be opened. Empty is the aim.
const KNOWN_CYCLES: &[&str] = &[];

/// A use of one module by another, both by their paths from the root.
struct Use {
    by: ModulePath,
    of: ModulePath,
    path: String,
}

fn uses(source: &Crate) -> Vec<Use> {
    let mut found = Vec::new();
    for (by, module) in &source.modules {
        for path in paths(tokens(module)) {
            if let Some((of, _)) = source.resolve(by, &path) {
                let (by, path) = (by.clone(), path.join("::"));
                found.push(Use { by, of, path });
            }
        }
    }
    found
}

#[test]
fn modules_use_each_other_in_one_direction() {
    let source = Crate::read();
    let allowed: BTreeMap<&str, &[&str]> = MODULES.iter().copied().collect();
    let known: BTreeSet<&str> = allowed.keys().copied().collect();
    let found: BTreeSet<&str> = source
        .children(&[])
        .map(|(path, _)| path[0].as_str())
        .collect();
    assert_eq!(found, known, "the modules of lib.rs, and those listed here");
    let mut across = 0;
    for Use { by, of, path } in uses(&source) {
        let (Some(top), Some(used)) = (by.first(), of.first()) else {
            continue;
        };
        across += usize::from(top != used);
        assert!(
            top == used || allowed[top.as_str()].contains(&used.as_str()),
            "{} uses {path}, which is in `{used}`",
            source.modules[&by].file.display()
        );
    }
    assert!(
        across > 100,
        "only {across} uses of other modules were seen"
    );
}

/// The modules side by side that use each other in a circle, as `parent: a, b, c`, each with the uses among them.
fn cycles(source: &Crate) -> BTreeMap<String, Vec<String>> {
    let mut edges: BTreeMap<ModulePath, BTreeMap<(String, String), String>> = BTreeMap::new();
    for Use { by, of, path } in uses(source) {
        let common = by.iter().zip(&of).take_while(|(a, b)| a == b).count();
        if let (Some(a), Some(b)) = (by.get(common), of.get(common)) {
            let example = format!("{} uses {path}", by.join("::"));
            edges
                .entry(by[..common].to_vec())
                .or_default()
                .entry((a.clone(), b.clone()))
                .or_insert(example);
        }
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (parent, edges) in edges {
        for (a, b) in edges.keys() {
            if reaches(&edges, b, a) {
                let is_in_circle =
                    |other: &&String| reaches(&edges, a, other) && reaches(&edges, other, a);
                let circle: BTreeSet<&String> =
                    edges.keys().map(|(a, _)| a).filter(is_in_circle).collect();
                let circle: Vec<&str> = circle.into_iter().map(String::as_str).collect();
                let name = format!("{}: {}", parent.join("::"), circle.join(", "));
                let example = edges[&(a.clone(), b.clone())].clone();
                found.entry(name).or_default().push(example);
            }
        }
    }
    found
}

fn reaches(edges: &BTreeMap<(String, String), String>, from: &str, to: &str) -> bool {
    let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
    while let Some(at) = open.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            open.extend(
                edges
                    .keys()
                    .filter(|(a, _)| a == at)
                    .map(|(_, b)| b.as_str()),
            );
        }
    }
    false
}

#[test]
fn modules_side_by_side_form_no_cycle() {
    let cycles = cycles(&Crate::read());
    for known in KNOWN_CYCLES {
        if !cycles.contains_key(*known) {
            println!("no longer a cycle, to be taken from the list: {known}");
        }
    }
    let new: Vec<_> = cycles
        .iter()
        .filter(|(circle, _)| !KNOWN_CYCLES.contains(&circle.as_str()))
        .collect();
    assert!(new.is_empty(), "{new:#?}");
}

#[test]
fn paths_are_seen_wherever_code_can_hold_them() {
    let code = "use crate::{a::{B, c::D}, self, e::f as g}; fn f() { crate::h::I::new(vec![super::super::j::K]); self.l() }";
    let found: BTreeSet<String> = paths(code.parse().unwrap())
        .iter()
        .map(|path| path.join("::"))
        .collect();
    for path in [
        "crate::a::B",
        "crate::a::c::D",
        "crate",
        "crate::e::f",
        "crate::h::I::new",
        "super::super::j::K",
    ] {
        assert!(found.contains(path), "{path}: {found:?}");
    }
}

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
    found.sort();
    found
}

fn has_unsafe(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => ident == "unsafe",
        TokenTree::Group(group) => has_unsafe(group.stream()),
        _ => false,
    })
}

#[test]
fn unsafe_code_is_in_one_file() {
    let src = crate_folder().join("src");
    let has_unsafe = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).unwrap();
        has_unsafe(text.parse().unwrap())
    };
    let with_unsafe: Vec<PathBuf> = sources(&src).into_iter().filter(has_unsafe).collect();
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

/// The units of work that cargo plans for a command, each as text with all that it is built from.
///
/// Features alone would not tell: those of a build script's dependencies change what is built on them, too.
fn planned_units(command: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(command)
        .args(["--offline", "--unit-graph", "-Z", "unstable-options"])
        // Only prints the plan; nothing is built with it.
        .env("RUSTC_BOOTSTRAP", "1")
        .current_dir(crate_folder())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let graph: Value = serde_json::from_slice(&output.stdout).unwrap();
    let units = graph["units"].as_array().unwrap();
    let mut hashes = vec![None; units.len()];
    let texts = (0..units.len()).map(|at| {
        let hash = unit_hash(units, at, &mut hashes);
        format!(
            "{} {} {hash:x}",
            units[at]["pkg_id"], units[at]["target"]["name"]
        )
    });
    texts.collect()
}

/// A hash of a unit and of all units below it; profiles go by their settings, not by their name.
fn unit_hash(units: &[Value], at: usize, hashes: &mut Vec<Option<u64>>) -> u64 {
    if let Some(hash) = hashes[at] {
        return hash;
    }
    let mut unit = units[at].clone();
    unit["profile"]["name"] = Value::Null;
    let below = unit["dependencies"].take();
    let below = below.as_array().into_iter().flatten();
    let below: BTreeSet<u64> = below
        .map(|unit| unit_hash(units, unit["index"].as_u64().unwrap() as usize, hashes))
        .collect();
    let mut hasher = DefaultHasher::new();
    (unit.to_string(), below).hash(&mut hasher);
    hashes[at] = Some(hasher.finish());
    hasher.finish()
}

#[test]
fn tests_and_the_command_share_one_build_of_datafusion() {
    let command = planned_units(&["build", "--bin", "ptychoarrow"]);
    let tests = planned_units(&["test"]);
    let is_ours = |unit: &&String| unit.contains("ptychoarrow");
    let apart: Vec<&String> = command
        .difference(&tests)
        .filter(|unit| !is_ours(unit))
        .collect();
    assert!(
        apart.is_empty(),
        "the tests' dependencies change these, so that they are built twice: {apart:#?}"
    );
    let of_datafusion = |unit: &&String| unit.contains("#datafusion");
    assert!(command.intersection(&tests).filter(of_datafusion).count() > 20);
}
