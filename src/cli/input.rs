//! Arguments about what is read.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::failure::Result;
use super::{RunArgs, output, parse_bytes};
use crate::group::{GroupSpec, IncludeSeed, Norm, Sampling, Semantics};
use crate::npz::{AccessMode, OpenOptions};
use crate::scan::ScanOptions;
use crate::scan::layout::{LayoutOptions, Measurement, PatternAxis, PositionOrder, Role, Unit};
use crate::sql::{RegisterOptions, Session};

/// What a file does not say.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What the file does not say")]
pub struct InputArgs {
    /// Name the member for a role: x, y, x_start, y_start, diffraction, probe, object, object_patches, frame_index,
    /// bad_pixels, valid_pixels, pixel_size.
    #[arg(long, value_name = "ROLE=NAME", value_parser = parse_role)]
    role: Vec<(Role, String)>,
    /// What the detector's numbers are; integers are taken for intensity.
    #[arg(long, value_enum)]
    measurement: Option<MeasurementArg>,
    /// The unit of positions.
    #[arg(long, value_enum)]
    unit: Option<UnitArg>,
    /// Metres a pixel of the object.
    #[arg(long, value_name = "METRES")]
    pixel_size: Option<f64>,
    /// The axis that counts the patterns, where the shape leaves it open.
    #[arg(long, value_enum)]
    pattern_axis: Option<PatternAxisArg>,
    /// The columns of a combined position array, such as yx; _ for one that is neither.
    #[arg(long, value_name = "ORDER")]
    position_order: Option<PositionOrder>,
    /// Another NPZ file that has the patterns, joined on the frame index.
    #[arg(long, value_name = "FILE")]
    patterns: Option<PathBuf>,
    #[command(flatten)]
    open: OpenArgs,
}

/// How a file is opened.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Opening")]
pub struct OpenArgs {
    /// How stored members are reached: mapped, or read by position (for network file systems and files still being
    /// written: a file that is cut short is an error then).
    #[arg(long, value_enum, default_value = "map")]
    access: AccessArg,
    /// Memory for deflated members once inflated, such as 4GiB; further ones go to a scratch file in the temporary
    /// folder (TMPDIR).
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = parse_bytes)]
    inflate_memory: u64,
}

