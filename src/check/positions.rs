//! Checks positions, start positions and frame numbers.

use std::collections::HashSet;

use super::finding::{Code, Finding, Tally, counted, short};
use super::run::Run;
use crate::array::RowSet;
use crate::error::{Remedy, Result};
use crate::group::neighbors::Neighbors;
use crate::group::spacing;
use crate::scan::layout::{Note, Role};
use crate::scan::{Positions, Scan};

/// How many times the median distance to the nearest other position an isolated one is away from any.
const FAR: f64 = 10.0;

/// The number of distinct positions below which none is isolated.
const FEW_PLACES: usize = 4;

/// Checks that the positions are finite, distinct, near others, in a likely unit, and on the object.
///
/// # Errors
/// If they cannot be read.
pub fn check(run: &mut Run, scan: &Scan) -> Result<()> {
    let positions = scan.positions()?;
    check_finite(run, scan, positions, [Role::X, Role::Y]);
    run.findings.extend(duplicates(scan, positions));
    run.findings.extend(isolated(scan, positions));
    let notes = scan.notes_of_positions(positions);
    run.findings
        .extend(notes.iter().filter_map(|note| of_positions(scan, note)));
    Ok(())
}

/// Checks that the start positions are finite.
///
/// # Errors
/// If they cannot be read.
pub fn check_starts(run: &mut Run, scan: &Scan) -> Result<()> {
    let positions = scan.start_positions()?;
    check_finite(run, scan, positions, [Role::XStart, Role::YStart]);
    Ok(())
}

fn check_finite(run: &mut Run, scan: &Scan, positions: &Positions, [x, y]: [Role; 2]) {
    for (role, values) in [(x, &positions.x), (y, &positions.y)] {
        let rows = Tally::of((0..values.len()).filter(|point| !values[*point].is_finite()));
        if rows.count > 0 {
            let (count, at) = (rows.count, scan_points(&rows));
            let found = format!(
                "{count} of {} values of {} not finite: {at}",
                values.len(),
                role.name()
            );
            let remedies = vec![Remedy::CorrectFile, Remedy::LeaveOutPoints];
            let finding = Finding::error(Code::NotFinite, found, remedies);
            run.findings
                .push(finding.of(scan.member(role)).at(count, rows));
        }
    }
}

/// Finds scan points at exactly the position of an earlier one, among those whose position is finite.
fn duplicates(scan: &Scan, positions: &Positions) -> Option<Finding> {
    let rows = Tally::of(positions.repeated(0..positions.len()).into_iter());
    (rows.count > 0).then(|| {
        let (count, at) = (rows.count, rows.rows());
        let points = counted(count, "scan point");
        let found = format!(
            "{points} of {} at exactly the position of an earlier one: {at}",
            positions.len()
        );
        Finding::warning(
            Code::DuplicatePositions,
            found,
            vec![Remedy::LeaveOutPoints],
        )
        .of(scan.member(Role::X))
        .at(count, rows)
    })
}

/// Finds scan points that are much farther from the nearest other position than most.
fn isolated(scan: &Scan, positions: &Positions) -> Option<Finding> {
    let spacing = spacing(positions)?;
    let limit = spacing.median * FAR;
    if spacing.max <= limit || positions.len() - spacing.duplicates < FEW_PLACES {
        return None;
    }
    let points: Vec<u32> = (0..positions.len() as u32)
        .filter(|point| positions.is_finite(*point as usize))
        .collect();
    let neighbors = Neighbors::new(&positions.x, &positions.y, &points);
    let is_far = |point: &u32| {
        let nearest = neighbors.nearest_elsewhere(positions.at(*point as usize));
        nearest.is_some_and(|distance2| distance2.sqrt() > limit)
    };
    let rows = Tally::of(
        points
            .iter()
            .filter(|point| is_far(point))
            .map(|point| *point as usize),
    );
    (rows.count > 0).then(|| {
        let (count, at) = (rows.count, scan_points(&rows));
        let found = format!(
            "{} of {} more than {FAR} times as far from any other as the median of {}: {at}",
            counted(count, "scan point"),
            positions.len(),
            short(spacing.median)
        );
        let remedies = vec![Remedy::LeaveOutPoints, Remedy::CorrectFile];
        Finding::warning(Code::IsolatedPositions, found, remedies)
            .of(scan.layout().member(Role::X))
            .at(count, rows)
    })
}

fn of_positions(scan: &Scan, note: &Note) -> Option<Finding> {
    let (code, count, first) = match note {
        Note::UnlikelyUnit { .. } => (Code::SuspiciousUnit, 1, None),
        Note::OffObject { points, first, .. } => (Code::OffObject, *points as u64, Some(*first)),
        _ => return None,
    };
    let finding = Finding::warning(code, note.facts(), note.remedies());
    Some(Finding {
        count,
        first: first.map(|point| point as u64).into_iter().collect(),
        ..finding.of(scan.member(Role::X))
    })
}

/// Writes `scan point 7`, `scan points 4, 7, 9`.
fn scan_points(rows: &Tally) -> String {
    format!(
        "scan point{} {}",
        if rows.count == 1 { "" } else { "s" },
        rows.rows()
    )
}

/// Checks that the frame numbers are distinct.
///
/// # Errors
/// If they cannot be read.
pub fn check_frame_index(run: &mut Run, scan: &Scan) -> Result<()> {
    let Some(column) = scan.member_column(Role::FrameIndex)? else {
        return Ok(());
    };
    let numbers = column
        .numbers(&RowSet::Range(0..column.num_rows()))?
        .to_i64()?;
    let mut seen = HashSet::new();
    let rows = Tally::of((0..numbers.len()).filter(|point| !seen.insert(numbers[*point])));
    if rows.count > 0 {
        let (count, at) = (rows.count, scan_points(&rows));
        let found = match &numbers[..] {
            [first, ..] if seen.len() == 1 => format!(
                "all {} frame numbers are {first}, which may be the number of the scan",
                numbers.len()
            ),
            _ => format!(
                "{count} of {} frame numbers occur earlier: {at}",
                numbers.len()
            ),
        };
        let finding = Finding::warning(Code::DuplicateFrameIndex, found, Vec::new());
        run.findings
            .push(finding.of(scan.member(Role::FrameIndex)).at(count, rows));
    }
    Ok(())
}
