//! Where a session stands.

use containrlab_domain::session::Phase;
use containrlab_store::SessionRow;
use containrlab_web_templates::{Stage, StatusPartial};

use crate::wire::session::can_extend;

/// A session's state and clock. `resumable`: whether no other session is active in its lab.
pub(crate) fn status(
    session: &SessionRow,
    place_in_line: Option<u32>,
    resumable: bool,
    key: &str,
) -> StatusPartial {
    let stage = match session.phase {
        Phase::Unborn | Phase::Starting => match (session.runner_id, place_in_line) {
            (Some(_), _) => Stage::Preparing { detail: "Starting your Docker engine.".to_owned() },
            (None, Some(place)) => Stage::InLine { place },
            (None, None) => Stage::Requested,
        },
        Phase::Ready => Stage::Ready,
        Phase::Ending => Stage::Ending,
        Phase::Ended => {
            let (code, sentence) = session
                .end_reason
                .as_ref()
                .map_or(("ended", "It is over.".to_owned()), |reason| (reason.code(), reason.sentence()));
            Stage::Ended { code: code.to_owned(), sentence, resumable }
        }
    };
    let runs = session.phase == Phase::Ready;
    StatusPartial {
        session_id: session.session_id.to_string(),
        lab_slug: session.lab.slug.to_string(),
        stage,
        expires_at: session.expires_at.filter(|_| runs),
        now: session.now,
        can_extend: can_extend(session),
        idempotency_key: key.to_owned(),
    }
}
