//! Which job comes first. Smaller is sooner; the column `priority` of `jobs` holds these.

use containrlab_domain::job::JobKind;

/// It makes room for others.
pub(crate) const MAKES_ROOM: i16 = 0;

/// A learner waits at the page. Whatever is greater than this can wait.
pub(crate) const LEARNER_WAITS: i16 = 10;

/// Nobody waits at a page.
pub(crate) const CAN_WAIT: i16 = 20;

/// What a job of this kind gets when a learner asks for it.
pub(crate) fn of(kind: JobKind) -> i16 {
    match kind {
        JobKind::End => MAKES_ROOM,
        JobKind::Provision | JobKind::Build | JobKind::Run | JobKind::Exec | JobKind::Judge => LEARNER_WAITS,
    }
}
