//! Compares SQL with the library's own answers; checks pushdown by its metrics, errors, and every file of
//! queries/.

use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Int64Type};
use ptychoarrow::scan::ScanOptions;
use ptychoarrow::sql::{GroupQuery, RegisterOptions, Session};
use ptychoarrow::{Error, GroupSpec, Scan};

use crate::support::{COUNTS, SIEMENS, collect, crate_folder, float64, folder, int64, scan_file};

fn session() -> Session {
    let spec = GroupSpec::default().with_neighbors(6).with_seed(42);
    session_of(SIEMENS.as_ref(), spec)
}

fn session_of(path: &Path, spec: GroupSpec) -> Session {
    let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
    session
        .register(
            "public",
            path,
            &RegisterOptions::default().with_groups(spec),
        )
        .unwrap();
    session
}

fn rows(session: &Session, sql: &str) -> RecordBatch {
    collect(session.query(sql).unwrap())
}

fn text(batch: &RecordBatch) -> String {
    let columns = batch
        .columns()
        .iter()
        .map(|column| arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8));
    let columns: Vec<_> = columns.map(Result::unwrap).collect();
    let line = |row| {
        columns
            .iter()
            .map(|c| c.as_string::<i32>().value(row).to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    (0..batch.num_rows())
        .map(line)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Returns the plan as text, with what it read.
fn explain(session: &Session, sql: &str) -> String {
    text(&rows(session, &format!("EXPLAIN ANALYZE {sql}")))
}

/// Returns the number behind `bytes_gathered=` in the line of that table.
fn gathered(plan: &str, table: &str) -> f64 {
    measured(
        plan.lines()
            .find(|line| line.contains(&format!("table={table},")))
            .unwrap(),
        "bytes_gathered",
    )
}

/// Returns the number behind a metric.
fn measured(plan: &str, metric: &str) -> f64 {
    let value = plan
        .split(&format!("{metric}="))
        .nth(1)
        .unwrap()
        .split([',', ']'])
        .next()
        .unwrap();
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    let scale = match unit {
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        _ => 1.0,
    };
    number.parse::<f64>().unwrap() * scale
}

#[test]
fn tables_are_listed_and_counted() {
    let session = session();
    let names = rows(
        &session,
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
    );
    assert_eq!(
        text(&names).replace('\n', " "),
        "arrays group_members groups neighbors probe scan scans"
    );
    for (table, count) in [
        ("scan", 516),
        ("groups", 516),
        ("group_members", 2064),
        ("arrays", 7),
        ("probe", 1),
        ("neighbors", 3096),
    ] {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        assert_eq!(int64(&rows(&session, &sql), "n"), [count], "{table}");
    }
    // A count that headers tell for certain takes no scan at all.
    assert!(!explain(&session, "SELECT count(*) FROM scan").contains("NpzScanExec"));
    let fresh = explain(&self::session(), "SELECT count(*) FROM groups");
    assert!(
        fresh.contains("NpzScanExec"),
        "positions are looked at: {fresh}"
    );
}

#[test]
fn answers_are_the_librarys_own() {
    let session = session();
    let scan = Scan::open(SIEMENS).unwrap();
    let positions = scan.positions().unwrap();
    let batch = rows(
        &session,
        "SELECT scan_point, x FROM scan WHERE y < 100 AND scan_point > 20 ORDER BY x DESC",
    );
    let mut expected: Vec<usize> = (21..516)
        .filter(|point| positions.y[*point] < 100.0)
        .collect();
    expected.sort_by(|a, b| positions.x[*b].total_cmp(&positions.x[*a]));
    assert_eq!(
        float64(&batch, "x"),
        expected
            .iter()
            .map(|point| positions.x[*point])
            .collect::<Vec<_>>()
    );
    assert_eq!(batch.num_rows(), expected.len());
    let pattern = rows(
        &session,
        "SELECT diffraction FROM scan WHERE scan_point = 77",
    );
    let direct = scan
        .require_diffraction()
        .unwrap()
        .array(&ptychoarrow::array::RowSet::Range(77..78))
        .unwrap();
    assert_eq!(pattern["diffraction"].to_data(), direct.to_data());
    let field = pattern.schema().field(0).clone();
    assert_eq!(
        field.metadata()["ARROW:extension:metadata"],
        r#"{"shape":[64,64]}"#,
        "a tensor stays one"
    );
}

#[test]
fn groups_can_be_taken_apart() {
    let session = session();
    let unnested = rows(
        &session,
        "SELECT seed_point, unnest(nn_indices) AS scan_point FROM groups ORDER BY 1, 2",
    );
    let members = rows(
        &session,
        "SELECT seed_point, scan_point FROM group_members JOIN groups USING (group_id) ORDER BY 1, 2",
    );
    let unnested: Vec<i64> =
        arrow::compute::cast(&unnested["scan_point"], &arrow::datatypes::DataType::Int64)
            .unwrap()
            .as_primitive::<Int64Type>()
            .values()
            .to_vec();
    assert_eq!(unnested, int64(&members, "scan_point"));
    let with = rows(
        &session,
        "SELECT count(*) AS n FROM groups WHERE array_has(nn_indices, 100)",
    );
    let by_members = rows(
        &session,
        "SELECT count(*) AS n FROM group_members WHERE scan_point = 100",
    );
    assert_eq!(int64(&with, "n"), int64(&by_members, "n"));
}

#[test]
fn a_filter_reads_only_the_patterns_it_leaves() {
    let session = session();
    let pattern = 64.0 * 64.0 * 4.0;
    let plan = explain(
        &session,
        "SELECT diffraction FROM scan WHERE scan_point BETWEEN 10 AND 15",
    );
    assert!(!plan.contains("FilterExec"), "exact: {plan}");
    assert!(
        (gathered(&plan, "scan") / (6.0 * pattern) - 1.0).abs() < 0.01,
        "{plan}"
    );
    // A filter on a function of the patterns cannot be, and is right all the same.
    let kept = rows(
        &session,
        "SELECT scan_point FROM scan WHERE diffraction IS NOT NULL AND scan_point < 5",
    );
    assert_eq!(int64(&kept, "scan_point"), [0, 1, 2, 3, 4]);
    // Volatile filters stay above.
    assert!(explain(&session, "SELECT x FROM scan WHERE x < random()").contains("FilterExec"));
}

#[test]
fn a_limit_reads_no_more_than_it_needs() {
    let plan = explain(&session(), "SELECT diffraction FROM groups LIMIT 3");
    assert!(
        (gathered(&plan, "groups") / (3.0 * 4.0 * 64.0 * 64.0 * 4.0) - 1.0).abs() < 0.01,
        "{plan}"
    );
}

#[test]
fn a_filter_above_a_limit_stays_above_it() {
    let batch = rows(
        &session(),
        "SELECT scan_point FROM (SELECT * FROM scan LIMIT 10) WHERE scan_point >= 8",
    );
    assert_eq!(int64(&batch, "scan_point"), [8, 9]);
}

#[test]
fn joins_gather_only_the_patterns_that_match_whichever_side_comes_first() {
    let session = session();
    for sql in [
        "SELECT s.diffraction FROM scan s JOIN group_members m USING (scan_point) WHERE m.seed_distance > 38",
        "SELECT s.diffraction FROM group_members m JOIN scan s USING (scan_point) WHERE m.seed_distance > 38",
        "SELECT diffraction FROM scan WHERE scan_point IN (SELECT scan_point FROM group_members WHERE seed_distance > 38)",
    ] {
        let plan = explain(&session, sql);
        let most = 20.0 * 64.0 * 64.0 * 4.0;
        assert!(gathered(&plan, "scan") < most, "{sql}: {plan}");
        assert!(rows(&session, sql).num_rows() > 0);
    }
}

#[test]
fn scans_in_order_need_no_sort() {
    let plan = explain(
        &session(),
        "SELECT scan_point, x FROM scan ORDER BY scan_point",
    );
    assert!(!plan.contains("SortExec"), "{plan}");
}

#[test]
fn batches_of_patterns_stay_small_under_sorts_and_joins() {
    let session = session();
    let sql = "SELECT g.diffraction, s.x FROM groups g JOIN scan s ON g.seed_point = s.scan_point ORDER BY s.x";
    for batch in session.query(sql).unwrap() {
        assert!(batch.unwrap().num_rows() <= (8 << 20) / (4 * 64 * 64 * 4));
    }
}

#[test]
fn an_empty_projection_still_counts() {
    let batch = rows(
        &session(),
        "SELECT count(*) AS n FROM scan WHERE x > 100 AND y > 100",
    );
    let scan = Scan::open(SIEMENS).unwrap();
    let positions = scan.positions().unwrap();
    let expected = (0..516)
        .filter(|point| positions.x[*point] > 100.0 && positions.y[*point] > 100.0)
        .count();
    assert_eq!(int64(&batch, "n"), [expected as i64]);
}

#[test]
fn a_spec_that_cannot_be_met_fails_when_groups_are_asked_for() {
    let folder = folder();
    let path = folder.path().join("small.npz");
    scan_file(&path, &[0.0, 1.0, 2.0], &[0.0, 0.0, 1.0]);
    let session = session_of(&path, GroupSpec::default());
    assert_eq!(rows(&session, "SELECT * FROM scan").num_rows(), 3);
    let error = session.query("SELECT * FROM groups").err().unwrap();
    assert!(
        matches!(error, Error::TooFewPoints { points: 3, .. }),
        "{error}"
    );
}

#[test]
fn bad_sql_is_the_callers_fault_and_the_session_goes_on() {
    let session = session();
    let report = |sql: &str| {
        let error = session.query(sql).err().unwrap();
        assert!(
            error.is_usage() || matches!(error, Error::MissingRole { .. }),
            "{sql}: {error:?}"
        );
        error.report()
    };
    // What DataFusion says of these is its own affair.
    for sql in [
        "SELEC 1",
        "SELECT difraction FROM scan",
        "SELECT * FROM scna",
        "COPY scan TO 'x.csv'",
    ] {
        let error = session.query(sql).err().unwrap();
        assert!(
            matches!(&error, Error::BadQuery { problem } if !problem.is_empty()),
            "{sql}: {error:?}"
        );
    }
    let reports = [report("SELECT * FROM object"), report("DROP TABLE scan")];
    insta::assert_snapshot!(reports.join("\n"));
    assert!(!Path::new("x.csv").exists());
    assert_eq!(rows(&session, "SELECT 1").num_rows(), 1);
}

#[test]
fn a_file_replaced_after_planning_is_noticed() {
    let folder = folder();
    let path = folder.path().join("scan.npz");
    scan_file(&path, &[0.0, 1.0, 2.0], &[0.0, 0.0, 1.0]);
    let session = session_of(&path, GroupSpec::default().with_gridsize(1));
    assert_eq!(rows(&session, "SELECT x FROM scan").num_rows(), 3);
    let file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    std::io::Write::write_all(&mut &file, b"more").unwrap();
    let error = session
        .query("SELECT x FROM scan")
        .and_then(|mut rows| Ok(rows.next().unwrap()?))
        .unwrap_err();
    assert!(matches!(error, Error::FileChanged { .. }), "{error}");
}

#[test]
fn several_files_are_schemas_of_one_session() {
    let folder = folder();
    let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
    for (name, count) in [("a", 5), ("b", 7)] {
        let path = folder.path().join(format!("{name}.npz"));
        let positions: Vec<f64> = (0..count).map(f64::from).collect();
        scan_file(&path, &positions, &positions);
        session
            .register(name, &path, &RegisterOptions::default())
            .unwrap();
    }
    let batch = rows(
        &session,
        "SELECT count(*) AS n FROM a.scan JOIN b.scan USING (x)",
    );
    assert_eq!(int64(&batch, "n"), [5]);
    let batch = rows(&session, "SELECT a.diffraction FROM a.scan a WHERE x = 2");
    let pixels = batch["diffraction"].as_fixed_size_list().values().clone();
    assert_eq!(pixels.as_primitive::<Float32Type>().value(0), 2000.0);
}

#[test]
fn every_query_of_the_folder_runs() {
    let folder = crate_folder().join("queries");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 12);
    let session = session();
    // What `ptychoarrow sql a.npz b.npz` has.
    for file in [SIEMENS, COUNTS] {
        let name = Path::new(file).file_stem().unwrap().to_str().unwrap();
        session
            .register(name, file.as_ref(), &RegisterOptions::default())
            .unwrap();
    }
    for file in files {
        let sql = std::fs::read_to_string(&file).unwrap();
        assert!(
            sql.starts_with("-- "),
            "{}: a comment first",
            file.display()
        );
        let batch = rows(&session, &sql);
        let table = arrow::util::pretty::pretty_format_batches(&[batch])
            .unwrap()
            .to_string();
        insta::assert_snapshot!(file.file_stem().unwrap().to_str().unwrap(), table);
    }
}

#[test]
fn any_array_of_any_file_is_a_table() {
    let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
    let answer = |sql: &str| match session.query(sql) {
        Ok(reader) => text(&collect(reader)),
        Err(error) => format!("{error}"),
    };
    let queries = [
        "SELECT name, dtype, shape, access FROM arrays('tests/data/siemens_star.npz') WHERE method = 'stored' ORDER BY name",
        "SELECT count(*), min(value), max(value) FROM array('tests/data/siemens_star.npz', 'xcoords')",
        "SELECT array.row, a.row FROM array('tests/data/siemens_star.npz', name => 'xcoords') JOIN \
         array(name => 'ycoords', file => 'tests/data/' || 'siemens_star.npz') AS a USING (value) LIMIT 1",
        "SELECT a.value FROM array('tests/data/siemens_star.npz', 'scan_index') a WHERE row IN (3, 500) ORDER BY row",
        "SELECT * FROM array('tests/data/siemens_star.npz')",
        "SELECT * FROM array('tests/data/siemens_star.npz', 'xcoord')",
        "SELECT * FROM array('tests/data/siemens_star.npz', nam => 'xcoords')",
        "SELECT * FROM array('tests/data/siemens_star.npz', name = 'xcoords')",
        "SELECT * FROM array('tests/data/siemens_star.npz', 'xcoords', 3)",
        "SELECT * FROM array('tests/data/siemens_star.npz', 'xcoords', name => 'ycoords')",
        "SELECT * FROM array('tests/data/siemens_star.npz', name => 7)",
        "SELECT * FROM array('tests/data/siemens_star.npz', name => x)",
        "SELECT * FROM arrays('missing.npz')",
    ];
    let told: Vec<String> = queries
        .iter()
        .map(|sql| format!("{sql}\n{}", answer(sql)))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
}

#[test]
fn filters_on_seed_points_come_before_neighbours_and_those_on_members_after() {
    let spec = GroupSpec::default()
        .with_neighbors(6)
        .with_n_groups(300)
        .with_seed(5);
    let session = session_of(Path::new(SIEMENS), spec);
    let columns = "group_id, seed_point, nn_indices, span, norm_factor";
    let all = rows(
        &session,
        &format!("SELECT {columns} FROM groups ORDER BY group_id"),
    );
    let (xs, spans) = (
        rows(&session, "SELECT seed_x FROM groups ORDER BY group_id"),
        float64(&all, "span"),
    );
    let near: Vec<usize> = (0..300)
        .filter(|row| float64(&xs, "seed_x")[*row] < 100.0)
        .collect();
    let limit = spans.iter().sum::<f64>() / 300.0;
    let narrow: Vec<usize> = near
        .iter()
        .copied()
        .filter(|row| spans[*row] < limit)
        .collect();
    assert!(near.len() > 20 && near.len() < 280 && narrow.len() < near.len() && !narrow.is_empty());
    let pick = |picks: &[usize]| {
        let picks =
            arrow::array::UInt64Array::from_iter_values(picks.iter().map(|row| *row as u64));
        arrow::compute::take_record_batch(&all, &picks).unwrap()
    };
    let filtered =
        |filter: &str| format!("SELECT {columns} FROM groups WHERE {filter} ORDER BY group_id");
    assert_eq!(rows(&session, &filtered("seed_x < 100")), pick(&near));
    assert_eq!(
        rows(
            &session,
            &filtered(&format!("seed_x < 100 AND span < {limit}"))
        ),
        pick(&narrow)
    );
    assert_eq!(rows(&session, &filtered("seed_point = -1")).num_rows(), 0);
    // Only those groups were formed; a fresh session, for what is worked out is not worked out again.
    let fresh = |sql: &str| {
        let spec = GroupSpec::default()
            .with_neighbors(6)
            .with_n_groups(300)
            .with_seed(5);
        counted(
            &explain(&session_of(Path::new(SIEMENS), spec), sql),
            "rows_formed",
        )
    };
    assert_eq!(
        fresh("SELECT span FROM groups WHERE seed_x < 100"),
        near.len()
    );
    assert_eq!(
        fresh("SELECT span FROM groups WHERE seed_x < 100 AND span < 25"),
        near.len()
    );
    assert_eq!(fresh("SELECT seed_x FROM groups WHERE span < 25"), 300);
    let joined = "SELECT g.span FROM groups g JOIN (SELECT scan_point FROM scan WHERE x < 100 LIMIT 9) s \
                  ON g.seed_point = s.scan_point";
    assert!(
        fresh(joined) <= 9,
        "a join's filter comes before the neighbours too"
    );
}

/// Returns the number behind the name of a metric, in the line of `groups`.
fn counted(plan: &str, metric: &str) -> usize {
    let plan = plan
        .lines()
        .find(|line| line.contains("table=groups,"))
        .unwrap();
    let digits = |text: &str| {
        text.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
    };
    plan.match_indices(&format!("{metric}="))
        .map(|(at, name)| digits(&plan[at + name.len()..]).parse().unwrap_or(0))
        .sum()
}

#[test]
fn plans_tell_spec_filters_and_access_and_what_they_took() {
    let session = session();
    let explain = |sql: &str| text(&rows(&session, &format!("EXPLAIN {sql}")));
    let plan = explain(
        "SELECT nn_indices, diffraction FROM groups('tests/data/siemens_star.npz', n_groups => 9, seed => 4, \
         among => 'y < 200') WHERE seed_x < 100",
    );
    let node = plan
        .lines()
        .find(|line| line.contains("NpzScanExec"))
        .unwrap();
    insta::assert_snapshot!(node.trim(), @"NpzScanExec: table=groups, file=siemens_star.npz, columns=[nn_indices, diffraction], spec=(gridsize=2, neighbors=6, n_groups=9, seed=4, among='y < 200'), access=[diffraction: mapped], filters=[seed_x@2 < 100]");
    let plan = explain("SELECT x, diffraction FROM scan WHERE scan_point BETWEEN 10 AND 19");
    let node = plan
        .lines()
        .find(|line| line.contains("NpzScanExec"))
        .unwrap();
    insta::assert_snapshot!(node.trim(), @"NpzScanExec: table=scan, file=siemens_star.npz, columns=[x, diffraction], access=[x: copied, diffraction: mapped], filters=[scan_point@0 >= 10 AND scan_point@0 <= 19]");

    // Ten neighbouring patterns are a slice of the map, ten others are copied.
    let of = |sql: &str| super::sql::explain(&session, sql);
    let plan = of("SELECT diffraction FROM scan WHERE scan_point BETWEEN 10 AND 19");
    assert_eq!(
        (
            measured(&plan, "bytes_mapped"),
            measured(&plan, "bytes_copied")
        ),
        (163.8e3, 0.0),
        "{plan}"
    );
    let plan = of(
        "SELECT diffraction FROM scan WHERE scan_point BETWEEN 10 AND 28 AND scan_point % 2 = 0",
    );
    assert_eq!(
        (
            measured(&plan, "bytes_mapped"),
            measured(&plan, "bytes_copied")
        ),
        (0.0, 163.8e3),
        "{plan}"
    );
    let plan = of(
        "SELECT diffraction_normalized FROM groups('tests/data/siemens_star.npz', seed => 77) LIMIT 3",
    );
    for phase in ["time_tree", "time_sampling", "time_norm", "time_gather"] {
        let spent = plan
            .split(&format!("{phase}="))
            .nth(1)
            .unwrap()
            .split([',', ']'])
            .next()
            .unwrap();
        assert!(
            spent.ends_with('s') && !spent.starts_with("1ns"),
            "{phase}: {spent}"
        );
    }
}

/// Writes a scan of 60 points, of which five have positions that are NaN or infinite.
fn lost(path: &Path) -> Vec<u32> {
    let mut x: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 61)).collect();
    let mut y: Vec<f64> = (0..60).map(|i| f64::from(i * 23 % 59)).collect();
    x[7..10].fill(f64::NAN);
    y[31] = f64::NAN;
    x[44] = f64::INFINITY;
    scan_file(path, &x, &y);
    (0..60)
        .filter(|at: &u32| x[*at as usize].is_finite() && y[*at as usize].is_finite())
        .collect()
}

