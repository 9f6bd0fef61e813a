//! Signing in and out.

use axum::extract::{FromRequest, Request, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use containrlab_web_templates::{Nav, Shell, SignInPage};
use serde::Deserialize;

use super::{page as html, see_other};
use crate::Error;
use crate::auth::{cookie, local as local_sign_in, viewer_of};
use crate::extract::{FormBody, QueryParams, RequestIdExt};
use crate::problem::sentence;
use crate::state::App;

#[derive(Deserialize)]
pub(super) struct PageQuery {
    #[serde(default)]
    next: String,
}

/// `GET /sign-in`.
pub(super) async fn page(
    State(app): State<App>,
    QueryParams(query): QueryParams<PageQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let next = own_path(&query.next);
    if viewer_of(&app, &headers).await.is_some() {
        return see_other(next.unwrap_or("/labs"));
    }
    form(&app, next.unwrap_or_default(), String::new(), None)
}

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    name: String,
    #[serde(default)]
    next: String,
}

/// `POST /sign-in/local`.
pub(super) async fn local(State(app): State<App>, request: Request) -> Result<Response, Error> {
    let id = request.request_id();
    let FormBody(posted) = FormBody::<Form>::from_request(request, &app).await?;
    let next = own_path(&posted.next);
    match local_sign_in::sign_in(&app, &posted.name, id).await {
        Ok((_, token)) => {
            let mut response = see_other(next.unwrap_or("/labs"))?;
            response.headers_mut().insert(SET_COOKIE, cookie::sign_in(&app.settings, &token)?);
            Ok(response)
        }
        // The form once more, with what was typed and why it cannot be taken.
        Err(Error::Name(refusal)) => {
            form(&app, next.unwrap_or_default(), posted.name, Some(sentence(&refusal.to_string())))
        }
        Err(error) => Err(error),
    }
}

/// `POST /sign-out`.
pub(super) async fn out(State(app): State<App>, headers: HeaderMap) -> Result<Response, Error> {
    if let Some(token) = cookie::read(&app.settings, &headers) {
        app.store.delete_login(&token).await?;
    }
    let mut response = see_other("/sign-in")?;
    response.headers_mut().insert(SET_COOKIE, cookie::sign_out(&app.settings)?);
    Ok(response)
}

fn form(app: &App, next: &str, name: String, error: Option<String>) -> Result<Response, Error> {
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let template = SignInPage {
        shell: Shell::new("Sign in", None, Nav::Elsewhere),
        local: app.settings.local_sign_in,
        github_url: None,
        name,
        error,
        next: next.to_owned(),
    };
    Ok((status, html(&template)?).into_response())
}

/// A path of this site to go to, so that nobody can make our sign-in lead to theirs. Browsers take `//host` and `/\host` for
/// other sites.
fn own_path(next: &str) -> Option<&str> {
    let other_site = next.starts_with("//") || next.contains('\\');
    let readable = next.bytes().all(|byte| (0x21..0x7f).contains(&byte));
    (next.starts_with('/') && !other_site && readable && !next.starts_with("/sign-in")).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sign_in_leads_to_this_site_only() {
        assert_eq!(own_path("/sessions/1?x=1"), Some("/sessions/1?x=1"));
        for strange in [
            "",
            "labs",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nset-cookie: x",
            "/sign-in",
        ] {
            assert_eq!(own_path(strange), None, "{strange:?}");
        }
    }
}
