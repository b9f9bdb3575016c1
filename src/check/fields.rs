//! Probe, object, and patches of it.

use super::summary::{Summary, summaries};
use super::{Finding, Run, counted};
use crate::error::Result;
use crate::scan::Scan;
use crate::scan::layout::Role;

/// Finite, not zero, as large as a pattern.
///
/// # Errors
/// If it cannot be read.
pub fn check_probe(run: &mut Run, scan: &Scan) -> Result<()> {
    run.findings.extend(probe_shape(scan));
    let Some(values) = check_finite(run, scan, Role::Probe)? else {
        return Ok(());
    };
    if values.is_constant() && values.max == 0.0 {
        let finding = Finding::error(
            "zero-probe",
            "zeros only",
            "save it again with the illumination in it",
        );
        run.findings
            .push(finding.of(scan.layout().member(Role::Probe)));
    }
    Ok(())
}

/// Finite.
///
/// # Errors
/// If it cannot be read.
pub fn check_object(run: &mut Run, scan: &Scan) -> Result<()> {
    check_finite(run, scan, Role::Object).map(drop)
}

/// One a scan point.
///
/// # Errors
/// If the member cannot be a column.
pub fn check_patches(run: &mut Run, scan: &Scan) -> Result<()> {
    let Some(column) = scan.member_column(Role::ObjectPatches)? else {
        return Ok(());
    };
    let (patches, points) = (column.num_rows(), scan.num_positions());
    if patches != points {
        let found = format!("{patches} object patches, expected {points}, one a scan point");
        let finding = Finding::error(
            "length",
            found,
            "leave them out, or save those of this scan",
        );
        run.findings
            .push(finding.of(scan.layout().member(Role::ObjectPatches)));
    }
    Ok(())
}

/// All values of a role's member, if it has one that holds numbers.
fn check_finite(run: &mut Run, scan: &Scan, role: Role) -> Result<Option<Summary>> {
    let Some(column) = scan.member_column(role)? else {
        return Ok(None);
    };
    let member = scan.layout().member(role);
    if !column.scalar().is_number() {
        let found = format!("text or times as {}", role.name());
        run.findings
            .push(Finding::error("dtype", found, "save it again as complex numbers").of(member));
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
        let finding = Finding::error(
            "not-finite",
            found,
            "correct them: one is enough to spoil a reconstruction",
        );
        run.findings.push(Finding {
            count: values.not_finite,
            ..finding.of(member)
        });
    }
    Ok(Some(values))
}

/// A probe is multiplied with patches of the size of a pattern.
fn probe_shape(scan: &Scan) -> Option<Finding> {
    let member = scan.layout().member(Role::Probe)?;
    let (shape, pattern) = (
        &scan.npz().info(member)?.shape,
        scan.diffraction()?.row_shape(),
    );
    let image = match &shape[..] {
        [image @ .., 1] if image.len() > 1 => image,
        shape => shape,
    };
    (!image.ends_with(pattern)).then(|| {
        let found = format!("shape {shape:?}, patterns have {pattern:?}");
        let hint = "crop or pad the probe to the patterns";
        Finding::warning("probe-shape", found, hint).of(Some(member))
    })
}
