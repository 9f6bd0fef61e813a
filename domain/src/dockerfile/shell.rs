//! The commands that a `RUN` holds: enough of a shell's grammar to tell which programs run with which words.

use super::graph::StageGraph;
use super::instruction::{Command, Instruction, InstructionKind};
use super::variables::MAX_VALUE_BYTES;

/// Scripts within scripts (`sh -c`, `$(…)`) are followed this deep.
const MAX_DEPTH: usize = 6;

/// One program with its words, quotes removed and known variables filled in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SimpleCommand {
    /// Assignments before the program, such as `PIP_NO_CACHE_DIR=1 pip …`.
    pub assignments: Vec<(String, String)>,
    /// The program and its arguments. Empty when there are only assignments, or `exec` and what nobody can know here.
    pub words: Vec<String>,
    /// `exec` stands before it: the program takes the shell's place.
    pub replaces_shell: bool,
}

impl SimpleCommand {
    /// The program's name without its folder: `pip` for `/venv/bin/pip`.
    pub fn program(&self) -> &str {
        let first = self.words.first().map(String::as_str).unwrap_or_default();
        first.rsplit('/').next().unwrap_or(first)
    }

    /// The words after the program.
    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }
}

/// The commands of a `RUN`, here-documents included; none for any other instruction.
///
/// ```
/// use containrlab_domain::dockerfile::{Dockerfile, StageGraph, shell::commands_of};
///
/// let file = Dockerfile::parse(b"FROM a\nENV OPT=--no-cache-dir\nRUN cd /app && \\\n  pip install $OPT -r r.txt # now\n");
/// let graph = StageGraph::new(&file);
/// let commands = commands_of(&graph, 0, 1);
/// assert_eq!(commands[1].words, ["pip", "install", "--no-cache-dir", "-r", "r.txt"]);
/// ```
pub fn commands_of(graph: &StageGraph<'_>, stage: usize, step: usize) -> Vec<SimpleCommand> {
    let Some(found) = graph.stages.get(stage).and_then(|s| s.steps.get(step)) else { return Vec::new() };
    let scope = graph.scope(stage, step);
    let lookup = |name: &str| match scope.get(name) {
        Some(value) => Some(value.to_owned()),
        None => (name == "HOME").then(|| home_of(graph, stage, step)),
    };
    commands(found.instruction, &lookup)
}

/// The home folder of the user that a step runs as, unless `HOME` says otherwise.
pub(crate) fn home_of(graph: &StageGraph<'_>, stage: usize, step: usize) -> String {
    match graph.user(stage, step).split(':').next().unwrap_or_default() {
        "root" | "0" | "" => "/root".to_owned(),
        user => format!("/home/{user}"),
    }
}

/// Like [`commands_of`], with variables filled in by the caller.
pub fn commands(instruction: &Instruction, lookup: &dyn Fn(&str) -> Option<String>) -> Vec<SimpleCommand> {
    let mut splitter = Splitter { lookup, out: Vec::new() };
    match &instruction.kind {
        InstructionKind::Run(Command::Exec(words)) => {
            splitter.finish(SimpleCommand { words: words.clone(), ..SimpleCommand::default() }, 0);
        }
        InstructionKind::Run(Command::Shell(text)) => {
            let documents = &instruction.heredocs;
            let alone = documents.len() == 1 && text.starts_with("<<") && !text.contains(char::is_whitespace);
            if let (true, [document]) = (alone, documents.as_slice()) {
                if is_shell_script(&document.content) {
                    splitter.script(&document.content, 0);
                }
            } else {
                let before = splitter.out.len();
                splitter.script(text, 0);
                let fed: Vec<bool> = splitter.out[before..].iter().map(|c| is_shell(c.program())).collect();
                // `sh <<EOF`: the document is the script.
                if let Some(document) = documents.first().filter(|_| fed.contains(&true)) {
                    splitter.script(&document.content, 0);
                }
            }
        }
        _ => {}
    }
    splitter.out
}

/// Splits a shell script, knowing no variable.
pub fn split(script: &str) -> Vec<SimpleCommand> {
    let mut splitter = Splitter { lookup: &|_| None, out: Vec::new() };
    splitter.script(script, 0);
    splitter.out
}

/// Whether a shell would run a file with this content; without `#!`, whoever starts it as an argument of a shell.
pub(crate) fn is_shell_script(content: &str) -> bool {
    match content.strip_prefix("#!") {
        None => true,
        Some(rest) => rest.lines().next().unwrap_or_default().split([' ', '/']).any(is_shell),
    }
}

pub(crate) fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh")
}

struct Splitter<'l> {
    lookup: &'l dyn Fn(&str) -> Option<String>,
    out: Vec<SimpleCommand>,
}

