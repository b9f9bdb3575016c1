//! Shows members as arrays of the `ndarray` crate (feature `ndarray`).

use std::io::{Cursor, Read};

use ndarray::{Array, ArrayView, CowArray, Dimension, IxDyn, ShapeBuilder};
use ndarray_npy::{ReadNpyError, ReadNpyExt, ReadableElement, ViewElement, WritableElement};

use super::{ArrayInfo, Dtype, Method, NpzFile, header};
use crate::error::{Error, Remedy, Result};

impl NpzFile {
    /// Returns a member as an array of `ndarray`, with the axes and the values that NumPy shows.
    ///
    /// `A` is an integer, a float, `bool` or a `num_complex::Complex` of floats, and must be the member's type, for
    /// nothing is converted; half floats, texts and times have no such type. `D` is the number of axes; with
    /// [`ndarray::IxDyn`] any number will do.
    ///
    /// The array is a view of the mapped bytes, without a copy, where the member is stored in C or Fortran order,
    /// little-endian, and its data begins at a multiple of the alignment of `A`. NumPy aligns members within an archive
    /// by chance only; `export::align` rewrites a file so that all are. A deflated member is
    /// inflated once, and the array is a view of the inflated bytes. In all other cases (big-endian, misaligned, or read
    /// by position) the array owns a copy. `is_view` of the array tells which it is.
    ///
    /// ```
    /// use ndarray::{Ix1, Ix3};
    /// use ptychoarrow::NpzFile;
    /// let npz = NpzFile::open("tests/data/siemens_star.npz")?;
    /// let patterns = npz.view::<f32, Ix3>("diff3d")?;
    /// assert_eq!(patterns.shape(), [516, 64, 64]);
    /// let mean_x = npz.view::<f64, Ix1>("xcoords")?.mean().unwrap();
    /// assert!(mean_x.is_finite());
    /// # Ok::<_, ptychoarrow::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::OtherDtype`] and [`Error::OtherAxes`] if the member is of another type or has another number of axes;
    /// [`Error::BadMember`] if a truth value is neither 0 nor 1; as [`NpzFile::array`].
    pub fn view<A, D>(&self, name: &str) -> Result<CowArray<'_, A, D>>
    where
        A: ReadableElement + ViewElement + WritableElement,
        D: Dimension,
    {
        let info = self.array_info(name)?;
        self.check_dtype::<A>(info)?;
        self.check_axes(info, D::NDIM)?;
        match self.data_bytes(info)?.and_then(|bytes| viewed(info, bytes)) {
            Some(view) => Ok(view.into()),
            None => self.owned(info).map(Array::into),
        }
    }

    fn check_dtype<A: WritableElement>(&self, info: &ArrayInfo) -> Result<()> {
        let expected = descr::<A>();
        match Dtype::parse(&expected) {
            Ok(dtype) if dtype.scalar == info.dtype.scalar => Ok(()),
            _ => Err(Error::OtherDtype {
                path: self.owned_path(),
                member: info.name.clone(),
                found: info.dtype.descr.clone(),
                expected,
            }),
        }
    }

    fn check_axes(&self, info: &ArrayInfo, expected: Option<usize>) -> Result<()> {
        match expected {
            Some(expected) if expected != info.shape.len() => Err(Error::OtherAxes {
                path: self.owned_path(),
                member: info.name.clone(),
                shape: info.shape.clone(),
                expected,
            }),
            _ => Ok(()),
        }
    }

    /// Borrows the data of a member, if it is in memory or can be inflated.
    fn data_bytes(&self, info: &ArrayInfo) -> Result<Option<&[u8]>> {
        let index = self.index(&info.name)?;
        let entry = &self.directory.entries[index];
        let (start, end) = (info.header_bytes, info.header_bytes + info.num_bytes);
        if entry.method == Method::Stored {
            let range = entry.data.start + start..entry.data.start + end;
            return Ok(self.source.borrowed(range));
        }
        self.inflater.get(&self.source, index, entry)?;
        let member = self.inflater.finished(index);
        Ok(member.map(|member| &member[start as usize..end as usize]))
    }

    /// Reads a member into memory of its own.
    fn owned<A, D>(&self, info: &ArrayInfo) -> Result<Array<A, D>>
    where
        A: ReadableElement + WritableElement,
        D: Dimension,
    {
        let mut descr = descr::<A>();
        if info.dtype.big_endian {
            descr = descr.replace('<', ">");
        }
        // Written anew: ndarray-npy does not read every header that NumPy does.
        let header = header::format(&descr, &info.shape, info.fortran_order);
        let data = self.array(&info.name)?.data;
        Array::read_npy(Cursor::new(header).chain(data.reader()))
            .map_err(|error| self.unreadable(info, &descr, error))
    }

    fn unreadable(&self, info: &ArrayInfo, descr: &str, error: ReadNpyError) -> Error {
        let found = match error {
            ReadNpyError::Io(error) => match error.downcast::<Error>() {
                Ok(ours) => return ours,
                Err(other) => other.to_string(),
            },
            other => other.to_string(),
        };
        Error::BadMember {
            path: self.owned_path(),
            member: info.name.clone(),
            found,
            expected: format!("values of the dtype {descr}"),
            remedies: vec![Remedy::CorrectFile],
        }
    }
}

/// Returns a view of a member's data, if it is aligned and as this machine stores it.
///
/// This is what ndarray-npy's `view_npy` does behind a header that it parses itself; not every header that NumPy reads is
/// one for it.
fn viewed<'a, A, D>(info: &ArrayInfo, bytes: &'a [u8]) -> Option<ArrayView<'a, A, D>>
where
    A: ViewElement + WritableElement,
    D: Dimension,
{
    if info.dtype.big_endian {
        return None;
    }
    let len = bytes.len() / size_of::<A>();
    let values = A::bytes_as_slice(bytes, &A::type_descriptor(), len).ok()?;
    let shape = IxDyn(&info.shape).set_f(info.fortran_order);
    let view = ArrayView::from_shape(shape, values).ok()?;
    view.into_dimensionality().ok()
}

/// Returns NumPy's text for an element type.
fn descr<A: WritableElement>() -> String {
    A::type_descriptor()
        .to_string()
        .trim_matches('\'')
        .to_string()
}

#[cfg(test)]
mod tests;
