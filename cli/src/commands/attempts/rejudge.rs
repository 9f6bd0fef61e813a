//! `containrlab attempts rejudge`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::attempt::{Comparison, Difference, JudgeKit};
use containrlab_domain::ids::{AttemptId, JobId, LabRef, LabSlug, LabVersion, RequestId};
use containrlab_domain::lab::Lab;
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

/// What is owed once all have been asked.
#[derive(Default)]
struct Owed {
    /// By the version that is wanted.
    ours: Vec<Awaited>,
    /// By another version, that somebody else wants.
    others: BTreeMap<AttemptId, JobId>,
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
        checks: lab.checks.iter().map(|check| (check.id.clone(), check.title.clone())).collect(),
    };
    if args.dry_run {
        report.attempts =
            plan.to_judge.iter().map(|(attempt, because)| line(attempt, because, None)).collect();
    } else {
        report.attempts = judge_again(&store, &lab, &kits, plan).await?;
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

/// Sees to it that all have a verdict by this version of the lab. Where one by another version is owed, that is said first, and then
/// this one.
async fn judge_again(
    store: &Store,
    lab: &Lab,
    kits: &[JudgeKit],
    mut plan: RejudgePlan,
) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    loop {
        let Owed { ours, others } = request(store, &lab.version, plan).await?;
        if !ours.is_empty() {
            eprintln!("{} verdicts are owed", ours.len());
        }
        lines.extend(follow(store, ours).await?);
        if others.is_empty() {
            return Ok(lines);
        }
        eprintln!(
            "{} are being judged by another version of the lab; this one's turn is after that",
            others.len()
        );
        until_said(store, &others.values().copied().collect::<Vec<_>>()).await?;
        plan = store.plan_rejudge(lab, kits).await?;
        plan.to_judge.retain(|(attempt, _)| others.contains_key(&attempt.attempt_id));
        plan.under_way.retain(|(attempt, _)| others.contains_key(&attempt.attempt_id));
    }
}

/// Asks for the verdicts that are missing, as far as none is owed already.
async fn request(store: &Store, version: &LabVersion, plan: RejudgePlan) -> Result<Owed, Failure> {
    let by = Provenance { actor: Actor::System("operator"), request: RequestId(Uuid::now_v7()) };
    let mut owed = Owed::default();
    for (attempt, judgement) in plan.under_way {
        owed.add(attempt, Vec::new(), &judgement, version);
    }
    for (attempt, because) in plan.to_judge {
        if let Some(job) = store.request_rejudge(&attempt, version, &by).await? {
            owed.ours.push(Awaited { attempt, because, job });
        } else if let Some(newest) = store.judgements_of(attempt.attempt_id).await?.first() {
            // Somebody was quicker.
            owed.add(attempt, because, newest, version);
        }
    }
    owed.ours.sort_by_key(|one| (one.attempt.submitted_at, one.attempt.attempt_id));
    Ok(owed)
}

impl Owed {
    /// Somebody has asked for this judgement already.
    fn add(
        &mut self,
        attempt: AttemptRow,
        because: Vec<Difference>,
        judgement: &JudgementRow,
        version: &LabVersion,
    ) {
        let Some(job) = judgement.job_id else { return };
        if judgement.lab_version == *version {
            self.ours.push(Awaited { attempt, because, job });
        } else {
            self.others.insert(attempt.attempt_id, job);
        }
    }
}

/// Waits until all have their verdict.
async fn follow(store: &Store, awaited: Vec<Awaited>) -> Result<Vec<Line>, Failure> {
    let jobs: Vec<JobId> = awaited.iter().map(|one| one.job).collect();
    let said = until_said(store, &jobs).await?;
    awaited.into_iter().map(|one| compared(&said, one)).collect()
}

/// Waits until these jobs have said their verdicts. Breaking it off stops nothing: they are owed.
async fn until_said(store: &Store, jobs: &[JobId]) -> Result<HashMap<JobId, JudgementRow>, Failure> {
    let mut told = 0;
    loop {
        let said: HashMap<JobId, JudgementRow> = match store.judgements_by(jobs).await {
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
            return Ok(said);
        }
        tokio::time::sleep(LOOK).await;
    }
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
