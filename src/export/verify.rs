//! Reads a new archive back before it replaces the one that it was made of.

use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::npz::{Member, NpzFile};

/// Describes a member that the new archive must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The member's name, without `.npy`.
    pub name: String,
    /// The lengths of its axes; `None` if it is not an array that this crate reads.
    pub shape: Option<Vec<usize>>,
}

impl Expected {
    /// Describes a copy of a member.
    pub fn of(member: &Member) -> Self {
        Self {
            name: member.name.clone(),
            shape: member.array.as_ref().ok().map(|info| info.shape.clone()),
        }
    }
}

/// Reads every member of the archive at `new` to its end, which compares its CRC-32, and compares names and shapes with
/// what is expected. `path` is the output's name in messages.
///
/// # Errors
/// If anything differs.
pub fn verify(new: &Path, path: &Path, expected: impl Iterator<Item = Expected>) -> Result<()> {
    let differs = |problem: Box<dyn std::error::Error + Send + Sync>| Error::External {
        action: format!(
            "{}: the new file does not read back as it was written, and the old one is kept",
            path.display()
        ),
        source: problem,
    };
    let npz = NpzFile::open(new).map_err(|e| differs(e.into()))?;
    let found: Vec<Expected> = npz.members().iter().map(Expected::of).collect();
    let expected: Vec<Expected> = expected.collect();
    if found != expected {
        let first = expected
            .iter()
            .zip(&found)
            .find(|(expected, found)| expected != found);
        let problem = match first {
            Some((expected, found)) => format!("found {found:?}, expected {expected:?}"),
            None => format!("found {} members, expected {}", found.len(), expected.len()),
        };
        return Err(differs(problem.into()));
    }
    for member in &found {
        let mut bytes = npz.raw(&member.name).map_err(|e| differs(e.into()))?;
        io::copy(&mut bytes, &mut io::sink())
            .map_err(|e| differs(format!("member `{}`: {e}", member.name).into()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npz::write::NpzWriter;
    use std::io::Write;

    fn archive(path: &Path) -> Vec<Expected> {
        let mut writer = NpzWriter::new(std::fs::File::create(path).unwrap());
        writer.begin("a", "<i4", &[3], 12).unwrap();
        writer.write_all(&[7; 12]).unwrap();
        writer.begin("b", "|u1", &[2, 2], 4).unwrap();
        writer.write_all(&[9; 4]).unwrap();
        writer.finish().unwrap();
        let expected = |name: &str, shape: &[usize]| Expected {
            name: name.to_string(),
            shape: Some(shape.to_vec()),
        };
        vec![expected("a", &[3]), expected("b", &[2, 2])]
    }

    #[test]
    fn what_differs_is_told_and_what_does_not_passes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new.npz");
        let expected = archive(&path);
        let verify = |expected: &[Expected]| {
            let expected = expected.iter().cloned();
            verify(&path, Path::new("scan.npz"), expected).map_err(|error| error.report())
        };
        verify(&expected).unwrap();
        let mut other = expected.clone();
        other[1].shape = Some(vec![4]);
        assert!(verify(&other).unwrap_err().contains("[2, 2]"));
        assert!(
            verify(&expected[..1])
                .unwrap_err()
                .contains("found 2 members, expected 1")
        );
        // One byte of the data is another one.
        let mut bytes = std::fs::read(&path).unwrap();
        let at = bytes.windows(4).position(|four| four == [9; 4]).unwrap();
        bytes[at] = 8;
        std::fs::write(&path, bytes).unwrap();
        let said = verify(&expected).unwrap_err();
        assert!(
            said.starts_with("scan.npz: the new file does not read back"),
            "{said}"
        );
        assert!(said.contains("member `b`"), "{said}");
    }
}
