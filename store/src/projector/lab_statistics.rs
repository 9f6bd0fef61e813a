//! What is counted of each lab: how many came, how their sessions ended, how their attempts went, and which findings keep
//! coming up, which is where a class is stuck.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use containrlab_domain::attempt::{Attempt, AttemptEvent};
use containrlab_domain::ids::LabSlug;
use containrlab_domain::session::{Session, SessionEvent};
use cqrs_es::Aggregate;
use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::Projection;
use super::log::LoggedEvent;
use crate::rows::{column, unsigned, word};
use crate::{Store, StoreError};

/// The counts of one lab.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LabStatistics {
    /// Which lab.
    pub lab: LabSlug,
    /// Sessions that were asked for.
    pub sessions: u64,
    /// Sessions that ended, by the reason's code.
    pub ended: BTreeMap<String, u64>,
    /// Attempts that were handed in.
    pub attempts: u64,
    /// Verdicts, by their status.
    pub verdicts: BTreeMap<String, u64>,
    /// Findings in these verdicts, by their code.
    pub findings: BTreeMap<String, u64>,
}

const SESSIONS: &str = "sessions";
const ENDED: &str = "ended";
const ATTEMPTS: &str = "attempts";
const VERDICTS: &str = "verdicts";
const FINDINGS: &str = "findings";

/// Lab, what is counted, and of what kind.
type Counter = (LabSlug, &'static str, String);

/// Follows the log.
pub(super) struct Projector;

#[async_trait]
impl Projection for Projector {
    fn name(&self) -> &'static str {
        "lab_statistics"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &["SessionRequested", "SessionEnded", "AttemptSubmitted", "AttemptJudged"]
    }

    async fn apply(
        &self,
        transaction: &Transaction<'_>,
        build: i64,
        events: Vec<LoggedEvent>,
    ) -> Result<(), StoreError> {
        let counts = count(transaction, events).await?;
        let mut columns: (Vec<String>, Vec<&str>, Vec<String>, Vec<i64>) = Default::default();
        for ((lab, counted, kind), count) in counts {
            columns.0.push(lab.into());
            columns.1.push(counted);
            columns.2.push(kind);
            columns.3.push(count);
        }
        let statement = transaction
            .prepare_cached(
                "insert into lab_statistics (build, lab_slug, counted, kind, count) \
                 select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) \
                 on conflict (build, lab_slug, counted, kind) \
                   do update set count = lab_statistics.count + excluded.count",
            )
            .await?;
        transaction.execute(&statement, &[&build, &columns.0, &columns.1, &columns.2, &columns.3]).await?;
        Ok(())
    }

    async fn delete(&self, transaction: &Transaction<'_>, build: i64) -> Result<(), StoreError> {
        transaction.execute("delete from lab_statistics where build = $1", &[&build]).await?;
        Ok(())
    }
}

async fn count(
    transaction: &Transaction<'_>,
    events: Vec<LoggedEvent>,
) -> Result<BTreeMap<Counter, i64>, StoreError> {
    let mut labs = Labs::default();
    let mut later = Vec::new();
    let mut counts = BTreeMap::new();
    for event in events {
        let stream = event.aggregate_id;
        match event.event_type.as_str() {
            "SessionRequested" | "AttemptSubmitted" => {
                let (lab, counted) = first_of_a_stream(event)?;
                *counts.entry((lab.clone(), counted, String::new())).or_default() += 1;
                labs.known.insert(stream, lab);
            }
            _ => later.push(event),
        }
    }
    labs.learn(transaction, &later).await?;
    for event in later {
        let lab = labs.of(event.aggregate_id)?;
        let mut add = |counted, kind: &str| {
            *counts.entry((lab.clone(), counted, kind.to_owned())).or_default() += 1;
        };
        if event.aggregate_type == Session::TYPE {
            if let SessionEvent::Ended { reason } = event.lift::<Session>()? {
                add(ENDED, reason.code());
            }
        } else if let AttemptEvent::Judged { verdict, .. } = event.lift::<Attempt>()? {
            add(VERDICTS, verdict.status.as_str());
            for finding in &verdict.failures {
                add(FINDINGS, &finding.code);
            }
        }
    }
    Ok(counts)
}

