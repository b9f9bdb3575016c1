//! Decides which member fills which role: as an option names it, as the layout has it, else by its name
//! alone.

use super::candidates::{self, NamedByOptions};
use super::known_layouts::LayoutMatch;
use super::members::{Found, Members, Spelling};
use super::roles::Role;
use super::shape_rule::ShapeRule;
use crate::npz::ArrayInfo;

/// Names why a member fills a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// An option names it.
    Option,
    /// The known layout has it in that role.
    Layout,
    /// It has one of the role's names.
    Name,
}

/// Describes a member that fills a role.
#[derive(Debug, Clone, Copy)]
pub struct RoleMember<'a> {
    /// The role.
    pub role: Role,
    /// The member.
    pub info: &'a ArrayInfo,
    /// Why it fills the role.
    pub by: By,
    /// How its name was compared with the known one.
    pub spelling: Spelling,
}

/// Holds which member fills which role.
#[derive(Debug)]
pub struct Assignment<'a>(Vec<RoleMember<'a>>);

impl<'a> Assignment<'a> {
    /// Fills as many roles as can be filled: options first, then the layout, then names.
    pub fn of(
        members: &Members<'a>,
        named: &NamedByOptions<'a>,
        layout: Option<&LayoutMatch<'a>>,
    ) -> Self {
        let mut assignment = Self(Vec::new());
        for (role, info) in named.iter() {
            // An option that agrees with the layout leaves the unit and the column order of the layout in
            // force.
            let agrees = layout.is_some_and(|layout| layout.has(role, info));
            let by = if agrees { By::Layout } else { By::Option };
            assignment.0.push(RoleMember {
                role,
                info,
                by,
                spelling: Spelling::Exact,
            });
        }
        for (role, found) in layout.iter().flat_map(|layout| &layout.filled) {
            assignment.offer(*role, *found, By::Layout);
        }
        assignment.offer_positions(members);
        for role in Role::all().filter(|role| !matches!(role, Role::X | Role::Y)) {
            if let Some(found) = members.find(role.members(), role.rule()) {
                assignment.offer(role, found, By::Name);
            }
        }
        assignment
    }

    fn offer_positions(&mut self, members: &Members<'a>) {
        match (self.get(Role::X), self.get(Role::Y)) {
            (None, None) => {
                let Some((x, y)) = candidates::positions(members) else {
                    return;
                };
                self.offer(Role::X, x, By::Name);
                y.into_iter().for_each(|y| self.offer(Role::Y, y, By::Name));
            }
            // A combined array holds y too.
            (Some(x), None) if x.by == By::Layout || !ShapeRule::Vector.fits(x.info) => {}
            (Some(_), None) => self.offer_by_name(members, Role::Y),
            (None, Some(_)) => self.offer_by_name(members, Role::X),
            (Some(_), Some(_)) => {}
        }
    }

    fn offer_by_name(&mut self, members: &Members<'a>, role: Role) {
        if let Some(found) = members.find(role.members(), role.rule()) {
            self.offer(role, found, By::Name);
        }
    }

    /// Fills the role, unless it is filled. A member that has a role gets no other but that of positions or
    /// patterns.
    fn offer(&mut self, role: Role, found: Found<'a>, by: By) {
        let Found { info, spelling } = found;
        let is_filled =
            self.get(role).is_some() || role == Role::Y && self.x_is_named_and_combined();
        let may_share = matches!(role, Role::X | Role::Y | Role::Diffraction);
        if !is_filled && (may_share || !self.has(&info.name)) {
            self.0.push(RoleMember {
                role,
                info,
                by,
                spelling,
            });
        }
    }

    fn x_is_named_and_combined(&self) -> bool {
        let x = self.get(Role::X).filter(|x| x.by == By::Option);
        x.is_some_and(|x| !ShapeRule::Vector.fits(x.info) && ShapeRule::Columns.fits(x.info))
    }

    /// Returns the member in a role.
    pub fn get(&self, role: Role) -> Option<&RoleMember<'a>> {
        self.0.iter().find(|filled| filled.role == role)
    }

    /// Returns whether the member has a role.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|filled| filled.info.name == name)
    }

    /// Takes a role from its member.
    pub fn remove(&mut self, role: Role) {
        self.0.retain(|filled| filled.role != role);
    }

    /// Iterates over all members, in the order of [`Role`].
    pub fn iter(&self) -> impl Iterator<Item = &RoleMember<'a>> {
        Role::all().filter_map(|role| self.get(role))
    }
}
