//! Learners who do this and that over HTTP, and note what they were promised.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::plan::{Act, Command};

/// What the api acknowledged, and how it answered otherwise.
#[derive(Debug, Default)]
pub(crate) struct Promises {
    pub(crate) sessions: Vec<Uuid>,
    pub(crate) jobs: Vec<Uuid>,
    pub(crate) attempts: Vec<Uuid>,
    pub(crate) ends: Vec<Uuid>,
    /// Session, path and text.
    pub(crate) files: Vec<(Uuid, String, String)>,
    /// How many answers there were of each kind.
    pub(crate) answers: BTreeMap<String, usize>,
    /// Answers that there must not be.
    pub(crate) wrong: Vec<String>,
}

/// One learner.
pub(crate) struct Learner {
    http: reqwest::Client,
    url: String,
    name: String,
    promises: Arc<Mutex<Promises>>,
    signed_in: bool,
    session: Option<Uuid>,
    files: usize,
}

impl Learner {
    pub(crate) fn new(url: &str, number: usize, promises: Arc<Mutex<Promises>>) -> Self {
        let http = reqwest::Client::builder()
            .cookie_store(true)
            .timeout(Duration::from_secs(8))
            .build()
            .expect("an HTTP client");
        Self {
            http,
            url: url.to_owned(),
            name: format!("learner-{number}"),
            promises,
            signed_in: false,
            session: None,
            files: 0,
        }
    }

    /// Does what they have in mind, one thing after the other.
    pub(crate) async fn act_all(mut self, commands: Vec<Command>) {
        for command in commands {
            tokio::time::sleep(command.pause).await;
            self.act(&command).await;
        }
    }

    async fn act(&mut self, command: &Command) {
        if !self.signed_in {
            let name = json!({ "name": self.name });
            self.signed_in = self.ask(Method::POST, "/api/auth/local", Some(name)).await.is_some();
            return;
        }
        let lab = command.lab;
        let Some(session) = self.session else {
            if let Some(answer) = self.ask(Method::POST, &format!("/api/labs/{lab}/start"), None).await {
                self.session = id(&answer);
                self.note(|promises, id| promises.sessions.push(id), &answer);
            } else if let Some(answer) = self.ask(Method::GET, &format!("/api/labs/{lab}/active"), None).await
            {
                self.session = id(&answer);
            }
            return;
        };
        match command.act {
            Act::Exec(tenths) => {
                let script = format!("echo done >> effects; sleep {}", f64::from(tenths) / 10.0);
                let work = json!({ "argv": ["sh", "-c", script], "timeout_seconds": 20 });
                let answer =
                    self.ask(Method::POST, &format!("/api/sessions/{session}/exec"), Some(work)).await;
                self.note_some(|promises, id| promises.jobs.push(id), answer);
            }
            Act::Build => {
                let answer = self.ask(Method::POST, &format!("/api/sessions/{session}/build"), None).await;
                self.note_some(|promises, id| promises.jobs.push(id), answer);
            }
            Act::Save => self.save(session).await,
            Act::Submit => {
                let answer = self.ask(Method::POST, &format!("/api/judge/{lab}"), None).await;
                self.note_some(|promises, id| promises.attempts.push(id), answer);
            }
            Act::Extend => {
                self.ask(Method::POST, &format!("/api/sessions/{session}/extend"), None).await;
            }
            Act::End => {
                if self.ask(Method::DELETE, &format!("/api/sessions/{session}"), None).await.is_some() {
                    self.promises.lock().expect("whole").ends.push(session);
                    self.session = None;
                }
            }
            Act::Look => {
                let read = self.ask(Method::GET, &format!("/api/sessions/{session}"), None).await;
                if read.is_some_and(|session| session["phase"] == "ended") {
                    self.session = None;
                }
            }
        }
    }

    /// Writes a file that nobody writes again.
    async fn save(&mut self, session: Uuid) {
        self.files += 1;
        let (path, text) = (format!("{}-{}.txt", self.name, self.files), Uuid::new_v4().to_string());
        let address = format!("/api/files?session={session}&path={path}");
        if self.ask(Method::PUT, &address, Some(json!({ "content": text }))).await.is_some() {
            self.promises.lock().expect("whole").files.push((session, path, text));
        }
    }

    /// The answer, if it is a promise.
    async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.url));
        if method == Method::POST {
            request = request.header("idempotency-key", Uuid::new_v4().to_string());
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(_) => {
                self.count("cut off");
                return None;
            }
        };
        let (status, retry) = (answer.status(), answer.headers().contains_key("retry-after"));
        let Ok(bytes) = answer.bytes().await else {
            self.count("cut off");
            return None;
        };
        self.count(status.as_str());
        if status.is_server_error() && (status != StatusCode::SERVICE_UNAVAILABLE || !retry) {
            let sentence = format!("{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
            self.promises.lock().expect("whole").wrong.push(sentence);
        }
        if status == StatusCode::UNAUTHORIZED {
            self.signed_in = false;
        }
        status.is_success().then(|| serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn count(&self, word: &str) {
        *self.promises.lock().expect("whole").answers.entry(word.to_owned()).or_default() += 1;
    }

    fn note_some(&self, add: impl FnOnce(&mut Promises, Uuid), answer: Option<Value>) {
        if let Some(answer) = answer {
            self.note(add, &answer);
        }
    }

    fn note(&self, add: impl FnOnce(&mut Promises, Uuid), answer: &Value) {
        let mut promises = self.promises.lock().expect("whole");
        match id(answer) {
            Some(id) => add(&mut promises, id),
            None => promises.wrong.push(format!("an answer without an id: {answer}")),
        }
    }
}

fn id(answer: &Value) -> Option<Uuid> {
    answer["id"].as_str()?.parse().ok()
}
