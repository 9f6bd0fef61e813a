//! Hints.

use containrlab_domain::session::Phase;
use containrlab_store::SessionRow;
use containrlab_web_templates::{HintGroup, HintsPartial, ShownHint};

use crate::markdown;
use crate::services::hints;

/// What a session has been told and can still ask.
pub(crate) fn hints(session: &SessionRow, groups: &[hints::HintGroup<'_>], key: &str) -> HintsPartial {
    let group = |group: &hints::HintGroup<'_>| {
        let check = group.check.map(|check| check.id.clone()).unwrap_or_default();
        HintGroup {
            idempotency_key: format!("{key}-hint-{check}"),
            check,
            title: group.check.map(|check| check.title.clone()).unwrap_or_default(),
            shown: group
                .shown
                .iter()
                .map(|(hint, shown)| ShownHint {
                    strength: hint.strength,
                    text: markdown::render(&hint.text),
                    at: shown.shown_at,
                })
                .collect(),
            total: u32::try_from(group.total).unwrap_or(u32::MAX),
        }
    };
    HintsPartial {
        session_id: session.session_id.to_string(),
        groups: groups.iter().map(group).collect(),
        open: matches!(session.phase, Phase::Starting | Phase::Ready),
    }
}
