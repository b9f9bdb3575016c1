//! Checks probe, object and object patches.

use super::finding::{Code, Finding, counted};
use super::run::Run;
use super::summary::{Summary, summaries};
use crate::error::{Remedy, Result};
use crate::scan::Scan;
use crate::scan::layout::{Note, Role};

/// Checks that the probe is finite and not zero.
///
/// # Errors
/// If it cannot be read.
pub fn check_probe(run: &mut Run, scan: &Scan) -> Result<()> {
    let Some(values) = check_finite(run, scan, Role::Probe)? else {
        return Ok(());
    };
    if values.is_constant() && values.max == 0.0 {
        let remedies = vec![Remedy::CorrectFile, Remedy::UseAnotherMember];
        let finding = Finding::error(Code::ZeroProbe, "zeros only", remedies);
        run.findings.push(finding.of(scan.member(Role::Probe)));
    }
    Ok(())
}

/// Checks that the object is finite.
///
/// # Errors
/// If it cannot be read.
pub fn check_object(run: &mut Run, scan: &Scan) -> Result<()> {
    check_finite(run, scan, Role::Object).map(drop)
}

/// Checks that there is one object patch per scan point.
///
/// # Errors
/// If the member cannot be a column.
pub fn check_patches(run: &mut Run, scan: &Scan) -> Result<()> {
    let Some(column) = scan.member_column(Role::ObjectPatches)? else {
        return Ok(());
    };
    let (patches, points) = (column.num_rows(), scan.num_positions());
    if patches != points {
        let found = format!("{patches} object patches, expected {points}, one per scan point");
        let finding = Finding::error(Code::Length, found, vec![Remedy::CorrectFile]);
        run.findings
            .push(finding.of(scan.member(Role::ObjectPatches)));
    }
    Ok(())
}

/// Checks that all values of a role's member are finite, and returns their summary; `None` if there is no
/// such member, or if it holds no numbers.
fn check_finite(run: &mut Run, scan: &Scan, role: Role) -> Result<Option<Summary>> {
    let Some(column) = scan.member_column(role)? else {
        return Ok(None);
    };
    let member = scan.member(role);
    if !column.scalar().is_number() {
        let found = format!("text or times as {}", role.name());
        let remedies = vec![Remedy::SaveAs("complex numbers")];
        run.findings
            .push(Finding::error(Code::Dtype, found, remedies).of(member));
        return Ok(None);
    }
    let values = summaries(&column, |_| Ok(()))?
        .iter()
        .fold(Summary::default(), Summary::with);
    if values.not_finite > 0 {
        let parts = if column.scalar().is_complex() {
            ", real and imaginary parts counted each"
        } else {
            ""
        };
        let total =
            column.num_rows() * column.row_len() * if column.scalar().is_complex() { 2 } else { 1 };
        let found = format!(
            "{} of {} not finite{parts}",
            values.not_finite,
            counted(total as u64, "value")
        );
        let finding = Finding::error(Code::NotFinite, found, vec![Remedy::CorrectFile]);
        run.findings.push(Finding {
            count: values.not_finite,
            ..finding.of(member)
        });
    }
    Ok(Some(values))
}

/// Returns what is odd about the axes of the probe; of a probe that cannot be used too.
pub fn probe_axes(scan: &Scan) -> impl Iterator<Item = Finding> {
    let finding = |note: &Note| {
        let (code, member) = match note {
            Note::ProbeShape { member, .. } => (Code::ProbeShape, member),
            Note::OpenProbeAxis { member, .. } | Note::ProbePerPoint { member, .. } => {
                (Code::ProbeModes, member)
            }
            _ => return None,
        };
        Some(Finding::warning(code, note.facts(), note.remedies()).of(Some(member)))
    };
    scan.layout().notes.iter().filter_map(finding)
}
