//! The timeline.

use containrlab_store::TimelineEntry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::narrate::{self, Narrator};

/// What happened in a session.
#[derive(Serialize, ToSchema)]
#[schema(as = Timeline)]
pub(crate) struct TimelineJson {
    /// In the order of the ledger.
    pub(crate) entries: Vec<EntryJson>,
    /// The `after` that goes on from here.
    pub(crate) next: i64,
}

/// Which part of the timeline.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimelineQuery {
    /// Entries after this position.
    #[serde(default)]
    pub(crate) after: i64,
    /// So many at most, 1 to 1000; 200 when it is left out.
    #[serde(default)]
    pub(crate) limit: Option<u32>,
}

/// One event.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub(crate) struct EntryJson {
    /// Its position in the ledger.
    pub(crate) position: i64,
    /// When it was recorded.
    pub(crate) at: Timestamp,
    /// `session`, `workspace` or `attempt`.
    pub(crate) stream: String,
    /// The id of that session, workspace or attempt.
    pub(crate) id: Uuid,
    /// The event's type.
    pub(crate) r#type: String,
    /// `you`, `terminal` or `system`.
    pub(crate) actor: &'static str,
    /// What happened, in a sentence; null for what only matters inside.
    pub(crate) text: Option<String>,
    /// The request that led to it.
    pub(crate) request: String,
    /// The event's content, without what is the platform's own business.
    #[schema(value_type = Object)]
    pub(crate) payload: Value,
}

/// Members of events that are the platform's own business: who holds which lease and which container.
const INNER: [&str; 4] = ["claim", "lease", "sandbox", "runner"];

impl EntryJson {
    /// An event with its words.
    pub(crate) fn new(narrator: &mut Narrator, entry: &TimelineEntry) -> Self {
        let mut payload = entry.payload.clone();
        if let Value::Object(members) = &mut payload {
            for name in INNER {
                members.remove(name);
            }
        }
        Self {
            position: entry.position,
            at: entry.recorded_at,
            stream: entry.aggregate_type.clone(),
            id: entry.aggregate_id,
            r#type: entry.event_type.clone(),
            actor: narrate::actor(&entry.actor),
            text: narrator.tell(entry).map(|told| told.text),
            request: entry.request.clone(),
            payload,
        }
    }
}
