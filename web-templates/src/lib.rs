//! What a person sees: askama templates, the plain structs that fill them, and the static files of the pages.
//!
//! One file here per page or partial, and a template of the same name under `templates/`. The structs hold plain
//! data (strings, numbers, lists), so that this crate knows nothing of ledgers and engines; the api fills them.
//!
//! - A **page** ([`LabsPage`], [`SessionPage`] …) is a whole document and carries a [`Shell`] (title, viewer, nav).
//! - A **partial** ([`StatusPartial`], [`LogPartial`] …) is a part of the session page that stays live. The page
//!   includes it, and the api sends the very same partial as a server-sent event; see [`live`] for the protocol.
//! - [`static_files`] holds the embedded CSS, JavaScript and vendored libraries.
//!
//! # Architecture invariant
//!
//! No logic beyond display: nothing in here decides what a person may do; it is told.

mod ansi;
mod attempt;
mod attempts;
mod error;
mod files;
mod hints;
mod html;
mod jobs;
mod lab;
mod labs;
mod layout;
pub mod live;
mod log;
mod marked;
mod ports;
mod preview_notice;
mod session;
mod sign_in;
mod solution;
pub mod static_files;
mod status;
mod timeline;
mod verdict;
pub mod words;

pub use askama::Template;
pub use attempt::{AttemptPage, EarlierVerdict};
pub use attempts::{AttemptRow, AttemptState, AttemptsPage};
pub use error::ErrorPage;
pub use files::{FileEntry, FilesPartial};
pub use hints::{HintGroup, HintsPartial, ShownHint};
pub use html::TrustedHtml;
pub use jobs::{Action, JobKind, JobRow, JobState, JobsPartial};
pub use lab::{LabCheck, LabPage, LabStep, SolutionStanding, StartChoice};
pub use labs::{LabCard, LabProgress, LabsPage, Prerequisite};
pub use layout::{Nav, Shell, Viewer};
pub use log::{LogChunk, LogLine, LogPartial, LogStream};
pub use ports::PortsPartial;
pub use preview_notice::PreviewNotice;
pub use session::SessionPage;
pub use sign_in::SignInPage;
pub use solution::{DiffKind, DiffLine, FileStanding, SolutionFile, SolutionPage};
pub use static_files::asset_url;
pub use status::{Stage, StatusPartial};
pub use timeline::{TimelineKind, TimelinePartial, TimelineRow};
pub use verdict::{
    Change, CheckOutcome, CheckRow, CurrentVerdict, Finding, JudgedAgain, Metric, ReadMore, Tone, Verdict,
    VerdictPartial,
};