/// The lab that a stream's first event names, and what that event counts as.
fn first_of_a_stream(event: LoggedEvent) -> Result<(LabSlug, &'static str), StoreError> {
    let what = format!("the first event of {} {}", event.aggregate_type, event.aggregate_id);
    if event.aggregate_type == Session::TYPE {
        if let SessionEvent::Requested { lab, .. } = event.lift::<Session>()? {
            return Ok((lab.slug, SESSIONS));
        }
    } else if let AttemptEvent::Submitted { lab, .. } = event.lift::<Attempt>()? {
        return Ok((lab.slug, ATTEMPTS));
    }
    Err(StoreError::damaged(what, "it names no lab"))
}

/// The labs of sessions and attempts.
#[derive(Default)]
struct Labs {
    known: HashMap<Uuid, LabSlug>,
}

impl Labs {
    /// Reads the first events of those streams that began in an earlier stretch.
    async fn learn(&mut self, transaction: &Transaction<'_>, of: &[LoggedEvent]) -> Result<(), StoreError> {
        let unknown: BTreeSet<Uuid> =
            of.iter().map(|event| event.aggregate_id).filter(|id| !self.known.contains_key(id)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let statement = transaction
            .prepare_cached(
                "select aggregate_type, aggregate_id, sequence, event_type, event_version, payload from events \
                 where aggregate_type in ('session', 'attempt') and aggregate_id = any($1) and sequence = 1",
            )
            .await?;
        let unknown: Vec<Uuid> = unknown.into_iter().collect();
        for row in transaction.query(&statement, &[&unknown]).await? {
            let first = LoggedEvent::read(&row)?;
            let stream = first.aggregate_id;
            self.known.insert(stream, first_of_a_stream(first)?.0);
        }
        Ok(())
    }

    fn of(&self, stream: Uuid) -> Result<LabSlug, StoreError> {
        let known = self.known.get(&stream).cloned();
        known.ok_or_else(|| StoreError::damaged(format!("the stream {stream}"), "it has no first event"))
    }
}

impl Store {
    /// The counts of all labs that somebody has come to, by name. They follow the log within moments.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn lab_statistics(&self) -> Result<Vec<LabStatistics>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select lab_slug, counted, kind, count from lab_statistics join projections using (build) \
                 where name = 'lab_statistics' and live order by lab_slug collate \"C\"",
            )
            .await?;
        let mut labs: Vec<LabStatistics> = Vec::new();
        for row in client.query(&statement, &[]).await? {
            let slug: LabSlug = word(&row, "lab_slug")?;
            if labs.last().is_none_or(|lab| lab.lab != slug) {
                labs.push(LabStatistics {
                    lab: slug,
                    sessions: 0,
                    ended: BTreeMap::new(),
                    attempts: 0,
                    verdicts: BTreeMap::new(),
                    findings: BTreeMap::new(),
                });
            }
            let (Some(lab), count) = (labs.last_mut(), unsigned(&row, "count")?) else { continue };
            let kind: String = column(&row, "kind")?;
            match column(&row, "counted")? {
                SESSIONS => lab.sessions = count,
                ATTEMPTS => lab.attempts = count,
                ENDED => drop(lab.ended.insert(kind, count)),
                VERDICTS => drop(lab.verdicts.insert(kind, count)),
                FINDINGS => drop(lab.findings.insert(kind, count)),
                other => {
                    return Err(StoreError::damaged(
                        "a count of lab_statistics",
                        format!("{other:?} is unknown"),
                    ));
                }
            }
        }
        Ok(labs)
    }
}
