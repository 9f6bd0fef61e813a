//! Sign-ins: a random token in the learner's cookie, its SHA-256 in the table.

use std::time::Duration;

use containrlab_domain::ids::LearnerId;
use rand::RngCore;
use sha2::{Digest, Sha256};

use crate::learners::LearnerRow;
use crate::rows::seconds;
use crate::{Store, StoreError};

impl Store {
    /// Signs a learner in for a while, and gives the token for their cookie: 64 hexadecimal digits that nobody can
    /// guess and that are kept nowhere.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn create_login(&self, learner: LearnerId, ttl: Duration) -> Result<String, StoreError> {
        let token = fresh_token();
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "insert into logins (token_hash, learner_id, expires_at) \
                 values ($1, $2, clock_timestamp() + make_interval(secs => $3))",
            )
            .await?;
        client.execute(&statement, &[&hash(&token), &learner.0, &seconds(ttl)]).await?;
        Ok(token)
    }

    /// Whom a token signs in; `None` when it is unknown or its time is up.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn login(&self, token: &str) -> Result<Option<LearnerRow>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select learner_id, provider, subject, name, registered_at \
                 from logins join learners using (learner_id) \
                 where token_hash = $1 and expires_at > clock_timestamp()",
            )
            .await?;
        client.query_opt(&statement, &[&hash(token)]).await?.as_ref().map(LearnerRow::read).transpose()
    }

    /// Signs out.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn delete_login(&self, token: &str) -> Result<(), StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached("delete from logins where token_hash = $1").await?;
        client.execute(&statement, &[&hash(token)]).await?;
        Ok(())
    }
}

/// 64 hexadecimal digits that nobody can guess.
pub(crate) fn fresh_token() -> String {
    let mut secret = [0_u8; 32];
    rand::rng().fill_bytes(&mut secret);
    hex::encode(secret)
}

/// What is kept of a token.
pub(crate) fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}
