//! One runner's connection: reads requests, hands each to what serves it, ends what must end with it.

use std::collections::HashMap;
use std::io::BufReader;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use containrlab_agent::PROTOCOL_VERSION;
use containrlab_agent::frame::{self, FrameError, SILENCE};
use containrlab_agent::message::{
    ErrorCode, ExecRequest, FromAgent, Reply, Request, Status, ToAgent, WireError,
};

use crate::carry::Input;
use crate::exec::{self, Exec};
use crate::files;
use crate::ports;
use crate::serve::Agent;
use crate::supervised;
use crate::tcp::Tcp;
use crate::terminal::Attachment;
use crate::vitals;
use crate::watch::{self, WatchHandle};

/// Requests of one connection that may be under way.
const MAX_ACTIVE: usize = 256;

/// Where replies go. A reader that is gone isn't an error to those who send: they notice by their own means.
#[derive(Debug)]
pub(crate) struct Outbox {
    stream: Mutex<UnixStream>,
    broken: AtomicBool,
}

impl Outbox {
    /// Sends one frame, whole or not at all; false once the connection is broken.
    pub(crate) fn send(&self, id: u64, reply: &Reply, body: &[u8]) -> bool {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        if self.broken.load(Ordering::SeqCst) {
            return false;
        }
        let sent = frame::write(&mut *stream, &FromAgent { id, reply: reply.clone() }, body);
        if let Err(error) = &sent {
            // Part of a frame may be out: nothing that follows it could be understood.
            if !is_hang_up(error) {
                eprintln!("containrlab-agent: a connection is given up: {error}");
            }
            self.broken.store(true, Ordering::SeqCst);
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        sent.is_ok()
    }

    fn answer(&self, id: u64, result: Result<Reply, WireError>) {
        self.send(id, &result.unwrap_or_else(Reply::Error), &[]);
    }
}

/// Something that lasts and has an id.
enum Active {
    Exec(Arc<Exec>),
    Attachment(Arc<Attachment>),
    Watch(WatchHandle),
    Tcp(Arc<Tcp>),
    /// A request of the file helper, or something lasting that isn't started yet but may be cancelled already.
    Brief {
        cancelled: bool,
    },
}

impl Active {
    /// Ends it.
    fn end(&mut self, forget: bool) {
        match self {
            Active::Exec(exec) if forget => exec.abandon(),
            Active::Exec(exec) => exec.cancel(),
            Active::Attachment(attachment) => attachment.detach(),
            Active::Watch(watch) => watch.stop(),
            Active::Tcp(tcp) => tcp.end(),
            Active::Brief { cancelled } => *cancelled = true,
        }
    }
}

struct Connection {
    agent: Arc<Agent>,
    outbox: Arc<Outbox>,
    active: Mutex<HashMap<u64, Active>>,
    /// Set before what is active is ended, so that nothing starts after that.
    closed: AtomicBool,
}

/// Serves a connection until it ends.
pub(crate) fn serve(agent: Arc<Agent>, stream: UnixStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_write_timeout(Some(SILENCE))?;
    let outbox = Arc::new(Outbox { stream: Mutex::new(stream.try_clone()?), broken: AtomicBool::new(false) });
    let hello = Reply::Hello { version: PROTOCOL_VERSION, boot: agent.boot.clone() };
    outbox.send(0, &hello, &[]);
    let connection = Arc::new(Connection {
        agent,
        outbox,
        active: Mutex::new(HashMap::new()),
        closed: AtomicBool::new(false),
    });
    let mut reader = BufReader::new(&stream);
    let end = loop {
        match frame::read(&mut reader) {
            Ok(Some((header, body))) => match serde_json::from_slice::<ToAgent>(&header) {
                Ok(ToAgent { id, request }) => connection.handle(id, request, body),
                Err(error) => break Some(error.to_string()),
            },
            Ok(None) => break None,
            Err(error) if is_hang_up(&error) => break None,
            Err(FrameError::Io(error)) if supervised::is_timeout(&error) => {
                break Some(format!("nothing was heard for {} s", SILENCE.as_secs()));
            }
            Err(error) => break Some(error.to_string()),
        }
    };
    if let Some(reason) = end {
        eprintln!("containrlab-agent: a connection ended: {reason}");
    }
    connection.end();
    let _ = stream.shutdown(std::net::Shutdown::Both);
    Ok(())
}

/// Whether the runner has simply gone: that is told by nobody's log.
fn is_hang_up(error: &FrameError) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error, FrameError::Io(error) if matches!(error.kind(), BrokenPipe | ConnectionReset))
}

