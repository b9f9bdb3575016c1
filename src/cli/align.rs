//! `ptychoarrow align`: an archive rewritten so that it maps.

use std::path::PathBuf;
use std::sync::Arc;

use bytesize::ByteSize;
use clap::{Args, ValueEnum};

use super::failure::Result;
use super::input::{OpenArgs, shown};
use super::output::{self, OutputArgs};
use super::{PrintFormat, RunArgs};
use crate::export::{AlignOptions, align};
use crate::npz::NpzFile;

#[derive(Debug, Args)]
pub struct AlignArgs {
    /// An NPZ file, or a bare .npy.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The byte order of numbers: kept, dtype and all, or made little-endian so that they map too.
    #[arg(long, value_enum, default_value = "keep")]
    byte_order: ByteOrderArg,
    /// How to print what was done.
    #[arg(long, value_enum, default_value = "table")]
    format: PrintFormat,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    open: OpenArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ByteOrderArg {
    Keep,
    Little,
}

pub fn run(args: &AlignArgs, _run: &RunArgs) -> Result<()> {
    let path = args
        .output
        .require(&["npz"], "name a file that ends in .npz")?;
    if !args.output.check()? {
        return Ok(());
    }
    let npz = Arc::new(NpzFile::open_with(&args.file, &args.open.options())?);
    for note in npz.notes() {
        output::log(&format!("{}: {note}", shown(npz.path())));
    }
    let to_little_endian = args.byte_order == ByteOrderArg::Little;
    let options = AlignOptions {
        if_exists: args.output.if_exists(),
        to_little_endian,
    };
    let bar = output::byte_bar();
    let aligned = align(&npz, path, &options, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let Some(aligned) = aligned? else {
        return Ok(());
    };
    match args.format {
        PrintFormat::Json => output::result(&serde_json::json!(aligned).to_string()),
        PrintFormat::Table => {
            let (mapped, all) = (aligned.members - aligned.not_mapped.len(), aligned.members);
            let size = ByteSize::b(aligned.bytes);
            output::result(&format!(
                "{all} members to {}, {size}: {mapped} of {all} map",
                shown(path)
            ))?;
            aligned.not_mapped.iter().try_for_each(|(name, reason)| {
                output::result(&format!("`{name}` does not: {reason}"))
            })
        }
    }
}
