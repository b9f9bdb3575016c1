//! The job that benches/peers.py and the README time: from a file to batches of groups, handed out one by one.
//!
//! `cargo run --release --features export --no-default-features --example read_groups -- FILE [OPTION VALUE]...`
//!
//! Options: --columns a,b (diffraction); --n-groups N (one per position); --batch-rows N; --runs N (1): the
//! file is opened anew for each run; --to FILE.arrows: write an IPC stream instead, also to a link to
//! /dev/null. Prints JSON: the seconds of each run, groups, bytes, and the most private memory (RssAnon)
//! above what there was before, sampled every two milliseconds.

#[path = "../benches/support/mod.rs"]
mod support;

use std::hint::black_box;
use std::time::Instant;

use ptychoarrow::{GroupSpec, Groups, ReadOptions, Scan};
use support::{Outcome, private_peak};

struct Job {
    file: String,
    columns: Vec<String>,
    n_groups: Option<usize>,
    batch_rows: Option<usize>,
    to: Option<String>,
}

impl Job {
    fn run(&self) -> Outcome<(usize, usize)> {
        let scan = Scan::open(&self.file)?;
        let spec = GroupSpec::default()
            .with_neighbors(6)
            .with_n_groups(self.n_groups);
        let groups = Groups::try_new(&scan, spec)?;
        let mut reader = groups.read(
            &ReadOptions::default()
                .with_columns(&self.columns)
                .with_batch_rows(self.batch_rows),
        )?;
        let total = (reader.rows_left(), reader.num_bytes() as usize);
        match &self.to {
            None => reader.try_for_each(|batch| batch.map(|batch| _ = black_box(batch)))?,
            #[cfg(feature = "export")]
            Some(path) => {
                use ptychoarrow::export::{ExportOptions, IfExists, write};
                let options = ExportOptions::default().with_if_exists(IfExists::Replace);
                write(reader, path.as_ref(), &options)?;
            }
            #[cfg(not(feature = "export"))]
            Some(_) => return Err("--to needs the feature export".into()),
        }
        Ok(total)
    }
}

fn main() -> Outcome {
    let mut args = std::env::args().skip(1);
    let file = args
        .next()
        .ok_or("usage: read_groups FILE [OPTION VALUE]...")?;
    let columns = vec!["diffraction".to_string()];
    let mut job = Job {
        file,
        columns,
        n_groups: None,
        batch_rows: None,
        to: None,
    };
    let mut runs = 1;
    while let (Some(option), Some(value)) = (args.next(), args.next()) {
        match option.as_str() {
            "--columns" => job.columns = value.split(',').map(str::to_string).collect(),
            "--n-groups" => job.n_groups = Some(value.parse()?),
            "--batch-rows" => job.batch_rows = Some(value.parse()?),
            "--runs" => runs = value.parse()?,
            "--to" => job.to = Some(value),
            other => return Err(format!("no option {other}").into()),
        }
    }
    let (mut seconds, mut most, mut total) = (Vec::new(), 0, (0, 0));
    for _ in 0..runs {
        let start = Instant::now();
        let (done, peak) = private_peak(|| job.run().map_err(|error| error.to_string()));
        total = done?;
        seconds.push(start.elapsed().as_secs_f64());
        most = most.max(peak);
    }
    let report = serde_json::json!({"seconds": seconds, "groups": total.0, "bytes": total.1, "private_peak": most});
    println!("{report}");
    Ok(())
}
