//! Headers on their way through: what is between two neighbours stays there, and each side is told where it is in its own names.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CONNECTION, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, LOCATION,
    ORIGIN, REFERER, SET_COOKIE, STRICT_TRANSPORT_SECURITY, UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue};

use super::names::Names;

/// Headers that are for the next neighbour only (RFC 9110, 7.6.1), and `Expect`, which this process answers itself.
const BETWEEN_NEIGHBOURS: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "expect",
];

/// What others say of the way here: only this process' word on it goes on.
const HEARSAY: [&str; 6] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-real-ip",
];

/// What would reach beyond the preview's own name and life: HTTPS for ever, another service, no cookies for the platform either.
const BEYOND: [&str; 4] = ["clear-site-data", "alt-svc", "public-key-pins", "public-key-pins-report-only"];

/// Makes a browser's headers those of a request to the service. `upgrade` is the protocol that the connection is to change to.
pub(super) fn inwards(headers: &mut HeaderMap, names: &Names, pass: &str, upgrade: Option<&HeaderValue>) {
    drop_neighbourly(headers);
    for name in HEARSAY {
        headers.remove(name);
    }
    for name in [ORIGIN, REFERER] {
        rewrite(headers, &name, |address| names.inwards(address));
    }
    rewrite_cookies(headers, pass);
    set(headers, HOST, &names.inside());
    set(headers, HeaderName::from_static("x-forwarded-host"), &names.outside());
    set(headers, HeaderName::from_static("x-forwarded-proto"), names.scheme);
    match upgrade {
        Some(protocol) => {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, protocol.clone());
        }
        // Each request has a stream of its own.
        None => {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Makes a service's headers those of an answer to the browser.
pub(super) fn outwards(headers: &mut HeaderMap, names: &Names, pass: &str, upgrade: Option<&HeaderValue>) {
    drop_neighbourly(headers);
    headers.remove(STRICT_TRANSPORT_SECURITY);
    for name in BEYOND {
        headers.remove(name);
    }
    for name in [LOCATION, HeaderName::from_static("content-location"), ACCESS_CONTROL_ALLOW_ORIGIN] {
        rewrite(headers, &name, |address| names.outwards(address));
    }
    let cookies: Vec<_> =
        headers.get_all(SET_COOKIE).iter().filter_map(|cookie| own_cookie(cookie, pass)).collect();
    headers.remove(SET_COOKIE);
    for cookie in cookies {
        headers.append(SET_COOKIE, cookie);
    }
    // Beside the service's own policy: nobody frames a preview, and least of all the platform.
    headers.append(CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'self'"));
    headers
        .entry("cross-origin-opener-policy")
        .or_insert(HeaderValue::from_static("same-origin-allow-popups"));
    headers.insert("origin-agent-cluster", HeaderValue::from_static("?1"));
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
}

fn drop_neighbourly(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in BETWEEN_NEIGHBOURS {
        headers.remove(name);
    }
    headers.remove(UPGRADE);
}

/// All cookies but the pass, which is nobody's business in the sandbox.
fn rewrite_cookies(headers: &mut HeaderMap, pass: &str) {
    let kept: Vec<String> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(str::trim)
        .filter(|pair| pair.split('=').next().is_some_and(|name| name.trim() != pass) && !pair.is_empty())
        .map(str::to_owned)
        .collect();
    headers.remove(COOKIE);
    if !kept.is_empty() {
        set(headers, COOKIE, &kept.join("; "));
    }
}

/// A cookie of the service, for its own host alone; `None` when it would take the pass' place.
fn own_cookie(cookie: &HeaderValue, pass: &str) -> Option<HeaderValue> {
    // A cookie that is no text can hold neither a domain nor the pass' name that a browser would understand otherwise.
    let Ok(text) = cookie.to_str() else { return Some(cookie.clone()) };
    if text.split('=').next().is_some_and(|name| name.trim() == pass) {
        return None;
    }
    let is_domain =
        |part: &&str| part.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("domain"));
    let mut parts = text.split(';');
    let mut kept: Vec<&str> = parts.next().into_iter().collect();
    kept.extend(parts.filter(|part| !is_domain(part)));
    HeaderValue::from_str(&kept.join(";")).ok()
}

fn rewrite(headers: &mut HeaderMap, name: &HeaderName, change: impl Fn(&str) -> String) {
    let changed = headers.get(name).and_then(|value| value.to_str().ok()).map(change);
    if let Some(text) = changed {
        set(headers, name.clone(), &text);
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // What is made of headers and our own names is fit for a header.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use containrlab_domain::ids::SessionId;
    use uuid::Uuid;

    use super::*;
    use crate::preview::Place;
    use crate::settings::tests::settings;

    fn names() -> Names {
        let place = Place { session: SessionId(Uuid::from_u128(7)), port: 8080 };
        Names::new(&settings(None, true), place, "127.0.0.1:8000")
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        headers
    }

    fn all(headers: &HeaderMap, name: &str) -> Vec<String> {
        headers.get_all(name).iter().map(|value| value.to_str().expect("text").to_owned()).collect()
    }

    #[test]
    fn the_service_sees_neither_the_pass_nor_what_is_between_neighbours() {
        let own = names().origin(8080);
        let mut sent = headers(&[
            ("host", "whatever"),
            ("connection", "keep-alive, x-own"),
            ("keep-alive", "timeout=5"),
            ("x-own", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("x-forwarded-for", "10.1.1.1"),
            ("origin", &own),
            ("referer", &format!("{own}/form?x")),
            ("cookie", "a=1; pass=secret"),
            ("cookie", "b=2"),
            ("authorization", "Basic eA=="),
        ]);
        inwards(&mut sent, &names(), "pass", None);
        for gone in ["keep-alive", "x-own", "te", "transfer-encoding", "x-forwarded-for"] {
            assert!(!sent.contains_key(gone), "{gone}");
        }
        assert_eq!(all(&sent, "connection"), ["close"]);
        assert_eq!(all(&sent, "host"), ["localhost:8080"]);
        assert_eq!(all(&sent, "origin"), ["http://localhost:8080"]);
        assert_eq!(all(&sent, "referer"), ["http://localhost:8080/form?x"]);
        assert_eq!(all(&sent, "cookie"), ["a=1; b=2"]);
        assert_eq!(all(&sent, "authorization"), ["Basic eA=="]);
        assert_eq!(all(&sent, "x-forwarded-host"), [names().outside()]);
    }

    #[test]
    fn a_change_of_protocol_is_passed_on() {
        let mut sent =
            headers(&[("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-key", "k")]);
        let protocol = sent.get("upgrade").cloned();
        inwards(&mut sent, &names(), "pass", protocol.as_ref());
        assert_eq!(all(&sent, "upgrade"), ["websocket"]);
        assert_eq!(all(&sent, "connection"), ["upgrade"]);
        assert_eq!(all(&sent, "sec-websocket-key"), ["k"]);
    }

    #[test]
    fn a_service_sets_cookies_for_itself_alone_and_nothing_beyond_its_name() {
        let mut answered = headers(&[
            ("set-cookie", "a=1; Domain=localhost; Path=/"),
            ("set-cookie", "domain=2; domain = .example"),
            ("set-cookie", "pass=mine"),
            ("strict-transport-security", "max-age=1; includeSubDomains"),
            ("clear-site-data", "\"cookies\""),
            ("location", "http://127.0.0.1:8080/next"),
            ("content-security-policy", "default-src 'self'"),
            ("connection", "keep-alive"),
        ]);
        outwards(&mut answered, &names(), "pass", None);
        assert_eq!(all(&answered, "set-cookie"), ["a=1; Path=/", "domain=2"]);
        assert_eq!(all(&answered, "location"), [format!("{}/next", names().origin(8080))]);
        assert_eq!(
            all(&answered, "content-security-policy"),
            ["default-src 'self'", "frame-ancestors 'self'"]
        );
        for gone in ["strict-transport-security", "clear-site-data", "connection"] {
            assert!(!answered.contains_key(gone), "{gone}");
        }
    }
}
