use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use datafusion::catalog::SchemaProvider;

use datafusion::error::{DataFusionError, Result as DfResult};
use datafusion::execution::context::SessionContext;
use datafusion::prelude::SessionConfig;

use super::*;
use crate::error::{Error, Parameter, Result};
use crate::npz::{NpzFile, OpenOptions};
use crate::progress::Progress;
use crate::scan::{Scan, ScanOptions};
use crate::table::Table;

const SIEMENS: &str = "tests/data/siemens_star.npz";
const DEFLATED: &str = "tests/data/siemens_star_counts_deflated.npz";

fn session() -> Session {
    Session::try_new(Some(2), &ScanOptions::default()).unwrap()
}

fn all(session: &Session, sql: &str) -> Result<Vec<RecordBatch>> {
    let batches: std::result::Result<Vec<_>, _> = session.query(sql)?.collect();
    Ok(batches?)
}

fn number(session: &Session, sql: &str) -> i64 {
    let batches = all(session, sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// The rows that a context returns.
async fn rows(ctx: &SessionContext, sql: &str) -> DfResult<usize> {
    let batches = ctx.sql(sql).await?.collect().await?;
    Ok(batches.iter().map(RecordBatch::num_rows).sum())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

#[test]
fn tables_are_registered_in_any_default_catalog_beside_the_users_own() {
    let config = SessionConfig::new().with_default_catalog_and_schema("lake", "x");
    let ctx = SessionContext::new_with_config(config);
    let users: Arc<dyn SchemaProvider> = ctx.catalog("lake").unwrap().schema("x").unwrap();
    block_on(async {
        rows(&ctx, "CREATE VIEW mine AS SELECT 1 AS one").await?;
        register(&ctx, "x", SIEMENS.as_ref(), &RegisterOptions::default())?;
        for table in ["scan", "x.scan", "lake.x.scan"] {
            assert_eq!(rows(&ctx, &format!("SELECT x FROM {table}")).await?, 516);
        }
        assert_eq!(rows(&ctx, "SELECT * FROM mine").await?, 1);
        // The user's provider is still the one that tables are registered in and dropped from.
        rows(&ctx, "CREATE VIEW later AS SELECT 2 AS two").await?;
        rows(&ctx, "DROP VIEW mine").await?;
        assert_eq!(users.table_names(), ["later"]);
        assert!(rows(&ctx, "SELECT * FROM mine").await.is_err());
        assert!(ctx.deregister_table("scan").is_err());
        // A table of the user's may take the name of one of the file, and give it back.
        let other = ctx.table("later").await?.into_view();
        ctx.register_table("scan", other)?;
        assert_eq!(rows(&ctx, "SELECT * FROM scan").await?, 1);
        ctx.deregister_table("scan")?;
        assert_eq!(rows(&ctx, "SELECT x FROM scan").await?, 516);
        Ok::<_, DataFusionError>(())
    })
    .unwrap();
}

#[test]
fn a_session_without_its_default_catalog_is_told_so() {
    let config = SessionConfig::new()
        .with_default_catalog_and_schema("lake", "x")
        .with_create_default_catalog_and_schema(false);
    let ctx = SessionContext::new_with_config(config);
    let error = register(&ctx, "x", SIEMENS.as_ref(), &RegisterOptions::default()).unwrap_err();
    assert!(error.report().contains("no catalog `lake`"), "{error}");
}

/// Counts how often each member is inflated to its end.
fn counted() -> (ScanOptions, Arc<Mutex<BTreeMap<String, usize>>>) {
    let counts = Arc::new(Mutex::new(BTreeMap::new()));
    let seen = Arc::clone(&counts);
    let progress = Progress::new(move |step| {
        if Some(step.done) == step.total {
            let mut counts = seen.lock().unwrap();
            *counts.entry(step.task.to_string()).or_default() += 1;
        }
    });
    let open = OpenOptions {
        progress,
        ..OpenOptions::default()
    };
    let options = ScanOptions {
        open,
        ..ScanOptions::default()
    };
    (options, counts)
}

#[test]
fn a_deflated_scan_is_inflated_once_whatever_its_predicates_read() {
    let among = "x < 200 AND pattern_max(diffraction) > 10";
    let (options, counts) = counted();
    let scan = Scan::open_with(DEFLATED, &options).unwrap();
    let query = GroupQuery::default()
        .with_among(among)
        .with_seeds_from("y < 150");
    let groups = query.resolve(&scan).unwrap();
    let direct = groups.num_rows().unwrap();
    for batch in groups.read(&Default::default()).unwrap() {
        batch.unwrap();
    }
    let inflated = std::mem::take(&mut *counts.lock().unwrap());
    assert!(inflated.keys().any(|member| member.contains("diff3d")));
    assert!(inflated.values().all(|times| *times == 1), "{inflated:?}");

    // One open file in two schemas, with three tables of groups in one query.
    let session = session();
    let npz = Arc::new(NpzFile::open_with(DEFLATED, &options.open).unwrap());
    let register = RegisterOptions::default().with_groups(query);
    session.register_npz("public", &npz, &register).unwrap();
    session.register_npz("star", &npz, &register).unwrap();
    let sql = "SELECT (SELECT count(*) FROM groups) + 0 * (SELECT count(*) FROM star.groups) \
               + 0 * (SELECT count(*) FROM group_members)";
    assert_eq!(number(&session, sql), direct as i64);
    let inflated = std::mem::take(&mut *counts.lock().unwrap());
    assert!(inflated.keys().any(|member| member.contains("diff3d")));
    assert!(inflated.values().all(|times| *times == 1), "{inflated:?}");
}

#[test]
fn predicates_meet_lists_of_a_spec_and_each_other() {
    let scan = Scan::open(SIEMENS).unwrap();
    let spec = crate::GroupSpec {
        seeds_from: Some(vec![1, 20, 300]),
        ..Default::default()
    };
    let query = GroupQuery::from(spec.clone()).with_among("scan_point < 100");
    let groups = query.resolve(&scan).unwrap();
    assert_eq!(groups.spec().seeds_from.as_deref(), Some(&[1, 20][..]));
    let nothing = GroupQuery::from(spec).with_among("scan_point BETWEEN 30 AND 100");
    let error = nothing.resolve(&scan).unwrap_err();
    let parameter = Parameter::SeedsFrom;
    assert!(
        matches!(error, Error::NothingSelected { parameter: found, .. } if found == parameter),
        "{error}"
    );
}

#[test]
fn bad_predicates_have_the_same_facts_everywhere() {
    let (scan, session) = (Scan::open(SIEMENS).unwrap(), session());
    let predicates = [
        "y <",
        "nope < 3",
        "x + y",
        "scan_point IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "x < (SELECT 1)",
        "x > ALL (SELECT 1)",
        "1=1) UNION SELECT 1 --",
        "pixel(diffraction, 99, 0) > 0",
    ];
    for predicate in predicates {
        let query = GroupQuery::default().with_among(predicate);
        let direct = query.resolve(&scan).unwrap_err();
        assert!(matches!(direct, Error::BadPredicate { .. }), "{direct:?}");
        assert_eq!(
            scan_points(&scan, predicate).unwrap_err().facts(),
            direct.facts()
        );
        let sql = format!(
            "SELECT group_id FROM groups('{SIEMENS}', among => '{}')",
            predicate.replace('\'', "''")
        );
        let error = all(&session, &sql).unwrap_err();
        assert_eq!(error.facts(), direct.facts(), "{sql}");
    }
}

#[test]
fn extreme_values_are_answered_with_rows_or_an_error() {
    let session = session();
    let values = [
        "0",
        "-1",
        "1",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "99999999999999999999999",
        "0.5",
        "1e308",
        "-1e308",
        "5e-324",
        "CAST('NaN' AS DOUBLE)",
        "CAST('inf' AS DOUBLE)",
        "CAST('-inf' AS DOUBLE)",
    ];
    let numbers = [
        ("groups", "gridsize"),
        ("groups", "neighbors"),
        ("groups", "n_groups"),
        ("groups", "group_oversampling => true, n_groups"),
        (
            "group_members",
            "neighbors => 40, group_oversampling => true, n_groups",
        ),
        ("groups", "seed"),
        ("groups", "epoch"),
        ("groups", "max_distance"),
        ("groups", "norm"),
        ("groups", "crop"),
        ("groups", "bin"),
        ("scans", "pixel_size"),
        ("neighbors", "k"),
        ("neighbors", "within"),
        ("neighbors", "k => 5, within"),
    ];
    let functions = [
        "pixel(diffraction, V, 0)",
        "pixel(diffraction, 0, V)",
        "pattern_saturated(diffraction, V)",
        "linear_overlap(V, V)",
        "area_overlap(V, V)",
    ];
    let calls = numbers.iter().flat_map(|(function, parameter)| {
        let call = move |value| {
            format!("SELECT * FROM {function}('{SIEMENS}', {parameter} => {value}) LIMIT 3")
        };
        values.iter().map(call)
    });
    let scalars = functions.iter().flat_map(|function| {
        let call = move |value: &&str| {
            let function = function.replace('V', value);
            format!("SELECT {function} FROM scan('{SIEMENS}') LIMIT 3")
        };
        values.iter().map(call)
    });
    let diameters = values
        .iter()
        .map(|value| format!("SELECT probe_diameter(probe, {value}) FROM probe('{SIEMENS}')"));
    let (mut answered, mut refused) = (0, 0);
    for sql in calls.chain(scalars).chain(diameters) {
        match all(&session, &sql) {
            Ok(_) => answered += 1,
            Err(error) => {
                refused += 1;
                let report = error.report();
                assert!(
                    !report.contains("bug") && !report.contains("panic"),
                    "{sql}: {report}"
                );
            }
        }
    }
    assert!(
        answered > 30 && refused > 100,
        "{answered} answered, {refused} refused"
    );
}
