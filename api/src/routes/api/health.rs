//! Whether the platform is well.

use axum::Json;
use axum::extract::State;

use crate::Error;
use crate::state::App;
use crate::wire::HealthJson;

/// Whether PostgreSQL and Redis answer; 503 with `Retry-After` when one does not.
#[utoipa::path(get, path = "/api/healthz", tag = "platform", responses((status = 200, body = HealthJson)))]
pub(super) async fn healthz(State(app): State<App>) -> Result<Json<HealthJson>, Error> {
    app.store.ping().await.map_err(|error| {
        let part = if matches!(error, containrlab_store::StoreError::RedisUnreachable(_)) {
            "queue"
        } else {
            "database"
        };
        Error::Unavailable { part, cause: Box::new(error) }
    })?;
    Ok(Json(HealthJson { status: "ok", postgres: "ok", redis: "ok" }))
}
