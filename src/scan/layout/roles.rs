//! Lists the roles of a scan's members, and the names that members have in the programs that write them.

use serde::{Deserialize, Serialize};

use super::shape_rule::ShapeRule;

/// Names what a member of the file is for.
///
/// M is the number of scan points, N x N (or H x W) the pixels of a pattern; axes of length 1 in front are
/// ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The scan positions along image columns, real (M,); or one column of a member that holds both
    /// coordinates.
    X,
    /// The scan positions along image rows, real (M,); or one column of a member that holds both coordinates.
    Y,
    /// The nominal positions along image columns, real (M,); those of `X` where there are none.
    XStart,
    /// The nominal positions along image rows, real (M,); those of `Y` where there are none.
    YStart,
    /// The diffraction patterns, real (M, H, W) or (H, W, M); of a raster of R rows and S columns
    /// (R, S, H, W) or (H, W, R, S), with scan points counted along S fastest.
    Diffraction,
    /// The probe, complex (N, N), or with modes (..., N, N) or (N, N, ...); axes of length 1 in front and at the end are
    /// ignored. The image is what has the shape of a pattern, or else is square; what then stays open, such as
    /// (N, N, N), is settled by an option.
    Probe,
    /// The object, complex (rows, columns), or with layers (..., rows, columns); (rows, columns, ...) if only so it is at
    /// least as large as a pattern.
    Object,
    /// The object patches, complex (M, N, N), one per scan point.
    ObjectPatches,
    /// The detector's own frame numbers, integers (M,); 0 to M-1 where there are none. Where a file numbers its
    /// patterns and its positions apart, those of the patterns.
    FrameIndex,
    /// The frame number of each position, integers (M,), in a file that numbers its patterns apart: positions
    /// and patterns are then joined on the two.
    PositionIndex,
    /// The mask of bad pixels, booleans or integers (H, W): true, or not 0, means that the pixel is not used.
    ///
    /// Its shape must be that of a pattern as stored, before any crop or binning. A mask of another shape is
    /// not used, which is a note; if an option names it, it is an error.
    BadPixels,
    /// The mask of valid pixels, booleans or integers (H, W): true, or not 0, means that the pixel is used.
    ///
    /// Its shape must be that of a pattern, as for `BadPixels`, which is used where a file has both.
    ValidPixels,
    /// The size of a pixel of the object in metres, one real number; its width, where the height is another.
    PixelSize,
    /// The height of a pixel of the object in metres, one real number; that of `PixelSize` where there is none.
    PixelHeight,
    /// Where the middle of the object is along image columns, in metres, one real number; it counts with
    /// `ObjectCenterY` only.
    ObjectCenterX,
    /// Where the middle of the object is along image rows, in metres, one real number.
    ObjectCenterY,
}

/// Describes a role, and the members that fill it.
struct RoleDefinition {
    role: Role,
    /// The role's name, in options and in messages.
    name: &'static str,
    /// The member names that fill it, in the order they are tried.
    members: &'static [&'static str],
    /// The rule that such a member must pass.
    rule: ShapeRule,
}

const fn definition(
    role: Role,
    name: &'static str,
    rule: ShapeRule,
    members: &'static [&'static str],
) -> RoleDefinition {
    RoleDefinition {
        role,
        name,
        members,
        rule,
    }
}

/// One definition per role, in the order of [`Role`]. The names of x and y are pairs.
static ROLES: [RoleDefinition; 16] = [
    definition(
        Role::X,
        "x",
        ShapeRule::Vector,
        &["xcoords", "probe_position_x_m", "ppX", "x", "posx"],
    ),
    definition(
        Role::Y,
        "y",
        ShapeRule::Vector,
        &["ycoords", "probe_position_y_m", "ppY", "y", "posy"],
    ),
    definition(
        Role::XStart,
        "x_start",
        ShapeRule::Vector,
        &["xcoords_start"],
    ),
    definition(
        Role::YStart,
        "y_start",
        ShapeRule::Vector,
        &["ycoords_start"],
    ),
    definition(
        Role::Diffraction,
        "diffraction",
        ShapeRule::Patterns,
        PATTERNS,
    ),
    definition(Role::Probe, "probe", ShapeRule::Field, PROBES),
    definition(
        Role::Object,
        "object",
        ShapeRule::Field,
        &[
            "objectGuess",
            "object",
            "obj",
            "psi",
            "reconstructed_object",
        ],
    ),
    definition(
        Role::ObjectPatches,
        "object_patches",
        ShapeRule::Stack,
        &["Y", "real"],
    ),
    definition(
        Role::FrameIndex,
        "frame_index",
        ShapeRule::Indices,
        &["indexes", "probe_position_indexes", "scan_index"],
    ),
    definition(
        Role::PositionIndex,
        "position_index",
        ShapeRule::Indices,
        &["probe_position_indexes"],
    ),
    definition(
        Role::BadPixels,
        "bad_pixels",
        ShapeRule::Mask,
        &["bad_pixels"],
    ),
    definition(
        Role::ValidPixels,
        "valid_pixels",
        ShapeRule::Mask,
        &["valid_pixel_mask"],
    ),
    definition(
        Role::PixelSize,
        "pixel_size",
        ShapeRule::Number,
        &["object_pixel_width_m", "pixelsize"],
    ),
    definition(
        Role::PixelHeight,
        "pixel_height",
        ShapeRule::Number,
        &["object_pixel_height_m"],
    ),
    definition(
        Role::ObjectCenterX,
        "object_center_x",
        ShapeRule::Number,
        &["object_center_x_m"],
    ),
    definition(
        Role::ObjectCenterY,
        "object_center_y",
        ShapeRule::Number,
        &["object_center_y_m"],
    ),
];

