//! States the unit of positions: a length, pixels or steps, and how many of it one stored number is.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Says what the stored positions count: a number of metres, millimetres, micrometres, nanometres or pixels of
/// the object per stored unit; or steps of the scan, whose size is unknown.
///
/// Positions stay as they are stored, whatever their unit: `x` and `y` of the table `scan`, every distance and
/// `max_distance` are numbers of the file. The unit says what they mean, which matters where positions meet the
/// object: for object patches, and for what is said of their range.
///
/// ```
/// use ptychoarrow::scan::layout::Unit;
/// // An encoder with four steps per micrometre.
/// let unit: Unit = "0.25 micrometres".parse()?;
/// assert_eq!((unit.name(), unit.factor()), ("micrometres", 0.25));
/// assert_eq!(unit.metres(), Some(0.25e-6));
/// assert_eq!("0.25um".parse(), Ok(unit));
/// assert_eq!("px".parse(), Ok(Unit::PIXELS));
/// assert_eq!(unit.to_string(), "0.25 micrometres");
/// # Ok::<_, String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Unit {
    kind: Kind,
    /// The number of them per stored unit: finite and above 0.
    factor: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pixels,
    Metres,
    Millimetres,
    Micrometres,
    Nanometres,
    Steps,
    Unknown,
}

/// Every unit that can be said: its kind, the name that is written, other words in any case, and symbols in this
/// case only, since `Mm` is no millimetre.
static NAMES: [(Kind, &str, &[&str], &[&str]); 6] = [
    (Kind::Pixels, "pixels", &["pixel"], &["px"]),
    (
        Kind::Metres,
        "metres",
        &["metre", "meters", "meter"],
        &["m"],
    ),
    (
        Kind::Millimetres,
        "millimetres",
        &["millimetre", "millimeters", "millimeter"],
        &["mm"],
    ),
    (
        Kind::Micrometres,
        "micrometres",
        &[
            "micrometre",
            "micrometers",
            "micrometer",
            "microns",
            "micron",
        ],
        // The micro sign and the Greek letter look alike.
        &["um", "\u{b5}m", "\u{3bc}m"],
    ),
    (
        Kind::Nanometres,
        "nanometres",
        &["nanometre", "nanometers", "nanometer"],
        &["nm"],
    ),
    (Kind::Steps, "steps", &["step"], &[]),
];

/// What can be said for a unit, in words.
pub const EXPECTED: &str = "pixels, metres, millimetres, micrometres, nanometres (px, m, mm, um, nm) or steps; or a \
                            number of them per stored unit, such as 0.25 micrometres";

impl Unit {
    /// Pixels of the object.
    pub const PIXELS: Self = Self::of(Kind::Pixels);
    /// Metres in the plane of the object.
    pub const METRES: Self = Self::of(Kind::Metres);
    /// Thousandths of a metre.
    pub const MILLIMETRES: Self = Self::of(Kind::Millimetres);
    /// Millionths of a metre.
    pub const MICROMETRES: Self = Self::of(Kind::Micrometres);
    /// Billionths of a metre.
    pub const NANOMETRES: Self = Self::of(Kind::Nanometres);
    /// Steps of the scan, whose size is unknown.
    pub const STEPS: Self = Self::of(Kind::Steps);
    /// What holds where the file does not say.
    pub const UNKNOWN: Self = Self::of(Kind::Unknown);

    const fn of(kind: Kind) -> Self {
        Self { kind, factor: 1.0 }
    }

    /// Returns the unit of which one stored unit is `factor` of this one.
    ///
    /// # Errors
    /// Why that is none: the factor is not a finite number above 0, or the unit is steps or unknown, which have no
    /// size.
    pub fn times(self, factor: f64) -> Result<Self, String> {
        if factor == 1.0 {
            return Ok(self);
        }
        if matches!(self.kind, Kind::Steps | Kind::Unknown) {
            return Err(format!(
                "{} have no size; expected a number of a length or of pixels",
                self.name()
            ));
        }
        let unit = Self {
            factor: self.factor * factor,
            ..self
        };
        let size = unit.metres().or(unit.pixels()).unwrap_or_default();
        if size.is_normal() && size > 0.0 {
            Ok(unit)
        } else {
            Err("expected a finite number above 0".to_string())
        }
    }

