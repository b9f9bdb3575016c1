//! A run that is killed leaves nothing: no half output, no scratch file. Linux only: how far a run is, /proc tells.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use zip::CompressionMethod;

use crate::sparse::{f8, npy, sparse};
use crate::support::{folder, npz};

/// Bytes a process has written so far.
fn written(process: u32) -> Option<u64> {
    let io = std::fs::read_to_string(format!("/proc/{process}/io")).ok()?;
    io.lines()
        .find_map(|line| line.strip_prefix("wchar: "))?
        .parse()
        .ok()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Kills the command once it has written `after` bytes, and looks at what is left.
fn killed(args: &[&str], work: &Path, scratch: &Path, after: u64) {
    let before = (names(work), names(scratch));
    let mut child = Command::new(env!("CARGO_BIN_EXE_ptychoarrow"))
        .args(args)
        .env("TMPDIR", scratch)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while written(child.id()).is_some_and(|bytes| bytes < after) {
        assert!(
            child.try_wait().unwrap().is_none(),
            "{args:?} ended before it had written {after} bytes"
        );
        assert!(Instant::now() < deadline, "{args:?} writes nothing");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9),
        "{args:?} was killed in its work"
    );
    assert_eq!(
        (names(work), names(scratch)),
        before,
        "{args:?} left something behind"
    );
}

#[test]
fn a_killed_run_leaves_no_output() {
    let (work, scratch) = (folder(), folder());
    let path = work.path().join("scan.npz");
    sparse(&path, 20_000);
    let (input, at) = (path.to_str().unwrap(), |name: &str| {
        work.path().join(name).to_str().unwrap().to_string()
    });
    let after = 20 << 20;
    killed(
        &["align", input, "-o", &at("aligned.npz")],
        work.path(),
        scratch.path(),
        after,
    );
    killed(
        &["group", input, "-o", &at("groups.arrow")],
        work.path(),
        scratch.path(),
        after,
    );
    killed(
        &["group", input, "-o", &at("groups.npz")],
        work.path(),
        scratch.path(),
        after,
    );
    killed(
        &["export", input, "-o", &at("scan.arrow")],
        work.path(),
        scratch.path(),
        after,
    );
    let clean = [
        "export",
        input,
        "--among",
        "scan_point % 2 = 0",
        "-o",
        &at("clean.npz"),
    ];
    killed(&clean, work.path(), scratch.path(), after);
    // What was there stays.
    std::fs::write(at("there.arrow"), b"precious").unwrap();
    killed(
        &["export", input, "-o", &at("there.arrow"), "--force"],
        work.path(),
        scratch.path(),
        after,
    );
    assert_eq!(std::fs::read(at("there.arrow")).unwrap(), b"precious");
}

#[test]
fn a_killed_run_leaves_no_scratch_file() {
    let (work, scratch) = (folder(), folder());
    let path = work.path().join("deflated.npz");
    let (len, side) = (8192, 128);
    let positions = npy("'<f8'", false, &[len], &f8(&vec![1.0; len]));
    let patterns = npy(
        "'<u2'",
        false,
        &[len, side, side],
        &vec![0; len * side * side * 2],
    );
    let members = [
        ("xcoords", positions.clone()),
        ("ycoords", positions),
        ("diff3d", patterns),
    ];
    npz(&path, &members, CompressionMethod::Deflated);
    let input = path.to_str().unwrap();
    let output = work.path().join("out.arrow").to_str().unwrap().to_string();
    let inflate = ["--inflate-memory", "0B"];
    killed(
        &[&["export", input, "-o", &output][..], &inflate].concat(),
        work.path(),
        scratch.path(),
        1 << 20,
    );
    killed(
        &[&["norm", input][..], &inflate].concat(),
        work.path(),
        scratch.path(),
        1 << 20,
    );
}
