//! Runs `ptychoarrow norm`: prints the factor by which patterns are normalised.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::failure::Result;
use super::input::{InputArgs, SpecArgs, shown};
use super::notices::Speaker;
use super::{PrintFormat, RunArgs, output};
use crate::group::PatternOptions;
use crate::scan::Scan;

#[derive(Debug, Args)]
pub struct NormArgs {
    /// The NPZ file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    spec: SpecArgs,
    /// The form in which to print the factor.
    #[arg(long, value_enum, default_value = "table")]
    format: PrintFormat,
    #[command(flatten)]
    input: InputArgs,
}

pub fn run(args: &NormArgs, run: &RunArgs) -> Result<()> {
    let speaker = Speaker::new("norm", run.strict);
    let scan = Scan::open_with(&args.file, &args.input.options())?;
    let groups = args
        .spec
        .query(PatternOptions::default())
        .resolve_factor(&scan)?;
    let factor = groups.norm_factor()?;
    let notices = super::group::notices(&groups, &["norm_factor".to_string()]);
    speaker.say(&notices)?;
    match args.format {
        PrintFormat::Table => output::result(&factor.to_string()),
        PrintFormat::Json => {
            let file = shown(&args.file);
            output::result(
                &json!({"file": file, "norm_factor": factor, "warnings": speaker.texts(&notices)})
                    .to_string(),
            )
        }
    }
}