impl Connection {
    fn handle(self: &Arc<Self>, id: u64, request: Request, body: Vec<u8>) {
        match request {
            Request::Ping => self.outbox.answer(id, Ok(Reply::Done)),
            Request::Status => self.outbox.answer(id, Ok(Reply::Status(self.agent.status()))),
            Request::TcpPorts => self.outbox.answer(id, ports::listening()),
            Request::Exec(request) => self.exec(id, request),
            Request::ExecInput { target, end } => {
                let exec = match self.active().get(&target) {
                    Some(Active::Exec(exec)) => Some(Arc::clone(exec)),
                    _ => None,
                };
                let queued = match exec {
                    Some(exec) => exec.input(id, body, end),
                    None => Err(WireError::new(ErrorCode::Ended, "The command has ended.")),
                };
                if let Err(error) = queued {
                    self.outbox.answer(id, Err(error));
                }
            }
            Request::Cancel { target, forget } => {
                if let Some(active) = self.active().get_mut(&target) {
                    active.end(forget);
                }
                self.outbox.answer(id, Ok(Reply::Done));
            }
            Request::Ack { target, upto } => match self.active().get(&target) {
                Some(Active::Exec(exec)) => exec.acknowledge(upto),
                Some(Active::Attachment(attachment)) => attachment.acknowledge(upto),
                Some(Active::Watch(watch)) => watch.acknowledge(upto),
                Some(Active::Tcp(tcp)) => tcp.acknowledge(upto),
                // It has ended meanwhile.
                Some(Active::Brief { .. }) | None => {}
            },
            Request::TerminalOpen(open) => {
                // Starting a shell takes milliseconds: other requests needn't wait for it.
                self.brief(id, move |connection| {
                    let opened = connection.agent.terminals.open(&connection.agent.learner, open);
                    let reply = opened.map(|(terminal, started)| Reply::Terminal { terminal, started });
                    connection.outbox.answer(id, reply);
                });
            }
            Request::TerminalAttach { terminal, from } => self.attach(id, &terminal, from),
            Request::TerminalInput { terminal } => {
                let done = self.agent.terminals.get(&terminal).and_then(|terminal| terminal.input(body));
                self.outbox.answer(id, done.map(|()| Reply::Done));
            }
            Request::TerminalResize { terminal, cols, rows } => {
                let done =
                    self.agent.terminals.get(&terminal).and_then(|terminal| terminal.resize(cols, rows));
                self.outbox.answer(id, done.map(|()| Reply::Done));
            }
            Request::TerminalClose { terminal } => {
                self.brief(id, move |connection| {
                    let done = connection.agent.terminals.close(&terminal);
                    connection.outbox.answer(id, done.map(|()| Reply::Done));
                });
            }
            Request::TerminalList => {
                self.outbox.answer(id, Ok(Reply::Terminals { terminals: self.agent.terminals.list() }));
            }
            request @ (Request::FilesList { .. } | Request::FileRead { .. } | Request::FilesApply { .. }) => {
                self.brief(id, move |connection| {
                    match files::ask(&connection.agent.learner, request, &body) {
                        Ok((reply, body)) => {
                            connection.outbox.send(id, &reply, &body);
                        }
                        Err(error) => connection.outbox.answer(id, Err(error)),
                    }
                });
            }
            Request::Watch { ignore } => self.watch(id, &ignore),
            Request::TcpConnect { port } => self.tcp(id, move |_| Tcp::connect(port)),
            Request::EngineConnect => self.tcp(id, |agent| match &agent.engine_socket {
                Some(socket) => Tcp::connect_engine(socket),
                None => Err(WireError::new(ErrorCode::NotListening, "This sandbox has no engine.")),
            }),
            Request::TcpInput { target, end } => {
                let tcp = match self.active().get(&target) {
                    Some(Active::Tcp(tcp)) => Some(Arc::clone(tcp)),
                    _ => None,
                };
                let queued = match tcp {
                    Some(tcp) => tcp.input(id, body, end),
                    None => Err(WireError::new(ErrorCode::Ended, "The connection has ended.")),
                };
                if let Err(error) = queued {
                    self.outbox.answer(id, Err(error));
                }
            }
        }
    }

