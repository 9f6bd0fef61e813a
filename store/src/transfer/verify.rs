//! Looking a ledger through: can every stream be read, and is everything there that its events name?

use std::fmt;

use containrlab_domain::attempt::{Attempt, AttemptEvent};
use containrlab_domain::ids::{BlobHash, TreeHash};
use containrlab_domain::learner::Learner;
use containrlab_domain::session::Session;
use containrlab_domain::workspace::{Tree, Workspace, WorkspaceEvent};
use cqrs_es::persist::SerializedEvent;
use cqrs_es::{Aggregate, DomainEvent};
use tokio_postgres::{IsolationLevel, Row, Transaction};
use uuid::Uuid;

use crate::rows::{column, json};
use crate::{Store, StoreError, upcasters};

const EVENTS: &str = "select aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata \
     from events order by aggregate_type, aggregate_id, sequence";

const WRONG_BLOBS: &str = "select hash from blobs where encode(sha256(bytes), 'hex') <> hash or size <> octet_length(bytes) order by hash";

/// Rows looked at before it is asked whether what they name is there.
const AT_ONCE: i32 = 500;

/// Something that is wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// Events are missing from a stream.
    Gap {
        /// Which stream, as `type id`.
        stream: String,
        /// The sequence that should be there.
        expected: i64,
        /// The one that is there.
        found: i64,
    },
    /// An event of a type that this program doesn't know.
    UnknownType {
        /// Which event, as `type id #sequence`.
        event: String,
        /// What it says that it is.
        event_type: String,
    },
    /// An event that can't be read.
    Unreadable {
        /// Which event.
        event: String,
        /// Why not.
        why: String,
    },
    /// A file's bytes are not there.
    MissingBlob {
        /// Its hash.
        hash: String,
        /// The event or tree that names it.
        named_by: String,
    },
    /// A frozen workspace is not there.
    MissingTree {
        /// Its hash.
        hash: String,
        /// The event that names it.
        named_by: String,
    },
    /// A blob whose bytes have another hash or size than it says.
    WrongBlob {
        /// The hash that it should have.
        hash: String,
    },
    /// A tree whose files have another hash than it says.
    WrongTree {
        /// The hash that it should have.
        hash: String,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { stream, expected, found } => {
                write!(f, "gap: {stream} has event {found} where {expected} should be")
            }
            Self::UnknownType { event, event_type } => write!(f, "unknown type: {event} is a {event_type}"),
            Self::Unreadable { event, why } => write!(f, "unreadable: {event}: {why}"),
            Self::MissingBlob { hash, named_by } => write!(f, "missing blob: {hash}, named by {named_by}"),
            Self::MissingTree { hash, named_by } => write!(f, "missing tree: {hash}, named by {named_by}"),
            Self::WrongBlob { hash } => write!(f, "wrong hash: the bytes of blob {hash} are others"),
            Self::WrongTree { hash } => write!(f, "wrong hash: the files of tree {hash} are others"),
        }
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Streams.
    pub streams: u64,
    /// Events.
    pub events: u64,
    /// Places that are damaged.
    pub damages: u64,
}

impl Store {
    /// Looks the whole ledger through as it is at one moment, and tells of each damage. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; damage is no error.
    pub async fn verify_ledger(
        &self,
        mut tell: impl FnMut(Damage) + Send,
    ) -> Result<VerifyReport, StoreError> {
        let mut client = self.database().await?;
        let transaction = client
            .build_transaction()
            .isolation_level(IsolationLevel::RepeatableRead)
            .read_only(true)
            .start()
            .await?;
        // Hashing all blobs takes as long as it takes.
        transaction.batch_execute("set local statement_timeout = 0").await?;
        let mut report = VerifyReport::default();
        let mut damage = |damages: Vec<Damage>| {
            let count = damages.len() as u64;
            damages.into_iter().for_each(&mut tell);
            count
        };
        for row in transaction.query(WRONG_BLOBS, &[]).await? {
            report.damages += damage(vec![Damage::WrongBlob { hash: column(&row, "hash")? }]);
        }
        let statement = transaction.prepare("select hash, manifest from trees order by hash").await?;
        let trees = transaction.bind(&statement, &[]).await?;
        loop {
            let rows = transaction.query_portal(&trees, AT_ONCE).await?;
            if rows.is_empty() {
                break;
            }
            report.damages += damage(check_trees(&transaction, &rows).await?);
        }
        let statement = transaction.prepare(EVENTS).await?;
        let events = transaction.bind(&statement, &[]).await?;
        let mut streams = Streams::default();
        loop {
            let rows = transaction.query_portal(&events, AT_ONCE).await?;
            if rows.is_empty() {
                break;
            }
            report.events += rows.len() as u64;
            report.damages += damage(streams.check(&transaction, &rows).await?);
        }
        report.streams = streams.count;
        Ok(report)
    }
}

async fn check_trees(transaction: &Transaction<'_>, rows: &[Row]) -> Result<Vec<Damage>, StoreError> {
    let mut damages = Vec::new();
    let mut named = Named::default();
    for row in rows {
        let hash: String = column(row, "hash")?;
        match json::<Tree>(row, "manifest") {
            Ok(tree) if tree.hash().as_str() == hash => named.tree(&tree, &format!("tree {hash}")),
            _ => damages.push(Damage::WrongTree { hash }),
        }
    }
    damages.extend(named.missing(transaction).await?);
    Ok(damages)
}

