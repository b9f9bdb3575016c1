//! Roles, and the names that members go by in the programs that write them.

use serde::{Deserialize, Serialize};

use super::form::Form;

/// What a member is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Scan positions along columns, (M,); or one column of a combined array.
    X,
    /// Scan positions along rows, (M,); or one column of a combined array.
    Y,
    /// Nominal positions along columns; default `X`.
    XStart,
    /// Nominal positions along rows; default `Y`.
    YStart,
    /// Diffraction patterns, (M, N, N), (N, N, M) or, as a raster, (R, S, H, W).
    Diffraction,
    /// Probe, complex (N, N), (N, N, 1) or (..., N, N).
    Probe,
    /// Object, complex (H, W) or (L, H, W).
    Object,
    /// Object patches, complex (M, N, N).
    ObjectPatches,
    /// The detector's own frame numbers, (M,); default 0..M-1.
    FrameIndex,
    /// Pixels of the detector not to be used, (H, W): true is bad.
    BadPixels,
    /// Pixels of the detector to be used, (H, W): true is good.
    ValidPixels,
    /// Metres a pixel of the object, 0-d.
    PixelSize,
}

struct Entry {
    role: Role,
    /// In `--role` and in messages.
    name: &'static str,
    /// The member names that fill it, in the order they are tried.
    members: &'static [&'static str],
    /// What such a member must look like.
    form: Form,
}

const fn entry(
    role: Role,
    name: &'static str,
    form: Form,
    members: &'static [&'static str],
) -> Entry {
    Entry {
        role,
        name,
        members,
        form,
    }
}

/// One entry a role, in the order of [`Role`]. The names of x and y are pairs.
static ROLES: [Entry; 12] = [
    entry(
        Role::X,
        "x",
        Form::Vector,
        &["xcoords", "probe_position_x_m", "ppX", "x", "posx"],
    ),
    entry(
        Role::Y,
        "y",
        Form::Vector,
        &["ycoords", "probe_position_y_m", "ppY", "y", "posy"],
    ),
    entry(Role::XStart, "x_start", Form::Vector, &["xcoords_start"]),
    entry(Role::YStart, "y_start", Form::Vector, &["ycoords_start"]),
    entry(Role::Diffraction, "diffraction", Form::Patterns, PATTERNS),
    entry(Role::Probe, "probe", Form::Field, PROBES),
    entry(
        Role::Object,
        "object",
        Form::Field,
        &[
            "objectGuess",
            "object",
            "obj",
            "psi",
            "reconstructed_object",
        ],
    ),
    entry(
        Role::ObjectPatches,
        "object_patches",
        Form::Stack,
        &["Y", "real"],
    ),
    entry(
        Role::FrameIndex,
        "frame_index",
        Form::Indices,
        &["indexes", "probe_position_indexes", "scan_index"],
    ),
    entry(Role::BadPixels, "bad_pixels", Form::Mask, &["bad_pixels"]),
    entry(
        Role::ValidPixels,
        "valid_pixels",
        Form::Mask,
        &["valid_pixel_mask"],
    ),
    entry(
        Role::PixelSize,
        "pixel_size",
        Form::Number,
        &["object_pixel_width_m", "pixelsize"],
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

/// Members that hold x and y together, a column each.
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
    /// Whether its member has a row a scan point.
    pub fn is_of_scan_points(self) -> bool {
        use Role::{Diffraction, FrameIndex, ObjectPatches, X, XStart, Y, YStart};
        matches!(
            self,
            X | Y | XStart | YStart | Diffraction | ObjectPatches | FrameIndex
        )
    }

    /// Its name in `--role` and in messages.
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        ROLES
            .iter()
            .find(|entry| entry.name == name)
            .map(|entry| entry.role)
    }

    /// Every role.
    pub fn all() -> impl Iterator<Item = Self> {
        ROLES.iter().map(|entry| entry.role)
    }

    /// The member names that fill it.
    pub(super) fn members(self) -> &'static [&'static str] {
        self.entry().members
    }

    /// What a member that fills it must look like.
    pub(super) fn form(self) -> Form {
        self.entry().form
    }

    fn entry(self) -> &'static Entry {
        &ROLES[self as usize]
    }
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
}
