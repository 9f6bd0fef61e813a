//! Parts of the address, the query and forms, with our own words for what does not fit.

use std::str::FromStr;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::Error;

/// The query, read into a struct.
pub(crate) struct QueryParams<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for QueryParams<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|rejection| Error::UnfitQuery(last_cause(&rejection)))
    }
}

/// A form, read into a struct.
pub(crate) struct FormBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for FormBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match Form::from_request(request, state).await {
            Ok(Form(form)) => Ok(Self(form)),
            Err(FormRejection::BytesRejection(rejection)) if rejection.status() == 413 => {
                Err(Error::BodyTooLarge)
            }
            Err(FormRejection::BytesRejection(_)) => Err(Error::BodyBrokeOff),
            Err(rejection) => Err(Error::UnfitQuery(last_cause(&rejection))),
        }
    }
}

/// Reads named parts of the address.
pub(crate) struct PathParam;

impl PathParam {
    /// The part `name` of the address as a `T`; `None` when it does not read as one.
    pub(crate) async fn read<T: FromStr>(parts: &mut Parts, name: &str) -> Option<T> {
        let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
        params.iter().find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok())
    }
}

/// The innermost reason of a rejection, which is the one that names the field.
fn last_cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
