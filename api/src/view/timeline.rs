//! The timeline.

use containrlab_store::TimelineEntry;
use containrlab_web_templates::TimelineRow;

use crate::narrate::{self, Narrator};

/// A row of the timeline; `None` for what is of no interest to a learner.
pub(crate) fn timeline_row(narrator: &mut Narrator, entry: &TimelineEntry) -> Option<TimelineRow> {
    let told = narrator.tell(entry)?;
    Some(TimelineRow {
        at: entry.recorded_at,
        kind: told.kind,
        text: told.text,
        actor: narrate::actor(&entry.actor).to_owned(),
    })
}
