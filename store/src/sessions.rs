//! Sessions as pages and runners read them.

use containrlab_domain::ids::{LabRef, LabSlug, LearnerId, RunnerId, SandboxId, SessionId};
use containrlab_domain::session::{EndReason, Origin, Phase, Trouble};
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::rows::{column, json, json_or_null, unsigned_32, word};
use crate::{Store, StoreError};

/// A session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionRow {
    /// Which.
    pub session_id: SessionId,
    /// Whose.
    pub learner_id: LearnerId,
    /// In which lab.
    pub lab: LabRef,
    /// Where its files come from.
    pub origin: Origin,
    /// Where it stands.
    pub phase: Phase,
    /// How often it was extended.
    pub extensions: u32,
    /// The runner that holds, or makes, its sandbox.
    pub runner_id: Option<RunnerId>,
    /// Its sandbox, once that is up.
    pub sandbox_id: Option<SandboxId>,
    /// When the learner asked for it.
    pub requested_at: Timestamp,
    /// When its sandbox was up.
    pub ready_at: Option<Timestamp>,
    /// When its time is up.
    pub expires_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// Why it ends or has ended.
    pub end_reason: Option<EndReason>,
    /// What last went wrong in its sandbox, and when.
    pub trouble: Option<(Trouble, Timestamp)>,
    /// PostgreSQL's clock at this read: what `expires_at` is to be compared with.
    pub now: Timestamp,
}

/// What a learner has to do with a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabState {
    /// The lab.
    pub slug: LabSlug,
    /// Best word for it.
    pub state: LabStateWord,
    /// The session that is under way, if any.
    pub active_session: Option<SessionId>,
}

/// In one word, what a learner has to do with a lab; the first that is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LabStateWord {
    /// A session is under way.
    InProgress,
    /// An attempt has passed.
    Passed,
    /// There was a session.
    Tried,
}

const COLUMNS: &str = "session_id, learner_id, lab_slug, lab_version, origin, phase, extensions, runner_id, \
                       sandbox_id, requested_at, ready_at, expires_at, ended_at, end_reason, trouble, troubled_at, clock_timestamp() as now";

impl SessionRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            session_id: SessionId(column(row, "session_id")?),
            learner_id: LearnerId(column(row, "learner_id")?),
            lab: lab_ref(row)?,
            origin: json(row, "origin")?,
            phase: word(row, "phase")?,
            extensions: unsigned_32(row, "extensions")?,
            runner_id: column::<Option<Uuid>>(row, "runner_id")?.map(RunnerId),
            sandbox_id: column::<Option<Uuid>>(row, "sandbox_id")?.map(SandboxId),
            requested_at: column(row, "requested_at")?,
            ready_at: column(row, "ready_at")?,
            expires_at: column(row, "expires_at")?,
            ended_at: column(row, "ended_at")?,
            end_reason: json_or_null(row, "end_reason")?,
            trouble: json_or_null(row, "trouble")?.zip(column(row, "troubled_at")?),
            now: column(row, "now")?,
        })
    }
}

/// The lab of a row that has the columns `lab_slug` and `lab_version`.
pub(crate) fn lab_ref(row: &Row) -> Result<LabRef, StoreError> {
    Ok(LabRef { slug: word(row, "lab_slug")?, version: word(row, "lab_version")? })
}

impl Store {
    /// The session with this id.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all reads.
    pub async fn session(&self, session: SessionId) -> Result<Option<SessionRow>, StoreError> {
        Ok(self.sessions_where("session_id = $1", &[&session.0]).await?.pop())
    }

    /// The learner's session in this lab that has not ended; there is one at most.
    ///
    /// # Errors
    /// See [`Store::session`].
    pub async fn active_session(
        &self,
        learner: LearnerId,
        lab: &LabSlug,
    ) -> Result<Option<SessionRow>, StoreError> {
        let condition = "learner_id = $1 and lab_slug = $2 and phase <> 'ended'";
        Ok(self.sessions_where(condition, &[&learner.0, &lab.as_str()]).await?.pop())
    }

    /// All sessions of a learner, newest first.
    ///
    /// # Errors
    /// See [`Store::session`].
    pub async fn sessions_of(&self, learner: LearnerId) -> Result<Vec<SessionRow>, StoreError> {
        self.sessions_where("learner_id = $1 order by requested_at desc", &[&learner.0]).await
    }

    /// The sessions that a runner holds or makes and that have not ended, oldest first.
    ///
    /// # Errors
    /// See [`Store::session`].
    pub async fn sessions_on(&self, runner: RunnerId) -> Result<Vec<SessionRow>, StoreError> {
        self.sessions_where("runner_id = $1 and phase <> 'ended' order by requested_at", &[&runner.0]).await
    }

    /// What a learner has to do with each lab that they have ever started, by slug.
    ///
    /// # Errors
    /// See [`Store::session`].
    pub async fn lab_states(&self, learner: LearnerId) -> Result<Vec<LabState>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select lab_slug, (array_agg(session_id) filter (where phase <> 'ended'))[1] as active, \
                   exists (select from attempts a where a.learner_id = $1 and a.lab_slug = s.lab_slug \
                           and a.ever_passed) as passed \
                 from sessions s where learner_id = $1 group by lab_slug order by lab_slug",
            )
            .await?;
        let rows = client.query(&statement, &[&learner.0]).await?;
        rows.iter()
            .map(|row| {
                let active_session = column::<Option<Uuid>>(row, "active")?.map(SessionId);
                let state = match (active_session, column(row, "passed")?) {
                    // What was passed stays passed, also while it is done once more.
                    (_, true) => LabStateWord::Passed,
                    (Some(_), false) => LabStateWord::InProgress,
                    (None, false) => LabStateWord::Tried,
                };
                Ok(LabState { slug: word(row, "lab_slug")?, state, active_session })
            })
            .collect()
    }

    async fn sessions_where(
        &self,
        condition: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<SessionRow>, StoreError> {
        let client = self.database().await?;
        let sql = format!("select {COLUMNS} from sessions where {condition}");
        let statement = client.prepare_cached(&sql).await?;
        client.query(&statement, parameters).await?.iter().map(SessionRow::read).collect()
    }
}
