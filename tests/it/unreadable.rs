//! Members that would fill a role and cannot be read: an error for whoever uses the role, and for nobody else.

use std::path::Path;

use zip::CompressionMethod;

use crate::sparse::f8;
use crate::support::{failure, folder, npy, npz, ptychoarrow, success, text};

/// A scan of six points, of which these members hold raw bytes, which no dtype of Arrow stands for.
fn scan(path: &Path, broken: &[&str]) {
    let vector = f8(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let patterns = f8(&[1.0; 6 * 4]);
    let object = f8(&[1.0; 2 * 49]);
    let index: Vec<u8> = (0..6i64).flat_map(i64::to_le_bytes).collect();
    let member = |name: &str, dtype: &str, shape: &[usize], data: &[u8]| {
        let width = data.len() / shape.iter().product::<usize>();
        let void = format!("'|V{width}'");
        let dtype = if broken.contains(&name) { &void } else { dtype };
        npy(dtype, false, shape, data)
    };
    let members = [
        ("xcoords", member("xcoords", "'<f8'", &[6], &vector)),
        ("ycoords", member("ycoords", "'<f8'", &[6], &vector)),
        (
            "xcoords_start",
            member("xcoords_start", "'<f8'", &[6], &vector),
        ),
        (
            "ycoords_start",
            member("ycoords_start", "'<f8'", &[6], &vector),
        ),
        ("diff3d", member("diff3d", "'<f8'", &[6, 2, 2], &patterns)),
        (
            "objectGuess",
            member("objectGuess", "'<c16'", &[7, 7], &object),
        ),
        ("scan_index", member("scan_index", "'<i8'", &[6], &index)),
    ];
    npz(path, &members, CompressionMethod::Stored);
}

/// What is asked for, as arguments before and after the file.
const CALLS: [(&str, &[&str]); 11] = [
    ("group", &["-o", "OUT.arrow"]),
    ("group", &["-o", "OUT.npz"]),
    ("group", &["--columns", "nn_indices", "-o", "OUT.arrow"]),
    ("group", &["--columns", "object_patches", "-o", "OUT.arrow"]),
    ("norm", &["--measurement", "amplitude"]),
    ("export", &["-o", "OUT.parquet"]),
    ("export", &["--columns", "scan_point", "-o", "OUT.parquet"]),
    ("export", &["--among", "scan_point < 3", "-o", "OUT.npz"]),
    ("sql", &["-c", "SELECT scan_point FROM scan"]),
    ("sql", &["-c", "SELECT * FROM scan"]),
    ("sql", &["-c", "SELECT pattern_sum(diffraction) FROM scan"]),
];

/// Says which of the calls fail for each broken member: those that read it.
const FAILS: [(&str, [bool; 11]); 6] = {
    const F: bool = true;
    const O: bool = false;
    [
        ("xcoords", [F, F, F, F, O, F, O, F, O, F, O]),
        ("ycoords_start", [F, F, O, O, O, F, O, F, O, F, O]),
        ("diff3d", [F, F, O, F, F, F, O, F, O, F, F]),
        ("objectGuess", [O, F, O, F, O, O, O, O, O, O, O]),
        ("scan_index", [O, O, O, O, O, F, O, F, O, F, O]),
        ("", [O, O, O, O, O, O, O, O, O, O, O]),
    ]
};

#[test]
fn a_member_that_cannot_be_read_is_an_error_for_every_job_that_uses_it() {
    for (member, fails) in FAILS {
        for ((command, rest), fails) in CALLS.into_iter().zip(fails) {
            let folder = folder();
            let path = folder.path().join("scan.npz");
            scan(&path, &[member]);
            let file = text(&path);
            let output = text(folder.path().join("OUT"));
            let rest: Vec<String> = rest.iter().map(|arg| arg.replace("OUT", &output)).collect();
            let mut args = vec![command, &file];
            args.extend(rest.iter().map(String::as_str));
            if !fails {
                success(&args);
                continue;
            }
            let (code, said) = failure(&args);
            assert_eq!(code, 1, "{member}: {args:?}: {said}");
            let reason = format!("member `{member}`: found raw bytes");
            assert!(said.contains(&reason), "{member}: {args:?}: {said}");
            let left = std::fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(left, 1, "{member}: {args:?} wrote something");
        }
    }
}

#[test]
fn the_layout_is_recognised_all_the_same() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    for (member, _) in FAILS {
        scan(&path, &[member]);
        let shown = success(&["inspect", &text(&path)]);
        assert!(shown.contains("PtychoPINN raw"), "{member}: {shown}");
        let told = format!("warning      `{member}` would be ");
        assert_eq!(shown.contains(&told), !member.is_empty(), "{shown}");
        let strict = ptychoarrow(&["inspect", &text(&path), "--strict"]);
        let code = i32::from(!member.is_empty());
        assert_eq!(strict.status.code(), Some(code), "{member}");
    }
}
