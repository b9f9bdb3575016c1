//! Which member plays which role.
//!
//! A file is taken for the known layout most of whose members it has (`layout/known.rs`); roles that the layout leaves empty, or
//! all of them if no layout fits, go to members by their names alone, exact spelling first, then any case; `--role
//! x=NAME` overrides (`assign.rs`). The axes of each member are then told apart by their lengths (`place.rs`). Nothing is
//! guessed silently: the choice is reported with its reason and the runner-up (`report.rs`), and what stays ambiguous is
//! an error that names the option which settles it.

mod archive;
mod assign;
mod form;
mod known;
mod order;
mod place;
mod report;
mod roles;
#[cfg(test)]
mod tests;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::npz::{Member, NpzFile};
use archive::Archive;
use assign::{By, Named, Roster};
use known::{Known, Match};
pub use order::PositionOrder;
pub use place::Placed;
use report::Findings;
pub use roles::Role;

/// What stands in a note about a member that has the name of a role and cannot fill it.
pub const MISFIT: &str = "does not serve as";

/// What the detector's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Measurement {
    /// Square root of counts.
    Amplitude,
    /// Counts.
    Intensity,
    /// The file does not say.
    #[cfg_attr(feature = "cli", value(skip))]
    Unknown,
}

impl Measurement {
    /// `amplitude`, `intensity` or `unknown`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Amplitude => "amplitude",
            Self::Intensity => "intensity",
            Self::Unknown => "unknown",
        }
    }
}

/// The unit of positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Unit {
    /// Pixels of the object.
    Pixels,
    /// Metres.
    Metres,
    /// Steps of the scan, of unknown size.
    Steps,
    /// The file does not say.
    #[cfg_attr(feature = "cli", value(skip))]
    Unknown,
}

impl Unit {
    /// `pixels`, `metres`, `steps` or `unknown`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::Metres => "metres",
            Self::Steps => "steps",
            Self::Unknown => "unknown",
        }
    }
}

/// Along which axis of the diffraction member its patterns are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum PatternAxis {
    /// (M, N, N); of a raster (R, S, H, W).
    First,
    /// (N, N, M), as some older files have it; of a raster (H, W, R, S).
    Last,
}

/// What the file does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LayoutOptions {
    /// Members by role, where the names are not the usual ones. A combined position array may be named for x alone, or
    /// for x and y.
    pub roles: Vec<(Role, String)>,
    /// What the detector's numbers are; by default intensity for an integer dtype, unknown otherwise.
    pub measurement: Option<Measurement>,
    /// The unit of positions; by default that of the layout, else metres for names that end in `_m`, pixels for those
    /// of PtychoPINN, unknown otherwise.
    pub unit: Option<Unit>,
    /// Metres a pixel of the object.
    pub pixel_size_m: Option<f64>,
    /// The axis of patterns, where the shape leaves it open.
    pub pattern_axis: Option<PatternAxis>,
    /// The columns of a combined position array; by default those of the layout.
    pub position_order: Option<PositionOrder>,
}

/// Members by role, where their data lies, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The layout's name.
    pub name: &'static str,
    /// Why it is that one: the members that spoke for it, in one line.
    pub reason: String,
    /// The next best layout, and what speaks for or against it.
    pub runner_up: Option<String>,
    /// What else a careful reader would want to know: members that could have filled a role, roles taken by a name
    /// alone, the polarity of masks.
    pub notes: Vec<String>,
    /// Number of positions, M; of patterns in a file without positions.
    pub positions: usize,
    /// Scan rows and scan columns, if the patterns are a raster (R, S, H, W).
    pub raster: Option<[usize; 2]>,
    /// The unit of positions; steps for a raster without positions.
    pub unit: Unit,
    /// Each role that is filled, and where its data lies, in the order of [`Role`].
    pub roles: Vec<(Role, Placed)>,
}

impl Layout {
    /// Finds the members of all roles; reads headers only.
    ///
    /// # Errors
    /// As [`Layout::detect_in`].
    pub fn detect(npz: &NpzFile, options: &LayoutOptions) -> Result<Self> {
        Self::detect_in(npz.path(), npz.members(), options)
    }

