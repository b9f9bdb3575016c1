//! Selects the scan points that may be members, or seed points.

use std::borrow::Cow;

use crate::error::{Error, Parameter, Result};
use crate::memory;
use crate::scan::Scan;

/// Holds some of the scan points, ascending.
#[derive(Debug, Clone)]
pub enum Candidates {
    /// All scan points: those below this number.
    All(u32),
    /// A list of scan points.
    Some(Vec<u32>),
}

impl Candidates {
    /// Checks a list of scan points; without a list, all are taken.
    ///
    /// # Errors
    /// If the list does not ascend; if the scan has no such point.
    pub fn try_new(scan: &Scan, parameter: Parameter, list: Option<&Vec<u32>>) -> Result<Self> {
        let total = scan.num_positions() as u32;
        let Some(list) = list else {
            return Ok(Self::All(total));
        };
        // That the scan itself has none is another error.
        if list.is_empty() && total > 0 {
            return Err(Error::NothingSelected {
                path: scan.npz().path().to_path_buf(),
                parameter,
            });
        }
        if let Some(pair) = list.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(Error::NotAscending {
                parameter,
                first: pair[0],
                second: pair[1],
            });
        }
        match list.last() {
            Some(last) if *last >= total => {
                let max = u64::from(total.saturating_sub(1));
                Err(Error::out_of_range(
                    parameter,
                    u64::from(*last),
                    0u64,
                    Some(max.into()),
                ))
            }
            _ => Ok(Self::Some(list.clone())),
        }
    }

    /// Returns the number of scan points.
    pub fn len(&self) -> usize {
        match self {
            Self::All(total) => *total as usize,
            Self::Some(list) => list.len(),
        }
    }

    /// Returns the scan point at a place.
    ///
    /// # Panics
    /// If there is no such place.
    pub fn at(&self, index: usize) -> u32 {
        match self {
            Self::All(_) => index as u32,
            Self::Some(list) => list[index],
        }
    }

    /// Returns the scan points one by one.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.len()).map(|index| self.at(index))
    }

    /// Returns all scan points.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the memory for them cannot be had.
    pub fn to_vec(&self) -> Result<Cow<'_, [u32]>> {
        match self {
            Self::All(total) => {
                let mut points = memory::reserve(
                    u128::from(*total),
                    "a list of scan points",
                    Parameter::NGroups,
                )?;
                points.extend(0..*total);
                Ok(Cow::Owned(points))
            }
            Self::Some(list) => Ok(Cow::Borrowed(list)),
        }
    }

    /// Returns the first point that `other` lacks.
    pub(super) fn missing_in(&self, other: &Self) -> Option<u32> {
        match (self, other) {
            (_, Self::All(_)) => None,
            (Self::All(total), Self::Some(list)) => {
                (0..*total).find(|point| list.binary_search(point).is_err())
            }
            (Self::Some(mine), Self::Some(list)) => mine
                .iter()
                .find(|point| list.binary_search(point).is_err())
                .copied(),
        }
    }
}
