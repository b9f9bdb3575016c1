//! What SQL does not do is refused in plain words that name a way round, and the ways round lead there.

use std::path::Path;

use ptychoarrow::scan::ScanOptions;
use ptychoarrow::scan::layout::{LayoutOptions, Role};
use ptychoarrow::sql::{FileFormat, RegisterOptions, Session};
use ptychoarrow::{Error, GroupSpec, Groups, ReadOptions, Scan};
use zip::CompressionMethod;

use crate::support::{SIEMENS, collect, f8, float64, folder, int64, npy, npz};

const LOG: &str =
    "Time,Ring Current (mA),Remark\n0.5,100.0,\n2.5,101.0,shutter\n6.0,,\n7.0,103.5,end\n";

/// A session with the tables of a scan and a log beside it.
fn session(folder: &Path) -> Session {
    let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
    let options = RegisterOptions::default();
    session
        .register("public", SIEMENS.as_ref(), &options)
        .unwrap();
    let log = folder.join("log.csv");
    std::fs::write(&log, LOG).unwrap();
    session.register_file("log", &log, FileFormat::Csv).unwrap();
    session
}

fn failure(session: &Session, sql: &str) -> Option<String> {
    let error = match session.query(sql) {
        Err(error) => error,
        Ok(mut rows) => rows.find_map(Result::err)?.into(),
    };
    Some(error.report())
}

