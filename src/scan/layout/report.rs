//! Says why the layout is the one it is, what came near, and what else a careful reader would want to know.

use super::assign::{Assignment, By, RoleMember};
use super::known_layouts::{KnownLayout, LayoutMatch, PTYCHODUS_EXPORT};
use super::members::{Members, PLAIN_ARRAY, Spelling, Unreadable};
use super::note::{Note, quote};
use super::options::Measurement;
use super::place::{Placed, Placements};
use super::roles::{COMBINED, Role};
use super::shape_rule::ShapeRule;
use crate::npz::{ArrayInfo, Member};

/// Gathers all that was found out about a file's layout.
#[derive(Debug)]
pub struct Report<'a> {
    /// The members of the file.
    pub members: Members<'a>,
    /// The layout, if a known one fits.
    pub layout: Option<&'a LayoutMatch<'a>>,
    /// The members that fill roles.
    pub assignment: Assignment<'a>,
    /// The places of their data.
    pub placements: Placements,
    /// What the numbers of the patterns are said to be.
    pub measurement: Option<Measurement>,
}

impl Report<'_> {
    /// Returns the layout's name.
    pub fn name(&self) -> &'static str {
        let by_option = self.assignment.iter().any(|filled| filled.by == By::Option);
        match self.layout.map(|layout| layout.known) {
            None if by_option => "named by options",
            None => "by synonyms",
            Some(KnownLayout {
                name_if_last: Some(name),
                ..
            }) if self.patterns_are_last() => name,
            Some(known) => known.name,
        }
    }

    fn patterns_are_last(&self) -> bool {
        let patterns = self
            .assignment
            .get(Role::Diffraction)
            .filter(|filled| filled.by == By::Layout);
        patterns
            .zip(self.place(Role::Diffraction))
            .is_some_and(|(patterns, placed)| {
                let last = patterns.info.shape.len() - 1;
                placed.rows == [last]
            })
    }

    fn place(&self, role: Role) -> Option<&Placed> {
        self.placements
            .roles
            .iter()
            .find(|(placed, _)| *placed == role)
            .map(|(_, placed)| placed)
    }

    fn member(&self, role: Role) -> Option<&str> {
        self.place(role).map(|placed| placed.member.as_str())
    }

    /// Returns one line about the members that spoke for the layout.
    pub fn reason(&self) -> String {
        let mut reason = format!("{}, {}", self.positions_text(), self.patterns_text());
        let all = [Role::X, Role::Y, Role::Diffraction];
        match self.layout {
            None if self.name() == "by synonyms" => reason += ", by their names alone",
            None => {}
            Some(layout) => {
                let is_told = |name: &str| {
                    let unreadable = |role| self.assignment.unreadable(role);
                    all.into_iter().any(|role| {
                        self.member(role) == Some(name)
                            || unreadable(role).is_some_and(|member| member.name == name)
                    })
                };
                let others: Vec<&str> = layout
                    .there
                    .iter()
                    .copied()
                    .filter(|name| !is_told(name))
                    .collect();
                if !others.is_empty() {
                    reason += &format!(", beside {}", quote(&others));
                }
            }
        }
        let named = self
            .assignment
            .iter()
            .filter(|filled| filled.by == By::Option);
        let named: Vec<String> = named
            .map(|filled| format!("{} is `{}`", filled.role.name(), filled.info.name))
            .collect();
        match named.is_empty() {
            true => reason,
            false => format!("{reason}; by option {}", named.join(", ")),
        }
    }

    fn positions_text(&self) -> String {
        match (
            self.place(Role::X),
            self.place(Role::Y),
            self.placements.raster,
        ) {
            (Some(x), Some(y), _) if x.member == y.member => {
                let column = |placed: &Placed| placed.fixed.last().map_or(0, |(_, index)| *index);
                format!(
                    "positions in `{}` (x in column {}, y in column {})",
                    x.member,
                    column(x),
                    column(y)
                )
            }
            (Some(x), Some(y), _) => format!("positions in `{}` and `{}`", x.member, y.member),
            (.., Some(_)) => {
                "no positions: scan row and scan column of the raster stand for them".to_string()
            }
            (.., None) => match self.assignment.unreadable(Role::X) {
                Some(member) => format!("positions in `{}`, which cannot be read", member.name),
                None => "no positions".to_string(),
            },
        }
    }

    fn patterns_text(&self) -> String {
        match (self.member(Role::Diffraction), self.placements.raster) {
            (None, _) => match self.assignment.unreadable(Role::Diffraction) {
                Some(member) => format!("patterns in `{}`, which cannot be read", member.name),
                None => "no patterns".to_string(),
            },
            (Some(member), None) => format!("patterns in `{member}`"),
            (Some(member), Some([rows, cols])) => {
                format!("patterns in `{member}`, a raster of {rows} x {cols}")
            }
        }
    }

    /// Returns what else there is to know.
    pub fn notes(mut self) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.placements.notes);
        let known = self.layout.map(|layout| layout.known);
        let holds = |known: &&KnownLayout| {
            let hinge = known.hinges_on;
            hinge.is_none_or(|role| self.place(role).is_some())
        };
        let remark = known.filter(holds).and_then(|known| known.remark);
        notes.extend(remark.map(|text| Note::Remark { text }));
        notes.extend(self.counts());
        notes.extend(
            self.assignment
                .iter()
                .filter_map(|filled| self.choice(filled)),
        );
        notes.extend(self.unreadable());
        notes.extend(self.masks());
        notes.extend(Role::all().flat_map(|role| self.namesakes(role)));
        notes.extend(self.half_of_pair());
        notes.extend(self.other_patterns());
        notes.extend(self.other_fields());
        notes
    }

    /// Notes a member that was not chosen by an option, nor by the layout in its own spelling.
    fn choice(&self, filled: &RoleMember) -> Option<Note> {
        let member = filled.info.name.clone();
        let is_both = filled.role == Role::X && self.member(Role::Y) == Some(&member);
        let roles = match is_both {
            true => vec![Role::X, Role::Y],
            false => vec![filled.role],
        };
        match filled.by {
            By::Option => None,
            _ if !is_both && member == filled.role.name() => None,
            _ if filled.spelling == Spelling::AnyCase => {
                Some(Note::TakenInAnotherCase { member, roles })
            }
            By::Name if self.layout.is_some() => Some(Note::TakenByNameAlone { member, roles }),
            _ => None,
        }
    }

    /// Notes patterns that are counts by their layout, although neither their dtype nor an option says so.
    fn counts(&self) -> Option<Note> {
        let is_export = |layout: &&LayoutMatch| layout.known.name == PTYCHODUS_EXPORT;
        self.layout
            .filter(|layout| is_export(layout) && self.measurement.is_none())?;
        self.place(Role::BadPixels)?;
        let patterns = self.assignment.get(Role::Diffraction)?;
        let by_layout = patterns.by == By::Layout && !patterns.info.dtype.scalar.is_integer();
        by_layout.then(|| Note::CountsByLayout {
            member: patterns.info.name.clone(),
        })
    }

    /// Notes the members that would fill a role and cannot be read, each with its roles.
    fn unreadable(&self) -> Vec<Note> {
        let mut by_member: Vec<(Unreadable<'_>, Vec<Role>)> = Vec::new();
        for (role, member) in self.assignment.all_unreadable() {
            match by_member
                .iter_mut()
                .find(|(other, _)| other.name == member.name)
            {
                Some((_, roles)) => roles.push(role),
                None => by_member.push((member, vec![role])),
            }
        }
        let note = |(member, roles): (Unreadable<'_>, Vec<Role>)| Note::Unreadable {
            member: member.name.to_string(),
            roles,
            problem: member.problem.to_string(),
            remedies: member.problem.remedies(),
        };
        by_member.into_iter().map(note).collect()
    }

    fn masks(&self) -> Option<Note> {
        let [bad, valid] =
            [Role::BadPixels, Role::ValidPixels].map(|role| self.member(role).map(str::to_string));
        (bad.is_some() || valid.is_some()).then_some(Note::MaskPolarity { bad, valid })
    }

    /// Notes members that have a name of an empty role, but cannot fill it.
    fn namesakes(&self, role: Role) -> Vec<Note> {
        if self.place(role).is_some() || self.assignment.unreadable(role).is_some() {
            return Vec::new();
        }
        let combined = COMBINED
            .iter()
            .filter(|_| role == Role::X)
            .map(|name| (*name, ShapeRule::Columns));
        let names = role.members().iter().map(|name| (*name, role.rule()));
        names
            .chain(combined)
            .filter_map(|(name, rule)| self.namesake(role, name, rule))
            .collect()
    }

    fn namesake(&self, role: Role, name: &str, rule: ShapeRule) -> Option<Note> {
        let all = self.members.all();
        let member: &Member = all.iter().find(|member| member.name == name)?;
        let (found, expected) = match &member.array {
            Err(problem) => (problem.to_string(), PLAIN_ARRAY),
            Ok(_) if name.len() == 1 || self.assignment.has(name) => return None,
            Ok(info) => rule.complaint(info)?,
        };
        let roles = match rule {
            ShapeRule::Columns => vec![Role::X, Role::Y],
            _ => vec![role],
        };
        Some(Note::Misfit {
            member: name.to_string(),
            roles,
            found,
            expected: expected.to_string(),
        })
    }

    /// Notes `x` or `y` without the other; of longer names this is an error.
    fn half_of_pair(&self) -> Option<Note> {
        let is_there = |name: &&&str| self.members.find(&[**name], ShapeRule::Vector).is_some();
        let half = ["x", "y"]
            .iter()
            .find(is_there)
            .filter(|_| self.place(Role::X).is_none())?;
        Some(Note::HalfOfPair {
            member: (*half).to_string(),
            pair: [Role::X, Role::Y],
        })
    }

    /// Notes members without a role that may be patterns.
    fn other_patterns(&self) -> Option<Note> {
        let known = |info: &ArrayInfo| {
            let is_name = |known: &&str| Spelling::AnyCase.matches(&info.name, known);
            Role::Diffraction.members().iter().any(is_name)
        };
        let members = self.without_role(|info| {
            ShapeRule::Patterns.fits(info) && (known(info) || self.counts_points(info))
        });
        let has_patterns = self.place(Role::Diffraction).is_some();
        (!members.is_empty()).then_some(Note::LooksLikePatterns {
            members,
            has_patterns,
        })
    }

    /// Returns whether an array's first or last axis, or the product of its first two, counts the scan
    /// points.
    fn counts_points(&self, info: &ArrayInfo) -> bool {
        let points = self.placements.points;
        let raster = info
            .shape
            .get(..2)
            .filter(|_| info.shape.len() > 3)
            .and_then(|axes| axes[0].checked_mul(axes[1]));
        info.shape.first() == Some(&points)
            || info.shape.last() == Some(&points)
            || raster == Some(points)
    }

    /// Notes complex members without a role.
    fn other_fields(&self) -> Option<Note> {
        let members = self.without_role(|info| ShapeRule::Field.fits(info));
        (!members.is_empty()).then_some(Note::ComplexWithoutRole { members })
    }

    fn without_role(&self, fits: impl Fn(&ArrayInfo) -> bool) -> Vec<String> {
        self.members
            .arrays()
            .filter(|info| !self.assignment.has(&info.name) && fits(info))
            .map(|info| info.name.clone())
            .collect()
    }
}

/// Returns the second best layout, and what speaks for and against it.
pub fn runner_up(
    members: &Members,
    ranking: &[LayoutMatch],
    chosen: Option<&LayoutMatch>,
) -> Option<String> {
    ranking
        .iter()
        .find(|other| chosen.is_none_or(|chosen| !std::ptr::eq(*other, chosen)))
        .map(|other| other.describe(members))
}
