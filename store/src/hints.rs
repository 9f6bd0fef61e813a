//! Which hints a session has shown.

use containrlab_domain::ids::SessionId;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;

use crate::rows::{column, unsigned_32};
use crate::{Store, StoreError};

/// A hint that was shown. Its text is the lab's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownHint {
    /// The check that it is about; none when it is about the whole lab.
    pub check: Option<String>,
    /// Which of the lab's hints about it, counted from 1, weakest first.
    pub number: u32,
    /// When it was shown first.
    pub shown_at: Timestamp,
}

impl ShownHint {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let check: String = column(row, "check_id")?;
        Ok(Self {
            check: (!check.is_empty()).then_some(check),
            number: unsigned_32(row, "number")?,
            shown_at: column(row, "shown_at")?,
        })
    }
}

impl Store {
    /// The hints that a session has shown, in the order in which they were asked for.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn hints_shown(&self, session: SessionId) -> Result<Vec<ShownHint>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select check_id, number, shown_at from hints_shown where session_id = $1 \
                 order by shown_at, check_id, number",
            )
            .await?;
        client.query(&statement, &[&session.0]).await?.iter().map(ShownHint::read).collect()
    }
}
