//! From a commit to the worker's handler: how long a job takes from the one who asks for it to the one who does it, beside a bare
//! message and a query. No clock wakes anybody here, so what arrives was brought by a bell.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use apalis::layers::WorkerBuilderExt;
use apalis::prelude::{BoxDynError, Data, WorkerBuilder, WorkerError};
use async_trait::async_trait;
use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::attempt::JudgeKit;
use containrlab_domain::ids::{
    JobId, LabRef, LabSlug, LabVersion, LearnerId, LeaseId, RecordingId, RequestId, RunnerId, SandboxId,
    SessionId,
};
use containrlab_domain::job::{Claim, JobOutcome};
use containrlab_domain::session::{Origin, Session, SessionCommand, Work};
use containrlab_store::baselines::{Backlog, BareBell, connect_on_bells};
use containrlab_store::live::TICK;
use containrlab_store::queue::{Queue, QueuedJob};
use containrlab_store::{NewRunner, Store};
use futures::future::{BoxFuture, try_join_all};
use tokio::sync::{OnceCell, oneshot};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::figure::{Bed, Better, Figure, Measured};
use crate::failure::Failure;

/// Jobs that each session asks for, one after the other.
const JOBS: usize = 150;

/// Sessions at once under load, and the pause between two jobs of one: some hundred jobs a second, each of three commands.
const LOAD: (usize, Duration) = (8, Duration::from_millis(20));

/// The same where nothing else goes on.
const IDLE: (usize, Duration) = (1, Duration::from_millis(5));

/// Jobs of others that wait meanwhile, where many do.
const OWED: u64 = 20_000;

/// Jobs before those that count: connections and statements are made with the first.
const WARM_UP: usize = 20;

/// How long anybody waits for a job before the bell counts as unheard.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is told of the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Of {
    Median,
    SlowestHundredth,
    Slowest,
}

/// What else goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    Load,
    LoadAndBacklog,
}

/// One figure of a measurement that several share.
struct Pickup {
    name: &'static str,
    of: Of,
    meanwhile: Meanwhile,
    times: Arc<[OnceCell<Times>; 3]>,
}

/// All figures about picking up.
pub(super) fn figures() -> Vec<Box<dyn Figure>> {
    use Meanwhile::{Load, LoadAndBacklog, Nothing};
    let times = Arc::new([OnceCell::new(), OnceCell::new(), OnceCell::new()]);
    let figure = |name, of, meanwhile| -> Box<dyn Figure> {
        Box::new(Pickup { name, of, meanwhile, times: Arc::clone(&times) })
    };
    vec![
        figure("commit to handler p50, idle", Of::Median, Nothing),
        figure("commit to handler p99, idle", Of::SlowestHundredth, Nothing),
        figure("commit to handler p50, under load", Of::Median, Load),
        figure("commit to handler p99, under load", Of::SlowestHundredth, Load),
        figure("commit to handler slowest, by bells alone", Of::Slowest, Load),
        figure("commit to handler p99, 20,000 owed", Of::SlowestHundredth, LoadAndBacklog),
    ]
}

#[async_trait]
impl Figure for Pickup {
    fn name(&self) -> &'static str {
        self.name
    }

    fn unit(&self) -> &'static str {
        "ms"
    }

    fn better(&self) -> Better {
        Better::Less
    }

    fn baseline(&self) -> &'static str {
        match self.of {
            Of::Median => "bare PUBLISH and one claim",
            Of::SlowestHundredth => "promised",
            Of::Slowest => "a tick of the clock",
        }
    }

    fn target_ratio(&self) -> f64 {
        match self.of {
            Of::Median => 3.0,
            Of::SlowestHundredth | Of::Slowest => 1.0,
        }
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        let times = self.times[self.meanwhile as usize]
            .get_or_try_init(|| async {
                match self.meanwhile {
                    Meanwhile::Nothing => Times::take(bed, IDLE).await,
                    Meanwhile::Load => Times::take(bed, LOAD).await,
                    Meanwhile::LoadAndBacklog => {
                        let backlog = Backlog::owe(&bed.store, OWED).await?;
                        let times = Times::take(bed, LOAD).await;
                        backlog.forget().await?;
                        times
                    }
                }
            })
            .await?;
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        let at = |times: &[Duration], percent: usize| {
            times
                .get((times.len() * percent / 100).min(times.len() - 1))
                .map_or(f64::NAN, |time| milliseconds(*time))
        };
        Ok(match self.of {
            Of::Median => Measured { ours: at(&times.ours, 50), baseline: at(&times.bare, 50) },
            Of::SlowestHundredth => Measured { ours: at(&times.ours, 99), baseline: 20.0 },
            Of::Slowest => Measured { ours: at(&times.ours, 100), baseline: milliseconds(TICK) },
        })
    }
}

/// What was measured side by side, each in ascending order and not empty.
struct Times {
    ours: Vec<Duration>,
    bare: Vec<Duration>,
}

impl Times {
    async fn take(bed: &Bed, (sessions, pause): (usize, Duration)) -> Result<Self, Failure> {
        let settings = bed.store.settings();
        let (api, host) =
            (connect_on_bells(settings.clone()).await?, connect_on_bells(settings.clone()).await?);
        let shutdown = CancellationToken::new();
        let _stop = shutdown.clone().drop_guard();
        // As in earnest: whoever commits relays, and so does the runner.
        api.spawn_relay(shutdown.clone());
        host.spawn_relay(shutdown.clone());
        let runner = RunnerId(Uuid::now_v7());
        host.register_runner(&NewRunner {
            runner_id: runner,
            name: "bench".to_owned(),
            address: "http://127.0.0.1:9".to_owned(),
            capacity: 64,
            kit: JudgeKit::with_images(BTreeMap::new()),
        })
        .await?;
        let desk = Arc::new(Desk { store: host, runner, expected: Mutex::default() });
        let worker = tokio::spawn(work(Arc::clone(&desk), shutdown.clone()));
        let done = CancellationToken::new();
        let bare = tokio::spawn(ring(BareBell::hang(&bed.store).await?, pause, done.clone()));
        let asking = (0..sessions).map(|_| ask(&api, &desk, pause));
        let ours = try_join_all(asking).await;
        done.cancel();
        let bare = bare.await.map_err(|error| failed(&error))??;
        shutdown.cancel();
        worker.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        let sorted = |mut times: Vec<Duration>| {
            times.sort_unstable();
            times
        };
        Ok(Self { ours: sorted(ours?.concat()), bare: sorted(bare) })
    }
}

