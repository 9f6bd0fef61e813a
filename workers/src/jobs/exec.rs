//! A command of the learner's choice, without a shell in between.

use std::time::Duration;

use containrlab_agent::message::ExecRequest;
use containrlab_domain::job::JobOutcome;

use super::LogWriter;
use super::session_job::outcome_of;
use crate::sandbox::AgentClient;

pub(super) async fn exec(
    agent: &AgentClient,
    log: &mut LogWriter,
    argv: &[String],
    timeout_seconds: u64,
) -> JobOutcome {
    let request = ExecRequest {
        argv: argv.to_vec(),
        timeout_ms: Some(Duration::from_secs(timeout_seconds).as_millis() as u64),
        ..ExecRequest::default()
    };
    outcome_of(log.run(agent, request).await.map_err(Into::into), timeout_seconds)
}
