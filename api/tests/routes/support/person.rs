//! Somebody who uses the api with a browser's or a program's means.

use containrlab_domain::ids::SessionId;
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use super::Sse;

/// A person with their cookie.
#[derive(Clone)]
pub(crate) struct Person {
    address: String,
    client: Client,
    pub(crate) cookie: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    /// The body as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The same answer, which has this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// The problem that it is: checks its shape, and gives it.
    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Value {
        let answer = self.expect(status);
        assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], answer.headers["x-request-id"].to_str().expect("text"));
        let detail = problem["detail"].as_str().expect("a sentence");
        assert!(detail.ends_with('.') && detail.len() > 10, "{detail}");
        problem
    }

    /// Where it leads.
    #[track_caller]
    pub(crate) fn location(&self) -> &str {
        self.headers[LOCATION].to_str().expect("text")
    }
}

impl Person {
    pub(crate) fn stranger(address: &str) -> Self {
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Self { address: address.to_owned(), client, cookie: String::new() }
    }

    pub(crate) async fn sign_in(address: &str, name: &str) -> Self {
        let mut person = Self::stranger(address);
        let answer = person.post("/api/auth/local", json!({ "name": name })).await.expect(200);
        person.keep_cookie(&answer);
        person
    }

    /// Takes the cookie of an answer over.
    pub(crate) fn keep_cookie(&mut self, answer: &Answer) {
        let set = answer.headers[SET_COOKIE].to_str().expect("text");
        self.cookie = set.split(';').next().expect("a cookie").to_owned();
    }

    /// The same browser with another cookie.
    pub(crate) fn with_cookie(&self, cookie: &str) -> Self {
        Self { cookie: cookie.to_owned(), ..self.clone() }
    }

    /// The same browser with a cookie that no longer counts.
    pub(crate) fn signed_out(&self) -> Self {
        self.with_cookie("containrlab_login=void")
    }

    /// The same person at another api over the same store.
    pub(crate) fn at(&self, address: &str) -> Self {
        Self { address: address.to_owned(), ..self.clone() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        if self.cookie.is_empty() { request } else { request.header(COOKIE, &self.cookie) }
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        Answer { status, headers, text: response.text().await.expect("a body") }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(with_json(self.request(Method::POST, path), &body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(with_json(self.request(Method::PUT, path), &body)).await
    }

    /// A POST without a body.
    pub(crate) async fn poke(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    /// A form as a browser posts it.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.form_request(path, fields)).await
    }

    /// A form as the page's script posts it.
    pub(crate) async fn form_by_script(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.form_request(path, fields).header("hx-request", "true")).await
    }

    fn form_request(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.request(Method::POST, path).header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
    }

    /// A stream of events.
    pub(crate) async fn listen(&self, path: &str) -> Sse {
        Sse::open(self.request(Method::GET, path)).await
    }

    /// A stream of events, gone on with after an id.
    pub(crate) async fn listen_after(&self, path: &str, id: &str) -> Sse {
        Sse::open(self.request(Method::GET, path).header("last-event-id", id)).await
    }

    /// Starts a lab, and gives the session.
    pub(crate) async fn start(&self, lab: &str) -> SessionId {
        let answer = self.poke(&format!("/api/labs/{lab}/start")).await.expect(201);
        answer.json()["id"].as_str().expect("an id").parse().expect("a session's id")
    }
}

fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header(CONTENT_TYPE, "application/json").body(body.to_string())
}
