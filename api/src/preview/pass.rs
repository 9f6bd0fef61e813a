//! How a browser gets to a preview: with a ticket, which the platform gave and which counts once, it enters and gets a pass, a
//! cookie of that origin alone.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::CookieJar;
use url::form_urlencoded;

use super::{Names, Place};
use crate::auth::cookie;
use crate::state::App;
use crate::{Error, Settings};

/// Where a ticket is taken. No service in a sandbox is asked for this.
pub(super) const ENTRANCE: &str = "/.containrlab/enter";

/// How long a pass lasts: longer than any session.
const PASS_TTL: Duration = Duration::from_secs(12 * 3600);

/// The name of the cookie. With HTTPS the browser itself sees to it that it is of this host alone.
pub(super) fn cookie_name(settings: &Settings) -> &'static str {
    if settings.is_https() { "__Host-containrlab_preview" } else { "containrlab_preview" }
}

/// The pass that came with a request.
pub(super) fn read(settings: &Settings, headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    jar.get(cookie_name(settings)).map(|cookie| cookie.value().to_owned())
}

/// The address by which the bearer of a sign-in enters a preview, at a path of it. The caller has seen to it that they may.
pub(crate) async fn entrance(
    app: &App,
    headers: &HeaderMap,
    place: Place,
    path: &str,
) -> Result<String, Error> {
    if !super::are_on(&app.settings) {
        return Err(Error::PreviewsOff);
    }
    let login = cookie::read(&app.settings, headers).ok_or(Error::NotSignedIn)?;
    let host = headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let names = Names::new(&app.settings, place, host);
    let ticket = app.store.preview_ticket(&login, place.session, place.port).await?;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("ticket", &ticket)
        .append_pair("to", path)
        .finish();
    Ok(format!("{}{ENTRANCE}?{query}", names.origin(place.port)))
}

/// Takes a ticket and leads on.
pub(super) async fn enter(app: &App, names: &Names, uri: &Uri) -> Result<Response, Error> {
    let (mut ticket, mut to) = (String::new(), "/".to_owned());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match name.as_ref() {
            "ticket" => ticket = value.into_owned(),
            "to" if is_path(&value) => to = value.into_owned(),
            _ => {}
        }
    }
    let Place { session, port } = names.place;
    let pass = app.store.preview_pass(&ticket, session, port, PASS_TTL).await?.ok_or(Error::PreviewClosed)?;
    let secure = if app.settings.is_https() { "; Secure" } else { "" };
    let cookie = format!(
        "{}={pass}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
        cookie_name(&app.settings),
        PASS_TTL.as_secs()
    );
    let mut response = (StatusCode::SEE_OTHER, Body::empty()).into_response();
    let headers = response.headers_mut();
    headers.insert(SET_COOKIE, HeaderValue::from_str(&cookie).map_err(Error::internal)?);
    headers.insert(LOCATION, HeaderValue::from_str(&to).map_err(Error::internal)?);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    Ok(response)
}

/// Whether it leads to a path of the same origin. Browsers take `//host` and `/\host` for other sites.
pub(crate) fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains('\\')
        && text.bytes().all(|byte| (0x21..0x7f).contains(&byte))
}