#[test]
fn what_is_not_supported_is_refused_with_a_way_round() {
    let folder = folder();
    let session = session(folder.path());
    let queries = [
        // What DataFusion passes over.
        "SELECT count(*) FROM scan TABLESAMPLE (10 PERCENT)",
        "SELECT count(*) FROM scan s TABLESAMPLE BERNOULLI (10)",
        "SELECT count(*) FROM (SELECT * FROM scan) TABLESAMPLE (10 ROWS)",
        "SELECT count(*) FROM scan('tests/data/siemens_star.npz') TABLESAMPLE (10)",
        "WITH t AS (SELECT x FROM scan TABLESAMPLE (10)) SELECT * FROM t",
        "SELECT count(*) FROM scan WHERE x > (SELECT avg(x) FROM scan TABLESAMPLE (10))",
        "EXPLAIN SELECT count(*) FROM scan TABLESAMPLE (10)",
        "CREATE VIEW tenth AS SELECT * FROM scan TABLESAMPLE (10)",
        "SELECT count(*) FROM scan USING SAMPLE 10",
        "SELECT x FROM scan FOR UPDATE",
        "SELECT x FROM scan FOR JSON AUTO",
        "SELECT x FROM scan PREWHERE x > 3",
        "SELECT x FROM scan START WITH x = 3 CONNECT BY PRIOR x = y",
        "SELECT x FROM scan SETTINGS a = 1",
        "SELECT x FROM scan FORMAT JSON",
        "SELECT x, count(*) FROM scan GROUP BY x WITH ROLLUP",
        "SELECT * ILIKE '%x%' FROM scan",
        "SELECT x FROM scan WITH (NOLOCK)",
        "SELECT x FROM scan PARTITION (a)",
        "SELECT count(*) FROM scan GLOBAL JOIN log ON true",
        "FROM scan LIMIT 1",
        // What it refuses in words of its own.
        "SELECT s.x FROM scan s ASOF JOIN log l MATCH_CONDITION (s.y >= l.\"Time\")",
        "SELECT s.x, (SELECT l.\"Remark\" FROM log l WHERE l.\"Time\" <= s.y ORDER BY l.\"Time\" DESC LIMIT 1) FROM scan s",
        "SELECT s.x, l.\"Time\" FROM scan s CROSS JOIN LATERAL (SELECT * FROM log l WHERE l.\"Time\" <= s.y LIMIT 1) l",
        "SELECT EXISTS (SELECT 1 FROM scan)",
        "SELECT x IN (SELECT \"Time\" FROM log) FROM scan",
        "SELECT s.x FROM scan s CROSS APPLY (SELECT 1) t",
        "SELECT x FROM scan FETCH FIRST 3 ROWS ONLY",
        "SELECT TOP 3 x FROM scan",
        "SELECT x INTO t FROM scan",
        "SELECT x FROM scan SORT BY x",
        "SELECT x FROM scan CLUSTER BY x",
        "SELECT x FROM scan DISTRIBUTE BY x",
        "SELECT x FROM scan LIMIT 3 BY x",
        "SELECT x FROM scan LATERAL VIEW explode(x) t AS z",
        "SELECT x FROM scan ORDER BY x WITH FILL",
        "SELECT * RENAME (x AS xx) FROM scan",
        "SELECT * FROM scan PIVOT (sum(x) FOR scan_point IN (1, 2))",
        "SELECT * FROM scan UNPIVOT (v FOR n IN (x, y))",
        "SELECT * FROM scan MATCH_RECOGNIZE (PARTITION BY x MEASURES a AS b PATTERN (A) DEFINE A AS x > 1)",
        "SELECT * FROM JSON_TABLE('[1]', '$[*]' COLUMNS (a INT PATH '$'))",
        "SELECT x COLLATE \"de\" FROM scan",
        "SELECT x FROM scan MINUS SELECT y FROM scan",
        "SELECT u FROM groups g, LATERAL unnest(g.nn_indices) AS t(u)",
        "SELECT u FROM groups g CROSS JOIN unnest(g.nn_indices) AS t(u)",
        "SELECT u FROM groups g, unnest(g.nn_indices) WITH ORDINALITY AS t(u, o)",
        "SELECT u FROM groups g CROSS JOIN LATERAL (SELECT unnest(g.nn_indices) AS u) t",
        "INSERT INTO scan VALUES (1)",
        "DELETE FROM scan",
        "CREATE TABLE t AS SELECT x FROM scan",
        "CREATE SCHEMA other",
        "COPY scan TO 'x.csv'",
        // Tensors are no numbers.
        "SELECT sum(diffraction) FROM scan",
        "SELECT avg(s.diffraction) FROM scan s",
        "SELECT min(diffraction) FROM scan",
        "SELECT max(diffraction) FROM scan",
        "SELECT max(diffraction) OVER (ORDER BY x) FROM scan",
        "SELECT stddev(diffraction) FROM scan",
        "SELECT median(diffraction) FROM scan",
        "SELECT sum(d) FROM (SELECT diffraction AS d FROM scan)",
        "SELECT sqrt(diffraction) FROM scan",
        "SELECT diffraction * 2 FROM scan",
        "SELECT diffraction - diffraction FROM scan",
        "SELECT x FROM scan WHERE diffraction > 5",
        "SELECT x FROM scan WHERE diffraction = 0",
        "SELECT * FROM groups('tests/data/siemens_star.npz', among => 'diffraction > 5')",
        "SELECT * FROM groups('tests/data/siemens_star.npz', among => 'x > 5 COLLATE de')",
        // What was meant.
        "SELECT xcoords FROM scan",
        "SELECT s.diff3d FROM scan s",
        "SELECT diff3d FROM groups",
        "SELECT xcoords FROM scan('tests/data/siemens_star.npz')",
        "SELECT probeGuess FROM scan",
        "SELECT difraction FROM scan",
        "SELECT temperature FROM scan",
        "SELECT Time FROM log",
        "SELECT * FROM groups('tests/data/siemens_star.npz', among => 'xcoords > 5')",
        "SELECT isfinit(x) FROM scan",
        "SELECT patern_sum(diffraction) FROM scan",
        "SELECT frobnicate(x) FROM scan",
        "SELECT * FROM groups('tests/data/siemens_star.npz', among => 'isfinit(x)')",
        "SELECT x FROM scna",
        "SELECT x FROM 'siemens_star.npz'",
        "SELECT x FROM 'log.csv'",
        // What the data is at fault for.
        "SELECT 1 / (scan_point - 5) FROM scan",
        "SELECT CAST(\"Remark\" AS INT) FROM log",
        "SELECT x FROM scan WHERE y = 'abc'",
    ];
    let mut told = String::new();
    for sql in queries {
        let failure = failure(&session, sql).unwrap_or_else(|| panic!("answered: {sql}"));
        for sign in [
            "Ident",
            "BinaryOp",
            "Span(",
            "bug",
            "Internal error",
            "issue",
            "FixedSizeList",
            "\n",
        ] {
            assert!(!failure.contains(sign), "{sql}: {failure}");
        }
        told += &format!("{sql}\n  {failure}\n");
    }
    insta::assert_snapshot!(told);
}

