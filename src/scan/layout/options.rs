//! What a file does not say about its layout, and the words for it.

use serde::{Deserialize, Serialize};

use super::order::PositionOrder;
use super::roles::Role;
use super::unit::Unit;
use crate::error::{Error, Parameter, Result};

/// Names what the numbers of the diffraction patterns are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Measurement {
    /// Square roots of counts.
    Amplitude,
    /// Numbers of counts.
    Intensity,
    /// The file does not say.
    #[cfg_attr(feature = "cli", value(skip))]
    Unknown,
}

impl Measurement {
    /// Returns `amplitude`, `intensity` or `unknown`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Amplitude => "amplitude",
            Self::Intensity => "intensity",
            Self::Unknown => "unknown",
        }
    }
}

/// Names the axis of the diffraction member along which its patterns are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum PatternAxis {
    /// The first axis: (M, H, W); of a raster the first two, (R, S, H, W).
    First,
    /// The last axis: (H, W, M), as some older files have it; of a raster the last two, (H, W, R, S).
    Last,
}

/// Names what happens to positions without a pattern, and to patterns without a position.
///
/// Where both sides carry frame numbers they are joined on them; else they pair by order, and the shorter side
/// counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Unpaired {
    /// They are an error.
    #[default]
    Error,
    /// They are left out of the scan, and a [`Note`](super::Note) says how many.
    Drop,
}

/// Names the axes of the probe along which its modes are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum ProbeAxis {
    /// All axes but the last two: (P, N, N), as most programs have it.
    First,
    /// All axes but the first two: (N, N, P), as files born in MATLAB have it.
    Last,
}

/// Holds what a file does not say about its layout.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LayoutOptions {
    /// The members that fill roles, where their names are not the usual ones; of several for one role the
    /// last counts. A member that holds both coordinates may be named for x alone, or for x and y.
    pub roles: Vec<(Role, String)>,
    /// What the numbers of the patterns are; by default intensity for an integer dtype, unknown otherwise.
    pub measurement: Option<Measurement>,
    /// The unit of the positions as they are stored; by default that of the layout, else metres for names that end in `_m`,
    /// pixels for `xcoords` and `ycoords`, unknown otherwise.
    pub unit: Option<Unit>,
    /// The width and height of a pixel of the object, in metres; by default what the members for [`Role::PixelSize`]
    /// and [`Role::PixelHeight`] say. Object patches take it where positions are lengths.
    pub pixel_size_m: Option<f64>,
    /// The axis along which patterns are counted; needed where the shape leaves it open.
    pub pattern_axis: Option<PatternAxis>,
    /// The order of the columns of a member that holds both coordinates; by default that of the layout.
    pub position_order: Option<PositionOrder>,
    /// What happens to positions without a pattern, to patterns without a position, and to coordinates of
    /// different lengths; by default they are an error.
    #[serde(default)]
    pub unpaired: Unpaired,
    /// The axes of the probe along which its modes are counted; by default those that leave an image of the patterns'
    /// shape, or else a square one. Needed where that leaves it open, such as for a probe (N, N, N).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe_axis: Option<ProbeAxis>,
}

impl LayoutOptions {
    /// Sets the members that fill roles.
    pub fn with_roles(mut self, roles: Vec<(Role, String)>) -> Self {
        self.roles = roles;
        self
    }

    /// Sets what the numbers of the patterns are.
    pub fn with_measurement(mut self, measurement: impl Into<Option<Measurement>>) -> Self {
        self.measurement = measurement.into();
        self
    }

    /// Sets the unit of the positions.
    pub fn with_unit(mut self, unit: impl Into<Option<Unit>>) -> Self {
        self.unit = unit.into();
        self
    }

    /// Sets the size of a pixel of the object, in metres.
    pub fn with_pixel_size(mut self, pixel_size: impl Into<Option<f64>>) -> Self {
        self.pixel_size_m = pixel_size.into();
        self
    }

    /// Checks the values that could be of no meaning.
    ///
    /// # Errors
    /// [`Error::NotAboveZero`] for such a size of a pixel.
    pub(super) fn check(&self) -> Result<()> {
        let is_bad = |size: &f64| !(size.is_normal() && *size > 0.0);
        match self.pixel_size_m.filter(is_bad) {
            None => Ok(()),
            Some(found) => Err(Error::NotAboveZero {
                parameter: Parameter::PixelSize,
                found,
            }),
        }
    }

    /// Sets the axis along which patterns are counted.
    pub fn with_pattern_axis(mut self, pattern_axis: impl Into<Option<PatternAxis>>) -> Self {
        self.pattern_axis = pattern_axis.into();
        self
    }

    /// Sets the axes of the probe along which its modes are counted.
    pub fn with_probe_axis(mut self, probe_axis: impl Into<Option<ProbeAxis>>) -> Self {
        self.probe_axis = probe_axis.into();
        self
    }

    /// Sets the order of the columns of a member that holds both coordinates.
    pub fn with_position_order(mut self, position_order: impl Into<Option<PositionOrder>>) -> Self {
        self.position_order = position_order.into();
        self
    }

    /// Sets what happens to positions without a pattern, and to patterns without a position.
    pub fn with_unpaired(mut self, unpaired: Unpaired) -> Self {
        self.unpaired = unpaired;
        self
    }
}
