//! Requests of other sites.
//!
//! A browser sends our cookie with requests that other sites' pages make, too. It also says where they come from:
//! `Origin` with every WebSocket and every unsafe request, `Sec-Fetch-Site` with all. A request that changes something or
//! opens a WebSocket must come from our own pages; one without either header comes from no browser and is let through.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN, UPGRADE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use crate::Error;
use crate::state::App;

/// Middleware: refuses what other sites' pages send.
pub(crate) async fn same_site(State(app): State<App>, request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe && !request.headers().contains_key(UPGRADE) {
        return next.run(request).await;
    }
    match check_origin(app.settings.public_url.as_ref(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Middleware: without a public address, answers only under this machine's own names. Another site could otherwise let
/// its name point here and talk to us as if it were ours, which would make the local sign-in open to it.
pub(crate) async fn own_name(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.settings.public_url.is_none() {
        let host = header(request.headers(), &HOST).unwrap_or_default();
        if !is_this_machine(host) {
            return Error::StrangeHost(host.chars().take(100).collect()).into_response();
        }
    }
    next.run(request).await
}

fn check_origin(public_url: Option<&Url>, headers: &HeaderMap) -> Result<(), Error> {
    let foreign = |origin: &str| Err(Error::ForeignOrigin(origin.chars().take(100).collect()));
    let Some(origin) = headers.get(ORIGIN) else {
        return match headers.get("sec-fetch-site").map(|value| value.as_bytes()) {
            None | Some(b"same-origin" | b"none") => Ok(()),
            Some(_) => foreign("cross-site"),
        };
    };
    let Ok(origin) = origin.to_str() else { return foreign("unreadable") };
    let Ok(url) = Url::parse(origin) else { return foreign(origin) };
    let ours = match public_url {
        Some(public) => public.origin() == url.origin(),
        // Without a public address we are whatever the browser asked for, and `own_name` has checked that.
        None => {
            matches!(url.scheme(), "http" | "https")
                && header(headers, &HOST)
                    .and_then(|host| Url::parse(&format!("{}://{host}", url.scheme())).ok())
                    .is_some_and(|own| own.origin() == url.origin())
        }
    };
    if ours { Ok(()) } else { foreign(origin) }
}

/// Whether a `Host` is an address or a name that no foreign name server answers for.
fn is_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    if let Some(inner) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().is_ok();
    }
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
}

fn header<'a>(headers: &'a HeaderMap, name: &axum::http::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_our_own_pages_may_command() {
        let check = |public: Option<&str>, pairs: &[(&'static str, &'static str)]| {
            let public = public.map(|url| Url::parse(url).expect("a URL"));
            check_origin(public.as_ref(), &headers(pairs)).is_ok()
        };
        let local = ("host", "127.0.0.1:8000");
        assert!(check(None, &[local]));
        assert!(check(None, &[local, ("origin", "http://127.0.0.1:8000")]));
        assert!(!check(None, &[local, ("origin", "http://127.0.0.1:9000")]));
        assert!(!check(None, &[local, ("origin", "http://localhost:8000")]));
        assert!(!check(None, &[local, ("origin", "https://evil.example")]));
        assert!(!check(None, &[local, ("origin", "null")]));
        assert!(!check(None, &[local, ("sec-fetch-site", "cross-site")]));
        assert!(check(None, &[local, ("sec-fetch-site", "same-origin")]));

        let public = Some("https://labs.example/");
        let inner = ("host", "10.0.0.5:8000");
        assert!(check(public, &[inner, ("origin", "https://labs.example")]));
        assert!(!check(public, &[inner, ("origin", "http://labs.example")]));
        assert!(!check(public, &[inner, ("origin", "http://10.0.0.5:8000")]));
        assert!(!check(public, &[inner, ("origin", "https://labs.example.evil.example")]));
    }

    #[test]
    fn a_name_that_points_here_is_not_ours() {
        for own in
            ["127.0.0.1:8000", "localhost", "localhost:8000", "[::1]:8000", "10.1.2.3", "a.localhost:1"]
        {
            assert!(is_this_machine(own), "{own}");
        }
        for strange in
            ["", "evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.nip.io", "a b"]
        {
            assert!(!is_this_machine(strange), "{strange}");
        }
    }
}
