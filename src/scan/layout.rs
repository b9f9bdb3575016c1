//! Which member plays which role.
//!
//! A role is filled by the first of its names that the file has, exact spelling first, then any case; `--role x=NAME`
//! overrides. Nothing is guessed silently: what stays ambiguous is an error that names the option which settles it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::npz::{ArrayInfo, NpzFile};

/// What a member is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Scan positions along columns, f8 (M,).
    X,
    /// Scan positions along rows, f8 (M,).
    Y,
    /// Nominal positions along columns; default `X`.
    XStart,
    /// Nominal positions along rows; default `Y`.
    YStart,
    /// Diffraction patterns, (M, N, N).
    Diffraction,
    /// Probe, complex (N, N), (N, N, 1) or (P, N, N).
    Probe,
    /// Object, complex (H, W) or (L, H, W).
    Object,
    /// Object patches, complex (M, N, N).
    ObjectPatches,
    /// The detector's own frame numbers, (M,); default 0..M-1.
    FrameIndex,
}

/// Role, its name in `--role`, the member names that fill it.
const ROLES: &[(Role, &str, &[&str])] = &[
    (Role::X, "x", &["xcoords"]),
    (Role::Y, "y", &["ycoords"]),
    (Role::XStart, "x_start", &["xcoords_start"]),
    (Role::YStart, "y_start", &["ycoords_start"]),
    (Role::Diffraction, "diffraction", &["diffraction", "diff3d"]),
    (Role::Probe, "probe", &["probeGuess", "probe"]),
    (Role::Object, "object", &["objectGuess", "object"]),
    (Role::ObjectPatches, "object_patches", &["Y"]),
    (Role::FrameIndex, "frame_index", &["scan_index"]),
];

impl Role {
    /// Its name in `--role` and in messages.
    pub fn name(self) -> &'static str {
        ROLES.iter().find(|(role, ..)| *role == self).map_or("", |(_, name, _)| name)
    }

    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        ROLES.iter().find(|(_, known, _)| *known == name).map(|(role, ..)| *role)
    }

    /// Every role.
    pub fn all() -> impl Iterator<Item = Self> {
        ROLES.iter().map(|(role, ..)| *role)
    }

    fn members(self) -> &'static [&'static str] {
        ROLES.iter().find(|(role, ..)| *role == self).map_or(&[], |(_, _, members)| members)
    }
}

/// What the detector's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measurement {
    /// Square root of counts.
    Amplitude,
    /// Counts.
    Intensity,
    /// The file does not say.
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
pub enum Unit {
    /// Pixels of the object.
    Pixels,
    /// Metres.
    Metres,
}

impl Unit {
    /// `pixels` or `metres`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pixels => "pixels",
            Self::Metres => "metres",
        }
    }
}

/// Along which axis of the diffraction member its patterns are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatternAxis {
    /// (M, N, N).
    First,
    /// (N, N, M), as some older files have it.
    Last,
}

/// What the file does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LayoutOptions {
    /// Members by role, where the names are not the usual ones.
    pub roles: Vec<(Role, String)>,
    /// What the detector's numbers are; by default intensity for an integer dtype, unknown otherwise.
    pub measurement: Option<Measurement>,
    /// The unit of positions; by default metres for names that end in `_m`, pixels otherwise.
    pub unit: Option<Unit>,
    /// Metres a pixel of the object.
    pub pixel_size_m: Option<f64>,
    /// The axis of patterns, where the shape leaves it open.
    pub pattern_axis: Option<PatternAxis>,
}

/// Members by role, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The layout's name.
    pub name: &'static str,
    /// Why it is that one.
    pub reason: String,
    /// Each role that is filled, and its member.
    pub roles: Vec<(Role, String)>,
}

