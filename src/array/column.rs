//! Describes a member as a column: rows along one axis or several, and a tensor per row.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, FixedSizeListArray, Float64Array, Int64Array};
use arrow::datatypes::{DataType, FieldRef};
use bytes::Bytes;

use super::layout::RowLayout;
use super::marks::Marks;
use super::stored::Stored;
use super::{Access, Numbers, RowData, RowSet, View, field, values};
use crate::error::{Error, Parameter, Remedy, Result};
use crate::npz::{ArrayInfo, NpzFile, Scalar};

/// The distance in bytes up to which rows are read ahead in one go; a disk reads what lies between at no
/// cost.
const GAP: usize = 64 << 10;

/// The largest number of rows that have no values: no byte of the file stands for any of them, so that a header may claim
/// any number, and whoever reads them row by row would not end.
const MAX_EMPTY_ROWS: usize = 1 << 20;

/// Describes a member of an archive as a column of rows.
///
/// It is cheap to clone, and keeps the file open. Opening it reads the member's header only.
#[derive(Debug, Clone)]
pub struct Column {
    field: FieldRef,
    access: Access,
    stored: Stored,
}

impl Column {
    /// Opens a view of a member as a column called `name`.
    ///
    /// The type of the column is that of the stored values where a row is a single value; else it is a
    /// `FixedSizeList` with the metadata of `arrow.fixed_shape_tensor`, the row's axes in the order of the
    /// member, slowest first. Complex values have a trailing axis of length 2: real, imaginary.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use arrow::array::AsArray;
    /// use arrow::datatypes::Float32Type;
    /// use ptychoarrow::NpzFile;
    /// use ptychoarrow::array::{Column, RowSet, View};
    ///
    /// let npz = Arc::new(NpzFile::open("tests/data/siemens_star.npz")?);
    /// let patterns = Column::open(&npz, "diff3d", "diffraction", &View::along(0))?;
    /// assert_eq!(patterns.access().word(), "mapped");
    /// let batch = patterns.array(&RowSet::Range(10..12))?; // two patterns, without a copy
    /// let pixels = batch.as_fixed_size_list().values().as_primitive::<Float32Type>();
    /// assert_eq!(pixels.len(), 2 * 64 * 64);
    /// # Ok::<_, ptychoarrow::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoSuchMember`] if there is no such member; [`Error::BadMember`] if it holds no plain array,
    /// if it does not have the axes of the view, if a row has 2^31 or more values, or if there are more than 2^20
    /// rows without a byte.
    pub fn open(npz: &Arc<NpzFile>, member: &str, name: &str, view: &View) -> Result<Self> {
        let info = npz.array_info(member)?;
        let layout = RowLayout::of(info, view).map_err(|expected| misfit(npz, info, expected))?;
        let scalar = info.dtype.scalar;
        if layout.row_len() == 0 && layout.num_rows > MAX_EMPTY_ROWS {
            return Err(too_many_empty_rows(npz, info, layout.num_rows));
        }
        Ok(Self {
            field: Arc::new(field::of_rows(name, scalar, &layout.row_shape)),
            access: Access::of_rows(npz, info, layout.is_in_order()),
            stored: Stored::new(npz, member, (scalar, info.dtype.big_endian), layout),
        })
    }

    /// Returns name, Arrow type, and tensor metadata.
    pub fn field(&self) -> &FieldRef {
        &self.field
    }

    /// Returns how its data reaches an array.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Returns the element type in the file.
    pub fn scalar(&self) -> Scalar {
        self.stored.scalar
    }

    /// Returns the description of the member it is made of.
    pub fn info(&self) -> Option<&ArrayInfo> {
        self.stored.npz.info(&self.stored.member)
    }

    /// Returns the name of the member it is made of.
    pub fn member(&self) -> &str {
        &self.stored.member
    }

    /// Returns the file it is in.
    pub fn npz(&self) -> &Arc<NpzFile> {
        &self.stored.npz
    }

    /// Returns the number of rows.
    pub fn num_rows(&self) -> usize {
        self.stored.num_rows()
    }

    /// Returns the lengths of the axes of one row, slowest first; a complex value counts as one.
    pub fn row_shape(&self) -> &[usize] {
        &self.stored.layout.row_shape
    }

    /// Returns the number of values in one row; a complex value counts as one.
    pub fn row_len(&self) -> usize {
        self.stored.row_len()
    }

    /// Returns the number of bytes that one row takes in the file.
    pub fn row_bytes(&self) -> usize {
        self.stored.row_bytes()
    }