#[test]
fn the_ways_round_lead_there() {
    let folder = folder();
    let session = session(folder.path());
    let rows = |sql: &str| collect(session.query(sql).unwrap_or_else(|e| panic!("{sql}: {e}")));
    // The last line of the log before each of eight times is the one that np.searchsorted finds.
    let sql = "SELECT t.value AS time, l.\"Ring Current (mA)\" AS current, coalesce(l.\"Time\", -1.0) AS found \
               FROM generate_series(0, 7) AS t LEFT JOIN log l ON l.\"Time\" <= t.value \
               QUALIFY row_number() OVER (PARTITION BY t.value ORDER BY l.\"Time\" DESC) = 1 ORDER BY 1";
    let found = rows(sql);
    assert_eq!(
        float64(&found, "found"),
        [-1.0, 0.5, 0.5, 2.5, 2.5, 2.5, 6.0, 7.0]
    );
    assert!(found["current"].is_null(6) && found["current"].is_null(0));
    let unnested = rows("SELECT group_id, unnest(nn_indices) AS scan_point FROM groups");
    assert_eq!(unnested.num_rows(), 4 * 516);
    let counted = |sql: &str| int64(&rows(sql), "n")[0];
    assert_eq!(
        counted("SELECT count(*) AS n FROM scan WHERE scan_point % 10 = 0"),
        52
    );
    let some = counted("SELECT count(*) AS n FROM scan WHERE random() < 0.5");
    assert!((150..370).contains(&some), "{some}");
    assert_eq!(
        counted("SELECT count(*) AS n FROM (SELECT * FROM scan ORDER BY random() LIMIT 10)"),
        10
    );
    let first = "SELECT count(*) AS n FROM (SELECT slot FROM group_members \
                 QUALIFY row_number() OVER (PARTITION BY group_id ORDER BY slot) <= 3)";
    assert_eq!(counted(first), 3 * 516);
    assert_eq!(
        counted(
            "SELECT count(*) AS n FROM scan WHERE x IN (SELECT x FROM scan EXCEPT SELECT x + 1e9 FROM scan)"
        ),
        516
    );
    assert_eq!(
        counted(
            "SELECT count(*) AS n FROM scan LEFT SEMI JOIN log ON log.\"Time\" = scan.scan_point"
        ),
        2
    );
}

#[test]
fn suggestions_are_the_same_at_every_run() {
    let told: Vec<String> = (0..12)
        .map(|_| {
            let folder = folder();
            let session = session(folder.path());
            [
                "SELECT isna(x) FROM scan",
                "SELECT asi(x) FROM scan",
                "SELECT x_ FROM scan",
                "SELECT 1 FROM scans2",
            ]
            .map(|sql| failure(&session, sql).unwrap())
            .join("\n")
        })
        .collect();
    assert!(told.iter().all(|again| *again == told[0]), "{told:?}");
}

