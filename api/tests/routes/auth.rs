//! Signing in and out.

use serde_json::json;

use crate::support::Served;
use crate::support::served::settings;

#[tokio::test]
async fn a_name_is_a_learner_who_is_found_again() {
    let api = Served::new().await;
    let ada = api.person("Ada Lovelace").await;
    let me = ada.get("/api/auth/me").await.expect(200).json();
    assert_eq!(me["name"], "Ada Lovelace");
    assert_eq!(me["provider"], "local");

    let again = api.person("  ada lovelace ").await;
    assert_eq!(again.get("/api/auth/me").await.expect(200).json()["id"], me["id"]);
    let bob = api.person("Bob").await;
    assert_ne!(bob.get("/api/auth/me").await.expect(200).json()["id"], me["id"]);
}

#[tokio::test]
async fn two_first_sign_ins_in_one_instant_are_one_learner() {
    let api = Served::new().await;
    let sign_ins = (0..8).map(|_| api.person("Grace"));
    let people = futures::future::join_all(sign_ins).await;
    let mut ids = Vec::new();
    for person in people {
        ids.push(person.get("/api/auth/me").await.expect(200).json()["id"].clone());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn signing_out_ends_the_login_itself() {
    let api = Served::new().await;
    let ada = api.person("Ada").await;
    ada.poke("/api/auth/sign-out").await.expect(204);
    // Even for somebody who has kept the cookie.
    let problem = ada.get("/api/auth/me").await.problem(401, "not_signed_in");
    assert!(problem["mend"].as_str().expect("text").contains("Sign in"));
}

#[tokio::test]
async fn the_cookie_is_kept_from_scripts_and_other_sites() {
    let api = Served::new().await;
    let answer = api.stranger().post("/api/auth/local", json!({ "name": "Ada" })).await.expect(200);
    let cookie = answer.headers["set-cookie"].to_str().expect("text");
    for part in ["containrlab_login=", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age="] {
        assert!(cookie.contains(part), "{cookie}");
    }
}

#[tokio::test]
async fn names_that_no_page_could_show_are_refused() {
    let api = Served::new().await;
    for name in ["", "   ", "a\u{7}b", "a\0b", &"x".repeat(81)] {
        api.stranger().post("/api/auth/local", json!({ "name": name })).await.problem(422, "invalid_name");
    }
}

#[tokio::test]
async fn the_local_sign_in_can_be_off() {
    let api = Served::with(containrlab_api::Settings { local_sign_in: false, ..settings() }).await;
    api.stranger().post("/api/auth/local", json!({ "name": "Ada" })).await.problem(403, "local_sign_in_off");
    let page = api.stranger().get("/sign-in").await.expect(200);
    assert!(!page.text.contains("action=\"/sign-in/local\""));
    api.stranger().form("/sign-in/local", &[("name", "Ada")]).await.expect(403);
}

#[tokio::test]
async fn a_public_address_and_the_local_sign_in_exclude_each_other() {
    let store = containrlab_store::testing::TestStore::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let public = containrlab_api::Settings {
        public_url: Some("https://labs.example".parse().expect("a URL")),
        ..settings()
    };
    let refused = containrlab_api::serve(
        public,
        containrlab_store::Store::clone(&store),
        listener,
        tokio_util::sync::CancellationToken::new(),
    );
    let error = refused.await.expect_err("refused");
    assert!(error.to_string().contains("LOCAL_SIGN_IN"), "{error}");
}

#[tokio::test]
async fn the_sign_in_page_leads_back_to_where_one_wanted_to_go() {
    let api = Served::new().await;
    let stranger = api.stranger();
    let sent = stranger.get("/labs/lab1").await.expect(303);
    assert_eq!(sent.location(), "/sign-in?next=%2Flabs%2Flab1");
    let page = stranger.get(sent.location()).await.expect(200);
    assert!(page.text.contains("value=\"/labs/lab1\""), "{}", page.text);

    let signed_in =
        stranger.form("/sign-in/local", &[("name", "Ada"), ("next", "/labs/lab1")]).await.expect(303);
    assert_eq!(signed_in.location(), "/labs/lab1");
    let elsewhere = [("name", "Ada"), ("next", "https://evil.example/")];
    assert_eq!(stranger.form("/sign-in/local", &elsewhere).await.expect(303).location(), "/labs");

    let refused = stranger.form("/sign-in/local", &[("name", "  ")]).await.expect(422);
    assert!(refused.text.contains("A name is 1 to 80 characters"), "{}", refused.text);
}
