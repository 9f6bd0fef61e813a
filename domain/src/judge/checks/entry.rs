//! What the container's first process is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::dockerfile::shell::{is_shell, split};
use crate::dockerfile::{Base, Command, Effect, Effects, ImageName, StageGraph};
use crate::judge::facts::Facts;

/// The app itself is the container's first process, and no shell stands in front of it: the `ENTRYPOINT`, or else the
/// `CMD`, that counts in the end is a list, or its shell hands over with `exec`.
///
/// `["sh", "-c", "…"]` without `exec` is the shell form by another spelling.
///
/// ```toml
/// [[checks]]
/// type = "exec_form"
/// ```
///
/// Codes: `entry_missing`, `entry_shell_form`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExecForm {}

/// Images that bring a server and start it themselves.
const SERVERS: [&str; 14] = [
    "nginx",
    "nginx-unprivileged",
    "httpd",
    "caddy",
    "traefik",
    "haproxy",
    "redis",
    "valkey",
    "postgres",
    "mysql",
    "mariadb",
    "mongo",
    "memcached",
    "rabbitmq",
];

impl Rule for ExecForm {
    fn codes(&self) -> Vec<&str> {
        vec!["entry_missing", "entry_shell_form"]
    }

    fn title(&self) -> String {
        "The app is the container's first process, not a shell".to_owned()
    }

    fn judge(&self, facts: &Facts<'_>) -> Answer {
        let Some(graph) = facts.graph() else { return Answer::Skipped };
        let Some(last) = graph.last() else { return Answer::Skipped };
        let effects = Effects::of(graph, last.index);
        let Some((keyword, entry)) = entry(&effects) else {
            if starts_server(graph, last.index) {
                return Answer::Met;
            }
            let mut found = finding(
                "entry_missing",
                "The image does not say what a container of it starts.",
                "Which command starts the app? Two instructions can name it, and both take a list.",
                "Without it, docker run starts whatever the base image had in mind, often a shell that ends at once.",
            );
            found.place = Some(facts.subject.place(last.span));
            return found.into();
        };
        let why = "docker stop sends SIGTERM to the first process only. A shell in front does not pass it on, so the app \
                   is killed after ten seconds, without a chance to finish what it does.";
        let hint = "An instruction that holds a JSON list of words starts the program directly.";
        let message = match entry.value {
            Command::Exec(words) if !hides_in_shell(words) => match &effects.cmd {
                // As arguments of an ENTRYPOINT, a CMD without brackets is /bin/sh -c and the text.
                Some(Effect { value: Command::Shell(_), span }) if keyword == "ENTRYPOINT" => {
                    let mut found = finding(
                        "entry_shell_form",
                        "CMD is no list, so the ENTRYPOINT is given /bin/sh, -c and the text as its arguments.",
                        "Beside an ENTRYPOINT, CMD holds that program's arguments, word by word.",
                        "The program starts with words that it does not know, and most likely fails.",
                    );
                    found.place = Some(facts.subject.place(*span));
                    return found.into();
                }
                _ => return Answer::Met,
            },
            Command::Shell(text) if hands_over(text) => return Answer::Met,
            Command::Exec(words) => {
                format!(
                    "{keyword} is a list, but its program is {}, which runs the app as its child.",
                    words[0]
                )
            }
            Command::Shell(text) if text.starts_with('[') => {
                format!(
                    "{keyword} looks like a list but is no JSON, so a shell runs it: brackets, quotes and all."
                )
            }
            Command::Shell(_) => {
                format!("{keyword} is a text, so /bin/sh runs it and the app is the shell's child.")
            }
        };
        let mut found = finding("entry_shell_form", message, hint, why);
        found.place = Some(facts.subject.place(entry.span));
        found.into()
    }
}

/// The instruction that names the first process.
fn entry<'e, 'f>(effects: &'e Effects<'f>) -> Option<(&'static str, &'e Effect<&'f Command>)> {
    let entrypoint = effects.entrypoint.as_ref().map(|entry| ("ENTRYPOINT", entry));
    entrypoint.or_else(|| effects.cmd.as_ref().map(|cmd| ("CMD", cmd)))
}

/// Whether a list starts a shell with a script, small programs such as `tini --` in front of it left aside, that does
/// not hand over.
fn hides_in_shell(words: &[String]) -> bool {
    let wrappers = ["tini", "dumb-init", "catatonit", "env", "gosu", "su-exec", "setpriv"];
    let base = |word: &'_ String| word.rsplit('/').next().unwrap_or_default().to_owned();
    let starts_wrapped = words.first().is_some_and(|word| wrappers.contains(&base(word).as_str()));
    let shell = match starts_wrapped {
        // Wrappers have options and users of their own: the first word that is a shell decides.
        true => words.iter().position(|word| is_shell(&base(word))),
        false => words.first().filter(|word| is_shell(&base(word))).map(|_| 0),
    };
    let Some(shell) = shell else { return false };
    let mut rest = words[shell + 1..].iter();
    let takes_script = |w: &String| w.starts_with('-') && !w.starts_with("--") && w.contains('c');
    rest.any(takes_script) && rest.next().is_some_and(|script| !hands_over(script))
}

/// Whether the last command of a script takes the shell's place.
fn hands_over(script: &str) -> bool {
    split(script).last().is_some_and(|command| command.replaces_shell)
}

/// Whether a stage starts from an image that is a server by itself.
fn starts_server(graph: &StageGraph<'_>, stage: usize) -> bool {
    let lowest = graph.chain(stage).last().map(|stage| &stage.base);
    matches!(lowest, Some(Base::Image(image)) if SERVERS.contains(&ImageName::parse(image).short()))
}
