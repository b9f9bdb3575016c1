//! A run that is killed leaves nothing: no half-written output, no scratch file.
//!
//! The kernel kills the run at a known place: a limit on the size of files (`ulimit -f`) ends a process by
//! SIGXFSZ, which no code of the run handles, in the midst of the write that passes the limit. Linux only:
//! elsewhere a scratch file or an output may have a name while it is written.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use zip::CompressionMethod;

use crate::sparse::{f8, npy, sparse};
use crate::support::{folder, npz, text};

/// The limit on the size of a file, in the blocks of `ulimit -f`: of 512 bytes in most shells, of 1024 in
/// others.
const LIMIT_BLOCKS: u64 = 16 << 10;
/// What the outputs together may announce before they are written; a run refuses to start where this is not
/// free.
const NEEDED_BYTES: u64 = 1 << 30;
const SIGXFSZ: i32 = 25;

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn check_space(folder: &Path) {
    let disk = rustix::fs::statvfs(folder).unwrap();
    let free = disk.f_bavail * disk.f_frsize;
    assert!(
        free >= NEEDED_BYTES,
        "this test needs 1 GiB of free space in {}, where {free} bytes are free; set TMPDIR to a folder with more",
        folder.display()
    );
}

/// Runs the command until a file it writes reaches the limit, which kills it, and looks at what is left.
fn killed(args: &[&str], work: &Path, scratch: &Path) {
    let before = (names(work), names(scratch));
    let script = format!("ulimit -c 0; ulimit -f {LIMIT_BLOCKS}; exec \"$0\" \"$@\"");
    let status = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_ptychoarrow")])
        .args(args)
        .env("TMPDIR", scratch)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(
        status.signal(),
        Some(SIGXFSZ),
        "{args:?} was to be killed as it wrote, but: {status}"
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
    check_space(work.path());
    let path = work.path().join("scan.npz");
    // 52 MB of patterns; the largest output is `groups.npz` with 420 MB.
    sparse(&path, 200);
    let input = path.to_str().unwrap();
    let run = |args: &[&str], output: &str| {
        let output = text(work.path().join(output));
        killed(
            &[args, &["-o", &output]].concat(),
            work.path(),
            scratch.path(),
        );
    };
    run(&["align", input], "aligned.npz");
    run(&["group", input], "groups.arrow");
    // Patterns of zeros have no factor of their own.
    run(&["group", input, "--norm", "1"], "groups.npz");
    run(&["export", input], "scan.arrow");
    run(
        &["export", input, "--among", "scan_point % 2 = 0"],
        "clean.npz",
    );
    // What was there stays.
    let there = work.path().join("there.arrow");
    std::fs::write(&there, b"precious").unwrap();
    run(&["export", input, "--force"], "there.arrow");
    assert_eq!(std::fs::read(&there).unwrap(), b"precious");
}

#[test]
fn a_killed_run_leaves_no_scratch_file() {
    let (work, scratch) = (folder(), folder());
    check_space(scratch.path());
    let path = work.path().join("deflated.npz");
    let (len, side) = (1024, 128);
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
    let output = text(work.path().join("out.arrow"));
    let inflate = ["--inflate-memory", "0B"];
    for args in [&["export", input, "-o", &output][..], &["norm", input]] {
        killed(&[args, &inflate].concat(), work.path(), scratch.path());
    }
}