impl OpenArgs {
    /// As the library's options.
    pub fn options(&self) -> OpenOptions {
        let access = match self.access {
            AccessArg::Map => AccessMode::Map,
            AccessArg::Read => AccessMode::Read,
        };
        OpenOptions {
            access,
            inflate_memory: self.inflate_memory,
            progress: output::inflating(),
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AccessArg {
    Map,
    Read,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MeasurementArg {
    Amplitude,
    Intensity,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnitArg {
    Pixels,
    Metres,
    Steps,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PatternAxisArg {
    First,
    Last,
}

impl InputArgs {
    /// As the library's options.
    pub fn options(&self) -> ScanOptions {
        let layout = LayoutOptions {
            roles: self.role.clone(),
            measurement: self.measurement.map(|measurement| match measurement {
                MeasurementArg::Amplitude => Measurement::Amplitude,
                MeasurementArg::Intensity => Measurement::Intensity,
            }),
            unit: self.unit.map(|unit| match unit {
                UnitArg::Pixels => Unit::Pixels,
                UnitArg::Metres => Unit::Metres,
                UnitArg::Steps => Unit::Steps,
            }),
            pixel_size_m: self.pixel_size,
            pattern_axis: self.pattern_axis.map(|axis| match axis {
                PatternAxisArg::First => PatternAxis::First,
                PatternAxisArg::Last => PatternAxis::Last,
            }),
            position_order: self.position_order,
        };
        ScanOptions {
            open: self.open.options(),
            layout,
            patterns: self.patterns.clone(),
        }
    }
}

/// Which groups.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Groups")]
pub struct SpecArgs {
    /// A group has gridsize x gridsize patterns.
    #[arg(long, value_name = "G", default_value_t = 2)]
    gridsize: usize,
    /// Nearest neighbours of the seed point that members are drawn from; 1.5 times the group's size by default.
    #[arg(long, short = 'K', visible_alias = "neighbor-count", value_name = "K")]
    neighbors: Option<usize>,
    /// Groups in all; one a seed point by default.
    #[arg(long, value_name = "N")]
    n_groups: Option<usize>,
    /// Fixes all randomness.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Redraws the members, never the seed points.
    #[arg(long, default_value_t = 0)]
    epoch: u64,
    /// Which scan points may be members: a predicate over the columns of `scan`, such as "y < 200".
    #[arg(long, value_name = "SQL")]
    among: Option<String>,
    /// Which of them may be seed points: a predicate likewise; what --among leaves out is left out here too.
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
    include_seed: IncludeSeedArg,
    /// Members farther from the seed point than this are left out, in the unit of the positions.
    #[arg(long, value_name = "D")]
    max_distance: Option<f64>,
    /// What the normalisation factor is computed over: scan, groups, or the factor itself. Default scan; in PtychoPINN
    /// semantics groups.
    #[arg(long, value_name = "scan|groups|VALUE", value_parser = parse_norm)]
    norm: Option<Norm>,
    /// Whose groups: ours, or those that PtychoPINN draws, bit for bit (then K is 4 by default).
    #[arg(long, value_enum, default_value = "native")]
    semantics: SemanticsArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SemanticsArg {
    /// One answer for ties and duplicates; each group a random stream of its own.
    Native,
    /// As `RawData.generate_grouped_data`.
    Ptychopinn,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum IncludeSeedArg {
    /// No.
    Never,
    /// It is in the pool, and may be drawn.
    Pool,
    /// It is always the first member.
    First,
}

impl SpecArgs {
    /// As the library's spec; predicates are evaluated over the file.
    ///
    /// # Errors
    /// If a predicate cannot be evaluated.
    pub fn spec(
        &self,
        file: Option<&Path>,
        input: &ScanOptions,
        run: &RunArgs,
    ) -> Result<GroupSpec> {
        let points = |predicate: &Option<String>| -> Result<Option<Vec<u32>>> {
            let (Some(predicate), Some(file)) = (predicate, file) else {
                return Ok(None);
            };
            let session = Session::try_new(run.threads, input)?;
            session.register(
                "public",
                file,
                &register_options(input, GroupSpec::default()),
            )?;
            Ok(Some(session.scan_points(predicate)?))
        };
        let (among, mut seeds_from) = (points(&self.among)?, points(&self.seeds_from)?);
        if let (Some(among), Some(seeds)) = (&among, &mut seeds_from) {
            seeds.retain(|point| among.binary_search(point).is_ok());
        }
        Ok(GroupSpec {
            gridsize: self.gridsize,
            neighbors: self.neighbors,
            n_groups: self.n_groups,
            seed: self.seed,
            epoch: self.epoch,
            among,
            seeds_from,
            sampling: if self.sequential {
                Sampling::Sequential
            } else {
                Sampling::Random
            },
            include_seed: match self.include_seed {
                IncludeSeedArg::Never => IncludeSeed::Never,
                IncludeSeedArg::Pool => IncludeSeed::Pool,
                IncludeSeedArg::First => IncludeSeed::First,
            },
            max_distance: self.max_distance,
            group_oversampling: self.group_oversampling,
            semantics: match self.semantics {
                SemanticsArg::Native => Semantics::Native,
                SemanticsArg::Ptychopinn => Semantics::Ptychopinn,
            },
            norm: self.norm,
        })
    }

    /// Whether points are named by a predicate, which is about one file.
    pub fn has_predicates(&self) -> bool {
        self.among.is_some() || self.seeds_from.is_some()
    }
}

/// What to register of a file.
pub fn register_options(input: &ScanOptions, spec: GroupSpec) -> RegisterOptions {
    RegisterOptions {
        scan: input.clone(),
        spec,
    }
}

/// The name a file goes by: its own, without folders and ending.
pub fn stem(path: &Path) -> String {
    path.file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// A path as given, for messages.
pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn parse_role(text: &str) -> std::result::Result<(Role, String), String> {
    let names = || Role::all().map(Role::name).collect::<Vec<_>>().join(", ");
    let (role, member) = text
        .split_once('=')
        .ok_or("expected ROLE=NAME, such as x=pos_x")?;
    let role =
        Role::from_name(role).ok_or_else(|| format!("no role `{role}`; there are {}", names()))?;
    Ok((role, member.to_string()))
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