#[test]
fn a_members_name_leads_to_its_column() {
    let folder = folder();
    let path = folder.path().join("named.npz");
    let x = npy("'<f8'", false, &[3], &f8(&[0.0, 1.0, 2.0]));
    let frames = npy("'<f8'", false, &[3, 4, 4], &f8(&[1.0; 48]));
    let members = [("motorX", x.clone()), ("motorY", x), ("Eiger", frames)];
    npz(&path, &members, CompressionMethod::Stored);
    let roles = [
        (Role::X, "motorX"),
        (Role::Y, "motorY"),
        (Role::Diffraction, "Eiger"),
    ];
    let layout = LayoutOptions::default()
        .with_roles(roles.map(|(role, name)| (role, name.to_string())).to_vec());
    let options = ScanOptions::default().with_layout(layout);
    let scan = Scan::open_with(&path, &options).unwrap();
    let suggested = |error: Error| match error {
        Error::NoSuchColumn { suggestion, .. } => suggestion,
        other => panic!("{other}"),
    };
    let of_scan = |name: &str| {
        suggested(
            scan.read(&ReadOptions::default().with_columns([name]))
                .unwrap_err(),
        )
    };
    for (name, column) in [
        ("motorX", "x"),
        ("MOTORY", "y"),
        ("eiger", "diffraction"),
        ("diff3d", "diffraction"),
        ("xcoords", "x"),
    ] {
        assert_eq!(of_scan(name).as_deref(), Some(column), "{name}");
    }
    assert_eq!(of_scan("probeGuess"), None);
    let groups = Groups::try_new(&scan, GroupSpec::default().with_gridsize(1)).unwrap();
    let of_groups = |name: &str| {
        suggested(
            groups
                .read(&ReadOptions::default().with_columns([name]))
                .unwrap_err(),
        )
    };
    for (name, column) in [
        ("Eiger", "diffraction"),
        ("X_full", "diffraction_normalized"),
        ("ycoords", "coords_nn"),
    ] {
        assert_eq!(of_groups(name).as_deref(), Some(column), "{name}");
    }
    let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
    let alone = folder.path().join("alone.npz");
    let x = npy("'<f8'", false, &[3], &f8(&[0.0, 1.0, 2.0]));
    npz(
        &alone,
        &[("xcoords", x.clone()), ("ycoords", x)],
        CompressionMethod::Stored,
    );
    let sql = format!("SELECT diffraction FROM scan('{}')", alone.display());
    let error = session.query(&sql).err().unwrap();
    assert!(
        matches!(
            error,
            Error::MissingRole {
                role: "diffraction",
                ..
            }
        ),
        "{error}"
    );
    let sql = format!(
        "SELECT motorx FROM scan('{}', role => 'x=motorX,y=motorY,diffraction=Eiger')",
        path.display()
    );
    let told = failure(&session, &sql).unwrap();
    assert!(told.contains("did you mean `x`?"), "{told}");
}

#[test]
fn csv_files_with_comments_are_read_and_faulty_lines_are_named() {
    let folder = folder();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
    let spec = write(
        "spec.csv",
        "# beamline log\n# started 10:00\nTime,I\n10,100\n# pause\n20,101\n",
    );
    session
        .register_file("spec", &spec, FileFormat::Csv)
        .unwrap();
    let found = collect(
        session
            .query("SELECT \"Time\" AS t, \"I\" AS i FROM spec ORDER BY 1")
            .unwrap(),
    );
    assert_eq!(
        (int64(&found, "t"), int64(&found, "i")),
        (vec![10, 20], vec![100, 101])
    );
    let mut late = "a,b\n".to_string();
    (0..3000).for_each(|row| late += &format!("{row},{row}\n"));
    let files = [
        ("ragged.csv", "a,b\n1,2\n3,4,5\n".to_string()),
        ("late.csv", late.clone() + "1,2,3\n"),
        ("named.csv", "# t,i\n1,2\n".to_string()),
    ];
    for (name, text) in files {
        let path = write(name, &text);
        let error = session
            .register_file("bad", &path, FileFormat::Csv)
            .unwrap_err();
        let Error::BadTable {
            path: told,
            problem,
        } = error
        else {
            panic!("{error}")
        };
        assert_eq!(told, path);
        insta::assert_snapshot!(name, problem);
    }
    // A column of numbers that ends in a text is one of texts.
    let typed = write("typed.csv", &(late + "1,x\n"));
    session
        .register_file("typed", &typed, FileFormat::Csv)
        .unwrap();
    let found = collect(
        session
            .query("SELECT count(*) AS n, max(b) = 'x' AS t FROM typed")
            .unwrap(),
    );
    assert_eq!(int64(&found, "n"), [3001]);
}
