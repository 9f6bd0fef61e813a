//! Learners as pages read them.

use containrlab_domain::ids::LearnerId;
use containrlab_domain::learner::Provider;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;

use crate::rows::{column, word};
use crate::{Store, StoreError};

/// A learner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LearnerRow {
    /// Who.
    pub learner_id: LearnerId,
    /// The way by which they sign in.
    pub provider: Provider,
    /// Their id there.
    pub subject: String,
    /// How they want to be called.
    pub name: String,
    /// First sign-in.
    pub registered_at: Timestamp,
}

pub(crate) const COLUMNS: &str = "learner_id, provider, subject, name, registered_at";

impl LearnerRow {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            learner_id: LearnerId(column(row, "learner_id")?),
            provider: word(row, "provider")?,
            subject: column(row, "subject")?,
            name: column(row, "name")?,
            registered_at: column(row, "registered_at")?,
        })
    }
}

impl Store {
    /// The learner with this id.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all reads.
    pub async fn learner(&self, learner: LearnerId) -> Result<Option<LearnerRow>, StoreError> {
        let client = self.database().await?;
        let statement =
            client.prepare_cached(&format!("select {COLUMNS} from learners where learner_id = $1")).await?;
        client.query_opt(&statement, &[&learner.0]).await?.as_ref().map(LearnerRow::read).transpose()
    }

    /// The learner whom a provider knows by this subject.
    ///
    /// # Errors
    /// See [`Store::learner`].
    pub async fn learner_by_subject(
        &self,
        provider: Provider,
        subject: &str,
    ) -> Result<Option<LearnerRow>, StoreError> {
        let client = self.database().await?;
        let sql = format!("select {COLUMNS} from learners where provider = $1 and subject = $2");
        let statement = client.prepare_cached(&sql).await?;
        let row = client.query_opt(&statement, &[&provider.as_str(), &subject]).await?;
        row.as_ref().map(LearnerRow::read).transpose()
    }
}
