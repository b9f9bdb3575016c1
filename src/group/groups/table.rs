//! Implements the table `groups`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::ArrayRef;
use arrow::datatypes::{FieldRef, SchemaRef};

use super::{GroupNote, Groups};
use crate::array::{Access, Column, RowSet};
use crate::error::{Error, Notice, Result};
use crate::group::columns::coords::Source;
use crate::group::columns::early;
use crate::group::columns::fields::{GroupColumn, KEY};
use crate::group::columns::object_patches::unreadable_object;
use crate::group::index::GroupIndex;
use crate::group::{Center, Norm, PATTERNS_KEY, SPEC_KEY};
use crate::scan::layout::{Role, Uses};
use crate::scan::{BAD_PIXELS_KEY, provenance};
use crate::table::{Table, TableInfo};

impl Groups {
    /// Returns how patterns are returned, as JSON: the options, whether the mask is applied, and the pixel
    /// that was found to be the centre.
    fn patterns_json(&self) -> String {
        let mut patterns = serde_json::json!(self.patterns());
        if let serde_json::Value::Object(fields) = &mut patterns {
            if self.scan().bad_pixels().mask {
                fields.insert("mask".to_string(), true.into());
            }
            let is_found = self.patterns().center == Some(Center::Mass);
            if let Some(center) = is_found.then(|| self.center().ok().flatten()).flatten() {
                fields.insert("center_pixel".to_string(), serde_json::json!(center));
            }
        }
        patterns.to_string()
    }
}

impl TableInfo for Groups {
    fn known_rows(&self) -> Option<usize> {
        match self.state().index.get() {
            Some(index) => Some(index.num_groups()),
            None if self.may_be_refused() => None,
            None => self.expected_rows(),
        }
    }

    fn expected_rows(&self) -> Option<usize> {
        match self.state().index.get() {
            Some(index) => Some(index.num_groups()),
            None => {
                let skips = self.spec().max_distance.is_some();
                (!skips).then_some(self.shared.plan.num_groups)
            }
        }
    }

    fn column_of_member(&self, member: &str) -> Option<String> {
        let fields = self.shared.schema.fields().iter();
        let has_key =
            |field: &&FieldRef| field.metadata().get(KEY).is_some_and(|key| key == member);
        let by_key = fields
            .filter(has_key)
            .map(|field| field.name().clone())
            .next();
        let has = |name: &str| self.shared.schema.index_of(name).is_ok();
        by_key.or_else(|| self.scan().column_made_of(member, has))
    }

    fn is_on_request(&self, column: usize) -> bool {
        self.shared.columns[column].reads_every_pattern()
    }

    fn ordering(&self) -> &[&str] {
        &["group_id"]
    }

    fn is_early(&self, column: usize) -> bool {
        let is_of_seed = matches!(self.shared.columns[column], GroupColumn::OfSeedPoint(_));
        is_of_seed && self.is_one_per_seed_point()
    }

    fn restricted(&self, rows: &[usize]) -> Result<Option<Arc<dyn Table>>> {
        // Groups that have been formed need not be formed again.
        if !self.is_one_per_seed_point() || self.state().index.get().is_some() {
            return Ok(None);
        }
        Ok(Some(Arc::new(self.some(rows)?)))
    }

    fn spec_text(&self) -> Option<String> {
        Some(self.spec().to_string())
    }

    fn access(&self, column: usize) -> Option<&Access> {
        self.scan()
            .diffraction()
            .filter(|_| self.shared.columns[column].is_of_patterns())
            .map(Column::access)
    }

    fn will_need(&self, column: usize, rows: &RowSet<'_>) {
        if !self.shared.columns[column].is_of_patterns() {
            return;
        }
        if let (Some(patterns), Ok(index)) = (self.scan().diffraction(), self.index()) {
            patterns.will_need(&RowSet::List(&index.members_of(rows)));
        }
    }

    fn phases(&self) -> Vec<(&'static str, Duration)> {
        let mut spent = self.shared.whole.phases.spent();
        if let Some(part) = &self.part {
            for (whole, own) in spent.iter_mut().zip(part.phases.spent()) {
                whole.1 += own.1;
            }
        }
        spent
    }

