//! Telling the platform's faults from the learner's.

use super::progress::BuildReport;
use crate::lab::Lab;

/// Commands that fetch packages from wherever the image is set up to fetch them; that these mirrors can be reached is
/// the platform's to see to. Images are not among what they fetch: a misspelt image is looked for at a registry too,
/// and that one is the learner's.
const PACKAGE_COMMANDS: [&str; 16] = [
    "pip install",
    "pip3 install",
    "pip download",
    "pip wheel",
    "poetry install",
    "uv sync",
    "apt-get update",
    "apt-get install",
    "apt update",
    "apt install",
    "apk add",
    "npm install",
    "npm ci",
    "go mod download",
    "cargo fetch",
    "cargo build",
];

/// Words of programs that could not reach a host.
const UNREACHABLE: [&str; 14] = [
    "temporary failure in name resolution",
    "temporary failure resolving",
    "could not resolve host",
    "no such host",
    "server misbehaving",
    "network is unreachable",
    "connection timed out",
    "connection refused",
    "connection reset",
    "read timed out",
    "i/o timeout",
    "tls handshake timeout",
    "certificate verify failed",
    "service unavailable",
];

/// Why a failed build is the platform's fault, if it is: packages out of reach, or an image of the lab's own list
/// that is not there.
pub(super) fn platform_fault(lab: &Lab, report: &BuildReport) -> Option<String> {
    let text = report.text_of_failure().to_ascii_lowercase();
    let step = report.failed_step().map(|step| step.text.to_ascii_lowercase()).unwrap_or_default();
    // Who names an address of their own answers for it.
    if !step.contains("://")
        && let Some(command) = PACKAGE_COMMANDS.iter().find(|command| step.contains(*command))
        && let Some(words) = UNREACHABLE.iter().find(|words| text.contains(*words))
    {
        return Some(format!("{command} could not reach the packages: {words}"));
    }
    let unresolved = ["failed to resolve source metadata", "pull access denied", "failed to do request"];
    if unresolved.iter().any(|words| text.contains(words)) {
        let image = lab.images.iter().find(|image| {
            // The name must end there: python:3.13 is not meant by python:3.13-slimm.
            text.match_indices(image.as_str()).any(|(at, _)| {
                let next = text[at + image.len()..].chars().next();
                !next.is_some_and(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            })
        });
        return image.map(|image| format!("the lab's image {image} is not there"));
    }
    None
}
