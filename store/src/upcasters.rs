//! Old events, read for ever: an event whose shape changed gets a new version in the domain and an upcaster here that
//! lifts the old shape to the new one. A sample of every version ever written lies in `samples/events/`, and a test
//! loads each.

use std::sync::LazyLock;

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use cqrs_es::{Aggregate, EventEnvelope};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::StoreError;
use crate::rows::column;

/// All upcasters, oldest first. Each sees what the ones before it made.
static UPCASTERS: LazyLock<Vec<Box<dyn EventUpcaster>>> = LazyLock::new(|| {
    vec![
        Box::new(ExtensionsNameTheirRequest),
        Box::new(SubmissionsSayWhetherSomebodyLooks),
        Box::new(VerdictsSayTheirBasis),
    ]
});

/// `SessionExtended` 1.1 says in which request, so that a repeated one adds nothing. In 1.0 that stood in the metadata only.
struct ExtensionsNameTheirRequest;

impl EventUpcaster for ExtensionsNameTheirRequest {
    fn can_upcast(&self, event_type: &str, event_version: &str) -> bool {
        event_type == "SessionExtended" && event_version == "1.0"
    }

    fn upcast(&self, mut event: SerializedEvent) -> SerializedEvent {
        let request = event.metadata.get("request").cloned();
        // Nobody can repeat a request whose id was never written down.
        event.payload["request"] = request.unwrap_or_else(|| Uuid::nil().to_string().into());
        event.event_version = "1.1".to_owned();
        event
    }
}

/// `AttemptJudged` 1.1 says what the verdict rests on. Of 1.0 nobody knows.
struct VerdictsSayTheirBasis;

impl EventUpcaster for VerdictsSayTheirBasis {
    fn can_upcast(&self, event_type: &str, event_version: &str) -> bool {
        event_type == "AttemptJudged" && event_version == "1.0"
    }

    fn upcast(&self, mut event: SerializedEvent) -> SerializedEvent {
        event.payload["basis"] = Value::Null;
        event.event_version = "1.1".to_owned();
        event
    }
}

/// `AttemptSubmitted` 1.1 says whether the session's own engine is looked at first. In 1.0 no check did that.
struct SubmissionsSayWhetherSomebodyLooks;

impl EventUpcaster for SubmissionsSayWhetherSomebodyLooks {
    fn can_upcast(&self, event_type: &str, event_version: &str) -> bool {
        event_type == "AttemptSubmitted" && event_version == "1.0"
    }

    fn upcast(&self, mut event: SerializedEvent) -> SerializedEvent {
        event.payload["looks_at_session"] = false.into();
        event.event_version = "1.1".to_owned();
        event
    }
}

/// A stored event as it stands in a row of `events`, of which all columns but those of its stream are looked at.
pub(crate) fn stored(
    row: &Row,
    aggregate_type: &str,
    aggregate_id: Uuid,
) -> Result<SerializedEvent, StoreError> {
    let sequence: i64 = column(row, "sequence")?;
    Ok(SerializedEvent::new(
        aggregate_id.to_string(),
        usize::try_from(sequence).map_err(|error| StoreError::damaged("a sequence", error))?,
        aggregate_type.to_owned(),
        column(row, "event_type")?,
        column(row, "event_version")?,
        column(row, "payload")?,
        column(row, "metadata")?,
    ))
}

/// Lifts a stored event to the newest version and reads it.
pub(crate) fn lift<A: Aggregate>(stored: SerializedEvent) -> Result<EventEnvelope<A>, StoreError> {
    lift_with(&UPCASTERS, stored)
}

/// Lifts a stored event to the newest version without reading it.
pub(crate) fn newest(stored: SerializedEvent) -> SerializedEvent {
    newest_with(&UPCASTERS, stored)
}

fn newest_with(upcasters: &[Box<dyn EventUpcaster>], stored: SerializedEvent) -> SerializedEvent {
    upcasters.iter().fold(stored, |event, upcaster| {
        if upcaster.can_upcast(&event.event_type, &event.event_version) {
            upcaster.upcast(event)
        } else {
            event
        }
    })
}

fn lift_with<A: Aggregate>(
    upcasters: &[Box<dyn EventUpcaster>],
    stored: SerializedEvent,
) -> Result<EventEnvelope<A>, StoreError> {
    let SerializedEvent { aggregate_id, sequence, aggregate_type, payload, metadata, .. } =
        newest_with(upcasters, stored);
    let damaged = |error: serde_json::Error| {
        StoreError::damaged(format!("event {sequence} of {aggregate_type} {aggregate_id}"), error)
    };
    let payload = serde_json::from_value(payload).map_err(damaged)?;
    let metadata = serde_json::from_value(metadata).map_err(damaged)?;
    Ok(EventEnvelope { aggregate_id, sequence, payload, metadata })
}

#[cfg(test)]
mod tests;
