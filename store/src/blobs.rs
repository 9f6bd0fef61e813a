//! Content-addressed bytes, and frozen trees of them.

use std::collections::HashMap;

use bytes::Bytes;
use containrlab_domain::ids::{BlobHash, TreeHash};
use containrlab_domain::workspace::Tree;

use crate::rows::{column, json, signed, to_json, word};
use crate::{Store, StoreError};

/// Bytes that one statement carries at most: a workspace of 20 MiB goes in a few portions, none of which holds a
/// connection for long.
const PORTION: usize = 8 * 1024 * 1024;

impl Store {
    /// Keeps these bytes; does nothing when they are there already.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn put_blob(&self, bytes: &[u8]) -> Result<BlobHash, StoreError> {
        let mut hashes = self.put_blobs(vec![Bytes::copy_from_slice(bytes)]).await?;
        hashes.pop().ok_or_else(|| StoreError::damaged("a blob", "nothing was written"))
    }

    /// As [`Store::put_blob`], for many; their hashes in the same order.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; some may be kept then, which does no harm.
    pub async fn put_blobs(&self, blobs: Vec<Bytes>) -> Result<Vec<BlobHash>, StoreError> {
        let hashes: Vec<BlobHash> = blobs.iter().map(|bytes| BlobHash::of(bytes)).collect();
        // Sorted and without repetitions, so that two writers of the same files never wait for each other crosswise.
        let mut named: Vec<(&str, &[u8])> =
            hashes.iter().map(BlobHash::as_str).zip(blobs.iter().map(Bytes::as_ref)).collect();
        named.sort_unstable_by_key(|(hash, _)| *hash);
        named.dedup_by_key(|(hash, _)| *hash);
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "insert into blobs (hash, size, bytes) \
                 select * from unnest($1::text[], $2::bigint[], $3::bytea[]) on conflict do nothing",
            )
            .await?;
        let mut rest = named.as_slice();
        while !rest.is_empty() {
            let mut carried = 0;
            let fitting = rest.iter().take_while(|(_, bytes)| {
                carried += bytes.len();
                carried <= PORTION
            });
            let (portion, left) = rest.split_at(fitting.count().max(1));
            rest = left;
            let names: Vec<&str> = portion.iter().map(|(hash, _)| *hash).collect();
            let sizes: Vec<i64> = portion.iter().map(|(_, bytes)| signed(bytes.len() as u64)).collect();
            let contents: Vec<&[u8]> = portion.iter().map(|(_, bytes)| *bytes).collect();
            client.execute(&statement, &[&names, &sizes, &contents]).await?;
        }
        Ok(hashes)
    }

    /// The bytes with this hash.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn blob(&self, hash: &BlobHash) -> Result<Option<Bytes>, StoreError> {
        Ok(self.blobs(std::slice::from_ref(hash)).await?.remove(hash))
    }

    /// The bytes with these hashes; those that are not there are missing from the answer.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn blobs(&self, hashes: &[BlobHash]) -> Result<HashMap<BlobHash, Bytes>, StoreError> {
        let names: Vec<&str> = hashes.iter().map(BlobHash::as_str).collect();
        let client = self.database().await?;
        let statement = client.prepare_cached("select hash, bytes from blobs where hash = any($1)").await?;
        let rows = client.query(&statement, &[&names]).await?;
        rows.iter()
            .map(|row| Ok((word(row, "hash")?, Bytes::copy_from_slice(column::<&[u8]>(row, "bytes")?))))
            .collect()
    }

    /// Freezes a tree, so that its hash alone brings it back.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn put_tree(&self, tree: &Tree) -> Result<TreeHash, StoreError> {
        let hash = tree.hash();
        let client = self.database().await?;
        let statement = client
            .prepare_cached("insert into trees (hash, manifest) values ($1, $2) on conflict do nothing")
            .await?;
        client.execute(&statement, &[&hash.as_str(), &to_json(tree)?]).await?;
        Ok(hash)
    }

    /// The tree with this hash.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn tree(&self, hash: &TreeHash) -> Result<Option<Tree>, StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached("select manifest from trees where hash = $1").await?;
        let row = client.query_opt(&statement, &[&hash.as_str()]).await?;
        row.as_ref().map(|row| json(row, "manifest")).transpose()
    }
}
