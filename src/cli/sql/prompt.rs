//! Runs a prompt: statements are read and run one after the other, and an error does not end it.

use std::time::Instant;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::MemHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Editor, Helper};

use super::RowFormat;
use super::print::print;
use crate::cli::failure::{CommandTerms, Result};
use crate::cli::is_broken_pipe;
use crate::cli::notices::Speaker;
use crate::cli::output::{self, log};
use crate::cli::progress;
use crate::error::Error;
use crate::sql::Session;
use crate::sql::functions::described;

const TERMS: CommandTerms = CommandTerms { command: "sql" };

const HELP: &str = "\
A statement ends with ; and may run over several lines. Arrow keys edit and go through what was typed before.
  .tables          lists the tables
  .schema TABLE    lists the columns of a table
  .functions       lists the functions over patterns, probes and distances, with an example each
  .help            shows this help
  .quit            ends the program, as does Ctrl-D; Ctrl-C discards what has been typed";

/// Reads and runs statements until the end of input.
///
/// # Errors
/// If the terminal cannot be read, or the results cannot be written.
pub fn run(session: &Session, format: RowFormat) -> Result<()> {
    let failed = |e| Error::external("cannot read from the terminal", e);
    let mut editor: Editor<Typed, MemHistory> =
        Editor::with_history(Config::default(), MemHistory::new()).map_err(failed)?;
    editor.set_helper(Some(Typed));
    log(&format!(
        "PtychoArrow {}; end a statement with ; and type .help for help",
        env!("CARGO_PKG_VERSION")
    ));
    loop {
        let text = match editor.readline("sql> ") {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(failed(error).into()),
        };
        if text.trim().is_empty() {
            continue;
        }
        // History lasts as long as the session: nothing is left on disk.
        drop(editor.add_history_entry(text.trim()));
        if matches!(text.trim(), ".quit" | ".exit" | "\\q") {
            return Ok(());
        }
        match answer(session, text.trim(), format) {
            Err(error) if is_broken_pipe(&error) => return Err(error),
            Err(error) => {
                progress::clear();
                log(&format!("error: {}", error.report(TERMS)));
            }
            Ok(()) => {}
        }
    }
}

/// Runs what was typed.
fn answer(session: &Session, text: &str, format: RowFormat) -> Result<()> {
    let Some(command) = text.strip_prefix('.') else {
        return statements(session, text, format);
    };
    let mut words = command.split_whitespace();
    match (words.next().unwrap_or_default(), words.next()) {
        ("help", _) => log(HELP),
        ("tables", _) => return statements(session, TABLES, format),
        ("functions", _) => output::result_text(&functions())?,
        ("schema", Some(table)) => {
            return statements(session, &format!("DESCRIBE {table}"), format);
        }
        _ => log(&format!(
            "there is no command `{text}`; expected .tables, .schema TABLE, .functions, .help or .quit"
        )),
    }
    Ok(())
}

const TABLES: &str = "SELECT table_schema AS schema, table_name AS name FROM information_schema.tables \
                      WHERE table_schema <> 'information_schema' ORDER BY 1, 2";

/// Returns the functions of this crate with their signatures, what they return, and an example each.
fn functions() -> String {
    let shown = |(signature, description, example): (String, &str, &str)| {
        format!("{signature}\n    {description}\n    {example};\n")
    };
    described().map(shown).collect()
}

fn statements(session: &Session, text: &str, format: RowFormat) -> Result<()> {
    for statement in session.statements(text)? {
        let start = Instant::now();
        let rows = print(session.run(statement)?, format, &Speaker::new("sql", false))?;
        log(&format!("{rows}, {:.3} s", start.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// Decides whether a statement is complete: once a semicolon ends it.
struct Typed;

impl Completer for Typed {
    type Candidate = String;
}

impl Helper for Typed {}

impl Highlighter for Typed {}

impl Hinter for Typed {
    type Hint = String;
}

impl Validator for Typed {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(context.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

/// Returns whether a text is a command, is blank, or ends with a semicolon outside quotes and comments.
fn is_whole(text: &str) -> bool {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.starts_with(['.', '\\']) {
        return true;
    }
    let mut rest = trimmed;
    let mut ended = false;
    while let Some(first) = rest.chars().next() {
        let skipped = match first {
            '\'' | '"' => quoted(rest, first),
            '-' if rest.starts_with("--") => Some(rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => rest.find("*/").map(|end| end + 2),
            _ => Some(first.len_utf8()),
        };
        // A quote or comment is open.
        let Some(skipped) = skipped else { return false };
        let is_comment = rest.starts_with("--") || rest.starts_with("/*");
        if !is_comment && !first.is_whitespace() {
            ended = first == ';';
        }
        rest = &rest[skipped..];
    }
    ended
}

/// Returns the length of a quoted text with its quotes; `None` if the closing quote is missing. A doubled quote closes
/// the text and opens it again.
fn quoted(text: &str, quote: char) -> Option<usize> {
    text[1..].find(quote).map(|end| end + 2)
}

#[cfg(test)]
mod tests {
    use super::{functions, is_whole};

    #[test]
    fn every_function_is_shown_with_its_signature_and_an_example() {
        let shown = functions();
        for (name, example) in crate::sql::functions::examples() {
            assert!(
                shown
                    .lines()
                    .any(|line| line.starts_with(&format!("{name}("))),
                "{name}"
            );
            assert!(shown.contains(&format!("    {example};\n")), "{name}");
        }
    }

    #[test]
    fn a_statement_is_whole_when_a_semicolon_ends_it() {
        let whole = [
            "",
            "  ",
            ".tables",
            "\\q",
            "SELECT 1;",
            "SELECT 1; ",
            "SELECT ';';",
            "SELECT 1; -- one",
            "SELECT 1 /* ; */;",
        ];
        let open = [
            "SELECT 1",
            "SELECT ';",
            "SELECT ';'",
            "SELECT 1 -- ;",
            "SELECT 1 /* ;",
            "SELECT \"a;",
            "SELECT 1; SELECT",
        ];
        whole
            .iter()
            .for_each(|text| assert!(is_whole(text), "{text}"));
        open.iter()
            .for_each(|text| assert!(!is_whole(text), "{text}"));
    }
}
