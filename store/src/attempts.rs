//! Attempts and their verdicts as pages read them.

use containrlab_domain::attempt::Basis;
use containrlab_domain::ids::{AttemptId, LabRef, LabSlug, LearnerId, RecordingId, SessionId, TreeHash};
use containrlab_domain::judge::SessionFacts;
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::rows::{column, json_or_null, unsigned_32, word, word_or_null};
use crate::sessions::lab_ref;
use crate::{Store, StoreError};

/// An attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AttemptRow {
    /// Which.
    pub attempt_id: AttemptId,
    /// From which session.
    pub session_id: SessionId,
    /// Whose.
    pub learner_id: LearnerId,
    /// For which lab.
    pub lab: LabRef,
    /// The files as they were handed in.
    pub tree_hash: TreeHash,
    /// Counted from 1 per learner and lab.
    pub number: u32,
    /// Where it stands.
    pub state: AttemptState,
    /// Output of the steps of the judge who said the newest verdict, or is about to say the first.
    pub log_id: Option<RecordingId>,
    /// When it was handed in.
    pub submitted_at: Timestamp,
    /// When it was first judged.
    pub judged_at: Option<Timestamp>,
    /// How it came out, by the newest verdict.
    pub status: Option<VerdictStatus>,
    /// All that the judge says, by the newest verdict.
    pub verdict: Option<Verdict>,
    /// When the lab's solution was first shown beside it.
    pub solution_shown_at: Option<Timestamp>,
    /// What that rests on, where it was written down.
    pub basis: Option<Basis>,
    /// Verdicts that were said or are owed.
    pub judgements: u32,
    /// When the newest verdict was said, if it is not the first.
    pub rejudged_at: Option<Timestamp>,
    /// Whether any of its verdicts is that it has passed: what was passed stays passed.
    pub ever_passed: bool,
    /// Whether somebody has to look at the session's own engine before the judge can go on.
    #[serde(skip)]
    pub looks_at_session: bool,
    /// What was seen there, once somebody has looked.
    #[serde(skip)]
    pub session_seen: Option<SessionSeen>,
}

/// What somebody saw who looked at a session's own engine.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SessionSeen {
    /// What was there; none when the sandbox was gone.
    pub facts: Option<SessionFacts>,
}

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Waits for a judge.
    Submitted,
    /// Is being judged.
    Judging,
    /// Has its verdict.
    Judged,
}

const COLUMNS: &str = "attempt_id, session_id, learner_id, lab_slug, lab_version, tree_hash, number, state, log_id, \
                       submitted_at, judged_at, status, verdict, basis, judgements, rejudged_at, ever_passed, solution_shown_at, looks_at_session, session_seen";

impl AttemptRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            attempt_id: AttemptId(column(row, "attempt_id")?),
            session_id: SessionId(column(row, "session_id")?),
            learner_id: LearnerId(column(row, "learner_id")?),
            lab: lab_ref(row)?,
            tree_hash: word(row, "tree_hash")?,
            number: unsigned_32(row, "number")?,
            state: word(row, "state")?,
            log_id: column::<Option<Uuid>>(row, "log_id")?.map(RecordingId),
            submitted_at: column(row, "submitted_at")?,
            judged_at: column(row, "judged_at")?,
            status: word_or_null(row, "status")?,
            verdict: json_or_null(row, "verdict")?,
            solution_shown_at: column(row, "solution_shown_at")?,
            basis: json_or_null(row, "basis")?,
            judgements: unsigned_32(row, "judgements")?,
            rejudged_at: column(row, "rejudged_at")?,
            ever_passed: column(row, "ever_passed")?,
            looks_at_session: column(row, "looks_at_session")?,
            session_seen: json_or_null(row, "session_seen")?,
        })
    }
}

impl Store {
    /// The attempt with this id.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all reads.
    pub async fn attempt(&self, attempt: AttemptId) -> Result<Option<AttemptRow>, StoreError> {
        Ok(self.attempts_where("attempt_id = $1", &[&attempt.0]).await?.pop())
    }

    /// A learner's attempts, newest first; of all labs and sessions, or of the given ones only.
    ///
    /// # Errors
    /// See [`Store::attempt`].
    pub async fn attempts_of(
        &self,
        learner: LearnerId,
        lab: Option<&LabSlug>,
        session: Option<SessionId>,
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let condition = "learner_id = $1 and ($2::text is null or lab_slug = $2) \
                         and ($3::uuid is null or session_id = $3) order by submitted_at desc, number desc";
        let lab = lab.map(LabSlug::as_str);
        let session = session.map(|session| session.0);
        self.attempts_where(condition, &[&learner.0, &lab, &session]).await
    }

    /// The attempt before this one, of the same learner in the same lab.
    ///
    /// # Errors
    /// See [`Store::attempt`].
    pub async fn previous_attempt(&self, attempt: &AttemptRow) -> Result<Option<AttemptRow>, StoreError> {
        let condition = "learner_id = $1 and lab_slug = $2 and number < $3 order by number desc limit 1";
        let number = i32::try_from(attempt.number).unwrap_or(i32::MAX);
        let parameters: [&(dyn ToSql + Sync); 3] =
            [&attempt.learner_id.0, &attempt.lab.slug.as_str(), &number];
        Ok(self.attempts_where(condition, &parameters).await?.pop())
    }

    pub(crate) async fn attempts_where(
        &self,
        condition: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<AttemptRow>, StoreError> {
        let client = self.database().await?;
        let sql = format!("select {COLUMNS} from attempts where {condition}");
        let statement = client.prepare_cached(&sql).await?;
        client.query(&statement, parameters).await?.iter().map(AttemptRow::read).collect()
    }
}
