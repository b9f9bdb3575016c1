//! PtychoPINN semantics against what PtychoPINN itself returned: every stored call, every column, bit for bit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type};
use ptychoarrow::array::{Column, RowSet, View};
use ptychoarrow::group::{Channels, PatternOptions, Sampling, Semantics};
use ptychoarrow::internals::{Call, Refusal, table_and_next};
use ptychoarrow::internals::{Object, cut};
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::scan::layout::{LayoutOptions, Role};
use ptychoarrow::{Error, GroupSpec, Groups, NpzFile, Scan};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::support::{columns, crate_folder};

fn goldens() -> PathBuf {
    crate_folder().join("tests/data/goldens")
}

/// Counts agreements and disagreements of each kind.
#[derive(Default)]
struct Tally {
    kinds: BTreeMap<String, [usize; 2]>,
    elsewhere: BTreeMap<String, usize>,
    differing: Vec<String>,
}

impl Tally {
    fn count(&mut self, kind: impl Into<String>, id: &str, agrees: bool) {
        let kind = kind.into();
        self.kinds.entry(kind.clone()).or_default()[usize::from(!agrees)] += 1;
        if !agrees {
            self.differing.push(format!("{id}: {kind}"));
        }
    }

    fn elsewhere(&mut self, kind: impl Into<String>) {
        *self.elsewhere.entry(kind.into()).or_default() += 1;
    }

    /// Prints the counts, and fails unless everything agreed, and what is not compared is what is known not to be.
    fn close(self, least: usize, elsewhere: &[(&str, usize)]) {
        for (kind, [agree, differ]) in &self.kinds {
            println!("{agree:6} agree, {differ} differ: {kind}");
        }
        for (kind, count) in &self.elsewhere {
            println!("{count:6} elsewhere: {kind}");
        }
        let agree: usize = self.kinds.values().map(|[agree, _]| agree).sum();
        println!("{agree:6} agree in all, {} differ", self.differing.len());
        assert!(agree >= least, "the goldens were read: {agree}");
        let elsewhere = elsewhere
            .iter()
            .map(|(kind, count)| ((*kind).to_string(), *count));
        assert_eq!(self.elsewhere, elsewhere.collect(), "what is not compared");
        let first: Vec<_> = self.differing.iter().take(5).collect();
        assert!(
            self.differing.is_empty(),
            "{} differ, first: {first:#?}",
            self.differing.len()
        );
    }
}

/// Each dataset: its document, its file, the flat arrays its values are stored in.
fn datasets() -> impl Iterator<Item = (Value, PathBuf, PathBuf)> {
    let mut files: Vec<PathBuf> = goldens()
        .join("cases")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| {
        path.extension().is_some_and(|e| e == "json") && !path.ends_with("_tensordict.json")
    });
    files.sort();
    files.into_iter().map(|file| {
        let doc: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        let data = goldens()
            .join("data")
            .join(doc["dataset"].as_str().unwrap());
        (doc, data, file.with_extension("npz"))
    })
}

fn stored_i32(path: &Path) -> Vec<i32> {
    let npz = Arc::new(NpzFile::open(path).unwrap());
    let column = Column::open(&npz, "nn", "nn", &View::along(0)).unwrap();
    let array = column.array(&RowSet::Range(0..column.num_rows())).unwrap();
    array.as_primitive::<Int32Type>().values().to_vec()
}

fn coordinates(npz: &Arc<NpzFile>, member: &str) -> Vec<f64> {
    let column = Column::open(npz, member, member, &View::along(0)).unwrap();
    column
        .numbers(&RowSet::Range(0..column.num_rows()))
        .unwrap()
        .to_f64()
}

fn whole(value: &Value) -> Option<usize> {
    value.as_i64().and_then(|value| usize::try_from(value).ok())
}

/// The stored values of `nn_indices`: the number of groups, of members per group, and the values.
fn stored_groups<'a>(case: &Value, nn: &'a [i32]) -> (usize, usize, &'a [i32]) {
    let at: Vec<usize> = case["out"]["nn_indices"]["at"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| whole(v).unwrap())
        .collect();
    (at[1], at[2], &nn[at[0]..at[0] + at[1] * at[2]])
}

