//! The runner on the real PostgreSQL and Redis. Most tests put agents that are plain processes in the place of containers;
//! `whole` does everything once with the real engine. `make test` brings what they need.

mod client;
mod house;

mod jobs;
mod ports;
mod rejudge;
mod restarts;
mod terminals;
mod troubles;
mod warm;
mod whole;
mod workspaces;
