//! From rows to what the templates show. Nothing here reads; whoever calls hands in what was read.

mod attempts;
mod files;
mod hints;
mod jobs;
mod judgements;
mod labs;
mod log;
mod ports;
mod solution;
mod status;
mod timeline;
mod verdict;

pub(crate) use attempts::attempt_rows;
pub(crate) use files::files;
pub(crate) use hints::hints;
pub(crate) use jobs::jobs;
pub(crate) use judgements::{basis_words, earlier_verdicts};
pub(crate) use labs::{lab_card, lab_checks, lab_steps};
pub(crate) use log::{LogLines, heading, system_line};
pub(crate) use ports::ports;
pub(crate) use solution::{solution_files, solution_standing};
pub(crate) use status::status;
pub(crate) use timeline::timeline_row;
pub(crate) use verdict::{current, verdict};

use uuid::Uuid;

/// A fresh key for a form, so that a double click counts once.
pub(crate) fn fresh_key() -> String {
    Uuid::new_v4().simple().to_string()
}
