//! What can go wrong between this crate and its two servers. The sentences are for the one who runs the system; a
//! learner only ever sees "unavailable, try again" made of [`StoreError::is_unavailable`].

use containrlab_domain::ids::{BlobHash, RecordingId, TreeHash};
use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A setting cannot be used.
    #[error("{0}")]
    Setting(String),
    /// PostgreSQL is away, restarting or has no connection left.
    #[error("PostgreSQL cannot be reached ({0}); check that it runs and that DATABASE_URL names it")]
    DatabaseUnreachable(String),
    /// Redis is away.
    #[error("Redis cannot be reached ({0}); check that it runs and that REDIS_URL names it")]
    RedisUnreachable(String),
    /// The schema is older than this program.
    #[error("the database lacks what this version needs ({0}); run `containrlab migrate`")]
    NotMigrated(String),
    /// A migration failed.
    #[error("the database could not be migrated: {0}")]
    Migration(#[source] Box<refinery::Error>),
    /// PostgreSQL refused a statement: a bug on this side.
    #[error("PostgreSQL refused a statement: {}", database_words(.0))]
    Database(#[source] tokio_postgres::Error),
    /// Redis refused a command.
    #[error("Redis refused a command: {0}")]
    Redis(#[source] redis::RedisError),
    /// The queue in Redis refused a push.
    #[error("the queue in Redis refused: {0}")]
    Queue(String),
    /// The connection went away in the middle of a commit, and whether it took effect could not be found out in time.
    #[error(
        "the connection to PostgreSQL was lost during a commit, and its outcome is not known yet; look before you repeat"
    )]
    CommitUnknown,
    /// Something stored cannot be read back; somebody changed it by hand, or a version of it has no upcaster.
    #[error("{what} in the database cannot be read: {why}")]
    Damaged {
        /// Which value.
        what: String,
        /// Why not.
        why: String,
    },
    /// A file's bytes are not there.
    #[error("the bytes of blob {0} are not in the store; put them there before an event names them")]
    BlobMissing(BlobHash),
    /// A frozen tree is not there.
    #[error("the tree {0} is not in the store; put it there before an attempt names it")]
    TreeMissing(TreeHash),
    /// No such projection.
    #[error("there is no projection {name}; there are: {known}")]
    NoSuchProjection {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A ledger's file can't be read or written.
    #[error("the file of a ledger cannot be read or written: {0}")]
    File(#[source] std::io::Error),
    /// A ledger's file can't be imported.
    #[error("nothing was imported: {}{why}", at_line(*.line))]
    Import {
        /// The line that can't be taken, counted from 1; 0 when it is not about a line.
        line: u64,
        /// Why not.
        why: String,
    },
    /// No such recording.
    #[error("there is no recording {0}; open it before you append to it")]
    RecordingUnknown(RecordingId),
    /// Bytes in between are missing.
    #[error(
        "recording {recording} has {length} bytes, so it cannot go on at {position}: send from {length} on"
    )]
    RecordingGap {
        /// Which one.
        recording: RecordingId,
        /// Bytes that it has: the position to go on from.
        length: u64,
        /// Where the caller wanted to go on.
        position: u64,
    },
}

impl StoreError {
    /// Whether trying again later may help: a server is away, nothing is wrong with the request.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::DatabaseUnreachable(_) | Self::RedisUnreachable(_) | Self::CommitUnknown)
    }

    /// Whatever keeps a connection from being made is the server's trouble.
    pub(crate) fn no_connection(error: tokio_postgres::Error) -> Self {
        match Self::from(error) {
            Self::Database(error) => Self::DatabaseUnreachable(database_words(&error)),
            other => other,
        }
    }

    /// A stored value that cannot be read back.
    pub(crate) fn damaged(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Damaged { what: what.into(), why: why.to_string() }
    }
}

fn at_line(line: u64) -> String {
    if line == 0 { String::new() } else { format!("line {line}: ") }
}

/// PostgreSQL's own words, which `tokio_postgres::Error` keeps to its source.
fn database_words(error: &tokio_postgres::Error) -> String {
    if let Some(database) = error.as_db_error() {
        return format!("{} ({})", database.message(), database.code().code());
    }
    let Some(source) = std::error::Error::source(error) else { return error.to_string() };
    let hint = match source.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref()) {
        Some(inner) if is_distrust(inner) => {
            "; its certificate is not one that is trusted here for this host: sslrootcert in DATABASE_URL names the file of \
             another authority"
        }
        _ => "",
    };
    format!("{error}: {source}{hint}")
}

fn is_distrust(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(rustls::Error::InvalidCertificate(_)))
}

/// Whether the server, not the statement, is what is wrong.
fn is_connection_trouble(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            // 08: connection, 53: out of resources, 57P: shut down or starting up, 58: the server's system.
            let code_text = code.code();
            ["08", "53", "57P", "58"].iter().any(|class| code_text.starts_with(class))
                || *code == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        }
        None => {
            error.is_closed()
                || std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>())
        }
    }
}

impl From<tokio_postgres::Error> for StoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        if is_connection_trouble(&error) {
            return Self::DatabaseUnreachable(database_words(&error));
        }
        match error.code() {
            Some(code) if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::UNDEFINED_COLUMN => {
                Self::NotMigrated(database_words(&error))
            }
            _ => Self::Database(error),
        }
    }
}

impl From<PoolError> for StoreError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => Self::no_connection(error),
            PoolError::Timeout(_) => Self::DatabaseUnreachable("no connection came free in time".to_owned()),
            other => Self::DatabaseUnreachable(other.to_string()),
        }
    }
}

impl From<redis::RedisError> for StoreError {
    fn from(error: redis::RedisError) -> Self {
        if error.is_io_error()
            || error.is_timeout()
            || error.is_connection_dropped()
            || error.is_connection_refusal()
        {
            Self::RedisUnreachable(error.to_string())
        } else {
            Self::Redis(error)
        }
    }
}

impl From<apalis_redis::Error> for StoreError {
    fn from(error: apalis_redis::Error) -> Self {
        match error {
            apalis_redis::Error::Database(error) => error.into(),
            other => Self::Queue(other.to_string()),
        }
    }
}
