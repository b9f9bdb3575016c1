//! What each error states, and what helps against it.

use super::names::{did_you_mean, list};
use super::{Error, Number, Parameter, Remedy};

impl Error {
    /// Returns what happened, without what helps and without the source.
    pub fn facts(&self) -> String {
        match self {
            Self::NoSuchFile { path } => format!("{}: no such file", path.display()),
            Self::Io { path, action, .. } => format!("{}: cannot {action}", path.display()),
            Self::NotAnArchive { path, found } => format!(
                "{}: found {}, expected a NumPy .npz (zip) archive that begins at byte 0",
                path.display(),
                found.name()
            ),
            Self::DamagedArchive { path, problem } => {
                format!("{}: damaged archive: {problem}", path.display())
            }
            Self::BadMember {
                path,
                member,
                found,
                expected,
                ..
            } => {
                format!(
                    "{}: member `{member}`: found {found}, expected {expected}",
                    path.display()
                )
            }
            Self::OtherDtype {
                path,
                member,
                found,
                expected,
            } => format!(
                "{}: member `{member}` has the dtype {found}, expected {expected}",
                path.display()
            ),
            Self::OtherAxes {
                path,
                member,
                shape,
                expected,
            } => format!(
                "{}: member `{member}` has the shape {shape:?}, expected {expected} axes",
                path.display()
            ),
            Self::BadTable { path, problem } => format!(
                "{}: cannot be read as a table: {problem}; expected what its ending names: Arrow IPC, Parquet, \
                 or CSV with a header",
                path.display()
            ),
            Self::NoSuchMember {
                path,
                member,
                available,
                suggestion,
            } => format!(
                "{}: no member `{member}`; the file has {}{}",
                path.display(),
                list(available),
                did_you_mean(suggestion)
            ),
            Self::MissingRole {
                path,
                role,
                expected,
                available,
            } => format!(
                "{}: no member for {role}: found {}, expected {expected}",
                path.display(),
                list(available)
            ),
            Self::NoSuchColumn {
                table,
                column,
                available,
                suggestion,
            } => format!(
                "table `{table}` has no column `{column}`; it has {}{}",
                list(available),
                did_you_mean(suggestion)
            ),
            Self::NonFinitePosition {
                path,
                scan_point,
                x,
                y,
            } => format!(
                "{}: scan point {scan_point} is at x = {x}, y = {y}, expected finite positions",
                path.display()
            ),
            Self::PositionsTooFarApart { path, scan_point } => format!(
                "{}: squared distances from scan point {scan_point} are infinite, expected finite ones",
                path.display()
            ),
            Self::TooFewPoints {
                path, points: 0, ..
            } => format!("{}: the scan has no scan points", path.display()),
            Self::TooFewPoints {
                path,
                points,
                group_size,
                gridsize,
                ..
            } => format!(
                "{}: {points} scan points to choose from, expected at least C = {group_size} (gridsize {gridsize})",
                path.display()
            ),
            Self::OutOfRange {
                parameter,
                found,
                min,
                max: Some(max),
            } => {
                format!("{parameter} = {found}: expected {min} to {max}")
            }
            Self::OutOfRange {
                parameter,
                found,
                min,
                max: None,
            } => {
                format!("{parameter} = {found}: expected at least {min}")
            }
            Self::NotAboveZero { parameter, found } => {
                format!("{parameter} = {found}: expected a finite number above 0")
            }
            Self::NoObjectPatches { path, reason } => {
                format!("{}: no object patches: {}", path.display(), reason.facts())
            }
            Self::PatchOffObject {
                path,
                scan_point,
                at,
                object: [height, width],
                pixels_on,
                pixels,
            } => {
                let [x, y] = at.map(|place| (place * 1e3).round() / 1e3);
                format!(
                    "{}: most of the object patch of scan point {scan_point} lies beside the object: it is cut around column \
                 {x}, row {y} of {height} x {width} pixels, and {pixels_on} of its {pixels} pixels are on them",
                    path.display()
                )
            }
            Self::BeyondFloat32 {
                path,
                member,
                index,
                row,
                value,
            } => {
                let row = row.map(|row| format!(" of row {row}")).unwrap_or_default();
                format!(
                    "{}: `{member}`: found {value:e} at {index:?}{row}, expected numbers that f32 can hold, up to 3.4e38",
                    path.display()
                )
            }
            Self::PoolTooSmall {
                neighbors,
                group_size,
                gridsize,
            } => format!(
                "neighbors = {neighbors}: expected K of at least C = {group_size} (gridsize {gridsize})"
            ),
            Self::TooManyGroups {
                asked,
                possible,
                limit,
            } => {
                format!(
                    "n_groups = {asked}: expected at most {possible}{}",
                    limit.reason()
                )
            }
            Self::NotAscending {
                parameter,
                first,
                second,
            } => format!(
                "{parameter}: found scan point {second} after {first}, expected an ascending list without repeats"
            ),
            Self::SeedPointNotAmong { scan_point } => format!(
                "seeds_from: found scan point {scan_point}, expected only scan points of `among`"
            ),
            Self::NothingSelected { path, parameter } => {
                format!(
                    "{}: {parameter} keeps no scan point, expected at least one",
                    path.display()
                )
            }
            Self::EveryGroupSkipped { path, groups } => format!(
                "{}: all {groups} groups are skipped: no seed point has as many candidates within max_distance as a \
                 group has members",
                path.display()
            ),
            Self::NotInSemantics {
                parameter,
                semantics,
            } => {
                format!(
                    "{parameter}: found a value, expected none: {semantics} semantics has no such choice"
                )
            }
            Self::UnknownMeasurement { path, parameter } => format!(
                "{}: {parameter} needs to know whether patterns are amplitudes or intensities, and the file does not \
                 say (integers are intensities)",
                path.display()
            ),
            Self::BadPixel {
                path,
                member,
                scan_point,
                pixel,
                value,
                problem,
                ..
            } => format!(
                "{}: member `{member}`: found {} in scan point {scan_point}{}, expected {}",
                path.display(),
                Number::Real(*value),
                pixel_text(pixel),
                problem.expected()
            ),
            Self::NotInType {
                path,
                member,
                parameter,
                value,
                data_type,
                expected,
            } => format!(
                "{}: {parameter} = {value}: no value of `{member}`, which is {data_type}; expected {expected}",
                path.display()
            ),
            Self::CropOutside {
                crop,
                center,
                shape,
            } => crop_outside(*crop, *center, *shape),
            Self::NoMass { path, member } => format!(
                "{}: member `{member}`: found a mean pattern of zeros, expected one that has a centre of mass",
                path.display()
            ),
            Self::WithoutEffect { parameter, needs } => {
                format!("{parameter}: found a value, expected none without {needs}")
            }
            Self::NoNormFactor { path, mean_power } => format!(
                "{}: found a mean power of {mean_power} per pattern, expected a finite one above 0 to normalise by",
                path.display()
            ),
            Self::NotDivisible {
                bin,
                shape: [height, width],
            } => {
                format!(
                    "bin = {bin}: expected a divisor of both sides of the patterns, {height} x {width} pixels"
                )
            }
            Self::GroupTooWide { group_size, pixels } => format!(
                "a group of {group_size} patterns of {pixels} pixels: expected fewer than 2^30 pixels per group"
            ),
            Self::PatternsTwice {
                path,
                member,
                patterns,
            } => format!(
                "{}: found patterns in `{member}`, expected none beside those of {}",
                path.display(),
                patterns.display()
            ),
            Self::Unpaired {
                path,
                member,
                positions,
                other,
                other_member,
                patterns,
                joined: Some(alone),
            } => format!(
                "{}: found {} in `{member}` that `{other_member}` of {} does not have, and {} the other way round, \
                 expected the same frames on both sides",
                path.display(),
                frames(alone[0], *positions),
                other.display(),
                frames(alone[1], *patterns)
            ),
            Self::Unpaired {
                path,
                member,
                positions,
                other,
                other_member,
                patterns,
                joined: None,
            } => format!(
                "{}: found {positions} positions in `{member}` and {patterns} patterns in `{other_member}` of {}, \
                 expected one pattern for each position, or frame numbers on both sides",
                path.display(),
                other.display()
            ),
            Self::UnreadableColumn { column, reason } => {
                format!("column `{column}`: {reason}")
            }
            Self::UnitsDiffer {
                path,
                unit,
                other,
                other_unit,
            } => format!(
                "found positions in {unit} in {} and in {other_unit} in {}, expected the same unit",
                path.display(),
                other.display()
            ),
            Self::TooLarge {
                purpose,
                bytes,
                parameter,
            } => {
                format!("{parameter}: {purpose} takes {bytes} bytes, more than can be had")
            }
            Self::FileChanged { path, what } => {
                format!(
                    "{}: the file changed while it was read ({what})",
                    path.display()
                )
            }
            Self::ScratchFull {
                path,
                member,
                needed,
                folder,
                available,
            } => format!(
                "{}: member `{member}`: {needed} bytes when inflated, {} has {available} free",
                path.display(),
                folder.display()
            ),
            Self::OutputExists { path } => format!("{}: output exists", path.display()),
            Self::OutputIsInput { path, input } if path == input => format!(
                "{}: cannot be the output: it is an input, and what is made of a file never replaces it",
                path.display()
            ),
            Self::OutputIsInput { path, input } => format!(
                "{}: cannot be the output: it is the same file as the input {}, and what is made of a file never \
                 replaces it",
                path.display(),
                input.display()
            ),
            Self::BadOutput { path, problem } => {
                format!(
                    "{}: cannot be the output: {}",
                    path.display(),
                    problem.reason()
                )
            }
            Self::UnsupportedColumn {
                column,
                data_type,
                format,
                expected,
            } => {
                format!("column `{column}` of type {data_type}: expected {expected} in {format}")
            }
            Self::DiskFull {
                path,
                needed,
                available,
            } => format!(
                "{}: needs {needed} bytes, the disk has {available} free; nothing was written",
                path.display()
            ),
            Self::BadPredicate {
                parameter,
                predicate,
                problem,
            } => format!("{parameter}: the predicate \"{predicate}\" over `scan`: {problem}"),
            Self::BadQuery { problem } => format!("cannot run the query: {problem}"),
            Self::Arrow(error) => error.to_string(),
            Self::External { action, .. } => action.clone(),
        }
    }

