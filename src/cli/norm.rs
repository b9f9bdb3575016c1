//! `ptychoarrow norm`: the factor that patterns are normalised by.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::failure::Result;
use super::input::{InputArgs, SpecArgs, shown};
use super::output::{self, log};
use super::{PrintFormat, RunArgs, profile};
use crate::group::Groups;
use crate::scan::Scan;

#[derive(Debug, Args)]
pub struct NormArgs {
    /// An NPZ file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    spec: SpecArgs,
    /// How to print it.
    #[arg(long, value_enum, default_value = "table")]
    format: PrintFormat,
    #[command(flatten)]
    input: InputArgs,
}

pub fn run(args: &NormArgs, run: &RunArgs) -> Result<()> {
    let input = args.input.options();
    let scan = profile::phase("open", || Scan::open_with(&args.file, &input))?;
    let groups = Groups::try_new(&scan, args.spec.spec(Some(&args.file), &input, run)?)?;
    let factor = groups.norm_factor()?;
    profile::add_phases_of(&groups);
    groups
        .warnings()
        .iter()
        .for_each(|warning| log(&format!("warning: {warning}")));
    match args.format {
        PrintFormat::Table => output::result(&factor.to_string()),
        PrintFormat::Json => {
            let file = shown(&args.file);
            output::result(
                &json!({"file": file, "norm_factor": factor, "warnings": groups.warnings()})
                    .to_string(),
            )
        }
    }
}
