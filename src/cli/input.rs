//! Arguments that say what is read, and how.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{parse_bytes, progress};
use crate::group::{
    Center, Crop, GroupSpec, IncludeSeed, Norm, PatternOptions, Sampling, Semantics,
};
use crate::npz::{AccessMode, OpenOptions};
use crate::scan::layout::{
    LayoutOptions, Measurement, PatternAxis, PositionOrder, ProbeAxis, Role, Unit, Unpaired,
};
use crate::scan::{BadPixels, BadValue, ScanOptions};
use crate::sql::GroupQuery;

/// Says what a file does not say itself.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What the file does not say")]
pub struct InputArgs {
    /// The member that fills a role; can be given several times. The roles are x, y, x_start, y_start, diffraction,
    /// probe, object, object_patches, frame_index, position_index, bad_pixels, valid_pixels, pixel_size, pixel_height,
    /// object_center_x and object_center_y.
    #[arg(long, value_name = "ROLE=NAME", value_parser = parse_role)]
    role: Vec<(Role, String)>,
    /// What the stored patterns are; by default, integers are intensities, and other numbers are unknown.
    #[arg(long, value_enum)]
    measurement: Option<Measurement>,
    /// The unit of the positions: pixels of the object, metres, millimetres, micrometres, nanometres (px, m, mm, um, nm)
    /// or steps; or how many of one a stored number is, such as "0.25 micrometres".
    #[arg(long, value_name = "UNIT")]
    unit: Option<Unit>,
    /// The size of a pixel of the object, in metres: what object patches take where positions are lengths.
    #[arg(long, value_name = "METRES", value_parser = parse_size)]
    pixel_size: Option<f64>,
    /// The axis along which patterns are counted, if the shape does not tell.
    #[arg(long, value_enum)]
    pattern_axis: Option<PatternAxis>,
    /// The columns of a combined position array, one letter each: yx if y comes first; _ for a column that is neither.
    #[arg(long, value_name = "ORDER")]
    position_order: Option<PositionOrder>,
    /// The axes of the probe along which its modes are counted, if neither the patterns nor the shape tell.
    #[arg(long, value_enum)]
    probe_axis: Option<ProbeAxis>,
    /// What happens to positions without a pattern and to patterns without a position. They are joined on the frame
    /// index where both sides have one; else they pair by order, and the shorter side counts.
    #[arg(long, value_enum, default_value = "error")]
    unpaired: Unpaired,
    /// Another NPZ file, which holds the patterns where FILE has the positions, or the positions where FILE has the
    /// patterns; they are joined on the frame index if both files have one, else by order.
    #[arg(long, value_name = "FILE")]
    patterns: Option<PathBuf>,
    /// Set the bad pixels to 0, as given by the file's own mask (role bad_pixels or valid_pixels).
    #[arg(long)]
    mask: bool,
    /// A value that marks a pixel as bad wherever it occurs, so that it is set to 0: a number, max (the largest value of
    /// the integer type of the patterns), nan, inf or -inf; can be given several times.
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true)]
    bad_value: Vec<BadValue>,
    #[command(flatten)]
    open: OpenArgs,
}

/// Says how a file is opened.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Opening")]
pub struct OpenArgs {
    /// How the bytes of stored members are reached.
    #[arg(long, value_enum, default_value = "map")]
    access: AccessMode,
    /// The memory that inflated members may take together, such as 4GiB; further ones are inflated to scratch files in
    /// the temporary folder (TMPDIR).
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = parse_bytes)]
    inflate_memory: u64,
}

impl OpenArgs {
    /// Returns the library's options.
    pub fn options(&self) -> OpenOptions {
        OpenOptions {
            access: self.access,
            inflate_memory: self.inflate_memory,
            progress: progress::shown(),
        }
    }
}

impl InputArgs {
    /// Returns the files that a command over `file` reads.
    pub fn sources(&self, file: &Path) -> Vec<PathBuf> {
        let file = std::iter::once(file.to_path_buf());
        file.chain(self.patterns.clone()).collect()
    }

    /// Returns the library's options.
    pub fn options(&self) -> ScanOptions {
        let layout = LayoutOptions {
            roles: self.role.clone(),
            measurement: self.measurement,
            unit: self.unit,
            pixel_size_m: self.pixel_size,
            pattern_axis: self.pattern_axis,
            position_order: self.position_order,
            unpaired: self.unpaired,
            probe_axis: self.probe_axis,
        };
        ScanOptions {
            open: self.open.options(),
            layout,
            patterns: self.patterns.clone(),
            bad_pixels: BadPixels::default()
                .with_mask(self.mask)
                .with_values(self.bad_value.iter().copied()),
        }
    }
}

