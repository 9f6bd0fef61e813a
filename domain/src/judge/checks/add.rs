//! `ADD` only where `COPY` can't do it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::context::{DockerIgnore, GoGlob};
use crate::dockerfile::InstructionKind;
use crate::judge::Subject;
use crate::judge::facts::Facts;

/// Files are brought in with `COPY`; `ADD` stands only where it does more: a URL with a checksum, a git repository, an
/// archive of the context that it unpacks.
///
/// ```toml
/// [[checks]]
/// type = "copy_not_add"
/// ```
///
/// Codes: `add_used`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CopyNotAdd {}

impl Rule for CopyNotAdd {
    fn codes(&self) -> Vec<&str> {
        vec!["add_used"]
    }

    fn title(&self) -> String {
        "ADD is used only for what COPY can't do".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let mut findings = Vec::new();
        for stage in graph.needed().into_iter().map(|stage| &graph.stages[stage]) {
            for step in &stage.steps {
                let InstructionKind::Add(transfer) = &step.instruction.kind else { continue };
                let scope = graph.scope(stage.index, step.index);
                let has_checksum = step.instruction.flag("checksum").is_some();
                let unfit =
                    transfer.sources.iter().map(|source| scope.expand(source)).find_map(|source| {
                        Source::of(&source, facts.subject).reproach(&source, has_checksum)
                    });
                let Some((message, hint)) = unfit else { continue };
                let mut found = finding(
                    "add_used",
                    message,
                    hint,
                    "ADD guesses: it unpacks some files, fetches others, and a reader has to know which. COPY does one thing.",
                );
                found.place = Some(facts.subject.place(step.instruction.span));
                findings.push(found);
            }
        }
        findings.into()
    }
}

/// What an `ADD` is to bring in.
enum Source {
    Git,
    Url,
    Archive,
    /// Files as they are, text of a here-document too.
    Files,
}

impl Source {
    fn of(source: &str, subject: &Subject<'_>) -> Self {
        let address = source.split(['#', '?']).next().unwrap_or_default();
        let is_web = source.starts_with("https://") || source.starts_with("http://");
        let is_git = ["git@", "git://", "ssh://"].iter().any(|scheme| source.starts_with(scheme));
        if is_git || (is_web && address.ends_with(".git")) {
            Self::Git
        } else if is_web || source.starts_with("ftp://") {
            Self::Url
        } else if is_archive(source, subject) {
            Self::Archive
        } else {
            Self::Files
        }
    }

    /// What is wrong about it, and a hint; `None` when `ADD` is right here.
    fn reproach(&self, source: &str, has_checksum: bool) -> Option<(String, &'static str)> {
        match self {
            Self::Git | Self::Archive => None,
            Self::Url if has_checksum => None,
            Self::Url => Some((
                format!("ADD fetches {source} and takes whatever the server sends that day."),
                "How would the build notice that the file is another one? ADD has an option for that.",
            )),
            Self::Files => Some((
                "ADD only copies here; nothing is fetched or unpacked.".to_owned(),
                "Which instruction copies files and does nothing else?",
            )),
        }
    }
}

/// Whether all that a source names are archives, which `ADD` unpacks: by their content as Docker tells them; by the
/// name when the workspace does not hold the file.
fn is_archive(source: &str, subject: &Subject<'_>) -> bool {
    let path = source.trim_start_matches("./").trim_start_matches('/');
    let glob = source.contains(['*', '?', '[']).then(|| GoGlob::new(path)).flatten();
    let mut files = subject.copyable.iter().filter(|file| match &glob {
        Some(glob) => glob.matches(file),
        None => file.as_str() == path,
    });
    match files.next() {
        None => DockerIgnore::parse("**/*.tar\n**/*.tar.*\n**/*.tgz\n**/*.tbz2\n**/*.txz").excludes(path),
        Some(first) => std::iter::once(first).chain(files).all(|file| {
            let bytes = subject.files.get(file).map(Vec::as_slice).unwrap_or_default();
            let starts = [&b"\x1f\x8b"[..], b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];
            starts.iter().any(|start| bytes.starts_with(start)) || bytes.get(257..262) == Some(b"ustar")
        }),
    }
}
