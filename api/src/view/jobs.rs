//! Build, Run and Submit, and the jobs they started.

use containrlab_domain::job::{JobKind, JobOutcome};
use containrlab_domain::session::Phase;
use containrlab_store::{AttemptRow, AttemptState, JobRow as StoredJob, JobRowState, SessionRow};
use containrlab_web_templates::{Action, JobKind as ShownKind, JobRow, JobState, JobsPartial, words};

use crate::narrate;

/// The action bar and the latest jobs. `jobs` newest first.
pub(crate) fn jobs(
    session: &SessionRow,
    jobs: &[StoredJob],
    attempts: &[AttemptRow],
    key: &str,
) -> JobsPartial {
    let running = |kind: JobKind| jobs.iter().any(|job| job.kind == kind && job.state != JobRowState::Done);
    let judging = attempts
        .iter()
        .any(|attempt| attempt.session_id == session.session_id && attempt.state != AttemptState::Judged);
    let blocked = match session.phase {
        Phase::Unborn | Phase::Starting => Some("Your sandbox is not ready yet."),
        Phase::Ready => None,
        Phase::Ending | Phase::Ended => Some("This session has ended."),
    };
    let works = [JobKind::Build, JobKind::Run, JobKind::Exec].into_iter().any(running);
    let action = |name: &str, busy: bool, others: Option<&str>| Action {
        idempotency_key: format!("{key}-{name}"),
        busy,
        blocked: blocked.or(if busy { None } else { others }).map(str::to_owned),
    };
    let waits = works.then_some("Another job is running; wait until it is done.");
    JobsPartial {
        session_id: session.session_id.to_string(),
        build: action("build", running(JobKind::Build), waits),
        run: action("run", running(JobKind::Run), waits),
        submit: action("submit", judging, None),
        jobs: jobs.iter().filter_map(row).collect(),
    }
}

fn row(job: &StoredJob) -> Option<JobRow> {
    let kind = match job.kind {
        JobKind::Build => ShownKind::Build,
        JobKind::Run => ShownKind::Run,
        JobKind::Exec => ShownKind::Exec,
        JobKind::Judge => ShownKind::Judge,
        JobKind::Provision | JobKind::End => return None,
    };
    let state = match (job.state, &job.outcome) {
        (JobRowState::Owed | JobRowState::Queued, _) => JobState::Waiting,
        (JobRowState::Held, _) => JobState::Running,
        // A judgement has its verdict in place of an outcome.
        (JobRowState::Done, None) => JobState::Succeeded,
        (JobRowState::Done, Some(outcome)) if outcome.succeeded() => JobState::Succeeded,
        (JobRowState::Done, Some(JobOutcome::Failed { .. })) => JobState::Stopped,
        (JobRowState::Done, Some(_)) => JobState::Failed,
    };
    let detail = match &job.outcome {
        Some(JobOutcome::Exited { code, .. }) if *code != 0 => format!("exit code {code}"),
        Some(JobOutcome::TimedOut { seconds }) => {
            format!("stopped at its limit of {}", words::millis(seconds * 1000))
        }
        Some(outcome @ JobOutcome::Failed { .. }) => narrate::outcome_sentence(outcome),
        _ => String::new(),
    };
    let millis = match &job.outcome {
        Some(JobOutcome::Exited { milliseconds, .. }) => Some(*milliseconds),
        _ => match (job.started_at, job.finished_at) {
            (Some(from), Some(to)) => u64::try_from(to.duration_since(from).as_millis()).ok(),
            _ => None,
        },
    };
    Some(JobRow { id: job.job_id.to_string(), kind, state, detail, millis })
}
