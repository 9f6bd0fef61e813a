//! Random learners, random faults, and the reckoning.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::ids::{AttemptId, JobId, RequestId, SessionId, WorkspaceId};
use containrlab_domain::session::{EndReason, Phase, Session, SessionCommand};
use containrlab_domain::workspace::WorkspacePath;
use containrlab_store::Store;
use containrlab_store::testing::{audit, unfinished};
use uuid::Uuid;

use super::PATIENCE;
use super::chaos::rage;
use super::house::{House, Setup};
use super::learners::{Learner, Promises};
use super::plan::{ALL, Act, LEARNERS, Plan};
use super::shrink::shrink;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let setting = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let number = |name: &str, default: u64| {
        setting(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let seconds = number("FAULT_SECONDS", 20);
    let search = Search {
        seed: number("SEED", 20_261_123),
        seconds,
        kinds: setting("FAULTS").map_or_else(
            || ALL.iter().map(|kind| (*kind).to_owned()).collect(),
            |text| text.split(',').map(str::to_owned).collect(),
        ),
        shrink_for: Duration::from_secs(number("SHRINK_SECONDS", 10 * seconds)),
        runners: RUNNERS,
        defect: None,
    };
    if let Some(found) = search.run().await {
        panic!("{found}");
    }
}

/// A promise is broken on purpose: it is noticed, and what is told of it is short and fails again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_promise_is_noticed_and_its_history_made_short() {
    let mut search = Search {
        seed: 0,
        seconds: 6,
        kinds: vec!["kill-runner".to_owned(), "flush".to_owned()],
        shrink_for: Duration::from_secs(120),
        // Which of several has a learner's session is not in the plan.
        runners: 1,
        defect: Some("lapsed_jobs_are_dropped"),
    };
    let mut found = None;
    // A plan may hurt no job that is just being done; one of a few does.
    while found.is_none() && search.seed < 6 {
        search.seed += 1;
        found = search.run().await;
    }
    let (found, plan) = (found.expect("jobs without an outcome are noticed"), search.plan());
    println!("{found}");
    let told = found.to_string();
    let again = format!("SEED={} SECONDS=6 FAULTS=kill-runner,flush\n", search.seed);
    assert!(told.starts_with(&again), "{told}");
    assert!(found.wrong.iter().any(|wrong| wrong.contains("outcome")), "{told}");
    let Plan { faults, commands, .. } = &found.shortest;
    assert!(faults.iter().all(|fault| plan.faults.contains(fault)), "a part of the plan: {told}");
    assert!(faults.iter().any(|fault| fault.kind == "kill-runner"), "what breaks it is left: {told}");
    assert!(faults.len() < plan.faults.len() && commands.len() <= plan.commands.len() / 2, "{told}");
    for fault in faults {
        assert!(told.contains(&fault.to_string()), "{told}");
    }
    // A busy machine may come to a command later than the last time: a few tries.
    for _ in 0..5 {
        if !search.carry_out(&found.shortest).await.is_empty() {
            return;
        }
    }
    panic!("the short plan does not fail any more: {told}");
}

/// Tenths of a second that a job takes longer where one is to be lost.
const LONG: u32 = 30;

/// Runners in the house of a long run.
const RUNNERS: usize = 2;

/// A plan that is carried out, and made as short as it can be if it fails.
struct Search {
    seed: u64,
    seconds: u64,
    kinds: Vec<String>,
    shrink_for: Duration,
    runners: usize,
    /// How the processes are broken.
    defect: Option<&'static str>,
}

/// A plan that fails.
struct Found {
    /// How to do the whole of it again.
    again: String,
    /// What was wrong after the whole of it.
    wrong: Vec<String>,
    shortest: Plan,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { again, wrong, shortest } = self;
        write!(f, "{again}\n{}\n\nthe shortest plan that failed too:\n{shortest}", wrong.join("\n"))
    }
}

impl Search {
    fn plan(&self) -> Plan {
        let mut plan = Plan::of(self.seed, Duration::from_secs(self.seconds), &self.kinds, self.runners);
        if self.defect.is_some() {
            // A session's end gives its open jobs an outcome: most of what gets lost would be found again so soon.
            plan.commands.retain(|command| command.act != Act::End);
            // Whoever is hurt has a job just then, and not by chance: so that what is left of the plan fails as surely as all of it.
            for command in &mut plan.commands {
                if let Act::Exec(tenths) = &mut command.act {
                    *tenths += LONG;
                }
            }
        }
        plan
    }

    async fn run(&self) -> Option<Found> {
        let plan = self.plan();
        let wrong = self.carry_out(&plan).await;
        if wrong.is_empty() {
            return None;
        }
        let again = format!("SEED={} SECONDS={} FAULTS={}", self.seed, self.seconds, self.kinds.join(","));
        eprintln!("{again}: {} things are wrong; looking for the shortest plan that fails", wrong.len());
        let fails = async |plan: &Plan| !self.carry_out(plan).await.is_empty();
        let shortest = shrink(plan, self.shrink_for, fails).await;
        Some(Found { again, wrong, shortest })
    }

