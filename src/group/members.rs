//! Offers the table `group_members`: groups with one row per member.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::columns::coords::{self, Source};
use super::groups::Groups;
use super::index::INDEX;
use crate::array::{Access, RowSet};
use crate::error::{Error, Notice, Parameter, Result};
use crate::scan::layout::{Role, Uses};
use crate::scan::provenance::TABLE_KEY;
use crate::table::{Table, TableInfo};

/// Offers the members of groups as a table: one row per member, groups in order, slots in order.
///
/// The columns, C members per group, distances and coordinates in the unit of the positions:
///
/// | column | type | value |
/// |---|---|---|
/// | `group_id` | Int64 | the number of the group, g |
/// | `slot` | Int64 | the place of the member in its group, 0 to C - 1 |
/// | `scan_point` | Int64 | the member, m |
/// | `x`, `y` | Float64 | its position, r = r(m) |
/// | `dx`, `dy` | Float64 | r - c, where c is the group's centre: the opposite of `coords_relative` |
/// | `seed_distance` | Float64 | the distance from the seed point s: sqrt(d2(s, m)) |
///
/// Rows are computed batch by batch from the index table; nothing but that table grows with their number.
#[derive(Debug, Clone)]
pub struct GroupMembers {
    groups: Groups,
    schema: SchemaRef,
}

/// Names the columns, in their order.
#[derive(Debug, Clone, Copy)]
enum MemberColumn {
    GroupId,
    Slot,
    ScanPoint,
    X,
    Y,
    Dx,
    Dy,
    SeedDistance,
}

const COLUMNS: [(MemberColumn, &str, DataType); 8] = [
    (MemberColumn::GroupId, "group_id", DataType::Int64),
    (MemberColumn::Slot, "slot", DataType::Int64),
    (MemberColumn::ScanPoint, "scan_point", DataType::Int64),
    (MemberColumn::X, "x", DataType::Float64),
    (MemberColumn::Y, "y", DataType::Float64),
    (MemberColumn::Dx, "dx", DataType::Float64),
    (MemberColumn::Dy, "dy", DataType::Float64),
    (
        MemberColumn::SeedDistance,
        "seed_distance",
        DataType::Float64,
    ),
];

impl Groups {
    /// Returns the table `group_members`: one row per member.
    pub fn members(&self) -> GroupMembers {
        GroupMembers::new(self.clone())
    }
}

impl GroupMembers {
    fn new(groups: Groups) -> Self {
        let fields = COLUMNS.map(|(_, name, data_type)| Field::new(name, data_type, false));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        Self { groups, schema }
    }
}

// `Groups` lies behind this table, but its columns and rows are others.
#[deny(clippy::missing_trait_methods)]
impl TableInfo for GroupMembers {
    fn known_rows(&self) -> Option<usize> {
        self.groups
            .known_rows()?
            .checked_mul(self.groups.group_size())
    }

    fn expected_rows(&self) -> Option<usize> {
        self.groups
            .expected_rows()?
            .checked_mul(self.groups.group_size())
    }

    fn column_of_member(&self, member: &str) -> Option<String> {
        let has = |name: &str| self.schema.index_of(name).is_ok();
        self.groups.scan().column_made_of(member, has)
    }

    fn is_on_request(&self, _column: usize) -> bool {
        false
    }

    fn ordering(&self) -> &[&str] {
        &["group_id", "slot"]
    }

    /// Returns false: the slots and group numbers are known early, but rows of members cannot be restricted.
    fn is_early(&self, _column: usize) -> bool {
        false
    }

    /// Returns `None`: rows may be some of a group's members, and a group is formed as a whole.
    fn restricted(&self, _rows: &[usize]) -> Result<Option<Arc<dyn Table>>> {
        Ok(None)
    }

    fn spec_text(&self) -> Option<String> {
        self.groups.spec_text()
    }

    /// Returns `None`: no column is a member of the file.
    fn access(&self, _column: usize) -> Option<&Access> {
        None
    }

    fn is_slice(&self, _column: usize, _rows: &RowSet<'_>) -> bool {
        false
    }

    /// Does nothing: positions and index table are in memory.
    fn will_need(&self, _column: usize, _rows: &RowSet<'_>) {}

    fn phases(&self) -> Vec<(&'static str, Duration)> {
        self.groups.phases()
    }

    /// Returns what concerns the positions, and the groups themselves.
    fn notices(&self, _columns: &[usize]) -> Vec<Notice> {
        let scan = self.groups.scan();
        let mut uses = Uses::of_roles(&[Role::X, Role::Y]);
        uses.among.clone_from(&self.groups.spec().among);
        let mut notices = scan.notices_of(&uses);
        notices.extend(self.groups.notes().iter().map(Notice::from));
        notices
    }

    /// Accepts every column: positions are read before groups are formed.
    fn check_column(&self, _column: usize) -> Result<()> {
        Ok(())
    }

    /// Returns `None`: the table has the same columns for every scan.
    fn why_absent(&self, _column: &str) -> Option<Error> {
        None
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
        let (groups, size) = (self.groups.num_rows()?, self.groups.group_size());
        groups.checked_mul(size).ok_or(Error::TooLarge {
            purpose: INDEX,
            bytes: groups as u128 * size as u128 * size_of::<u32>() as u128,
            parameter: Parameter::NGroups,
        })
    }

    fn check_unchanged(&self) -> Result<()> {
        self.groups.check_unchanged()
    }

    fn column(&self, column: usize, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let index = self.groups.index()?;
        let (scan, semantics) = (self.groups.scan(), self.groups.spec().semantics);
        let positions = scan.positions()?;
        let size = self.groups.group_size();
        let point = |row: usize| index.members(row / size)[row % size];
        let rounding = coords::rounding(scan, semantics, Source::Corrected);
        let from_centre = |values: &[f64], row: usize| {
            let centre = coords::centre(values, index.members(row / size), rounding);
            values[point(row) as usize] - centre
        };
        let seed_distance =
            |row: usize| coords::distance(positions, index.seed_point(row / size), point(row));
        Ok(match COLUMNS[column].0 {
            MemberColumn::GroupId => int64(rows, |row| index.group_id(row / size) as i64),
            MemberColumn::Slot => int64(rows, |row| (row % size) as i64),
            MemberColumn::ScanPoint => int64(rows, |row| i64::from(point(row))),
            MemberColumn::X => float64(rows, |row| positions.x[point(row) as usize]),
            MemberColumn::Y => float64(rows, |row| positions.y[point(row) as usize]),
            MemberColumn::Dx => float64(rows, |row| from_centre(&positions.x, row)),
            MemberColumn::Dy => float64(rows, |row| from_centre(&positions.y, row)),
            MemberColumn::SeedDistance => float64(rows, seed_distance),
        })
    }
}

fn int64(rows: &RowSet<'_>, value: impl Fn(usize) -> i64) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.iter().map(value)))
}

fn float64(rows: &RowSet<'_>, value: impl Fn(usize) -> f64) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(rows.iter().map(value)))
}
