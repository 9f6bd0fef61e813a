//! The terminal host: shells live in the sandbox's agent, clients come and go, and each byte of output is kept.
//!
//! ```text
//! agent (pty, 8 MiB) ──attach──► Terminal: Output in memory ──► any number of clients, each at its own position
//!                                            └──────────────────► recording in the store
//! ```
//!
//! A terminal's output is counted from its shell's first byte. The agent, the output in memory, the recording and the
//! browser all count alike, so a reconnect anywhere along the way goes on at a position: nothing twice, nothing
//! missing.
//!
//! # Architecture invariant
//!
//! What a restart of the runner would lose from memory, the agent still has: the pump reads it again from the
//! recording's length on. The agent knows a terminal by the id of its recording, so a shell and its recording can
//! never be mistaken for another's.

mod output;
mod pump;
mod reader;
mod recorder;
mod shell;
mod terminals;

pub(crate) use reader::{Chunk, Reader};
pub(crate) use shell::{Size, Terminal};
pub(crate) use terminals::Terminals;
