//! Sandboxes on the real engine. `make test` brings what these tests need.

mod bed;

mod agent;
mod crash;
mod engine;
mod escape;
mod isolation;
mod judge;
mod lifecycle;
mod stand_ins;
mod volumes;
mod warm;
