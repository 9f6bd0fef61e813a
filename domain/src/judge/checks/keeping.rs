//! What all checks about data that lasts have in common: something is written, and must be there later.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding;
use super::running::{gone, is_answered};
use crate::judge::http_expectation::{Expected, HttpExpectation, Method};
use crate::judge::observation::{ContainerState, HttpObserved, Observed};
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

/// The codes about data that lasts: it never got there, it is gone, or nobody is left to ask for it.
pub(super) const CODES: [&str; 3] = [NOT_STORED, "data_lost", UNREACHABLE];

const NOT_STORED: &str = "data_not_stored";
const UNREACHABLE: &str = "data_unreachable";

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

/// Why data that lasts matters.
const WHY: &str = "A container's own files go when the container goes. Data has to lie where it outlives it.";

/// Says that nothing could be stored in the first place.
pub(super) fn not_stored(what: impl Into<String>) -> Finding {
    let hint = "Try the request yourself with curl, and look at the app's output. May the app write to its data folder?";
    finding(NOT_STORED, what, hint, WHY)
}

/// Says that the app did not come back, so that nobody can tell what became of the data.
pub(super) fn unreachable(between: &str, what: &str) -> Finding {
    finding(
        UNREACHABLE,
        format!("After {between} nobody can tell whether the data is still there. {what}"),
        "Do the same by hand and look at the output: what does the app find that was not there at its first start?",
        WHY,
    )
}

impl Kept<'_> {
    /// Why the data is not there; `None` when it is, an empty `Err` when it can't be told.
    pub(super) fn failure(&self) -> Result<Option<Finding>, ()> {
        if let Some(what) = self.trouble(self.written, &self.write)? {
            let found = not_stored(format!("{} could not be stored. {what}", self.write.asked()));
            return Ok(Some(Finding { log: log_of(self.written), ..found }));
        }
        if let Some(what) = self.trouble(self.read_at_once, &self.read)? {
            let found = Finding {
                hint: "Try both requests yourself with curl, one after the other.".to_owned(),
                ..not_stored(format!("What was stored can't be read back even at once. {what}"))
            };
            return Ok(Some(Finding { log: log_of(self.read_at_once), ..found }));
        }
        let Some(what) = self.trouble(self.read_later, &self.read)? else { return Ok(None) };
        let is_back = matches!(self.read_later, Some(Observed::Http(HttpObserved { response: Some(_), .. })));
        let found = if is_back {
            finding(
                "data_lost",
                format!("What was stored is gone after {}. {what}", self.between),
                "In which folder of the container does the app keep its data, and is it that very folder on which the volume lies?",
                WHY,
            )
        } else {
            unreachable(self.between, &what)
        };
        Ok(Some(Finding { log: log_of(self.read_later), ..found }))
    }

    fn trouble(&self, seen: Option<&Observed>, expect: &HttpExpectation) -> Result<Option<String>, ()> {
        let Some(Observed::Http(seen)) = seen else { return Err(()) };
        // A container that starts late is not one that loses data.
        if is_answered(seen, expect, u32::MAX) {
            return Ok(None);
        }
        Ok(Some(match &seen.response {
            Some(response) => expect.is_met(response).err().unwrap_or_default(),
            None if seen.container != ContainerState::Running => gone(&seen.container, &seen.log).message,
            None => format!("Nothing answers {} within {} seconds.", expect.asked(), self.within_seconds),
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
