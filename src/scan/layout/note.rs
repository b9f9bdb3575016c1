//! What a careful reader wants to know of a scan, as facts; each front end words what helps in its own terms.

use std::fmt;
use std::path::Path;

use super::roles::Role;
use super::unit::Unit;
use crate::error::{Error, Parameter, Remedy, RustTerms, Terms, alternatives, with_remedies};

/// Describes something about a scan that is no error, but that its user should know.
///
/// As with [`Error`](crate::Error), [`Note::facts`] names no front end, and [`Note::remedies`] is data;
/// `Display` joins both in the terms of the Rust API.
///
/// ```
/// use ptychoarrow::scan::{Note, layout::Role};
/// let note = Note::TakenByNameAlone { member: "dp".to_string(), roles: vec![Role::Diffraction] };
/// assert_eq!(note.facts(), "`dp` is taken for diffraction by its name alone");
/// assert_eq!(note.code(), "taken_by_name_alone");
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Note {
    /// A member has the name of a role and cannot fill it.
    Misfit {
        /// The member.
        member: String,
        /// The role; x and y for a member that would hold both.
        roles: Vec<Role>,
        /// What the member is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A member would fill a role and cannot be read: whatever uses the role is an error.
    Unreadable {
        /// The member.
        member: String,
        /// The role; several for a member that holds both coordinates, or one of them.
        roles: Vec<Role>,
        /// Why the member cannot be read.
        problem: String,
        /// What helps against that.
        remedies: Vec<Remedy>,
    },
    /// A member fills a role because of its name alone: the file's layout does not have it.
    TakenByNameAlone {
        /// The member.
        member: String,
        /// The role; x and y for a member that holds both.
        roles: Vec<Role>,
    },
    /// A member fills a role although its name is spelled in another case.
    TakenInAnotherCase {
        /// The member.
        member: String,
        /// The role; x and y for a member that holds both.
        roles: Vec<Role>,
    },
    /// The file has masks of the detector, which come in two polarities.
    MaskPolarity {
        /// The member in which true means a bad pixel.
        bad: Option<String>,
        /// The member in which true means a good pixel.
        valid: Option<String>,
    },
    /// The file has a mask of pixels, and the patterns are read without it.
    MaskNotApplied {
        /// The mask.
        member: String,
    },
    /// Positions or start positions lack one of their two coordinates, so the other is not used.
    HalfOfPair {
        /// The member that is there.
        member: String,
        /// The two roles that belong together.
        pair: [Role; 2],
    },
    /// Members without a role have the shape of patterns.
    LooksLikePatterns {
        /// The members.
        members: Vec<String>,
        /// Whether another member is taken for the patterns.
        has_patterns: bool,
    },
    /// The file has no patterns.
    NoPatterns,
    /// Members are complex and have no role.
    ComplexWithoutRole {
        /// The members.
        members: Vec<String>,
    },
    /// A property of all files of the layout.
    Remark {
        /// The property, as a sentence without a full stop.
        text: &'static str,
    },
    /// The shape leaves open which axis counts the patterns, and the layout settles it.
    PatternAxisByLayout {
        /// The member that holds the patterns.
        member: String,
        /// The lengths of its axes.
        shape: Vec<usize>,
        /// The axis along which the patterns are counted.
        axis: usize,
    },
    /// The range of the positions is unlikely in their unit.
    UnlikelyUnit {
        /// The unit that the positions are said to have.
        unit: Unit,
        /// The larger of the ranges of x and y, in what [`Unit::name`] says.
        span: f64,
        /// Whether it is unlikely because it is so long; else because it is so short.
        is_long: bool,
    },
    /// The shape of the probe leaves open which axes count its modes, so the probe cannot be used.
    OpenProbeAxis {
        /// The member.
        member: String,
        /// The lengths of its axes.
        shape: Vec<usize>,
    },
    /// The modes of the probe do not have the shape of a pattern, whichever axes count them.
    ProbeShape {
        /// The member.
        member: String,
        /// The lengths of its axes.
        shape: Vec<usize>,
        /// The height and width of a mode as it is taken.
        image: Vec<usize>,
        /// The height and width of a pattern.
        pattern: Vec<usize>,
    },
    /// The probe has as many modes as there are scan points.
    ProbePerPoint {
        /// The member.
        member: String,
        /// The number of modes.
        modes: usize,
    },
    /// Scan points lie so far from the object that most of their patch is beside it.
    OffObject {
        /// The member that holds the object.
        member: String,
        /// The height and width of the object, in pixels.
        shape: [usize; 2],
        /// The number of such scan points.
        points: usize,
        /// The number of all scan points.
        of: usize,
        /// The first such scan point.
        first: usize,
    },
    /// Positions without a pattern, patterns without a position, or values of the longer of two members were left
    /// out.
    Unpaired {
        /// The number of scan points that are left.
        points: usize,
        /// The frame index of the positions and that of the patterns, if they were joined on them; else they were
        /// paired by order.
        joined_on: Option<[String; 2]>,
        /// What was left out of each member.
        left_out: Vec<LeftOut>,
        /// The frame index of one side, which is of no use since the other has none.
        numbered: Option<String>,
    },
    /// The positions of one file and the patterns of another were paired by order.
    PairedByOrder {
        /// The member that holds the positions.
        positions: String,
        /// The member that holds the patterns.
        patterns: String,
        /// The frame index of one side, which is of no use since the other has none.
        numbered: Option<String>,
    },
    /// Patterns are of floating point, and the program that wrote them has counts in them where its layout has
    /// amplitudes.
    CountsByLayout {
        /// The member that holds the patterns.
        member: String,
    },
    /// A member has one row per scan point and cannot be a column of `scan`.
    NoColumn {
        /// The member.
        member: String,
        /// What the member is.
        found: String,
        /// What a column takes.
        expected: String,
    },
    /// A member has the name of a column of `scan`, and so is a column of another name.
    RenamedColumn {
        /// The member.
        member: String,
        /// The name of its column.
        column: String,
    },
    /// The patterns are taken for intensities because their dtype is an integer one, and for no other reason.
    MeasurementByDtype {
        /// The member that holds the patterns.
        member: String,
        /// NumPy's text for its dtype.
        dtype: String,
    },
    /// Scan points lie at exactly the position of an earlier one.
    DuplicatePositions {
        /// The number of such scan points.
        count: usize,
        /// The first of them.
        first: usize,
    },
    /// Positions are infinite or not a number.
    PositionsNotFinite {
        /// The number of such scan points.
        count: usize,
        /// The first of them.
        first: usize,
    },
}

/// Counts the rows of a member that were left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The member.
    pub member: String,
    /// The number of its rows that were left out: the last ones, unless members were joined on frame numbers.
    pub rows: usize,
    /// The number of its rows in the file.
    pub of: usize,
    /// The first frame number that was left out, if members were joined on frame numbers.
    pub first: Option<i64>,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            member, rows, of, ..
        } = self;
        match self.first {
            Some(first) => write!(
                f,
                "{rows} of {of} rows of `{member}` (the first is frame {first})"
            ),
            None => write!(f, "the last {rows} of {of} rows of `{member}`"),
        }
    }
}

