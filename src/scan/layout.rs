//! Finds out which member plays which role.
//!
//! A file is taken for the known layout most of whose members it has (`layout/known_layouts.rs`). Roles that
//! the layout leaves empty, or all of them if no layout fits, go to members by their names alone: exact
//! spelling first, then any case. [`LayoutOptions::roles`] overrides both (`assign.rs`). The axes of each
//! member are then told apart by their lengths (`place.rs`). Nothing is guessed silently: the choice is
//! reported with its reason and the runner-up (`report.rs`) and with [`Note`]s, and what stays ambiguous is
//! an error whose remedies name the option that settles it.

mod assign;
mod candidates;
mod known_layouts;
mod members;
mod note;
mod options;
mod order;
mod place;
mod report;
mod roles;
mod shape_rule;
#[cfg(test)]
mod tests;
mod unit;
mod uses;

use std::path::Path;

use crate::error::{Error, Result};
use crate::npz::{Member, NpzFile};
use assign::{Assignment, By};
use candidates::NamedByOptions;
use known_layouts::{KnownLayout, LayoutMatch};
use members::Members;
pub use note::{LeftOut, Note};
pub use options::{LayoutOptions, Measurement, PatternAxis, ProbeAxis, Unpaired};
pub use order::PositionOrder;
use place::FieldRule;
pub use place::Placed;
use place::Rules;
use report::Report;
pub use roles::Role;
pub(crate) use roles::{known_names, role_of_known_name};
#[cfg(feature = "sql")]
pub(crate) use unit::EXPECTED as EXPECTED_UNIT;
pub use unit::Unit;
pub(crate) use uses::Uses;

/// Holds which member fills which role, where in it the data lies, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The name of the layout, such as `PtychoPINN raw`; `by synonyms` or `named by options` if no known one
    /// fits.
    pub name: &'static str,
    /// The members that spoke for that layout, in one line.
    pub reason: String,
    /// The next best layout, and what speaks for or against it, in one line.
    pub runner_up: Option<String>,
    /// What else a careful reader would want to know: members that could have filled a role, roles taken by a
    /// name alone, the polarity of masks.
    pub notes: Vec<Note>,
    /// The number of positions, M; in a file without positions the number of patterns. Of members of different
    /// lengths that hold positions, the shortest counts.
    pub positions: usize,
    /// The numbers of scan rows and scan columns, R and S, if the patterns are a raster (R, S, H, W).
    pub raster: Option<[usize; 2]>,
    /// The unit of the positions; [`Unit::STEPS`] for a raster without positions.
    pub unit: Unit,
    /// The roles that are filled, in the order of [`Role`], each with the place of its data.
    pub roles: Vec<(Role, Placed)>,
    /// The roles whose member cannot be read, in the order of [`Role`], each with the member's name. If one of two
    /// coordinates cannot be read, both are listed with that member.
    pub unreadable: Vec<(Role, String)>,
}

impl Layout {
    /// Finds the members of all roles; reads headers only.
    ///
    /// # Errors
    /// As [`Layout::detect_in`].
    pub fn detect(npz: &NpzFile, options: &LayoutOptions) -> Result<Self> {
        Self::detect_in(npz.path(), npz.members(), options)
    }

    /// Finds the members of all roles; a pure function of the headers. `path` appears in messages only.
    ///
    /// # Errors
    /// If an option is no value of its kind; if a member named by an option is not there or does not fit its role; if there are neither positions nor
    /// patterns, or only half of the positions; if lengths do not fit each other, unless
    /// [`LayoutOptions::unpaired`] says that what has no partner is left out; if it stays open which axis counts
    /// the patterns, or which column is x; if the file holds groups instead of a scan.
    pub fn detect_in(path: &Path, members: &[Member], options: &LayoutOptions) -> Result<Self> {
        Self::detect_beside(path, members, options, None)
    }

