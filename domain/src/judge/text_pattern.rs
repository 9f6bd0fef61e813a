//! Regular expressions that a lab writes, read once and told with their line when they are wrong.

use std::fmt;

use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bytes that a compiled expression may have: a lab's author is trusted, but can err.
const LARGEST: usize = 1 << 20;

/// A regular expression in the syntax of the crate `regex`; `^` and `$` mean the ends of a line.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Whether it is found in a text. Takes time linear in the text's length.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The first line of a text in which it is found.
    pub fn line_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        text.lines().find(|line| self.0.is_match(line))
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        RegexBuilder::new(&text).multi_line(true).size_limit(LARGEST).build().map(Self).map_err(|error| {
            let said = error.to_string();
            let reason = said.lines().last().unwrap_or(&said).trim().trim_start_matches("error: ").to_owned();
            format!("{text:?} is no regular expression: {reason}")
        })
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.0.as_str())
    }
}

/// A text that has to be there as it stands, or, between slashes, a regular expression that it has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Wanted {
    /// Exactly this.
    Text(String),
    /// Something that this fits.
    Pattern(Pattern),
    /// Anything: written `*`.
    Anything,
}

impl Wanted {
    /// Whether this is such a text.
    pub fn fits(&self, text: &str) -> bool {
        match self {
            Self::Text(wanted) => wanted == text,
            Self::Pattern(pattern) => pattern.is_in(text),
            Self::Anything => true,
        }
    }
}

impl TryFrom<String> for Wanted {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
            Some(pattern) => Pattern::try_from(pattern.to_owned()).map(Self::Pattern),
            None if text == "*" => Ok(Self::Anything),
            None => Ok(Self::Text(text)),
        }
    }
}

impl From<Wanted> for String {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Text(text) => text,
            Wanted::Pattern(pattern) => pattern.to_string(),
            Wanted::Anything => "*".to_owned(),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(self.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_expression_is_told_in_a_sentence() {
        let error = Pattern::try_from("a(".to_owned()).unwrap_err();
        assert!(error.contains("unclosed group"), "{error}");
    }

    #[test]
    fn the_line_of_a_match_is_named() {
        let pattern = Pattern::try_from("^ERR.*r$".to_owned()).unwrap();
        assert_eq!(pattern.line_in("fine\nERROR: over\nmore"), Some("ERROR: over"));
        assert_eq!(pattern.line_in("fine"), None);
        let inner = Pattern::try_from("over".to_owned()).unwrap();
        assert_eq!(inner.line_in("fine\nERROR: over it\nmore"), Some("ERROR: over it"));
    }

    #[test]
    fn between_slashes_stands_an_expression() {
        let wanted = |text: &str| Wanted::try_from(text.to_owned()).unwrap();
        assert!(wanted("/^text/").fits("text/html") && !wanted("text").fits("text/html"));
        assert!(wanted("*").fits("") && wanted("a/b").fits("a/b"));
    }
}