/// `diffraction` before `diff3d`: PtychoPINN prefers the prepared patterns where a file has both.
const PATTERNS: &[&str] = &[
    "diffraction",
    "diff3d",
    "patterns",
    "data",
    "reciprocal",
    "dp",
    "diffamp",
    "det_data",
    "ptychogram",
    "images",
    "diffraction_patterns",
    "arr_0",
];

const PROBES: &[&str] = &[
    "probeGuess",
    "probe",
    "initial_probe",
    "illumination",
    "reconstructed_probe",
];

/// The names of members that hold x and y together, one column each.
pub const COMBINED: &[&str] = &[
    "position",
    "positions",
    "scan",
    "points",
    "encoder",
    "translation",
    "coords",
];

impl Role {
    /// Returns whether the role's member has one row per scan point.
    pub fn is_of_scan_points(self) -> bool {
        self.is_of_positions() || {
            use Role::{Diffraction, FrameIndex, ObjectPatches};
            matches!(self, Diffraction | ObjectPatches | FrameIndex)
        }
    }

    /// Returns whether the role's member has one row per position, whatever the patterns are.
    pub(crate) fn is_of_positions(self) -> bool {
        use Role::{PositionIndex, X, XStart, Y, YStart};
        matches!(self, X | Y | XStart | YStart | PositionIndex)
    }

    /// Returns the role's name, in options and in messages: `x`, `frame_index`.
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// Returns the role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        ROLES
            .iter()
            .find(|definition| definition.name == name)
            .map(|definition| definition.role)
    }

    /// Iterates over all roles, in their order.
    pub fn all() -> impl Iterator<Item = Self> {
        ROLES.iter().map(|definition| definition.role)
    }

    /// Returns the names of the members that fill the role, in the order they are tried.
    pub(super) fn members(self) -> &'static [&'static str] {
        self.definition().members
    }

    /// Returns the rule that a member that fills the role must pass.
    pub(super) fn rule(self) -> ShapeRule {
        self.definition().rule
    }

    fn definition(self) -> &'static RoleDefinition {
        &ROLES[self as usize]
    }
}

/// Returns the role that members of this name fill; the case does not matter, and a member with x and y counts as x.
pub(crate) fn role_of_known_name(name: &str) -> Option<Role> {
    let has = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    let of_combined = has(COMBINED).then_some(Role::X);
    Role::all().find(|role| has(role.members())).or(of_combined)
}

/// Iterates over all names by which members fill roles, those of members that hold x and y together included.
pub(crate) fn known_names() -> impl Iterator<Item = &'static str> {
    let of_roles = Role::all().flat_map(|role| role.members());
    of_roles.chain(COMBINED).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_has_its_own_entry() {
        for (index, role) in Role::all().enumerate() {
            assert_eq!(role as usize, index);
            assert_eq!(Role::from_name(role.name()), Some(role));
        }
        assert_eq!(Role::from_name("z"), None);
        assert_eq!(Role::X.members().len(), Role::Y.members().len(), "pairs");
    }

    #[test]
    fn known_names_cover_every_role() {
        let known: Vec<&str> = known_names().collect();
        for role in Role::all() {
            assert!(!role.members().is_empty(), "{role:?}");
            assert!(
                role.members().iter().all(|name| known.contains(name)),
                "{role:?}"
            );
        }
        for name in [
            "real",
            "bad_pixels",
            "valid_pixel_mask",
            "pixelsize",
            "positions",
            "xcoords",
        ] {
            assert!(known.contains(&name), "{name}");
        }
    }
}