/// A word under way: `None` when no character of one was seen, so that `""` is a word and nothing is none.
type Word = Option<String>;

impl Splitter<'_> {
    fn script(&mut self, script: &str, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        let chars: Vec<char> = script.chars().collect();
        let mut command = SimpleCommand::default();
        let mut word: Word = None;
        // The next word is where output goes, and no argument.
        let mut redirects = false;
        let mut at = 0;
        while at < chars.len() {
            let c = chars[at];
            at += 1;
            match c {
                '\\' => match chars.get(at) {
                    Some('\n') => at += 1,
                    Some(next) => {
                        word.get_or_insert_default().push(*next);
                        at += 1;
                    }
                    None => {}
                },
                '\'' => {
                    let word = word.get_or_insert_default();
                    while at < chars.len() && chars[at] != '\'' {
                        word.push(chars[at]);
                        at += 1;
                    }
                    at += 1;
                }
                '"' => at = self.double_quoted(&chars, at, word.get_or_insert_default(), depth),
                '`' => at = self.backquoted(&chars, at, depth),
                '$' => {
                    let mut value = String::new();
                    at = self.dollar(&chars, at, &mut value, depth);
                    // An unquoted value is split at blanks.
                    let mut pieces = value.split(char::is_whitespace).peekable();
                    while let Some(piece) = pieces.next() {
                        if !piece.is_empty() {
                            word.get_or_insert_default().push_str(piece);
                        }
                        if pieces.peek().is_some() {
                            push_word(&mut command, &mut word, &mut redirects);
                        }
                    }
                }
                '~' if word.is_none() && matches!(chars.get(at), None | Some('/' | ' ' | '\n')) => {
                    word = Some((self.lookup)("HOME").unwrap_or_else(|| "~".to_owned()));
                }
                '#' if word.is_none() => {
                    while at < chars.len() && chars[at] != '\n' {
                        at += 1;
                    }
                }
                ';' | '&' | '|' | '\n' | '(' | ')' => {
                    // `2>&1` is one redirection.
                    if c == '&' && redirects && word.is_none() {
                        continue;
                    }
                    push_word(&mut command, &mut word, &mut redirects);
                    redirects = false;
                    self.finish(std::mem::take(&mut command), depth);
                }
                '<' | '>' => {
                    if word.as_deref().is_some_and(|w| w.chars().all(|c| c.is_ascii_digit())) {
                        word = None;
                    }
                    push_word(&mut command, &mut word, &mut redirects);
                    redirects = true;
                    if c == '<' && chars.get(at) == Some(&'<') {
                        at += 1;
                        if chars.get(at) == Some(&'-') {
                            at += 1;
                        }
                    } else if chars.get(at) == Some(&'(') {
                        // `<(…)` is a command, not a file.
                        redirects = false;
                    } else if matches!(chars.get(at), Some('>' | '|')) {
                        at += 1;
                    }
                }
                c if c.is_whitespace() => push_word(&mut command, &mut word, &mut redirects),
                c => word.get_or_insert_default().push(c),
            }
        }
        push_word(&mut command, &mut word, &mut redirects);
        self.finish(command, depth);
    }

    fn double_quoted(&mut self, chars: &[char], mut at: usize, word: &mut String, depth: usize) -> usize {
        while at < chars.len() {
            let c = chars[at];
            at += 1;
            match c {
                '"' => break,
                '\\' if matches!(chars.get(at), Some('"' | '\\' | '$' | '`')) => {
                    word.push(chars[at]);
                    at += 1;
                }
                '\\' if chars.get(at) == Some(&'\n') => at += 1,
                '`' => at = self.backquoted(chars, at, depth),
                '$' => at = self.dollar(chars, at, word, depth),
                c => word.push(c),
            }
        }
        at
    }

    fn backquoted(&mut self, chars: &[char], at: usize, depth: usize) -> usize {
        let end = chars[at..].iter().position(|c| *c == '`').map_or(chars.len(), |n| at + n);
        let inner: String = chars[at..end].iter().collect();
        self.script(&inner, depth + 1);
        end + 1
    }

    /// What follows a `$`: a variable, or a command whose output nobody can know here.
    fn dollar(&mut self, chars: &[char], at: usize, word: &mut String, depth: usize) -> usize {
        match chars.get(at) {
            Some('(') => {
                let mut open = 1;
                let mut end = at + 1;
                while end < chars.len() {
                    match chars[end] {
                        '(' => open += 1,
                        ')' => open -= 1,
                        _ => {}
                    }
                    if open == 0 {
                        break;
                    }
                    end += 1;
                }
                let inner: String = chars[at + 1..end].iter().collect();
                self.script(&inner, depth + 1);
                end + 1
            }
            Some('{') => {
                let end = chars[at..].iter().position(|c| *c == '}').map_or(chars.len(), |n| at + n);
                let inner: String = chars[at + 1..end.max(at + 1)].iter().collect();
                self.variable(&format!("${{{inner}}}"), word);
                end + 1
            }
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                let end = chars[at..]
                    .iter()
                    .position(|c| !c.is_ascii_alphanumeric() && *c != '_')
                    .map_or(chars.len(), |n| at + n);
                let name: String = chars[at..end].iter().collect();
                self.variable(&format!("${name}"), word);
                end
            }
            _ => {
                word.push('$');
                at
            }
        }
    }

    /// Fills in what is known; a name that only the shell knows stays as written.
    fn variable(&self, text: &str, word: &mut String) {
        let name: String = text
            .trim_start_matches(['$', '{'])
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        if (self.lookup)(&name).is_none() && !text.contains([':', '-', '+']) {
            word.push_str(text);
        } else if word.len() < MAX_VALUE_BYTES {
            word.push_str(&super::expand(text, '\\', self.lookup));
        }
    }

    /// Takes reserved words, assignments and wrappers off, follows `sh -c`, and keeps the rest.
    fn finish(&mut self, mut command: SimpleCommand, depth: usize) {
        let mut kept = 0;
        while let Some(word) = command.words.get(kept) {
            let is_assignment = word.split_once('=').is_some_and(|(name, _)| {
                name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            });
            if is_assignment {
                if let Some((name, value)) = word.split_once('=') {
                    command.assignments.push((name.to_owned(), value.to_owned()));
                }
            } else if !matches!(
                word.as_str(),
                "if" | "then"
                    | "elif"
                    | "else"
                    | "do"
                    | "while"
                    | "until"
                    | "!"
                    | "{"
                    | "time"
                    | "exec"
                    | "command"
                    | "env"
                    | "sudo"
                    | "nohup"
            ) {
                break;
            }
            command.replaces_shell |= word == "exec";
            kept += 1;
        }
        command.words.drain(..kept);
        if command.words.is_empty() && command.assignments.is_empty() && !command.replaces_shell {
            return;
        }
        if is_shell(command.program()) {
            let mut words = command.arguments().iter();
            let takes_script = |w: &String| w.starts_with('-') && !w.starts_with("--") && w.contains('c');
            if words.by_ref().any(takes_script)
                && let Some(script) = words.next().cloned()
            {
                self.out.push(command);
                self.script(&script, depth + 1);
                return;
            }
        }
        self.out.push(command);
    }
}

