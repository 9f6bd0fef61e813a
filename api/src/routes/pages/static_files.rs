//! The embedded static files. Under the current tree's hash a browser may keep them for ever.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use containrlab_web_templates::static_files;

use crate::Error;

/// `/static/{path}`.
pub(super) async fn serve(Path(path): Path<String>, headers: HeaderMap) -> Result<Response, Error> {
    answer(&path, &headers)
}

/// `/favicon.ico`, for browsers that ask without being told to.
pub(super) async fn favicon(headers: HeaderMap) -> Result<Response, Error> {
    answer("favicon.ico", &headers).or_else(|_| answer("favicon.svg", &headers))
}

fn answer(path: &str, headers: &HeaderMap) -> Result<Response, Error> {
    let file = static_files::get(path).ok_or(Error::NoSuchPage)?;
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_known = known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == file.etag);
    let about = [(ETAG, file.etag), (CACHE_CONTROL, file.cache_control), (CONTENT_TYPE, file.content_type)];
    Ok(if is_known {
        (StatusCode::NOT_MODIFIED, about).into_response()
    } else {
        (about, file.bytes).into_response()
    })
}
