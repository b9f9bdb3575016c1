//! Every kind of table, of the library and of SQL, does what every table must do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use ptychoarrow::array::{Column, View};
use ptychoarrow::group::{NeighborsOptions, NeighborsTable};
use ptychoarrow::scan::{ScanOptions, array, arrays};
use ptychoarrow::sql::Session;
use ptychoarrow::table::ColumnTable;
use ptychoarrow::{GroupSpec, Groups, Scan, Table};
use syn::{Item, Type};
use zip::CompressionMethod;

use crate::source::Crate;
use crate::support::{COUNTS, SIEMENS, check_table, collect, f8, folder, int64, npy, npz, text};

/// Writes a scan with an object, which the measured one has not, and a probe of two modes.
fn write_layers(path: &Path) {
    let values: Vec<f64> = (0..12).map(f64::from).collect();
    let member = |dtype: &str, shape: &[usize], bytes: usize| {
        let data: Vec<u8> = (0..shape.iter().product::<usize>() * bytes)
            .map(|i| i as u8 % 60)
            .collect();
        npy(dtype, false, shape, &data)
    };
    let members = [
        ("xcoords", npy("'<f8'", false, &[12], &f8(&values))),
        ("ycoords", npy("'<f8'", false, &[12], &f8(&values))),
        ("diff3d", member("'<f4'", &[12, 4, 4], 4)),
        ("probeGuess", member("'<c8'", &[2, 4, 4], 8)),
        ("objectGuess", member("'<c8'", &[9, 11], 8)),
    ];
    npz(path, &members, CompressionMethod::Stored);
}

fn groups(scan: &Scan) -> Groups {
    let mut spec = GroupSpec::default();
    (spec.neighbors, spec.n_groups) = (Some(6), Some(30));
    Groups::try_new(scan, spec).unwrap()
}

/// A table of each kind by the name of its type; that of predicates is reached by SQL alone, below.
fn tables(layers: &Scan) -> Vec<(&'static str, Arc<dyn Table>)> {
    let scan = Scan::open(SIEMENS).unwrap();
    let counts = Scan::open(COUNTS).unwrap();
    let npz = scan.npz();
    let of_groups = groups(&scan);
    let info = npz.array_info("xcoords").unwrap();
    let column = Column::open(npz, "xcoords", "x", &View::first_axis(info)).unwrap();
    let restricted = |table: &dyn Table| table.restricted(&[2, 3, 11]).unwrap().unwrap();
    vec![
        ("Scan", Arc::new(scan.clone())),
        ("Scan", Arc::new(counts)),
        ("Groups", Arc::new(of_groups.clone())),
        ("Groups", restricted(&of_groups)),
        ("GroupMembers", Arc::new(of_groups.members())),
        (
            "NeighborsTable",
            Arc::new(
                NeighborsTable::try_new(&scan, &NeighborsOptions::default().with_k(3)).unwrap(),
            ),
        ),
        ("ScansTable", Arc::new(scan.scans().unwrap())),
        ("LayerTable", Arc::new(scan.probe().unwrap())),
        ("LayerTable", Arc::new(layers.probe().unwrap())),
        ("LayerTable", Arc::new(layers.object().unwrap())),
        ("MemoryTable", Arc::new(arrays(npz).unwrap())),
        ("ArrayTable", Arc::new(array(npz, "ycoords").unwrap())),
        ("ArrayTable", Arc::new(array(npz, "diff3d").unwrap())),
        (
            "ColumnTable",
            Arc::new(ColumnTable::new("positions", column)),
        ),
    ]
}

#[test]
fn every_kind_of_table_does_what_tables_must() {
    let folder = folder();
    let path = folder.path().join("layers.npz");
    write_layers(&path);
    let tables = tables(&Scan::open(&path).unwrap());
    for (_, table) in &tables {
        check_table(Arc::clone(table));
    }
    let mut tried: BTreeSet<String> = tables.iter().map(|(kind, _)| kind.to_string()).collect();
    // Tried by SQL.
    tried.insert("Deferred".to_string());
    let kinds = kinds();
    println!("{} kinds of tables: {kinds:?}", kinds.len());
    assert_eq!(
        tried, kinds,
        "the types that are tables, and those tried here"
    );
    assert_eq!(kinds.len(), 10);
}

