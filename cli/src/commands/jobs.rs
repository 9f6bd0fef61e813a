//! `containrlab jobs`.

use std::collections::BTreeMap;
use std::time::Duration;

use containrlab_store::RunnerRow;

use super::databases;
use crate::failure::Failure;
use crate::settings::{Environment, variables};

/// How long a runner may take to say what it has counted.
const PATIENCE: Duration = Duration::from_secs(3);

/// Jobs that were given up and are listed at most.
const LISTED: u32 = 50;

/// Says what waits, what runs, what was given up, and what runners counted that left no other trace.
pub(crate) async fn run(environment: &Environment) -> Result<(), Failure> {
    let store = databases::connect(environment).await?;
    println!("{:<45} {:>8} {:>8} {:>8} {:>12}", "queue", "owed", "in Redis", "running", "oldest (s)");
    for one in store.queue_status().await? {
        println!(
            "{:<45} {:>8} {:>8} {:>8} {:>12.1}",
            one.queue.to_string(),
            one.owed,
            one.queued,
            one.held,
            one.oldest_seconds
        );
    }
    let given_up = store.given_up(LISTED).await?;
    println!("\n{} given up in the last 7 days", given_up.len());
    for one in &given_up {
        let kind = one.kind.as_str();
        println!("  {:.0}  {kind} {} of session {}, learner {}", one.at, one.job, one.session, one.learner);
    }
    let token = environment.text(&variables::RUNNER_TOKEN);
    for runner in store.runners().await?.iter().filter(|runner| runner.alive) {
        println!("\nrunner {} ({}), since {:.0}", runner.name, runner.runner_id, runner.started_at);
        let counted = match token {
            Some(token) => counters(runner, token).await,
            None => Err("set RUNNER_TOKEN to see what it counted".to_owned()),
        };
        match counted {
            Ok(counted) => counted.iter().for_each(|(name, count)| println!("  {name:<22} {count:>8}")),
            Err(why) => println!("  {why}"),
        }
    }
    Ok(())
}

/// What a runner counted since its start, by name.
async fn counters(runner: &RunnerRow, token: &str) -> Result<BTreeMap<String, u64>, String> {
    let ask = async {
        let asked = reqwest::Client::new().get(format!("{}/counters", runner.address)).bearer_auth(token);
        asked.timeout(PATIENCE).send().await?.error_for_status()?.json().await
    };
    ask.await.map_err(|error: reqwest::Error| format!("it does not say what it counted: {error}"))
}
