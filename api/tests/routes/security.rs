//! Other sites, headers, caches.

use reqwest::Method;
use serde_json::json;

use crate::support::Served;
use crate::support::served::settings;

#[tokio::test]
async fn a_page_of_another_site_commands_nothing() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let id = ada.start("lab1").await;
    for (method, path) in [
        (Method::POST, "/api/labs/lab2/start".to_owned()),
        (Method::DELETE, format!("/api/sessions/{id}")),
        (Method::PUT, format!("/api/files?session={id}&path=x")),
        (Method::POST, "/api/auth/local".to_owned()),
    ] {
        for origin in ["https://evil.example", "null", "http://127.0.0.1:1"] {
            let request = ada.request(method.clone(), &path).header("origin", origin);
            let problem = ada.send(request).await.problem(403, "foreign_origin");
            assert!(problem["detail"].as_str().expect("text").contains(origin));
        }
        let request = ada.request(method.clone(), &path).header("sec-fetch-site", "cross-site");
        ada.send(request).await.problem(403, "foreign_origin");
    }
    let form =
        ada.request(Method::POST, &format!("/sessions/{id}/end")).header("origin", "https://evil.example");
    let refused = ada.send(form).await.expect(403);
    assert!(refused.text.contains("<html"));
    assert_eq!(ada.get(&format!("/api/sessions/{id}")).await.json()["phase"], "starting");

    let own = ada.request(Method::POST, "/api/labs/lab2/start").header("origin", api.url(""));
    ada.send(own).await.expect(201);
}

#[tokio::test]
async fn a_name_of_another_site_that_points_here_is_not_answered() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let request = ada.request(Method::GET, "/api/labs").header("host", "evil.example");
    ada.send(request).await.problem(421, "strange_host");
    let port = api.address.rsplit(':').next().expect("a port");
    let request = ada.request(Method::GET, "/api/labs").header("host", format!("localhost:{port}"));
    ada.send(request).await.expect(200);
}

#[tokio::test]
async fn behind_a_public_address_only_that_may_command_and_cookies_are_for_https() {
    let public = containrlab_api::Settings {
        public_url: Some("https://labs.example".parse().expect("a URL")),
        local_sign_in: false,
        ..settings()
    };
    let api = Served::with(public).await;
    let stranger = api.stranger();
    let sign_out =
        |origin: &'static str| stranger.request(Method::POST, "/api/auth/sign-out").header("origin", origin);
    let answer = stranger.send(sign_out("https://labs.example")).await.expect(204);
    let cookie = answer.headers["set-cookie"].to_str().expect("text");
    assert!(cookie.starts_with("__Host-containrlab_login=;") && cookie.ends_with("; Secure"), "{cookie}");
    assert!(answer.headers.contains_key("strict-transport-security"));
    stranger.send(sign_out("https://evil.example")).await.problem(403, "foreign_origin");
    stranger.post("/api/auth/local", json!({ "name": "Ada" })).await.problem(403, "local_sign_in_off");
}

#[tokio::test]
async fn every_answer_carries_its_headers() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    for path in ["/labs", "/api/labs", "/nothing", "/api/nothing"] {
        let answer = ada.get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "private, no-store");
        assert_eq!(answer.headers["x-request-id"].len(), 36);
    }
}

#[tokio::test]
async fn text_is_compressed_and_static_files_are_kept() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    let request = ada.request(Method::GET, "/labs").header("accept-encoding", "gzip");
    let page = request.send().await.expect("an answer");
    assert_eq!(page.headers()["content-encoding"], "gzip");

    let html = ada.get("/labs").await.text;
    let address = html
        .split('"')
        .find(|part| part.starts_with("/static/v") && part.ends_with(".css"))
        .expect("a style");
    let style = ada.get(address).await.expect(200);
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    assert!(style.headers["cache-control"].to_str().expect("text").contains("immutable"));
    let again = ada.request(Method::GET, address).header("if-none-match", &style.headers["etag"]);
    assert_eq!(ada.send(again).await.expect(304).text, "");
    for nothing in ["/static/nothing.css", "/static/..%2F..%2FCargo.toml", "/static/"] {
        ada.get(nothing).await.expect(404);
    }
}
