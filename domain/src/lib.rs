//! What ContainrLab is about, free of everything that it runs on.
//!
//! Aggregates decide which events a command leads to; the lab format, the Dockerfile and `.dockerignore` readers
//! and the judge decide what an attempt is worth. Nothing in here does I/O, reads a clock, draws a random number or
//! needs an async runtime: ids come in as arguments, and time belongs to the ledger, which stamps each event with
//! PostgreSQL's clock. Events therefore carry durations, never points in time.
//!
//! # Architecture invariant
//!
//! This crate depends on no other crate of the workspace, and every other one may depend on it.

pub mod actor;
pub mod attempt;
pub mod context;
pub mod dockerfile;
pub mod ids;
pub mod job;
pub mod judge;
pub mod lab;
pub mod learner;
pub mod session;
pub mod verdict;
pub mod workspace;