/// Says which part of the patterns is used, and how large its pixels are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Patterns")]
pub struct PatternArgs {
    /// Keep only a part of each pattern, N x N pixels (or ROWSxCOLUMNS, such as 128x96); by default its middle.
    #[arg(long, value_name = "N")]
    crop: Option<Crop>,
    /// The pixel around which the part is cut out, its row and column counted from 0, or com for the centre of mass of the
    /// mean pattern; it becomes pixel N/2 of the part.
    #[arg(long, value_name = "ROW,COL|com")]
    center: Option<Center>,
    /// Combine B x B pixels into one: counts are added up; of amplitudes, the squares are.
    #[arg(long, value_name = "B")]
    bin: Option<usize>,
}

impl PatternArgs {
    /// Returns the library's options.
    pub fn options(&self) -> PatternOptions {
        PatternOptions {
            crop: self.crop,
            center: self.center,
            bin: self.bin,
            ..PatternOptions::default()
        }
    }
}

/// Says which groups are formed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Groups")]
pub struct SpecArgs {
    /// The side of a group: a group has G x G patterns.
    #[arg(long, value_name = "G", default_value_t = 2)]
    gridsize: usize,
    /// The number of nearest neighbours of a seed point from which the members of its group are drawn; by default 1.5
    /// times the number of patterns per group, rounded up, and with --semantics ptychopinn 4.
    #[arg(long, short = 'K', visible_alias = "neighbor-count", value_name = "K")]
    neighbors: Option<usize>,
    /// The number of groups; by default one per seed point.
    #[arg(long, value_name = "N")]
    n_groups: Option<usize>,
    /// The seed of all random choices.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Another epoch draws other members for the same seed points.
    #[arg(long, default_value_t = 0)]
    epoch: u64,
    /// Which scan points may be members: a predicate over the columns of the table `scan`, such as "y < 200".
    #[arg(long, value_name = "SQL")]
    among: Option<String>,
    /// Which of the scan points that may be members may also be seed points: a predicate like that of --among.
    #[arg(long, value_name = "SQL")]
    seeds_from: Option<String>,
    /// Take the first seed points instead of random ones.
    #[arg(long)]
    sequential: bool,
    /// Allow more groups than seed points.
    #[arg(long)]
    group_oversampling: bool,
    /// Whether a seed point may be a member of its own group.
    #[arg(long, value_enum, default_value = "never")]
    include_seed: IncludeSeed,
    /// The largest distance from a seed point to a member, in stored units: those of the columns x and y.
    #[arg(long, value_name = "D")]
    max_distance: Option<f64>,
    /// What the normalisation factor is computed over, the whole scan or the drawn groups, or the factor itself; by
    /// default scan, and with --semantics ptychopinn groups.
    #[arg(long, value_name = "scan|groups|VALUE", value_parser = parse_norm)]
    norm: Option<Norm>,
    /// The grouping rules that are followed.
    #[arg(long, value_enum, default_value = "native")]
    semantics: Semantics,
}

impl SpecArgs {
    /// Returns the groups asked for, with these options for their patterns.
    pub fn query(&self, patterns: PatternOptions) -> GroupQuery {
        let mut query = GroupQuery::from(self.spec()).with_patterns(patterns);
        query.among.clone_from(&self.among);
        query.seeds_from.clone_from(&self.seeds_from);
        query
    }

    fn spec(&self) -> GroupSpec {
        GroupSpec {
            gridsize: self.gridsize,
            neighbors: self.neighbors,
            n_groups: self.n_groups,
            seed: self.seed,
            epoch: self.epoch,
            among: None,
            seeds_from: None,
            sampling: if self.sequential {
                Sampling::Sequential
            } else {
                Sampling::Random
            },
            include_seed: self.include_seed,
            max_distance: self.max_distance,
            group_oversampling: self.group_oversampling,
            semantics: self.semantics,
            norm: self.norm,
        }
    }
}

/// Returns the name of a file's tables: its own name without folders and ending.
pub fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Returns a path as given, for messages.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn parse_role(text: &str) -> std::result::Result<(Role, String), String> {
    let names = || Role::all().map(Role::name).collect::<Vec<_>>().join(", ");
    let (role, member) = text
        .split_once('=')
        .ok_or("expected ROLE=NAME, such as x=pos_x")?;
    let role = Role::from_name(role)
        .ok_or_else(|| format!("no role `{role}`; the roles are {}", names()))?;
    Ok((role, member.to_string()))
}

fn parse_size(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(size) if f64::is_finite(size) && size > 0.0 => Ok(size),
        _ => Err("expected a number of metres above 0".to_string()),
    }
}

fn parse_norm(text: &str) -> std::result::Result<Norm, String> {
    match text {
        "scan" => Ok(Norm::Scan),
        "groups" => Ok(Norm::Groups),
        value => match value.parse() {
            Ok(value) if f64::is_finite(value) && value > 0.0 => Ok(Norm::Value(value)),
            _ => Err("expected scan, groups, or a number above 0".to_string()),
        },
    }
}
