//! Holds all integration tests in one binary, so that DataFusion is linked once.

#![allow(clippy::unwrap_used)] // a test that cannot go on should say where

#[macro_use]
mod properties;

mod clean;
mod cli;
mod conformance;
mod container;
mod display;
mod export;
#[cfg(target_os = "linux")]
mod extremes;
mod formats;
mod functions;
mod fuzz;
mod goldens;
mod group;
#[cfg(target_os = "linux")]
mod kill;
mod language;
mod layers;
mod notes;
mod npz;
mod object;
#[cfg(unix)]
mod outputs;
#[path = "../../src/npz/pack.rs"]
mod pack;
mod pixels;
mod private;
mod probes;
mod public;
mod refusals;
mod relation;
mod scan;
mod shapes;
mod shell;
mod source;
mod sparse;
mod sql;
mod support;
mod unpaired;
mod unreadable;
