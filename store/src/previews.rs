//! Who may look at a port of a sandbox.
//!
//! A learner's page has an origin of its own, where the platform's cookie does not come. A *ticket* leads there: it stands in an
//! address, so it counts once and for a minute. It is exchanged for a *pass*, which is the browser's cookie at that origin. Both
//! belong to the sign-in by which the ticket was given, and end with it.

use std::time::Duration;

use containrlab_domain::ids::{LearnerId, SessionId};
use uuid::Uuid;

use crate::logins::{fresh_token, hash};
use crate::rows::{column, seconds};
use crate::{Store, StoreError};

/// How long a ticket may take to be used.
const TICKET_TTL: Duration = Duration::from_secs(60);

impl Store {
    /// Gives a ticket for a port of a session to the bearer of a sign-in. The caller has seen to it that they may look.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn preview_ticket(
        &self,
        login: &str,
        session: SessionId,
        port: u16,
    ) -> Result<String, StoreError> {
        let token = fresh_token();
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "insert into preview_passes (token_hash, login_hash, session_id, port, ticket, expires_at) \
                 values ($1, $2, $3, $4, true, clock_timestamp() + make_interval(secs => $5))",
            )
            .await?;
        let login = hash(login);
        client
            .execute(&statement, &[&hash(&token), &login, &session.0, &i32::from(port), &seconds(TICKET_TTL)])
            .await?;
        Ok(token)
    }

    /// Takes a ticket, which is void from then on, and gives a pass for the same port that lasts for `ttl`; `None` when the
    /// ticket is unknown, for another port, used before, or its time is up.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn preview_pass(
        &self,
        ticket: &str,
        session: SessionId,
        port: u16,
        ttl: Duration,
    ) -> Result<Option<String>, StoreError> {
        let token = fresh_token();
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "update preview_passes set token_hash = $2, ticket = false, \
                   expires_at = clock_timestamp() + make_interval(secs => $5) \
                 where token_hash = $1 and ticket and session_id = $3 and port = $4 \
                   and expires_at > clock_timestamp()",
            )
            .await?;
        let (old, new) = (hash(ticket), hash(&token));
        let changed =
            client.execute(&statement, &[&old, &new, &session.0, &i32::from(port), &seconds(ttl)]).await?;
        Ok((changed == 1).then_some(token))
    }

    /// Who holds a pass for a port of a session; `None` when it is unknown or for another port, or its time or that of the
    /// sign-in is up.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble.
    pub async fn preview_holder(
        &self,
        pass: &str,
        session: SessionId,
        port: u16,
    ) -> Result<Option<LearnerId>, StoreError> {
        let client = self.database().await?;
        let statement = client
            .prepare_cached(
                "select learner_id from preview_passes p join logins l on l.token_hash = p.login_hash \
                 where p.token_hash = $1 and not p.ticket and p.session_id = $2 and p.port = $3 \
                   and p.expires_at > clock_timestamp() and l.expires_at > clock_timestamp()",
            )
            .await?;
        let row = client.query_opt(&statement, &[&hash(pass), &session.0, &i32::from(port)]).await?;
        row.map(|row| column::<Uuid>(&row, "learner_id").map(LearnerId)).transpose()
    }
}
