//! Why groups have no object patches.

use super::{Parameter, Remedy, alternatives};

/// Names why the groups of a scan have no column `object_patches`, although nothing is missing in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoObjectPatches {
    /// Patterns are not square, and a patch has their size.
    NotSquare {
        /// The height and width of a pattern, in pixels.
        shape: [usize; 2],
    },
    /// Patterns are cropped or binned, which a patch of the object cannot follow.
    Resampled {
        /// The parameters that ask for it.
        by: Vec<Parameter>,
    },
    /// The object has several layers, and a patch is cut from one.
    SeveralLayers {
        /// The member that holds the object.
        member: String,
        /// The number of its layers.
        layers: usize,
    },
    /// Positions are steps, or of unknown unit, and so have no place on the object.
    UnitWithoutSize {
        /// The unit.
        unit: String,
    },
    /// Positions are lengths, and nothing tells how long a pixel of the object is.
    NoPixelSize {
        /// The unit.
        unit: String,
    },
}

impl NoObjectPatches {
    /// Returns whether other parameters would give patches: the call is at fault, not the data.
    pub(super) fn is_usage(&self) -> bool {
        match self {
            Self::Resampled { .. } | Self::UnitWithoutSize { .. } | Self::NoPixelSize { .. } => {
                true
            }
            Self::NotSquare { .. } | Self::SeveralLayers { .. } => false,
        }
    }

    pub(crate) fn facts(&self) -> String {
        match self {
            Self::NotSquare {
                shape: [height, width],
            } => format!(
                "a patch has the size of a pattern, and patterns are {height} x {width}, not square"
            ),
            Self::Resampled { by } => {
                let by: Vec<&str> = by.iter().map(|parameter| parameter.name()).collect();
                format!(
                    "patterns are changed by {}, which changes the size of the object's pixels or the field of view",
                    alternatives(&by)
                )
            }
            Self::SeveralLayers { member, layers } => {
                format!("`{member}` has {layers} layers, and a patch is cut from an object of one")
            }
            Self::UnitWithoutSize { unit } if unit == "unknown" => {
                "the unit of the positions is unknown, so they have no places on the object"
                    .to_string()
            }
            Self::UnitWithoutSize { unit } => {
                format!(
                    "positions are in {unit}, whose size is unknown, so they have no places on the object"
                )
            }
            Self::NoPixelSize { unit } => {
                format!("positions are in {unit}, and the size of the object's pixels is unknown")
            }
        }
    }

    pub(crate) fn remedies(&self) -> Vec<Remedy> {
        match self {
            Self::NotSquare { .. } => vec![Remedy::Narrow(Parameter::Columns)],
            Self::Resampled { by } => by.iter().map(|by| Remedy::LeaveOut(*by)).collect(),
            Self::SeveralLayers { .. } => vec![Remedy::NameMember {
                role: "object",
                member: None,
            }],
            Self::UnitWithoutSize { .. } => vec![Remedy::Give(Parameter::Unit)],
            Self::NoPixelSize { .. } => vec![
                Remedy::Give(Parameter::PixelSize),
                Remedy::NameMember {
                    role: "pixel_size",
                    member: None,
                },
            ],
        }
    }
}
