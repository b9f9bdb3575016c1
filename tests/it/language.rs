//! The language of the library: only the command line speaks of its own options.

use std::path::Path;

use crate::layers::sources;
use crate::support::crate_folder;

/// Sources that speak for a front end: the command line, and SQL where it refers to the command line.
const FRONT_ENDS: &[&str] = &["cli", "sql/terms.rs"];

/// Returns the options of the command line in a line of code: two hyphens and a word, at the start of a word.
fn options(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in line.match_indices("--") {
        let before = line[..at].chars().next_back();
        let word: String = line[at + 2..]
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '-')
            .collect();
        let is_start = before.is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '-' | '|' | ')'));
        if is_start && word.starts_with(|c: char| c.is_ascii_lowercase()) {
            found.push(format!("--{word}"));
        }
    }
    found
}

#[test]
fn the_library_does_not_speak_of_options_of_the_command_line() {
    let src = crate_folder().join("src");
    let mut found = String::new();
    for file in sources(&src) {
        let relative = file.strip_prefix(&src).unwrap();
        let is_under = |folder: &&str| {
            relative.starts_with(folder) || relative == Path::new(folder).with_extension("rs")
        };
        if FRONT_ENDS.iter().any(is_under) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            for option in options(line) {
                found += &format!("{}:{}: {option}\n", relative.display(), number + 1);
            }
        }
    }
    assert!(
        found.is_empty(),
        "name a parameter instead, and let the front end spell it:\n{found}"
    );
}

#[test]
fn options_are_found_where_they_are() {
    assert_eq!(
        options("\"raise --neighbors, or `--n-groups`\""),
        ["--neighbors", "--n-groups"]
    );
    assert!(options("|---|---|  a--b  --5 --").is_empty());
}
