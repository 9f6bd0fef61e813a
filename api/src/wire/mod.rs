//! The JSON of the API: one file a resource. These shapes are a promise to programs; rows and events may change behind
//! them.

mod attempt;
mod file;
mod hint;
mod job;
mod lab;
mod learner;
mod port;
pub(crate) mod session;
mod solution;
mod timeline;

pub(crate) use attempt::{AttemptDetail, AttemptJson, AttemptList, AttemptsQuery};
pub(crate) use file::{
    CreateFile, FileContent, FileItem, FileKind, FileList, FileQuery, RenameFile, VersionJson, WriteFile,
    WrittenFile,
};
pub(crate) use hint::{HintGroupJson, HintJson, HintList, HintRequest};
pub(crate) use job::{BuildRequest, ExecRequest, JobJson, JobList, LogJson, LogQuery, RunRequest};
pub(crate) use lab::{CheckJson, LabDetail, LabList, LabSummary, ProgressJson, StartRequest, StepJson};
pub(crate) use learner::{LearnerJson, LocalSignIn};
pub(crate) use port::{OpenPort, PortList};
pub(crate) use session::{SessionJson, SessionList};
pub(crate) use solution::SolutionJson;
pub(crate) use timeline::{EntryJson, TimelineJson, TimelineQuery};

use serde::Serialize;
use utoipa::ToSchema;

/// A failure (RFC 9457). Some have further members, such as the `session` that is in the way.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemJson {
    /// A URN with the code.
    pub(crate) r#type: String,
    /// Stable code.
    pub(crate) code: String,
    /// A few words.
    pub(crate) title: String,
    /// HTTP status.
    pub(crate) status: u16,
    /// A sentence that says what happened.
    pub(crate) detail: String,
    /// What to do about it.
    pub(crate) mend: Option<String>,
    /// To be named to whoever runs the installation.
    pub(crate) request_id: String,
}

/// Whether the parts of the platform answer.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthJson {
    /// `ok`.
    pub(crate) status: &'static str,
    /// `ok`.
    pub(crate) postgres: &'static str,
    /// `ok`.
    pub(crate) redis: &'static str,
}
