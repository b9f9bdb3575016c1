//! Leads from the name of a member to the column or table that is made of it.

use super::Scan;
use super::layout::{Role, role_of_known_name};

impl Scan {
    /// Returns the column, one of those for which `has` holds, that is made of a member; the case of the member's name does
    /// not matter. Names that fill roles in other programs' files count as well.
    pub(crate) fn column_made_of(
        &self,
        member: &str,
        has: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let columns = self.inner.columns.iter().zip(self.inner.schema.fields());
        let mut own = columns.filter_map(|(column, field)| {
            let source = column.source()?;
            source
                .member()
                .eq_ignore_ascii_case(member)
                .then(|| field.name().clone())
        });
        own.find(|name| has(name)).or_else(|| {
            let names = columns_of(self.role_of_member(member)?);
            names.iter().find(|name| has(name)).map(ToString::to_string)
        })
    }

    /// Returns the other table of the file that is made of a member.
    #[cfg(feature = "sql")]
    pub(crate) fn table_of_member(&self, member: &str) -> Option<&'static str> {
        match self.role_of_member(member)? {
            Role::Probe => Some("probe"),
            Role::Object => Some("object"),
            Role::PixelSize => Some("scans"),
            _ => None,
        }
    }

    /// Returns the role that a member fills here, or else one that a member of its name fills elsewhere.
    fn role_of_member(&self, member: &str) -> Option<Role> {
        let filled = self.layout().roles.iter();
        let mut here = filled.filter(|(_, placed)| placed.member.eq_ignore_ascii_case(member));
        here.next()
            .map(|(role, _)| *role)
            .or_else(|| role_of_known_name(member))
    }
}

/// Returns the columns that are made of a role's member: the one of `scan`, then the one of `groups`.
fn columns_of(role: Role) -> &'static [&'static str] {
    match role {
        Role::X => &["x", "coords_nn"],
        Role::Y => &["y", "coords_nn"],
        Role::XStart => &["x_start", "coords_start_nn"],
        Role::YStart => &["y_start", "coords_start_nn"],
        Role::Diffraction => &["diffraction"],
        Role::FrameIndex => &["frame_index"],
        Role::Object | Role::ObjectPatches => &["object_patches"],
        _ => &[],
    }
}
