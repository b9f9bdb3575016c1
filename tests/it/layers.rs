//! The architecture, tested: modules use each other in one direction, unsafe code stays in one file, there is
//! one arrow, and the tests' dependencies cost no second build of DataFusion.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::{TokenStream, TokenTree};

use crate::source::{Crate, ModulePath, paths, tokens};
use crate::support::crate_folder;

/// The modules of the crate, each with those it may use.
const MODULES: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("memory", &["error"]),
    ("progress", &[]),
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
            "error", "memory", "progress", "npz", "array", "table", "scan",
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

/// Modules that use each other and are still to be parted. Empty is the aim.
const KNOWN_CYCLES: &[&str] = &[
    "cli: output <-> progress",
    "group: columns <-> groups",
    "group: columns <-> members",
    "group: groups <-> members",
    "scan::layout: assign <-> known",
];

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

/// For each pair of modules side by side of which each uses the other, directly or through others: the pair,
/// and a use of each kind.
fn cycles(source: &Crate) -> BTreeMap<String, String> {
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
    let mut found = BTreeMap::new();
    for (parent, edges) in edges {
        for (a, b) in edges.keys() {
            if reaches(&edges, b, a) {
                let (first, second) = (a.min(b), a.max(b));
                let pair = format!("{}: {first} <-> {second}", parent.join("::"));
                let back = edges.get(&(b.clone(), a.clone()));
                let back = back.map_or("and back through others", String::as_str);
                found.insert(pair, format!("{}; {back}", edges[&(a.clone(), b.clone())]));
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
        .filter(|(pair, _)| !KNOWN_CYCLES.contains(&pair.as_str()))
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
