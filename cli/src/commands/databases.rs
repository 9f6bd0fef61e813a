//! The databases for commands of operators: those that are named, else those of the `up` that runs here.

use containrlab_store::Store;

use crate::failure::Failure;
use crate::services::{postgres, redis};
use crate::settings::{Environment, Stack, crates, variables};
use crate::state::StateDir;

/// Reaches them.
pub(super) async fn connect(environment: &Environment) -> Result<Store, Failure> {
    let stack = Stack::read(environment)?;
    let mut environment = environment.clone();
    if let Some(state) = StateDir::existing(stack.state_dir) {
        // What is only prepared here and runs already says where it listens.
        if stack.database_url.is_none() && state.pid_file("postgres").living().is_some() {
            let (_, url) = postgres::prepare(&state, postgres::Durability::Kept).await?;
            environment.set_default(&variables::DATABASE_URL, url);
        }
        if stack.redis_url.is_none() && state.pid_file("redis").living().is_some() {
            let (_, url) = redis::prepare(&state)?;
            environment.set_default(&variables::REDIS_URL, url);
        }
    }
    Ok(Store::connect(crates::store(&environment)?).await?)
}
