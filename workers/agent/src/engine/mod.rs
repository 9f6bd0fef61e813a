//! The rootless engine: started as the learner, watched, started again when it dies.

mod door;
mod inner;
mod layers;
mod lines;
mod news;
mod ping;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use containrlab_agent::message::{EngineState, EngineStatus, ProcessExit};

pub(crate) use inner::main as inner_main;
use news::News;
pub(crate) use ping::main as ping_main;

use crate::config::{Config, EngineConfig};
use crate::learner::Learner;
use crate::supervised::{self, Spec, Stopper};

/// Lines of the engine's log that are kept.
const LOG_LINES: usize = 40;
/// Longest line that is kept, in bytes.
const LONGEST_LINE: u64 = 2000;
/// Deaths in a row after which the engine counts as failed.
const TRIES: u32 = 6;
/// Wait before the second start; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// Wait between the tries of an engine that counts as failed.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// An engine that was ready for this long before it died has no part in the deaths before.
const PROVEN: Duration = Duration::from_secs(15);
/// A start that isn't ready after this long is taken for hung and stopped.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The engine of the sandbox.
pub(crate) struct Engine {
    state: Mutex<State>,
    changed: Condvar,
    began: Instant,
}

struct State {
    engine: EngineState,
    since: Instant,
    first_ready: Option<Duration>,
    restarts: u32,
    detail: Option<String>,
    log: VecDeque<String>,
    stopper: Option<Stopper>,
    missing_layers: u32,
}

impl Engine {
    /// One that is about to be started, if the sandbox has any: whoever asks before that is not told that there is none.
    pub(crate) fn new(began: Instant, is_there: bool) -> Engine {
        let state = State {
            engine: if is_there { EngineState::Starting } else { EngineState::Absent },
            since: began,
            first_ready: None,
            restarts: 0,
            detail: None,
            log: VecDeque::new(),
            stopper: None,
            missing_layers: 0,
        };
        Engine { state: Mutex::new(state), changed: Condvar::new(), began }
    }

    /// How it is.
    pub(crate) fn status(&self) -> EngineStatus {
        let state = self.state();
        EngineStatus {
            state: state.engine,
            since_ms: milliseconds(state.since.elapsed()),
            first_ready_ms: state.first_ready.map(milliseconds),
            restarts: state.restarts,
            detail: state.detail.clone(),
            log: if state.engine == EngineState::Ready {
                Vec::new()
            } else {
                state.log.iter().cloned().collect()
            },
            missing_layers: state.missing_layers,
        }
    }

    /// Starts the engine and keeps it running until [`Engine::stop`].
    pub(crate) fn keep_running(self: &Arc<Self>, learner: &Learner, config: &Config, engine: &EngineConfig) {
        let mut deaths = 0;
        loop {
            let first = self.state().restarts == 0 && deaths == 0;
            if !self.become_(if first { EngineState::Starting } else { EngineState::Restarting }) {
                return;
            }
            let (why, ready_for) = self.run_once(learner, config, engine);
            deaths = if ready_for.is_some_and(|time| time >= PROVEN) { 1 } else { deaths + 1 };
            {
                let mut state = self.state();
                if state.engine == EngineState::Stopping {
                    return;
                }
                eprintln!("containrlab-agent: {why}");
                for line in &state.log {
                    eprintln!("containrlab-agent: engine: {line}");
                }
                state.detail = Some(why);
                state.restarts += 1;
            }
            let wait = if deaths >= TRIES {
                if !self.become_(EngineState::Failed) {
                    return;
                }
                LONGEST_WAIT
            } else {
                if !self.become_(EngineState::Restarting) {
                    return;
                }
                FIRST_WAIT * 2u32.pow(deaths.saturating_sub(1))
            };
            self.pause(wait);
        }
    }

