//! Brings the whole system up and watches over it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::engine_used::EngineUsed;
use super::private::start_databases;
use super::watch::watch;
use crate::commands;
use crate::failure::Failure;
use crate::process::{Launch, Running};
use crate::progress::Progress;
use crate::services::docker::Engine;
use crate::services::postgres::Durability;
use crate::services::{Ready, Service};
use crate::settings::{Environment, Stack, variables};
use crate::state::{Secret, StateDir};

/// Everything, running.
#[derive(Debug)]
pub(crate) struct System {
    /// Where the pages are.
    pub(crate) url: String,
    /// What its processes were told.
    pub(crate) environment: Environment,
    watchers: JoinSet<()>,
    given_up: mpsc::Receiver<Failure>,
    /// Held as long as we use it: the last user stops a private engine.
    _engine: Engine,
}

impl System {
    /// Brings everything up. What it has started when it fails or is dropped is found again by its pid files:
    /// see [`super::stop_all`].
    pub(crate) async fn start(
        environment: &Environment,
        stack: &Stack,
        state: &StateDir,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let docker = async {
            let step = progress.step("Docker engine");
            let engine = Engine::find_or_start(&stack.docker, state).await?;
            step.done(engine.origin);
            Ok(engine)
        };
        let databases = start_databases(stack, state, Durability::Kept, progress);
        let (databases, engine) = tokio::try_join!(databases, docker)?;
        let environment = complete(environment.clone(), stack, state, &databases, &engine)?;

        EngineUsed::remember(state, &environment)?;

        let schema = async {
            let step = progress.step("Database schema");
            step.done(&commands::migrate::run(&environment).await?);
            Ok(())
        };
        let images = async {
            let step = progress.step("Images");
            let outcome = commands::images::ensure(&environment, false, &|line| step.note(line)).await?;
            step.done(&outcome);
            Ok::<_, Failure>(())
        };
        tokio::try_join!(schema, images)?;

        let (api, api_running, address) = start_api(&environment, stack, state, progress).await?;
        let (runner, runner_running) = start_runner(&environment, state, progress).await?;

        let (say_given_up, given_up) = mpsc::channel(1);
        let mut watchers = JoinSet::new();
        let started = databases
            .started
            .into_iter()
            .chain(engine.watched())
            .chain([(api, api_running), (runner, runner_running)]);
        for (service, running) in started {
            watchers.spawn(watch(service, running, progress.clone(), say_given_up.clone()));
        }
        Ok(Self { url: format!("http://{address}"), environment, watchers, given_up, _engine: engine })
    }

    /// Waits until something has died once too often, and says what.
    pub(crate) async fn given_up(&mut self) -> Failure {
        match self.given_up.recv().await {
            Some(failure) => failure,
            // All watchers are gone only after one has given up and was heard.
            None => std::future::pending().await,
        }
    }

    /// Stops watching, so that what is stopped next stays so, and gives up the share in the engine.
    pub(crate) async fn let_go(mut self) {
        self.watchers.shutdown().await;
    }
}

/// Adds to the environment what the children have to know.
fn complete(
    mut environment: Environment,
    stack: &Stack,
    state: &StateDir,
    databases: &super::Databases,
    engine: &Engine,
) -> Result<Environment, Failure> {
    environment.set(&variables::STATE_DIR, state.root().display().to_string());
    environment.set(&variables::DATABASE_URL, &databases.database_url);
    environment.set(&variables::REDIS_URL, &databases.redis_url);
    environment.set(&variables::DOCKER_HOST, &engine.host);
    environment.set_default(&variables::RUNNER_TOKEN, state.secret(Secret::RunnerToken)?);
    state.name_installation(&mut environment)?;
    if !stack.public {
        environment.set_default(&variables::LOCAL_SIGN_IN, "true");
    }
    Ok(environment)
}

/// This program with another command, as a child.
fn child(state: &StateDir, environment: &Environment, command: &'static str) -> Result<Launch, Failure> {
    let program = std::env::current_exe().map_err(Failure::file("find this program's own file"))?;
    let environment: BTreeMap<String, String> = variables::ALL
        .iter()
        .filter_map(|variable| Some((variable.name.to_owned(), environment.text(variable)?.to_owned())))
        .collect();
    Ok(Launch { environment, ..Launch::new(program, state.log(command)).arguments([command]) })
}

async fn start_api(
    environment: &Environment,
    stack: &Stack,
    state: &StateDir,
    progress: &Progress,
) -> Result<(Service, Running, SocketAddr), Failure> {
    let step = progress.step("API");
    let address_file = state.path("run").join("api.address");
    let mut launch =
        child(state, environment, "api")?.arguments(["--address-file".as_ref(), address_file.as_os_str()]);
    // Started first until it has its address: with port 0 only the process itself knows it.
    let mut service = Service {
        name: "API",
        launch: launch.clone(),
        ready: Ready::File(address_file.clone()),
        patience: Duration::from_secs(60),
        stop: Signal::TERM,
        grace: Duration::from_secs(30),
        pid_file: state.pid_file("api"),
    };
    let running = service.start().await?;
    let text = std::fs::read_to_string(&address_file)
        .map_err(Failure::file(format!("read {}", address_file.display())))?;
    let address: SocketAddr =
        text.trim().parse().map_err(|_| service.failed("did not say where it listens"))?;
    service.ready = Ready::Http { address: reachable(address), path: "/api/healthz" };
    let running = service.until_ready(&running).await.map(|()| running)?;
    // A restart keeps the address that people have open.
    launch.environment.insert(stack.api.variable.into(), address.to_string());
    service.launch = launch;
    step.done(&format!("listens on {address}"));
    Ok((service, running, reachable(address)))
}

/// Where a server that listens on all addresses is reached from this machine.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

async fn start_runner(
    environment: &Environment,
    state: &StateDir,
    progress: &Progress,
) -> Result<(Service, Running), Failure> {
    let step = progress.step("Runner");
    let ready_file = state.path("run").join("runner.ready");
    let service = Service {
        name: "Runner",
        launch: child(state, environment, "runner")?
            .arguments(["--ready-file".as_ref(), ready_file.as_os_str()]),
        ready: Ready::File(ready_file),
        // The first start prepares the volume that sandboxes are copied from.
        patience: Duration::from_secs(600),
        stop: Signal::TERM,
        grace: Duration::from_secs(60),
        pid_file: state.pid_file("runner"),
    };
    let running = service.start().await?;
    step.done("takes sessions");
    Ok((service, running))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_reached_by_the_loopback_one() {
        assert_eq!(reachable("0.0.0.0:80".parse().unwrap()), "127.0.0.1:80".parse().unwrap());
        assert_eq!(reachable("[::]:80".parse().unwrap()), "[::1]:80".parse().unwrap());
        assert_eq!(reachable("192.0.2.1:80".parse().unwrap()), "192.0.2.1:80".parse().unwrap());
    }
}