    fn check_column(&self, column: usize) -> Result<()> {
        let scan = self.scan();
        let error = match self.shared.columns[column] {
            GroupColumn::Diffraction
            | GroupColumn::DiffractionNormalized
            | GroupColumn::NormFactor => scan.unreadable(Role::Diffraction),
            GroupColumn::Coords(_, Source::Start) => scan.unreadable(Role::XStart),
            GroupColumn::ObjectPatches => unreadable_object(scan, self.spec().semantics),
            _ => None,
        };
        error.map_or(Ok(()), Err)
    }

    fn why_absent(&self, column: &str) -> Option<Error> {
        let scan = self.scan();
        let role = match column {
            "diffraction" | "diffraction_normalized" | "norm_factor" => Role::Diffraction,
            "coords_start_nn" | "coords_start_relative" | "coords_start_offsets" => Role::XStart,
            "object_patches" => {
                let reason = self.shared.patches.as_ref().err()?;
                return Some(reason.error(scan));
            }
            _ => return None,
        };
        Some(scan.missing(role))
    }

    fn notices(&self, columns: &[usize]) -> Vec<Notice> {
        let is_patches =
            |column: &usize| self.shared.columns[*column] == GroupColumn::ObjectPatches;
        let notes = self.notes_with(columns.iter().any(is_patches));
        let uses = self.uses_of_columns(columns);
        let concerned = |note: &&GroupNote| match note {
            GroupNote::UnevenCrop { .. } => uses.has(Role::Diffraction),
            GroupNote::PoolSmaller { .. } => uses.has(Role::X),
            _ => true,
        };
        let mut notices = self.scan().notices_of(&uses);
        notices.extend(notes.iter().filter(concerned).map(Notice::from));
        notices
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        let patterns = self.patterns_json();
        let mut provenance = provenance::of(self.scan().sources(), self.name());
        provenance.insert(SPEC_KEY.to_string(), self.spec().to_json());
        provenance.insert(PATTERNS_KEY.to_string(), patterns);
        if !self.scan().bad_pixels().values.is_empty() {
            let bad_pixels = self.scan().bad_pixels().to_json();
            provenance.insert(BAD_PIXELS_KEY.to_string(), bad_pixels);
        }
        provenance
    }
}

impl Groups {
    /// Returns what a reader of these columns reads of the scan.
    fn uses_of_columns(&self, columns: &[usize]) -> Uses {
        let mut uses = Uses::default();
        let is_factor = |column: &usize| self.shared.columns[*column] == GroupColumn::NormFactor;
        // The factor alone may not depend on which groups there are.
        if self.spec().norm() == Norm::Groups || !columns.iter().all(is_factor) {
            uses = Uses::of_roles(&[Role::X, Role::Y]);
            uses.wants_patterns = true;
            uses.among = self.spec().among.clone();
        }
        for column in columns {
            match self.shared.columns[*column] {
                GroupColumn::Coords(_, Source::Start) => {
                    uses.add(Role::XStart);
                    uses.add(Role::YStart);
                }
                GroupColumn::Diffraction
                | GroupColumn::DiffractionNormalized
                | GroupColumn::NormFactor => {
                    uses.add(Role::Diffraction);
                    // The factor and the column's metadata rest on what the numbers are.
                    uses.measurement = true;
                }
                GroupColumn::ObjectPatches => {
                    uses.add(Role::Object);
                    uses.add(Role::ObjectPatches);
                }
                _ => {}
            }
        }
        if self.scan().bad_pixels().mask && uses.has(Role::Diffraction) {
            uses.add(Role::BadPixels);
            uses.add(Role::ValidPixels);
        }
        uses
    }
}

impl Table for Groups {
    fn name(&self) -> &str {
        "groups"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.shared.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        if self.state().index.get().is_none() && self.may_be_refused() {
            self.check_positions()?;
        }
        match self.known_rows() {
            Some(rows) => Ok(rows),
            None => self.index().map(GroupIndex::num_groups),
        }
    }

    fn check_unchanged(&self) -> Result<()> {
        self.scan().check_unchanged()
    }

    fn column(&self, index: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        match self.shared.columns[index] {
            GroupColumn::OfSeedPoint(column) if self.is_early(index) => {
                Ok(early(self.seeds()?, self.scan().positions()?, column, rows))
            }
            column => {
                let data_type = self.shared.schema.field(index).data_type();
                let norm_factor = || self.norm_factor();
                self.formed()?.column(column, data_type, rows, norm_factor)
            }
        }
    }
}
