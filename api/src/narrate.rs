//! The ledger in words: one sentence for each event that a learner may want to know of.

use std::collections::HashMap;

use containrlab_domain::actor::RecordedActor;
use containrlab_domain::attempt::{Attempt, AttemptEvent, Basis, Difference};
use containrlab_domain::ids::JobId;
use containrlab_domain::job::JobOutcome;
use containrlab_domain::session::{Origin, Session, SessionEvent, Work};
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use containrlab_domain::workspace::{Workspace, WorkspaceEvent};
use containrlab_store::{SessionRow, TimelineEntry};
use containrlab_web_templates::{TimelineKind, words};
use cqrs_es::Aggregate;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::problem::sentence;
use crate::state::App;

/// What happened, in a sentence, and what kind of thing it is.
pub(crate) struct Told {
    /// What kind of thing.
    pub(crate) kind: TimelineKind,
    /// The sentence.
    pub(crate) text: String,
}

/// Tells the events of a session in their order, and remembers what later ones refer to.
#[derive(Debug, Default)]
pub(crate) struct Narrator {
    /// The titles of the lab's checks by their ids, as the lab is now.
    checks: HashMap<String, String>,
    /// What the jobs do, as far as their requests were told.
    jobs: HashMap<JobId, String>,
    /// What the verdicts on attempts rest on that were told.
    bases: HashMap<Uuid, Option<Basis>>,
}

impl Narrator {
    /// One who tells of this session.
    pub(crate) fn of(app: &App, session: &SessionRow) -> Self {
        let checks = app.labs.get(&session.lab.slug).into_iter().flat_map(|loaded| &loaded.lab.checks);
        let checks = checks.map(|check| (check.id.clone(), check.title.clone())).collect();
        Self { checks, ..Self::default() }
    }

    /// Tells an event; `None` for what is of no interest to a learner.
    pub(crate) fn tell(&mut self, entry: &TimelineEntry) -> Option<Told> {
        let payload = &entry.payload;
        let (kind, text) = match entry.aggregate_type.as_str() {
            Session::TYPE => self.session(read(payload)?)?,
            Workspace::TYPE => (TimelineKind::File, workspace(read(payload)?)),
            Attempt::TYPE => self.attempt(entry.aggregate_id, read(payload)?)?,
            _ => return None,
        };
        Some(Told { kind, text })
    }

    fn session(&mut self, event: SessionEvent) -> Option<(TimelineKind, String)> {
        match event {
            SessionEvent::JobRequested { job, work } => {
                let name = work_in_words(&work);
                let text = format!("{name} was asked for.");
                self.jobs.insert(job, name);
                Some((TimelineKind::Job, text))
            }
            SessionEvent::JobStarted { job, start_number, .. } if start_number > 1 => Some((
                TimelineKind::Job,
                format!("{} was started again (try {start_number}).", self.name(job)),
            )),
            SessionEvent::JobFinished { job, outcome } => {
                let kind = if outcome.succeeded() { TimelineKind::Success } else { TimelineKind::Failure };
                Some((kind, format!("{}: {}", self.name(job), outcome_sentence(&outcome))))
            }
            SessionEvent::HintShown { check, strength, .. } => {
                Some((TimelineKind::Hint, self.hint(check.as_deref(), strength)))
            }
            event => session(event),
        }
    }

    fn attempt(&mut self, attempt: Uuid, event: AttemptEvent) -> Option<(TimelineKind, String)> {
        let told = match &event {
            AttemptEvent::Rejudged { verdict, basis: Some(basis), .. } => {
                let before = self.bases.get(&attempt).map(|before| basis.differences(before.as_ref()));
                before.and_then(|differences| because(&differences)).map(|because| {
                    let text = format!("Judged again: {because}. {}", verdict_sentence(verdict));
                    (TimelineKind::Attempt, text)
                })
            }
            _ => None,
        };
        if let AttemptEvent::Judged { verdict, basis } | AttemptEvent::Rejudged { verdict, basis, .. } =
            &event
            && verdict.status != VerdictStatus::Inconclusive
        {
            self.bases.insert(attempt, basis.clone());
        }
        told.or_else(|| self::attempt(event))
    }

