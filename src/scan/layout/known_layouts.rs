//! Lists the layouts that programs write, and ranks them by how well a file matches each.
//!
//! A layout fits if all its required members are there; of those that fit, the one most of whose members are
//! there is chosen. What else comes near is the runner-up of the report.

use std::cmp::Reverse;

use super::candidates::{self, NamedByOptions};
use super::members::{Found, Members, Spelling, Unreadable};
use super::note::quote;
use super::order::PositionOrder;
use super::roles::Role;
use super::shape_rule::ShapeRule;
use super::unit::Unit;
use crate::error::{Error, Remedy};
use crate::npz::ArrayInfo;

/// Describes a member of a layout: it has one of these names and passes this rule.
#[derive(Debug)]
pub struct KnownMember {
    /// The role that the member fills; an x that passes [`ShapeRule::Columns`] holds y too.
    pub role: Option<Role>,
    /// The names that the member goes by.
    pub names: &'static [&'static str],
    /// The rule that the member must pass to count for the layout.
    pub rule: ShapeRule,
}

/// Describes a layout.
#[derive(Debug)]
pub struct KnownLayout {
    /// The name of the layout in reports.
    pub name: &'static str,
    /// The name of the layout if the patterns are counted along the last axis.
    pub name_if_last: Option<&'static str>,
    /// The unit of the positions.
    pub unit: Unit,
    /// The order of the columns where one member holds all positions.
    pub order: Option<PositionOrder>,
    /// The members that must all be there.
    pub required: &'static [KnownMember],
    /// The members that may be there.
    pub optional: &'static [KnownMember],
    /// The names of members without a role, arrays or not, that count for the layout.
    pub marks: &'static [&'static str],
    /// The role that no member of the file may be able to fill.
    pub without: Option<Role>,
    /// The role of the member that tells its files from those of another layout, which has all the others: without
    /// it, or with it alone, a file does not come near.
    pub hinges_on: Option<Role>,
    /// Whether its files hold groups instead of a scan.
    pub is_grouped: bool,
    /// A property of all its files that their users should know.
    pub remark: Option<&'static str>,
}

const fn member(role: Role, names: &'static [&'static str], rule: ShapeRule) -> KnownMember {
    KnownMember {
        role: Some(role),
        names,
        rule,
    }
}

const fn mark(names: &'static [&'static str]) -> KnownMember {
    KnownMember {
        role: None,
        names,
        rule: ShapeRule::Any,
    }
}

const NONE: KnownLayout = KnownLayout {
    name: "",
    name_if_last: None,
    unit: Unit::UNKNOWN,
    order: None,
    required: &[],
    optional: &[],
    marks: &[],
    without: None,
    hinges_on: None,
    is_grouped: false,
    remark: None,
};

// Names that only PtychoPINN uses are enough by themselves; what then does not fit is an error, not another
// layout.
const XCOORDS: KnownMember = member(Role::X, &["xcoords"], ShapeRule::Any);
const YCOORDS: KnownMember = member(Role::Y, &["ycoords"], ShapeRule::Any);
const PTYCHOPINN: &[KnownMember] = &[
    member(Role::XStart, &["xcoords_start"], ShapeRule::Any),
    member(Role::YStart, &["ycoords_start"], ShapeRule::Any),
    member(Role::Probe, &["probeGuess"], ShapeRule::Field),
    member(Role::Object, &["objectGuess"], ShapeRule::Field),
    member(Role::ObjectPatches, &["Y"], ShapeRule::Stack),
    member(Role::FrameIndex, &["scan_index"], ShapeRule::Any),
    BAD_PIXELS,
];
const BAD_PIXELS: KnownMember = member(Role::BadPixels, &["bad_pixels"], ShapeRule::Mask);

/// The name of the layout whose patterns are counts of the detector, where PtychoPINN's own has amplitudes.
pub const PTYCHODUS_EXPORT: &str = "ptychodus export for PtychoPINN";

