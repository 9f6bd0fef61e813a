//! The description of the API.

use std::sync::Arc;

use axum::{Extension, Json};

/// This document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "platform",
    responses((status = 200, description = "An OpenAPI document", body = Object))
)]
pub(super) async fn document(
    Extension(document): Extension<Arc<utoipa::openapi::OpenApi>>,
) -> Json<utoipa::openapi::OpenApi> {
    Json(utoipa::openapi::OpenApi::clone(&document))
}
