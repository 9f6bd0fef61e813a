//! A request over HTTP, and what must come back.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::observation::HttpResponse;
use super::text_pattern::{Pattern, Wanted};

/// A method of HTTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "RFC 9110 says what they mean")]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
}

impl Method {
    /// The word of the request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// Whether asking again does no harm.
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request and what must come back: all that whoever asks needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpExpectation {
    /// Method.
    pub method: Method,
    /// Port of the container.
    pub port: u16,
    /// Path, with its query.
    pub path: String,
    /// Headers of the request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<String, String>,
    /// Body of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_body: Option<String>,
    /// What must come back.
    pub expected: Expected,
}

/// A right answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Expected {
    /// Its status code; none: any below 400.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Its headers, by name in any case.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Wanted>,
    /// Text in its body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_contains: Option<String>,
    /// What its body fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_matches: Option<Pattern>,
    /// Value in its body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<JsonExpectation>,
}

/// A value within a JSON text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonExpectation {
    /// Where it stands, as a JSON pointer (RFC 6901): `/status`.
    pub pointer: String,
    /// What it must be.
    pub equals: serde_json::Value,
}

impl HttpExpectation {
    /// A question without a body.
    pub fn get(port: u16, path: &str, expected: Expected) -> Self {
        Self {
            method: Method::Get,
            port,
            path: path.to_owned(),
            request_headers: BTreeMap::new(),
            request_body: None,
            expected,
        }
    }

    /// The question in a few words: `GET /health on port 8000`.
    pub fn asked(&self) -> String {
        format!("{} {} on port {}", self.method, self.path, self.port)
    }

    /// A name that no other question has.
    pub(super) fn name(&self) -> String {
        let plain = Self::get(self.port, &self.path, Expected { status: Some(200), ..Expected::default() });
        let words = format!("{} {}{}", self.method, self.port, self.path);
        if *self == plain {
            return words;
        }
        // Two checks that ask the same but expect different things are two steps.
        format!("{words} {}", serde_json::to_string(self).unwrap_or_default())
    }

    /// Whether asking goes on after this answer, in case the next one is right.
    pub fn may_ask_again(&self, response: &HttpResponse) -> bool {
        self.method.is_safe() || response.status >= 500
    }

    /// Whether this is the right answer.
    ///
    /// # Errors
    /// What is wrong about it, in a sentence.
    pub fn is_met(&self, response: &HttpResponse) -> Result<(), String> {
        let expected = &self.expected;
        match expected.status {
            Some(status) if status != response.status => {
                return Err(format!("It answers with status {} in place of {status}.", response.status));
            }
            None if response.status >= 400 => {
                return Err(format!("It answers with status {}.", response.status));
            }
            _ => {}
        }
        for (name, wanted) in &expected.headers {
            match response.headers.get(&name.to_ascii_lowercase()) {
                Some(value) if wanted.fits(value) => {}
                Some(value) => {
                    return Err(format!("Its header {name} is {value:?} in place of {wanted}."));
                }
                None => return Err(format!("It has no header {name}.")),
            }
        }
        if let Some(text) = &expected.body_contains
            && !response.body.contains(text.as_str())
        {
            return Err(format!("Its answer does not hold {text:?}."));
        }
        if let Some(pattern) = &expected.body_matches
            && !pattern.is_in(&response.body)
        {
            return Err(format!("Its answer does not fit {pattern}."));
        }
        let Some(json) = &expected.json else { return Ok(()) };
        let Ok(body) = serde_json::from_str::<serde_json::Value>(&response.body) else {
            return Err("Its answer is no JSON.".to_owned());
        };
        match body.pointer(&json.pointer) {
            Some(value) if *value == json.equals => Ok(()),
            Some(value) => {
                Err(format!("In its answer, {} is {value} in place of {}.", json.pointer, json.equals))
            }
            None => Err(format!("Its answer has nothing at {}.", json.pointer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &str)], body: &str) -> HttpResponse {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        HttpResponse { status, headers, body: body.to_owned() }
    }

    #[test]
    fn an_answer_is_held_against_status_headers_body_and_json() {
        let expected: Expected = serde_json::from_str(
            r#"{"status": 201, "headers": {"Content-Type": "/^application\\/json/"}, "body_matches": "\"id\": ?[0-9]+",
                "json": {"pointer": "/name", "equals": "a"}}"#,
        )
        .unwrap();
        let asked = HttpExpectation::get(80, "/", expected);
        let json = [("content-type", "application/json; charset=utf-8")];
        let right = response(201, &json, r#"{"id": 7, "name": "a"}"#);
        assert_eq!(asked.is_met(&right), Ok(()));
        for (wrong, said) in [
            (response(200, &json, &right.body), "status 200 in place of 201"),
            (response(201, &[], &right.body), "no header Content-Type"),
            (response(201, &[("content-type", "text/html")], &right.body), "\"text/html\" in place of"),
            (response(201, &json, r#"{"name": "a"}"#), "does not fit"),
            (response(201, &json, r#"{"id": 7, "name": "b"}"#), "/name is \"b\" in place of \"a\""),
        ] {
            assert!(asked.is_met(&wrong).is_err_and(|error| error.contains(said)), "{said}");
        }
    }

    #[test]
    fn what_changes_something_is_asked_once() {
        let mut asked = HttpExpectation::get(80, "/", Expected::default());
        assert!(asked.may_ask_again(&response(404, &[], "")));
        asked.method = Method::Post;
        assert!(!asked.may_ask_again(&response(404, &[], "")));
        assert!(asked.may_ask_again(&response(503, &[], "")), "it was not ready yet");
    }
}
