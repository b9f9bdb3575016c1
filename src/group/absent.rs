//! Says why groups of a scan lack a column, to who has no groups at hand: a query that names it.

use super::columns::object_patches::{NoPatches, PatchSource};
use super::spec::Semantics;
use crate::error::{Error, NoObjectPatches, Parameter};
use crate::scan::Scan;
use crate::scan::layout::Role;

/// Returns why the table `groups` of a scan has no column of this name, if groups can have one.
pub(crate) fn why_absent(scan: &Scan, column: &str) -> Option<Error> {
    match column {
        "diffraction" | "diffraction_normalized" | "norm_factor"
            if scan.diffraction().is_none() =>
        {
            Some(scan.missing(Role::Diffraction))
        }
        "object_patches" => match PatchSource::of(scan, Semantics::Native).ok()? {
            Err(reason) => Some(reason.error(scan)),
            // The scan has what patches take, so the groups were asked for otherwise.
            Ok(_) => {
                let by = vec![Parameter::Crop, Parameter::Bin];
                Some(NoPatches::Reason(NoObjectPatches::Resampled { by }).error(scan))
            }
        },
        _ => None,
    }
}
