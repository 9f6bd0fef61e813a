//! The steps of a plan: each as soon as those are over that it waits for, several at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use containrlab_domain::judge::{
    Action, ContainerSpec, ContainerState, EndedObserved, HttpExpectation, HttpObserved, Observation,
    Observed, Plan, PlanStep, RunObserved, ScriptPlace, SessionFacts, StepId,
};
use containrlab_domain::lab::LabFiles;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use super::case::Session;
use super::container::Container;
use super::journal::Journal;
use super::{build, compose, http, image, script, session};
use crate::error::Error;
use crate::jobs::LogWriter;
use crate::sandbox::{AgentClient, AgentError};

/// Steps at a time: a sandbox has about one processor, and whoever waits for a container needs none of it.
const AT_ONCE: usize = 4;

/// The port of the sandbox at which the first container's first port is reachable.
const FIRST_PORT: u16 = 40_000;

/// Ports between two containers' first ones: as many as one can have.
const PORTS: u16 = 16;

/// Does all steps of a plan and says what was seen, in the plan's order.
///
/// `builds` gives turns at building to judgements that are made side by side; none: builds take none.
///
/// # Errors
/// When the sandbox fails; nothing that was seen before counts then.
pub(super) async fn carry_out(
    agent: &AgentClient,
    log: &mut LogWriter,
    plan: &Plan,
    files: &LabFiles,
    session: &Session,
    builds: Option<&Semaphore>,
) -> Result<Vec<Observation>, Error> {
    let journal = Journal::new(log);
    let session = session_facts(agent, &journal, plan, files, session).await?;
    let bench = Bench {
        agent,
        journal,
        plan,
        files,
        session,
        builds,
        containers: Mutex::default(),
        made: AtomicU16::new(0),
    };
    let mut waiting: Vec<&PlanStep> = plan.steps.iter().collect();
    let mut seen: HashMap<&StepId, Observation> = HashMap::new();
    let mut running = FuturesUnordered::new();
    loop {
        let mut index = 0;
        while index < waiting.len() && running.len() < AT_ONCE {
            let step = waiting[index];
            match readiness(step, &seen) {
                Readiness::Waits => index += 1,
                Readiness::Ready => running.push(bench.observe(waiting.remove(index))),
                Readiness::Pointless => {
                    let observed = Observed::NotDone;
                    let observation = Observation { step: step.id.clone(), seconds: 0.0, observed };
                    seen.insert(&step.id, observation);
                    waiting.remove(index);
                    // Others may have waited for this one.
                    index = 0;
                }
            }
        }
        match running.next().await {
            Some(observation) => {
                let (step, observation) = observation?;
                seen.insert(step, observation);
            }
            None => break,
        }
    }
    Ok(plan.steps.iter().filter_map(|step| seen.remove(&step.id)).collect())
}

/// What was in the learner's own engine, if the plan asks for it. Where nobody has a session, what the author's script does in one
/// is looked at, before anything else is done in the verifier.
async fn session_facts(
    agent: &AgentClient,
    journal: &Journal<'_>,
    plan: &Plan,
    files: &LabFiles,
    session: &Session,
) -> Result<Option<SessionFacts>, AgentError> {
    let is_asked_for = plan.steps.iter().any(|step| step.action == Action::LookAtSession);
    match session {
        Session::Recorded(facts) => Ok(facts.clone()),
        Session::Script if !is_asked_for => Ok(None),
        Session::Script if files.contains_key(session::SCRIPT) => {
            let limit = Duration::from_secs(plan.limits.build_seconds.into());
            session::of_script(agent, journal, limit).await.map(Some)
        }
        // Nobody has done anything.
        Session::Script => session::look(agent).await.map(Some),
    }
}

/// What is seen of a session.
pub(super) fn session_seen(facts: Option<&SessionFacts>) -> Observed {
    facts.map_or(Observed::SessionGone, |facts| Observed::Session(facts.clone()))
}

/// Whether a step can be done.
#[derive(Debug, PartialEq, Eq)]
enum Readiness {
    Waits,
    Ready,
    /// A step that it needs went wrong.
    Pointless,
}

fn readiness(step: &PlanStep, seen: &HashMap<&StepId, Observation>) -> Readiness {
    if step.needs.iter().any(|need| seen.get(need).is_some_and(|seen| !seen.observed.lets_go_on())) {
        return Readiness::Pointless;
    }
    if step.needs.iter().chain(&step.after).all(|other| seen.contains_key(other)) {
        return Readiness::Ready;
    }
    Readiness::Waits
}

/// Where the steps are done.
struct Bench<'a> {
    agent: &'a AgentClient,
    journal: Journal<'a>,
    plan: &'a Plan,
    files: &'a LabFiles,
    session: Option<SessionFacts>,
    builds: Option<&'a Semaphore>,
    /// Started containers by the step that started them.
    containers: Mutex<HashMap<StepId, Container>>,
    /// How many containers were named.
    made: AtomicU16,
}

