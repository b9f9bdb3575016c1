//! The layout in words: why it is that one, what came near, what else a careful reader would want to know.

use super::MISFIT;
use super::archive::{Archive, Spelling, quote};
use super::assign::{By, Filled, Roster};
use super::form::Form;
use super::known::{Known, Match};
use super::place::{Placed, Scene};
use super::roles::{COMBINED, Role};
use crate::npz::{ArrayInfo, Member};

/// All that was found out.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The members of the file.
    pub archive: Archive<'a>,
    /// The layout, if a known one fits.
    pub layout: Option<&'a Match<'a>>,
    /// Its members by role.
    pub roster: Roster<'a>,
    /// Their places.
    pub scene: Scene,
}

impl Findings<'_> {
    /// The layout's name.
    pub fn name(&self) -> &'static str {
        let by_option = self.roster.iter().any(|filled| filled.by == By::Option);
        match self.layout.map(|layout| layout.known) {
            None if by_option => "named by options",
            None => "by synonyms",
            Some(Known {
                name_if_last: Some(name),
                ..
            }) if self.patterns_are_last() => name,
            Some(known) => known.name,
        }
    }

    fn patterns_are_last(&self) -> bool {
        let patterns = self
            .roster
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
        self.scene
            .roles
            .iter()
            .find(|(placed, _)| *placed == role)
            .map(|(_, placed)| placed)
    }

    fn member(&self, role: Role) -> Option<&str> {
        self.place(role).map(|placed| placed.member.as_str())
    }

    /// One line: which members spoke for the layout.
    pub fn reason(&self) -> String {
        let mut reason = format!("{}, {}", self.positions_text(), self.patterns_text());
        let all = [Role::X, Role::Y, Role::Diffraction];
        match self.layout {
            None => {
                reason += if self.name() == "by synonyms" {
                    ", by their names alone"
                } else {
                    ""
                }
            }
            Some(layout) => {
                let is_told =
                    |name: &str| all.into_iter().any(|role| self.member(role) == Some(name));
                let others: Vec<&str> = layout
                    .there
                    .iter()
                    .copied()
                    .filter(|name| !is_told(name))
                    .collect();
                reason += &prefixed(", beside ", &others);
            }
        }
        let named = self.roster.iter().filter(|filled| filled.by == By::Option);
        let named: Vec<String> = named
            .map(|filled| format!("{}={}", filled.role.name(), filled.info.name))
            .collect();
        if named.is_empty() {
            reason
        } else {
            format!("{reason}; --role {}", named.join(", "))
        }
    }

    fn positions_text(&self) -> String {
        match (self.place(Role::X), self.place(Role::Y), self.scene.raster) {
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
            (.., None) => "no positions".to_string(),
        }
    }

    fn patterns_text(&self) -> String {
        match (self.member(Role::Diffraction), self.scene.raster) {
            (None, _) => "no patterns".to_string(),
            (Some(member), None) => format!("patterns in `{member}`"),
            (Some(member), Some([rows, cols])) => {
                format!("patterns in `{member}`, a raster of {rows} x {cols}")
            }
        }
    }

    /// What else there is to know.
    pub fn notes(mut self) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.scene.notes);
        notes.extend(
            self.layout
                .and_then(|layout| layout.known.remark)
                .map(str::to_string),
        );
        notes.extend(self.roster.iter().filter_map(|filled| self.choice(filled)));
        notes.extend(self.masks());
        notes.extend(Role::all().flat_map(|role| self.namesakes(role)));
        notes.extend(self.half_of_pair());
        notes.extend(self.other_patterns());
        notes.extend(self.other_fields());
        notes
    }

    /// A member that was not chosen by an option, or by the layout in its own spelling.
    fn choice(&self, filled: &Filled) -> Option<String> {
        let name = &filled.info.name;
        let is_both = filled.role == Role::X && self.member(Role::Y) == Some(name);
        let role = if is_both {
            "x and y"
        } else {
            filled.role.name()
        };
        match filled.by {
            By::Option => None,
            _ if name == role => None,
            _ if filled.spelling == Spelling::AnyCase => Some(format!(
                "`{name}` is taken for {role} by its name in another case"
            )),
            By::Name if self.layout.is_some() => {
                Some(format!("`{name}` is taken for {role} by its name alone"))
            }
            _ => None,
        }
    }

    fn masks(&self) -> Option<String> {
        let (bad, valid) = (self.member(Role::BadPixels), self.member(Role::ValidPixels));
        match (bad, valid) {
            (Some(bad), Some(valid)) => Some(format!(
                "masks of opposite polarity: true is bad in `{bad}`, good in `{valid}`"
            )),
            (Some(bad), None) => Some(format!("`{bad}`: true is a bad pixel")),
            (None, Some(valid)) => Some(format!("`{valid}`: true is a good pixel")),
            (None, None) => None,
        }
    }

    /// Members that have the name of an empty role, but cannot fill it.
    fn namesakes(&self, role: Role) -> Vec<String> {
        if self.place(role).is_some() {
            return Vec::new();
        }
        let combined = COMBINED
            .iter()
            .filter(|_| role == Role::X)
            .map(|name| (name, Form::Columns));
        let names = role
            .members()
            .iter()
            .map(|name| (name, role.form()))
            .chain(combined);
        let members = names.filter_map(|(name, form)| {
            let member = self
                .archive
                .members()
                .iter()
                .find(|member| member.name == *name)?;
            Some((member, form))
        });
        let complaint = |(member, form): (&Member, Form)| {
            let (name, role) = (
                &member.name,
                if form == Form::Columns {
                    "x and y"
                } else {
                    role.name()
                },
            );
            match &member.array {
                Err(problem) => Some(format!("`{name}` {MISFIT} {role}: {problem}")),
                Ok(_) if name.len() == 1 || self.roster.has(name) => None,
                Ok(info) => form.complaint(info).map(|(found, expected)| {
                    format!("`{name}` {MISFIT} {role}: {found}, expected {expected}")
                }),
            }
        };
        members.filter_map(complaint).collect()
    }

    /// `x` or `y` without the other; of longer names this is an error.
    fn half_of_pair(&self) -> Option<String> {
        let is_there = |name: &&&str| self.archive.find(&[**name], Form::Vector).is_some();
        let half = ["x", "y"]
            .iter()
            .find(is_there)
            .filter(|_| self.place(Role::X).is_none())?;
        Some(format!(
            "`{half}` alone is no position: x and y come in pairs"
        ))
    }

    /// Members without a role that may be patterns.
    fn other_patterns(&self) -> Option<String> {
        let known = |info: &ArrayInfo| {
            let is_name = |known: &&str| Spelling::AnyCase.matches(&info.name, known);
            Role::Diffraction.members().iter().any(is_name)
        };
        let is_like = |info: &&ArrayInfo| {
            Form::Patterns.fits(info) && (known(info) || self.counts_points(info))
        };
        let names = self.without_role(is_like);
        let (verb, hint) = if names.len() == 1 {
            ("looks", names[0])
        } else {
            ("look", "NAME")
        };
        let too = if self.place(Role::Diffraction).is_some() {
            " too"
        } else {
            ""
        };
        (!names.is_empty()).then(|| {
            format!(
                "{} {verb} like patterns{too}: --role diffraction={hint} takes them",
                quote(&names)
            )
        })
    }

    /// Whether its first or last axis, or its first two, count the scan points.
    fn counts_points(&self, info: &ArrayInfo) -> bool {
        let points = self.scene.points;
        let raster = info
            .shape
            .get(..2)
            .filter(|_| info.shape.len() > 3)
            .and_then(|axes| axes[0].checked_mul(axes[1]));
        info.shape.first() == Some(&points)
            || info.shape.last() == Some(&points)
            || raster == Some(points)
    }

    /// Complex members without a role.
    fn other_fields(&self) -> Option<String> {
        let names = self.without_role(|info| Form::Field.fits(info));
        let verb = if names.len() == 1 {
            "is complex and has"
        } else {
            "are complex and have"
        };
        (!names.is_empty()).then(|| {
            format!(
                "{} {verb} no role: name a probe or an object with --role probe=NAME, object=NAME",
                quote(&names)
            )
        })
    }

    fn without_role(&self, fits: impl Fn(&&ArrayInfo) -> bool) -> Vec<&str> {
        let others = self
            .archive
            .arrays()
            .filter(|info| !self.roster.has(&info.name))
            .filter(|info| fits(info));
        others.map(|info| info.name.as_str()).collect()
    }
}

fn prefixed(prefix: &str, names: &[&str]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!("{prefix}{}", quote(names))
    }
}

/// The second best layout, and what speaks for and against it.
pub fn runner_up(archive: &Archive, ranking: &[Match], chosen: Option<&Match>) -> Option<String> {
    let others = ranking
        .iter()
        .filter(|other| chosen.is_none_or(|chosen| !std::ptr::eq(*other, chosen)));
    others.map(|other| other.describe(archive)).next()
}
