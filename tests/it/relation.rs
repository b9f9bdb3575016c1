//! Table functions of SQL: named and positional arguments, predicates for scan points, messages about wrong
//! calls.

use arrow::array::RecordBatch;
use ptychoarrow::group::{NeighborsOptions, NeighborsTable};
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::sql::{Session, SqlTerms};
use ptychoarrow::table::TableReader;
use ptychoarrow::{Error, GroupSpec, Groups, ReadOptions, Scan, Table};

use crate::support::{SIEMENS, collect, float64, int64};

fn session() -> Session {
    Session::try_new(Some(2), &ScanOptions::default()).unwrap()
}

fn rows(session: &Session, sql: &str) -> RecordBatch {
    collect(
        session
            .query(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error}")),
    )
}

/// Returns these columns of the groups as the library reads them.
fn groups(spec: GroupSpec, columns: &[&str]) -> RecordBatch {
    let groups = Groups::try_new(&Scan::open(SIEMENS).unwrap(), spec).unwrap();
    collect(
        groups
            .read(&ReadOptions::default().with_columns(columns.iter().copied()))
            .unwrap(),
    )
}

const COLUMNS: [&str; 4] = ["group_id", "nn_indices", "coords_relative", "norm_factor"];

#[test]
fn calls_are_the_librarys_own_groups() {
    let session = session();
    let spec = GroupSpec::default()
        .with_gridsize(2)
        .with_neighbors(7)
        .with_n_groups(50)
        .with_seed(42);
    let expected = groups(spec, &COLUMNS);
    for call in [
        format!("groups('{SIEMENS}', gridsize => 2, neighbors => 7, n_groups => 50, seed => 42)"),
        format!("groups('{SIEMENS}', 2, 7, 50, 42)"),
        format!("groups('{SIEMENS}', 2, seed => 40 + 2, n_groups => 50, neighbors := 7)"),
        format!("groups(seed => 42, n_groups => 50, neighbors => 7, file => '{SIEMENS}') AS g"),
        format!("LATERAL groups('{SIEMENS}', 2, 7, 50, 42)"),
    ] {
        let sql = format!(
            "SELECT {} FROM {call} ORDER BY group_id",
            COLUMNS.join(", ")
        );
        assert_eq!(rows(&session, &sql).columns(), expected.columns(), "{call}");
    }
    let qualified = format!(
        "SELECT groups.nn_indices FROM groups('{SIEMENS}', 2, 7, 50, 42) ORDER BY groups.group_id"
    );
    assert_eq!(rows(&session, &qualified).column(0), expected.column(1));
    let members = format!(
        "SELECT count(*), count(DISTINCT group_id) FROM group_members('{SIEMENS}', n_groups => 9)"
    );
    let members = rows(&session, &members);
    assert_eq!(
        (
            int64(&members, members.schema().field(0).name()),
            int64(&members, members.schema().field(1).name())
        ),
        (vec![36], vec![9])
    );
}

