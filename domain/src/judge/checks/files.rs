//! Checks about which files there are, and which of them a build sends.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::judge::DOCKERIGNORE;
use crate::judge::facts::Facts;
use crate::verdict::Place;

/// There is a Dockerfile, and a build would not refuse it at once.
///
/// ```toml
/// [[checks]]
/// type = "dockerfile_exists"
/// ```
///
/// Codes: `dockerfile_missing`, `dockerfile_invalid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DockerfileExists {}

impl Rule for DockerfileExists {
    fn codes(&self) -> Vec<&str> {
        vec!["dockerfile_missing", "dockerfile_invalid"]
    }

    fn title(&self) -> String {
        "There is a Dockerfile that can be read".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let subject = facts.subject;
        subject.dockerfile_fault().map_or(Answer::Met, Answer::from)
    }
}

/// There is a `.dockerignore` that says something.
///
/// ```toml
/// [[checks]]
/// type = "dockerignore_exists"
/// ```
///
/// Codes: `dockerignore_missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DockerignoreExists {}

impl Rule for DockerignoreExists {
    fn codes(&self) -> Vec<&str> {
        vec!["dockerignore_missing"]
    }

    fn title(&self) -> String {
        "There is a .dockerignore".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let subject = facts.subject;
        let why = "Without it, docker build sends every file of the folder: history, virtual environments, secrets.";
        let hint = "Create a file called .dockerignore beside the Dockerfile, one pattern a line.";
        if !subject.files.contains_key(DOCKERIGNORE) {
            return finding("dockerignore_missing", "There is no .dockerignore in the workspace.", hint, why)
                .into();
        }
        if subject.context.ignore().rules().is_empty() {
            let message = "The .dockerignore holds no pattern, so it leaves nothing out.";
            return finding("dockerignore_missing", message, hint, why).into();
        }
        Answer::Met
    }
}

/// `.dockerignore` keeps these paths out of the build, whichever patterns it uses for it, and keeps the others in.
///
/// The paths need not exist in the workspace: the judge asks what would become of them.
///
/// ```toml
/// [[checks]]
/// type = "context_excludes"
/// paths = [".git/config", "venv/bin/python", "app/__pycache__/app.cpython-313.pyc"]
/// keeps = ["app/app.py", "requirements.txt"]
/// ```
///
/// Codes: `dockerignore_missing_entries`, `dockerignore_excludes_needed`. Skipped when there is no `.dockerignore`
/// and another check of the lab says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ContextExcludes {
    /// Must not be part of the context.
    pub paths: Vec<String>,
    /// Must stay part of it.
    #[serde(default)]
    pub keeps: Vec<String>,
}

impl Rule for ContextExcludes {
    fn codes(&self) -> Vec<&str> {
        vec!["dockerignore_missing_entries", "dockerignore_excludes_needed"]
    }

    fn title(&self) -> String {
        "The build context holds what the image needs, and nothing else".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let subject = facts.subject;
        if !subject.files.contains_key(DOCKERIGNORE) || subject.context.ignore().rules().is_empty() {
            return Answer::Skipped;
        }
        let place = |line| Some(Place { file: DOCKERIGNORE.to_owned(), line, end_line: None, excerpt: None });
        let mut findings = Vec::new();
        let sent: Vec<&str> =
            self.paths.iter().map(String::as_str).filter(|path| subject.context.includes(path)).collect();
        if !sent.is_empty() {
            let mut found = finding(
                "dockerignore_missing_entries",
                format!("These paths would still be sent with the build: {}.", sent.join(", ")),
                "A pattern stands from the root of the context: *.pyc leaves app/x.pyc in, **/*.pyc does not. A later \
                 line that starts with ! takes paths back in.",
                "What is sent can end up in the image, slows the build down, and spoils its cache when it changes.",
            );
            // A rule that takes the path back in is the line to look at.
            let rule = sent.iter().find_map(|path| subject.context.ignore().deciding_rule(path));
            found.place = place(rule.map(|rule| rule.line));
            if let (Some(place), Some(rule)) = (&mut found.place, rule) {
                place.excerpt = Some(rule.text.clone());
            }
            findings.push(found);
        }
        for path in &self.keeps {
            let Some(rule) = subject.context.left_out_by(path) else { continue };
            let mut found = finding(
                "dockerignore_excludes_needed",
                format!("{path} is left out of the build, but the image needs it."),
                "Look at the pattern in this line: which of the app's own files does it match?",
                "COPY can only take what the context holds.",
            );
            found.place = place(Some(rule.line));
            if let Some(place) = &mut found.place {
                place.excerpt = Some(rule.text.clone());
            }
            findings.push(found);
        }
        findings.into()
    }
}