impl<'a> Bench<'a> {
    async fn observe(&self, step: &'a PlanStep) -> Result<(&'a StepId, Observation), AgentError> {
        // Waiting for one's turn is no part of a build's time.
        let _turn = match self.builds.filter(|_| step.action.is_build()) {
            Some(builds) => builds.acquire().await.ok(),
            None => None,
        };
        let started = Instant::now();
        let observed = self.carry_out(step).await?;
        let seconds = started.elapsed().as_secs_f64();
        Ok((&step.id, Observation { step: step.id.clone(), seconds, observed }))
    }

    async fn carry_out(&self, step: &PlanStep) -> Result<Observed, AgentError> {
        let (agent, journal, memory) = (self.agent, &self.journal, self.plan.limits.memory_mib);
        let on = |run: &StepId| {
            self.container(run)
                .ok_or_else(|| AgentError::Protocol(format!("the step {run} made no container")))
        };
        Ok(match &step.action {
            Action::Build { timeout_seconds } => {
                Observed::Build(build::build(agent, journal, *timeout_seconds).await?)
            }
            Action::Rebuild { touch, timeout_seconds } => {
                Observed::Build(build::rebuild(agent, journal, self.files, touch, *timeout_seconds).await?)
            }
            Action::BuildAnew { timeout_seconds } => {
                Observed::Build(build::build_anew(agent, journal, *timeout_seconds).await?)
            }
            Action::CompareImages { ignore } => {
                journal.say("Comparing the files of the two images.").await;
                Observed::Difference(image::compare(agent, ignore).await?)
            }
            Action::InspectImage => Observed::Image(image::inspect(agent).await?),
            Action::ReadLayers { paths, texts } => {
                journal.say("Reading the layers of the image.").await;
                Observed::Layers(image::read_layers(agent, paths, texts).await?)
            }
            Action::Run { container, settle } => Observed::Run(self.run(&step.id, container, *settle).await?),
            Action::RunAnew { run } => {
                let mut container = on(run)?;
                journal
                    .say(&format!("Removing the container {} and starting it anew.", container.name()))
                    .await;
                let seen = container.start_anew(agent).await?;
                self.keep(&step.id, container);
                Observed::Run(seen)
            }
            Action::RunToEnd { container, within_seconds } => {
                let container = self.name(container);
                Observed::Ended(self.run_to_end(container, *within_seconds).await?)
            }
            Action::Stop { run, within_seconds } => {
                let container = on(run)?;
                let seen = container.stop(agent, *within_seconds).await?;
                let said = if seen.killed { "had to be killed" } else { "ended" };
                journal
                    .say(&format!(
                        "$ docker stop {}\nIt {said} after {:.1} s.",
                        container.name(),
                        seen.after_seconds
                    ))
                    .await;
                Observed::Stopped(seen)
            }
            Action::Http { run, expect, within_seconds } => {
                let container = on(run)?;
                let seen = http::watch(agent, &container, expect, *within_seconds).await?;
                self.tell_answer(container.name(), expect, &seen).await;
                Observed::Http(seen)
            }
            Action::Health { run, within_seconds } => {
                let seen = on(run)?.watch_health(agent, *within_seconds).await?;
                journal.say(&format!("Health after {:.1} s: {}", seen.after_seconds, seen.status)).await;
                Observed::Health(seen)
            }
            Action::Logs { run, expect, within_seconds } => {
                Observed::Logs(on(run)?.watch_log(agent, expect, *within_seconds).await?)
            }
            Action::Memory { run } => {
                let seen = on(run)?.memory(agent).await?;
                let megabytes = seen.resident_bytes as f64 / 1e6;
                journal.say(&format!("Memory: {megabytes:.1} MB in {} processes", seen.processes)).await;
                Observed::Memory(seen)
            }
            Action::LookAtSession => session_seen(self.session.as_ref()),
            Action::ComposeConfig => Observed::ComposeConfig(compose::config(agent).await?),
            Action::ComposeBuild { timeout_seconds } => {
                Observed::Build(compose::build(agent, journal, *timeout_seconds).await?)
            }
            Action::ComposeUp { within_seconds, healthy } => {
                Observed::Compose(compose::up(agent, journal, memory, *within_seconds, *healthy).await?)
            }
            Action::ComposeLook => Observed::Compose(compose::look(agent, journal).await?),
            Action::ComposeAnew { within_seconds } => {
                Observed::Compose(compose::anew(agent, journal, memory, *within_seconds).await?)
            }
            Action::ServiceHttp { service, published, expect, within_seconds } => {
                let seen = compose::watch(agent, service, *published, expect, *within_seconds).await?;
                self.tell_answer(service, expect, &seen).await;
                Observed::Http(seen)
            }
            Action::Reach { from, to, port, within_seconds } => {
                let seen = compose::reach(agent, from.as_deref(), to, *port, *within_seconds).await?;
                let (from, said) =
                    (from.as_deref().unwrap_or("outside"), if seen.connects { "yes" } else { "no" });
                journal.say(&format!("A connection from {from} to {to} on port {port}: {said}")).await;
                Observed::Reach(seen)
            }
            Action::Script { image, script, beside, timeout_seconds } => {
                let container = match beside {
                    ScriptPlace::Container { run } => Some(on(run)?),
                    ScriptPlace::Files | ScriptPlace::Compose => None,
                };
                let beside = match (beside, &container) {
                    (_, Some(container)) => script::Beside::Container(container),
                    (ScriptPlace::Compose, None) => script::Beside::Compose,
                    (_, None) => script::Beside::Files,
                };
                let name = format!("check-{}", self.made.fetch_add(1, Ordering::Relaxed));
                Observed::Script(script::run(agent, &name, image, script, beside, *timeout_seconds).await?)
            }
        })
    }

