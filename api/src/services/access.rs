//! Who may do what with a session that is perhaps not theirs. One place, for roles to come: an instructor who watches is to be let
//! in here.

use containrlab_domain::ids::LearnerId;
use containrlab_store::SessionRow;

/// Whether somebody may look at what a session's containers serve.
pub(crate) fn may_look_into(who: LearnerId, session: &SessionRow) -> bool {
    session.learner_id == who
}