    /// Finds the members of all roles of a file whose positions are in another one, where there are `elsewhere`
    /// of them.
    ///
    /// # Errors
    /// As [`Layout::detect_in`].
    pub(super) fn detect_beside(
        path: &Path,
        members: &[Member],
        options: &LayoutOptions,
        elsewhere: Option<usize>,
    ) -> Result<Self> {
        options.check()?;
        let members = Members::new(path, members);
        let named = NamedByOptions::of(&members, &options.roles)?;
        let ranking = known_layouts::rank(&members, &named);
        let layout = ranking.first().filter(|first| first.fits());
        if layout.is_some_and(|layout| layout.known.is_grouped) {
            return Err(known_layouts::is_grouped(&members));
        }
        let mut assignment = Assignment::of(&members, &named, layout);
        let order = options
            .position_order
            .or_else(|| known_order(&assignment, layout));
        let rules = Rules {
            order,
            axis: options.pattern_axis,
            unpaired: options.unpaired,
            probe_axis: options.probe_axis,
            elsewhere,
            is_first: has_patterns_of(&assignment, &ranking, |layout| {
                layout.name_if_last.is_none()
            }),
            by_layout: has_patterns_of(&assignment, &ranking, |_| true),
        };
        let placements = place::place(&members, &mut assignment, &rules)?;
        let unit = options
            .unit
            .unwrap_or_else(|| unit_of(&assignment, layout, placements.raster));
        let runner_up = report::runner_up(&members, &ranking, layout);
        let (points, raster, roles) = (
            placements.points,
            placements.raster,
            placements.roles.clone(),
        );
        let unreadable = assignment
            .all_unreadable()
            .into_iter()
            .map(|(role, member)| (role, member.name.to_string()))
            .collect();
        let report = Report {
            members,
            layout,
            assignment,
            placements,
            measurement: options.measurement,
        };
        let (name, reason) = (report.name(), report.reason());
        Ok(Self {
            name,
            reason,
            runner_up,
            notes: report.notes(),
            positions: points,
            raster,
            unit,
            roles,
            unreadable,
        })
    }

    /// Returns where the data of a role lies.
    pub fn get(&self, role: Role) -> Option<&Placed> {
        self.roles
            .iter()
            .find(|(filled, _)| *filled == role)
            .map(|(_, placed)| placed)
    }

    /// Returns the member that fills a role.
    pub fn member(&self, role: Role) -> Option<&str> {
        self.get(role).map(|placed| placed.member.as_str())
    }

    /// Returns where the data of a role lies.
    ///
    /// # Errors
    /// [`Error::MissingRole`] if no member fills it; [`Error::BadMember`] if a member has a name of the role but is no
    /// plain array, or one that cannot fill the role.
    pub fn require(&self, npz: &NpzFile, role: Role) -> Result<&Placed> {
        self.get(role).ok_or_else(|| self.missing(npz, role))
    }

    /// Returns the member that would fill a role and cannot be read.
    pub fn unreadable(&self, role: Role) -> Option<&str> {
        let blocked = self.unreadable.iter().find(|(blocked, _)| *blocked == role);
        blocked.map(|(_, member)| member.as_str())
    }

    /// Places probe and object anew, now that the shape of a pattern, which is in another file, is known.
    pub(super) fn place_fields(
        &mut self,
        npz: &NpzFile,
        pattern: &[usize],
        options: &LayoutOptions,
    ) {
        let rule = FieldRule {
            pattern: Some(pattern),
            points: self.positions,
            said: options.probe_axis,
        };
        let open = self.notes.iter().find_map(|note| match note {
            Note::OpenProbeAxis { member, .. } => Some(member.clone()),
            _ => None,
        });
        let probe = self.member(Role::Probe).map(str::to_string).or(open);
        let object = self.member(Role::Object).map(str::to_string);
        self.notes.retain(|note| !note.is_about_probe());
        for (role, member) in [(Role::Probe, probe), (Role::Object, object)] {
            let Some(info) = member.and_then(|member| npz.info(&member)) else {
                continue;
            };
            let placed = rule.place(info, role);
            if role == Role::Probe {
                self.notes.extend(rule.notes(info, placed.as_ref()));
            }
            self.roles.retain(|(filled, _)| *filled != role);
            self.roles.extend(placed.map(|placed| (role, placed)));
        }
        self.roles.sort_by_key(|(role, _)| *role as usize);
    }