#[test]
fn predicates_choose_scan_points_before_groups_are_formed() {
    let session = session();
    let scan = Scan::open(SIEMENS).unwrap();
    let positions = scan.positions().unwrap();
    let among: Vec<u32> = (0..516)
        .filter(|point| positions.y[*point as usize] < 200.0 && point % 3 != 0)
        .collect();
    let seeds: Vec<u32> = among
        .iter()
        .copied()
        .filter(|point| positions.x[*point as usize] < 150.0)
        .collect();
    let spec = GroupSpec::default()
        .with_neighbors(6)
        .with_among(among)
        .with_seeds_from(seeds)
        .with_seed(3);
    let expected = groups(spec, &COLUMNS);
    let call = format!(
        "groups('{SIEMENS}', neighbors => 6, seed => 3, among => 'y < 200 AND scan_point % 3 <> 0', seeds_from => 'x < 150')"
    );
    let all = rows(
        &session,
        &format!(
            "SELECT {} FROM {call} ORDER BY group_id",
            COLUMNS.join(", ")
        ),
    );
    assert_eq!(all.columns(), expected.columns());
    let count = rows(&session, &format!("SELECT count(*) AS n FROM {call}"));
    assert_eq!(int64(&count, "n"), [expected.num_rows() as i64]);
    // A predicate over patterns; `array_max` is DataFusion's own.
    let sql = format!(
        "SELECT nn_indices FROM groups('{SIEMENS}', among => 'array_max(diffraction) > 1e9')"
    );
    let error = session.query(&sql).unwrap().next().unwrap().unwrap_err();
    let error = ptychoarrow::Error::from(error);
    assert!(
        matches!(
            error,
            ptychoarrow::Error::NothingSelected {
                parameter: ptychoarrow::error::Parameter::Among,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn neighbors_are_the_nearest_by_distance_and_scan_point() {
    let session = session();
    let scan = Scan::open(SIEMENS).unwrap();
    let positions = scan.positions().unwrap();
    let found = rows(
        &session,
        &format!("SELECT * FROM neighbors('{SIEMENS}', k => 5) ORDER BY scan_point, rank"),
    );
    assert_eq!(found.num_rows(), 516 * 5);
    let (neighbors, distances) = (int64(&found, "neighbor"), float64(&found, "distance"));
    for point in 0..516 {
        let mut naive: Vec<(f64, i64)> = (0..516)
            .filter(|other| *other != point)
            .map(|other| {
                let (dx, dy) = (
                    positions.x[point] - positions.x[other],
                    positions.y[point] - positions.y[other],
                );
                (dx * dx + dy * dy, other as i64)
            })
            .collect();
        naive.sort_by(|a, b| a.partial_cmp(b).unwrap());
        for (rank, (distance2, neighbor)) in naive[..5].iter().enumerate() {
            assert_eq!(neighbors[point * 5 + rank], *neighbor, "{point}");
            assert_eq!(distances[point * 5 + rank], distance2.sqrt());
        }
    }
    let nearest =
        |k: usize| NeighborsTable::try_new(&scan, &NeighborsOptions::default().with_k(k)).unwrap();
    crate::support::check_table(std::sync::Arc::new(nearest(3)));
    let more = nearest(9999);
    assert_eq!(more.num_rows().unwrap(), 516 * 515);
    let reader = TableReader::try_new(std::sync::Arc::new(more), &ReadOptions::default()).unwrap();
    assert_eq!(reader.rows_left(), 516 * 515);
}

#[test]
fn bad_calls_are_answered_with_the_right_ones() {
    let session = session();
    let calls = [
        "groups()",
        "groups('missing.npz')",
        "groups('{}', gridsise => 2)",
        "groups('{}', k = 6)",
        "groups('{}', seed => 1, seed => 2)",
        "groups('{}', 2, gridsize => 2)",
        "groups(n_groups => 3, '{}')",
        "groups('{}', gridsize => 'two')",
        "groups('{}', gridsize => 2.5)",
        "groups('{}', seed => -1)",
        "groups('{}', include_seed => 'maybe')",
        "groups('{}', norm => 'all')",
        "groups('{}', neighbors => 3)",
        "groups('{}', n_groups => 1000)",
        "groups('{}', among => 'y <')",
        "groups('{}', among => 'z < 3')",
        "groups('{}', among => 'x + y')",
        "groups('{}', among => 'x < -5')",
        "groups('{}', seeds_from => 'x < -5')",
        "groups('{}', among => 'scan_point IN (SELECT 1)')",
        "neighbors('{}', k => 0)",
        "neighbors('{}', 5, 6, 'other.npz', 'x < 7', 8)",
        "scan('{}', 'x')",
        "object('{}')",
    ];
    let told: Vec<String> = calls
        .iter()
        .map(|call| {
            let call = call.replace("{}", SIEMENS);
            let sql = format!("SELECT * FROM {call} LIMIT 1");
            let error = match session.query(&sql) {
                Err(error) => error,
                Ok(mut reader) => ptychoarrow::Error::from(reader.next().unwrap().unwrap_err()),
            };
            let report = match &error {
                // Some of these problems are in DataFusion's words.
                Error::BadPredicate { problem, .. } => {
                    assert!(!problem.is_empty() && !problem.contains('\n'), "{problem}");
                    error.report().replace(problem, "...")
                }
                _ => error.report_in(&SqlTerms),
            };
            format!("{call}\n    {report}")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(
        rows(
            &session,
            &format!("SELECT x FROM scan('{SIEMENS}') LIMIT 2")
        )
        .num_rows(),
        2,
        "the session goes on"
    );
}

#[test]
fn a_file_can_be_given_a_name() {
    let session = session();
    rows(
        &session,
        &format!("CREATE EXTERNAL TABLE s STORED AS NPZ LOCATION '{SIEMENS}'"),
    );
    rows(
        &session,
        &format!(
            "CREATE EXTERNAL TABLE a STORED AS NPZ LOCATION '{SIEMENS}' OPTIONS ('table' 'arrays')"
        ),
    );
    rows(
        &session,
        "CREATE VIEW left_half AS SELECT * FROM s WHERE x < 150",
    );
    let joined = rows(
        &session,
        "SELECT (SELECT count(*) FROM left_half) AS n, (SELECT count(*) FROM a) AS m",
    );
    assert!(int64(&joined, "n")[0] > 0 && int64(&joined, "n")[0] < 516);
    assert_eq!(int64(&joined, "m"), [7]);
    let refused = [
        "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION 'missing.npz'".to_string(),
        format!(
            "CREATE EXTERNAL TABLE t STORED AS NPZ LOCATION '{SIEMENS}' OPTIONS ('table' 'arays')"
        ),
        format!("CREATE EXTERNAL TABLE t (x INT) STORED AS NPZ LOCATION '{SIEMENS}'"),
        "COPY s TO 'out.parquet'".to_string(),
        "INSERT INTO s VALUES (1)".to_string(),
        "SET datafusion.execution.batch_size = 1".to_string(),
    ];
    let told: Vec<String> = refused
        .iter()
        .map(|sql| {
            format!(
                "{sql}\n    {}",
                session
                    .query(sql)
                    .err()
                    .map_or("done".to_string(), |error| error.report())
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}
