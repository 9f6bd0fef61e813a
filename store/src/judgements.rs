//! Every verdict on an attempt, the newest and those before it.

use containrlab_domain::attempt::Basis;
use containrlab_domain::ids::{AttemptId, JobId, LabVersion, RecordingId};
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::rows::{column, json_or_null, unsigned_32, word, word_or_null};
use crate::{AttemptState, Store, StoreError};

/// One judgement of an attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JudgementRow {
    /// Of which attempt.
    pub attempt_id: AttemptId,
    /// Counted from 1, which is the learner's own submission.
    pub number: u32,
    /// The job that judges again; `None` for the first one.
    pub job_id: Option<JobId>,
    /// The version of the lab that was asked for.
    pub lab_version: LabVersion,
    /// Where it stands.
    pub state: AttemptState,
    /// Output of the judge's steps, once it has begun.
    pub log_id: Option<RecordingId>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the verdict was said.
    pub judged_at: Option<Timestamp>,
    /// How it came out.
    pub status: Option<VerdictStatus>,
    /// All that the judge says.
    pub verdict: Option<Verdict>,
    /// What that rests on, where it was written down.
    pub basis: Option<Basis>,
}

const COLUMNS: &str =
    "attempt_id, number, job_id, lab_version, state, log_id, requested_at, judged_at, status, verdict, basis";

impl JudgementRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            attempt_id: AttemptId(column(row, "attempt_id")?),
            number: unsigned_32(row, "number")?,
            job_id: column::<Option<Uuid>>(row, "job_id")?.map(JobId),
            lab_version: word(row, "lab_version")?,
            state: word(row, "state")?,
            log_id: column::<Option<Uuid>>(row, "log_id")?.map(RecordingId),
            requested_at: column(row, "requested_at")?,
            judged_at: column(row, "judged_at")?,
            status: word_or_null(row, "status")?,
            verdict: json_or_null(row, "verdict")?,
            basis: json_or_null(row, "basis")?,
        })
    }
}

impl Store {
    /// All judgements of an attempt that have their verdict or are owed again, newest first. One that waits for its first
    /// verdict has none.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all reads.
    pub async fn judgements_of(&self, attempt: AttemptId) -> Result<Vec<JudgementRow>, StoreError> {
        self.judgements_where("attempt_id = $1 order by number desc", &[&attempt.0]).await
    }

    /// The judgement that this job does, if it judges again.
    ///
    /// # Errors
    /// See [`Store::judgements_of`].
    pub async fn judgement_by(&self, job: JobId) -> Result<Option<JudgementRow>, StoreError> {
        Ok(self.judgements_by(&[job]).await?.pop())
    }

    /// The judgements that these jobs do, in no order.
    ///
    /// # Errors
    /// See [`Store::judgements_of`].
    pub async fn judgements_by(&self, jobs: &[JobId]) -> Result<Vec<JudgementRow>, StoreError> {
        let jobs: Vec<Uuid> = jobs.iter().map(|job| job.0).collect();
        self.judgements_where("job_id = any($1)", &[&jobs]).await
    }

    pub(crate) async fn judgements_where(
        &self,
        condition: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<JudgementRow>, StoreError> {
        let client = self.database().await?;
        let sql = format!("select {COLUMNS} from judgements where {condition}");
        let statement = client.prepare_cached(&sql).await?;
        client.query(&statement, parameters).await?.iter().map(JudgementRow::read).collect()
    }
}