    /// Returns what helps; any one of the remedies may do.
    pub fn remedies(&self) -> Vec<Remedy> {
        use Parameter as P;
        use Remedy as R;
        match self {
            Self::NoSuchFile { .. } => vec![R::CheckPath],
            Self::NotAnArchive { found, .. } => vec![R::Convert(*found)],
            Self::DamagedArchive { .. } => vec![R::CopyAgain],
            Self::BadMember { remedies, .. } => remedies.clone(),
            Self::MissingRole { role, .. } => vec![R::NameMember { role, member: None }],
            Self::NonFinitePosition { .. } => vec![R::Narrow(P::Among), R::CorrectFile],
            Self::PositionsTooFarApart { .. } => vec![R::ScalePositions],
            Self::TooFewPoints { points: 0, .. } => vec![R::ReadAgain],
            Self::TooFewPoints {
                restricted: false, ..
            } => vec![R::Lower(P::Gridsize)],
            Self::TooFewPoints { .. } => vec![R::Lower(P::Gridsize), R::Widen(P::Among)],
            Self::PoolTooSmall { .. } => vec![R::Raise(P::Neighbors), R::Lower(P::Gridsize)],
            Self::TooManyGroups { limit, .. } => limit.remedies(),
            Self::SeedPointNotAmong { .. } => vec![R::Widen(P::Among), R::Narrow(P::SeedsFrom)],
            Self::NothingSelected { parameter, .. } => vec![R::Widen(*parameter), R::CountPoints],
            Self::EveryGroupSkipped { .. } => {
                vec![R::Raise(P::MaxDistance), R::Lower(P::Gridsize)]
            }
            Self::NotInSemantics { parameter, .. } => {
                vec![R::LeaveOut(*parameter), R::Set(P::Semantics, "native")]
            }
            Self::UnknownMeasurement { .. } => {
                vec![
                    R::Set(P::Measurement, "amplitude"),
                    R::Set(P::Measurement, "intensity"),
                ]
            }
            Self::BadPixel { remedies, .. } => remedies.clone(),
            Self::CropOutside { .. } => vec![R::Lower(P::Crop), R::Move(P::Center)],
            Self::NoMass { .. } => vec![R::LeaveOut(P::Center), R::Widen(P::Among)],
            Self::WithoutEffect { parameter, .. } => vec![R::LeaveOut(*parameter)],
            Self::NoNormFactor { .. } => vec![R::Narrow(P::Among), R::Set(P::Norm, "1")],
            Self::NotDivisible { .. } => vec![R::Lower(P::Crop)],
            Self::GroupTooWide { .. } => vec![R::Lower(P::Gridsize), R::Lower(P::Crop)],
            Self::PatternsTwice { .. } => vec![R::LeaveOut(P::Patterns)],
            Self::Unpaired { .. } => vec![R::LeaveOutUnpaired, R::CorrectFile],
            Self::UnreadableColumn { .. } => vec![R::OtherColumns],
            Self::UnitsDiffer {
                unit, other_unit, ..
            } => {
                let [unit, other] = [unit, other_unit].map(|unit| unit_word(unit));
                let words = unit.into_iter().chain(other);
                words.take(1).map(|word| R::Set(P::Unit, word)).collect()
            }
            Self::TooLarge { parameter, .. } => vec![R::Lower(*parameter)],
            Self::FileChanged { .. } => vec![R::ReadAgain],
            Self::ScratchFull { .. } => {
                vec![
                    R::FreeSpace,
                    R::MoveTempFolder,
                    R::Raise(P::InflateMemory),
                    R::Align,
                ]
            }
            Self::OutputExists { .. } => vec![R::WriteElsewhere, R::Set(P::IfExists, "replace")],
            Self::OutputIsInput { .. } => vec![R::WriteElsewhere],
            Self::BadOutput { problem, .. } => problem.remedies(),
            Self::UnsupportedColumn { format, .. } => {
                let others: &[&str] = match *format {
                    "a Parquet file" => &[".arrow"],
                    _ => &[".arrow", ".parquet"],
                };
                vec![R::Narrow(P::Columns), R::WriteFormat(others)]
            }
            Self::DiskFull { .. } => vec![R::FreeSpace, R::Narrow(P::Columns), R::WriteElsewhere],
            Self::NoObjectPatches { reason, .. } => reason.remedies(),
            Self::PatchOffObject { .. } => vec![
                R::Give(P::Unit),
                R::Give(P::PixelSize),
                R::Narrow(P::Columns),
                R::LeaveOutPoints,
            ],
            Self::BeyondFloat32 { .. } => vec![R::CorrectFile, R::Narrow(P::Columns)],
            Self::OutOfRange { .. }
            | Self::NotInType { .. }
            | Self::NotAboveZero { .. }
            | Self::NotAscending { .. }
            | Self::Io { .. }
            | Self::OtherDtype { .. }
            | Self::OtherAxes { .. }
            | Self::BadTable { .. }
            | Self::NoSuchMember { .. }
            | Self::NoSuchColumn { .. }
            | Self::BadPredicate { .. }
            | Self::BadQuery { .. }
            | Self::Arrow(_)
            | Self::External { .. } => Vec::new(),
        }
    }
}

