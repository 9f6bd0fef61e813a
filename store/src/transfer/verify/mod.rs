//! Looking a ledger through: can every stream be read, and is everything there that its events, trees and labs name?

mod damage;
mod named;
mod streams;

use std::collections::BTreeMap;

use containrlab_domain::ids::{BlobHash, LabSlug, LabVersion};
use containrlab_domain::lab::Lab;
use containrlab_domain::workspace::Tree;
use tokio_postgres::{Row, Transaction};

use super::portions::{Portions, snapshot};
use crate::lab_versions::files_named;
use crate::rows::{column, json, word};
use crate::{Store, StoreError};

pub use damage::Damage;
use named::Named;
use streams::Streams;

const EVENTS: &str = "select aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata \
     from events order by aggregate_type, aggregate_id, sequence";

const WRONG_BLOBS: &str = "select hash from blobs where encode(sha256(bytes), 'hex') <> hash or size <> octet_length(bytes) order by hash";

const LABS: &str = "select lab_slug, version, files from lab_versions order by lab_slug, version";

/// Rows looked at before it is asked whether what they name is there.
const AT_ONCE: i32 = 500;

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Streams.
    pub streams: u64,
    /// Events.
    pub events: u64,
    /// Versions of labs.
    pub labs: u64,
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
        let transaction = snapshot(&mut client).await?;
        let mut report = VerifyReport::default();
        let mut damage = |damages: Vec<Damage>| {
            let count = damages.len() as u64;
            damages.into_iter().for_each(&mut tell);
            count
        };
        for row in transaction.query(WRONG_BLOBS, &[]).await? {
            report.damages += damage(vec![Damage::WrongBlob { hash: column(&row, "hash")? }]);
        }
        let trees =
            Portions::of(&transaction, "select hash, manifest from trees order by hash", AT_ONCE).await?;
        while let Some(rows) = trees.next().await? {
            report.damages += damage(check_trees(&transaction, &rows).await?);
        }
        for row in transaction.query(LABS, &[]).await? {
            report.labs += 1;
            report.damages += damage(check_lab(&transaction, &row).await?);
        }
        let events = Portions::of(&transaction, EVENTS, AT_ONCE).await?;
        let mut streams = Streams::default();
        while let Some(rows) = events.next().await? {
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

async fn check_lab(transaction: &Transaction<'_>, row: &Row) -> Result<Vec<Damage>, StoreError> {
    let (slug, version): (LabSlug, LabVersion) = (word(row, "lab_slug")?, word(row, "version")?);
    let Ok(files) = json::<BTreeMap<String, BlobHash>>(row, "files") else {
        return Ok(vec![Damage::WrongLab { slug, version }]);
    };
    let mut named = Named::default();
    for hash in files.values() {
        named.blob(hash, &format!("lab {slug} in version {version}"));
    }
    let missing = named.missing(transaction).await?;
    if !missing.is_empty() {
        return Ok(missing);
    }
    let files = files_named(transaction, files).await?;
    Ok(if Lab::version_of(&files) == version { Vec::new() } else { vec![Damage::WrongLab { slug, version }] })
}