#[test]
fn a_table_whose_rows_are_refused_is_refused_whatever_is_asked_of_it() {
    let folder = folder();
    let path = folder.path().join("lost.npz");
    lost(&path);
    let options = RegisterOptions::default();
    for table in [
        "groups",
        "group_members",
        "neighbors",
        "neighbors('FILE', within => 9)",
    ] {
        let table = table.replace("FILE", &path.to_string_lossy());
        let column = if table.starts_with("group") {
            "group_id"
        } else {
            "rank"
        };
        for query in [
            format!("SELECT * FROM {table}"),
            format!("SELECT count(*) FROM {table}"),
            format!("SELECT {column} FROM {table}"),
            format!("SELECT {column} FROM {table} LIMIT 1"),
            format!("SELECT 1 FROM {table} LIMIT 1"),
            format!("SELECT max({column}), min({column}), count({column}) FROM {table}"),
            format!("SELECT * FROM scan WHERE scan_point < (SELECT count(*) FROM {table})"),
            format!("SELECT x FROM scan WHERE EXISTS (SELECT 1 FROM {table})"),
            format!("SELECT count(*) FROM {table} WHERE {column} = -1"),
            format!("SELECT count(*) FROM (SELECT * FROM {table} UNION ALL SELECT * FROM {table})"),
        ] {
            // A session of its own: nothing was read before.
            let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
            session.register("public", &path, &options).unwrap();
            let error = collect_all(&session, &query)
                .err()
                .unwrap_or_else(|| panic!("answered: {query}"));
            assert!(
                matches!(error, Error::NonFinitePosition { scan_point: 7, .. }),
                "{query}: {error}"
            );
            let planned = session.query(&format!("EXPLAIN {query}")).unwrap();
            assert!(
                planned
                    .map(Result::unwrap)
                    .map(|rows| rows.num_rows())
                    .sum::<usize>()
                    > 0
            );
        }
    }
    // What is told of the points themselves is told as the file has it.
    let session = session_of(&path, GroupSpec::default());
    let found = rows(
        &session,
        "SELECT count(*) AS n, count(*) FILTER (WHERE isfinite(x) AND isfinite(y)) AS f FROM scan",
    );
    assert_eq!(
        (int64(&found, "n"), int64(&found, "f")),
        (vec![60], vec![55])
    );
}

