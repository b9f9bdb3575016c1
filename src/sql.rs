//! Answers SQL over scans and groups with DataFusion.
//!
//! [`Session`] is for callers that are not async. In a `SessionContext` of one's own, [`register_all`] adds the functions,
//! and [`register`] the tables of a file: `scan`, `groups`, `group_members`, `neighbors`, `scans`, `probe`, `object` and
//! `arrays`. [`query`] runs one statement with batches sized by bytes. The page `docs/sql.md` describes tables and
//! functions.

mod context;
pub(crate) mod csv;
mod deferred;
mod error;
mod exec;
mod external;
mod files;
mod filter;
pub(crate) mod functions;
mod groups;
mod hints;
mod neighbors;
mod parse;
mod predicate;
mod query;
mod recent;
mod refuse;
mod register;
mod relation;
mod schema;
mod session;
mod source;
mod sources;
mod table;
mod tensors;
mod terms;
#[cfg(test)]
mod tests;

pub use datafusion::sql::parser::Statement;

pub use context::{SessionOptions, context, register_all};
pub use error::SqlError;
pub use exec::NpzScanExec;
pub use files::{FileFormat, register_file};
pub use groups::GroupQuery;
pub use neighbors::{NeighborsQuery, OtherScan};
pub use parse::statements;
pub use predicate::scan_points;
pub use query::{query, run};
pub use register::{RegisterOptions, register, register_npz};
pub use session::{QueryReader, Session};
use source::open_relation;
pub use source::{Relation, TableSource};
pub use table::NpzTable;
pub use terms::SqlTerms;
