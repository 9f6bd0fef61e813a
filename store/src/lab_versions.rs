//! Versions of labs, kept with all their files: a verdict can be said by each of them again.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use containrlab_domain::ids::{BlobHash, LabSlug, LabVersion};
use containrlab_domain::lab::{Lab, LabFiles};
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::GenericClient;

use crate::labs::{LabCatalog, LoadedLab};
use crate::rows::{column, json, to_json, unsigned, word};
use crate::{Store, StoreError};

/// A version of a lab that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptLab {
    /// Which version.
    pub version: LabVersion,
    /// Since when it is here.
    pub kept_at: Timestamp,
    /// Attempts that were handed in for it.
    pub attempts: u64,
}

impl Store {
    /// Keeps every lab of a catalogue in its present version; does nothing about those that are kept already.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all methods here.
    pub async fn keep_labs(&self, labs: &LabCatalog) -> Result<(), StoreError> {
        let all = labs.all();
        let slugs: Vec<&str> = all.iter().map(|loaded| loaded.lab.slug.as_str()).collect();
        let client = self.database().await?;
        let statement = client
            .prepare_cached("select lab_slug, version from lab_versions where lab_slug = any($1)")
            .await?;
        let mut kept: Vec<(LabSlug, LabVersion)> = Vec::new();
        for row in client.query(&statement, &[&slugs]).await? {
            kept.push((word(&row, "lab_slug")?, word(&row, "version")?));
        }
        // Another connection may be wanted below, and the pool may have only this one.
        drop(client);
        for loaded in all {
            if !kept.iter().any(|(slug, version)| (slug, version) == (&loaded.lab.slug, &loaded.version)) {
                self.keep_lab(loaded).await?;
            }
        }
        Ok(())
    }

    /// Keeps a lab in its present version.
    ///
    /// # Errors
    /// See [`Store::keep_labs`].
    pub async fn keep_lab(&self, loaded: &LoadedLab) -> Result<(), StoreError> {
        let contents = loaded.files.values().map(|content| Bytes::copy_from_slice(content)).collect();
        let hashes = self.put_blobs(contents).await?;
        let files: BTreeMap<&String, BlobHash> = loaded.files.keys().zip(hashes).collect();
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "insert into lab_versions (lab_slug, version, files) values ($1, $2, $3) on conflict do nothing",
            )
            .await?;
        let (slug, version) = (loaded.lab.slug.as_str(), loaded.version.as_str());
        client.execute(&statement, &[&slug, &version, &to_json(&files)?]).await?;
        Ok(())
    }

    /// All files of a lab in this version; `None` when it is not kept.
    ///
    /// # Errors
    /// See [`Store::keep_labs`]; [`StoreError::Damaged`] when the files are no longer what they were.
    pub async fn lab_files(
        &self,
        slug: &LabSlug,
        version: &LabVersion,
    ) -> Result<Option<LabFiles>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached("select files from lab_versions where lab_slug = $1 and version = $2")
            .await?;
        let Some(row) = client.query_opt(&statement, &[&slug.as_str(), &version.as_str()]).await? else {
            return Ok(None);
        };
        let files = files_named(&**client, json(&row, "files")?).await?;
        must_be(&files, slug, version)?;
        Ok(Some(files))
    }

    /// The versions of a lab that are kept, newest first.
    ///
    /// # Errors
    /// See [`Store::keep_labs`].
    pub async fn lab_versions(&self, slug: &LabSlug) -> Result<Vec<KeptLab>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select version, kept_at, (select count(*) from attempts \
                   where attempts.lab_slug = kept.lab_slug and attempts.lab_version = kept.version) as attempts \
                 from lab_versions kept where lab_slug = $1 order by kept_at desc, version",
            )
            .await?;
        let rows = client.query(&statement, &[&slug.as_str()]).await?;
        rows.iter()
            .map(|row| {
                Ok(KeptLab {
                    version: word(row, "version")?,
                    kept_at: column(row, "kept_at")?,
                    attempts: unsigned(row, "attempts")?,
                })
            })
            .collect()
    }
}

/// The files of a lab, of which only the hashes of their bytes are known.
pub(crate) async fn files_named(
    client: &impl GenericClient,
    named: BTreeMap<String, BlobHash>,
) -> Result<LabFiles, StoreError> {
    let hashes: Vec<&str> = named.values().map(BlobHash::as_str).collect();
    let rows = client.query("select hash, bytes from blobs where hash = any($1)", &[&hashes]).await?;
    let blobs: HashMap<BlobHash, &[u8]> = rows
        .iter()
        .map(|row| Ok((word(row, "hash")?, column(row, "bytes")?)))
        .collect::<Result<_, StoreError>>()?;
    let file = |(path, hash): (String, BlobHash)| match blobs.get(&hash) {
        Some(bytes) => Ok((path, bytes.to_vec())),
        None => Err(StoreError::BlobMissing(hash)),
    };
    named.into_iter().map(file).collect()
}

/// A version is the hash of its files.
pub(crate) fn must_be(files: &LabFiles, slug: &LabSlug, version: &LabVersion) -> Result<(), StoreError> {
    if Lab::version_of(files) == *version {
        return Ok(());
    }
    Err(StoreError::damaged(format!("version {version} of lab {slug}"), "its files have another hash"))
}
