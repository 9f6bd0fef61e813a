//! Old events, read for ever: an event whose shape changed gets a new version in the domain and an upcaster here that
//! lifts the old shape to the new one. A sample of every version ever written lies in `samples/events/`, and a test
//! loads each.

use std::sync::LazyLock;

use cqrs_es::persist::{EventUpcaster, SerializedEvent};
use cqrs_es::{Aggregate, EventEnvelope};
use serde_json::Value;
use uuid::Uuid;

use crate::StoreError;

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
    let lifted = newest_with(upcasters, stored);
    let name = || format!("event {} of {} {}", lifted.sequence, lifted.aggregate_type, lifted.aggregate_id);
    let payload =
        serde_json::from_value(lifted.payload.clone()).map_err(|error| StoreError::damaged(name(), error))?;
    let metadata = serde_json::from_value(lifted.metadata.clone())
        .map_err(|error| StoreError::damaged(name(), error))?;
    Ok(EventEnvelope { aggregate_id: lifted.aggregate_id, sequence: lifted.sequence, payload, metadata })
}

#[cfg(test)]
mod tests;