    /// Stops the engine for good and waits until it has stopped its containers, or its time is up.
    pub(crate) fn stop(&self, limit: Duration) {
        let mut state = self.state();
        if state.engine == EngineState::Absent {
            return;
        }
        state.engine = EngineState::Stopping;
        state.since = Instant::now();
        if let Some(stopper) = &state.stopper {
            stopper.stop();
        }
        self.changed.notify_all();
        let deadline = Instant::now() + limit;
        while state.stopper.is_some() && Instant::now() < deadline {
            (state, _) = self
                .changed
                .wait_timeout(state, Duration::from_millis(200))
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// One life of the engine: why it ended, and how long it was ready.
    fn run_once(
        self: &Arc<Self>,
        learner: &Learner,
        config: &Config,
        engine: &EngineConfig,
    ) -> (String, Option<Duration>) {
        let door = config.engine_door();
        let (env, pass) = match self.connect(door.as_deref(), engine) {
            Ok(connected) => connected,
            Err(error) => return (format!("The engine can't be started: it gets no socket. {error}"), None),
        };
        let spec = Spec {
            argv: config.engine_command(engine, learner.agent()),
            cwd: "/".into(),
            env,
            by_platform: true,
            terminal: false,
            leader_only: true,
            grace: Duration::from_millis(engine.stop_ms),
            stdio: [Stdio::null(), Stdio::piped(), Stdio::piped()],
            pass,
        };
        let mut started = match supervised::start(learner, spec) {
            Ok(started) => started,
            Err(error) => return (format!("The engine can't be started. {error}"), None),
        };
        let stopper = started.stopper();
        {
            let mut state = self.state();
            state.log.clear();
            state.stopper = Some(stopper.clone());
            if state.engine == EngineState::Stopping {
                stopper.stop();
            }
        }
        let outputs: Vec<Box<dyn Read + Send>> = [
            started.supervisor.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
            started.supervisor.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        ]
        .into_iter()
        .flatten()
        .collect();
        for output in outputs {
            let engine = Arc::clone(self);
            std::thread::spawn(move || engine.keep_log(output));
        }
        let pinging = Arc::new(Mutex::new(Pinging { over: false, ready: None }));
        match ping::start(learner, &door.unwrap_or_else(|| config.engine_socket()), START_LIMIT) {
            Ok(child) => {
                let (engine, pinging, stopper) = (Arc::clone(self), Arc::clone(&pinging), stopper);
                std::thread::spawn(move || engine.wait_for_answer(child, &pinging, &stopper));
            }
            Err(error) => {
                eprintln!("containrlab-agent: the engine can't be asked whether it is ready: {error}")
            }
        }
        let waited = started.wait(None);
        let ready = {
            let mut pinging = pinging.lock().unwrap_or_else(PoisonError::into_inner);
            pinging.over = true;
            pinging.ready
        };
        self.state().stopper = None;
        self.changed.notify_all();
        let ended = match waited.exit {
            ProcessExit { code: Some(code), .. } => format!("The engine ended with exit code {code}."),
            ProcessExit { signal: Some(signal), .. } => format!("The engine was ended by signal {signal}."),
            ProcessExit { .. } => "The engine's supervisor was killed.".to_owned(),
        };
        let why = if ready.is_some() { ended } else { format!("{ended} It had not become ready.") };
        (why, ready.map(|since| since.elapsed()))
    }

    /// What an engine that opens a door gets: its variables, and what these name.
    fn connect(
        self: &Arc<Self>,
        door: Option<&Path>,
        engine: &EngineConfig,
    ) -> io::Result<(BTreeMap<String, String>, Vec<OwnedFd>)> {
        let mut environment = engine.environment.clone();
        let Some(door) = door else { return Ok((environment, Vec::new())) };
        let door = door::open(door)?;
        let (ours, news) = news::pipe()?;
        for (name, fd) in [(inner::DOOR, &door), (inner::NEWS, &news)] {
            environment.insert(name.to_owned(), fd.as_raw_fd().to_string());
        }
        // Of the engine before.
        self.state().missing_layers = 0;
        let engine = Arc::clone(self);
        std::thread::spawn(move || {
            news::hear(File::from(ours), |News::MissingLayers(count)| engine.state().missing_layers = count);
        });
        Ok((environment, vec![door, news]))
    }

    fn wait_for_answer(&self, mut child: Child, pinging: &Mutex<Pinging>, stopper: &Stopper) {
        let answered = child.wait().is_ok_and(|status| status.success());
        let mut pinging = pinging.lock().unwrap_or_else(PoisonError::into_inner);
        if pinging.over {
            return;
        }
        if answered {
            pinging.ready = Some(Instant::now());
            self.state().first_ready.get_or_insert(self.began.elapsed());
            self.state().detail = None;
            self.become_(EngineState::Ready);
        } else {
            // Hung: stopped, so that it is started again.
            stopper.stop();
        }
    }

    fn keep_log(&self, output: Box<dyn Read + Send>) {
        lines::each(output, LONGEST_LINE, |line| {
            let mut state = self.state();
            if state.log.len() == LOG_LINES {
                state.log.pop_front();
            }
            state.log.push_back(String::from_utf8_lossy(line).trim_end().to_owned());
        });
    }

    /// Changes the state; false once the engine is being stopped, for that state stays.
    fn become_(&self, engine: EngineState) -> bool {
        let mut state = self.state();
        if state.engine == EngineState::Stopping {
            return false;
        }
        if state.engine != engine {
            state.engine = engine;
            state.since = Instant::now();
        }
        true
    }

    /// Waits, but not through a stop.
    fn pause(&self, time: Duration) {
        let deadline = Instant::now() + time;
        let mut state = self.state();
        while state.engine != EngineState::Stopping && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            (state, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the asking of one engine's life has brought.
struct Pinging {
    /// The life is over; a late answer is another one's.
    over: bool,
    ready: Option<Instant>,
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
