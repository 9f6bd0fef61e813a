//! What all checks about data that lasts have in common: something is written, and must be there later.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding;
use super::running::is_answered;
use crate::judge::http_expectation::{Expected, HttpExpectation, Method};
use crate::judge::observation::{HttpObserved, Observed};
use crate::verdict::Finding;

/// A request that stores something. Any answer with a status below 400 is right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WriteRequest {
    /// Method; `POST` if none is given.
    #[serde(default = "post")]
    pub method: Method,
    /// Path, with its query.
    pub path: String,
    /// Body.
    pub body: Option<String>,
    /// Headers.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// A request that reads it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadRequest {
    /// Path, with its query.
    pub path: String,
    /// Text in the answer's body.
    pub body_contains: String,
}

fn post() -> Method {
    Method::Post
}

impl WriteRequest {
    /// Asked at this port.
    pub(super) fn at(&self, port: u16) -> HttpExpectation {
        HttpExpectation {
            method: self.method,
            port,
            path: self.path.clone(),
            request_headers: self.headers.clone(),
            request_body: self.body.clone(),
            expected: Expected::default(),
        }
    }
}

impl ReadRequest {
    /// Asked at this port.
    pub(super) fn at(&self, port: u16) -> HttpExpectation {
        let expected = Expected { body_contains: Some(self.body_contains.clone()), ..Expected::default() };
        HttpExpectation::get(port, &self.path, expected)
    }
}

/// What was seen of writing, reading at once, and reading later.
pub(super) struct Kept<'a> {
    pub(super) written: Option<&'a Observed>,
    pub(super) read_at_once: Option<&'a Observed>,
    pub(super) read_later: Option<&'a Observed>,
    pub(super) write: HttpExpectation,
    pub(super) read: HttpExpectation,
    pub(super) within_seconds: u32,
    /// What happened in between, such as "a new container".
    pub(super) between: &'static str,
}

impl Kept<'_> {
    /// Why the data is not there; `None` when it is, an empty `Err` when it can't be told.
    pub(super) fn failure(&self) -> Result<Option<Finding>, ()> {
        let why = "A container's own files go when the container goes. Data has to lie where it outlives it.";
        if let Some(what) = self.trouble(self.written, &self.write)? {
            let mut found = finding(
                "data_lost",
                format!("{} could not be stored: {what}", self.write.asked()),
                "Try the request yourself with curl, and look at the app's output. May the app write to its data folder?",
                why,
            );
            found.log = log_of(self.written);
            return Ok(Some(found));
        }
        if let Some(what) = self.trouble(self.read_at_once, &self.read)? {
            let mut found = finding(
                "data_lost",
                format!("What was stored can't be read back even at once: {what}"),
                "Try both requests yourself with curl, one after the other.",
                why,
            );
            found.log = log_of(self.read_at_once);
            return Ok(Some(found));
        }
        let Some(what) = self.trouble(self.read_later, &self.read)? else { return Ok(None) };
        let mut found = finding(
            "data_lost",
            format!("What was stored is gone after {}: {what}", self.between),
            "In which folder of the container does the app keep its data, and is it that very folder on which the volume lies?",
            why,
        );
        found.log = log_of(self.read_later);
        Ok(Some(found))
    }

    fn trouble(&self, seen: Option<&Observed>, expect: &HttpExpectation) -> Result<Option<String>, ()> {
        let Some(Observed::Http(seen)) = seen else { return Err(()) };
        // A container that starts late is not one that loses data.
        if is_answered(seen, expect, u32::MAX) {
            return Ok(None);
        }
        Ok(Some(match &seen.response {
            Some(response) => expect.is_met(response).err().unwrap_or_default(),
            None => format!("nothing answers {} within {} seconds.", expect.asked(), self.within_seconds),
        }))
    }
}

fn log_of(seen: Option<&Observed>) -> Option<String> {
    let Some(Observed::Http(HttpObserved { response, log, .. })) = seen else { return None };
    match response {
        Some(response) => {
            let body: String = response.body.chars().take(1000).collect();
            Some(format!("HTTP {}\n{body}", response.status))
        }
        None => (!log.is_empty()).then(|| log.clone()),
    }
}
