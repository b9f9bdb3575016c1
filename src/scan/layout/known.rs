//! The layouts that programs write, and how well a file matches each of them.
//!
//! A layout fits if all its required members are there; of those that fit, the one most of whose members are there is
//! chosen. What else comes near is the runner-up of the report.

use std::cmp::Reverse;

use super::Unit;
use super::archive::{Archive, Found, Spelling, quote};
use super::assign::{self, Named};
use super::form::Form;
use super::order::PositionOrder;
use super::roles::Role;
use crate::error::Error;
use crate::error::{Parameter, Remedy};
use crate::npz::ArrayInfo;

/// A member of a layout: one of these names, of this form.
#[derive(Debug)]
pub struct Slot {
    /// The role it fills; an x of form [`Form::Columns`] holds y too.
    pub role: Option<Role>,
    /// The names it goes by.
    pub names: &'static [&'static str],
    /// What it must look like to speak for the layout.
    pub form: Form,
}

/// A layout.
#[derive(Debug)]
pub struct Known {
    /// Its name in reports.
    pub name: &'static str,
    /// Its name if the patterns are counted along the last axis.
    pub name_if_last: Option<&'static str>,
    /// The unit of its positions.
    pub unit: Unit,
    /// The columns of its combined positions.
    pub order: Option<PositionOrder>,
    /// All must be there.
    pub required: &'static [Slot],
    /// Some may be there.
    pub optional: &'static [Slot],
    /// Members without a role, arrays or not, that speak for it.
    pub marks: &'static [&'static str],
    /// A role that no member of the file may look like filling.
    pub without: Option<Role>,
    /// Whether it holds groups instead of a scan.
    pub is_grouped: bool,
    /// What else is known of its files.
    pub remark: Option<&'static str>,
}

const fn slot(role: Role, names: &'static [&'static str], form: Form) -> Slot {
    Slot {
        role: Some(role),
        names,
        form,
    }
}

const fn mark(names: &'static [&'static str]) -> Slot {
    Slot {
        role: None,
        names,
        form: Form::Any,
    }
}

const NONE: Known = Known {
    name: "",
    name_if_last: None,
    unit: Unit::Unknown,
    order: None,
    required: &[],
    optional: &[],
    marks: &[],
    without: None,
    is_grouped: false,
    remark: None,
};

// Names that only PtychoPINN uses are enough by themselves; what then does not fit is an error, not another layout.
const XCOORDS: Slot = slot(Role::X, &["xcoords"], Form::Any);
const YCOORDS: Slot = slot(Role::Y, &["ycoords"], Form::Any);
const PTYCHOPINN: &[Slot] = &[
    slot(Role::XStart, &["xcoords_start"], Form::Any),
    slot(Role::YStart, &["ycoords_start"], Form::Any),
    slot(Role::Probe, &["probeGuess"], Form::Field),
    slot(Role::Object, &["objectGuess"], Form::Field),
    slot(Role::ObjectPatches, &["Y"], Form::Stack),
    slot(Role::FrameIndex, &["scan_index"], Form::Any),
];

