//! Judges an attempt, or gives it back when the platform is at fault.

use std::sync::Arc;
use std::time::Duration;

use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{AttemptId, RecordingId};
use containrlab_domain::job::MAX_STARTS;
use containrlab_domain::judge::SESSION_GONE;
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use containrlab_store::{AttemptRow, JobRow};
use tokio_util::sync::CancellationToken;

use super::LogWriter;
use super::frame::{record, start};
use super::lease::Lease;
use crate::error::Error;
use crate::judge::{self, Judged};
use crate::runner::Runner;

/// Bytes of output that are kept of one judgement.
const LOG_LIMIT: usize = 4 << 20;

/// How long a judgement may take as a whole; its steps have limits of their own.
const LIMIT: Duration = Duration::from_secs(20 * 60);

pub(super) async fn work(runner: Arc<Runner>, row: JobRow) -> Result<(), Error> {
    let log = RecordingId(uuid::Uuid::now_v7());
    let started =
        start::<Attempt>(&runner, &row, |claim| AttemptCommand::StartJudging { job: row.job_id, claim, log })
            .await?;
    let Some(lease) = started else { return Ok(()) };
    let attempt = AttemptId(row.aggregate_id);
    if let Some(command) = look_first(&runner, attempt, &lease).await? {
        record::<Attempt>(&runner, &lease, attempt.0, command).await;
        return Ok(());
    }
    let never = CancellationToken::new();
    let work = tokio::time::timeout(LIMIT, judge_attempt(&runner, &row, &lease, log));
    let command = match lease.hold(&runner, &never, work).await {
        Ok(Ok(Ok(judged))) => conclude(&lease, judged),
        Ok(Ok(Err(error))) => {
            tracing::error!(%attempt, %error, start = lease.start_number, "an attempt could not be judged");
            conclude(&lease, platform_fault(error.code()))
        }
        Ok(Err(_)) => {
            tracing::error!(%attempt, "a judgement took too long");
            conclude(&lease, platform_fault("judge_timed_out"))
        }
        // One try to give it back; otherwise its lease runs out.
        Err(why) => {
            tracing::info!(%attempt, ?why, "a judgement was let go");
            AttemptCommand::ReleaseJudging { lease: lease.id, reason: "runner_stopped".to_owned() }
        }
    };
    record::<Attempt>(&runner, &lease, attempt.0, command).await;
    Ok(())
}

/// What to record when the session's own engine has to be looked at before: that is this runner's work when it holds the
/// session, and nobody's when the session is gone. The judging itself is a start of its own.
async fn look_first(
    runner: &Arc<Runner>,
    attempt: AttemptId,
    lease: &Lease,
) -> Result<Option<AttemptCommand>, Error> {
    let row = attempt_row(runner, attempt).await?;
    if !row.looks_at_session || row.session_seen.is_some() {
        return Ok(None);
    }
    let Some(held) = runner.held(row.session_id) else {
        return Ok(Some(AttemptCommand::RecordSession { lease: lease.id, facts: None }));
    };
    Ok(Some(match judge::look(&held.sandbox.agent).await {
        Ok(facts) => AttemptCommand::RecordSession { lease: lease.id, facts: Some(facts) },
        Err(error) => {
            tracing::warn!(%attempt, %error, "a session could not be looked at");
            AttemptCommand::ReleaseJudging { lease: lease.id, reason: "session_unreachable".to_owned() }
        }
    }))
}

async fn attempt_row(runner: &Runner, attempt: AttemptId) -> Result<AttemptRow, Error> {
    runner.store.attempt(attempt).await?.ok_or(Error::Busy("the attempt is not in the read model yet"))
}

async fn judge_attempt(
    runner: &Arc<Runner>,
    job: &JobRow,
    lease: &Lease,
    log: RecordingId,
) -> Result<Judged, Error> {
    let row = attempt_row(runner, AttemptId(job.aggregate_id)).await?;
    let again = runner.store.judgement_by(job.job_id).await?;
    let version = again.as_ref().map_or(&row.lab.version, |judgement| &judgement.lab_version);
    let lab = judge::lab_of(runner, &row.lab.slug, version, again.is_some()).await?;
    let mut log = LogWriter::open(runner.store.clone(), log, row.session_id, LOG_LIMIT).await?;
    let judged = match lab {
        Ok(lab) => judge::judge(runner, &row, lab, lease.id, &mut log).await,
        Err(verdict) => Ok(Judged { verdict, basis: None }),
    };
    log.close().await;
    judged
}

/// A verdict is said; one that the platform could not reach is tried again a few times first.
fn conclude(lease: &Lease, Judged { verdict, basis }: Judged) -> AttemptCommand {
    let code = verdict.failures.first().map_or("inconclusive", |finding| &finding.code);
    let may_come_right = verdict.status == VerdictStatus::Inconclusive && code != SESSION_GONE;
    if may_come_right && lease.start_number < MAX_STARTS {
        let reason = code.to_owned();
        return AttemptCommand::ReleaseJudging { lease: lease.id, reason };
    }
    AttemptCommand::Judge { lease: lease.id, verdict, basis }
}

fn platform_fault(code: &str) -> Judged {
    let verdict = Verdict::inconclusive(
        code,
        "The judge could not do its work: the platform had a fault.",
        "This is not your doing and does not count. Submit again in a moment.",
    );
    Judged { verdict, basis: None }
}
