//! Runs SQL for callers that are not async: a context with threads of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchReader};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::execution::context::SessionContext;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::StreamExt;
use tokio::runtime::{Builder, Handle, Runtime};

use super::error::{of_execution, of_planning};
use super::query::{Started, notices, only_statement, start};
use super::sources::sources;
use super::{
    FileFormat, RegisterOptions, SessionOptions, Statement, context, register, register_file,
    register_npz, statements,
};
use crate::error::{Error, Notice, Result};
use crate::npz::NpzFile;
use crate::scan::ScanOptions;

/// Runs queries over files, without async: a context and the threads it runs on.
///
/// ```
/// use ptychoarrow::sql::Session;
/// let session = Session::try_new(None, &Default::default())?;
/// session.register("public", "tests/data/siemens_star.npz".as_ref(), &Default::default())?;
/// let mut rows = 0;
/// for batch in session.query("SELECT scan_point, x, y FROM scan WHERE y < 100")? {
///     rows += batch?.num_rows();
/// }
/// assert_eq!(rows, 108);
/// # Ok::<_, ptychoarrow::Error>(())
/// ```
///
/// # Inside a tokio runtime
/// Every method can be called there, on a runtime of either kind: the query runs on the session's own threads, and the
/// calling thread is blocked meanwhile. Async code that must not block calls [`register`] and
/// [`query`](super::query) on a `SessionContext` instead.
pub struct Session {
    context: SessionContext,
    threads: Arc<Threads>,
}

impl Session {
    /// Creates a session on this many threads, all cores by default; its table functions open files as `options` say.
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

    /// Creates a session with all options.
    ///
    /// # Errors
    /// As [`Session::try_new`].
    pub fn try_new_with(options: &SessionOptions) -> Result<Self> {
        Ok(Self {
            context: context(options)?,
            threads: Arc::new(Threads::try_new(options.threads)?),
        })
    }

    /// Returns the context, in which more can be registered.
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

    /// Registers all tables of a file that is open; see [`register_npz`].
    ///
    /// # Errors
    /// As [`register_npz`].
    pub fn register_npz(
        &self,
        schema: &str,
        npz: &Arc<NpzFile>,
        options: &RegisterOptions,
    ) -> Result<()> {
        register_npz(&self.context, schema, npz, options)
    }

    /// Registers an Arrow, Parquet or CSV file as a table; see [`register_file`].
    ///
    /// # Errors
    /// As [`register_file`].
    pub fn register_file(&self, name: &str, path: &Path, format: FileFormat) -> Result<()> {
        self.threads
            .block_on(register_file(&self.context, name, path, format))?
    }

    /// Parses the statements of a text, which semicolons separate.
    ///
    /// # Errors
    /// [`Error::BadQuery`] if one cannot be parsed.
    pub fn statements(&self, sql: &str) -> Result<Vec<Statement>> {
        statements(sql).map_err(of_planning)
    }

    /// Returns the files that a statement's rows would be made of: those of the tables that it names, through views too.
    /// The statement is planned and not started.
    ///
    /// # Errors
    /// [`Error::BadQuery`] if it cannot be planned; if a file that it names cannot be opened.
    pub fn sources(&self, statement: &Statement) -> Result<Vec<PathBuf>> {
        let files = sources(&self.context, statement.clone());
        self.threads.block_on(files)?.map_err(of_planning)
    }

    /// Runs a statement of [`Session::statements`].
    ///
    /// # Errors
    /// As [`Session::query`].
    pub fn run(&self, statement: Statement) -> Result<QueryReader> {
        self.read(start(&self.context, statement))
    }

    /// Runs a query, whose rows come as they are computed.
    ///
    /// # Errors
    /// [`Error::BadQuery`] if it cannot be planned; the table's own error if that is at fault.
    pub fn query(&self, sql: &str) -> Result<QueryReader> {
        let statement = only_statement(sql).map_err(of_planning)?;
        self.read(start(&self.context, statement))
    }

    fn read(
        &self,
        started: impl Future<Output = datafusion::error::Result<Started>> + Send,
    ) -> Result<QueryReader> {
        let Started { stream, plan } = self.threads.block_on(started)?.map_err(of_planning)?;
        Ok(QueryReader {
            schema: stream.schema(),
            stream,
            plan,
            threads: Arc::clone(&self.threads),
        })
    }
}

