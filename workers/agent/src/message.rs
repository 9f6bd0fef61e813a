//! The requests of the runner and the replies of the agent. See the crate's documentation for
//! their order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Header of a frame from the runner to the agent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ToAgent {
    /// The runner's name for this request; not 0 and not in use on this connection.
    pub id: u64,
    /// What is asked for.
    pub request: Request,
}

/// Header of a frame from the agent to the runner.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FromAgent {
    /// The request that this answers; 0 for the hello.
    pub id: u64,
    /// What is answered.
    pub reply: Reply,
}

/// What the runner can ask for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// Nothing but a sign of life.
    Ping,
    /// How the agent and the engine are.
    Status,
    /// Run a command as the learner.
    Exec(ExecRequest),
    /// Bytes (the body) for a command's standard input.
    ExecInput {
        /// The exec's id.
        target: u64,
        /// Close the input after these bytes.
        end: bool,
    },
    /// Stop an exec (its whole process tree), a terminal's attachment, a watch or a connection to a port.
    Cancel {
        /// Its id.
        target: u64,
        /// Send no more of an exec's output: nobody reads it.
        #[serde(default)]
        forget: bool,
    },
    /// The reader has consumed output.
    Ack {
        /// The exec's, attachment's, watch's or connection's id.
        target: u64,
        /// Bytes consumed since the exec or connection began, the terminal position consumed up to, or `changed` frames of a watch.
        upto: u64,
    },
    /// Make sure that a terminal with a running shell exists.
    TerminalOpen(TerminalOpen),
    /// Read a terminal's output from a position on.
    TerminalAttach {
        /// The terminal's id.
        terminal: String,
        /// The first position wanted; 0 is everything that is kept.
        from: u64,
    },
    /// Keystrokes (the body).
    TerminalInput {
        /// The terminal's id.
        terminal: String,
    },
    /// Tell the terminal its size.
    TerminalResize {
        /// The terminal's id.
        terminal: String,
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// End the shell and forget the terminal and its output.
    TerminalClose {
        /// The terminal's id.
        terminal: String,
    },
    /// All terminals.
    TerminalList,
    /// The whole tree of the workspace.
    FilesList {
        /// Entries after which the list is cut.
        max_entries: usize,
        /// Names (of a file or folder, at any depth) to leave out with all beneath them.
        ignore: Vec<String>,
    },
    /// A file's content.
    FileRead {
        /// Path relative to the workspace.
        path: String,
        /// A larger file is refused.
        max_bytes: u64,
    },
    /// Change files, in order. Stops at the first change that fails.
    FilesApply {
        /// The changes. The contents of the writes lie in the body, in the same order.
        changes: Vec<FileChange>,
    },
    /// Hear of changes in the workspace.
    Watch {
        /// Names to leave out, as in [`Request::FilesList`].
        ignore: Vec<String>,
    },
    /// The TCP ports on which something listens in the sandbox.
    TcpPorts,
    /// Connect to a port of the sandbox's loopback address.
    TcpConnect {
        /// The port.
        port: u16,
    },
    /// Connect to the engine, where it listens for the platform alone. What follows is as after [`Request::TcpConnect`].
    EngineConnect,
    /// Bytes (the body) to send on a connection.
    TcpInput {
        /// The connection's id.
        target: u64,
        /// Send nothing after these bytes.
        end: bool,
    },
}

/// A command to run as the learner.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ExecRequest {
    /// Program and arguments; the program is looked up in the learner's PATH.
    pub argv: Vec<String>,
    /// Folder to run in; the workspace if none is given. A relative one is taken from the workspace.
    #[serde(default)]
    pub cwd: Option<String>,
    /// Variables on top of the learner's usual ones.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// It is the platform's own command: programs are those of the image, and Docker's client has the platform's configuration,
    /// plugins and builders, whatever the learner has put into their home. It runs as the learner all the same.
    #[serde(default)]
    pub by_platform: bool,
    /// Whether `exec_input` frames follow; without, standard input is empty.
    #[serde(default)]
    pub stdin: bool,
    /// Milliseconds after which the command and all that it started is stopped; none: no limit.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// A terminal to open.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TerminalOpen {
    /// The runner's name for it: 1 to 64 letters, digits, `-` or `_`.
    pub terminal: String,
    /// Columns of a new shell's terminal.
    pub cols: u16,
    /// Rows of a new shell's terminal.
    pub rows: u16,
    /// Program and arguments; empty: the learner's login shell.
    #[serde(default)]
    pub argv: Vec<String>,
    /// Folder to start in; the workspace if none is given.
    #[serde(default)]
    pub cwd: Option<String>,
    /// Variables on top of the learner's usual ones.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

