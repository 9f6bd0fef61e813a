//! The streams: whether each event can be read and follows the one before.

use containrlab_domain::attempt::{Attempt, AttemptEvent};
use containrlab_domain::learner::Learner;
use containrlab_domain::session::Session;
use containrlab_domain::workspace::{Workspace, WorkspaceEvent};
use cqrs_es::persist::SerializedEvent;
use cqrs_es::{Aggregate, DomainEvent};
use tokio_postgres::{Row, Transaction};
use uuid::Uuid;

use super::Damage;
use super::named::Named;
use crate::rows::column;
use crate::{StoreError, upcasters};

/// Follows the streams, which come one after the other.
#[derive(Default)]
pub(super) struct Streams {
    pub(super) count: u64,
    last: Option<(String, Uuid, i64)>,
}

impl Streams {
    pub(super) async fn check(
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
    let stored = match upcasters::stored(row, kind, id) {
        Ok(stored) => stored,
        Err(StoreError::Damaged { why, .. }) => return Ok(Some(Damage::Unreadable { event, why })),
        Err(error) => return Err(error),
    };
    let read = match kind {
        Session::TYPE => read::<Session>(stored).map(drop),
        Workspace::TYPE => read::<Workspace>(stored).map(|read| match read {
            WorkspaceEvent::Opened { tree, .. } => named.tree(&tree, &event),
            WorkspaceEvent::FileWritten { entry, .. } => named.blob(&entry.hash, &event),
            _ => {}
        }),
        Attempt::TYPE => read::<Attempt>(stored).map(|read| match read {
            AttemptEvent::Submitted { tree, .. } => named.frozen(&tree, &event),
            AttemptEvent::Judged { basis: Some(basis), .. }
            | AttemptEvent::Rejudged { basis: Some(basis), .. } => {
                named.frozen(&basis.tree, &event);
            }
            _ => {}
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
