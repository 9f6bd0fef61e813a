//! The real router on a loopback port, with the real PostgreSQL and Redis. What a runner does is done by executing the runner's
//! commands on the ledger; where the api speaks to a runner's gateway, a stand-in speaks the real protocol over a
//! real socket.

mod attempts;
mod auth;
mod bad_input;
mod events;
mod files;
mod flow;
mod health;
mod hints;
mod idempotency;
mod jobs;
mod labs;
mod openapi;
mod pages;
mod preview;
mod security;
mod sessions;
mod solution;
mod support;
mod terminal;