/// One change of the workspace. Paths are relative to it, with `/` between names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum FileChange {
    /// Write a file whole, in one step for whoever looks; missing folders are made.
    Write {
        /// The file.
        path: String,
        /// Bytes of the body that are its content.
        size: u64,
        /// Sets or clears the executable bits; none keeps an existing file's and sets none on a new one.
        #[serde(default)]
        executable: Option<bool>,
    },
    /// Make a folder and those above it; one that is there is fine.
    MakeFolder {
        /// The folder.
        path: String,
    },
    /// Delete a file, a link or a folder with all beneath it.
    Delete {
        /// What to delete.
        path: String,
        /// Whether it is fine that there is nothing.
        #[serde(default)]
        may_be_missing: bool,
    },
    /// Rename; what is already at the new path is not overwritten.
    Rename {
        /// The old path.
        from: String,
        /// The new path; missing folders above it are made.
        to: String,
    },
}

/// What the agent answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// The first frame of a connection.
    Hello {
        /// [`crate::PROTOCOL_VERSION`] of the agent.
        version: u32,
        /// Differs after each start of the agent; terminals of another boot are gone.
        boot: String,
    },
    /// It was done.
    Done,
    /// It was not done.
    Error(WireError),
    /// How things are.
    Status(Status),
    /// The command runs.
    ExecStarted {
        /// Its process id in the sandbox, for logs.
        pid: u32,
    },
    /// Output of a command (the body).
    ExecOutput {
        /// Which of the two streams.
        stream: Stream,
    },
    /// The command has ended, all of its output is sent and nothing that it started is left.
    ExecExit(ExecExit),
    /// A terminal is open.
    Terminal {
        /// How it is.
        terminal: TerminalInfo,
        /// Whether this request started its shell.
        started: bool,
    },
    /// A reader is attached.
    TerminalAttached {
        /// How the terminal is.
        terminal: TerminalInfo,
        /// Where output really begins: later than asked for if older output is no longer kept.
        from: u64,
    },
    /// Output of a terminal (the body).
    TerminalOutput {
        /// Position of the body's first byte. More than the end of the chunk before: the
        /// reader lagged for too long and what lies between is no longer kept.
        position: u64,
    },
    /// The shell has ended and all of its output is sent. The attachment ends with it.
    TerminalExit {
        /// How it ended.
        exit: ProcessExit,
        /// Position after the last byte.
        end: u64,
    },
    /// The attachment has ended because it was cancelled or the terminal was closed.
    Detached,
    /// All terminals.
    Terminals {
        /// In the order of their ids.
        terminals: Vec<TerminalInfo>,
    },
    /// The workspace's tree (body: a JSON array of [`FileEntry`], in the order of their paths).
    Files {
        /// The list was cut at the bound that was asked for.
        truncated: bool,
        /// Entries left out because their names aren't UTF-8, and folders that the learner's user may not look into (a container
        /// made them).
        hidden: u64,
    },
    /// A file (body: its content).
    File {
        /// How it is.
        entry: FileEntry,
    },
    /// The watch is in place: every change after this frame is told.
    Watching,
    /// Something changed.
    Changed {
        /// Relative paths. Of a folder that appeared, vanished or moved only itself is named: anything beneath it
        /// may have changed too.
        paths: Vec<String>,
        /// Changes were too many to be told one by one: read the whole tree again.
        rescan: bool,
    },
    /// Ports that something listens on.
    Ports {
        /// In order of their numbers.
        ports: Vec<ListeningPort>,
    },
    /// The connection to a port is open.
    TcpConnected,
    /// Bytes from a port (the body).
    TcpData,
    /// The connection is over: the other side has sent its last, or it was cancelled.
    TcpEnd,
}

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// For the program.
    pub code: ErrorCode,
    /// For a person: one sentence.
    pub message: String,
    /// The path it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

