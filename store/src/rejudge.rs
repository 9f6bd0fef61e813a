//! Judging the stored attempts of a lab again: which of them, and what is owed for that.

use std::collections::BTreeMap;

use containrlab_domain::actor::Provenance;
use containrlab_domain::attempt::{Attempt, AttemptCommand, AttemptError, Difference, JudgeKit};
use containrlab_domain::ids::{AttemptId, JobId, LabSlug, LabVersion};
use containrlab_domain::lab::Lab;
use sha2::{Digest, Sha256};

use crate::ledger::CommandError;
use crate::{AttemptRow, AttemptState, JudgementRow, Store, StoreError};

/// What is to be done with a lab's attempts so that each has a verdict that rests on today's judge and one version of the lab.
#[derive(Debug, Clone, Default)]
pub struct RejudgePlan {
    /// Attempts that a further verdict is to be asked for, oldest first, each with what its newest verdict does not rest on.
    pub to_judge: Vec<(AttemptRow, Vec<Difference>)>,
    /// Attempts whose further verdict is owed already, with that judgement.
    pub under_way: Vec<(AttemptRow, JudgementRow)>,
    /// Attempts whose newest verdict is the one that a judgement would give.
    pub up_to_date: usize,
    /// Attempts that wait for their first verdict.
    pub unjudged: usize,
}

impl Store {
    /// With what the runners that are alive judge, each kind once. A verdict that rests on any of them is up to date.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all methods here.
    pub async fn judge_kits(&self) -> Result<Vec<JudgeKit>, StoreError> {
        let mut kits: Vec<JudgeKit> = Vec::new();
        for runner in self.runners().await?.into_iter().filter(|runner| runner.alive) {
            kits.extend(runner.kit.filter(|kit| !kits.contains(kit)));
        }
        Ok(kits)
    }

    /// Looks at all attempts of a lab. `lab` is the version that they are to be judged by, `kits` is with what.
    ///
    /// # Errors
    /// See [`Store::judge_kits`].
    pub async fn plan_rejudge(&self, lab: &Lab, kits: &[JudgeKit]) -> Result<RejudgePlan, StoreError> {
        let mut open = self.open_judgements(&lab.slug).await?;
        let mut plan = RejudgePlan::default();
        let condition = "lab_slug = $1 order by submitted_at, attempt_id";
        for attempt in self.attempts_where(condition, &[&lab.slug.as_str()]).await? {
            if let Some(judgement) = open.remove(&attempt.attempt_id) {
                plan.under_way.push((attempt, judgement));
            } else if attempt.state != AttemptState::Judged {
                plan.unjudged += 1;
            } else {
                let differences = differences(&attempt, lab, kits);
                match differences.is_empty() {
                    true => plan.up_to_date += 1,
                    false => plan.to_judge.push((attempt, differences)),
                }
            }
        }
        Ok(plan)
    }

    /// Asks for a further verdict on an attempt, by this version of its lab. Gives the job that will say it; `None` when
    /// somebody else has asked since the attempt was read.
    ///
    /// # Errors
    /// See [`Store::judge_kits`].
    pub async fn request_rejudge(
        &self,
        attempt: &AttemptRow,
        lab: &LabVersion,
        by: &Provenance,
    ) -> Result<Option<JobId>, StoreError> {
        let job = nth_judgement(attempt.attempt_id, attempt.judgements);
        let command = AttemptCommand::Rejudge { job, lab: lab.clone(), after: attempt.judgements };
        match self.execute::<Attempt>(attempt.attempt_id.0, command, by).await {
            Ok(_) => Ok(Some(job)),
            Err(CommandError::Refused(AttemptError::UnderWay | AttemptError::JudgedSince))
            | Err(CommandError::Duplicate(_) | CommandError::Conflict) => Ok(None),
            Err(CommandError::Store(error)) => Err(error),
            Err(other) => Err(StoreError::damaged(format!("attempt {}", attempt.attempt_id), other)),
        }
    }

    /// Judgements of a lab's attempts that are owed again, by attempt.
    async fn open_judgements(&self, lab: &LabSlug) -> Result<BTreeMap<AttemptId, JudgementRow>, StoreError> {
        let condition =
            "state <> 'judged' and attempt_id in (select attempt_id from attempts where lab_slug = $1)";
        let open = self.judgements_where(condition, &[&lab.as_str()]).await?;
        Ok(open.into_iter().map(|judgement| (judgement.attempt_id, judgement)).collect())
    }
}

/// What the newest verdict of an attempt does not rest on, compared with the kit that is nearest to it; where nobody
/// can judge, nobody knows.
fn differences(attempt: &AttemptRow, lab: &Lab, kits: &[JudgeKit]) -> Vec<Difference> {
    let wanted = kits.iter().map(|kit| kit.basis(attempt.tree_hash.clone(), lab));
    wanted
        .map(|basis| basis.differences(attempt.basis.as_ref()))
        .min_by_key(Vec::len)
        .unwrap_or_else(|| vec![Difference::Unknown])
}

/// The id of the job that judges an attempt which has so many verdicts: the same for everybody who asks.
fn nth_judgement(attempt: AttemptId, before: u32) -> JobId {
    let digest = Sha256::digest(format!("judge again {attempt} {before}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    JobId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
