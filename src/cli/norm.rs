//! Runs `ptychoarrow norm`: prints the factor by which patterns are normalised.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::failure::Result;
use super::input::{InputArgs, PatternArgs, SpecArgs, shown};
use super::notices::Speaker;
use super::{PrintFormat, RunArgs, output};
use crate::group::Norm;
use crate::scan::Scan;

#[derive(Debug, Args)]
pub struct NormArgs {
    /// The NPZ file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    spec: SpecArgs,
    #[command(flatten)]
    patterns: PatternArgs,
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
        .query(args.patterns.options())
        .resolve_factor(&scan)?;
    let factor = groups.norm_factor()?;
    let notices = super::group::notices(&groups, &["norm_factor".to_string()]);
    speaker.say(&notices)?;
    let center = groups.center()?;
    // What was computed is an f32; what was given is printed as it was given.
    let number = match groups.spec().norm() {
        Norm::Value(_) => json!(factor),
        Norm::Scan | Norm::Groups => json!(factor as f32),
    };
    match args.format {
        PrintFormat::Table => output::result(&match groups.spec().norm() {
            Norm::Value(_) => factor.to_string(),
            Norm::Scan | Norm::Groups => (factor as f32).to_string(),
        }),
        PrintFormat::Json => {
            let file = shown(&args.file);
            output::result(
                &json!({"file": file, "norm_factor": number, "center": center, "warnings": speaker.texts(&notices)})
                    .to_string(),
            )
        }
    }
}
