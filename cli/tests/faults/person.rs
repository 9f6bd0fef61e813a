//! A learner with a browser, who expects to be served.

use std::time::Duration;

use containrlab_domain::ids::{JobId, SessionId};
use reqwest::header::{ACCEPT, SET_COOKIE};
use serde_json::{Value, json};
use uuid::Uuid;

use super::work::until;

/// A learner with a browser.
#[derive(Clone)]
pub(crate) struct Person {
    http: reqwest::Client,
    pub(crate) url: String,
    pub(crate) cookie: String,
}

impl Person {
    pub(crate) async fn sign_in(url: &str) -> Self {
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .timeout(Duration::from_secs(20))
            .build()
            .expect("an HTTP client");
        let signed_in = http.post(format!("{url}/api/auth/local")).json(&json!({ "name": "Ada" })).send();
        let signed_in = signed_in.await.expect("an answer");
        let cookie =
            signed_in.headers()[SET_COOKIE].to_str().expect("text").split(';').next().expect("a cookie");
        Self { cookie: cookie.to_owned(), http: http.clone(), url: url.to_owned() }
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        let kind = if path.starts_with("/api") { "application/json" } else { "text/html" };
        self.http.get(format!("{}{path}", self.url)).header(ACCEPT, kind).send().await.expect("an answer")
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let answer =
            self.http.post(format!("{}{path}", self.url)).json(body).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    pub(crate) async fn started_session(&self) -> SessionId {
        let started = self.post("/api/labs/lab1/start", &json!({})).await;
        let session: Uuid = started["id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
        until("the session is ready", async || {
            let read: Value = self.get(&format!("/api/sessions/{session}")).await.json().await.expect("JSON");
            (read["phase"] == "ready").then_some(())
        })
        .await;
        SessionId(session)
    }

    pub(crate) async fn exec(&self, session: SessionId, script: &str) -> JobId {
        let work = json!({ "argv": ["sh", "-c", script], "timeout_seconds": 100 });
        let asked = self.post(&format!("/api/sessions/{session}/exec"), &work).await;
        JobId(asked["id"].as_str().and_then(|id| id.parse().ok()).expect("an id"))
    }
}
