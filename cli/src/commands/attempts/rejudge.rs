//! `containrlab attempts rejudge`.

use std::collections::HashMap;
use std::time::Duration;

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::attempt::{Comparison, Difference};
use containrlab_domain::ids::{JobId, LabRef, LabSlug, RequestId};
use containrlab_store::{AttemptRow, JudgementRow, RejudgePlan, Store, StoreError};
use uuid::Uuid;

use super::RejudgeArgs;
use super::report::{Line, Report};
use super::target;
use crate::commands::{databases, json};
use crate::failure::Failure;
use crate::settings::Environment;

/// Between two looks at what is done.
const LOOK: Duration = Duration::from_millis(500);

/// An attempt whose further verdict is awaited.
struct Awaited {
    attempt: AttemptRow,
    because: Vec<Difference>,
    job: JobId,
}

/// Judges again what is not up to date, and waits for it.
pub(super) async fn run(environment: &Environment, args: &RejudgeArgs) -> Result<u8, Failure> {
    let slug = LabSlug::new(args.lab.clone()).map_err(|error| Failure::Usage(format!("--lab: {error}.")))?;
    let store = databases::connect(environment).await?;
    let lab = target::find(environment, &store, &slug, args.version.as_deref()).await?;
    let kits = store.judge_kits().await?;
    if kits.is_empty() {
        return Err(Failure::Plain(
            "No runner is there that could judge. Start one with `containrlab runner`, then run this again."
                .to_owned(),
        ));
    }
    let plan = store.plan_rejudge(&lab, &kits).await?;
    let mut report = Report {
        lab: LabRef { slug, version: lab.version.clone() },
        dry_run: args.dry_run,
        up_to_date: plan.up_to_date,
        unjudged: plan.unjudged,
        attempts: Vec::new(),
    };
    if args.dry_run {
        report.attempts =
            plan.to_judge.iter().map(|(attempt, because)| line(attempt, because, None)).collect();
    } else {
        let awaited = request(&store, &report.lab, plan).await?;
        report.attempts = follow(&store, awaited).await?;
    }
    if args.json {
        println!("{}", json(&report)?)
    } else {
        report.print()
    }
    Ok(report.exit_code())
}

fn line(attempt: &AttemptRow, because: &[Difference], comparison: Option<Comparison>) -> Line {
    Line {
        attempt: attempt.attempt_id,
        learner: attempt.learner_id,
        number: attempt.number,
        because: because.to_vec(),
        comparison,
    }
}

/// Asks for the verdicts that are missing. What somebody else has asked for is only awaited.
async fn request(store: &Store, lab: &LabRef, plan: RejudgePlan) -> Result<Vec<Awaited>, Failure> {
    let by = Provenance { actor: Actor::System("operator"), request: RequestId(Uuid::now_v7()) };
    let mut awaited = Vec::new();
    for (attempt, judgement) in plan.under_way {
        awaited.extend(judgement.job_id.map(|job| Awaited { attempt, because: Vec::new(), job }));
    }
    for (attempt, because) in plan.to_judge {
        let job = match store.request_rejudge(&attempt, &lab.version, &by).await? {
            Some(job) => Some(job),
            // Somebody was quicker; theirs is the newest judgement.
            None => store.judgements_of(attempt.attempt_id).await?.first().and_then(|newest| newest.job_id),
        };
        awaited.extend(job.map(|job| Awaited { attempt, because, job }));
    }
    awaited.sort_by_key(|one| (one.attempt.submitted_at, one.attempt.attempt_id));
    Ok(awaited)
}

/// Waits until all have their verdict. Breaking it off stops nothing: the jobs are owed.
async fn follow(store: &Store, awaited: Vec<Awaited>) -> Result<Vec<Line>, Failure> {
    let jobs: Vec<JobId> = awaited.iter().map(|one| one.job).collect();
    let mut told = 0;
    let said = loop {
        let said: HashMap<JobId, JudgementRow> = match store.judgements_by(&jobs).await {
            Ok(rows) => {
                let said = rows.into_iter().filter(|row| row.verdict.is_some());
                said.filter_map(|row| Some((row.job_id?, row))).collect()
            }
            // The databases may be started anew meanwhile.
            Err(error) if error.is_unavailable() => HashMap::new(),
            Err(error) => return Err(error.into()),
        };
        if said.len() > told {
            told = said.len();
            eprintln!("{told} of {} judged", jobs.len());
        }
        if said.len() == jobs.len() {
            break said;
        }
        tokio::time::sleep(LOOK).await;
    };
    awaited.into_iter().map(|one| compared(&said, one)).collect()
}

fn compared(said: &HashMap<JobId, JudgementRow>, one: Awaited) -> Result<Line, Failure> {
    let newer = said.get(&one.job).and_then(|row| Some((row.verdict.as_ref()?, row.basis.as_ref())));
    let older = one.attempt.verdict.as_ref().map(|verdict| (verdict, one.attempt.basis.as_ref()));
    let (Some(newer), Some(older)) = (newer, older) else {
        return Err(StoreError::Damaged {
            what: format!("attempt {}", one.attempt.attempt_id),
            why: "it has lost a verdict".to_owned(),
        }
        .into());
    };
    let comparison = Comparison::between(older, newer);
    // What the verdict really rests on, rather than what was expected.
    let because = if newer.1.is_some() { comparison.because.clone() } else { one.because };
    Ok(line(&one.attempt, &because, Some(comparison)))
}
