//! Every version of every event that was ever written can be read: a sample of each is checked in.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use containrlab_domain::attempt::{Attempt, AttemptEvent};
use containrlab_domain::learner::{Learner, LearnerEvent};
use containrlab_domain::session::{Session, SessionEvent};
use containrlab_domain::verdict::Verdict;
use containrlab_domain::workspace::{Workspace, WorkspaceEvent};
use cqrs_es::persist::{EventUpcaster, SemanticVersionEventUpcaster, SerializedEvent};
use cqrs_es::{Aggregate, DomainEvent};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{lift, lift_with};

/// A sample, as it lies in `samples/events/<type>-<version>.json`.
#[derive(Deserialize)]
struct Sample {
    aggregate_type: String,
    event_type: String,
    event_version: String,
    payload: Value,
}

fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/events");
    let mut samples = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let sample: Sample = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let name = format!("{}-{}.json", sample.event_type, sample.event_version);
        assert_eq!(path.file_name().unwrap().to_str(), Some(name.as_str()));
        samples.push(sample);
    }
    samples
}

/// Names the variants of an event, and breaks the build when one is missing: list it below, and give it a sample in
/// `store/samples/events`.
macro_rules! variants {
    ($name:ident, $event:ident: $($variant:ident),+ $(,)?) => {
        fn $name(event: &$event) -> &'static str {
            match event {
                $($event::$variant { .. } => stringify!($variant),)+
            }
        }

        impl Variants for $event {
            const ALL: &'static [&'static str] = &[$(stringify!($variant)),+];

            fn variant(&self) -> &'static str {
                $name(self)
            }
        }
    };
}

trait Variants {
    const ALL: &'static [&'static str];

    fn variant(&self) -> &'static str;
}

variants!(
    session, SessionEvent: Requested, ProvisioningStarted, ProvisioningReleased, SandboxReady, Extended,
    TerminalOpened, TerminalClosed, SandboxTroubled, JobRequested, JobStarted, JobFinished, HintShown, EndRequested,
    EndingStarted, Ended,
);
variants!(workspace, WorkspaceEvent: Opened, FileWritten, FolderCreated, Deleted, Renamed, NotKept);
variants!(
    attempt, AttemptEvent: Submitted, SessionSeen, JudgingStarted, JudgingReleased, Judged, RejudgeRequested, RejudgingStarted,
    RejudgingReleased, Rejudged, SolutionShown,
);
variants!(learner, LearnerEvent: Registered);

/// Loads all samples of an aggregate, and checks that none of its events lacks one of the version written now.
fn load_all<A: Aggregate<Event: Variants>>(samples: &[Sample]) -> usize {
    let mut newest = BTreeSet::new();
    let mine = samples.iter().filter(|sample| sample.aggregate_type == A::TYPE);
    let mut loaded = 0;
    for sample in mine {
        let stored = SerializedEvent::new(
            "1".to_owned(),
            1,
            sample.aggregate_type.clone(),
            sample.event_type.clone(),
            sample.event_version.clone(),
            sample.payload.clone(),
            json!({}),
        );
        let name = format!("{} {}", sample.event_type, sample.event_version);
        let event = lift::<A>(stored).unwrap_or_else(|error| {
            panic!(
                "{name} can't be read any more ({error}), but ledgers hold it. Give the new shape a version in \
                 `event_version`, lift the old one in store/src/upcasters.rs, and leave this sample as it is"
            )
        });
        let event = event.payload;
        assert_eq!(event.event_type(), sample.event_type, "{name} is read as another type");
        if event.event_version() == sample.event_version {
            let written = serde_json::to_value(&event).unwrap();
            assert_eq!(
                written, sample.payload,
                "{name} is written otherwise now. Give the new shape a version in `event_version` and a sample of its own, \
                 and lift the old one in store/src/upcasters.rs if it can't be read as it is"
            );
            newest.insert(event.variant());
        }
        loaded += 1;
    }
    let all: BTreeSet<_> = A::Event::ALL.iter().copied().collect();
    let missing: Vec<_> = all.difference(&newest).collect();
    assert!(
        missing.is_empty(),
        "{missing:?} of {} have no sample of the version that is written now. Put one of each into \
         store/samples/events/TYPE-VERSION.json, where TYPE and VERSION are what `event_type` and `event_version` say: \
         {{\"aggregate_type\", \"event_type\", \"event_version\", \"payload\"}}, as the files beside it have them. \
         Samples of older versions stay",
        A::TYPE
    );
    loaded
}

#[test]
fn every_event_ever_written_can_be_read() {
    let samples = samples();
    let loaded = load_all::<Session>(&samples)
        + load_all::<Workspace>(&samples)
        + load_all::<Attempt>(&samples)
        + load_all::<Learner>(&samples);
    assert_eq!(loaded, samples.len(), "each sample belongs to an aggregate");
}

fn stored(version: &str, payload: Value) -> SerializedEvent {
    SerializedEvent::new(
        "1".to_owned(),
        1,
        Learner::TYPE.to_owned(),
        "LearnerRegistered".to_owned(),
        version.to_owned(),
        payload,
        json!({}),
    )
}

#[test]
fn an_old_event_is_lifted_step_by_step() {
    let step = |version: &str, change: fn(Value) -> Value| -> Box<dyn EventUpcaster> {
        Box::new(SemanticVersionEventUpcaster::new("LearnerRegistered", version, Box::new(change)))
    };
    let upcasters = [
        step("0.8.0", |mut payload| {
            payload["provider"] = json!("local");
            payload
        }),
        step("0.9.0", |mut payload| {
            payload["name"] = payload["nick"].take();
            payload
        }),
    ];
    let id = "1ea12e12-0000-4000-8000-000000000002";
    let old = json!({"type": "registered", "learner": id, "subject": "ada", "nick": "Ada"});
    let lifted = lift_with::<Learner>(&upcasters, stored("0.7", old)).unwrap();
    let LearnerEvent::Registered { name, .. } = lifted.payload;
    assert_eq!(name, "Ada");
}

#[test]
fn an_event_that_nobody_can_read_is_named() {
    let error = lift::<Learner>(stored("0.1", json!({"type": "registered"}))).unwrap_err();
    assert!(error.to_string().contains("event 1 of learner 1"), "{error}");
}

#[test]
fn an_extension_from_before_1_1_gets_the_request_that_stood_beside_it() {
    let request = "4e9e5700-0000-4000-8000-000000000009";
    let old = |metadata: Value| {
        SerializedEvent::new(
            "1".to_owned(),
            7,
            Session::TYPE.to_owned(),
            "SessionExtended".to_owned(),
            "1.0".to_owned(),
            json!({"type": "extended", "by_seconds": 900}),
            metadata,
        )
    };
    let of = |metadata: Value| match lift::<Session>(old(metadata)).unwrap().payload {
        SessionEvent::Extended { by_seconds: 900, request } => request.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(of(json!({"request": request, "actor": "system:test"})), request);
    assert_eq!(of(json!({})), uuid::Uuid::nil().to_string());
}

#[test]
fn a_verdict_from_before_1_1_rests_on_nobody_knows_what() {
    let verdict = Verdict::inconclusive("a", "B.", "C.");
    let old = SerializedEvent::new(
        "1".to_owned(),
        3,
        Attempt::TYPE.to_owned(),
        "AttemptJudged".to_owned(),
        "1.0".to_owned(),
        json!({"type": "judged", "verdict": verdict}),
        json!({}),
    );
    let lifted = lift::<Attempt>(old).unwrap().payload;
    assert_eq!(lifted, AttemptEvent::Judged { verdict, basis: None });
}
