//! `docker build` of the workspace, as the learner would type it, but with the platform's own client.

use std::time::Duration;

use containrlab_agent::message::ExecRequest;
use containrlab_domain::job::JobOutcome;

use super::LogWriter;
use super::session_job::outcome_of;
use crate::sandbox::AgentClient;

/// How long a build may take.
const LIMIT: Duration = Duration::from_secs(600);

pub(super) async fn build(agent: &AgentClient, log: &mut LogWriter, tag: &str) -> JobOutcome {
    log.line(&format!("$ docker build --progress=plain -t {tag} .")).await;
    let ended =
        log.run(agent, request(&["docker", "build", "--progress=plain", "-t", tag, "."], LIMIT)).await;
    outcome_of(ended.map_err(Into::into), LIMIT.as_secs())
}

/// A command of the platform's own in the workspace, under a time limit: with the image's programs, not with what the learner
/// may have put in their place.
pub(crate) fn request(argv: &[&str], limit: Duration) -> ExecRequest {
    ExecRequest {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        timeout_ms: Some(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX)),
        by_platform: true,
        ..ExecRequest::default()
    }
}
