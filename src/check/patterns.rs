//! Checks the patterns, one frame at a time.

use super::finding::{Code, Finding, Tally, counted, short};
use super::frames::{Look, Seen};
use super::run::Run;
use super::summary::Summary;
use crate::array::Marks;
use crate::error::{Remedy, Result};
use crate::npz::Scalar;
use crate::scan::layout::{Measurement, Role};
use crate::scan::{BadValue, Scan};
use crate::table::Table;

/// The fraction of the median sum below which a frame is dead.
const DEAD: f64 = 0.01;

/// The number of pixels at the largest value of all frames that makes a frame saturated.
const CLIPPED: u64 = 4;

/// How many times as large as its neighbours the value of a hot pixel is.
const HOT: f64 = 10.0;

/// The fraction of the frames in which a hot pixel stands out.
const HOT_FRAMES: f64 = 0.9;

/// The number of frames below which nothing is said of hot pixels.
const FEW_FRAMES: usize = 4;

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
    let marks = scan.all_marks()?;
    let shape = match patterns.row_shape() {
        [height, width] if !patterns.scalar().is_complex() => Some([*height, *width]),
        _ => None,
    };
    let stored = patterns.clone().without_marks();
    let look = Look {
        frames: &stored,
        marks: marks.as_deref(),
        shape,
        hot: match scan.measurement() {
            Measurement::Amplitude => HOT.sqrt(),
            Measurement::Intensity | Measurement::Unknown => HOT,
        },
    };
    let seen = look.at_all(|bytes| {
        scan.check_unchanged()?;
        run.advance_to(run.done.saturating_add(bytes));
        Ok(())
    })?;
    tell_masked(run, scan, marks.as_deref(), &seen);
    let (frames, remedy) = (&seen.frames, scan.mask_remedy(true));
    let found = [
        not_finite(frames, &remedy),
        negative(frames, &remedy),
        dead(frames),
        constant(frames, patterns.row_len() - run.masked_pixels.unwrap_or(0)),
        saturated(frames, patterns.scalar(), &remedy),
        repeated(&seen),
        hot(&seen, shape, &remedy),
    ];
    let found = found.into_iter().flatten();
    run.findings.extend(found.map(|finding| finding.of(member)));
    Ok(())
}

/// Keeps how many pixels are masked, and how many values mark others.
fn tell_masked(run: &mut Run, scan: &Scan, marks: Option<&Marks>, seen: &Seen) {
    let places = marks.and_then(|marks| marks.places.as_ref());
    let masked = places.map(|places| places.iter().filter(|bad| **bad).count());
    run.masked_pixels = masked;
    if !scan.bad_pixels().values.is_empty() {
        let by_mask = masked.unwrap_or(0) as u64 * seen.frames.len() as u64;
        run.marked_values = Some(seen.marked.saturating_sub(by_mask));
    }
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

fn not_finite(frames: &[Summary], mask: &Remedy) -> Option<Finding> {
    let rows = frames_where(frames, |frame| frame.not_finite > 0);
    let count: u64 = frames.iter().map(|frame| frame.not_finite).sum();
    (count > 0).then(|| {
        let (values, of, at) = (counted(count, "value"), out_of(&rows, frames), rows.rows());
        let found = format!("{values} not finite, in {of}: {at}");
        let mark = Remedy::MarkBadValue("nan".to_string());
        let remedies = vec![mask.clone(), mark, Remedy::LeaveOutPoints];
        Finding::error(Code::NotFinite, found, remedies).at(count, rows)
    })
}

fn negative(frames: &[Summary], mask: &Remedy) -> Option<Finding> {
    let rows = frames_where(frames, |frame| frame.negative > 0);
    let count: u64 = frames.iter().map(|frame| frame.negative).sum();
    (count > 0).then(|| {
        let (values, of, at) = (counted(count, "value"), out_of(&rows, frames), rows.rows());
        let found = format!("{values} below 0, in {of}: {at}");
        let smallest = frames.iter().map(|frame| frame.min);
        let smallest = smallest.fold(f64::INFINITY, f64::min);
        let mark = (smallest.fract() == 0.0).then(|| mark(smallest));
        let remedies = [mask.clone()].into_iter().chain(mark).collect();
        Finding::warning(Code::Negative, found, remedies).at(count, rows)
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

fn saturated(frames: &[Summary], scalar: Scalar, mask: &Remedy) -> Option<Finding> {
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
        let remedies = vec![mask.clone(), mark(largest), Remedy::LeaveOutPoints];
        Finding::warning(Code::SaturatedFrames, found, remedies).at(count, rows)
    })
}

fn mark(value: f64) -> Remedy {
    Remedy::MarkBadValue(BadValue::of(value).to_string())
}

/// Finds frames that were there before, unless they are dead or constant.
fn repeated(seen: &Seen) -> Option<Finding> {
    let is_exposure = |frame: &&usize| {
        let summary = &seen.frames[**frame];
        summary.sum != 0.0 && !summary.is_constant()
    };
    let rows = Tally::of(seen.repeated.iter().filter(is_exposure).copied());
    (rows.count > 0).then(|| {
        let (count, of, at) = (rows.count, out_of(&rows, &seen.frames), rows.rows());
        let found = format!("exactly the values of an earlier frame in {of}: {at}");
        Finding::warning(Code::RepeatedFrames, found, vec![Remedy::LeaveOutPoints]).at(count, rows)
    })
}

/// Finds pixels that stand out in nearly every frame with counts.
fn hot(seen: &Seen, shape: Option<[usize; 2]>, mask: &Remedy) -> Option<Finding> {
    let [height, width] = shape?;
    let frames = seen.frames.iter().filter(|frame| frame.sum > 0.0).count();
    let often = (frames as f64 * HOT_FRAMES).ceil().max(1.0) as u32;
    let zero_frequency = [0, height / 2 * width + width / 2];
    let is_hot = |at: &usize| seen.stands_out[*at] >= often && !zero_frequency.contains(at);
    let pixels = Tally::of((0..seen.stands_out.len()).filter(is_hot));
    (pixels.count > 0 && frames >= FEW_FRAMES).then(|| {
        let place = |at: &u64| format!("({}, {})", at / width as u64, at % width as u64);
        let places: Vec<String> = pixels.first.iter().map(place).collect();
        let more = if pixels.count > pixels.first.len() as u64 {
            ", ..."
        } else {
            ""
        };
        let found = format!(
            "{} much brighter than the pixels around, in at least {often} of {}: {}{more}",
            counted(pixels.count, "pixel"),
            counted(frames as u64, "frame"),
            places.join(", ")
        );
        Finding {
            count: pixels.count,
            ..Finding::warning(Code::HotPixels, found, vec![mask.clone()])
        }
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
