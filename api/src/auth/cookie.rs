//! The cookie that carries a login's token.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue};
use axum_extra::extract::cookie::CookieJar;

use crate::settings::LOGIN_TTL;
use crate::{Error, Settings};

/// With HTTPS the browser itself sees to it that the cookie is of this host, by HTTPS, for all paths.
fn name(settings: &Settings) -> &'static str {
    if settings.is_https() { "__Host-containrlab_login" } else { "containrlab_login" }
}

/// The token that came with a request.
pub(crate) fn read(settings: &Settings, headers: &HeaderMap) -> Option<String> {
    let jar = CookieJar::from_headers(headers);
    jar.get(name(settings)).map(|cookie| cookie.value().to_owned()).filter(|token| !token.is_empty())
}

/// `Set-Cookie` that signs a browser in.
pub(crate) fn sign_in(settings: &Settings, token: &str) -> Result<HeaderValue, Error> {
    set(settings, token, LOGIN_TTL)
}

/// `Set-Cookie` that signs a browser out.
pub(crate) fn sign_out(settings: &Settings) -> Result<HeaderValue, Error> {
    set(settings, "", Duration::ZERO)
}

/// HttpOnly keeps it from scripts; SameSite=Lax keeps it from other sites' forms; Secure from plain HTTP.
fn set(settings: &Settings, value: &str, age: Duration) -> Result<HeaderValue, Error> {
    let secure = if settings.is_https() { "; Secure" } else { "" };
    let text = format!(
        "{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={}{secure}",
        name(settings),
        age.as_secs()
    );
    HeaderValue::from_str(&text).map_err(Error::internal)
}
