//! Sandboxes on the real engine. `make test` brings what these tests need.

mod bed;

mod agent;
mod engine;
mod isolation;
mod lifecycle;
mod stand_ins;
mod volumes;
mod warm;
