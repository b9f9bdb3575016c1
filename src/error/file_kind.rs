//! Names formats of files that are taken for archives by mistake.

/// Names the formats of files that are not archives, by their first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// The file has no bytes.
    Empty,
    /// The path leads to a folder.
    Folder,
    /// The path leads to a pipe, a socket or a device.
    Special,
    /// HDF5, and so also MATLAB 7.3, NeXus and CXI.
    Hdf5,
    /// MATLAB 5.
    Mat,
    /// An Arrow IPC file.
    Arrow,
    /// A Parquet file.
    Parquet,
    /// A gzip stream.
    Gzip,
    /// A bzip2 stream.
    Bzip2,
    /// An xz stream.
    Xz,
    /// A Zstandard stream.
    Zstd,
    /// A 7-Zip archive.
    SevenZip,
    /// A TIFF image.
    Tiff,
    /// A Python pickle.
    Pickle,
    /// None of those.
    Unknown,
}

impl FileKind {
    /// Returns the format as a noun phrase: `an HDF5 file`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "an empty file",
            Self::Folder => "a folder",
            Self::Special => "a pipe, a socket or a device",
            Self::Hdf5 => "an HDF5 file",
            Self::Mat => "a MATLAB file",
            Self::Arrow => "an Arrow IPC file",
            Self::Parquet => "a Parquet file",
            Self::Gzip => "a gzip file",
            Self::Bzip2 => "a bzip2 file",
            Self::Xz => "an xz file",
            Self::Zstd => "a Zstandard file",
            Self::SevenZip => "a 7-Zip archive",
            Self::Tiff => "a TIFF image",
            Self::Pickle => "a Python pickle",
            Self::Unknown => "a file of unknown format",
        }
    }

    /// Returns how its contents become an NPZ file, as an imperative clause.
    pub(crate) fn how_to_convert(self) -> &'static str {
        match self {
            Self::Empty => "write the file first",
            Self::Folder => "name a file in it",
            Self::Special => "copy what it yields into a regular file",
            Self::Hdf5 => {
                "open it with h5py and write its arrays with np.savez(path, xcoords=..., ycoords=..., diff3d=...)"
            }
            Self::Mat => "load it with scipy.io.loadmat and write its arrays with np.savez",
            Self::Arrow => "read it with pyarrow.ipc.open_file or polars.read_ipc",
            Self::Parquet => "read it with pyarrow.parquet or polars.read_parquet",
            Self::Gzip => "unpack it with gunzip first",
            Self::Bzip2 => "unpack it with bunzip2 first",
            Self::Xz => "unpack it with unxz first",
            Self::Zstd => "unpack it with unzstd first",
            Self::SevenZip => "unpack it first",
            Self::Tiff => "stack the images and write them with np.savez",
            Self::Pickle => "load it where you trust it and write its arrays with np.savez",
            Self::Unknown => "check the path",
        }
    }
}