    /// Returns the name without the factor: `pixels`, `metres`, `millimetres`, `micrometres`, `nanometres`, `steps` or
    /// `unknown`.
    pub fn name(self) -> &'static str {
        let known = NAMES.iter().find(|(kind, ..)| *kind == self.kind);
        known.map_or("unknown", |(_, name, ..)| name)
    }

    /// Returns how many of what [`Unit::name`] says one stored unit is.
    pub fn factor(self) -> f64 {
        self.factor
    }

    /// Returns the number of metres per stored unit, if the unit is a length.
    pub fn metres(self) -> Option<f64> {
        let size = match self.kind {
            Kind::Metres => 1.0,
            Kind::Millimetres => 1e-3,
            Kind::Micrometres => 1e-6,
            Kind::Nanometres => 1e-9,
            Kind::Pixels | Kind::Steps | Kind::Unknown => return None,
        };
        Some(self.factor * size)
    }

    /// Returns the number of pixels of the object per stored unit, if the unit is pixels.
    pub fn pixels(self) -> Option<f64> {
        (self.kind == Kind::Pixels).then_some(self.factor)
    }

    /// Returns whether one stored unit is as long as that of another: 1000 nanometres are 1 micrometre.
    pub fn is_as_long_as(self, other: Self) -> bool {
        let near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-12;
        match (self.metres(), other.metres()) {
            (Some(a), Some(b)) => near(a, b),
            _ => self.kind == other.kind && near(self.factor, other.factor),
        }
    }
}

impl FromStr for Unit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let trimmed = text.trim();
        let (number, name) = trimmed.split_at(number_len(trimmed));
        let name = name.trim();
        let is_name = |(_, long, words, symbols): &&(Kind, &str, &[&str], &[&str])| {
            let mut words = [*long].into_iter().chain(words.iter().copied());
            words.any(|word| word.eq_ignore_ascii_case(name)) || symbols.contains(&name)
        };
        let wrong = |problem: &str| format!("`{text}`: {problem}");
        let Some((kind, ..)) = NAMES.iter().find(is_name) else {
            return Err(wrong(&format!("expected {EXPECTED}")));
        };
        let unit = Self::of(*kind);
        match number.trim() {
            "" => Ok(unit),
            number => {
                let factor = number.parse().unwrap_or(f64::NAN);
                unit.times(factor).map_err(|problem| wrong(&problem))
            }
        }
    }
}

/// Returns the length of the number in front: that of the longest part that reads as one. A word that reads as a
/// number, such as `nan`, is one only if a space follows: `nanometres` starts with it too.
fn number_len(text: &str) -> usize {
    let ends = text.char_indices().map(|(at, _)| at).rev();
    let is_number = |end: &usize| {
        let number = &text[..*end];
        let is_word = text.starts_with(char::is_alphabetic) && !number.ends_with(' ');
        !is_word && number.trim_end().parse::<f64>().is_ok()
    };
    ends.filter(|end| *end > 0).find(is_number).unwrap_or(0)
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.factor {
            1.0 => f.write_str(self.name()),
            factor if (1e-4..1e6).contains(&factor) => write!(f, "{factor} {}", self.name()),
            factor => write!(f, "{factor:e} {}", self.name()),
        }
    }
}

impl TryFrom<String> for Unit {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "unknown" => Ok(Self::UNKNOWN),
            text => text.parse(),
        }
    }
}