/// All known layouts; of two that match equally well the earlier is chosen.
static KNOWN: [KnownLayout; 11] = [
    KnownLayout {
        name: "PtychoPINN prepared",
        name_if_last: Some("legacy (pattern axis last)"),
        unit: Unit::PIXELS,
        required: &[
            XCOORDS,
            YCOORDS,
            member(Role::Diffraction, &["diffraction"], ShapeRule::Any),
        ],
        optional: PTYCHOPINN,
        marks: &["_shuffle_applied", "_shuffle_seed", "_metadata"],
        ..NONE
    },
    // Before PtychoPINN's own, which has all its members too.
    KnownLayout {
        name: PTYCHODUS_EXPORT,
        unit: Unit::PIXELS,
        required: &[
            XCOORDS,
            YCOORDS,
            member(Role::Diffraction, &["diff3d"], ShapeRule::Patterns),
            BAD_PIXELS,
        ],
        optional: PTYCHOPINN,
        hinges_on: Some(Role::BadPixels),
        remark: Some(
            "ptychodus has replaced the bad pixels in `diff3d`; `bad_pixels` says which they are",
        ),
        ..NONE
    },
    KnownLayout {
        name: "PtychoPINN raw",
        name_if_last: Some("legacy (pattern axis last)"),
        unit: Unit::PIXELS,
        required: &[
            XCOORDS,
            YCOORDS,
            member(Role::Diffraction, &["diff3d"], ShapeRule::Any),
        ],
        optional: PTYCHOPINN,
        ..NONE
    },
    KnownLayout {
        name: "PtychoPINN grouped",
        required: &[
            mark(&["nn_indices"]),
            mark(&["coords_offsets", "coords_relative"]),
            mark(&["diffraction", "X_full"]),
        ],
        marks: &[
            "X_full",
            "coords_offsets",
            "coords_relative",
            "coords_nn",
            "coords_start_offsets",
            "coords_start_relative",
            "coords_start_nn",
            "Y",
            "objectGuess",
        ],
        is_grouped: true,
        ..NONE
    },
    KnownLayout {
        name: "ptychodus product",
        unit: Unit::METRES,
        required: &[
            member(Role::X, &["probe_position_x_m"], ShapeRule::Vector),
            member(Role::Y, &["probe_position_y_m"], ShapeRule::Vector),
        ],
        optional: &[
            member(
                Role::FrameIndex,
                &["probe_position_indexes"],
                ShapeRule::Any,
            ),
            member(Role::Probe, &["probe"], ShapeRule::Field),
            member(Role::Object, &["object"], ShapeRule::Field),
            member(
                Role::PixelSize,
                &["object_pixel_width_m"],
                ShapeRule::Number,
            ),
            member(
                Role::PixelHeight,
                &["object_pixel_height_m"],
                ShapeRule::Number,
            ),
            member(
                Role::ObjectCenterX,
                &["object_center_x_m"],
                ShapeRule::Number,
            ),
            member(
                Role::ObjectCenterY,
                &["object_center_y_m"],
                ShapeRule::Number,
            ),
        ],
        marks: &[
            "name",
            "comments",
            "detector_object_distance_m",
            "focus_object_distance_m",
            // Of versions before 1.7, and since.
            "probe_energy_eV",
            "photon_energy_eV",
            "mass_attenuation_m2_kg",
            "mass_attenuation_m2_per_kg",
            "probe_photon_count",
            "probe_photon_counts",
            "exposure_time_s",
            "tilt_angle_deg",
            "polarization",
            "far_field",
            "probe_pixel_width_m",
            "probe_pixel_height_m",
            "object_center_x_m",
            "object_center_y_m",
            "object_pixel_height_m",
            "loss_values",
            "costs",
        ],
        ..NONE
    },
    KnownLayout {
        name: "ptychodus patterns",
        required: &[
            member(Role::Diffraction, &["patterns"], ShapeRule::Patterns),
            member(Role::FrameIndex, &["indexes"], ShapeRule::Indices),
        ],
        optional: &[BAD_PIXELS],
        marks: &["allow_pickle"],
        ..NONE
    },
    KnownLayout {
        name: "PtychoNN",
        unit: Unit::METRES,
        order: Some(PositionOrder::YX),
        required: &[
            member(Role::X, &["position"], ShapeRule::Columns),
            member(Role::Diffraction, &["reciprocal"], ShapeRule::Patterns),
        ],
        optional: &[
            member(Role::PixelSize, &["pixelsize"], ShapeRule::Number),
            member(Role::ObjectPatches, &["real"], ShapeRule::Stack),
        ],
        ..NONE
    },
    KnownLayout {
        name: "PtychoNN 2020",
        unit: Unit::STEPS,
        required: &[member(Role::Diffraction, &["arr_0"], ShapeRule::Raster)],
        without: Some(Role::X),
        ..NONE
    },
    KnownLayout {
        name: "tike",
        unit: Unit::PIXELS,
        order: Some(PositionOrder::YX),
        required: &[
            member(Role::X, &["scan"], ShapeRule::Columns),
            member(Role::Diffraction, &["data"], ShapeRule::Patterns),
        ],
        optional: &[member(Role::Probe, &["probe"], ShapeRule::Field)],
        remark: Some(
            "tike keeps the zero frequency at the corners of a pattern, and the origin of its positions is arbitrary",
        ),
        ..NONE
    },
    KnownLayout {
        name: "scan path",
        unit: Unit::PIXELS,
        required: &[XCOORDS, YCOORDS],
        optional: PTYCHOPINN,
        without: Some(Role::Diffraction),
        ..NONE
    },
    KnownLayout {
        name: "scan path",
        unit: Unit::STEPS,
        required: &[
            member(Role::X, &["x"], ShapeRule::Vector),
            member(Role::Y, &["y"], ShapeRule::Vector),
        ],
        without: Some(Role::Diffraction),
        ..NONE
    },
];