impl WireError {
    /// An error that is about no path.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> WireError {
        WireError { code, message: message.into(), path: None }
    }

    /// An error about a path.
    pub fn at(code: ErrorCode, path: &str, message: impl Into<String>) -> WireError {
        WireError { code, message: message.into(), path: Some(path.to_owned()) }
    }
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The request makes no sense (an empty command, a size of zero, an id in use).
    BadRequest,
    /// A path that is empty, absolute, too long, holds NUL or `..`, or leads out of the workspace.
    BadPath,
    /// There is no such file, folder or terminal.
    NotFound,
    /// Something is already there.
    Exists,
    /// A folder or a special file where a file was expected.
    NotAFile,
    /// A file where a folder was expected.
    NotAFolder,
    /// The path is, or leads through, a symbolic link.
    Link,
    /// The file is over the limit that was given.
    TooLarge,
    /// The learner's user may not do this.
    Denied,
    /// The workspace's disk or quota is full.
    NoSpace,
    /// The command could not be started.
    CannotStart,
    /// Too many things at once.
    Busy,
    /// The shell of this terminal, or whatever else was spoken to, has ended.
    Ended,
    /// Nothing listens on this port.
    NotListening,
    /// The agent's own fault.
    Internal,
}

/// One of a command's two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a process ended: exactly one of the two is set, or neither when its supervisor was killed and it isn't known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessExit {
    /// Its exit code.
    pub code: Option<i32>,
    /// The signal that killed it.
    pub signal: Option<i32>,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecExit {
    /// How its first process ended.
    pub exit: ProcessExit,
    /// It was stopped because its time was up.
    pub timed_out: bool,
    /// It was stopped because the runner asked for it.
    pub cancelled: bool,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
}

/// How the agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How the engine is.
    pub engine: EngineStatus,
    /// Milliseconds since the agent started.
    pub uptime_ms: u64,
    /// Terminals with a running shell.
    pub terminals: usize,
    /// Commands that run.
    pub execs: usize,
    /// What the kernel has counted against the sandbox's limits; none where it shows none, or from an agent that is older.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vitals: Option<Vitals>,
}

/// What the kernel has counted against the sandbox's limits since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vitals {
    /// Processes that were killed because the memory was full.
    pub oom_kills: u64,
    /// Processes and threads that could not be started because there were too many.
    pub pids_refused: u64,
}

/// How the sandbox's engine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineStatus {
    /// Its state.
    pub state: EngineState,
    /// Milliseconds since it came into this state.
    pub since_ms: u64,
    /// Milliseconds from the agent's start to the engine's first answer, once there was one.
    pub first_ready_ms: Option<u64>,
    /// How often it died and was started again.
    pub restarts: u32,
    /// A sentence on why it isn't ready, if there is more to say than the state says.
    pub detail: Option<String>,
    /// The last lines of its log; empty while it is ready.
    pub log: Vec<String>,
    /// Layers that its image store knows and has lost; agents before 2026-11-26 did not say.
    #[serde(default)]
    pub missing_layers: u32,
}

/// States of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineState {
    /// This agent was configured without an engine.
    Absent,
    /// Started for the first time, doesn't answer yet.
    Starting,
    /// It answers.
    Ready,
    /// It died and is being started again.
    Restarting,
    /// It died too often in a row; tried again every half minute.
    Failed,
    /// The sandbox is being stopped.
    Stopping,
}

/// How a terminal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalInfo {
    /// Its id.
    pub terminal: String,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// The oldest position that is still kept.
    pub start: u64,
    /// Position after the last byte so far.
    pub end: u64,
    /// How its shell ended, if it did.
    pub exit: Option<ProcessExit>,
    /// Attached readers.
    pub readers: usize,
}

/// What lies in the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path relative to the workspace, `/` between names.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes; 0 unless it is a file.
    pub size: u64,
    /// Permission bits (`0o7777`).
    pub mode: u32,
    /// Time of the last modification, nanoseconds since 1970 by the sandbox's clock.
    pub modified_ns: i64,
}

/// Kinds of directory entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; never followed.
    Link,
    /// A socket, a pipe or a device; never opened.
    Special,
}

/// A TCP port that something listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListeningPort {
    /// The port.
    pub port: u16,
    /// Only reachable from within the sandbox (bound to a loopback address).
    pub loopback: bool,
}
