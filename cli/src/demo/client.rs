//! A small client of the JSON API.

use std::time::Duration;

use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;

use crate::failure::Failure;

/// Talks to one server, as one learner once it has signed in.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: String,
    /// What the server set at sign-in, as it goes back.
    cookie: std::sync::OnceLock<String>,
}

impl Client {
    pub(crate) fn new(base: &str) -> Result<Self, Failure> {
        // No limit on whole answers: live updates go on for as long as the session does.
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| Failure::Client(format!("The HTTP client can't be made: {error}.")))?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), cookie: std::sync::OnceLock::new() })
    }

    /// Signs in with a name alone and keeps the cookie.
    pub(crate) async fn sign_in(&self, name: &str) -> Result<(), Failure> {
        let response =
            self.send(self.http.post(self.url("/api/auth/local")).json(&json!({ "name": name }))).await?;
        let cookie = response
            .headers()
            .get(SET_COOKIE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .ok_or_else(|| Failure::Client("The sign-in set no cookie.".into()))?;
        let _ = self.cookie.set(cookie.to_owned());
        Ok(())
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.json(self.http.get(self.url(path)).timeout(ANSWER)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.json(self.http.post(self.url(path)).timeout(ANSWER).json(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.json(self.http.put(self.url(path)).timeout(ANSWER).json(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.json(self.http.delete(self.url(path)).timeout(ANSWER)).await
    }

    /// An answer that goes on, such as live updates.
    pub(crate) async fn stream(&self, path: &str) -> Result<reqwest::Response, Failure> {
        self.send(self.http.get(self.url(path)).header("accept", "text/event-stream")).await
    }

    /// What opens a WebSocket at this path.
    pub(crate) fn web_socket(&self, path: &str) -> Result<Request, Failure> {
        let wrong = |error: &dyn std::fmt::Display| {
            Failure::Client(format!("No WebSocket can be asked for: {error}."))
        };
        // http becomes ws, https becomes wss.
        let url = format!("ws{}", self.url(path).trim_start_matches("http"));
        let mut request = url.into_client_request().map_err(|error| wrong(&error))?;
        if let Some(cookie) = self.cookie.get() {
            request.headers_mut().insert(COOKIE, cookie.parse().map_err(|error| wrong(&error))?);
        }
        // As a browser does.
        request.headers_mut().insert("origin", self.base.parse().map_err(|error| wrong(&error))?);
        Ok(request)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn json(&self, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
        let body = self.send(request).await?.bytes().await.map_err(|error| self.unreachable(&error))?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body)
            .map_err(|error| Failure::Client(format!("The server's answer is no JSON: {error}.")))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<reqwest::Response, Failure> {
        let request = match self.cookie.get() {
            Some(cookie) => request.header(COOKIE, cookie),
            None => request,
        };
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let path = response.url().path().to_owned();
        let problem: Value = response.json().await.unwrap_or_default();
        let detail = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("no reason given");
        let mend = problem["mend"].as_str().map(|mend| format!(" ({mend})")).unwrap_or_default();
        Err(Failure::Client(format!("The server refused {path} with {status}: {detail}{mend}")))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        Failure::Client(format!(
            "The server at {} can't be reached: {}. Start it with `make up`.",
            self.base,
            innermost(error)
        ))
    }
}

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// The cause at the bottom: the outer ones only say that a request failed.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// A member that has to be a text.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Failure> {
    value[name]
        .as_str()
        .ok_or_else(|| Failure::Client(format!("The server's answer lacks `{name}`: {value}")))
}

/// A text as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