impl From<Unit> for String {
    fn from(unit: Unit) -> Self {
        unit.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_written_back() {
        for (text, written, metres, pixels) in [
            ("metres", "metres", Some(1.0), None),
            ("m", "metres", Some(1.0), None),
            ("Meter", "metres", Some(1.0), None),
            ("mm", "millimetres", Some(1e-3), None),
            ("micrometres", "micrometres", Some(1e-6), None),
            ("um", "micrometres", Some(1e-6), None),
            ("\u{b5}m", "micrometres", Some(1e-6), None),
            ("\u{3bc}m", "micrometres", Some(1e-6), None),
            ("microns", "micrometres", Some(1e-6), None),
            ("nm", "nanometres", Some(1e-9), None),
            ("nanometres", "nanometres", Some(1e-9), None),
            ("px", "pixels", None, Some(1.0)),
            ("pixels", "pixels", None, Some(1.0)),
            ("steps", "steps", None, None),
            ("1 m", "metres", Some(1.0), None),
            (
                "0.25 micrometres",
                "0.25 micrometres",
                Some(0.25 * 1e-6),
                None,
            ),
            (" .25um ", "0.25 micrometres", Some(0.25 * 1e-6), None),
            ("1e-3m", "0.001 metres", Some(1e-3), None),
            ("2.5E-8 metres", "2.5e-8 metres", Some(2.5e-8), None),
            ("+2 px", "2 pixels", None, Some(2.0)),
            ("12.5 nm", "12.5 nanometres", Some(12.5 * 1e-9), None),
        ] {
            let unit: Unit = text.parse().unwrap();
            assert_eq!(unit.to_string(), written, "{text}");
            assert_eq!((unit.metres(), unit.pixels()), (metres, pixels), "{text}");
            let json = serde_json::to_string(&unit).unwrap();
            assert_eq!(json, format!("\"{written}\""));
            assert_eq!(serde_json::from_str::<Unit>(&json).unwrap(), unit);
        }
        let unknown = serde_json::to_string(&Unit::UNKNOWN).unwrap();
        assert_eq!(
            serde_json::from_str::<Unit>(&unknown).unwrap(),
            Unit::UNKNOWN
        );
        assert!("unknown".parse::<Unit>().is_err());
    }

    #[test]
    fn what_is_no_unit_is_said_in_words() {
        for text in [
            "0 m",
            "-1 um",
            "nan m",
            "inf mm",
            "-inf m",
            "1e400 px",
            "1e-400 m",
            "1e-305 nm",
        ] {
            let problem = text.parse::<Unit>().unwrap_err();
            let expected = format!("`{text}`: expected a finite number above 0");
            assert_eq!(problem, expected);
        }
        let problem = |text: &str| text.parse::<Unit>().unwrap_err();
        insta::assert_snapshot!(problem("0.25"), @"`0.25`: expected pixels, metres, millimetres, micrometres, nanometres (px, m, mm, um, nm) or steps; or a number of them per stored unit, such as 0.25 micrometres");
        insta::assert_snapshot!(problem("Mm"), @"`Mm`: expected pixels, metres, millimetres, micrometres, nanometres (px, m, mm, um, nm) or steps; or a number of them per stored unit, such as 0.25 micrometres");
        insta::assert_snapshot!(problem(""), @"``: expected pixels, metres, millimetres, micrometres, nanometres (px, m, mm, um, nm) or steps; or a number of them per stored unit, such as 0.25 micrometres");
        insta::assert_snapshot!(problem("2 steps"), @"`2 steps`: steps have no size; expected a number of a length or of pixels");
        for text in ["1 2 m", "m m", "um 0.25", "0.25 furlongs", "\u{b5}", "e m"] {
            assert!(text.parse::<Unit>().is_err(), "{text}");
        }
    }

    #[test]
    fn lengths_are_compared_by_what_they_are() {
        let unit = |text: &str| text.parse::<Unit>().unwrap();
        assert!(unit("1000 nm").is_as_long_as(Unit::MICROMETRES));
        assert!(unit("0.001 um").is_as_long_as(Unit::NANOMETRES));
        assert!(Unit::STEPS.is_as_long_as(Unit::STEPS));
        assert!(Unit::UNKNOWN.is_as_long_as(Unit::UNKNOWN));
        assert!(!Unit::METRES.is_as_long_as(Unit::PIXELS));
        assert!(!unit("2 px").is_as_long_as(Unit::PIXELS));
        assert!(!Unit::STEPS.is_as_long_as(Unit::UNKNOWN));
    }
}