    /// Finds the members of all roles; a pure function of the headers, `path` is for messages.
    ///
    /// # Errors
    /// If a member named by an option is not there or does not fit its role; if there are neither positions nor
    /// patterns, or only half of the positions; if lengths do not fit each other; if it stays open which axis counts
    /// the patterns, or which column is x; if the file holds groups instead of a scan.
    pub fn detect_in(path: &Path, members: &[Member], options: &LayoutOptions) -> Result<Self> {
        let archive = Archive::new(path, members);
        let named = Named::of(&archive, &options.roles)?;
        let ranking = known::rank(&archive, &named);
        let layout = ranking.first().filter(|first| first.fits());
        if layout.is_some_and(|layout| layout.known.is_grouped) {
            return Err(known::is_grouped(&archive));
        }
        let mut roster = Roster::of(&archive, &named, layout);
        let order = options
            .position_order
            .or_else(|| known_order(&roster, layout));
        let scene = place::place(&archive, &mut roster, order, options.pattern_axis)?;
        let unit = options
            .unit
            .unwrap_or_else(|| unit_of(&roster, layout, scene.raster));
        let runner_up = report::runner_up(&archive, &ranking, layout);
        let (points, raster, roles) = (scene.points, scene.raster, scene.roles.clone());
        let findings = Findings {
            archive,
            layout,
            roster,
            scene,
        };
        let (name, reason) = (findings.name(), findings.reason());
        Ok(Self {
            name,
            reason,
            runner_up,
            notes: findings.notes(),
            positions: points,
            raster,
            unit,
            roles,
        })
    }

    /// Where the data of a role lies.
    pub fn get(&self, role: Role) -> Option<&Placed> {
        self.roles
            .iter()
            .find(|(filled, _)| *filled == role)
            .map(|(_, placed)| placed)
    }

    /// The member that fills a role.
    pub fn member(&self, role: Role) -> Option<&str> {
        self.get(role).map(|placed| placed.member.as_str())
    }

    /// Where the data of a role lies.
    ///
    /// # Errors
    /// [`Error::MissingRole`] if no member fills it; if a member has the role's name but is
    /// no plain array, or one that cannot fill the role, that is the error.
    pub fn require(&self, npz: &NpzFile, role: Role) -> Result<&Placed> {
        self.get(role).ok_or_else(|| self.missing(npz, role))
    }

    /// Why no member of `npz` fills a role.
    pub fn missing(&self, npz: &NpzFile, role: Role) -> Error {
        Archive::new(npz.path(), npz.members()).missing(role)
    }
}

/// The columns of combined positions as the layout has them, if it is the layout that chose the member, and if it has
/// that many columns.
fn known_order(roster: &Roster, layout: Option<&Match>) -> Option<PositionOrder> {
    let x = roster.get(Role::X).filter(|x| x.by == By::Layout)?;
    layout?
        .known
        .order
        .filter(|order| x.info.shape.contains(&order.len()))
}

fn unit_of(roster: &Roster, layout: Option<&Match>, raster: Option<[usize; 2]>) -> Unit {
    let (x, y) = (roster.get(Role::X), roster.get(Role::Y));
    let by_layout = [x, y]
        .into_iter()
        .flatten()
        .all(|filled| filled.by == By::Layout);
    match (x, layout.map(|layout| layout.known)) {
        (None, _) if raster.is_some() => Unit::Steps,
        (None, _) => Unit::Unknown,
        (Some(_), Some(Known { unit, .. })) if by_layout => *unit,
        (Some(x), _) => unit_of_names([&x.info.name, &y.unwrap_or(x).info.name]),
    }
}

fn unit_of_names(names: [&str; 2]) -> Unit {
    match () {
        () if names.iter().all(|name| name.ends_with("_m")) => Unit::Metres,
        () if names[0].eq_ignore_ascii_case("xcoords")
            && names[1].eq_ignore_ascii_case("ycoords") =>
        {
            Unit::Pixels
        }
        () => Unit::Unknown,
    }
}

/// Words for positions whose range, (min, max) of x and of y, is unlikely in their unit: more than 0.1 metres, or less
/// than 0.01 pixels but not a single point.
///
/// ```
/// use ptychoarrow::scan::layout::{Unit, suspicious_unit};
/// assert!(suspicious_unit(Unit::Metres, (0.0, 12.3), (0.0, 4.0)).is_some());
/// assert!(suspicious_unit(Unit::Metres, (0.0, 12.3e-6), (0.0, 4e-6)).is_none());
/// ```
pub fn suspicious_unit(unit: Unit, x: (f64, f64), y: (f64, f64)) -> Option<String> {
    let span = (x.1 - x.0).max(y.1 - y.0);
    let doubt = match unit {
        Unit::Metres if span > 0.1 => "micrometres or pixels",
        Unit::Pixels if span > 0.0 && span < 0.01 => "metres",
        _ => return None,
    };
    let span = if span < 1e-3 {
        format!("{span:.2e}")
    } else {
        format!("{}", (span * 1e3).round() / 1e3)
    };
    Some(format!(
        "positions in {} that span {span}: are they {doubt}? say so with --unit",
        unit.word()
    ))
}
