//! Sessions that have run out of time, or whose runner has gone.

use std::time::Duration;

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{JobId, RequestId, SessionId};
use containrlab_domain::session::{EndReason, Session, SessionCommand};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::ledger::{CommandError, Condition, RUNNER_IS_SILENT};
use crate::rows::{column, seconds};
use crate::{Store, StoreError, faults};

/// Sessions that one round ends at most.
const PORTION: i64 = 100;

impl Store {
    /// Asks those to end whose time is up; gives their number.
    pub(super) async fn end_expired(&self) -> Result<usize, StoreError> {
        let sessions = self
            .session_ids(
                "select session_id from sessions where phase = 'ready' and expires_at <= clock_timestamp() \
                 order by expires_at limit $1",
                &[&PORTION],
            )
            .await?;
        let mut ended = 0;
        for session in sessions {
            let job = JobId(Uuid::now_v7());
            let command = SessionCommand::RequestEnd { reason: EndReason::Expired, job };
            ended += usize::from(self.tell(Condition::TimeIsUp, session, command).await?);
        }
        Ok(ended)
    }

    /// Ends those whose sandbox lies on a runner that is gone; gives their number. Those that only wait for a sandbox are
    /// not among them: their job's lease runs out and another runner takes it.
    pub(super) async fn abandon_orphans(&self, silence: Duration) -> Result<usize, StoreError> {
        let sql = format!(
            "select session_id from sessions left join runners using (runner_id) \
             where phase in ('ready', 'ending') and {RUNNER_IS_SILENT} order by requested_at limit $1"
        );
        let sessions = self.session_ids(&sql, &[&PORTION, &seconds(silence)]).await?;
        if !sessions.is_empty() {
            faults::point("orphans_found");
        }
        let mut abandoned = 0;
        for session in sessions {
            let command = SessionCommand::Abandon { reason: EndReason::RunnerLost };
            abandoned += usize::from(self.tell(Condition::RunnerIsSilent(silence), session, command).await?);
        }
        Ok(abandoned)
    }

    /// Whether the session took the reconciler's word: it was found long ago, perhaps, and other things may be true by now.
    async fn tell(
        &self,
        condition: Condition,
        session: SessionId,
        command: SessionCommand,
    ) -> Result<bool, StoreError> {
        let by = Provenance { actor: Actor::System("reconciler"), request: RequestId(Uuid::now_v7()) };
        match self.execute_if::<Session>(Some(condition), session.0, command, &by).await {
            Ok(Some(committed)) => Ok(!committed.events.is_empty()),
            Ok(None) => {
                tracing::info!(%session, ?condition, "what was found of the session is no longer so");
                Ok(false)
            }
            Err(CommandError::Store(error)) if error.is_unavailable() => Err(error),
            // One damaged session must not keep the others from their end.
            Err(CommandError::Store(error)) => {
                tracing::error!(%session, %error, "a session cannot be told to end");
                Ok(false)
            }
            // Somebody else was quicker; the next round looks again.
            Err(error) => {
                tracing::debug!(%session, %error, "the session did not take the reconciler's word");
                Ok(false)
            }
        }
    }

    async fn session_ids(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<SessionId>, StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached(sql).await?;
        let rows = client.query(&statement, parameters).await?;
        rows.iter().map(|row| Ok(SessionId(column(row, "session_id")?))).collect()
    }
}
