//! Runs `ptychoarrow align`: rewrites an archive so that it can be mapped.

use std::path::PathBuf;
use std::sync::Arc;

use bytesize::ByteSize;
use clap::Args;

use super::failure::Result;
use super::input::{OpenArgs, shown};
use super::notices::Speaker;
use super::output::{self, OutputArgs};
use super::{PrintFormat, RunArgs, progress};
use crate::error::Notice;
use crate::export::{AlignOptions, ByteOrder, align};
use crate::npz::NpzFile;

#[derive(Debug, Args)]
pub struct AlignArgs {
    /// The NPZ file, or a .npy file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The byte order in which numbers are written.
    #[arg(long, value_enum, default_value = "keep")]
    byte_order: ByteOrder,
    /// The form in which to print what was done.
    #[arg(long, value_enum, default_value = "table")]
    format: PrintFormat,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    open: OpenArgs,
}

pub fn run(args: &AlignArgs, run: &RunArgs) -> Result<()> {
    let path = args.output.require(&["npz"], ".npz")?;
    if !args.output.check([])? {
        return Ok(());
    }
    let npz = Arc::new(NpzFile::open_with(&args.file, &args.open.options())?);
    let notices: Vec<Notice> = npz.notes().iter().map(Notice::from).collect();
    Speaker::new("align", run.strict).say(&notices)?;
    let options = AlignOptions {
        if_exists: args.output.if_exists(),
        byte_order: args.byte_order,
        progress: progress::shown(),
    };
    let Some(aligned) = align(&npz, path, &options)? else {
        return Ok(());
    };
    match args.format {
        PrintFormat::Json => output::result(&serde_json::json!(aligned).to_string()),
        PrintFormat::Table => {
            let (mapped, all) = (aligned.members - aligned.not_mapped.len(), aligned.members);
            let size = ByteSize::b(aligned.bytes);
            output::result(&format!(
                "{all} members to {}, {size}: {mapped} of {all} can be mapped",
                shown(path)
            ))?;
            aligned.not_mapped.iter().try_for_each(|(name, reason)| {
                output::result(&format!("`{name}` cannot be mapped: {reason}"))
            })
        }
    }
}
