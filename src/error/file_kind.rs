//! Names formats of files that are taken for archives by mistake.

/// Defines [`FileKind`]: each variant with its name, a noun phrase, and how its contents become an NPZ file, a clause.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $how:literal;)*) => {
        /// Names what files that are not archives are, as their bytes tell.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum FileKind {
            $($(#[$doc])* $variant,)*
        }

        impl FileKind {
            /// Every kind, in the order of the definition.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns what the file is as a noun phrase: `an HDF5 file`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns how its contents become an NPZ file, as an imperative clause.
            pub(crate) fn how_to_convert(self) -> &'static str {
                match self { $(Self::$variant => $how,)* }
            }
        }
    };
}

kinds! {
    /// The file has no bytes.
    Empty, "an empty file", "write the file first";
    /// The path leads to a folder.
    Folder, "a folder", "name a file in it";
    /// The path leads to a pipe, a socket or a device.
    Special, "a pipe, a socket or a device", "copy what it yields into a regular file";
    /// The file holds nothing but zeros: its space was set aside, and nothing was written into it.
    Zeros, "nothing but zeros",
        "copy or download the file again: its space was set aside, but nothing was written into it";
    /// The file is too large to be read as a whole, and all parts of it that were looked at are zeros.
    ZerosInParts, "nothing but zeros in the parts that were looked at (its begin, its end and 64 places between)",
        "copy or download the file again: its space was set aside, but nothing seems to have been written into it";
    /// The few lines that Git has in place of a file that Git LFS keeps.
    LfsPointer, "a Git LFS pointer, a few lines in place of the file", "fetch the file itself with git lfs pull";
    /// The line that Git has in place of a file that git-annex keeps.
    AnnexPointer, "a git-annex pointer, a line in place of the file", "fetch the file itself with git annex get";
    /// A web page.
    Html, "a web page", "download the file again: the server sent a page instead, such as one to sign in or of an error";
    /// An XML document that is no web page.
    Xml, "an XML document",
        "download the file again if the document is a server's error, else check the path";
    /// A JSON document.
    Json, "a JSON document",
        "download the file again if the document is a server's error, else load it with json.load and write its arrays with np.savez";
    /// Text that is none of these.
    Text, "plain text", "check the path, or read the text with np.loadtxt and write its arrays with np.savez";
    /// HDF5, and so also NeXus and CXI.
    Hdf5, "an HDF5 file",
        "open it with h5py and write its arrays with np.savez(path, xcoords=..., ycoords=..., diff3d=...)";
    /// MATLAB 5 to 7.
    Mat, "a MATLAB file", "load it with scipy.io.loadmat and write its arrays with np.savez";
    /// MATLAB 7.3, which is HDF5 behind a text.
    Mat73, "a MATLAB 7.3 file, which is HDF5",
        "open it with h5py, not with scipy.io.loadmat, and write its arrays with np.savez: their axes are in the opposite order there";
    /// A classic NetCDF file.
    NetCdf, "a NetCDF file", "open it with scipy.io.netcdf_file or xarray and write its arrays with np.savez";
    /// An Arrow IPC file or stream.
    Arrow, "an Arrow IPC file", "read it with pyarrow.ipc.open_file or polars.read_ipc";
    /// A Parquet file.
    Parquet, "a Parquet file", "read it with pyarrow.parquet or polars.read_parquet";
    /// A NumPy array in a file of its own; that is read, so only members of archives are called so.
    Npy, "a NumPy array", "save it with np.savez";
    /// A zip archive; only within another file, for alone it is read.
    Zip, "a zip archive", "unpack it first";
    /// A gzip stream of something that is none of the following.
    Gzip, "a gzip file", "unpack it with gunzip first";
    /// A gzip stream of a NumPy array.
    GzipNpy, "a gzip file that holds a NumPy array (.npy.gz)", "unpack it with gunzip first: the .npy in it is read";
    /// A gzip stream of a zip archive.
    GzipZip, "a gzip file that holds a zip archive", "unpack it with gunzip first: the archive in it is read";
    /// A gzip stream of a tar archive.
    GzipTar, "a tar archive in gzip (.tar.gz)", "unpack it with tar -xzf and name a file from it";
    /// A tar archive.
    Tar, "a tar archive", "unpack it with tar -xf and name a file from it";
    /// A bzip2 stream.
    Bzip2, "a bzip2 file", "unpack it with bunzip2 first";
    /// An xz or an lzip stream.
    Xz, "an xz file", "unpack it with unxz first";
    /// A Zstandard stream.
    Zstd, "a Zstandard file", "unpack it with unzstd first";
    /// An LZ4 stream.
    Lz4, "an LZ4 file", "unpack it with unlz4 first";
    /// A 7-Zip archive.
    SevenZip, "a 7-Zip archive", "unpack it first";
    /// A RAR archive.
    Rar, "a RAR archive", "unpack it first";
    /// A TIFF image, BigTIFF too.
    Tiff, "a TIFF image", "stack the images and write them with np.savez";
    /// A PNG image.
    Png, "a PNG image", "stack the images and write them with np.savez";
    /// A JPEG image.
    Jpeg, "a JPEG image", "stack the images and write them with np.savez";
    /// An image of a detector: EDF, CBF or FITS.
    DetectorImage, "a detector image (EDF, CBF or FITS)",
        "read it with fabio, stack the images and write them with np.savez";
    /// A PDF document.
    Pdf, "a PDF document", "check the path";
    /// What macOS writes beside a file on a foreign disk, under the name `._` and the file's.
    AppleDouble, "a file that macOS keeps beside another one (its name begins with ._)",
        "name the file without ._ before its name";
    /// A Python pickle of any protocol.
    Pickle, "a Python pickle", "load it where you trust it and write its arrays with np.savez";
    /// None of those.
    Unknown, "a file of unknown format", "check the path";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_and_a_remedy_of_its_own_words() {
        for kind in FileKind::ALL {
            assert!(!kind.name().ends_with('.') && !kind.how_to_convert().ends_with('.'));
        }
    }
}
