//! The types of checks. Each is a struct whose fields are the keys that `lab.toml` gives it, with an example.
//!
//! A new type is a struct here, a line in `check_kinds!` and, when it needs an engine, a branch in `Plan`.

mod build;
mod build_cache;
mod dependencies;
mod ecosystem;
mod files;
mod http;
mod image;
mod lean;
mod pip;
mod pip_cache;
mod stages;

pub use build::Build;
pub use build_cache::BuildCache;
pub use dependencies::DependenciesFirst;
pub use ecosystem::Ecosystem;
pub use files::{ContextExcludes, DockerfileExists, DockerignoreExists};
pub use http::{Expected, Health, Http, HttpExpectation, JsonExpectation};
pub use image::ImageSize;
pub use lean::LeanFinalStage;
pub use pip_cache::NoPipCache;
pub use stages::{CopiesFromStage, MultiStage};

use crate::verdict::Finding;

/// What a check says about an attempt.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// It is met.
    Met,
    /// It is not, for these reasons.
    Unmet(Vec<Finding>),
    /// It can't be told, because something that it needs is missing; another check says what.
    Skipped,
}

impl From<Vec<Finding>> for Answer {
    fn from(findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Met } else { Self::Unmet(findings) }
    }
}

impl From<Finding> for Answer {
    fn from(finding: Finding) -> Self {
        Self::Unmet(vec![finding])
    }
}

/// A finding with its hint and its reason.
fn finding(code: &str, message: impl Into<String>, hint: &str, why: &str) -> Finding {
    Finding { hint: hint.to_owned(), why: Some(why.to_owned()), ..Finding::new(code, message) }
}
