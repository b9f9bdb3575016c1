//! Says on stderr what a user should know about the files that a command reads.

use std::cell::{Cell, RefCell};

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

use super::failure::{CommandTerms, Failure, Result};
use super::output::log;
use crate::error::{Error, Notice};

/// Says notices in the words of one command, each of them once.
#[derive(Debug)]
pub struct Speaker {
    terms: CommandTerms,
    /// Whether a warning is an error.
    strict: bool,
    /// The lines that were said.
    said: RefCell<Vec<String>>,
    /// The number of warnings among them.
    warnings: Cell<usize>,
}

impl Speaker {
    /// Creates the speaker of a command.
    pub fn new(command: &'static str, strict: bool) -> Self {
        Self {
            terms: CommandTerms { command },
            strict,
            said: RefCell::default(),
            warnings: Cell::default(),
        }
    }

    /// Says what was not said before.
    ///
    /// # Errors
    /// With `--strict` if there are warnings, now or earlier.
    pub fn say(&self, notices: &[Notice]) -> Result<()> {
        for notice in notices {
            let line = format!("{}: {}", notice.level.word(), notice.in_terms(&self.terms));
            if self.said.borrow().contains(&line) {
                continue;
            }
            log(&line);
            let warning = usize::from(notice.is_warning());
            self.warnings.set(self.warnings.get() + warning);
            self.said.borrow_mut().push(line);
        }
        self.check()
    }

    /// Checks that nothing that was said is an error.
    ///
    /// # Errors
    /// With `--strict` if there were warnings.
    pub fn check(&self) -> Result<()> {
        match self.warnings.get() {
            warnings if self.strict && warnings > 0 => Err(Failure::Warnings(warnings)),
            _ => Ok(()),
        }
    }

    /// Returns the texts of notices, for reports in JSON.
    pub fn texts(&self, notices: &[Notice]) -> Vec<String> {
        notices
            .iter()
            .map(|notice| notice.in_terms(&self.terms))
            .collect()
    }
}

/// Reads rows, and says at their end what reading them has shown: in time for an output not to be kept.
pub struct Attentive<'a, R> {
    rows: R,
    speaker: &'a Speaker,
    notices: fn(&R) -> Vec<Notice>,
}

impl<'a, R> Attentive<'a, R> {
    /// Creates a reader of these rows.
    pub fn new(rows: R, speaker: &'a Speaker, notices: fn(&R) -> Vec<Notice>) -> Self {
        Self {
            rows,
            speaker,
            notices,
        }
    }
}

impl<R: RecordBatchReader> Iterator for Attentive<'_, R> {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(batch) = self.rows.next() {
            return Some(batch);
        }
        match self.speaker.say(&(self.notices)(&self.rows)) {
            Ok(()) => None,
            // The command reports the failure itself; this one only keeps the output from being finished.
            Err(_) => Some(Err(Error::external("warnings", STRICT).into())),
        }
    }
}

/// The cause of an output that is not kept.
const STRICT: &str = "warnings are errors here";

impl<R: RecordBatchReader> RecordBatchReader for Attentive<'_, R> {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}
