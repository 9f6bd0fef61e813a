//! Runners: who is there, and who has fallen silent. Kept here and not in the ledger, because a heartbeat is no event.

use containrlab_domain::attempt::JudgeKit;
use containrlab_domain::ids::RunnerId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::faults::hastened;
use crate::rows::{column, json_or_null, seconds, to_json, unsigned_32, word};
use crate::{RUNNER_SILENCE, Store, StoreError};

/// A runner that reports for the first time, or again after a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRunner {
    /// Which; the same after a restart on the same machine.
    pub runner_id: RunnerId,
    /// A name for the operator.
    pub name: String,
    /// Where the api reaches its gateway, such as `http://10.0.0.5:9000`.
    pub address: String,
    /// Sandboxes that it can hold.
    pub capacity: u32,
    /// With what it judges.
    pub kit: JudgeKit,
}

/// What a runner does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerState {
    /// Takes work.
    Active,
    /// Takes no new work, finishes what runs.
    Draining,
    /// Its process has ended in order; its sandboxes may live on for the next one.
    Stopped,
}

impl RunnerState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

/// A runner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunnerRow {
    /// Which.
    pub runner_id: RunnerId,
    /// A name for the operator.
    pub name: String,
    /// Where the api reaches its gateway.
    pub address: String,
    /// Sandboxes that it can hold.
    pub capacity: u32,
    /// With what it judges, where it has said so.
    pub kit: Option<JudgeKit>,
    /// What it does.
    pub state: RunnerState,
    /// Since when its process runs.
    pub started_at: Timestamp,
    /// Its last sign of life.
    pub heartbeat_at: Timestamp,
    /// Whether that is recent enough and it has not stopped.
    pub alive: bool,
}

impl RunnerRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            runner_id: RunnerId(column(row, "runner_id")?),
            name: column(row, "name")?,
            address: column(row, "address")?,
            capacity: unsigned_32(row, "capacity")?,
            kit: json_or_null(row, "kit")?,
            state: word(row, "state")?,
            started_at: column(row, "started_at")?,
            heartbeat_at: column(row, "heartbeat_at")?,
            alive: column(row, "alive")?,
        })
    }
}

impl Store {
    /// A runner's process has started: it is active from now on.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all methods here.
    pub async fn register_runner(&self, runner: &NewRunner) -> Result<(), StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "insert into runners (runner_id, name, address, capacity, state, kit) \
                 values ($1, $2, $3, $4, 'active', $5) \
                 on conflict (runner_id) do update set name = excluded.name, address = excluded.address, \
                   capacity = excluded.capacity, state = 'active', kit = excluded.kit, \
                   started_at = clock_timestamp(), heartbeat_at = clock_timestamp()",
            )
            .await?;
        let capacity = i32::try_from(runner.capacity).unwrap_or(i32::MAX);
        let parameters: [&(dyn ToSql + Sync); 5] =
            [&runner.runner_id.0, &runner.name, &runner.address, &capacity, &to_json(&runner.kit)?];
        client.execute(&statement, &parameters).await?;
        Ok(())
    }

    /// A sign of life. `false` when nobody knows this runner: it must register again.
    ///
    /// # Errors
    /// See [`Store::register_runner`].
    pub async fn heartbeat(&self, runner: RunnerId, state: RunnerState) -> Result<bool, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "update runners set heartbeat_at = clock_timestamp(), state = $2 where runner_id = $1",
            )
            .await?;
        Ok(client.execute(&statement, &[&runner.0, &state.as_str()]).await? > 0)
    }

    /// The runner with this id.
    ///
    /// # Errors
    /// See [`Store::register_runner`].
    pub async fn runner(&self, runner: RunnerId) -> Result<Option<RunnerRow>, StoreError> {
        Ok(self.runners_where("runner_id = $2", &[&runner.0]).await?.pop())
    }

    /// All runners that ever registered, newest first.
    ///
    /// # Errors
    /// See [`Store::register_runner`].
    pub async fn runners(&self) -> Result<Vec<RunnerRow>, StoreError> {
        self.runners_where("true order by started_at desc", &[]).await
    }

    async fn runners_where(
        &self,
        condition: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<RunnerRow>, StoreError> {
        let client = self.database().await?;
        let sql = format!(
            "select runner_id, name, address, capacity, kit, state, started_at, heartbeat_at, state <> 'stopped' \
               and heartbeat_at > clock_timestamp() - make_interval(secs => $1) as alive \
             from runners where {condition}"
        );
        let statement = client.prepare_cached(&sql).await?;
        let silence = seconds(hastened(RUNNER_SILENCE));
        let all: Vec<&(dyn ToSql + Sync)> =
            std::iter::once(&silence as &(dyn ToSql + Sync)).chain(parameters.iter().copied()).collect();
        client.query(&statement, &all).await?.iter().map(RunnerRow::read).collect()
    }
}