    fn exec(self: &Arc<Self>, id: u64, request: ExecRequest) {
        self.brief(id, move |connection| {
            let Some(place) = connection.agent.take_exec_place() else {
                let error = WireError::new(ErrorCode::Busy, "Too many commands run at once in this sandbox.");
                return connection.outbox.answer(id, Err(error));
            };
            let (exec, starting) = match exec::start(&connection.agent.learner, request) {
                Ok(started) => started,
                Err(error) => return connection.outbox.answer(id, Err(error)),
            };
            connection.lasting(id, Active::Exec(Arc::clone(&exec)));
            let exit = exec::run(id, &exec, starting, &connection.outbox);
            // Before the runner hears of the end: it may use the place at once.
            drop(place);
            connection.outbox.send(id, &Reply::ExecExit(exit), &[]);
        });
    }

    fn attach(self: &Arc<Self>, id: u64, terminal: &str, from: u64) {
        let terminal = match self.agent.terminals.get(terminal) {
            Ok(terminal) => terminal,
            Err(error) => return self.outbox.answer(id, Err(error)),
        };
        self.brief(id, move |connection| {
            let attachment = terminal.attach(from);
            connection.lasting(id, Active::Attachment(Arc::clone(&attachment)));
            attachment.run(id, &connection.outbox);
        });
    }

    fn watch(self: &Arc<Self>, id: u64, ignore: &[String]) {
        let (handle, helper) = match watch::start(&self.agent.learner, ignore) {
            Ok(started) => started,
            Err(error) => return self.outbox.answer(id, Err(error)),
        };
        self.brief(id, move |connection| {
            connection.lasting(id, Active::Watch(handle));
            helper.forward(id, &connection.outbox);
        });
    }

    fn tcp(
        self: &Arc<Self>,
        id: u64,
        connect: impl FnOnce(&Agent) -> Result<(Arc<Tcp>, Receiver<Input>), WireError> + Send + 'static,
    ) {
        self.brief(id, move |connection| match connect(&connection.agent) {
            Ok((tcp, queue)) => {
                connection.lasting(id, Active::Tcp(Arc::clone(&tcp)));
                tcp.run(id, queue, &connection.outbox);
            }
            Err(error) => connection.outbox.answer(id, Err(error)),
        });
    }

    /// Does `work` in a thread of its own, unless the id is in use or too much is under way already.
    fn brief(self: &Arc<Self>, id: u64, work: impl FnOnce(&Arc<Connection>) + Send + 'static) {
        {
            let mut active = self.active();
            let refused = if id == 0 || active.contains_key(&id) {
                Some(WireError::new(ErrorCode::BadRequest, "This request id is in use."))
            } else if active.len() >= MAX_ACTIVE {
                Some(WireError::new(ErrorCode::Busy, "Too many requests are under way on this connection."))
            } else {
                None
            };
            if let Some(error) = refused {
                drop(active);
                return self.outbox.answer(id, Err(error));
            }
            active.insert(id, Active::Brief { cancelled: false });
        }
        let connection = Arc::clone(self);
        let worker = std::thread::Builder::new().stack_size(256 << 10).spawn(move || {
            work(&connection);
            connection.active().remove(&id);
        });
        if let Err(error) = worker {
            self.active().remove(&id);
            let error =
                WireError::new(ErrorCode::Busy, format!("The sandbox can start no more threads: {error}."));
            self.outbox.answer(id, Err(error));
        }
    }

    /// Makes something lasting known under its id. What was cancelled while it was being started, or came too late for the
    /// connection, is ended at once.
    fn lasting(&self, id: u64, mut started: Active) {
        let mut active = self.active();
        let cancelled = matches!(active.get(&id), Some(Active::Brief { cancelled: true }));
        if cancelled || self.closed.load(Ordering::SeqCst) {
            started.end(true);
        }
        active.insert(id, started);
    }

    fn end(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for active in self.active().values_mut() {
            active.end(true);
        }
    }

    fn active(&self) -> MutexGuard<'_, HashMap<u64, Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Agent {
    fn status(&self) -> Status {
        Status {
            engine: self.engine.status(),
            uptime_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            terminals: self.terminals.list().iter().filter(|terminal| terminal.exit.is_none()).count(),
            execs: self.execs(),
            // One that is a plain process would see the counters of the whole machine.
            vitals: self.learner.ids.and_then(|_| vitals::read()),
        }
    }
}
