//! What the runner and the agent inside a sandbox say to one another.
//!
//! The agent is process 1 of every sandbox container. The runner reaches it with
//! `docker exec -i <container> /usr/local/lib/containrlab/agent connect`, whose standard input and
//! output are one two-way byte stream; no path or socket of the host is involved. This library is the
//! shared part: [`frame`] cuts the stream into frames, [`message`] says what is in them. The program
//! itself (`src/main.rs`) is described in `workers/agent/README.md`.
//!
//! # The stream
//!
//! A frame is eight bytes of prefix (length of the header, length of the body; both `u32`,
//! big-endian), then the header (JSON, at most [`frame::MAX_HEADER`] bytes), then the body (raw
//! bytes, at most [`frame::MAX_BODY`]). File contents, terminal bytes and lists travel as bodies, so no
//! byte is escaped or re-coded. A frame over a limit, or one that is not JSON of the expected
//! shape, ends the connection: after it nothing on the stream could be trusted.
//!
//! The agent speaks first: [`message::FromAgent`] with id 0 and [`message::Reply::Hello`], which names
//! the protocol's version and the agent's boot id. A runner that knows another version hangs up.
//! After that the runner sends [`message::ToAgent`] frames. Each carries an id of the runner's
//! choice that is not in use on this connection; everything the agent says to it carries the same id.
//!
//! | request | replies, in order |
//! |---|---|
//! | `ping` | `done` |
//! | `status` | `status` |
//! | `exec` | `exec_started`, any number of `exec_output` (body), `exec_exit` |
//! | `exec_input` (body) | `done` once the command's pipe has taken the bytes |
//! | `cancel {target, forget}` | `done`; the target then ends as it ends (`exec_exit`, `detached`, `done`) |
//! | `ack {target, upto}` | none |
//! | `terminal_open` | `terminal` |
//! | `terminal_attach` | `terminal_attached`, any number of `terminal_output` (body), `terminal_exit` or `detached` |
//! | `terminal_input` (body), `terminal_resize`, `terminal_close` | `done` |
//! | `terminal_list` | `terminals` |
//! | `files_list` | `files` (body: a JSON array of [`message::FileEntry`]) |
//! | `file_read` | `file` (body: the content) |
//! | `files_apply` (body: the contents, one after another) | `done` |
//! | `watch` | `watching`, any number of `changed`, `done` when cancelled |
//! | `tcp_ports` | `ports` |
//! | `tcp_connect`, `engine_connect` | `tcp_connected`, any number of `tcp_data` (body), `tcp_end` |
//! | `tcp_input` (body) | `done` once the connection has taken the bytes |
//!
//! Any request can be answered by `error` instead, which ends it.
//!
//! # Flow control
//!
//! Many things share one stream, so nothing may fill it. An `exec`, a `terminal_attach` or a connection has a
//! window of [`frame::WINDOW`] bytes: the agent sends no more than that beyond what the runner has
//! acknowledged with `ack` (cumulative: bytes consumed of an exec's two streams together, or of a connection;
//! the position consumed of a terminal). A watch counts its `changed` frames and is [`frame::WATCH_WINDOW`] of them ahead at
//! most; changes that come meanwhile are merged. A command whose reader stops reading is thereby stopped by its own
//! full pipe, as in any shell pipeline. A terminal is paused while an attached reader lags by more than its
//! window, for five seconds at most: then the shell goes on, and the reader, when it
//! returns, is told from where the output is still kept.
//!
//! # What outlives what
//!
//! Terminals and the engine live as long as the container. Commands (`exec`), attachments, connections to ports and the engine and
//! watches live as long as the connection that asked for them: when it ends, the whole process tree
//! of a command is killed. A connection on which nothing arrives for [`frame::SILENCE`] is taken
//! for dead, so an idle runner sends `ping`.
//!
//! # Positions
//!
//! A terminal counts every byte it ever put out, from 0. An output frame carries the position of
//! its first byte; a reader that asks for `from` = the next position it wants sees nothing twice and
//! misses nothing that is still kept (the newest 8 MiB by default). Chunks are cut anywhere, also within
//! a UTF-8 character: they are bytes, to be joined before they are decoded.

pub mod frame;
pub mod message;

/// Version of the protocol in this library. Runner and agent must agree: the agent lies in an image
/// that may be older than the runner.
pub const PROTOCOL_VERSION: u32 = 2;

/// Where the sandbox image keeps the agent.
pub const AGENT_PATH: &str = "/usr/local/lib/containrlab/agent";

/// Begin of the names under which the agent writes files before it renames them into place. Lists and
/// watches leave such names out.
pub const TEMPORARY_PREFIX: &str = ".containrlab-tmp-";
