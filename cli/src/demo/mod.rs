//! `containrlab demo`: the main job without a browser, through the same HTTP API that the page uses.
//!
//! Signs in as a local learner, starts a lab, waits for the sandbox, puts the reference solution, runs `docker version` in the
//! terminal, submits, follows the live updates, and prints the verdict and the timeline. Ends with 0 only on a real pass.

pub(crate) mod client;
pub(crate) mod live;
mod report;
mod solution;
pub(crate) mod terminal;

use std::time::{Duration, Instant};

use serde_json::json;

use crate::args::DemoArgs;
use crate::failure::Failure;
use crate::process::signals::Stops;
use crate::progress::Progress;
use crate::settings::{Environment, Stack, crates, variables};
use crate::stack;
use crate::state::{Lock, StateDir};

use client::Client;
use live::Live;

/// How long a sandbox may take, and a judgement: each waits for its turn on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// Uses the system that was named, or the one that `up` runs on this state folder, or brings one up for itself.
pub(crate) async fn run(environment: &Environment, args: DemoArgs) -> Result<u8, Failure> {
    let solution = solution::read(&crates::labs_dir(environment)?, &args.lab)?;
    let progress = Progress::new();
    if let Some(url) = &args.url {
        return learn(&Client::new(url.as_str())?, &args.lab, &solution, &progress).await;
    }
    let stack = Stack::read(environment)?;
    let state = StateDir::open(stack.state_dir.clone())?;
    let lock = loop {
        if let Some(lock) = state.lock("up", Lock::Alone)? {
            break lock;
        }
        if let Some(url) = stack::find_running(&state).await? {
            progress.say(&format!("Using the system that runs at {url}."));
            return learn(&Client::new(&url)?, &args.lab, &solution, &progress).await;
        }
    };
    progress.say("Nothing runs here, so the system is brought up for this, and stopped after it.");
    let mut environment = environment.clone();
    // Any port will do, and the usual one may be somebody's.
    environment.set_default(&variables::API_LISTEN, "127.0.0.1:0");
    let stack = Stack::read(&environment)?;
    let mut stops = Stops::listen()?;
    let mut system = None;
    let outcome = tokio::select! {
        outcome = async {
            let system = system.insert(stack::start(&environment, &stack, &state, &progress).await?);
            let client = Client::new(&system.url)?;
            tokio::select! {
                outcome = learn(&client, &args.lab, &solution, &progress) => outcome,
                failure = system.given_up() => Err(failure),
            }
        } => outcome,
        signal = stops.next() => Err(Failure::Plain(format!("Stopped by signal {signal} before it was done."))),
    };
    if let Some(system) = system {
        system.let_go().await;
    }
    stack::stop_all(&environment, &state, &progress).await?;
    drop(lock);
    outcome
}

/// The learner's way through a lab.
async fn learn(
    client: &Client,
    lab: &str,
    solution: &[solution::File],
    progress: &Progress,
) -> Result<u8, Failure> {
    let started = Instant::now();
    let step = progress.step("Sign-in");
    // A learner of its own each time: two demos at once don't disturb each other.
    let name = format!("Demo {:08x}", rand::random::<u32>());
    client.sign_in(&name).await?;
    step.done(&format!("as \"{name}\""));

    let step = progress.step("Start");
    let session = client.post(&format!("/api/labs/{lab}/start"), &json!({})).await?;
    let session = client::text(&session, "id")?.to_owned();
    let outcome = work(client, lab, &session, solution, progress, step).await;

    // Whatever happened: the sandbox is not left to its time to live.
    let step = progress.step("End");
    match end(client, &session).await {
        Ok(()) => step.done("the session is over"),
        Err(failure) => step.done(&format!("the session could not be ended: {failure}")),
    }
    let passed = outcome?;
    progress.say(&format!(
        "\n{} in {}.",
        if passed { "Passed" } else { "Not passed" },
        crate::progress::seconds(started.elapsed())
    ));
    Ok(u8::from(!passed))
}

/// Ends the session and waits until it is over.
pub(crate) async fn end(client: &Client, session: &str) -> Result<(), Failure> {
    let path = format!("/api/sessions/{session}");
    client.delete(&path).await?;
    let mut live = Live::follow(client, session).await?;
    live.until(PATIENCE, "the session's end", |event| {
        let over = event.name == "end" || (event.name == "session" && event.data["phase"] == "ended");
        Ok(over.then_some(()))
    })
    .await
}

/// What happens between start and end. Says whether the attempt passed.
async fn work(
    client: &Client,
    lab: &str,
    session: &str,
    solution: &[solution::File],
    progress: &Progress,
    step: crate::progress::Step,
) -> Result<bool, Failure> {
    let mut live = Live::follow(client, session).await?;
    let mut place = None;
    let ready = live
        .until(PATIENCE, "the sandbox", |event| {
            if event.name != "session" {
                return Ok(None);
            }
            let now = event.data["place_in_line"].as_u64();
            if now.is_some() && now != place {
                step.note(&format!("place {} in line", now.unwrap_or_default()));
                place = now;
            }
            match event.data["phase"].as_str() {
                Some("ready") => Ok(Some(())),
                Some("ending" | "ended") => Err(Failure::Client(format!(
                    "The session ended before it was ready: {}",
                    event.data["end_reason"]["sentence"].as_str().unwrap_or("without a reason")
                ))),
                _ => Ok(None),
            }
        })
        .await;
    ready?;
    step.done(&format!("{lab} has a sandbox, session {session}"));

    let step = progress.step("Files");
    for file in solution {
        let path = format!("/api/files?session={session}&path={}", client::encoded(&file.path));
        client.put(&path, &json!({ "content": file.content, "executable": file.executable })).await?;
        step.note(&file.path);
    }
    step.done(&format!("{} of the reference solution", solution.len()));

    let step = progress.step("Terminal");
    let output = terminal::run(client, session, "docker version").await?;
    for line in output.lines() {
        step.note(line);
    }
    step.done("docker version answers");

    let step = progress.step("Submit");
    let attempt = client.post(&format!("/api/judge/{lab}"), &json!({})).await?;
    let attempt = client::text(&attempt, "id")?.to_owned();
    let mut log = report::Log::default();
    let judged = loop {
        // Looked at whenever something happened; the live updates say when.
        let read = client.get(&format!("/api/attempts/{attempt}")).await?;
        if read["state"] == "judged" {
            break read;
        }
        live.until(PATIENCE, "the verdict", |event| {
            for line in log.take(event) {
                step.note(&line);
            }
            Ok((event.data["stream"] == "attempt").then_some(()))
        })
        .await?;
    };
    step.done("judged");
    report::verdict(&judged, progress);
    let timeline = client.get(&format!("/api/sessions/{session}/timeline?limit=1000")).await?;
    report::timeline(&timeline, progress);
    Ok(judged["verdict"]["passed"] == true && judged["status"] == "passed")
}