impl Note {
    /// Returns what was noticed, without what helps.
    pub fn facts(&self) -> String {
        match self {
            Self::Misfit {
                member,
                roles,
                found,
                expected,
            } => {
                format!(
                    "`{member}` does not serve as {}: found {found}, expected {expected}",
                    names(roles)
                )
            }
            Self::Unreadable {
                member,
                roles,
                problem,
                ..
            } => format!(
                "`{member}` would be {} and cannot be read: {problem}",
                names(roles)
            ),
            Self::TakenByNameAlone { member, roles } => {
                format!("`{member}` is taken for {} by its name alone", names(roles))
            }
            Self::TakenInAnotherCase { member, roles } => {
                format!(
                    "`{member}` is taken for {} by its name in another case",
                    names(roles)
                )
            }
            Self::MaskPolarity { bad, valid } => polarity(bad.as_deref(), valid.as_deref()),
            Self::MaskNotApplied { member } => {
                format!("the file has a mask of pixels, `{member}`, which is not applied")
            }
            Self::HalfOfPair {
                member,
                pair: [first, second],
            } => format!(
                "`{member}` alone is no position: {} and {} come in pairs",
                first.name(),
                second.name()
            ),
            Self::LooksLikePatterns {
                members,
                has_patterns,
            } => format!(
                "{} {} like patterns{}",
                quote(members),
                if members.len() == 1 { "looks" } else { "look" },
                if *has_patterns { " too" } else { "" }
            ),
            Self::NoPatterns => "the file has no patterns".to_string(),
            Self::ComplexWithoutRole { members } => format!(
                "{} {} no role",
                quote(members),
                if members.len() == 1 {
                    "is complex and has"
                } else {
                    "are complex and have"
                }
            ),
            Self::PatternAxisByLayout {
                member,
                shape,
                axis,
            } => format!(
                "the shape {shape:?} of `{member}` leaves open which axis counts the patterns; it is axis {axis}, as in \
                 all files of the layout"
            ),
            Self::Remark { text } => (*text).to_string(),
            Self::UnlikelyUnit {
                unit,
                span,
                is_long,
            } => format!(
                "positions in {} that span {} are unlikely; they may be {}",
                unit.name(),
                short_span(*span),
                alternatives(likelier(*unit, *is_long))
            ),
            Self::OpenProbeAxis { member, shape } => format!(
                "`{member}` has shape {shape:?}: whether its modes are counted along the first axes or the last stays open"
            ),
            Self::ProbeShape {
                member,
                shape,
                image,
                pattern,
            } => format!(
                "`{member}` has shape {shape:?}, and its modes, taken as {image:?}, do not have the shape {pattern:?} of a \
                 pattern"
            ),
            Self::ProbePerPoint { member, modes } => format!(
                "`{member}` has as many modes as there are scan points, {modes}: they may be one probe per scan point, \
                 which are no modes"
            ),
            Self::OffObject {
                member,
                shape: [height, width],
                points,
                of,
                first,
            } => format!(
                "{points} of {of} scan points are off the object `{member}` of {height} x {width} pixels, the first is {first}"
            ),
            Self::NoColumn {
                member,
                found,
                expected,
            } => {
                format!("`{member}` is no column of `scan`: found {found}, expected {expected}")
            }
            Self::Unpaired {
                points,
                joined_on,
                left_out,
                numbered,
            } => {
                let how = match joined_on {
                    Some([positions, patterns]) => {
                        format!("joined on the frame numbers in `{positions}` and `{patterns}`")
                    }
                    None => "paired by order".to_string(),
                };
                let left_out: Vec<String> = left_out.iter().map(ToString::to_string).collect();
                format!(
                    "{points} scan points, {how}{}; left out without a partner: {}",
                    one_sided(numbered.as_deref()),
                    left_out.join(", ")
                )
            }
            Self::PairedByOrder {
                positions,
                patterns,
                numbered,
            } => format!(
                "the positions in `{positions}` and the patterns in `{patterns}` of another file are paired by order{}",
                one_sided(numbered.as_deref())
            ),
            Self::CountsByLayout { member } => format!(
                "`{member}` holds counts of the detector where ptychodus writes this layout, not amplitudes"
            ),
            Self::RenamedColumn { member, column } => {
                format!("`{member}` is the column `{column}`: its own name is taken")
            }
            Self::MeasurementByDtype { member, dtype } => format!(
                "the patterns in `{member}` are taken for intensities (counts) because they are integers (dtype \
                 {dtype}), and for no other reason"
            ),
            Self::DuplicatePositions { count, first } => format!(
                "{} at exactly the position of an earlier one, the first is scan point {first}",
                points_are(*count)
            ),
            Self::PositionsNotFinite { count, first } => format!(
                "{} at a position that is infinite or not a number, the first is scan point {first}",
                points_are(*count)
            ),
        }
    }