    /// Returns these rows of the column, in this order, as a column.
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn reordered(mut self, rows: Arc<[usize]>) -> Self {
        assert!(
            rows.iter().all(|row| *row < self.num_rows()),
            "rows lie within the column"
        );
        if !matches!(self.access, Access::Inflated { .. }) {
            self.access = Access::Copied {
                reason: "joined on the frame index".to_string(),
            };
        }
        self.stored.picked = Some(match self.stored.picked {
            Some(picked) => rows.iter().map(|row| picked[*row]).collect(),
            None => rows,
        });
        self
    }

    /// Returns the first rows of the column, `len` of them, or all if there are fewer.
    pub(crate) fn limited(mut self, len: usize) -> Self {
        match &mut self.stored.picked {
            Some(picked) if len < picked.len() => *picked = picked[..len].into(),
            Some(_) => {}
            None => self.stored.layout.num_rows = self.stored.layout.num_rows.min(len),
        }
        self
    }

    /// Returns the same column with these values read as 0.
    pub(crate) fn with_marks(mut self, marks: Arc<Marks>) -> Self {
        if !matches!(self.access, Access::Inflated { .. }) {
            self.access = Access::Copied {
                reason: "bad pixels are set to 0".to_string(),
            };
        }
        self.stored.marks = Some(marks);
        self
    }

    /// Returns the same column with all values as they are stored.
    pub(crate) fn without_marks(mut self) -> Self {
        self.stored.marks = None;
        self
    }

    /// Returns the values that are read as 0, if there are any.
    #[cfg_attr(not(feature = "export"), allow(dead_code))]
    pub(crate) fn marks(&self) -> Option<Arc<Marks>> {
        self.stored.marks.clone()
    }

    /// Returns whether values are big-endian in the file.
    pub(crate) fn is_big_endian(&self) -> bool {
        self.stored.big_endian
    }

    /// Returns the same column under another name.
    pub fn renamed(mut self, name: &str) -> Self {
        self.field = Arc::new(self.field.as_ref().clone().with_name(name));
        self
    }

    /// Returns these rows as an array: a slice of the map where that is possible, a copy elsewhere.
    ///
    /// # Errors
    /// If a compressed member is damaged or cannot be inflated, if the file cannot be read, or if a text or a
    /// time has no counterpart in Arrow; [`Error::TooLarge`] if a copy cannot be held in memory.
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn array(&self, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let values = self.values(rows)?;
        Ok(match self.field.data_type() {
            DataType::FixedSizeList(item, size) => {
                let (item, nulls) = (Arc::clone(item), None);
                let list =
                    FixedSizeListArray::try_new_with_length(item, *size, values, nulls, rows.len());
                Arc::new(list?)
            }
            _ => values,
        })
    }

    /// Returns the values of these rows as f64, row after row, each in C order.
    ///
    /// Values that are stored as f64 are a slice of the map where [`Column::array`] is; others are cast.
    /// 64-bit integers beyond 2^53 are rounded to nearest.
    ///
    /// # Errors
    /// As [`Column::array`]; [`Error::BadMember`] if the member holds no numbers.
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn float64_array(&self, rows: &RowSet<'_>) -> Result<Float64Array> {
        match self.values_as(&DataType::Float64, rows)? {
            Some(values) => Ok(values.as_primitive().clone()),
            None => Ok(self.numbers(rows)?.to_f64().into()),
        }
    }

    /// Returns the values of these rows as i64, row after row, each in C order.
    ///
    /// Values that are stored as i64 are a slice of the map where [`Column::array`] is; others are cast.
    ///
    /// # Errors
    /// As [`Column::array`]; [`Error::BadMember`] if the member holds no numbers, or a value that is no whole
    /// number from -2^63 to 2^63 - 1.
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn int64_array(&self, rows: &RowSet<'_>) -> Result<Int64Array> {
        match self.values_as(&DataType::Int64, rows)? {
            Some(values) => Ok(values.as_primitive().clone()),
            None => Ok(self.numbers(rows)?.to_i64()?.into()),
        }
    }

    /// Returns these rows as they lie in the file.
    ///
    /// They are borrowed where the bytes of a row lie together in memory, and read or copied now elsewhere:
    /// ask for no more rows than memory may hold.
    ///
    /// # Errors
    /// If a compressed member is damaged or cannot be inflated, or if the file cannot be read;
    /// [`Error::TooLarge`] if a copy cannot be held in memory.
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn rows<'a>(&'a self, rows: &RowSet<'a>) -> Result<RowData<'a>> {
        RowData::of(&self.stored, rows.clone())
    }

