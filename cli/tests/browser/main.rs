//! The main job, as a person does it: in a real Chromium, on the real system.
//!
//! With SCREENSHOTS_DIR set, pictures of all pages are kept there.

mod driver;
mod main_job;
mod page;
mod pages;
mod preview;
mod session;
#[path = "../support/mod.rs"]
mod support;