#[test]
fn index_tables_are_those_of_the_reference_in_every_branch() {
    let mut tally = Tally::default();
    for (doc, data, flat) in datasets() {
        let cases = doc["cases"].as_array().unwrap();
        if cases.is_empty() {
            continue;
        }
        let nn = stored_i32(&flat);
        let npz = Arc::new(NpzFile::open(&data).unwrap());
        let (x, y) = (coordinates(&npz, "xcoords"), coordinates(&npz, "ycoords"));
        for case in cases {
            check_index(&mut tally, case, &nn, &x, &y);
        }
    }
    let elsewhere = [(
        "a seed outside u32, or a negative number of groups: excluded by our types",
        84,
    )];
    tally.close(4000, &elsewhere);
}

fn check_index(tally: &mut Tally, case: &Value, nn: &[i32], x: &[f64], y: &[f64]) {
    let (id, params) = (case["id"].as_str().unwrap(), &case["params"]);
    let message = case["error"]["message"].as_str();
    let typed = || {
        Some((
            u32::try_from(params["seed"].as_i64()?).ok()?,
            whole(&params["nsamples"])?,
        ))
    };
    let Some((seed, n_groups)) = typed() else {
        assert!(
            message.is_some(),
            "{id}: a seed or number that our types exclude is an error there too"
        );
        return tally.elsewhere(
            "a seed outside u32, or a negative number of groups: excluded by our types",
        );
    };
    let call = Call {
        gridsize: whole(&params["gridsize"]).unwrap(),
        neighbors: whole(&params["K"]).unwrap(),
        n_groups,
        seed,
        sequential: params["sequential_sampling"] == true,
        oversampling: params["enable_oversampling"] == true,
        pool_size: whole(&params["neighbor_pool_size"]),
    };
    let drawn = table_and_next(x, y, &call);
    match (message, drawn) {
        (None, Ok((table, next))) => {
            let (groups, size, members) = stored_groups(case, nn);
            let same = table
                .members
                .iter()
                .map(|member| member.cast_signed())
                .eq(members.iter().copied());
            let shape = (table.seed_points.len(), table.group_size) == (groups, size);
            let dtype =
                case["out"]["nn_indices"]["dtype"] == if table.wide { "int64" } else { "int32" };
            tally.count(
                format!("nn_indices, {}", branch(&call, table.wide)),
                id,
                same && shape && dtype,
            );
            tally.count(
                "next word of the random stream",
                id,
                case["rng_after_u32"] == next,
            );
        }
        (Some(message), Ok((table, _))) if case["error"]["type"] == "IndexError" => {
            let missing: u32 = message.split(' ').nth(1).unwrap().parse().unwrap();
            tally.count(
                "a member without a pattern is drawn",
                id,
                table.members.contains(&missing),
            );
        }
        (Some(message), Err(refusal)) => {
            let kind = format!("{refusal:?}");
            let kind = kind.split([' ', '{']).next().unwrap();
            tally.count(format!("refused: {kind}"), id, states(refusal, message));
        }
        (None, Err(refusal)) => tally.count(format!("refused by us alone: {refusal:?}"), id, false),
        (Some(message), Ok(_)) => tally.count(
            format!("refused by the reference alone: {message}"),
            id,
            false,
        ),
    }
}

fn branch(call: &Call, wide: bool) -> &'static str {
    match (call.gridsize, wide, call.sequential) {
        (0, ..) => "groups of none",
        (1, ..) => "groups of one",
        (_, true, _) => "oversampled",
        (_, _, true) => "sequential",
        _ => "standard",
    }
}

