//! JSON bodies, refused with the place in them that does not fit.

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use crate::Error;

/// A JSON body, read into a struct.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            return Err(Error::NotJson);
        }
        parse(&read(request, state).await?).map(Self)
    }
}

/// A JSON body that may be left out; then it is the default.
pub(crate) struct OptionalJsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        let json = is_json(request.headers());
        let bytes = read(request, state).await?;
        match (bytes.is_empty(), json) {
            (true, _) => Ok(Self(T::default())),
            (false, true) => parse(&bytes).map(Self),
            (false, false) => Err(Error::NotJson),
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn read<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Error> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::BodyTooLarge,
        _ => Error::BodyBrokeOff,
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let place = error.path().to_string();
        let inner = error.into_inner();
        if inner.is_data() {
            let place = if place == "." { "its top".to_owned() } else { place };
            Error::UnfitBody { place, reason: inner.to_string() }
        } else {
            Error::MalformedBody(inner.to_string())
        }
    })?;
    reader.end().map_err(|error| Error::MalformedBody(error.to_string()))?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Body {
        #[allow(dead_code)]
        ports: Vec<Port>,
    }

    #[derive(Debug, Deserialize)]
    struct Port {
        #[allow(dead_code)]
        sandbox: u16,
    }

    #[test]
    fn the_place_that_does_not_fit_is_named() {
        match parse::<Body>(br#"{"ports": [{"sandbox": 80}, {"sandbox": 70000}]}"#) {
            Err(Error::UnfitBody { place, .. }) => assert_eq!(place, "ports[1].sandbox"),
            other => panic!("{other:?}"),
        }
        assert!(matches!(parse::<Body>(b"{\"ports\": ["), Err(Error::MalformedBody(_))));
        assert!(matches!(parse::<Body>(b"{\"ports\": []} x"), Err(Error::MalformedBody(_))));
        assert!(matches!(parse::<Body>(b"hello"), Err(Error::MalformedBody(_))));
        assert!(parse::<Body>(b"{\"ports\": []}").is_ok());
    }
}
