//! Checks that the bytes of every member are those that were written, and that members are arrays.

use std::io::{ErrorKind, Read};

use super::finding::{Code, Finding};
use super::run::Run;
use crate::error::{Error, Remedy, Result};
use crate::npz::{Member, MemberProblem};
use crate::scan::ScanOptions;
use crate::scan::layout::known_names;

/// The number of bytes read at a time.
const BUFFER_BYTES: usize = 1 << 20;

/// The member in which PtychoPINN keeps what it knows of a file, as a pickled dictionary; no scan needs it.
const METADATA: &str = "_metadata";

/// Reads every member to its end, and returns how many bytes that were.
///
/// A compressed member that `is_used` later, or that was inflated already, is inflated and kept, which verifies its bytes:
/// no member is inflated twice.
///
/// # Errors
/// If the file cannot be read, or changes meanwhile.
pub fn check(run: &mut Run, options: &ScanOptions, is_used: impl Fn(&str) -> bool) -> Result<u64> {
    let npz = run.npz;
    for note in npz.notes() {
        let remedies = vec![Remedy::SaveWithUniqueNames];
        run.findings.push(Finding::warning(
            Code::DuplicateMember,
            note.to_string(),
            remedies,
        ));
    }
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut bytes = 0;
    for member in npz.members() {
        let end = run.done.saturating_add(member.size);
        let damage = match kept(run, member, &is_used)? {
            Some(damage) => {
                bytes += member.size;
                damage
            }
            None => read(run, member, &mut buffer, &mut bytes)?,
        };
        run.advance_to(end);
        run.findings.extend(match (damage, &member.array) {
            (Some(found), _) => Some(damaged(member, &found)),
            (None, Err(problem)) => refused(member, problem, options),
            (None, Ok(_)) => None,
        });
    }
    Ok(bytes)
}

/// Inflates a member whose values are looked at as well, and returns what is wrong with its bytes, if anything is; none
/// if the member is no such one, or if nothing can hold it.
fn kept(
    run: &Run,
    member: &Member,
    is_used: impl Fn(&str) -> bool,
) -> Result<Option<Option<String>>> {
    let name = &member.name;
    let is_compressed = member.array.is_ok() && run.npz.inflates_to(name).is_some();
    if !is_compressed || !(is_used(name) || run.npz.is_inflated(name)) {
        return Ok(None);
    }
    run.npz.check_unchanged()?;
    match run.npz.array(name) {
        Ok(_) => Ok(Some(None)),
        Err(Error::BadMember { found, .. }) => Ok(Some(Some(found))),
        Err(error @ Error::FileChanged { .. }) => Err(error),
        Err(_) => Ok(None),
    }
}

/// Reads a member to its end, and returns what is wrong with its bytes, if anything is.
fn read(
    run: &mut Run,
    member: &Member,
    buffer: &mut [u8],
    bytes: &mut u64,
) -> Result<Option<String>> {
    // A member whose place is unknown is no array for that reason, which is a finding of its own.
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
    Finding::error(Code::Crc, found, vec![Remedy::CopyAgain]).of(Some(&member.name))
}

fn refused(member: &Member, problem: &MemberProblem, options: &ScanOptions) -> Option<Finding> {
    let named = || {
        options
            .layout
            .roles
            .iter()
            .any(|(_, name)| *name == member.name)
    };
    // A bare `.npy` has no CRC, and no other member.
    let is_all_there_is = member.crc32.is_none();
    let (reason, remedies) = (problem.to_string(), problem.remedies());
    let finding = match () {
        () if is_all_there_is || is_named_like_a_role(&member.name) || named() => {
            Finding::error(Code::RefusedMember, reason, remedies)
        }
        () if member.name == METADATA => return None,
        () => Finding::warning(Code::RefusedMember, reason, remedies),
    };
    Some(finding.of(Some(&member.name)))
}

/// Returns whether a member has the name of a role, in another case too, but for names of one letter: `X` may
/// be anything.
fn is_named_like_a_role(member: &str) -> bool {
    known_names().any(|name| member == name || name.len() > 1 && member.eq_ignore_ascii_case(name))
}
