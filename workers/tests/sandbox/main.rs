//! Sandboxes on the real engine. `make test` brings what these tests need.

mod bed;
#[path = "../support/few_images.rs"]
mod few_images;

mod agent;
mod crash;
mod engine;
mod escape;
mod isolation;
mod judge;
mod lifecycle;
mod names;
mod outside;
mod refusals;
mod site;
mod stand_ins;
mod volumes;
mod warm;
