//! Sessions.

use containrlab_domain::session::{MAX_EXTENSIONS, Origin, Phase};
use containrlab_store::{Line, SessionRow};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A session as it is now.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionJson {
    /// Id.
    pub(crate) id: Uuid,
    /// In which lab.
    pub(crate) lab: LabRefJson,
    /// The earlier session whose files it began with; null when it began with the starter files.
    pub(crate) continued_from: Option<Uuid>,
    /// `starting`, `ready`, `ending` or `ended`.
    pub(crate) phase: &'static str,
    /// Its place in line while it waits for a sandbox, from 1.
    pub(crate) place_in_line: Option<u32>,
    /// How many seconds it will wait in line, by the lengths of recent sessions; null when they tell nothing.
    pub(crate) wait_seconds: Option<u64>,
    /// What last went wrong in its sandbox, which lives on.
    pub(crate) trouble: Option<TroubleJson>,
    /// When it was asked for.
    pub(crate) requested_at: Timestamp,
    /// When its sandbox was ready.
    pub(crate) ready_at: Option<Timestamp>,
    /// When its time is up.
    pub(crate) expires_at: Option<Timestamp>,
    /// When it ended.
    pub(crate) ended_at: Option<Timestamp>,
    /// Why it ended.
    pub(crate) end_reason: Option<EndJson>,
    /// How often it was extended.
    pub(crate) extensions: u32,
    /// Whether it can be extended now.
    pub(crate) can_extend: bool,
    /// The server's time, to compare the others with.
    pub(crate) now: Timestamp,
}

/// A lab and its version.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = LabRef)]
pub(crate) struct LabRefJson {
    /// The lab's name.
    pub(crate) slug: String,
    /// The hash of its files when the session started.
    pub(crate) version: String,
}

/// Why a session ended.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = EndReason)]
pub(crate) struct EndJson {
    /// Stable code.
    pub(crate) code: &'static str,
    /// A sentence.
    pub(crate) sentence: String,
}

/// Something that went wrong in a sandbox.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Trouble)]
pub(crate) struct TroubleJson {
    /// Stable code.
    pub(crate) code: &'static str,
    /// What happened and what to do.
    pub(crate) sentence: &'static str,
    /// When it was noticed.
    pub(crate) at: Timestamp,
}

/// A learner's sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionList {
    /// Newest first.
    pub(crate) sessions: Vec<SessionJson>,
}

impl SessionJson {
    /// The session of a row, and how it stands in line.
    pub(crate) fn new(row: &SessionRow, line: Option<Line>) -> Self {
        Self {
            id: row.session_id.0,
            lab: LabRefJson { slug: row.lab.slug.to_string(), version: row.lab.version.to_string() },
            continued_from: match row.origin {
                Origin::Starter => None,
                Origin::Continued { session } => Some(session.0),
            },
            phase: phase_word(row.phase),
            place_in_line: line.map(|line| line.place),
            wait_seconds: line.and_then(|line| line.wait).map(|wait| wait.as_secs()),
            trouble: row.trouble.map(|(trouble, at)| TroubleJson {
                code: trouble.code(),
                sentence: trouble.sentence(),
                at,
            }),
            requested_at: row.requested_at,
            ready_at: row.ready_at,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            end_reason: row
                .end_reason
                .as_ref()
                .map(|reason| EndJson { code: reason.code(), sentence: reason.sentence() }),
            extensions: row.extensions,
            can_extend: can_extend(row),
            now: row.now,
        }
    }
}

/// The word for a phase.
pub(crate) fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Unborn | Phase::Starting => "starting",
        Phase::Ready => "ready",
        Phase::Ending => "ending",
        Phase::Ended => "ended",
    }
}

/// Whether a session can be extended now.
pub(crate) fn can_extend(row: &SessionRow) -> bool {
    row.phase == Phase::Ready && row.extensions < MAX_EXTENSIONS
}
