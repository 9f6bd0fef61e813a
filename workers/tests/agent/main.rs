//! The client and the agent against each other: real processes, real terminals, no Docker.
//!
//! The agent runs as `serve --as-is`: as whoever runs the tests and without an engine, or with a shell
//! command in its place. What needs another user, capabilities or a real engine is tested in real sandboxes.

mod engine;
mod exec;
mod files;
mod support;
mod tcp;
mod terminal;
mod watch;