fn push_word(command: &mut SimpleCommand, word: &mut Word, redirects: &mut bool) {
    if let Some(word) = word.take()
        && !std::mem::take(redirects)
    {
        command.words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<Vec<String>> {
        split(script).into_iter().map(|c| c.words).collect()
    }

    #[test]
    fn commands_are_told_apart() {
        assert_eq!(
            words("set -eux; apt-get update && apt-get install -y gcc || exit 1"),
            [
                vec!["set", "-eux"],
                vec!["apt-get", "update"],
                vec!["apt-get", "install", "-y", "gcc"],
                vec!["exit", "1"]
            ]
        );
        assert_eq!(
            words("if true; then pip install x; fi"),
            [vec!["true"], vec!["pip", "install", "x"], vec!["fi"]]
        );
        assert_eq!(words("(cd /a && make)"), [vec!["cd", "/a"], vec!["make"]]);
    }

    #[test]
    fn comments_quotes_and_redirections_are_no_arguments() {
        assert_eq!(words("pip install flask # --no-cache-dir"), [vec!["pip", "install", "flask"]]);
        assert_eq!(
            words("echo '--no-cache-dir && rm' > /tmp/x 2>&1"),
            [vec!["echo", "--no-cache-dir && rm"]]
        );
        assert_eq!(words("echo a#b"), [vec!["echo", "a#b"]]);
    }

    #[test]
    fn scripts_within_scripts_are_followed() {
        assert!(words("bash -ec 'cd /x; pip install y'").contains(&vec![
            "pip".into(),
            "install".into(),
            "y".into()
        ]));
        assert!(words("echo $(pip --version)").contains(&vec!["pip".into(), "--version".into()]));
    }

    #[test]
    fn assignments_and_wrappers_stand_before_the_program() {
        let found = split("PIP_NO_CACHE_DIR=1 env A=b pip install x");
        assert_eq!(found[0].program(), "pip");
        assert_eq!(found[0].assignments[0], ("PIP_NO_CACHE_DIR".to_owned(), "1".to_owned()));
    }
}
