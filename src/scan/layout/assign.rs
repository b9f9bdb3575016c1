//! Which member fills which role: as an option names it, as the layout has it, else by its name alone.

use super::archive::{Archive, Found, Spelling};
use super::form::Form;
use super::known::Match;
use super::roles::{COMBINED, Role};
use crate::error::Result;
use crate::npz::ArrayInfo;

/// Who said that a member fills a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// `--role`.
    Option,
    /// The known layout.
    Layout,
    /// One of the role's names.
    Name,
}

/// A member in its role.
#[derive(Debug, Clone, Copy)]
pub struct Filled<'a> {
    /// The role.
    pub role: Role,
    /// The member.
    pub info: &'a ArrayInfo,
    /// Who said so.
    pub by: By,
    /// How its name was compared.
    pub spelling: Spelling,
}

/// The roles that options name a member for.
#[derive(Debug)]
pub struct Named<'a>(Vec<(Role, &'a ArrayInfo)>);

impl<'a> Named<'a> {
    /// Looks up the members; the last word for a role counts.
    ///
    /// # Errors
    /// If there is no such member, or if it is no plain array.
    pub fn of(archive: &Archive<'a>, roles: &[(Role, String)]) -> Result<Self> {
        let last_word = |role: Role| roles.iter().rev().find(|(named, _)| *named == role);
        let member = |(role, name): &(Role, String)| Ok((*role, archive.array(name)?));
        Role::all()
            .filter_map(last_word)
            .map(member)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// The member named for a role.
    pub fn get(&self, role: Role) -> Option<&'a ArrayInfo> {
        self.0
            .iter()
            .find(|(named, _)| *named == role)
            .map(|(_, info)| *info)
    }
}

/// Whether some member would fill the role, named by an option or by its own name.
pub fn is_filled(archive: &Archive, named: &Named, role: Role) -> bool {
    let by_name = || match role {
        Role::X | Role::Y => positions(archive).is_some(),
        _ => archive.find(role.members(), role.form()).is_some(),
    };
    named.get(role).is_some() || by_name()
}

/// x, and y unless both are in one member; exact spelling first.
fn positions<'a>(archive: &Archive<'a>) -> Option<(Found<'a>, Option<Found<'a>>)> {
    Spelling::BOTH.into_iter().find_map(|spelling| {
        let vector = |name: &&str| archive.find_spelled(&[*name], Form::Vector, spelling);
        let pairs = Role::X.members().iter().zip(Role::Y.members());
        let pair = pairs
            .filter_map(|(x, y)| vector(x).zip(vector(y)))
            .map(|(x, y)| (x, Some(y)))
            .next();
        pair.or_else(|| {
            archive
                .find_spelled(COMBINED, Form::Columns, spelling)
                .map(|both| (both, None))
        })
    })
}

/// The members by role.
#[derive(Debug)]
pub struct Roster<'a>(Vec<Filled<'a>>);

impl<'a> Roster<'a> {
    /// Fills as many roles as can be filled: options first, then the layout, then names.
    pub fn of(archive: &Archive<'a>, named: &Named<'a>, layout: Option<&Match<'a>>) -> Self {
        let mut roster = Self(Vec::new());
        for (role, info) in &named.0 {
            // An option that says what the layout says takes nothing from it.
            let agrees = layout.is_some_and(|layout| layout.has(*role, info));
            let by = if agrees { By::Layout } else { By::Option };
            roster.0.push(Filled {
                role: *role,
                info,
                by,
                spelling: Spelling::Exact,
            });
        }
        for (role, found) in layout.iter().flat_map(|layout| &layout.filled) {
            roster.offer(*role, *found, By::Layout);
        }
        roster.offer_positions(archive);
        for role in Role::all().filter(|role| !matches!(role, Role::X | Role::Y)) {
            if let Some(found) = archive.find(role.members(), role.form()) {
                roster.offer(role, found, By::Name);
            }
        }
        roster
    }

    fn offer_positions(&mut self, archive: &Archive<'a>) {
        match (self.get(Role::X), self.get(Role::Y)) {
            (None, None) => {
                let Some((x, y)) = positions(archive) else {
                    return;
                };
                self.offer(Role::X, x, By::Name);
                y.into_iter().for_each(|y| self.offer(Role::Y, y, By::Name));
            }
            // A combined array holds y too.
            (Some(x), None) if x.by == By::Layout || !Form::Vector.fits(x.info) => {}
            (Some(_), None) => self.offer_by_name(archive, Role::Y),
            (None, Some(_)) => self.offer_by_name(archive, Role::X),
            (Some(_), Some(_)) => {}
        }
    }

    fn offer_by_name(&mut self, archive: &Archive<'a>, role: Role) {
        if let Some(found) = archive.find(role.members(), role.form()) {
            self.offer(role, found, By::Name);
        }
    }

    /// Fills the role, unless it is filled. A member that has a role gets no other but that of positions or patterns.
    fn offer(&mut self, role: Role, found: Found<'a>, by: By) {
        let Found { info, spelling } = found;
        let is_filled =
            self.get(role).is_some() || role == Role::Y && self.x_is_named_and_combined();
        let may_share = matches!(role, Role::X | Role::Y | Role::Diffraction);
        if !is_filled && (may_share || !self.has(&info.name)) {
            self.0.push(Filled {
                role,
                info,
                by,
                spelling,
            });
        }
    }

    fn x_is_named_and_combined(&self) -> bool {
        let x = self.get(Role::X).filter(|x| x.by == By::Option);
        x.is_some_and(|x| !Form::Vector.fits(x.info) && Form::Columns.fits(x.info))
    }

    /// The member in a role.
    pub fn get(&self, role: Role) -> Option<&Filled<'a>> {
        self.0.iter().find(|filled| filled.role == role)
    }

    /// Whether the member has a role.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|filled| filled.info.name == name)
    }

    /// Takes a role from its member.
    pub fn remove(&mut self, role: Role) {
        self.0.retain(|filled| filled.role != role);
    }

    /// All members, by role.
    pub fn iter(&self) -> impl Iterator<Item = &Filled<'a>> {
        Role::all().filter_map(|role| self.get(role))
    }
}
