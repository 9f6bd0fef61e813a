//! The runner on the real PostgreSQL and Redis. Most tests put agents that are plain processes in the place of containers;
//! `whole` does everything once with the real engine. `make test` brings what they need.

mod client;
#[path = "../support/few_images.rs"]
mod few_images;
mod gateway;
mod house;
mod own_engine;

mod commands;
mod disk;
mod host_engine;
mod jobs;
mod lying_tools;
mod ports;
mod rejudge;
mod restarts;
mod terminals;
mod troubles;
mod warm;
mod whole;
mod workspaces;