    /// Returns what helps; any one of the remedies may do.
    pub fn remedies(&self) -> Vec<Remedy> {
        let name = |role: Role, member: Option<&String>| Remedy::NameMember {
            role: role.name(),
            member: member.cloned(),
        };
        match self {
            Self::Misfit { roles, .. } => {
                let others = roles.iter().map(|role| name(*role, None));
                std::iter::once(Remedy::CorrectFile)
                    .chain(others.take(1))
                    .collect()
            }
            Self::Unreadable {
                roles, remedies, ..
            } => {
                let another = roles.first().map(|role| name(*role, None));
                [remedies.clone(), Vec::from_iter(another)].concat()
            }
            Self::HalfOfPair {
                pair: [first, second],
                ..
            } => vec![name(*first, None), name(*second, None)],
            Self::MaskNotApplied { .. } => vec![Remedy::Enable(Parameter::Mask)],
            Self::LooksLikePatterns { members, .. } => {
                let only = members.first().filter(|_| members.len() == 1);
                vec![name(Role::Diffraction, only)]
            }
            Self::NoPatterns => vec![
                Remedy::Set(Parameter::Patterns, "FILE"),
                name(Role::Diffraction, None),
            ],
            Self::PatternAxisByLayout { .. } => {
                vec![Remedy::Set(Parameter::PatternAxis, "last")]
            }
            Self::ComplexWithoutRole { members } => {
                let only = members.first().filter(|_| members.len() == 1);
                vec![name(Role::Probe, only), name(Role::Object, only)]
            }
            Self::UnlikelyUnit { unit, is_long, .. } => likelier(*unit, *is_long)
                .iter()
                .map(|unit| Remedy::Set(Parameter::Unit, unit))
                .collect(),
            Self::CountsByLayout { .. } => vec![
                Remedy::Set(Parameter::Measurement, "intensity"),
                Remedy::Set(Parameter::Measurement, "amplitude"),
            ],
            Self::Unpaired { numbered, .. } | Self::PairedByOrder { numbered, .. } => numbered
                .iter()
                .map(|_| name(Role::FrameIndex, None))
                .collect(),
            Self::MeasurementByDtype { .. } => vec![
                Remedy::Set(Parameter::Measurement, "intensity"),
                Remedy::Set(Parameter::Measurement, "amplitude"),
            ],
            Self::DuplicatePositions { .. } => vec![Remedy::LeaveOutPoints],
            Self::PositionsNotFinite { .. } => vec![Remedy::CorrectFile, Remedy::LeaveOutPoints],
            Self::TakenByNameAlone { member, roles } => roles
                .first()
                .map(|role| name(*role, Some(member)))
                .into_iter()
                .collect(),
            Self::OpenProbeAxis { .. } => open_axis_remedies(),
            Self::ProbeShape { .. } => vec![Remedy::FitToPatterns, name(Role::Probe, None)],
            Self::ProbePerPoint { .. } => vec![name(Role::Probe, None)],
            Self::OffObject { .. } => {
                vec![
                    Remedy::Give(Parameter::Unit),
                    Remedy::Give(Parameter::PixelSize),
                ]
            }
            Self::TakenInAnotherCase { .. }
            | Self::MaskPolarity { .. }
            | Self::Remark { .. }
            | Self::NoColumn { .. }
            | Self::RenamedColumn { .. } => Vec::new(),
        }
    }

