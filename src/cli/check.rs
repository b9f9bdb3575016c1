//! Runs `ptychoarrow check`: reports what is wrong with files, as errors and warnings.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bytesize::ByteSize;
use clap::Args;
use serde_json::{Value, json};

use super::failure::CommandTerms;
use super::input::{InputArgs, shown};
use super::print::fit::{cut, on_one_line};
use super::{PrintFormat, RunArgs, output, progress};
use crate::check::{CheckOptions, CheckReport, Finding, check};
use crate::error::Result;
use crate::npz::NpzFile;

/// The width to which the name of a member is cut: it stands before every finding.
const MEMBER_WIDTH: usize = 40;

const TERMS: CommandTerms = CommandTerms { command: "check" };

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The NPZ files to check.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The form in which to print the findings.
    #[arg(long, value_enum, default_value = "table")]
    format: PrintFormat,
    #[command(flatten)]
    input: InputArgs,
}

/// Checks every file, even if an earlier one cannot be opened. The exit code is the highest of all files.
pub fn run(args: &CheckArgs, run: &RunArgs) -> super::failure::Result<ExitCode> {
    let mut code = 0;
    let mut objects = Vec::new();
    for file in &args.files {
        let report = report(file, args);
        code = code.max(code_of(&report, run.strict));
        match (&report, args.format) {
            (Err(error), _) => output::log(&format!("error: {}", error.report_in(&TERMS))),
            (Ok(report), PrintFormat::Table) => output::result_text(&text(file, report))?,
            (Ok(_), PrintFormat::Json) => {}
        }
        objects.push(object(file, report));
    }
    if args.format == PrintFormat::Json {
        output::result(&format!("{:#}", Value::Array(objects)))?;
    }
    Ok(ExitCode::from(code))
}

/// Checks a file, with a progress bar on a terminal.
fn report(file: &Path, args: &CheckArgs) -> Result<CheckReport> {
    let scan = args.input.options();
    let progress = progress::shown();
    let report = NpzFile::open_with(file, &scan.open)
        .and_then(|npz| check(&Arc::new(npz), &CheckOptions { scan, progress }));
    progress::clear();
    report
}

fn code_of(report: &Result<CheckReport>, strict: bool) -> u8 {
    match report {
        Ok(report) => u8::from(
            report.errors().next().is_some() || strict && report.warnings().next().is_some(),
        ),
        Err(error) if error.is_usage() => 2,
        Err(_) => 1,
    }
}

/// Writes a line about the file, then two lines per finding: what was found, and what to do.
fn text(file: &Path, report: &CheckReport) -> String {
    let width = |of: fn(&Finding) -> usize| report.findings.iter().map(of).max().unwrap_or(0);
    let (codes, members) = (
        width(|finding| finding.code.id().len()),
        width(|finding| member(finding).chars().count()),
    );
    let mut text = format!(
        "{}: {}: {}\n",
        shown(file),
        looked_at(report),
        verdict(report)
    );
    for finding in &report.findings {
        let (severity, code) = (finding.severity.word(), finding.code.id());
        let member = member(finding);
        let label = format!("  {severity:<7}  {code:<codes$}  {member:<members$}");
        let (found, hint) = (&finding.found, finding.hint(&TERMS));
        text += &format!(
            "{label}  {found}\n{:indent$}  {hint}\n",
            "",
            indent = label.chars().count()
        );
    }
    text
}

fn member(finding: &Finding) -> String {
    finding
        .member
        .as_ref()
        .map(|member| format!("`{}`", cut(&on_one_line(member), MEMBER_WIDTH)))
        .unwrap_or_default()
}

/// Says what was checked: `516 positions, 516 frames, 7 members, 8.1 MiB`.
fn looked_at(report: &CheckReport) -> String {
    let positions = report.positions.map(|count| counted(count, "position"));
    let frames = report.frames.map(|count| counted(count, "frame"));
    let members = counted(report.members, "member");
    let masked = report.masked_pixels;
    let masked = masked.map(|count| format!("{} masked", counted(count, "pixel")));
    let marked = report.marked_values;
    let marked = marked.map(|count| format!("{} marked as bad", counted(count as usize, "value")));
    let parts = [
        positions,
        frames,
        masked,
        marked,
        Some(members),
        Some(ByteSize::b(report.bytes).to_string()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Counts the findings: `1 error, 2 warnings`.
fn verdict(report: &CheckReport) -> String {
    let (errors, warnings) = (report.errors().count(), report.warnings().count());
    let parts = [(errors, "error"), (warnings, "warning")]
        .into_iter()
        .filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, noun)| counted(count, noun)).collect();
    if parts.is_empty() {
        "no findings".to_string()
    } else {
        parts.join(", ")
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// Returns the report as JSON, with the file's name; or the reason why there is none.
fn object(file: &Path, report: Result<CheckReport>) -> Value {
    let report = match report {
        Ok(report) => report.to_json(&TERMS),
        Err(error) => json!({"problem": error.report_in(&TERMS)}),
    };
    let mut object = json!({"file": shown(file)});
    if let (Value::Object(object), Value::Object(report)) = (&mut object, report) {
        object.extend(report);
    }
    object
}