    /// Creates the error that says why no member of `npz` fills a role.
    pub fn missing(&self, npz: &NpzFile, role: Role) -> Error {
        let open = |note: &Note| note.open_probe_axis(npz.path());
        let open = self.notes.iter().find_map(open);
        if let (Role::Probe, Some(error)) = (role, open) {
            return error;
        }
        let members = Members::new(npz.path(), npz.members());
        let unreadable = self.unreadable(role);
        match unreadable.and_then(|name| members.unreadable(&[name])) {
            Some(member) => members.refusal(role, member),
            None => members.missing(role),
        }
    }
}

/// Returns whether the patterns are those of a layout that the file fits, chosen or not, and that is such a one.
fn has_patterns_of(
    assignment: &Assignment,
    ranking: &[LayoutMatch],
    is_such: impl Fn(&KnownLayout) -> bool,
) -> bool {
    let patterns = assignment.get(Role::Diffraction);
    let patterns = patterns.filter(|patterns| patterns.by != By::Option);
    patterns.is_some_and(|patterns| {
        let mut fitting = ranking
            .iter()
            .filter(|layout| layout.fits() && is_such(layout.known));
        fitting.any(|layout| layout.has(Role::Diffraction, patterns.info))
    })
}

/// Returns the layout's order of the columns of a member that holds both coordinates, if the layout chose the
/// member and the member has that many columns.
fn known_order(assignment: &Assignment, layout: Option<&LayoutMatch>) -> Option<PositionOrder> {
    let x = assignment.get(Role::X).filter(|x| x.by == By::Layout)?;
    layout?
        .known
        .order
        .filter(|order| x.info.shape.contains(&order.len()))
}

fn unit_of(
    assignment: &Assignment,
    layout: Option<&LayoutMatch>,
    raster: Option<[usize; 2]>,
) -> Unit {
    let (x, y) = (assignment.get(Role::X), assignment.get(Role::Y));
    let by_layout = [x, y]
        .into_iter()
        .flatten()
        .all(|filled| filled.by == By::Layout);
    match (x, layout.map(|layout| layout.known)) {
        (None, _) if raster.is_some() => Unit::STEPS,
        (None, _) => Unit::UNKNOWN,
        (Some(_), Some(KnownLayout { unit, .. })) if by_layout => *unit,
        (Some(x), _) => unit_of_names([&x.info.name, &y.unwrap_or(x).info.name]),
    }
}

fn unit_of_names(names: [&str; 2]) -> Unit {
    match () {
        () if names.iter().all(|name| name.ends_with("_m")) => Unit::METRES,
        () if names[0].eq_ignore_ascii_case("xcoords")
            && names[1].eq_ignore_ascii_case("ycoords") =>
        {
            Unit::PIXELS
        }
        () => Unit::UNKNOWN,
    }
}

/// Returns a note if the range of the positions as stored, (min, max) of x and of y, is unlikely in their unit:
/// a length of more than 0.1 or less than 1e-12 metres; fewer than 0.01 or more than 1e7 pixels. That all positions
/// coincide is likely in any unit.
///
/// ```
/// use ptychoarrow::scan::layout::{Unit, suspicious_unit};
/// assert!(suspicious_unit(Unit::METRES, (0.0, 12.3), (0.0, 4.0)).is_some());
/// assert!(suspicious_unit(Unit::MICROMETRES, (0.0, 12.3), (0.0, 4.0)).is_none());
/// ```
pub fn suspicious_unit(unit: Unit, x: (f64, f64), y: (f64, f64)) -> Option<Note> {
    let stored = (x.1 - x.0).max(y.1 - y.0);
    let (size, likely) = match (unit.metres(), unit.pixels()) {
        (Some(metres), _) => (metres, 1e-12..=0.1),
        (None, Some(pixels)) => (pixels, 0.01..=1e7),
        (None, None) => return None,
    };
    let is_unlikely = stored > 0.0 && !likely.contains(&(stored * size));
    is_unlikely.then(|| Note::UnlikelyUnit {
        unit,
        span: stored * unit.factor(),
        is_long: stored * size > *likely.end(),
    })
}
