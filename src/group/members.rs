//! The table `group_members`: groups taken apart, one row a member.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::{Groups, coords};
use crate::array::RowSet;
use crate::error::Result;
use crate::scan::provenance::TABLE_KEY;
use crate::table::{Table, TableInfo};

/// One row a member, groups in order, slots in order: `group_id`, `slot`, `scan_point`, `x`, `y`, `dx`, `dy` (from the
/// group centre), `seed_distance` (from the seed point); distances in the positions' unit.
#[derive(Debug, Clone)]
pub struct GroupMembers {
    groups: Groups,
    schema: SchemaRef,
}

impl GroupMembers {
    pub(super) fn new(groups: Groups) -> Self {
        let whole =
            ["group_id", "slot", "scan_point"].map(|name| Field::new(name, DataType::Int64, false));
        let real = ["x", "y", "dx", "dy", "seed_distance"]
            .map(|name| Field::new(name, DataType::Float64, false));
        let schema = Arc::new(Schema::new(
            whole.into_iter().chain(real).collect::<Vec<_>>(),
        ));
        Self { groups, schema }
    }
}

impl TableInfo for GroupMembers {
    fn known_rows(&self) -> Option<usize> {
        self.groups
            .known_rows()
            .map(|groups| groups * self.groups.group_size())
    }

    fn ordering(&self) -> &[&str] {
        &["group_id", "slot"]
    }

    fn spec_text(&self) -> Option<String> {
        self.groups.spec_text()
    }

    fn phases(&self) -> Vec<(&'static str, Duration)> {
        self.groups.phases()
    }

    fn provenance(&self) -> BTreeMap<String, String> {
        let mut provenance = self.groups.provenance();
        provenance.insert(TABLE_KEY.to_string(), self.name().to_string());
        provenance
    }
}

impl Table for GroupMembers {
    fn name(&self) -> &str {
        "group_members"
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn num_rows(&self) -> Result<usize> {
        Ok(self.groups.num_rows()? * self.groups.group_size())
    }

    fn check_unchanged(&self) -> Result<()> {
        self.groups.check_unchanged()
    }

    fn column(&self, column: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let index = self.groups.index()?;
        let positions = self.groups.scan().positions()?;
        let size = self.groups.group_size();
        let whole = |value: &dyn Fn(usize, usize) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(
                rows.iter().map(|row| value(row / size, row % size)),
            ))
        };
        let real = |value: &dyn Fn(usize, u32) -> f64| -> ArrayRef {
            let of_row = |row: usize| value(row / size, index.members(row / size)[row % size]);
            Arc::new(Float64Array::from_iter_values(rows.iter().map(of_row)))
        };
        let rounding = coords::rounding(&self.groups, coords::Source::Corrected);
        let centre =
            |values: &[f64], group: usize| coords::centre(values, index.members(group), rounding);
        Ok(match self.schema.field(column).name().as_str() {
            "group_id" => whole(&|group, _| index.group_id(group) as i64),
            "slot" => whole(&|_, slot| slot as i64),
            "scan_point" => whole(&|group, slot| i64::from(index.members(group)[slot])),
            "x" => real(&|_, point| positions.x[point as usize]),
            "y" => real(&|_, point| positions.y[point as usize]),
            "dx" => real(&|group, point| positions.x[point as usize] - centre(&positions.x, group)),
            "dy" => real(&|group, point| positions.y[point as usize] - centre(&positions.y, group)),
            _ => real(&|group, point| coords::distance(positions, index.seed_point(group), point)),
        })
    }
}
