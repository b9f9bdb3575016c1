//! SQL for callers that are not async: a context with a runtime of its own.

use std::path::Path;

use arrow::array::{Array, Int64Array, RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionContext;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::runtime::{Builder, Runtime};

use super::{
    FileFormat, RegisterOptions, SessionOptions, SqlError, Statement, context, query, register,
    register_file, run, statements,
};
use crate::error::{Error, Result};
use crate::scan::ScanOptions;

/// A context and the threads it runs on.
pub struct Session {
    context: SessionContext,
    runtime: Runtime,
}

impl Session {
    /// A session with so many threads, all cores by default; its table functions open files as `options` say.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn try_new(threads: Option<usize>, options: &ScanOptions) -> Result<Self> {
        Self::try_new_with(&SessionOptions {
            threads,
            scan: options.clone(),
            ..SessionOptions::default()
        })
    }

    /// As [`Session::try_new`], with all options.
    ///
    /// # Errors
    /// As [`Session::try_new`].
    pub fn try_new_with(options: &SessionOptions) -> Result<Self> {
        let mut builder = Builder::new_multi_thread();
        if let Some(threads) = options.threads {
            builder.worker_threads(threads);
        }
        let runtime = builder
            .build()
            .map_err(|e| Error::external("cannot start threads for SQL", e))?;
        Ok(Self {
            context: context(options)?,
            runtime,
        })
    }

    /// The context, to register more in.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Registers all tables of a file; see [`register`].
    ///
    /// # Errors
    /// As [`register`].
    pub fn register(&self, schema: &str, path: &Path, options: &RegisterOptions) -> Result<()> {
        register(&self.context, schema, path, options)
    }

    /// Registers an Arrow, Parquet or CSV file as a table; see [`register_file`].
    ///
    /// # Errors
    /// As [`register_file`].
    pub fn register_file(&self, name: &str, path: &Path, format: FileFormat) -> Result<()> {
        self.runtime
            .block_on(register_file(&self.context, name, path, format))
    }

    /// The statements of a text, which semicolons part.
    ///
    /// # Errors
    /// [`Error::BadQuery`] if one cannot be parsed.
    pub fn statements(&self, sql: &str) -> Result<Vec<Statement>> {
        statements(sql).map_err(of_planning)
    }

    /// Runs a statement of [`Session::statements`].
    ///
    /// # Errors
    /// As [`Session::query`].
    pub fn run(&self, statement: Statement) -> Result<QueryReader<'_>> {
        let stream = self
            .runtime
            .block_on(run(&self.context, statement))
            .map_err(of_planning)?;
        Ok(QueryReader {
            runtime: &self.runtime,
            schema: stream.schema(),
            stream,
        })
    }

    /// Runs a query; its rows come as they are computed.
    ///
    /// # Errors
    /// [`Error::BadQuery`] if it cannot be planned; the table's own error if that is at fault.
    pub fn query(&self, sql: &str) -> Result<QueryReader<'_>> {
        let stream = self
            .runtime
            .block_on(query(&self.context, sql))
            .map_err(of_planning)?;
        Ok(QueryReader {
            runtime: &self.runtime,
            schema: stream.schema(),
            stream,
        })
    }

    /// The scan points of table `scan` for which a predicate over its columns holds, ascending.
    ///
    /// # Errors
    /// As [`Session::query`].
    pub fn scan_points(&self, predicate: &str) -> Result<Vec<u32>> {
        let sql = format!("SELECT scan_point FROM scan WHERE ({predicate}\n) ORDER BY scan_point");
        let mut points = Vec::new();
        for batch in self.query(&sql)? {
            let batch = batch?;
            let column = batch.column(0).as_any().downcast_ref::<Int64Array>();
            points.extend(
                column
                    .into_iter()
                    .flat_map(|column| column.values().iter().map(|point| *point as u32)),
            );
        }
        Ok(points)
    }
}

/// The rows of a query.
pub struct QueryReader<'a> {
    runtime: &'a Runtime,
    schema: SchemaRef,
    stream: SendableRecordBatchStream,
}

impl Iterator for QueryReader<'_> {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.runtime.block_on(self.stream.next());
        batch.map(|batch| batch.map_err(|error| of_execution(error).into()))
    }
}

impl RecordBatchReader for QueryReader<'_> {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

/// Unwraps this crate's own error, if that is what DataFusion carries.
fn ours(error: DataFusionError) -> std::result::Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => unwrap(inner).map_err(DataFusionError::External),
        DataFusionError::ArrowError(inner, backtrace) => match *inner {
            ArrowError::ExternalError(external) => unwrap(external).map_err(|other| {
                DataFusionError::ArrowError(Box::new(ArrowError::ExternalError(other)), backtrace)
            }),
            other => Err(DataFusionError::ArrowError(Box::new(other), backtrace)),
        },
        DataFusionError::Context(context, inner) => {
            ours(*inner).map_err(|inner| DataFusionError::Context(context, Box::new(inner)))
        }
        DataFusionError::Diagnostic(diagnostic, inner) => {
            ours(*inner).map_err(|inner| DataFusionError::Diagnostic(diagnostic, Box::new(inner)))
        }
        other => Err(other),
    }
}

type Boxed = Box<dyn std::error::Error + Send + Sync>;

fn unwrap(error: Boxed) -> std::result::Result<Error, Boxed> {
    let error = match error.downcast::<SqlError>() {
        Ok(carried) => return Ok(carried.0),
        Err(other) => other,
    };
    error.downcast::<Error>().map(|ours| *ours)
}

pub(super) fn of_planning(error: DataFusionError) -> Error {
    ours(error).unwrap_or_else(|error| Error::BadQuery {
        problem: error.strip_backtrace(),
    })
}

pub(super) fn of_execution(error: DataFusionError) -> Error {
    ours(error).unwrap_or_else(|error| Error::external("the query failed", error))
}