    fn hint(&self, check: Option<&str>, strength: u8) -> String {
        let title = |check| self.checks.get(check).map_or(check, String::as_str);
        let about = check.map_or_else(|| "the whole lab".to_owned(), |check| format!("“{}”", title(check)));
        format!("A hint on {about} was shown: {}.", words::strength(strength).to_lowercase())
    }

    fn name(&self, job: JobId) -> &str {
        self.jobs.get(&job).map_or("The job", String::as_str)
    }
}

/// By whose hand, in a word for the one who looks.
pub(crate) fn actor(actor: &RecordedActor) -> &'static str {
    match actor {
        RecordedActor::Learner(_) => "you",
        RecordedActor::Terminal(_) => "terminal",
        RecordedActor::System(_) => "system",
    }
}

/// An event of a version that this program does not know is told by nobody, which is better than wrongly.
fn read<T: DeserializeOwned>(payload: &Value) -> Option<T> {
    T::deserialize(payload).ok()
}

fn session(event: SessionEvent) -> Option<(TimelineKind, String)> {
    use TimelineKind::{Failure, Session};
    Some(match event {
        SessionEvent::Requested { origin: Origin::Starter, .. } => {
            (Session, "The lab was started from its starter files.".to_owned())
        }
        SessionEvent::Requested { origin: Origin::Continued { .. }, .. } => {
            (Session, "The lab was started from the files of an earlier session.".to_owned())
        }
        SessionEvent::ProvisioningStarted { start_number: 1, .. } => {
            (Session, "A sandbox is being prepared.".to_owned())
        }
        SessionEvent::ProvisioningStarted { start_number, .. } => {
            (Session, format!("A sandbox is being prepared (try {start_number})."))
        }
        SessionEvent::ProvisioningReleased { reason, .. } => {
            (Failure, format!("Preparing the sandbox did not work out ({reason}); it is tried again."))
        }
        SessionEvent::SandboxReady { .. } => (Session, "The sandbox is ready.".to_owned()),
        SessionEvent::Extended { by_seconds, .. } => {
            (Session, format!("The session was extended by {}.", words::millis(by_seconds * 1000)))
        }
        SessionEvent::TerminalOpened { terminal, .. } => {
            (Session, format!("The terminal {terminal} was opened."))
        }
        SessionEvent::TerminalClosed { terminal, exit_code } => {
            (Session, format!("The shell of the terminal {terminal} ended with {exit_code}."))
        }
        SessionEvent::SandboxTroubled { trouble } => (Failure, trouble.sentence().to_owned()),
        // What jobs do, and what hints are about, is told by the narrator, who knows their names. Of a beginning the outcome follows
        // soon.
        SessionEvent::HintShown { .. }
        | SessionEvent::JobRequested { .. }
        | SessionEvent::JobStarted { .. }
        | SessionEvent::JobFinished { .. }
        | SessionEvent::EndingStarted { .. } => return None,
        SessionEvent::EndRequested { .. } => {
            (Session, "The session is ending; its files are kept.".to_owned())
        }
        SessionEvent::Ended { reason } => (Session, reason.sentence()),
    })
}

fn work_in_words(work: &Work) -> String {
    match work {
        Work::Build { tag } => format!("A build of {tag}"),
        Work::Run { image, .. } => format!("A run of {image}"),
        Work::Exec { argv, .. } => {
            format!("The command {}", argv.join(" ").chars().take(80).collect::<String>())
        }
    }
}

/// How a job came out, in a sentence.
pub(crate) fn outcome_sentence(outcome: &JobOutcome) -> String {
    match outcome {
        JobOutcome::Exited { code: 0, milliseconds } => format!("Done in {}.", words::millis(*milliseconds)),
        JobOutcome::Exited { code, milliseconds } => {
            format!("Ended with exit code {code} after {}.", words::millis(*milliseconds))
        }
        JobOutcome::TimedOut { seconds } => {
            format!("Stopped at its limit of {}.", words::millis(seconds * 1000))
        }
        JobOutcome::Failed { detail, .. } => sentence(detail),
    }
}

