//! What all checks that look at a container have in common: why there is none, and why it does not answer.

use super::{Answer, finding};
use crate::judge::facts::Facts;
use crate::judge::http_expectation::HttpExpectation;
use crate::judge::observation::{ContainerState, HttpObserved, Observed};
use crate::judge::plan::StepId;
use crate::verdict::Finding;

/// The answer for a check that needs a running container, when there is none: the first such check says why, the
/// others are skipped.
pub(super) fn run_failure(facts: &Facts<'_>, run: &StepId) -> Option<Answer> {
    match facts.observed(run) {
        Some(Observed::Run(seen)) if seen.state == ContainerState::Running => None,
        Some(Observed::Run(seen)) if facts.is_first_to_need(run) => Some(gone(&seen.state, &seen.log).into()),
        _ => Some(Answer::Skipped),
    }
}

/// Says that a container is not there, and why.
pub(super) fn gone(state: &ContainerState, log: &str) -> Finding {
    let why = "A container lives exactly as long as its first process.";
    let (message, hint) = match state {
        ContainerState::NotStarted { error } => (
            format!("The container could not be started: {}.", cause(error)),
            "Look at CMD and ENTRYPOINT: is the program there, under this path, and may it be executed?",
        ),
        ContainerState::Exited { out_of_memory: true, .. } => (
            "The container used more memory than it may and was stopped.".to_owned(),
            "What does the app load when it starts?",
        ),
        ContainerState::Exited { code: 0, .. } => (
            "The container ended at once, without an error.".to_owned(),
            "The process that CMD starts must stay in the foreground: a server, not a command that is done.",
        ),
        ContainerState::Exited { code, .. } => (
            format!("The container ended with exit code {code} right after its start."),
            "Its output below says why. docker run and docker logs show you the same.",
        ),
        ContainerState::Running => ("The container was stopped.".to_owned(), "Try it again with docker run."),
    };
    let mut found = finding("docker_run_failed", message, hint, why);
    found.log = (!log.is_empty()).then(|| log.to_owned());
    found
}

/// The part of the engine's words that speaks about the learner's program.
pub(super) fn cause(error: &str) -> &str {
    let error = error.rsplit_once("unable to start container process: ").map_or(error, |(_, cause)| cause);
    let line = error.lines().next().unwrap_or(error).trim();
    line.strip_suffix(": unknown").unwrap_or(line).trim_end_matches('.')
}

/// Whether a question was answered rightly and in time.
pub(super) fn is_answered(seen: &HttpObserved, expect: &HttpExpectation, within_seconds: u32) -> bool {
    seen.after_seconds <= f64::from(within_seconds)
        && seen.response.as_ref().is_some_and(|response| expect.is_met(response).is_ok())
}

/// Says what is wrong with an answer, or with the lack of one; `None` when it is right. A container that is gone is not
/// this function's to tell.
pub(super) fn unanswered(
    code: &str,
    seen: &HttpObserved,
    expect: &HttpExpectation,
    within_seconds: u32,
) -> Option<Finding> {
    let asked = expect.asked();
    let Some(response) = &seen.response else {
        let mut found = silence(code, &asked, seen, expect.port, within_seconds);
        found.log = (!seen.log.is_empty()).then(|| seen.log.clone());
        return Some(found);
    };
    match expect.is_met(response) {
        Ok(()) if seen.after_seconds > f64::from(within_seconds) => {
            let message = format!(
                "{asked} was answered only after {:.0} seconds; {within_seconds} are given.",
                seen.after_seconds
            );
            let mut found = finding(
                code,
                message,
                "What does the app do before it listens? Perhaps a step of the build could do it once and for all.",
                "A platform that starts containers gives up on those that take too long.",
            );
            found.log = (!seen.log.is_empty()).then(|| seen.log.clone());
            Some(found)
        }
        Ok(()) => None,
        Err(what) => {
            let mut found = finding(
                code,
                format!("{asked} is answered, but not rightly. {what}"),
                "Ask it yourself: docker run with -p, then curl -i. Does the image hold the app that you think it does?",
                "Whoever watches over the container takes this answer as \"out of order\".",
            );
            let body: String = response.body.chars().take(2000).collect();
            found.log = Some(format!("HTTP {}\n{body}", response.status));
            Some(found)
        }
    }
}

/// Nobody answered. Where the container listens says why.
fn silence(code: &str, asked: &str, seen: &HttpObserved, port: u16, within_seconds: u32) -> Finding {
    let nothing = format!("Nothing answered {asked} within {within_seconds} seconds");
    let at_port = |address: &&String| address.rsplit_once(':').is_some_and(|(_, p)| p == port.to_string());
    let is_inner = |address: &String| address.starts_with("127.") || address.starts_with("[::1]");
    let here: Vec<&String> = seen.listens.iter().filter(at_port).collect();
    let others: Vec<&str> = seen.listens.iter().map(String::as_str).collect();
    if !here.is_empty() && here.iter().all(|address| is_inner(address)) {
        return finding(
            code,
            format!("{nothing}: the app listens on {} only, which is the container itself.", here[0]),
            "Which address does the app listen on, and where is that set? 0.0.0.0 means every one that the container has.",
            "127.0.0.1 within a container is that container alone: nothing from outside gets there.",
        );
    }
    if here.is_empty() && !others.is_empty() {
        return finding(
            code,
            format!(
                "{nothing}: nobody listens on port {port}; the container listens on {}.",
                others.join(", ")
            ),
            "On which port does the app listen, and where is that set?",
            "A port leads to whoever listens on it within the container, and to nobody else.",
        );
    }
    if !here.is_empty() {
        return finding(
            code,
            format!(
                "{nothing}, although the app listens there ({}).",
                seen.error.as_deref().unwrap_or("no answer")
            ),
            "The app takes the connection and says nothing. What does it wait for?",
            "Whoever asks gives up at some time, and takes the service for dead.",
        );
    }
    finding(
        code,
        format!("{nothing}: the container runs, but listens on no port."),
        "Its output says how far the app has come. Is it the app that runs, or something else?",
        "A container that runs is not yet a service that answers.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::http_expectation::Expected;

    fn seen(listens: &[&str]) -> HttpObserved {
        HttpObserved {
            response: None,
            error: Some("Empty reply from server".to_owned()),
            after_seconds: 15.0,
            container: ContainerState::Running,
            listens: listens.iter().map(|address| (*address).to_owned()).collect(),
            log: String::new(),
        }
    }

    #[test]
    fn silence_is_told_with_its_reason() {
        for (listens, said) in [
            (&["127.0.0.1:8000"][..], "listens on 127.0.0.1:8000 only"),
            (&["[::1]:8000", "127.0.0.1:8000"], "which is the container itself"),
            (&["0.0.0.0:5000"], "nobody listens on port 8000; the container listens on 0.0.0.0:5000"),
            (&["0.0.0.0:8000"], "although the app listens there (Empty reply from server)"),
            (&["127.0.0.1:8000", "0.0.0.0:8000"], "although the app listens there"),
            (&[], "listens on no port"),
        ] {
            let expect = HttpExpectation::get(8000, "/", Expected::default());
            let found = unanswered("healthcheck_failed", &seen(listens), &expect, 15).expect("a finding");
            assert!(found.message.contains(said), "{listens:?}: {}", found.message);
        }
    }
}