/// Writes `5 of 40 frames (the first is 3)`.
fn frames((alone, first): (usize, Option<i64>), of: usize) -> String {
    match first {
        Some(first) => format!("{alone} of {of} frames (the first is {first})"),
        None => format!("{alone} of {of}"),
    }
}

/// Writes the place of a pixel: `, pixel (5, 16)`, row and column.
fn pixel_text(pixel: &[usize]) -> String {
    match pixel {
        [] => String::new(),
        pixel => {
            let places: Vec<String> = pixel.iter().map(ToString::to_string).collect();
            format!(", pixel ({})", places.join(", "))
        }
    }
}

/// Says which rows and columns a part would take, and which there are.
fn crop_outside(crop: [usize; 2], center: [usize; 2], shape: [usize; 2]) -> String {
    let taken = |axis: usize| {
        let first = center[axis] as i128 - (crop[axis] / 2) as i128;
        (first, first + crop[axis] as i128 - 1)
    };
    let ((top, bottom), (left, right)) = (taken(0), taken(1));
    let [height, width] = shape;
    format!(
        "crop = {} x {} around pixel ({}, {}) takes rows {top} to {bottom} and columns {left} to {right}; expected \
         rows 0 to {} and columns 0 to {}",
        crop[0],
        crop[1],
        center[0],
        center[1],
        height.saturating_sub(1),
        width.saturating_sub(1)
    )
}

/// Returns a unit as one that a remedy can name: none that is unknown, nor one with a factor.
fn unit_word(unit: &str) -> Option<&'static str> {
    const WORDS: [&str; 6] = [
        "pixels",
        "metres",
        "millimetres",
        "micrometres",
        "nanometres",
        "steps",
    ];
    WORDS.into_iter().find(|word| *word == unit)
}
