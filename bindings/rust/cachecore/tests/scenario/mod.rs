//! The runner of scenarios.

pub mod runner;
pub mod words;
