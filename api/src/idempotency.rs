//! A POST with a key has one effect and one answer, however often it is sent: a double click, a retry after a connection
//! that was cut, a page that asks again after a restart of the api.
//!
//! The first one is worked on, in a task that goes on when its connection is gone; those that come meanwhile wait
//! for its answer, those that come later get it as it was kept. What was refused had no effect and is decided anew. When the
//! process dies over a request, a repetition takes it over: what a request makes has an id that follows from its
//! key (see [`crate::extract::IdempotencyKey`]), so the ledger sees the same request again.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use containrlab_domain::ids::LearnerId;
use containrlab_store::{KeptAnswer, KeyedRequest, RequestClaim};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tracing::Instrument;

use crate::Error;
use crate::extract::{IdempotencyKey, SignedIn};
use crate::problem::{chain, is_htmx};
use crate::state::App;

/// How long a repetition waits for the first one's answer: longer than it takes to notice that the first one's process died.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first look for the answer, and the longest time between two.
const LOOKS: (Duration, Duration) = (Duration::from_millis(15), Duration::from_millis(200));

/// Time between two signs of life of whoever works on a request.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Bytes of an answer that are kept; no answer to a POST is nearly as long.
const LONGEST_ANSWER: u64 = 256 * 1024;

/// Middleware: answers a repeated POST as the first one was answered.
pub(crate) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    match answer(app, request, next).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn answer(app: App, request: Request, next: Next) -> Result<Response, Error> {
    let is_form = is_form(request.headers());
    if !is_form && !request.headers().contains_key("idempotency-key") {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    // By way of the extractor, which knows the limit.
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &app).await;
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLarge,
        _ => Error::BodyBrokeOff,
    })?;
    let mut key = IdempotencyKey::from_request_parts(&mut parts, &app).await?;
    if key.text().is_none() && is_form {
        let field = url::form_urlencoded::parse(&body).find(|(name, _)| name == "idempotency_key");
        key = IdempotencyKey::of_field(field.map(|(_, value)| value.into_owned()))?;
    }
    // A page's script is answered otherwise than a plain form, and each gets the answer of its kind.
    let kind = if is_htmx(&parts.headers) { "script" } else { "plain" };
    let key = key.text().map(|text| format!("{kind} {text}"));
    let learner = match (&key, SignedIn::from_request_parts(&mut parts, &app).await) {
        (Some(_), Ok(SignedIn(learner))) => Some(learner.learner_id),
        // The handler says what becomes of a request of nobody.
        (_, Err(Error::NotSignedIn)) | (None, _) => None,
        (_, Err(error)) => return Err(error),
    };
    let fingerprint = fingerprint(&parts, &body);
    let request = Request::from_parts(parts, Body::from(body));
    match (key, learner) {
        (Some(key), Some(learner)) => first_or_again(app, learner, &key, &fingerprint, request, next).await,
        _ => Ok(next.run(request).await),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded")
}

/// Stands for all that was asked.
fn fingerprint(parts: &Parts, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    hash.update((target.len() as u64).to_be_bytes());
    hash.update(target);
    hash.update(body);
    hash.finalize().into()
}

async fn first_or_again(
    app: App,
    learner: LearnerId,
    key: &str,
    fingerprint: &[u8; 32],
    request: Request,
    next: Next,
) -> Result<Response, Error> {
    let until = Instant::now() + PATIENCE;
    let (mut wait, longest) = LOOKS;
    loop {
        match app.store.claim_request(learner, key, fingerprint).await? {
            KeyedRequest::Mine(claim) => return Ok(first(app, claim, request, next).await),
            KeyedRequest::Answered(answer) => return Ok(again(answer)),
            KeyedRequest::AnotherRequest => return Err(Error::KeyReused),
            KeyedRequest::UnderWay if Instant::now() >= until => return Err(Error::TimedOut),
            KeyedRequest::UnderWay => {}
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(longest);
    }
}

/// Works on it, in a task of its own: whoever asked may be gone before it is done, and will ask again.
async fn first(app: App, claim: RequestClaim, request: Request, next: Next) -> Response {
    let (store, mine) = (app.store.clone(), claim.clone());
    let work = async move {
        let mut handler = std::pin::pin!(next.run(request));
        let mut signs = tokio::time::interval_at(Instant::now() + SIGN_OF_LIFE, SIGN_OF_LIFE);
        let response = loop {
            tokio::select! {
                response = &mut handler => break response,
                _ = signs.tick() => {
                    if let Err(error) = app.store.extend_request(&claim).await {
                        tracing::warn!(error = %chain(&error), "a request with a key can give no sign of life");
                    }
                }
            }
        };
        keep(&app, &claim, response).await
    };
    match tokio::spawn(work.in_current_span()).await {
        Ok(response) => response,
        Err(error) => {
            // Nothing is known of its effect; the next one may find out at once.
            if let Err(error) = store.release_request(&mine).await {
                tracing::warn!(error = %chain(&error), "the key of a request that broke off is not given up");
            }
            match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Error::internal(error).into_response(),
            }
        }
    }
}

/// Keeps the answer for repetitions, or gives the key up when there was no effect.
async fn keep(app: &App, claim: &RequestClaim, response: Response) -> Response {
    let well = response.status().is_success() || response.status().is_redirection();
    let short = response.body().size_hint().upper().is_some_and(|length| length <= LONGEST_ANSWER);
    if !(well && short) {
        if let Err(error) = app.store.release_request(claim).await {
            tracing::warn!(error = %chain(&error), "the key of a request without effect is not given up");
        }
        return response;
    }
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, LONGEST_ANSWER as usize).await {
        Ok(body) => body,
        Err(error) => return Error::internal(error).into_response(),
    };
    let headers = parts.headers.iter().filter(|(name, _)| *name != SET_COOKIE);
    let answer = KeptAnswer {
        status: parts.status.as_u16(),
        headers: headers
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect(),
        body: body.clone(),
    };
    if let Err(error) = app.store.answer_request(claim, &answer).await {
        tracing::warn!(error = %chain(&error), "an answer is not kept for repetitions of its request");
    }
    Response::from_parts(parts, Body::from(body))
}

/// The answer as it was given.
fn again(answer: KeptAnswer) -> Response {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}
