//! Telling the platform's faults from the learner's.

use super::progress::BuildReport;
use crate::lab::Lab;

/// Hosts that labs fetch packages from; a failure to reach them is not the learner's. Registries are not among them:
/// a misspelt image is looked for there too, and that one is the learner's.
const HOSTS: [&str; 11] = [
    "pypi.org",
    "files.pythonhosted.org",
    "deb.debian.org",
    "security.debian.org",
    "archive.ubuntu.com",
    "dl-cdn.alpinelinux.org",
    "registry.npmjs.org",
    "proxy.golang.org",
    "sum.golang.org",
    "index.crates.io",
    "static.crates.io",
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

/// Why a failed build is the platform's fault, if it is: a package host out of reach, or an image of the lab's own list
/// that is not there.
pub(super) fn platform_fault(lab: &Lab, report: &BuildReport) -> Option<String> {
    let text = report.text_of_failure().to_ascii_lowercase();
    if let Some(host) = HOSTS.iter().find(|host| text.contains(*host))
        && let Some(words) = UNREACHABLE.iter().find(|words| text.contains(*words))
    {
        return Some(format!("{host} could not be reached from the build: {words}"));
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