    /// Returns whether the note is about the axes of the probe.
    pub(super) fn is_about_probe(&self) -> bool {
        matches!(
            self,
            Self::OpenProbeAxis { .. } | Self::ProbeShape { .. } | Self::ProbePerPoint { .. }
        )
    }

    /// Returns the error of whoever asks for a probe whose axes stay open.
    pub(super) fn open_probe_axis(&self, path: &Path) -> Option<Error> {
        let Self::OpenProbeAxis { member, shape } = self else {
            return None;
        };
        Some(Error::BadMember {
            path: path.to_path_buf(),
            member: member.clone(),
            found: format!("shape {shape:?}"),
            expected: "a shape that tells which axes count the modes of the probe".to_string(),
            remedies: open_axis_remedies(),
        })
    }

    /// Returns facts and remedies in the terms of a front end.
    pub fn in_terms(&self, terms: &dyn Terms) -> String {
        with_remedies(self.facts(), &self.remedies(), terms)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.in_terms(&RustTerms))
    }
}

/// Writes `1 scan point is`, `7 scan points are`.
fn points_are(count: usize) -> String {
    match count {
        1 => "1 scan point is".to_string(),
        count => format!("{count} scan points are"),
    }
}

/// Says that frame numbers on one side alone are of no use.
fn one_sided(numbered: Option<&str>) -> String {
    numbered.map_or_else(String::new, |member| {
        format!(": only one side has frame numbers, in `{member}`")
    })
}

/// Writes `x`, or `x and y`.
fn names(roles: &[Role]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    names.join(" and ")
}

fn polarity(bad: Option<&str>, valid: Option<&str>) -> String {
    match (bad, valid) {
        (Some(bad), Some(valid)) => {
            format!(
                "masks of opposite polarity: true means a bad pixel in `{bad}`, a good one in `{valid}`"
            )
        }
        (Some(bad), None) => format!("`{bad}`: true means a bad pixel"),
        (None, Some(valid)) => format!("`{valid}`: true means a good pixel"),
        (None, None) => "no masks".to_string(),
    }
}

fn open_axis_remedies() -> Vec<Remedy> {
    ["first", "last"]
        .map(|axis| Remedy::Set(Parameter::ProbeAxis, axis))
        .to_vec()
}

/// Returns the units that positions may have if their range is too long, or too short, for the one they are said
/// to have.
fn likelier(unit: Unit, is_long: bool) -> &'static [&'static str] {
    match (unit.metres().is_some(), is_long) {
        (true, true) if matches!(unit.name(), "metres" | "millimetres") => {
            &["micrometres", "pixels"]
        }
        (true, true) if unit.name() == "micrometres" => &["nanometres", "pixels"],
        (true, true) => &["pixels"],
        (false, true) => &["nanometres"],
        (_, false) => &["metres"],
    }
}

/// Writes a length in few characters.
fn short_span(span: f64) -> String {
    if !(1e-3..1e9).contains(&span) {
        format!("{span:.2e}")
    } else {
        format!("{}", (span * 1e3).round() / 1e3)
    }
}

/// Writes names for people: `a`, `b` and 3 more.
pub(super) fn quote(names: &[impl AsRef<str>]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
