//! What the container's first process is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Answer, Rule, finding};
use crate::dockerfile::shell::{is_shell, is_shell_script, split};
use crate::dockerfile::{Base, Command, Effect, Effects, ImageName, StageGraph};
use crate::judge::facts::Facts;
use crate::verdict::Place;

/// The app itself is the container's first process, and no shell stands in front of it: the `ENTRYPOINT`, or else the
/// `CMD`, that counts in the end is a list, or its shell hands over with `exec`.
///
/// `["sh", "-c", "…"]` without `exec` is the shell form by another spelling, and so is a shell script of the workspace that never
/// says `exec`. A script with a `trap` sees to signals itself.
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
                _ => match Script::started_by(facts, words).filter(|script| !script.hands_over()) {
                    Some(script) => {
                        let mut found = finding(
                            "entry_shell_form",
                            format!(
                                "{keyword} starts {}, a shell script that runs the app as its child and stays in front of it.",
                                script.path
                            ),
                            "Which word in a script makes the shell give its place to the program that follows?",
                            why,
                        );
                        found.place = Some(script.place());
                        return found.into();
                    }
                    None => return Answer::Met,
                },
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

/// Small programs that start another one in their place.
const WRAPPERS: [&str; 7] = ["tini", "dumb-init", "catatonit", "env", "gosu", "su-exec", "setpriv"];

/// A shell script of the workspace that a container starts.
struct Script<'f> {
    path: &'f str,
    text: &'f str,
}

impl<'f> Script<'f> {
    /// The one that these words start, by itself or as an argument of a shell: the file of that name that the build can take. `None`
    /// when there is none, or more than one.
    fn started_by(facts: &Facts<'f>, words: &[String]) -> Option<Self> {
        let first = file_name(words.first()?);
        let by_shell = words.iter().any(|word| is_shell(file_name(word)));
        let may_be_any = by_shell || WRAPPERS.contains(&first);
        let candidates = if may_be_any { words } else { &words[..1] };
        candidates.iter().find_map(|word| {
            let mut named = facts.subject.copyable.iter().filter(|path| file_name(path) == file_name(word));
            let path = named.next().filter(|_| named.next().is_none())?;
            let text = std::str::from_utf8(facts.subject.files.get(path)?).ok()?;
            (is_shell_script(text) && (by_shell || text.starts_with("#!"))).then_some(Self { path, text })
        })
    }

    /// Whether it gives its place to a program, or sees to signals itself.
    fn hands_over(&self) -> bool {
        split(self.text).iter().any(|command| command.replaces_shell || command.program() == "trap")
    }

    /// Its last line that does something.
    fn place(&self) -> Place {
        let lines = self.text.lines().enumerate();
        let last = lines.filter(|(_, line)| !line.trim().is_empty() && !line.trim().starts_with('#')).last();
        Place {
            file: self.path.to_owned(),
            line: last.and_then(|(at, _)| u32::try_from(at + 1).ok()),
            end_line: None,
            excerpt: last.map(|(_, line)| line.to_owned()),
        }
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a list starts a shell with a script, small programs such as `tini --` in front of it left aside, that does
/// not hand over.
fn hides_in_shell(words: &[String]) -> bool {
    let starts_wrapped = words.first().is_some_and(|word| WRAPPERS.contains(&file_name(word)));
    let shell = match starts_wrapped {
        // Wrappers have options and users of their own: the first word that is a shell decides.
        true => words.iter().position(|word| is_shell(file_name(word))),
        false => words.first().filter(|word| is_shell(file_name(word))).map(|_| 0),
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