/// Follows the streams, which come one after the other.
#[derive(Default)]
struct Streams {
    count: u64,
    last: Option<(String, Uuid, i64)>,
}

impl Streams {
    async fn check(
        &mut self,
        transaction: &Transaction<'_>,
        rows: &[Row],
    ) -> Result<Vec<Damage>, StoreError> {
        let mut damages = Vec::new();
        let mut named = Named::default();
        for row in rows {
            let (kind, id): (String, Uuid) = (column(row, "aggregate_type")?, column(row, "aggregate_id")?);
            let found: i64 = column(row, "sequence")?;
            let expected = match &self.last {
                Some((last_kind, last_id, sequence)) if *last_kind == kind && *last_id == id => sequence + 1,
                _ => {
                    self.count += 1;
                    1
                }
            };
            if found != expected {
                damages.push(Damage::Gap { stream: format!("{kind} {id}"), expected, found });
            }
            damages.extend(check_event(row, &kind, id, found, &mut named)?);
            self.last = Some((kind, id, found));
        }
        damages.extend(named.missing(transaction).await?);
        Ok(damages)
    }
}

fn check_event(
    row: &Row,
    kind: &str,
    id: Uuid,
    sequence: i64,
    named: &mut Named,
) -> Result<Option<Damage>, StoreError> {
    let event = format!("{kind} {id} #{sequence}");
    let event_type: String = column(row, "event_type")?;
    let stored = SerializedEvent::new(
        id.to_string(),
        usize::try_from(sequence).unwrap_or_default(),
        kind.to_owned(),
        event_type.clone(),
        column(row, "event_version")?,
        column(row, "payload")?,
        column(row, "metadata")?,
    );
    let read = match kind {
        Session::TYPE => read::<Session>(stored).map(drop),
        Workspace::TYPE => read::<Workspace>(stored).map(|read| match read {
            WorkspaceEvent::Opened { tree, .. } => named.tree(&tree, &event),
            WorkspaceEvent::FileWritten { entry, .. } => named.blob(&entry.hash, &event),
            _ => {}
        }),
        Attempt::TYPE => read::<Attempt>(stored).map(|read| {
            if let AttemptEvent::Submitted { tree, .. } = read {
                named.frozen(&tree, &event);
            }
        }),
        Learner::TYPE => read::<Learner>(stored).map(drop),
        _ => Err(Unread::UnknownType),
    };
    Ok(match read {
        Ok(()) => None,
        Err(Unread::UnknownType) => Some(Damage::UnknownType { event, event_type }),
        Err(Unread::Unreadable(why)) => Some(Damage::Unreadable { event, why }),
    })
}

enum Unread {
    UnknownType,
    Unreadable(String),
}

fn read<A: Aggregate>(stored: SerializedEvent) -> Result<A::Event, Unread> {
    let claimed = stored.event_type.clone();
    let event = upcasters::lift::<A>(stored).map_err(|error| Unread::Unreadable(error.to_string()))?.payload;
    // A type that nobody writes, whatever its payload looks like.
    if event.event_type() == claimed { Ok(event) } else { Err(Unread::UnknownType) }
}

/// Hashes that must be there, each with who names it.
#[derive(Default)]
struct Named {
    blobs: Vec<(String, String)>,
    trees: Vec<(String, String)>,
}

impl Named {
    fn blob(&mut self, hash: &BlobHash, by: &str) {
        self.blobs.push((hash.to_string(), by.to_owned()));
    }

    fn tree(&mut self, tree: &Tree, by: &str) {
        for entry in tree.files.values() {
            self.blob(&entry.hash, by);
        }
    }

    fn frozen(&mut self, hash: &TreeHash, by: &str) {
        self.trees.push((hash.to_string(), by.to_owned()));
    }

    async fn missing(self, transaction: &Transaction<'_>) -> Result<Vec<Damage>, StoreError> {
        let blobs = missing(transaction, "blobs", self.blobs).await?.into_iter();
        let trees = missing(transaction, "trees", self.trees).await?.into_iter();
        Ok(blobs
            .map(|(hash, named_by)| Damage::MissingBlob { hash, named_by })
            .chain(trees.map(|(hash, named_by)| Damage::MissingTree { hash, named_by }))
            .collect())
    }
}

async fn missing(
    transaction: &Transaction<'_>,
    table: &str,
    named: Vec<(String, String)>,
) -> Result<Vec<(String, String)>, StoreError> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let (hashes, by): (Vec<String>, Vec<String>) = named.into_iter().unzip();
    let sql = format!(
        "select named.hash, named.named_by from unnest($1::text[], $2::text[]) as named (hash, named_by) \
         where not exists (select from {table} where {table}.hash = named.hash)"
    );
    let rows = transaction.query(&sql, &[&hashes, &by]).await?;
    rows.iter().map(|row| Ok((column(row, "hash")?, column(row, "named_by")?))).collect()
}