/// Reads the rows of a query.
///
/// It does not borrow from the session and may outlive it, so it can be boxed as `Box<dyn RecordBatchReader + Send>`:
/// what arrow's `FFI_ArrowArrayStream::new` (feature `ffi` of arrow) takes to hand rows out to another language.
pub struct QueryReader {
    schema: SchemaRef,
    stream: SendableRecordBatchStream,
    plan: Option<Arc<dyn ExecutionPlan>>,
    threads: Arc<Threads>,
}

impl QueryReader {
    /// Returns what the tables of the query have to say that its user should know, as far as it is known by now: more
    /// may be known once the rows were read.
    pub fn notices(&self) -> Vec<Notice> {
        self.plan.as_ref().map_or_else(Vec::new, notices)
    }
}

impl Iterator for QueryReader {
    type Item = std::result::Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.threads.block_on(self.stream.next()) {
            Ok(batch) => batch.map(|batch| batch.map_err(|error| of_execution(error).into())),
            Err(error) => Some(Err(error.into())),
        }
    }
}

impl RecordBatchReader for QueryReader {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

/// Holds the threads that the queries of a session run on, for as long as the session or any of its readers is there.
struct Threads {
    handle: Handle,
    /// The runtime itself, until it is dropped.
    runtime: Option<Runtime>,
}

impl Threads {
    fn try_new(threads: Option<usize>) -> Result<Self> {
        let mut builder = Builder::new_multi_thread();
        if let Some(threads) = threads {
            // The builder takes at least one.
            builder.worker_threads(threads.max(1));
        }
        let runtime = builder
            .build()
            .map_err(|e| Error::external("cannot start threads for SQL", e))?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// Waits for a future. A thread that belongs to a runtime must not wait for another one: there, a thread is started
    /// that does.
    fn block_on<F>(&self, future: F) -> Result<F::Output>
    where
        F: Future + Send,
        F::Output: Send,
    {
        if Handle::try_current().is_err() {
            return Ok(self.handle.block_on(future));
        }
        std::thread::scope(|scope| {
            let waiting = std::thread::Builder::new()
                .spawn_scoped(scope, || self.handle.block_on(future))
                .map_err(|e| Error::external("cannot start a thread for SQL", e))?;
            waiting
                .join()
                .map_err(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Threads {
    /// Does not wait for the threads, since a thread that belongs to a runtime must not.
    fn drop(&mut self) {
        self.runtime
            .take()
            .into_iter()
            .for_each(Runtime::shutdown_background);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIEMENS: &str = "tests/data/siemens_star.npz";

    fn session() -> Session {
        let session = Session::try_new(Some(2), &ScanOptions::default()).unwrap();
        session
            .register("public", SIEMENS.as_ref(), &RegisterOptions::default())
            .unwrap();
        session
    }

    fn count(reader: impl RecordBatchReader) -> usize {
        reader.map(|batch| batch.unwrap().num_rows()).sum()
    }

    #[test]
    fn a_reader_outlives_its_session_and_goes_to_another_thread() {
        let reader: Box<dyn RecordBatchReader + Send> =
            Box::new(session().query("SELECT x, diffraction FROM scan").unwrap());
        let counted = std::thread::spawn(move || count(reader)).join().unwrap();
        assert_eq!(counted, 516);
    }

    #[test]
    fn a_session_works_inside_a_runtime_of_either_kind() {
        let use_it = || {
            let session = session();
            let sql = "SELECT s.diffraction FROM scan s JOIN group_members m USING (scan_point) \
                       WHERE m.slot = 0";
            let rows = count(session.query(sql).unwrap());
            let error = session.query("SELECT nope FROM scan").err().unwrap();
            assert!(matches!(error, Error::BadQuery { .. }), "{error}");
            // The session, and its runtime, are dropped inside the other runtime.
            rows
        };
        let kinds = [Builder::new_current_thread(), Builder::new_multi_thread()];
        for mut kind in kinds {
            let runtime = kind.build().unwrap();
            assert_eq!(runtime.block_on(async { use_it() }), 516);
            let spawned = runtime.block_on(async { tokio::spawn(async move { use_it() }).await });
            assert_eq!(spawned.unwrap(), 516);
        }
    }

    #[test]
    fn a_panic_inside_a_runtime_is_passed_on() {
        let threads = Threads::try_new(Some(1)).unwrap();
        let runtime = Builder::new_current_thread().build().unwrap();
        let caught = std::panic::catch_unwind(|| {
            runtime.block_on(async { threads.block_on(async { panic!("on purpose") }) })
        });
        assert!(caught.is_err());
    }
}
