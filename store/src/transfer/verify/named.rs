//! What events, trees and labs name by its hash, and whether it is there.

use containrlab_domain::ids::{BlobHash, TreeHash};
use containrlab_domain::workspace::Tree;
use tokio_postgres::Transaction;

use super::Damage;
use crate::StoreError;
use crate::rows::column;

/// Hashes that must be there, each with who names it.
#[derive(Default)]
pub(super) struct Named {
    blobs: Vec<(String, String)>,
    trees: Vec<(String, String)>,
}

impl Named {
    pub(super) fn blob(&mut self, hash: &BlobHash, by: &str) {
        self.blobs.push((hash.to_string(), by.to_owned()));
    }

    pub(super) fn tree(&mut self, tree: &Tree, by: &str) {
        for entry in tree.files.values() {
            self.blob(&entry.hash, by);
        }
    }

    pub(super) fn frozen(&mut self, hash: &TreeHash, by: &str) {
        self.trees.push((hash.to_string(), by.to_owned()));
    }

    pub(super) async fn missing(self, transaction: &Transaction<'_>) -> Result<Vec<Damage>, StoreError> {
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