fn workspace(event: WorkspaceEvent) -> String {
    match event {
        WorkspaceEvent::Opened { tree, .. } => {
            format!(
                "The workspace was opened with {}.",
                words::count(tree.files.len() as u64, "file", "files")
            )
        }
        WorkspaceEvent::FileWritten { path, entry } => {
            format!("{path} was saved ({}).", words::bytes(entry.size))
        }
        WorkspaceEvent::FolderCreated { path } => format!("The folder {path} was made."),
        WorkspaceEvent::Deleted { path } => format!("{path} was deleted."),
        WorkspaceEvent::Renamed { from, to } => format!("{from} was renamed to {to}."),
        WorkspaceEvent::NotKept { path, reason } => format!("{path} is not kept: {}", sentence(&reason)),
    }
}

fn attempt(event: AttemptEvent) -> Option<(TimelineKind, String)> {
    use TimelineKind::{Attempt, Failure, Hint, Success};
    Some(match event {
        AttemptEvent::Submitted { .. } => (Attempt, "An attempt was submitted.".to_owned()),
        AttemptEvent::JudgingStarted { start_number: 1, .. } => (Attempt, "The judge has begun.".to_owned()),
        AttemptEvent::JudgingStarted { start_number, .. } => {
            (Attempt, format!("The judge has begun again (try {start_number})."))
        }
        AttemptEvent::JudgingReleased { reason, .. } => {
            (Failure, format!("The judge could not go on ({reason}); it is tried again."))
        }
        AttemptEvent::RejudgeRequested { .. } => (
            Attempt,
            "The attempt is to be judged again; the verdict so far stays beside the new one.".to_owned(),
        ),
        // Who waits for a verdict that they have already?
        AttemptEvent::RejudgingStarted { .. } | AttemptEvent::RejudgingReleased { .. } => return None,
        AttemptEvent::Rejudged { verdict, .. } => {
            (Attempt, format!("Judged again. {}", verdict_sentence(&verdict)))
        }
        AttemptEvent::SessionSeen { facts: Some(_), .. } => {
            (Attempt, "The judge has looked at the session's own engine.".to_owned())
        }
        AttemptEvent::SessionSeen { facts: None, .. } => {
            (Failure, "The session was gone before the judge could look at it.".to_owned())
        }
        AttemptEvent::Judged { verdict, .. } => match verdict.status {
            VerdictStatus::Passed => (Success, verdict_sentence(&verdict)),
            _ => (Failure, verdict_sentence(&verdict)),
        },
        AttemptEvent::SolutionShown { leave: false } => (Hint, "The lab’s solution was shown.".to_owned()),
        AttemptEvent::SolutionShown { leave: true } => {
            (Hint, "The lab’s solution was shown, by an instructor’s leave.".to_owned())
        }
    })
}

/// Why a verdict was said anew, as a part of a sentence; `None` when nothing is different.
pub(crate) fn because(differences: &[Difference]) -> Option<String> {
    let reason = |difference: &Difference| match difference {
        Difference::Lab { .. } => "the lab has changed since".to_owned(),
        Difference::Judge { .. } => "the judge has changed since".to_owned(),
        Difference::Image { name } => format!("the image {name} has changed since"),
        Difference::Unknown => "nobody wrote down what the verdict before rested on".to_owned(),
    };
    let reasons: Vec<String> = differences.iter().map(reason).collect();
    (!reasons.is_empty()).then(|| reasons.join(", "))
}

/// A verdict in a sentence or two.
pub(crate) fn verdict_sentence(verdict: &Verdict) -> String {
    let words = verdict_words(verdict);
    match verdict.status {
        VerdictStatus::Passed => format!("Passed. {words}"),
        VerdictStatus::Failed => format!("Not yet. {words}"),
        VerdictStatus::Inconclusive => words,
    }
}

/// What is said of a verdict below its title.
pub(crate) fn verdict_words(verdict: &Verdict) -> String {
    let checks = verdict.checks.len() as u64;
    let findings = verdict.failures.len() as u64;
    match verdict.status {
        VerdictStatus::Passed if checks > 1 => format!("All {checks} checks are met."),
        VerdictStatus::Passed => "Everything is right.".to_owned(),
        VerdictStatus::Failed => format!("{} to look at.", words::count(findings, "finding", "findings")),
        VerdictStatus::Inconclusive => {
            "The judge could not tell, through no fault of yours. Submit again.".to_owned()
        }
    }
}
