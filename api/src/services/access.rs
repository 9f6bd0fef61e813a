//! Who may do what with a session that is perhaps not theirs. One place, for roles to come: an instructor who watches is to be let
//! in here.

use containrlab_domain::ids::LearnerId;
use containrlab_store::SessionRow;

/// Whether somebody may look at what a session's containers serve.
pub(crate) fn may_look_into(who: LearnerId, session: &SessionRow) -> bool {
    session.learner_id == who
}

/// Whether somebody has given a learner leave to see a lab's solution although no attempt of theirs has passed. Nobody can yet.
pub(crate) fn has_leave_for_solution(_: LearnerId) -> bool {
    false
}
