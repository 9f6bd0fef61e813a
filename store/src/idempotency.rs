//! Requests that carry a key: the first one is worked on, every repetition gets its answer.

use std::time::Duration;

use bytes::Bytes;
use containrlab_domain::ids::LearnerId;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::rows::{column, json, seconds};
use crate::{Store, StoreError};

/// How long a request may be worked on without a sign of life before a repetition takes it over.
const LEASE: Duration = Duration::from_secs(6);

/// How long an answer is kept for repetitions.
pub const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// Takes the key when nobody has it, or when whoever worked on the same request has died over it.
const CLAIM: &str = "insert into idempotency_keys (learner_id, key, fingerprint, claim, lease_until) \
     values ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5)) \
     on conflict (learner_id, key) do update set claim = excluded.claim, lease_until = excluded.lease_until \
     where idempotency_keys.status is null and idempotency_keys.fingerprint = excluded.fingerprint \
       and idempotency_keys.lease_until < clock_timestamp()";

/// What there is to know about a request with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyedRequest {
    /// It is the caller's to work on.
    Mine(RequestClaim),
    /// It was answered before.
    Answered(KeptAnswer),
    /// Somebody else is at it right now.
    UnderWay,
    /// The key was used for another request.
    AnotherRequest,
}

/// The right to answer a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestClaim {
    learner: LearnerId,
    key: String,
    claim: Uuid,
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// HTTP status.
    pub status: u16,
    /// Headers by name.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Store {
    /// Asks for the right to work on a request. `fingerprint` stands for all that was asked.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble; so for all methods here.
    pub async fn claim_request(
        &self,
        learner: LearnerId,
        key: &str,
        fingerprint: &[u8; 32],
    ) -> Result<KeyedRequest, StoreError> {
        let claim = Uuid::new_v4();
        let client = self.database().await?;
        let take = client.prepare_cached(CLAIM).await?;
        let fingerprint = fingerprint.as_slice();
        let lease = seconds(LEASE);
        if client.execute(&take, &[&learner.0, &key, &fingerprint, &claim, &lease]).await? > 0 {
            return Ok(KeyedRequest::Mine(RequestClaim { learner, key: key.to_owned(), claim }));
        }
        let look = client
            .prepare_cached(
                "select fingerprint, status, headers, body from idempotency_keys where learner_id = $1 and key = $2",
            )
            .await?;
        // Gone in between: its holder gave it up just now, and the next try gets it.
        let Some(row) = client.query_opt(&look, &[&learner.0, &key]).await? else {
            return Ok(KeyedRequest::UnderWay);
        };
        if column::<&[u8]>(&row, "fingerprint")? != fingerprint {
            return Ok(KeyedRequest::AnotherRequest);
        }
        let Some(status) = column::<Option<i16>>(&row, "status")? else { return Ok(KeyedRequest::UnderWay) };
        Ok(KeyedRequest::Answered(KeptAnswer {
            status: u16::try_from(status).map_err(|error| StoreError::damaged("a kept answer", error))?,
            headers: json(&row, "headers")?,
            body: Bytes::copy_from_slice(column(&row, "body")?),
        }))
    }

    /// A sign of life from whoever works on it. `false` when somebody else has taken over.
    ///
    /// # Errors
    /// See [`Store::claim_request`].
    pub async fn extend_request(&self, claim: &RequestClaim) -> Result<bool, StoreError> {
        let sql = "update idempotency_keys set lease_until = clock_timestamp() + make_interval(secs => $4) \
                   where learner_id = $1 and key = $2 and claim = $3 and status is null";
        self.change_request(sql, &[&claim.learner.0, &claim.key, &claim.claim, &seconds(LEASE)]).await
    }

    /// Keeps the answer for repetitions. `false` when somebody else has taken over; theirs counts then.
    ///
    /// # Errors
    /// See [`Store::claim_request`].
    pub async fn answer_request(
        &self,
        claim: &RequestClaim,
        answer: &KeptAnswer,
    ) -> Result<bool, StoreError> {
        let sql = "update idempotency_keys set status = $4, headers = $5, body = $6 \
                   where learner_id = $1 and key = $2 and claim = $3 and status is null";
        let status = i16::try_from(answer.status).map_err(|error| StoreError::damaged("a status", error))?;
        let headers = crate::rows::to_json(&answer.headers)?;
        let body = answer.body.as_ref();
        self.change_request(sql, &[&claim.learner.0, &claim.key, &claim.claim, &status, &headers, &body])
            .await
    }

    /// It had no effect: the next one with this key is decided anew.
    ///
    /// # Errors
    /// See [`Store::claim_request`].
    pub async fn release_request(&self, claim: &RequestClaim) -> Result<bool, StoreError> {
        let sql = "delete from idempotency_keys \
                   where learner_id = $1 and key = $2 and claim = $3 and status is null";
        self.change_request(sql, &[&claim.learner.0, &claim.key, &claim.claim]).await
    }

    /// Forgets answers that nobody will ask for any more; gives their number.
    pub(crate) async fn delete_old_requests(&self) -> Result<u64, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "delete from idempotency_keys where created_at < clock_timestamp() - make_interval(secs => $1)",
            )
            .await?;
        Ok(client.execute(&statement, &[&seconds(KEPT)]).await?)
    }

    async fn change_request(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<bool, StoreError> {
        let client = self.database().await?;
        let statement = client.prepare_cached(sql).await?;
        Ok(client.execute(&statement, parameters).await? > 0)
    }
}