/// Creates the error for a file that holds groups and is no scan.
pub fn is_grouped(members: &Members) -> Error {
    members.bad(
        "nn_indices",
        "the groups of a PtychoPINN grouped file".to_string(),
        "a scan: positions, and a pattern for each",
        vec![Remedy::ReadAsArrays],
    )
}

/// Describes how a file matches a layout.
#[derive(Debug)]
pub struct LayoutMatch<'a> {
    /// The layout that is compared with the file.
    pub known: &'static KnownLayout,
    /// The members of the file that fill a role of the layout.
    pub filled: Vec<(Role, Found<'a>)>,
    /// The members of the file that would fill a role of the layout and cannot be read.
    pub unreadable: Vec<(Role, Unreadable<'a>)>,
    /// The names of all members of the layout that the file has.
    pub there: Vec<&'a str>,
    /// The number of those names that are spelled exactly.
    exact: usize,
    /// Whether the file has at least one required member.
    near: bool,
    missing: Vec<&'static KnownMember>,
    /// The role that a member could fill although the layout rules that out.
    excluded: Option<Role>,
}

/// Returns the layouts that fit the file, best first, and after them those that come near.
pub fn rank<'a>(members: &Members<'a>, named: &NamedByOptions<'a>) -> Vec<LayoutMatch<'a>> {
    // Whoever names x and y of a file of groups wants it read as a scan.
    let in_question = KNOWN
        .iter()
        .filter(|known| !known.is_grouped || named.get(Role::X).is_none());
    let mut matches: Vec<LayoutMatch> = in_question
        .map(|known| LayoutMatch::of(members, known, named))
        .collect();
    matches.retain(|found| found.near);
    // The sort is stable: the earlier in the table comes first.
    matches.sort_by_key(|found| {
        (
            found.missing.len() + usize::from(found.excluded.is_some()),
            Reverse(found.there.len()),
            Reverse(found.exact),
        )
    });
    let fit = matches.partition_point(LayoutMatch::fits);
    // Among those that do not fit, the one with the most members comes nearest.
    matches[fit..].sort_by_key(|found| Reverse(found.there.len()));
    matches
}

impl<'a> LayoutMatch<'a> {
    fn of(members: &Members<'a>, known: &'static KnownLayout, named: &NamedByOptions<'a>) -> Self {
        let excluded = known
            .without
            .filter(|role| candidates::is_filled(members, named, *role));
        let (filled, there, missing) = (Vec::new(), Vec::new(), Vec::new());
        let mut found = Self {
            known,
            filled,
            unreadable: Vec::new(),
            there,
            exact: 0,
            near: false,
            missing,
            excluded,
        };
        let is_hinge =
            |wanted: &KnownMember| known.hinges_on.is_some() && wanted.role == known.hinges_on;
        for wanted in known.required {
            match members.find(wanted.names, wanted.rule) {
                Some(member) => {
                    let counts = found.take(wanted, member, named);
                    found.near |= counts && !is_hinge(wanted);
                }
                None => match members.unreadable(wanted.names) {
                    Some(member) => {
                        let counts = found.take_unreadable(wanted, member);
                        found.near |= counts && !is_hinge(wanted);
                    }
                    None => found.missing.push(wanted),
                },
            }
        }
        found.near &= !found.missing.iter().any(|wanted| is_hinge(wanted));
        for wanted in known.optional {
            if let Some(member) = members.find(wanted.names, wanted.rule) {
                found.take(wanted, member, named);
            } else if let Some(member) = members.unreadable(wanted.names) {
                found.take_unreadable(wanted, member);
            }
        }
        for mark in members
            .all()
            .iter()
            .filter(|member| known.marks.contains(&member.name.as_str()))
        {
            found.count(&mark.name, Spelling::Exact);
        }
        found
    }

    /// Returns whether all required members are there, and nothing rules the layout out.
    pub fn fits(&self) -> bool {
        self.missing.is_empty() && self.excluded.is_none()
    }

    /// Returns whether the layout has this member in the role; for y also the member that holds x and y.
    pub fn has(&self, role: Role, info: &ArrayInfo) -> bool {
        let in_one = role == Role::Y && self.known.order.is_some();
        let role = if in_one { Role::X } else { role };
        self.filled
            .iter()
            .any(|(filled, found)| *filled == role && found.info.name == info.name)
    }

    /// Takes a member into the layout; it counts for the layout unless an option names another for its role.
    fn take(
        &mut self,
        wanted: &KnownMember,
        member: Found<'a>,
        named: &NamedByOptions<'a>,
    ) -> bool {
        self.filled.extend(wanted.role.map(|role| (role, member)));
        let other = wanted
            .role
            .and_then(|role| named.get(role))
            .filter(|info| info.name != member.info.name);
        if other.is_none() {
            self.count(&member.info.name, member.spelling);
        }
        other.is_none()
    }

    /// Takes a member into the layout that cannot be read: it speaks for the layout all the same.
    fn take_unreadable(&mut self, wanted: &KnownMember, member: Unreadable<'a>) -> bool {
        self.unreadable
            .extend(wanted.role.map(|role| (role, member)));
        self.count(member.name, Spelling::Exact);
        true
    }

    fn count(&mut self, name: &'a str, spelling: Spelling) {
        if !self.there.contains(&name) {
            self.there.push(name);
            self.exact += usize::from(spelling == Spelling::Exact);
        }
    }

    /// Says which members of the layout are there, and what rules it out.
    pub fn describe(&self, members: &Members) -> String {
        let verb = if self.there.len() == 1 { "is" } else { "are" };
        let there = format!("{}: {} {verb} there", self.known.name, quote(&self.there));
        match (self.missing.first(), self.excluded) {
            (Some(wanted), _) => match wanted.names.iter().find(|name| members.has(name)) {
                Some(name) => format!("{there}, but `{name}` is not {}", wanted.rule.expected()),
                None => format!("{there}, but no `{}`", wanted.names.join("` or `")),
            },
            (None, Some(Role::Diffraction)) => format!("{there}, but so are patterns"),
            (None, Some(_)) => format!("{there}, but so are positions"),
            (None, None) => format!("{there} too"),
        }
    }
}
