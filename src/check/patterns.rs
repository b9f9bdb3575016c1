//! Checks the patterns, one frame at a time.

use super::finding::{Code, Finding, Tally, counted, short};
use super::run::Run;
use super::summary::{Summary, summaries};
use crate::error::{Remedy, Result};
use crate::npz::Scalar;
use crate::scan::Scan;
use crate::scan::layout::Role;
use crate::table::Table;

/// The fraction of the median sum below which a frame is dead.
const DEAD: f64 = 0.01;

/// The number of pixels at the largest value of all frames that makes a frame saturated.
const CLIPPED: u64 = 4;

/// Checks all patterns in one pass.
///
/// # Errors
/// If they cannot be read.
pub fn check(run: &mut Run, scan: &Scan) -> Result<()> {
    let Some(patterns) = scan.diffraction() else {
        return Ok(());
    };
    let member = scan.member(Role::Diffraction);
    if patterns.row_len() == 0 {
        let found = format!(
            "frames of shape {:?}, without a pixel",
            patterns.row_shape()
        );
        let finding = Finding::error(Code::Length, found, vec![Remedy::CorrectFile]);
        run.findings.push(finding.of(member));
        return Ok(());
    }
    let frames = summaries(patterns, |bytes| {
        scan.check_unchanged()?;
        run.advance_to(run.done.saturating_add(bytes));
        Ok(())
    })?;
    let found = [
        not_finite(&frames),
        negative(&frames),
        dead(&frames),
        constant(&frames, patterns.row_len()),
    ];
    run.findings.extend(
        found
            .into_iter()
            .flatten()
            .map(|finding| finding.of(member)),
    );
    run.findings
        .extend(saturated(&frames, patterns.scalar()).map(|finding| finding.of(member)));
    Ok(())
}

fn frames_where(frames: &[Summary], is_so: impl Fn(&Summary) -> bool) -> Tally {
    Tally::of((0..frames.len()).filter(|frame| is_so(&frames[*frame])))
}

/// Writes `3 of 516 frames`.
fn out_of(rows: &Tally, frames: &[Summary]) -> String {
    format!(
        "{} of {}",
        rows.count,
        counted(frames.len() as u64, "frame")
    )
}

fn not_finite(frames: &[Summary]) -> Option<Finding> {
    let rows = frames_where(frames, |frame| frame.not_finite > 0);
    let count: u64 = frames.iter().map(|frame| frame.not_finite).sum();
    (count > 0).then(|| {
        let (values, of, at) = (counted(count, "value"), out_of(&rows, frames), rows.rows());
        let found = format!("{values} not finite, in {of}: {at}");
        let remedies = vec![Remedy::SetToZero, Remedy::LeaveOutPoints];
        Finding::error(Code::NotFinite, found, remedies).at(count, rows)
    })
}

fn negative(frames: &[Summary]) -> Option<Finding> {
    let rows = frames_where(frames, |frame| frame.negative > 0);
    let count: u64 = frames.iter().map(|frame| frame.negative).sum();
    (count > 0).then(|| {
        let (values, of, at) = (counted(count, "value"), out_of(&rows, frames), rows.rows());
        let found = format!("{values} below 0, in {of}: {at}");
        Finding::warning(Code::Negative, found, vec![Remedy::SetToZero]).at(count, rows)
    })
}

fn dead(frames: &[Summary]) -> Option<Finding> {
    let median = median_sum(frames);
    // A median that is 0, negative or infinite says nothing about the other frames.
    let limit = if median.is_finite() && median > 0.0 {
        median * DEAD
    } else {
        f64::NEG_INFINITY
    };
    let rows = frames_where(frames, |frame| {
        frame.has_values() && (frame.sum == 0.0 || frame.sum < limit)
    });
    (rows.count > 0).then(|| {
        let (count, of, at) = (rows.count, out_of(&rows, frames), rows.rows());
        let median = short(median);
        let found =
            format!("a sum of 0, or below 1 % of the median frame's {median}, in {of}: {at}");
        Finding::warning(Code::DeadFrames, found, vec![Remedy::LeaveOutPoints]).at(count, rows)
    })
}

/// Returns the median sum of the frames that have finite values; 0 if there are none.
fn median_sum(frames: &[Summary]) -> f64 {
    let mut sums: Vec<f64> = frames
        .iter()
        .filter(|frame| frame.has_values())
        .map(|frame| frame.sum)
        .collect();
    sums.sort_unstable_by(f64::total_cmp);
    match sums.len() {
        0 => 0.0,
        len => f64::midpoint(sums[(len - 1) / 2], sums[len / 2]),
    }
}

fn constant(frames: &[Summary], pixels: usize) -> Option<Finding> {
    // A frame of a single pixel is always constant.
    let rows = frames_where(frames, |frame| {
        pixels > 1 && frame.is_constant() && frame.max != 0.0
    });
    (rows.count > 0).then(|| {
        let (count, of, at) = (rows.count, out_of(&rows, frames), rows.rows());
        let found = format!("one value, not 0, in all pixels of {of}: {at}");
        Finding::warning(Code::ConstantFrames, found, vec![Remedy::LeaveOutPoints]).at(count, rows)
    })
}

fn saturated(frames: &[Summary], scalar: Scalar) -> Option<Finding> {
    let largest = frames
        .iter()
        .map(|frame| frame.max)
        .fold(f64::NEG_INFINITY, f64::max);
    let (is_saturated, rule): (&dyn Fn(&Summary) -> bool, String) = match largest_of(scalar) {
        // Of the two values of booleans, one is the largest and the other the next lower one.
        _ if scalar == Scalar::Bool || largest <= 0.0 => return None,
        Some(limit) if largest == limit => (
            &|frame| frame.max == largest,
            format!(
                "a pixel at {}, the largest value of the dtype",
                short(largest)
            ),
        ),
        _ => {
            let is_flat = |frame: &Summary| frame.at_max >= CLIPPED && frame.at_max > frame.at_next;
            let rule = format!(
                "at least {CLIPPED} pixels at {}, the largest value of all frames, and fewer at the next lower value",
                short(largest)
            );
            (
                &move |frame| frame.max == largest && is_flat(frame) && !frame.is_constant(),
                rule,
            )
        }
    };
    let rows = frames_where(frames, is_saturated);
    (rows.count > 0).then(|| {
        let (count, of, at) = (rows.count, out_of(&rows, frames), rows.rows());
        let found = format!("{rule}, in {of}: {at}");
        let remedies = vec![Remedy::MaskPixels, Remedy::SetToZero];
        Finding::warning(Code::SaturatedFrames, found, remedies).at(count, rows)
    })
}

/// Returns the largest value of an integer dtype of up to 32 bits: no detector counts to 2^63.
fn largest_of(scalar: Scalar) -> Option<f64> {
    match scalar {
        Scalar::Int8 => Some(f64::from(i8::MAX)),
        Scalar::UInt8 => Some(f64::from(u8::MAX)),
        Scalar::Int16 => Some(f64::from(i16::MAX)),
        Scalar::UInt16 => Some(f64::from(u16::MAX)),
        Scalar::Int32 => Some(f64::from(i32::MAX)),
        Scalar::UInt32 => Some(f64::from(u32::MAX)),
        _ => None,
    }
}
