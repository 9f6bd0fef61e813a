//! The databases: somebody else's, or private ones.

use crate::failure::Failure;
use crate::process::Running;
use crate::progress::Progress;
use crate::services::{Service, postgres, redis};
use crate::settings::Stack;
use crate::state::StateDir;

/// Where the databases are, and the processes that are ours.
#[derive(Debug)]
pub(crate) struct Databases {
    /// As `DATABASE_URL`.
    pub(crate) database_url: String,
    /// As `REDIS_URL`.
    pub(crate) redis_url: String,
    /// What was started, for whoever watches over it.
    pub(crate) started: Vec<(Service, Running)>,
}

/// Starts what the settings don't name, both side by side.
pub(crate) async fn start_databases(
    stack: &Stack,
    state: &StateDir,
    durability: postgres::Durability,
    progress: &Progress,
) -> Result<Databases, Failure> {
    let start_postgres = async {
        let step = progress.step("PostgreSQL");
        if let Some(url) = &stack.database_url {
            step.done("named by DATABASE_URL");
            return Ok((url.clone(), None));
        }
        let (service, url) = postgres::prepare(state, durability).await?;
        let running = service.start().await?;
        step.done("private");
        Ok::<_, Failure>((url, Some((service, running))))
    };
    let start_redis = async {
        let step = progress.step("Redis");
        if let Some(url) = &stack.redis_url {
            step.done("named by REDIS_URL");
            return Ok((url.clone(), None));
        }
        let (service, url) = redis::prepare(state)?;
        let running = service.start().await?;
        step.done("private");
        Ok((url, Some((service, running))))
    };
    let ((database_url, postgres), (redis_url, redis)) = tokio::try_join!(start_postgres, start_redis)?;
    Ok(Databases { database_url, redis_url, started: postgres.into_iter().chain(redis).collect() })
}
