//! All integration tests in one binary: DataFusion is linked once.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

mod clean;
mod cli;
mod container;
mod export;
mod functions;
mod fuzz;
mod goldens;
mod group;
#[cfg(target_os = "linux")]
mod kill;
mod layers;
mod ndarray;
mod npz;
mod public;
mod relation;
mod scan;
mod shapes;
mod shell;
mod source;
mod sparse;
mod sql;
mod support;