/// Returns whether the message of the reference states the same facts as our error.
fn states(refusal: Refusal, message: &str) -> bool {
    let facts = match refusal {
        Refusal::LengthsDiffer { .. } => "Coordinate arrays must have matching shapes".to_string(),
        Refusal::OversamplingNotEnabled {
            n_groups,
            positions,
        } => {
            format!("Requesting {n_groups} groups but only {positions} points available")
        }
        Refusal::PoolTooSmall {
            neighbors,
            group_size,
        } => {
            format!("Got neighbor_pool_size={neighbors}, but C={group_size}.")
        }
        Refusal::TooFewPoints {
            positions,
            group_size,
        } => {
            format!("Dataset has only {positions} points but {group_size} coordinates")
        }
        Refusal::TooFewNeighbors {
            neighbors,
            group_size,
        } => format!("K={neighbors} must be >= C={group_size}"),
        Refusal::NonFinite { .. } => "data must be finite".to_string(),
        Refusal::LoneNeighbor => "has no len()".to_string(),
        Refusal::TooFarApart { .. } | Refusal::TooMany { .. } | Refusal::TooLarge { .. } => {
            return false;
        }
    };
    message.contains(&facts)
}

/// Our spec for a call of the reference, if our types can say it.
fn spec(params: &Value, positions: usize, route: &str) -> Option<GroupSpec> {
    let gridsize = whole(&params["gridsize"]).filter(|gridsize| *gridsize > 0)?;
    let n_groups = whole(&params["nsamples"])?;
    let oversampled = n_groups > positions && gridsize > 1;
    // The reference has two names for K when it oversamples.
    let pool = whole(&params["neighbor_pool_size"]).filter(|_| oversampled);
    Some(
        GroupSpec::default()
            .with_gridsize(gridsize)
            .with_neighbors(pool.or(whole(&params["K"]))?)
            .with_n_groups(n_groups)
            .with_seed(u64::try_from(params["seed"].as_i64()?).ok()?)
            .with_sampling(if params["sequential_sampling"] == true {
                Sampling::Sequential
            } else {
                Sampling::Random
            })
            .with_group_oversampling(params["enable_oversampling"] == true)
            .with_semantics(match route {
                "bridge" => Semantics::Ptychopinn,
                _ => Semantics::PtychopinnRaw,
            }),
    )
}

/// The scan as a route sees it: `diff3d` first, but for the bridge.
fn open(data: &Path, route: &str) -> Result<Scan, Error> {
    let npz = NpzFile::open(data)?;
    let mut layout = LayoutOptions::default();
    if route != "bridge" && npz.info("diff3d").is_some() {
        layout.roles = vec![(Role::Diffraction, "diff3d".to_string())];
    }
    Scan::open_with(data, &ScanOptions::default().with_layout(layout))
}

#[test]
fn columns_are_those_of_the_reference_bit_for_bit() {
    let mut tally = Tally::default();
    for (doc, data, flat) in datasets() {
        for case in doc["cases"].as_array().unwrap() {
            let (id, route) = (
                case["id"].as_str().unwrap(),
                case["route"].as_str().unwrap(),
            );
            let scan = match open(&data, route) {
                Ok(scan) => scan,
                Err(error) => {
                    assert!(error.report().contains("diff3d"), "{error}");
                    tally.elsewhere(
                        "a file with fewer patterns than positions: refused when it is opened",
                    );
                    continue;
                }
            };
            let Some(spec) = spec(&case["params"], scan.num_positions(), route) else {
                tally.elsewhere("a negative number or seed, or gridsize 0: excluded by our types");
                continue;
            };
            let patterns = PatternOptions::default().with_channels(Channels::Last);
            let groups = Groups::try_new_with(&scan, spec, patterns).and_then(|groups| {
                groups.index()?;
                Ok(groups)
            });
            match (case["error"].is_null(), groups) {
                (true, Ok(groups)) => check_columns(&mut tally, case, &groups, &stored_i32(&flat)),
                (false, Err(error)) => {
                    let report = error.report();
                    let tells_range = matches!(error, Error::OutOfRange { .. });
                    let helps =
                        report.contains("expected") && (tells_range || report.contains(';'));
                    tally.count(format!("error: {}", kind(&error)), id, helps);
                }
                (true, Err(error)) => {
                    tally.count(format!("refused by us alone: {error}"), id, false)
                }
                (false, Ok(_)) => tally.count(
                    format!("refused by the reference alone: {}", case["error"]),
                    id,
                    false,
                ),
            }
        }
    }
    let elsewhere = [
        (
            "X_full of no groups, or of another N than the patterns have",
            267,
        ),
        (
            "a file with fewer patterns than positions: refused when it is opened",
            108,
        ),
        (
            "a negative number or seed, or gridsize 0: excluded by our types",
            80,
        ),
        ("diffraction in f8: ours is f4", 116),
    ];
    tally.close(18_000, &elsewhere);
}

