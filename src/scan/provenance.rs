//! States where rows came from, for the metadata of an export: no time, no host, no path.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::npz::NpzFile;

/// The metadata key of the library's version.
pub const VERSION_KEY: &str = "ptychoarrow.version";
/// The metadata key of the table's name.
pub const TABLE_KEY: &str = "ptychoarrow.table";
/// The metadata key of the sources: a JSON list of `name`, `size` in bytes, and `crc32`, the CRC-32 of each
/// member in hexadecimal.
pub const SOURCES_KEY: &str = "ptychoarrow.sources";

/// Returns version, table and sources under their keys. The CRC-32s are those of the archive's directory;
/// nothing is read for them.
pub fn of<'a>(
    sources: impl IntoIterator<Item = &'a Arc<NpzFile>>,
    table: &str,
) -> BTreeMap<String, String> {
    let sources: Vec<Value> = sources.into_iter().map(|npz| source(npz)).collect();
    BTreeMap::from([
        (
            VERSION_KEY.to_string(),
            env!("CARGO_PKG_VERSION").to_string(),
        ),
        (TABLE_KEY.to_string(), table.to_string()),
        (SOURCES_KEY.to_string(), json!(sources).to_string()),
    ])
}

/// Returns JSON for a member of a cleaned archive: version, source, and what was kept of it.
///
/// The CRC-32s of the source's members are left out where they would make the text longer than 8192 bytes. If
/// the source was itself cleaned, its JSON is kept as `before` unless it is longer than that.
pub fn of_subset(
    npz: &NpzFile,
    among: Option<&str>,
    kept: usize,
    of: usize,
    before: Option<&str>,
) -> String {
    const LONG: usize = 8192;
    let mut source = source(npz);
    if source.to_string().len() > LONG
        && let Value::Object(fields) = &mut source
    {
        fields.remove("crc32");
    }
    let before = before.filter(|before| before.len() <= LONG);
    let before: Option<Value> = before.and_then(|before| serde_json::from_str(before).ok());
    json!({
        "version": env!("CARGO_PKG_VERSION"), "source": source, "among": among, "scan_points": kept, "of": of, "before": before,
    })
    .to_string()
}

fn source(npz: &NpzFile) -> Value {
    let name = npz.path().file_name().unwrap_or_default().to_string_lossy();
    // A BTreeMap, so that the keys are sorted whatever the order in the file.
    let crc = |member: &crate::npz::Member| {
        (
            member.name.clone(),
            member.crc32.map(|crc| format!("{crc:08x}")),
        )
    };
    let members: BTreeMap<String, Option<String>> = npz.members().iter().map(crc).collect();
    json!({"name": name, "size": npz.identity().size, "crc32": members})
}