/// Where jobs arrive.
struct Desk {
    store: Store,
    runner: RunnerId,
    /// Who waits for which job.
    expected: Mutex<HashMap<JobId, Expected>>,
}

/// A job that somebody waits for.
struct Expected {
    session: SessionId,
    arrived: oneshot::Sender<Instant>,
}

impl Desk {
    fn expect(&self, job: JobId, session: SessionId) -> oneshot::Receiver<Instant> {
        let (arrived, when) = oneshot::channel();
        let expected = Expected { session, arrived };
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).insert(job, expected);
        when
    }

    /// The handler: its first instant is what is measured; then it does what every job does.
    async fn handle(&self, job: JobId) -> Result<(), Failure> {
        let now = Instant::now();
        let expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner).remove(&job);
        // Brought a second time.
        let Some(expected) = expected else { return Ok(()) };
        let claim = Claim { lease: LeaseId(Uuid::now_v7()), runner: self.runner };
        let lease = claim.lease;
        let outcome = JobOutcome::Exited { code: 0, milliseconds: 0 };
        tell(
            &self.store,
            expected.session,
            SessionCommand::StartJob { job, claim, log: RecordingId(Uuid::now_v7()) },
        )
        .await?;
        tell(&self.store, expected.session, SessionCommand::FinishJob { job, lease, outcome }).await?;
        // Whoever asked may have given up.
        let _ = expected.arrived.send(now);
        Ok(())
    }
}

/// A worker as the runner builds it.
fn work(desk: Arc<Desk>, shutdown: CancellationToken) -> BoxFuture<'static, Result<(), WorkerError>> {
    async fn take(message: QueuedJob, desk: Data<Arc<Desk>>) -> Result<(), BoxDynError> {
        Ok(desk.handle(message.job).await?)
    }
    let worker = WorkerBuilder::new(format!("bench-{}", Uuid::now_v7()))
        .backend(desk.store.worker_backend(&Queue::Runner(desk.runner)))
        .data(desk)
        .concurrency(64)
        .catch_panic()
        .build(take);
    let stopped = async move {
        shutdown.cancelled().await;
        Ok::<(), WorkerError>(())
    };
    Box::pin(worker.run_until(stopped))
}

/// One session that asks for a job, waits until it is done, and asks for the next.
async fn ask(api: &Store, desk: &Desk, pause: Duration) -> Result<Vec<Duration>, Failure> {
    let session = ready(api, desk.runner).await?;
    let mut times = Vec::with_capacity(JOBS);
    for number in 0..WARM_UP + JOBS {
        tokio::time::sleep(pause).await;
        let job = JobId(Uuid::now_v7());
        let arrived = desk.expect(job, session);
        let work = Work::Exec { argv: vec!["true".to_owned()], timeout_seconds: 1 };
        tell(api, session, SessionCommand::RequestJob { job, work }).await?;
        let committed = Instant::now();
        let arrived = tokio::time::timeout(PATIENCE, arrived)
            .await
            .map_err(|_| Failure::Plain("A job was not brought by any bell.".to_owned()))?
            .map_err(|error| failed(&error))?;
        if number >= WARM_UP {
            times.push(arrived.saturating_duration_since(committed));
        }
    }
    Ok(times)
}

/// The baseline, beside the other until that is done.
async fn ring(
    mut bell: BareBell,
    pause: Duration,
    done: CancellationToken,
) -> Result<Vec<Duration>, Failure> {
    let mut times = Vec::new();
    for number in 0.. {
        if done.is_cancelled() && number > WARM_UP {
            break;
        }
        tokio::time::sleep(pause).await;
        let took = bell.ring().await?;
        if number >= WARM_UP {
            times.push(took);
        }
    }
    Ok(times)
}

async fn ready(store: &Store, runner: RunnerId) -> Result<SessionId, Failure> {
    let session = SessionId(Uuid::new_v4());
    let claim = Claim { lease: LeaseId(Uuid::now_v7()), runner };
    let lease = claim.lease;
    let slug = LabSlug::new("lab1").map_err(|error| failed(&error))?;
    let request = SessionCommand::Request {
        session,
        learner: LearnerId(Uuid::new_v4()),
        lab: LabRef { slug, version: LabVersion::of(b"") },
        origin: Origin::Starter,
        provision_job: JobId(Uuid::now_v7()),
        ttl_seconds: 3600,
    };
    let sandbox = SandboxId(Uuid::now_v7());
    for command in [
        request,
        SessionCommand::StartProvisioning { claim },
        SessionCommand::MarkReady { lease, sandbox, warm: false },
    ] {
        tell(store, session, command).await?;
    }
    Ok(session)
}

async fn tell(store: &Store, session: SessionId, command: SessionCommand) -> Result<(), Failure> {
    let by = Provenance { actor: Actor::System("bench"), request: RequestId(Uuid::now_v7()) };
    store.execute::<Session>(session.0, command, &by).await.map(drop).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::Plain(format!("Picking up was not measured: {error}."))
}
