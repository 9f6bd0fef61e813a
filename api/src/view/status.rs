//! Where a session stands.

use containrlab_domain::session::Phase;
use containrlab_store::{Line, SessionRow};
use containrlab_web_templates::{Stage, StatusPartial};
use jiff::SignedDuration;

use crate::wire::session::can_extend;

/// How long the page shows what went wrong in the sandbox. The timeline keeps it.
const NOTICE: SignedDuration = SignedDuration::from_mins(5);

/// A session's state and clock. `resumable`: whether no other session is active in its lab.
pub(crate) fn status(session: &SessionRow, line: Option<Line>, resumable: bool, key: &str) -> StatusPartial {
    let stage = match session.phase {
        Phase::Unborn | Phase::Starting => match (session.runner_id, line) {
            (Some(_), _) => Stage::Preparing { detail: "Starting your Docker engine.".to_owned() },
            (None, Some(line)) => Stage::InLine { place: line.place, wait: line.wait },
            // Nobody is before it: its runner is about to take it up.
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
        notice: session
            .trouble
            .filter(|(_, at)| runs && session.now.duration_since(*at) < NOTICE)
            .map(|(trouble, _)| trouble.sentence().to_owned()),
        now: session.now,
        can_extend: can_extend(session),
        idempotency_key: key.to_owned(),
    }
}