impl Layout {
    /// Finds the members of all roles.
    ///
    /// # Errors
    /// If a member named by an option is not there, or if the file has no positions.
    pub fn detect(npz: &NpzFile, options: &LayoutOptions) -> Result<Self> {
        let mut roles = Vec::new();
        for role in Role::all() {
            let chosen = options.roles.iter().rev().find(|(named, _)| *named == role);
            let member = match chosen {
                // Asking for it makes a missing or unreadable member an error.
                Some((_, member)) => Some(npz.array_info(member)?.name.clone()),
                None => find(npz, role).map(|info| info.name.clone()),
            };
            roles.extend(member.map(|member| (role, member)));
        }
        let (name, reason) = classify(&roles, !options.roles.is_empty());
        let layout = Self { name, reason, roles };
        layout.require(npz, Role::X)?;
        layout.require(npz, Role::Y)?;
        Ok(layout)
    }

    /// The member that fills a role.
    pub fn member(&self, role: Role) -> Option<&str> {
        self.roles.iter().find(|(filled, _)| *filled == role).map(|(_, member)| member.as_str())
    }

    /// The member that fills a role.
    ///
    /// # Errors
    /// [`Error::MissingRole`] if none does; if a member has the role's name but is no plain array, that is the error.
    pub fn require(&self, npz: &NpzFile, role: Role) -> Result<&str> {
        if let Some(member) = self.member(role) {
            return Ok(member);
        }
        let names = role.members();
        if let Some(unreadable) = npz.members().iter().find(|member| names.contains(&member.name.as_str())) {
            npz.array_info(&unreadable.name)?;
        }
        let expected = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        let path = npz.path().to_path_buf();
        Err(Error::MissingRole { path, role: role.name(), expected, available: npz.names() })
    }
}

/// The first of the role's names that is an array in the file.
fn find(npz: &NpzFile, role: Role) -> Option<&ArrayInfo> {
    let exact = role.members().iter().find_map(|name| npz.info(name));
    let any_case = |name: &&str| npz.arrays().find(|info| info.name.eq_ignore_ascii_case(name));
    // `Y` is the patches, `y` somebody's positions: one letter is too little to go by in another case.
    exact.or_else(|| role.members().iter().filter(|name| name.len() > 1).find_map(any_case))
}

fn classify(roles: &[(Role, String)], overridden: bool) -> (&'static str, String) {
    let member = |role| roles.iter().find(|(filled, _)| *filled == role).map_or("no member", |(_, name)| name.as_str());
    let positions = format!("positions in `{}` and `{}`", member(Role::X), member(Role::Y));
    let patterns = member(Role::Diffraction);
    match patterns {
        _ if overridden => ("named by options", format!("{positions}, patterns in `{patterns}`")),
        "diff3d" => ("PtychoPINN raw", format!("{positions}, patterns in `diff3d`")),
        "diffraction" => ("PtychoPINN prepared", format!("{positions}, patterns in `diffraction`")),
        "no member" => ("scan path", format!("{positions}, no patterns")),
        other => ("PtychoPINN", format!("{positions}, patterns in `{other}` by its name in another case")),
    }
}

/// The axis along which patterns are counted.
///
/// # Errors
/// If no axis is as long as the positions, or if the shape leaves it open which one it is.
pub fn pattern_axis(npz: &NpzFile, info: &ArrayInfo, positions: usize, said: Option<PatternAxis>) -> Result<usize> {
    let wrong = |expected: String, hint: &str| Error::BadMember {
        path: npz.path().to_path_buf(),
        member: info.name.clone(),
        found: format!("shape {:?}", info.shape),
        expected,
        hint: hint.to_string(),
    };
    let expected = format!("({positions}, N, N): one pattern for each of the {positions} positions");
    let [first, _, last] = info.shape[..] else {
        return Err(wrong(expected, "name the patterns with --role diffraction=NAME"));
    };
    match (said, first == positions, last == positions) {
        (Some(PatternAxis::First) | None, true, false) => Ok(0),
        (Some(PatternAxis::Last) | None, false, true) => Ok(2),
        (Some(PatternAxis::First), true, true) => Ok(0),
        (Some(PatternAxis::Last), true, true) => Ok(2),
        (None, true, true) => Err(wrong(
            format!("one axis of length {positions}, the number of positions"),
            "say which axis counts the patterns: --pattern-axis first or --pattern-axis last",
        )),
        (Some(_), ..) => Err(wrong(expected, "the axis named by --pattern-axis has another length")),
        (None, false, false) => Err(wrong(expected, "positions and patterns must be of the same scan")),
    }
}