/// All layouts; of two that match equally well the earlier is chosen.
static KNOWN: [Known; 10] = [
    Known {
        name: "PtychoPINN prepared",
        name_if_last: Some("legacy (pattern axis last)"),
        unit: Unit::Pixels,
        required: &[
            XCOORDS,
            YCOORDS,
            slot(Role::Diffraction, &["diffraction"], Form::Any),
        ],
        optional: PTYCHOPINN,
        marks: &["_shuffle_applied", "_shuffle_seed", "_metadata"],
        ..NONE
    },
    Known {
        name: "PtychoPINN raw",
        name_if_last: Some("legacy (pattern axis last)"),
        unit: Unit::Pixels,
        required: &[
            XCOORDS,
            YCOORDS,
            slot(Role::Diffraction, &["diff3d"], Form::Any),
        ],
        optional: PTYCHOPINN,
        ..NONE
    },
    Known {
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
    Known {
        name: "ptychodus product",
        unit: Unit::Metres,
        required: &[
            slot(Role::X, &["probe_position_x_m"], Form::Vector),
            slot(Role::Y, &["probe_position_y_m"], Form::Vector),
        ],
        optional: &[
            slot(Role::FrameIndex, &["probe_position_indexes"], Form::Any),
            slot(Role::Probe, &["probe"], Form::Field),
            slot(Role::Object, &["object"], Form::Field),
            slot(Role::PixelSize, &["object_pixel_width_m"], Form::Number),
        ],
        marks: &[
            "name",
            "comments",
            "detector_object_distance_m",
            "probe_energy_eV",
            "probe_photon_count",
            "exposure_time_s",
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
    Known {
        name: "ptychodus patterns",
        required: &[
            slot(Role::Diffraction, &["patterns"], Form::Patterns),
            slot(Role::FrameIndex, &["indexes"], Form::Indices),
        ],
        optional: &[slot(Role::BadPixels, &["bad_pixels"], Form::Mask)],
        marks: &["allow_pickle"],
        ..NONE
    },
    Known {
        name: "PtychoNN",
        unit: Unit::Metres,
        order: Some(PositionOrder::YX),
        required: &[
            slot(Role::X, &["position"], Form::Columns),
            slot(Role::Diffraction, &["reciprocal"], Form::Patterns),
        ],
        optional: &[
            slot(Role::PixelSize, &["pixelsize"], Form::Number),
            slot(Role::ObjectPatches, &["real"], Form::Stack),
        ],
        ..NONE
    },
    Known {
        name: "PtychoNN 2020",
        unit: Unit::Steps,
        required: &[slot(Role::Diffraction, &["arr_0"], Form::Raster)],
        without: Some(Role::X),
        ..NONE
    },
    Known {
        name: "tike",
        unit: Unit::Pixels,
        order: Some(PositionOrder::YX),
        required: &[
            slot(Role::X, &["scan"], Form::Columns),
            slot(Role::Diffraction, &["data"], Form::Patterns),
        ],
        optional: &[slot(Role::Probe, &["probe"], Form::Field)],
        remark: Some(
            "tike keeps the zero frequency at the corners of a pattern, and the origin of its positions is arbitrary",
        ),
        ..NONE
    },
    Known {
        name: "scan path",
        unit: Unit::Pixels,
        required: &[XCOORDS, YCOORDS],
        optional: PTYCHOPINN,
        without: Some(Role::Diffraction),
        ..NONE
    },
    Known {
        name: "scan path",
        unit: Unit::Steps,
        required: &[
            slot(Role::X, &["x"], Form::Vector),
            slot(Role::Y, &["y"], Form::Vector),
        ],
        without: Some(Role::Diffraction),
        ..NONE
    },
];

/// A file of groups is no scan.
pub fn is_grouped(archive: &Archive) -> Error {
    archive.bad(
        "nn_indices",
        "the groups of a PtychoPINN grouped file".to_string(),
        "a scan: positions, and a pattern for each",
        vec![Remedy::Set(Parameter::Array, "NAME")],
    )
}

/// How a file matches a layout.
#[derive(Debug)]
pub struct Match<'a> {
    /// The layout.
    pub known: &'static Known,
    /// The members that fill a role of it.
    pub filled: Vec<(Role, Found<'a>)>,
    /// The names of all its members that are there.
    pub there: Vec<&'a str>,
    /// How many of them are spelled exactly.
    exact: usize,
    /// Whether a required member is there.
    near: bool,
    missing: Vec<&'static Slot>,
    /// The role that a member fills against the layout.
    excluded: Option<Role>,
}

/// The layouts that fit the file, best first, and after them those that come near.
pub fn rank<'a>(archive: &Archive<'a>, named: &Named<'a>) -> Vec<Match<'a>> {
    // Who names x and y of a file of groups knows better.
    let in_question = KNOWN
        .iter()
        .filter(|known| !known.is_grouped || named.get(Role::X).is_none());
    let mut matches: Vec<Match> = in_question
        .map(|known| Match::of(archive, known, named))
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
    let fit = matches.partition_point(Match::fits);
    // Among those that do not fit, the one with the most members comes nearest.
    matches[fit..].sort_by_key(|found| Reverse(found.there.len()));
    matches
}

impl<'a> Match<'a> {
    fn of(archive: &Archive<'a>, known: &'static Known, named: &Named<'a>) -> Self {
        let excluded = known
            .without
            .filter(|role| assign::is_filled(archive, named, *role));
        let (filled, there, missing) = (Vec::new(), Vec::new(), Vec::new());
        let mut found = Self {
            known,
            filled,
            there,
            exact: 0,
            near: false,
            missing,
            excluded,
        };
        for slot in known.required {
            match archive.find(slot.names, slot.form) {
                Some(member) => found.near |= found.take(slot, member, named),
                None => found.missing.push(slot),
            }
        }
        for slot in known.optional {
            if let Some(member) = archive.find(slot.names, slot.form) {
                found.take(slot, member, named);
            }
        }
        for mark in archive
            .members()
            .iter()
            .filter(|member| known.marks.contains(&member.name.as_str()))
        {
            found.count(&mark.name, Spelling::Exact);
        }
        found
    }

    /// Whether all its members are there, and nothing speaks against it.
    pub fn fits(&self) -> bool {
        self.missing.is_empty() && self.excluded.is_none()
    }

    /// Whether it is this member that the layout has in the role; in that of y, the one that holds x and y.
    pub fn has(&self, role: Role, info: &ArrayInfo) -> bool {
        let in_one = role == Role::Y && self.known.order.is_some();
        let role = if in_one { Role::X } else { role };
        self.filled
            .iter()
            .any(|(filled, found)| *filled == role && found.info.name == info.name)
    }

    /// The member fills the slot; it speaks for the layout unless an option names another for its role.
    fn take(&mut self, slot: &Slot, member: Found<'a>, named: &Named<'a>) -> bool {
        self.filled.extend(slot.role.map(|role| (role, member)));
        let other = slot
            .role
            .and_then(|role| named.get(role))
            .filter(|info| info.name != member.info.name);
        if other.is_none() {
            self.count(&member.info.name, member.spelling);
        }
        other.is_none()
    }

    fn count(&mut self, name: &'a str, spelling: Spelling) {
        if !self.there.contains(&name) {
            self.there.push(name);
            self.exact += usize::from(spelling == Spelling::Exact);
        }
    }

    /// What speaks for the layout, and what against it.
    pub fn describe(&self, archive: &Archive) -> String {
        let verb = if self.there.len() == 1 { "is" } else { "are" };
        let there = format!("{}: {} {verb} there", self.known.name, quote(&self.there));
        match (self.missing.first(), self.excluded) {
            (Some(slot), _) => match slot.names.iter().find(|name| archive.has(name)) {
                Some(name) => format!("{there}, but `{name}` is not {}", slot.form.expected()),
                None => format!("{there}, but no `{}`", slot.names.join("` or `")),
            },
            (None, Some(Role::Diffraction)) => format!("{there}, but so are patterns"),
            (None, Some(_)) => format!("{there}, but so are positions"),
            (None, None) => format!("{there} too"),
        }
    }
}
