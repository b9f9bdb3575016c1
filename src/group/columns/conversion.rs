//! Converts stored numbers into amplitudes, intensities or normalised amplitudes.

use crate::error::{Error, Parameter, Result};
use crate::group::options::Measure;
use crate::group::spec::Semantics;
use crate::scan::Scan;
use crate::scan::layout::Measurement;

/// Says what is done to each number of a pattern, after the transform.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Conversion {
    /// The number stays.
    Keep,
    /// An intensity becomes an amplitude.
    Root,
    /// An amplitude becomes an intensity.
    Square,
    /// The number is multiplied by a factor.
    Scale(f32),
    /// An intensity becomes an amplitude, which is multiplied by a factor.
    RootAndScale(f32),
}

impl Conversion {
    /// Returns the conversion of the column `diffraction`.
    ///
    /// # Errors
    /// [`Error::UnknownMeasurement`] if one is asked for and nothing tells what the stored numbers are.
    pub fn of(scan: &Scan, measure: Measure) -> Result<Self> {
        match (measure, scan.measurement()) {
            (Measure::Stored, _)
            | (Measure::Amplitude, Measurement::Amplitude)
            | (Measure::Intensity, Measurement::Intensity) => Ok(Self::Keep),
            (Measure::Amplitude, Measurement::Intensity) => Ok(Self::Root),
            (Measure::Intensity, Measurement::Amplitude) => Ok(Self::Square),
            (_, Measurement::Unknown) => Err(unknown_measurement(scan, Parameter::Measure)),
        }
    }

    /// Returns the conversion of the column `diffraction_normalized`. The factor is rounded to f32.
    pub fn normalized(scan: &Scan, semantics: Semantics, factor: f64) -> Self {
        let factor = factor as f32;
        if takes_roots(scan, semantics) {
            Self::RootAndScale(factor)
        } else {
            Self::Scale(factor)
        }
    }

    /// Returns whether a square root is taken.
    pub fn takes_root(self) -> bool {
        matches!(self, Self::Root | Self::RootAndScale(_))
    }

    /// Converts numbers in place.
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Self::Keep => {}
            Self::Root => values.iter_mut().for_each(|value| *value = value.sqrt()),
            Self::Square => values.iter_mut().for_each(|value| *value *= *value),
            Self::Scale(factor) => values.iter_mut().for_each(|value| *value *= factor),
            Self::RootAndScale(factor) => values
                .iter_mut()
                .for_each(|value| *value = factor * value.sqrt()),
        }
    }

    /// Converts a number in f64.
    pub fn of_wide(self, value: f64) -> f64 {
        match self {
            Self::Keep => value,
            Self::Root => value.sqrt(),
            Self::Square => value * value,
            Self::Scale(factor) => value * f64::from(factor),
            Self::RootAndScale(factor) => f64::from(factor) * value.sqrt(),
        }
    }
}

/// Returns what a scan's numbers are taken for when they are normalised. PtychoPINN takes whatever is stored
/// for amplitudes, so in its semantics only the option `measurement` counts, not what the file says.
pub fn measurement_for_norm(scan: &Scan, semantics: Semantics) -> Measurement {
    match semantics {
        Semantics::Native => scan.measurement(),
        Semantics::Ptychopinn | Semantics::PtychopinnRaw => scan
            .layout_options()
            .measurement
            .unwrap_or(Measurement::Unknown),
    }
}

/// Returns whether roots are taken of the stored numbers before they are normalised.
pub fn takes_roots(scan: &Scan, semantics: Semantics) -> bool {
    measurement_for_norm(scan, semantics) == Measurement::Intensity
}

/// Creates the error for a conversion of patterns whose measurement is unknown.
pub fn unknown_measurement(scan: &Scan, parameter: Parameter) -> Error {
    Error::UnknownMeasurement {
        path: scan.npz().path().to_path_buf(),
        parameter,
    }
}
