//! Everything that can go wrong, in one enum. What a person sees of it stands in [`crate::problem`].

use containrlab_domain::attempt::AttemptError;
use containrlab_domain::ids::{AttemptId, InvalidName, LabSlug, SessionId};
use containrlab_domain::learner::LearnerError;
use containrlab_domain::session::SessionError;
use containrlab_domain::workspace::{InvalidPath, WorkspaceError, WorkspacePath};
use containrlab_store::{CommandError, StoreError};

/// Everything that can go wrong in the api. The text of each variant is a sentence that a person may see, except for
/// [`Error::Internal`], whose text is for the log only.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Refused at start.
    #[error(
        "LOCAL_SIGN_IN=true lets anybody in by a name alone and is refused together with PUBLIC_URL; unset one of them"
    )]
    LocalSignInWithPublicUrl,
    /// Refused at start.
    #[error("PUBLIC_URL must be an http or https address with a host, and {0:?} is not")]
    PublicUrl(String),
    /// Refused at start.
    #[error(
        "PREVIEW_DOMAIN must be a domain of its own, such as preview.example.com, that is neither PUBLIC_URL's host nor above \
         it, and {0:?} is not"
    )]
    PreviewDomain(String),
    /// Refused at start: a lab's folder does not hold a lab.
    #[error("the labs cannot be read: {0}")]
    Labs(String),
    /// The listener failed.
    #[error("the api cannot serve: {0}")]
    Serve(#[source] std::io::Error),

    /// No valid sign-in came with the request.
    #[error("you are not signed in")]
    NotSignedIn,
    /// The local sign-in is off.
    #[error("signing in with a name alone is turned off here")]
    LocalSignInOff,
    /// The name cannot be taken.
    #[error("{0}")]
    Name(#[from] LearnerError),

    /// Nothing at this address.
    #[error("there is nothing at this address")]
    NoSuchPage,
    /// The address is right, the method is not.
    #[error("this address does not take that method")]
    MethodNotAllowed,
    /// No such lab.
    #[error("there is no lab {0}")]
    NoSuchLab(String),
    /// No such session, or it is somebody else's: the answer is the same, so that ids tell nothing.
    #[error("you have no session with this id")]
    NoSuchSession,
    /// No such job in this session.
    #[error("this session has no job with this id")]
    NoSuchJob,
    /// No such attempt, or it is somebody else's.
    #[error("you have no attempt with this id")]
    NoSuchAttempt,
    /// Nothing is going on in this lab.
    #[error("you have no active session in {0}")]
    NoActiveSession(LabSlug),

    /// A start while a session is active.
    #[error("you have an active session in this lab already")]
    SessionActive {
        /// The active one.
        session: SessionId,
    },
    /// A submission while another one of the session waits for its verdict.
    #[error("an attempt of this session is still being judged")]
    Judging {
        /// The one that waits.
        attempt: AttemptId,
    },
    /// The session refuses.
    #[error("{0}")]
    Session(SessionError),
    /// The workspace refuses.
    #[error("{0}")]
    Workspace(WorkspaceError),
    /// The attempt refuses.
    #[error("{0}")]
    Attempt(AttemptError),
    /// A path that leads nowhere below the workspace.
    #[error("{0}")]
    Path(#[from] InvalidPath),
    /// A file that the editor cannot show.
    #[error("{path} is a binary file; the editor shows text only")]
    BinaryFile {
        /// Which.
        path: WorkspacePath,
    },
    /// Too many others wrote at the same time.
    #[error("somebody else changed this at the same moment")]
    Conflict,
    /// An idempotency key that was used for something else.
    #[error("this idempotency key was used for another request before")]
    KeyReused,

    /// A body of another kind than asked for.
    #[error("the body must be JSON, sent with content-type: application/json")]
    NotJson,
    /// A body that cannot be read.
    #[error("the body is not valid JSON: {0}")]
    MalformedBody(String),
    /// A body that can be read and does not fit.
    #[error("the body does not fit at {place}: {reason}")]
    UnfitBody {
        /// Path into the body, such as `ports[0].sandbox`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// A query or form that does not fit.
    #[error("the address or form does not fit: {0}")]
    UnfitQuery(String),
    /// Too many bytes.
    #[error("the body has more bytes than are taken here")]
    BodyTooLarge,
    /// The body broke off.
    #[error("the body broke off before its end")]
    BodyBrokeOff,
    /// Not a WebSocket handshake.
    #[error("this address speaks WebSocket only")]
    NotAWebSocket,

    /// Sent by a page of another site.
    #[error("this request comes from a page of another site ({0})")]
    ForeignOrigin(String),
    /// Reached under a name that is not this machine's.
    #[error("this installation does not answer under the name {0}")]
    StrangeHost(String),

    /// The lab has no such hint.
    #[error("the lab has no further hint on this")]
    NoSuchHint,
    /// No pass for this preview, or not any more. Whoever asks may be anybody, so nothing is told of the session.
    #[error("this preview is open to the learner whose session it is, and to nobody else")]
    PreviewClosed,
    /// Previews have no domain in this installation.
    #[error("this installation shows no ports of sandboxes")]
    PreviewsOff,
    /// Nothing listens there.
    #[error("nothing listens on port {port} of your sandbox right now")]
    NothingListens {
        /// The port.
        port: u16,
    },
    /// Something listens there that doesn't speak HTTP, or broke off.
    #[error("what listens on port {port} of your sandbox did not answer in HTTP")]
    PreviewUnreadable {
        /// The port.
        port: u16,
    },
    /// The runner that holds the sandbox cannot be reached.
    #[error("the machine that holds your sandbox does not answer right now")]
    SandboxOutOfReach,

    /// PostgreSQL or Redis cannot be reached.
    #[error("the platform cannot reach its {part} right now")]
    Unavailable {
        /// Which of them, in a word.
        part: &'static str,
        /// What the client library said; for the log.
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("the platform took too long to answer")]
    TimedOut,
    /// A fault of ours; the text goes to the log and never to a person.
    #[error("{0}")]
    Internal(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// A fault of ours that no person can do anything about.
    pub(crate) fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(cause.into())
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        if error.is_unavailable() {
            Self::Unavailable { part: "database", cause: Box::new(error) }
        } else {
            Self::internal(error)
        }
    }
}

impl From<InvalidName> for Error {
    fn from(error: InvalidName) -> Self {
        Self::UnfitQuery(error.0)
    }
}

/// Lifts a command's refusal; which variant a domain error becomes is the one thing that differs.
macro_rules! from_command_error {
    ($($refusal:ty => $variant:path;)*) => {$(
        impl From<CommandError<$refusal>> for Error {
            fn from(error: CommandError<$refusal>) -> Self {
                match error {
                    CommandError::Refused(refusal) => $variant(refusal),
                    CommandError::Conflict => Self::Conflict,
                    CommandError::Duplicate(_) | CommandError::StillHeld => Self::Conflict,
                    CommandError::Store(error) => error.into(),
                }
            }
        }
    )*};
}

from_command_error! {
    SessionError => Self::Session;
    WorkspaceError => Self::Workspace;
    AttemptError => Self::Attempt;
    LearnerError => Self::Name;
}