    /// Returns these rows as numbers, to be cast to f32, f64 or i64.
    ///
    /// # Errors
    /// As [`Column::rows`]; [`Error::BadMember`] if the member holds no numbers.
    ///
    /// # Panics
    /// If a row lies beyond the column.
    pub fn numbers<'a>(&'a self, rows: &RowSet<'a>) -> Result<Numbers<'a>> {
        Numbers::of(&self.stored, rows)
    }

    /// Tells the system that these rows will be needed soon, so that it reads ahead in the order of the file.
    ///
    /// Does nothing for a member that has to be inflated, or whose rows lie scattered.
    pub fn will_need(&self, rows: &RowSet<'_>) {
        let is_read_by_row = self.stored.scattered().is_empty() && self.row_len() > 0;
        if !is_read_by_row || self.stored.npz.inflates_to(&self.stored.member).is_some() {
            return;
        }
        let Ok(data) = self.stored.data() else { return };
        let start = |row: usize| self.stored.row_start(row) * self.stored.scalar.num_bytes();
        match rows {
            RowSet::Range(range) if self.stored.is_in_order() && !range.is_empty() => {
                data.will_need(start(range.start)..start(range.end - 1) + self.row_bytes());
            }
            rows => runs(rows.iter().map(start).collect(), self.row_bytes())
                .into_iter()
                .for_each(|run| data.will_need(run)),
        }
    }

    /// Returns the values of these rows without their structure, if they are of this type.
    fn values_as(&self, data_type: &DataType, rows: &RowSet<'_>) -> Result<Option<ArrayRef>> {
        let is_stored = self.stored.scalar.arrow_type() == *data_type;
        is_stored.then(|| self.values(rows)).transpose()
    }

    /// Returns the values of these rows, row after row, without their structure.
    fn values(&self, rows: &RowSet<'_>) -> Result<ArrayRef> {
        let data = self.stored.data()?;
        let buffer = match (rows, data.in_memory()) {
            (RowSet::Range(range), Some(bytes))
                if self.stored.marks.is_none() && self.is_sliceable(bytes) =>
            {
                let start = self.stored.layout.start * self.stored.scalar.num_bytes();
                let at = |row: usize| start + row * self.row_bytes();
                values::slice(bytes, at(range.start)..at(range.end))
            }
            _ => self.rows(rows)?.into_native()?,
        };
        let parts = if self.stored.scalar.is_complex() {
            2
        } else {
            1
        };
        let values = values::array(
            self.stored.scalar,
            buffer,
            rows.len() * self.row_len() * parts,
        );
        values.map_err(|found| self.no_counterpart(found))
    }

    fn is_sliceable(&self, bytes: &Bytes) -> bool {
        let aligned = (bytes.as_ptr() as usize).is_multiple_of(self.stored.scalar.unit_bytes());
        aligned
            && self.stored.is_in_order()
            && !self.stored.big_endian
            && self.stored.scalar != Scalar::Bool
    }

    fn no_counterpart(&self, found: String) -> Error {
        Error::BadMember {
            path: self.stored.npz.path().to_path_buf(),
            member: self.stored.member.clone(),
            found,
            expected: format!("values that Arrow's {} can hold", self.field.data_type()),
            remedies: vec![Remedy::SaveAsPlainArray, Remedy::Narrow(Parameter::Columns)],
        }
    }
}

fn too_many_empty_rows(npz: &NpzFile, info: &ArrayInfo, rows: usize) -> Error {
    Error::BadMember {
        path: npz.path().to_path_buf(),
        member: info.name.clone(),
        found: format!("{rows} rows without a value, by its shape {:?}", info.shape),
        expected: format!("at most {MAX_EMPTY_ROWS} of those"),
        remedies: vec![Remedy::UseAnotherMember, Remedy::CorrectFile],
    }
}

/// Joins rows of `len` bytes that begin at these places, where the gaps between them are small.
fn runs(mut starts: Vec<usize>, len: usize) -> Vec<Range<usize>> {
    starts.sort_unstable();
    let mut runs: Vec<Range<usize>> = Vec::new();
    for start in starts {
        let end = start + len;
        match runs.last_mut() {
            Some(run) if start <= run.end + GAP => run.end = run.end.max(end),
            _ => runs.push(start..end),
        }
    }
    runs
}

fn misfit(npz: &NpzFile, info: &ArrayInfo, expected: &str) -> Error {
    Error::BadMember {
        path: npz.path().to_path_buf(),
        member: info.name.clone(),
        found: format!("shape {:?}", info.shape),
        expected: expected.to_string(),
        remedies: vec![Remedy::UseAnotherMember],
    }
}