#[test]
fn neighbors_among_some_points_are_those_of_brute_force() {
    let folder = folder();
    let path = folder.path().join("lost.npz");
    let kept = lost(&path);
    let scan = Scan::open(&path).unwrap();
    let positions = scan.positions().unwrap();
    let file = path.to_string_lossy().into_owned();
    let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
    let found = |arguments: &str| {
        let sql = format!(
            "SELECT scan_point, rank, neighbor, distance FROM neighbors('{file}', {arguments}) ORDER BY 1, 2"
        );
        let batch = rows(&session, &sql);
        let ranks =
            arrow::compute::cast(&batch["rank"], &arrow::datatypes::DataType::Int64).unwrap();
        let ranks = ranks.as_primitive::<Int64Type>().values().to_vec();
        let (points, near) = (int64(&batch, "scan_point"), int64(&batch, "neighbor"));
        let distances = float64(&batch, "distance");
        (0..batch.num_rows())
            .map(|row| (points[row], ranks[row], near[row], distances[row]))
            .collect::<Vec<_>>()
    };
    let naive = |points: &[u32], others: &[u32], is_own: bool, k: usize, within: f64| {
        let mut rows = Vec::new();
        for point in points {
            let [x, y] = positions.at(*point as usize);
            let distance2 = |other: &u32| {
                let [u, v] = positions.at(*other as usize);
                (x - u) * (x - u) + (y - v) * (y - v)
            };
            let mut near: Vec<(f64, u32)> = others
                .iter()
                .filter(|other| !is_own || *other != point)
                .map(|other| (distance2(other), *other))
                .filter(|(distance2, _)| distance2.sqrt() <= within)
                .collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            let ranked = near.iter().take(k).zip(1..);
            rows.extend(ranked.map(|((d2, other), rank)| {
                (i64::from(*point), rank, i64::from(*other), d2.sqrt())
            }));
        }
        rows
    };
    let finite = "isfinite(x) AND isfinite(y)";
    let expected = naive(&kept, &kept, true, 3, f64::INFINITY);
    assert_eq!(expected.len(), 165);
    assert_eq!(found(&format!("k => 3, among => '{finite}'")), expected);
    let third: Vec<u32> = kept
        .iter()
        .copied()
        .filter(|point| point % 3 == 0)
        .collect();
    let among = format!("{finite} AND scan_point % 3 = 0");
    assert_eq!(
        found(&format!("within => 12.5, among => '{among}'")),
        naive(&third, &third, true, usize::MAX, 12.5)
    );
    // Of another scan, the predicate holds for both.
    assert_eq!(
        found(&format!("k => 2, of => '{file}', among => '{among}'")),
        naive(&third, &third, false, 2, f64::INFINITY)
    );
    let count =
        format!("SELECT count(*) AS n FROM neighbors('{file}', k => 3, among => '{finite}')");
    assert_eq!(int64(&rows(&session, &count), "n"), [165]);
    // What holds for the groups of a registered file holds for its neighbours.
    let query = GroupQuery::from(GroupSpec::default()).with_among(finite);
    let options = RegisterOptions::default().with_groups(query);
    session.register("public", &path, &options).unwrap();
    let registered = rows(&session, "SELECT count(*) AS n FROM neighbors");
    assert_eq!(int64(&registered, "n"), [55 * 6]);
    let none = format!("SELECT count(*) AS n FROM neighbors('{file}', k => 3, among => 'x < -5')");
    let error = collect_all(&session, &none).unwrap_err();
    assert!(matches!(error, Error::NothingSelected { .. }), "{error}");
}

fn collect_all(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, Error> {
    let rows: Result<Vec<_>, _> = session.query(sql)?.collect();
    Ok(rows?)
}
