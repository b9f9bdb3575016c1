//! The members that could fill a role: those that options name, and those that have one of the role's names.

use super::members::{Found, Members, Spelling};
use super::roles::{COMBINED, Role};
use super::shape_rule::ShapeRule;
use crate::error::Result;
use crate::npz::ArrayInfo;

/// Lists the roles that options name a member for.
#[derive(Debug)]
pub struct NamedByOptions<'a>(Vec<(Role, &'a ArrayInfo)>);

impl<'a> NamedByOptions<'a> {
    /// Looks up the members; of several for one role the last counts.
    ///
    /// # Errors
    /// If there is no such member, or if it is no plain array.
    pub fn of(members: &Members<'a>, roles: &[(Role, String)]) -> Result<Self> {
        let last_word = |role: Role| roles.iter().rev().find(|(named, _)| *named == role);
        let member = |(role, name): &(Role, String)| Ok((*role, members.array(name)?));
        Role::all()
            .filter_map(last_word)
            .map(member)
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Returns the member named for a role.
    pub fn get(&self, role: Role) -> Option<&'a ArrayInfo> {
        self.iter()
            .find(|(named, _)| *named == role)
            .map(|(_, info)| info)
    }

    /// Iterates over the roles and their members, in the order of [`Role`].
    pub fn iter(&self) -> impl Iterator<Item = (Role, &'a ArrayInfo)> {
        self.0.iter().copied()
    }
}

/// Returns whether some member would fill the role, named by an option or by its own name.
pub fn is_filled(members: &Members, named: &NamedByOptions, role: Role) -> bool {
    let by_name = || match role {
        Role::X | Role::Y => positions(members).is_some(),
        _ => members.first(role.members(), role.rule()).is_some(),
    };
    named.get(role).is_some() || by_name()
}

/// Finds x by name, and y unless one member holds both; exact spelling comes first.
pub fn positions<'a>(members: &Members<'a>) -> Option<(Found<'a>, Option<Found<'a>>)> {
    Spelling::BOTH.into_iter().find_map(|spelling| {
        let vector = |name: &&str| members.find_spelled(&[*name], ShapeRule::Vector, spelling);
        let pairs = Role::X.members().iter().zip(Role::Y.members());
        let pair = pairs
            .filter_map(|(x, y)| vector(x).zip(vector(y)))
            .map(|(x, y)| (x, Some(y)))
            .next();
        pair.or_else(|| {
            members
                .find_spelled(COMBINED, ShapeRule::Columns, spelling)
                .map(|both| (both, None))
        })
    })
}
