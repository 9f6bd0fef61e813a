//! The workspace's two copies, kept alike: the ledger's, which the editor, the judge and the next session read, and the
//! sandbox's, in which the learner works.
//!
//! ```text
//! ledger ──doorbell──► downward: what changed in the ledger is written into the sandbox
//! sandbox ──watch────► upward:   what changed in the sandbox becomes events by the terminal's hand
//! ```
//!
//! One task a session does both, one after the other, and remembers the [`Tree`](containrlab_domain::workspace::Tree)
//! that both sides last agreed on: what differs from it on one side is that side's change. So a change that was just
//! carried over is no news when its echo comes back.
//!
//! # Architecture invariant
//!
//! Nothing that the ledger acknowledged and nothing that was seen in the sandbox is overwritten unseen: before a file in
//! the sandbox is overwritten it is read, and if it changed meanwhile it is recorded first. Both versions are then in
//! the ledger, and the later one is in both copies.

mod adopt;
mod downward;
mod ignore;
mod scan;
mod sync;
mod upward;

pub(crate) use downward::write_tree;
pub(crate) use ignore::is_ignored;
pub(crate) use sync::WorkspaceSync;