    async fn run(
        &self,
        step: &StepId,
        spec: &ContainerSpec,
        settle: bool,
    ) -> Result<RunObserved, AgentError> {
        let mut container = self.name(spec);
        self.journal.say(&container.shown()).await;
        let seen = container.start(self.agent, settle).await?;
        if seen.state != ContainerState::Running {
            self.journal.say(seen.log.trim_end()).await;
            self.journal.say(&format!("The container {}: {:?}", container.name(), seen.state)).await;
        }
        self.keep(step, container);
        Ok(seen)
    }

    async fn run_to_end(
        &self,
        mut container: Container,
        within_seconds: u32,
    ) -> Result<EndedObserved, AgentError> {
        self.journal.say(&container.shown()).await;
        let seen = container.start(self.agent, false).await?;
        if seen.state != ContainerState::Running {
            return Ok(EndedObserved { state: seen.state, log: seen.log });
        }
        let seen = container.wait(self.agent, within_seconds).await?;
        self.journal
            .say(&format!("{}\nThe container {}: {:?}", seen.log.trim_end(), container.name(), seen.state))
            .await;
        Ok(seen)
    }

    async fn tell_answer(&self, who: &str, expect: &HttpExpectation, seen: &HttpObserved) {
        let said = match (&seen.response, &seen.error) {
            (Some(response), _) => format!("status {}", response.status),
            (None, error) => error.clone().unwrap_or_default(),
        };
        self.journal
            .say(&format!("{who}: {}: {said}, after {:.1} s", expect.asked(), seen.after_seconds))
            .await;
    }

    /// A name and ports for a container that nobody else has.
    fn name(&self, spec: &ContainerSpec) -> Container {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = if number == 0 { "attempt".to_owned() } else { format!("attempt-{}", number + 1) };
        Container::new(name, spec.clone(), FIRST_PORT + number * PORTS, self.plan.limits.log_kib)
    }

    fn keep(&self, step: &StepId, container: Container) {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner).insert(step.clone(), container);
    }

    fn container(&self, step: &StepId) -> Option<Container> {
        self.containers.lock().unwrap_or_else(PoisonError::into_inner).get(step).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(id: &str, needs: &[&str], after: &[&str]) -> PlanStep {
        let ids = |names: &[&str]| names.iter().map(|name| StepId((*name).to_owned())).collect();
        PlanStep {
            id: StepId(id.to_owned()),
            needs: ids(needs),
            after: ids(after),
            asked_by: Vec::new(),
            action: Action::InspectImage,
        }
    }

    fn seen(step: &PlanStep, observed: Observed) -> (&StepId, Observation) {
        (&step.id, Observation { step: step.id.clone(), seconds: 0.0, observed })
    }

    #[test]
    fn a_step_waits_for_what_it_needs_and_is_pointless_without() {
        let (build, run) = (step("build", &[], &[]), step("run", &["build"], &[]));
        let last = step("last", &["build"], &["run"]);
        let good = Observed::Difference(Default::default());
        assert_eq!(readiness(&build, &HashMap::new()), Readiness::Ready);
        assert_eq!(readiness(&run, &HashMap::new()), Readiness::Waits);
        let built = HashMap::from([seen(&build, good.clone())]);
        assert_eq!(readiness(&run, &built), Readiness::Ready);
        assert_eq!(readiness(&last, &built), Readiness::Waits);
        let failed = HashMap::from([seen(&build, Observed::NotDone)]);
        assert_eq!(readiness(&run, &failed), Readiness::Pointless);
        let run_failed = HashMap::from([seen(&build, good), seen(&run, Observed::NotDone)]);
        assert_eq!(readiness(&last, &run_failed), Readiness::Ready, "it only waits for its end");
    }
}
