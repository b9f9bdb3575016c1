//! The parameters of a call, by which errors and notes name what can be changed.

use std::fmt;

/// Defines [`Parameter`]: each variant with its name and its place in the Rust API.
macro_rules! parameters {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $rust:literal;)*) => {
        /// Names a parameter of a call, whichever front end the call came through.
        ///
        /// `Display` writes the parameter's plain name, such as `neighbors`. How it is spelled where the user
        /// types it is up to the front end: see [`Terms`](super::Terms).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Parameter {
            $($(#[$doc])* $variant,)*
        }

        impl Parameter {
            /// Every parameter, in the order of the definition.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the plain name: the name of the field that holds the parameter.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Returns the path of the field or function in this crate that takes the parameter.
            pub fn rust_path(self) -> &'static str {
                match self { $(Self::$variant => $rust,)* }
            }
        }
    };
}

parameters! {
    /// The side of a group, g: a group has g * g members.
    Gridsize, "gridsize", "GroupSpec::gridsize";
    /// The number of nearest neighbours in a pool, K.
    Neighbors, "neighbors", "GroupSpec::neighbors";
    /// The number of groups.
    NGroups, "n_groups", "GroupSpec::n_groups";
    /// The number that fixes all randomness.
    Seed, "seed", "GroupSpec::seed";
    /// The number that redraws the members.
    Epoch, "epoch", "GroupSpec::epoch";
    /// The scan points that may be members.
    Among, "among", "GroupSpec::among";
    /// The scan points that may be seed points.
    SeedsFrom, "seeds_from", "GroupSpec::seeds_from";
    /// How seed points are chosen.
    Sampling, "sampling", "GroupSpec::sampling";
    /// Whether a seed point may be a member of its own group.
    IncludeSeed, "include_seed", "GroupSpec::include_seed";
    /// The largest distance from a seed point to a member.
    MaxDistance, "max_distance", "GroupSpec::max_distance";
    /// Whether there may be more groups than seed points.
    GroupOversampling, "group_oversampling", "GroupSpec::group_oversampling";
    /// The grouping rules that are followed.
    Semantics, "semantics", "GroupSpec::semantics";
    /// What the normalisation factor is computed over.
    Norm, "norm", "GroupSpec::norm";
    /// A range of group numbers.
    Groups, "groups", "Groups::index_of";
    /// Whether patterns are returned as stored, as amplitudes or as intensities.
    Measure, "measure", "PatternOptions::measure";
    /// The place of the axis of members.
    Channels, "channels", "PatternOptions::channels";
    /// The side of the part that is cut out of each pattern.
    Crop, "crop", "PatternOptions::crop";
    /// The side of the squares of pixels that are added up.
    Bin, "bin", "PatternOptions::bin";
    /// The pixel around which a part is cut out of each pattern.
    Center, "center", "PatternOptions::center";
    /// The number of neighbours per scan point in the table `neighbors`.
    K, "k", "NeighborsOptions::k";
    /// The largest distance in the table `neighbors`.
    Within, "within", "NeighborsOptions::within";
    /// The scan whose points are the neighbours in the table `neighbors`.
    Of, "of", "NeighborsOptions::of";
    /// The columns that are read.
    Columns, "columns", "ReadOptions::columns";
    /// The rows that are read.
    Rows, "rows", "ReadOptions::rows";
    /// The bound of a batch in bytes.
    BatchBytes, "batch_bytes", "ReadOptions::batch_bytes";
    /// The member that fills a role.
    Role, "role", "LayoutOptions::roles";
    /// Whether stored patterns are amplitudes or intensities.
    Measurement, "measurement", "LayoutOptions::measurement";
    /// The unit of the positions.
    Unit, "unit", "LayoutOptions::unit";
    /// The size of a pixel of the object in metres.
    PixelSize, "pixel_size", "LayoutOptions::pixel_size_m";
    /// The axis along which patterns are counted.
    PatternAxis, "pattern_axis", "LayoutOptions::pattern_axis";
    /// The columns of a combined position array.
    PositionOrder, "position_order", "LayoutOptions::position_order";
    /// What happens to positions and patterns without a partner.
    Unpaired, "unpaired", "LayoutOptions::unpaired";
    /// The axes of the probe along which its modes are counted.
    ProbeAxis, "probe_axis", "LayoutOptions::probe_axis";
    /// Another file that holds the patterns.
    Patterns, "patterns", "ScanOptions::patterns";
    /// Whether the pixels that the file's mask names are read as zero.
    Mask, "mask", "BadPixels::mask";
    /// The values that mark a pixel as bad, so that it is read as zero.
    BadValues, "bad_values", "BadPixels::values";
    /// How the bytes of stored members are reached.
    Access, "access", "OpenOptions::access";
    /// The memory that inflated members may take.
    InflateMemory, "inflate_memory", "OpenOptions::inflate_memory";
    /// The memory that sorts, joins and aggregates of SQL may take.
    MemoryLimit, "memory_limit", "SessionOptions::memory_limit";
    /// The number of threads.
    Threads, "threads", "SessionOptions::threads";
    /// The file that is written.
    Output, "output", "export::write";
    /// What happens where the output exists.
    IfExists, "if_exists", "ExportOptions::if_exists";
    /// How Arrow and Parquet files hold tensors.
    Tensors, "tensors", "ExportOptions::tensors";
    /// The table that is read or written.
    Table, "table", "sql::Relation";
    /// A member that is read as a table.
    Array, "array", "scan::array";
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
