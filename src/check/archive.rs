//! Members: whether their bytes are those that were written, and whether they are arrays.

use std::io::{ErrorKind, Read};

use super::{Finding, Run};
use crate::error::{Error, Result};
use crate::npz::Member;
use crate::scan::ScanOptions;

/// Bytes read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// Where PtychoPINN keeps what it knows of a file, as a pickled dict. Nothing here needs it.
const METADATA: &str = "_metadata";

/// Members that a scan needs, by the names they have in the programs that write them. A list of its own: a file that is
/// no scan because such a member is pickled has no layout to ask.
const NAMES_OF_ROLES: &[&str] = &[
    "xcoords",
    "ycoords",
    "xcoords_start",
    "ycoords_start",
    "probe_position_x_m",
    "probe_position_y_m",
    "ppX",
    "ppY",
    "x",
    "y",
    "posx",
    "posy",
    "position",
    "positions",
    "scan",
    "points",
    "encoder",
    "translation",
    "coords",
    "diffraction",
    "diff3d",
    "patterns",
    "data",
    "reciprocal",
    "dp",
    "diffamp",
    "det_data",
    "ptychogram",
    "images",
    "diffraction_patterns",
    "arr_0",
    "probeGuess",
    "probe",
    "initial_probe",
    "illumination",
    "reconstructed_probe",
    "objectGuess",
    "object",
    "obj",
    "psi",
    "reconstructed_object",
    "Y",
    "scan_index",
    "indexes",
    "probe_position_indexes",
];

/// Reads every member to its end; says how many bytes that were.
///
/// # Errors
/// If the file cannot be read, or changes meanwhile.
pub fn check(run: &mut Run, options: &ScanOptions) -> Result<u64> {
    let npz = run.npz;
    for note in npz.notes() {
        let hint = "save the file again, with every name once";
        run.findings
            .push(Finding::warning("duplicate-member", note.to_string(), hint));
    }
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0;
    for member in npz.members() {
        let end = run.done.saturating_add(member.size);
        let damage = read(run, member, &mut buffer, &mut bytes)?;
        run.advance_to(end);
        run.findings.extend(match (damage, &member.array) {
            (Some(found), _) => Some(damaged(member, &found)),
            (None, Err(problem)) => refused(member, &problem.to_string(), options),
            (None, Ok(_)) => None,
        });
    }
    Ok(bytes)
}

/// Reads a member to its end; what is wrong with its bytes, if anything is.
fn read(
    run: &mut Run,
    member: &Member,
    buffer: &mut [u8],
    bytes: &mut u64,
) -> Result<Option<String>> {
    // Where the archive cannot even say where it is, there is no array either, for that reason.
    let Ok(mut reader) = run.npz.raw(&member.name) else {
        return Ok(None);
    };
    loop {
        run.npz.check_unchanged()?;
        match reader.read(buffer) {
            Ok(0) => return Ok(None),
            Ok(read) => {
                *bytes += read as u64;
                run.advance_to(run.done.saturating_add(read as u64));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                return Ok(Some(error.to_string()));
            }
            Err(error) => {
                let io = |error| Error::io(run.npz.path(), "read", error);
                return Err(error.downcast::<Error>().unwrap_or_else(io));
            }
        }
    }
}

fn damaged(member: &Member, found: &str) -> Finding {
    let crc = member
        .crc32
        .map(|crc| format!(", CRC-32 {crc:08x}"))
        .unwrap_or_default();
    let found = format!("{found}; expected {} bytes{crc}", member.size);
    Finding::error("crc", found, "the file is damaged: copy or save it again")
        .of(Some(&member.name))
}

fn refused(member: &Member, reason: &str, options: &ScanOptions) -> Option<Finding> {
    let named = || {
        options
            .layout
            .roles
            .iter()
            .any(|(_, name)| *name == member.name)
    };
    // A bare `.npy` has no CRC, and no other member.
    let is_all_there_is = member.crc32.is_none();
    let hint = "save it again as a plain array of numbers, text or times";
    let finding = match () {
        () if is_all_there_is || is_named_like_a_role(&member.name) || named() => {
            Finding::error("refused-member", reason, hint)
        }
        () if member.name == METADATA => return None,
        () => Finding::warning("refused-member", reason, hint),
    };
    Some(finding.of(Some(&member.name)))
}

/// In another case too, but for names of one letter: `X` may be anything.
fn is_named_like_a_role(member: &str) -> bool {
    NAMES_OF_ROLES
        .iter()
        .any(|name| member == *name || name.len() > 1 && member.eq_ignore_ascii_case(name))
}