/// The types that implement `Table`.
fn kinds() -> BTreeSet<String> {
    let source = Crate::read();
    let items = source.modules.values().flat_map(|module| &module.items);
    let kind = |item: &Item| {
        let Item::Impl(item) = item else { return None };
        let (_, of, _) = item.trait_.as_ref()?;
        let Type::Path(kind) = &*item.self_ty else {
            return None;
        };
        let name = kind.path.segments.last()?.ident.to_string();
        (of.segments.last()?.ident == "Table").then_some(name)
    };
    items.filter_map(kind).collect()
}

/// What SQL answers about a table: all rows at once, each column alone, their number, ranges of rows.
fn check_relation(session: &Session, relation: &str) -> RecordBatch {
    let query = |sql: &str| {
        let reader = session.query(sql);
        collect(reader.unwrap_or_else(|error| panic!("{sql}: {error}")))
    };
    let whole = query(&format!("SELECT * FROM {relation}"));
    let count = query(&format!("SELECT count(*) AS n FROM {relation}"));
    assert_eq!(int64(&count, "n"), [whole.num_rows() as i64], "{relation}");
    for (index, field) in whole.schema().fields().iter().enumerate() {
        let name = field.name();
        let alone = query(&format!("SELECT \"{name}\" FROM {relation}"));
        assert_eq!(alone.column(0), whole.column(index), "{relation}.{name}");
    }
    for (offset, limit) in [(0, 3), (1, 2), (whole.num_rows(), 5)] {
        let some = query(&format!(
            "SELECT * FROM {relation} LIMIT {limit} OFFSET {offset}"
        ));
        let len = limit.min(whole.num_rows() - offset);
        let expected = whole.slice(offset.min(whole.num_rows() - len), len);
        assert_eq!(some, expected, "{relation}: {limit} rows from {offset} on");
    }
    whole
}

#[test]
fn every_table_function_does_what_tables_must() {
    let folder = folder();
    let path = folder.path().join("layers.npz");
    write_layers(&path);
    let layers = text(&path);
    // One thread: rows come in their order.
    let session = Session::try_new(Some(1), &ScanOptions::default()).unwrap();
    let spec = "neighbors => 6, n_groups => 30";
    let few = "among => 'scan_point < 40', seeds_from => 'scan_point % 2 = 0'";
    let relations = [
        format!("scan('{SIEMENS}')"),
        format!("scan('{COUNTS}')"),
        format!("groups('{SIEMENS}', {spec})"),
        format!("groups('{SIEMENS}', neighbors => 6, {few})"),
        format!("group_members('{SIEMENS}', {spec})"),
        format!("group_members('{SIEMENS}', neighbors => 6, {few})"),
        format!("neighbors('{SIEMENS}', k => 3)"),
        format!("scans('{SIEMENS}')"),
        format!("probe('{SIEMENS}')"),
        format!("probe('{layers}')"),
        format!("object('{layers}')"),
        format!("arrays('{SIEMENS}')"),
        format!("array('{SIEMENS}', 'xcoords')"),
    ];
    let rows: BTreeMap<&str, usize> = relations
        .iter()
        .map(|relation| {
            (
                relation.as_str(),
                check_relation(&session, relation).num_rows(),
            )
        })
        .collect();
    assert_eq!(rows[relations[3].as_str()], 20, "a group per seed point");
    assert_eq!(rows[relations[5].as_str()], 80, "four members per group");
    assert_eq!(rows.len(), 13);

    // The rows under predicates are those of the lists of scan points that the predicates select.
    let mut spec = GroupSpec::default();
    spec.neighbors = Some(6);
    spec.among = Some((0..40).collect());
    spec.seeds_from = Some((0..40).step_by(2).collect());
    let scan = Scan::open(SIEMENS).unwrap();
    let groups: Arc<dyn Table> = Arc::new(Groups::try_new(&scan, spec).unwrap());
    let names = ["group_id", "nn_indices", "coords_relative"];
    let found = session.query(&format!(
        "SELECT {} FROM {}",
        names.join(", "),
        relations[3]
    ));
    let (found, expected) = (
        collect(found.unwrap()),
        crate::support::columns(groups, &names),
    );
    assert_eq!(found.columns(), expected.columns());
}