fn kind(error: &Error) -> String {
    format!("{error:?}")
        .split([' ', '{'])
        .next()
        .unwrap()
        .to_string()
}

/// First 32 hexadecimal digits of SHA-256.
fn sha(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The values of a column in the dtype that the reference has.
fn bytes(batch: &RecordBatch, name: &str, dtype: &str) -> Vec<u8> {
    let column = &batch[name];
    let values = match column.as_fixed_size_list_opt() {
        Some(list) => list.values().clone(),
        None => column.clone(),
    };
    let float = || arrow::compute::cast(&values, &arrow::datatypes::DataType::Float64).unwrap();
    macro_rules! to {
        ($type:ty) => {
            float()
                .as_primitive::<Float64Type>()
                .values()
                .iter()
                .flat_map(|v| (*v as $type).to_le_bytes())
                .collect()
        };
    }
    match dtype {
        "float64" => to!(f64),
        "float32" | "complex64" => to!(f32),
        "uint16" => to!(u16),
        "int64" => to!(i64),
        "int32" => to!(i32),
        other => panic!("no dtype of the goldens: {other}"),
    }
}

fn check_columns(tally: &mut Tally, case: &Value, groups: &Groups, nn: &[i32]) {
    let (id, route, out) = (
        case["id"].as_str().unwrap(),
        case["route"].as_str().unwrap(),
        &case["out"],
    );
    let (_, _, members) = stored_groups(case, nn);
    let side = groups.scan().require_diffraction().unwrap().row_shape()[0];
    let has_side = whole(&case["params"]["N"]) == Some(side);
    let rows = groups.index().unwrap().num_groups();
    let table: Arc<dyn ptychoarrow::Table> = Arc::new(groups.clone());
    let starts = if groups.scan().has_starts() {
        "coords_start"
    } else {
        "coords"
    };
    let mut names = vec![
        "nn_indices",
        "diffraction",
        "coords_nn",
        "coords_relative",
        "coords_offsets",
    ];
    let start_names: Vec<String> = ["nn", "relative", "offsets"]
        .map(|what| format!("{starts}_{what}"))
        .to_vec();
    names.extend(start_names.iter().map(String::as_str));
    names.sort_unstable();
    names.dedup();
    let batch = columns(Arc::clone(&table), &names);

    let drawn: Vec<i32> = batch["nn_indices"]
        .as_fixed_size_list()
        .values()
        .as_primitive::<Int32Type>()
        .values()
        .to_vec();
    tally.count(format!("nn_indices, {route}"), id, drawn == members);

    let own = ["coords_nn", "coords_relative", "coords_offsets"];
    let of_starts = [
        "coords_start_nn",
        "coords_start_relative",
        "coords_start_offsets",
    ];
    // The bridge knows no start positions.
    let start_columns = if route == "bridge" { "coords" } else { starts };
    let mut keys = vec![("diffraction", "diffraction".to_string())];
    keys.extend(own.map(|key| (key, key.to_string())));
    keys.extend(of_starts.map(|key| (key, key.replace("coords_start", start_columns))));
    for (key, column) in keys {
        let expected = &out[key];
        let values = bytes(&batch, &column, expected["dtype"].as_str().unwrap());
        // Patterns that the reference returns in f8 are f4 here, and the goldens hold hashes alone.
        if expected["dtype"] == "float64" && key == "diffraction" {
            tally.elsewhere("diffraction in f8: ours is f4");
            continue;
        }
        tally.count(key, id, expected["sha256"] == sha(&values));
    }
    if rows == 0 || !has_side {
        tally.elsewhere("X_full of no groups, or of another N than the patterns have");
    } else {
        let normalised = columns(
            Arc::clone(&table),
            &["norm_factor", "diffraction_normalized"],
        );
        let factor = normalised["norm_factor"]
            .as_primitive::<Float64Type>()
            .value(0) as f32;
        let stored = u32::from_str_radix(out["x_norm"]["hex"].as_str().unwrap(), 16).unwrap();
        tally.count("x_norm", id, factor.to_bits() == stored);
        let values = bytes(&normalised, "diffraction_normalized", "float32");
        tally.count("X_full", id, out["X_full"]["sha256"] == sha(&values));
    }
    if out["Y"].is_object() {
        check_patches(tally, case, groups, has_side);
    }
}

/// `Y`, from the column where N is the patterns', else cut at the same offsets.
fn check_patches(tally: &mut Tally, case: &Value, groups: &Groups, has_side: bool) {
    let (id, expected) = (case["id"].as_str().unwrap(), &case["out"]["Y"]);
    let table: Arc<dyn ptychoarrow::Table> = Arc::new(groups.clone());
    let values = if has_side {
        let batch = columns(table, &["object_patches"]);
        bytes(&batch, "object_patches", "complex64")
    } else {
        let side = whole(&case["params"]["N"]).unwrap();
        let object = groups.scan().object().unwrap();
        let object = columns(Arc::new(object), &["object"]);
        let object = object["object"].as_fixed_size_list();
        let shape =
            ptychoarrow::array::tensor::shape(columns_field(groups, "object").as_ref()).unwrap();
        let pixels = object
            .values()
            .as_primitive::<Float32Type>()
            .values()
            .to_vec();
        let object = Object::complex64(&pixels, shape[0], shape[1]).unwrap();
        let batch = columns(table, &["coords_offsets", "coords_relative"]);
        let flat = |name: &str| {
            let list = batch[name].as_fixed_size_list();
            list.values()
                .as_primitive::<Float64Type>()
                .values()
                .to_vec()
        };
        let (offsets, relative, size) = (
            flat("coords_offsets"),
            flat("coords_relative"),
            groups.group_size(),
        );
        let mut out = Vec::new();
        for (centre, relative) in offsets.chunks_exact(2).zip(relative.chunks_exact(2 * size)) {
            let mut patches = vec![vec![0.0f32; side * side * 2]; size];
            for (slot, patch) in patches.iter_mut().enumerate() {
                let offset = [
                    centre[0] + relative[slot],
                    centre[1] + relative[size + slot],
                ];
                cut(&object, offset, side, patch);
            }
            for pixel in 0..side * side {
                out.extend(
                    patches
                        .iter()
                        .flat_map(|patch| [patch[2 * pixel], patch[2 * pixel + 1]]),
                );
            }
        }
        out.iter().flat_map(|value| value.to_le_bytes()).collect()
    };
    tally.count("Y", id, expected["sha256"] == sha(&values));
}

fn columns_field(groups: &Groups, name: &str) -> arrow::datatypes::FieldRef {
    let object: Arc<dyn ptychoarrow::Table> = Arc::new(groups.scan().object().unwrap());
    Arc::new(object.schema().field_with_name(name).unwrap().clone())
}

#[test]
fn files_the_reference_cannot_load_are_refused_or_serve_what_they_hold() {
    let mut reports = Vec::new();
    for (doc, data, _) in datasets() {
        let error = &doc["load"]["from_file"]["error"];
        if error.is_null() {
            continue;
        }
        let name = data.file_name().unwrap().to_str().unwrap().to_string();
        let found = match open(&data, "arrays") {
            Ok(scan) => format!(
                "opens: {} positions, patterns {:?}",
                scan.num_positions(),
                scan.diffraction().map(Column::row_shape)
            ),
            Err(error) => error.report().replace(&data.display().to_string(), "FILE"),
        };
        reports.push(format!(
            "{name} ({})\n    {found}",
            error["type"].as_str().unwrap()
        ));
    }
    insta::assert_snapshot!(reports.join("\n"));
}