    /// Does all that the plan says to a house of its own, and says what is wrong afterwards.
    async fn carry_out(&self, plan: &Plan) -> Vec<String> {
        let mut house = House::start_as(Setup { defect: self.defect, ..Setup::with(self.runners) }).await;
        let promises = Arc::new(Mutex::new(Promises::default()));
        let mut learners = tokio::task::JoinSet::new();
        for number in 0..LEARNERS {
            let theirs = plan.commands.iter().filter(|command| command.learner == number).cloned().collect();
            learners.spawn(Learner::new(&house.url, number, Arc::clone(&promises)).act_all(theirs));
        }
        rage(&mut house, plan).await;
        // A request under way is either answered and noted, or nobody was promised anything.
        learners.shutdown().await;
        let promises = std::mem::take(&mut *promises.lock().expect("whole"));
        let wrong = reckon(&mut house, &promises).await;
        println!(
            "{} faults; promised {} sessions, {} jobs, {} attempts, {} files, {} ends; answers {:?}",
            plan.faults.len(),
            promises.sessions.len(),
            promises.jobs.len(),
            promises.attempts.len(),
            promises.files.len(),
            promises.ends.len(),
            promises.answers,
        );
        if !wrong.is_empty() && self.defect.is_none() {
            house.show_logs();
        } else if wrong.is_empty() && plan.commands.len() > 100 {
            // A run in which nothing could happen would prove nothing.
            assert!(!promises.sessions.is_empty(), "{promises:?}");
        }
        wrong
    }
}

/// Heals the system, lets it come to rest, and says everything that is wrong then.
async fn reckon(house: &mut House, promises: &Promises) -> Vec<String> {
    house.heal().await;
    let store = house.store().await;
    let mut wrong = Vec::new();
    if let Err(late) = until_done(&store).await {
        wrong.extend(late);
    } else {
        // The end of a session gives its open jobs an outcome, so it would hide that one of them has been lost.
        wrong.extend(audit(&store).await.expect("the ledger can be read"));
    }
    end_all(&store).await;
    if let Err(late) = until_done(&store).await {
        wrong.extend(late);
    }
    wrong.extend(audit(&store).await.expect("the ledger can be read"));
    let until = Instant::now() + PATIENCE;
    while !house.sandboxes().is_empty() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    wrong.extend(house.sandboxes().into_iter().map(|left| format!("a sandbox without an owner: {left}")));
    for part in house.parts() {
        if !part.is_alive() {
            wrong.push(format!("{} does not live", part.name));
        }
        let said = part.said();
        wrong.extend(
            said.lines()
                .filter(|line| line.contains("panicked at"))
                .map(|line| format!("{}: {line}", part.name)),
        );
    }
    wrong.extend(promises.wrong.iter().cloned());
    wrong.extend(broken(&store, promises).await);
    wrong
}

/// Waits until no job is open and no session is on its way.
async fn until_done(store: &Store) -> Result<(), Vec<String>> {
    let until = Instant::now() + PATIENCE;
    loop {
        match unfinished(store).await {
            Ok(open) if open.is_empty() => return Ok(()),
            Ok(open) if Instant::now() > until => {
                return Err(open.into_iter().map(|open| format!("waited in vain: {open}")).collect());
            }
            Err(error) if Instant::now() > until => {
                return Err(vec![format!("the ledger cannot be read: {error}")]);
            }
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
}

async fn end_all(store: &Store) {
    for session in containrlab_store::testing::ready_sessions(store).await.expect("a read") {
        let command = SessionCommand::RequestEnd { reason: EndReason::Learner, job: JobId(Uuid::now_v7()) };
        let by = Provenance { actor: Actor::System("test"), request: RequestId(Uuid::now_v7()) };
        // Refused when it has just ended.
        let _ = store.execute::<Session>(session.0, command, &by).await;
    }
}

/// The promises that were not kept.
async fn broken(store: &Store, promises: &Promises) -> Vec<String> {
    let mut broken = Vec::new();
    for session in &promises.sessions {
        if store.session(SessionId(*session)).await.expect("a read").is_none() {
            broken.push(format!("the session {session} was promised and is not there"));
        }
    }
    for job in &promises.jobs {
        if store.job(JobId(*job)).await.expect("a read").is_none() {
            broken.push(format!("the job {job} was promised and is not there"));
        }
    }
    for attempt in &promises.attempts {
        let row = store.attempt(AttemptId(*attempt)).await.expect("a read");
        if row.is_none_or(|row| row.verdict.is_none()) {
            broken.push(format!("the attempt {attempt} was promised and has no verdict"));
        }
    }
    for session in &promises.ends {
        let row = store.session(SessionId(*session)).await.expect("a read");
        if row.is_none_or(|row| row.phase != Phase::Ended) {
            broken.push(format!("the end of session {session} was promised and did not come"));
        }
    }
    for (session, path, text) in &promises.files {
        let tree = store.workspace_tree(WorkspaceId::of(SessionId(*session))).await.expect("a read");
        let path = WorkspacePath::new(path).expect("a path");
        let hash = tree.and_then(|(tree, _)| Some(tree.files.get(&path)?.hash.clone()));
        let bytes = match hash {
            Some(hash) => store.blob(&hash).await.expect("a read"),
            None => None,
        };
        if bytes.as_deref() != Some(text.as_bytes()) {
            broken.push(format!("the file {path} of session {session} was promised and is not there"));
        }
    }
    broken
}
