//! `.dockerignore` by meaning.

use std::fmt;

use serde::Serialize;

use super::glob::GoGlob;

/// One line of a `.dockerignore` that is a pattern.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The line as it stands in the file.
    pub text: String,
    /// Its number, counted from 1.
    pub line: u32,
    /// It takes paths back in (`!`) instead of leaving them out.
    pub includes: bool,
    pattern: Pattern,
}

#[derive(Debug, Clone)]
enum Pattern {
    /// Without any special character.
    Plain(String),
    Glob(GoGlob),
    /// Malformed, or beyond [`MAX_GLOB_BYTES`]: matches nothing.
    Nothing,
}

/// Patterns with special characters are read up to this many bytes in all; nobody writes that much, and each costs time
/// for every path.
const MAX_GLOB_BYTES: usize = 4 * 1024;

/// Rules beyond this many are not read, for the same reason.
const MAX_RULES: usize = 2000;

/// A `.dockerignore`: its rules in order.
#[derive(Debug, Clone, Default)]
pub struct DockerIgnore {
    rules: Vec<Rule>,
    faults: Vec<IgnoreFault>,
}

/// A line of a `.dockerignore` that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IgnoreFault {
    /// Its number, counted from 1.
    pub line: u32,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl DockerIgnore {
    /// Reads a `.dockerignore`. Never fails: a malformed pattern matches nothing.
    ///
    /// ```
    /// use containrlab_domain::context::DockerIgnore;
    ///
    /// let ignore = DockerIgnore::parse("# notes\n*.md\n!README.md\nvenv/\n");
    /// assert!(ignore.excludes("notes.md"));
    /// assert!(!ignore.excludes("README.md"));
    /// assert!(!ignore.excludes("docs/notes.md"), "a pattern stands from the root");
    /// assert!(ignore.excludes("venv/bin/python"));
    /// ```
    pub fn parse(text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rules = Vec::new();
        let mut faults = Vec::new();
        let mut fault = |line, message: &str| faults.push(IgnoreFault { line, message: message.to_owned() });
        let mut room = MAX_GLOB_BYTES;
        for (number, line) in (1..).zip(text.lines()) {
            // A comment starts the line: Docker looks for `#` before it trims.
            let pattern = line.trim();
            if line.starts_with('#') || pattern.is_empty() {
                continue;
            }
            let (includes, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, pattern),
            };
            if includes && pattern.is_empty() {
                fault(number, "A ! alone takes nothing back in, and a build refuses the file.");
            }
            let cleaned = clean(pattern);
            // A lone `.` (or `/`) is no path of the context.
            if cleaned.is_empty() {
                continue;
            }
            if rules.len() == MAX_RULES {
                fault(
                    number,
                    "There are more patterns than anybody needs; from this line on they are not read.",
                );
                break;
            }
            let is_too_long = cleaned.len() > room;
            let read = Pattern::read(cleaned, &mut room);
            if matches!(read, Pattern::Nothing) {
                fault(
                    number,
                    match is_too_long {
                        true => {
                            "The patterns with special characters are longer than anybody needs; this one is not read."
                        }
                        false => {
                            "The pattern is malformed, and a build refuses the file: a [ without its ], or a \\ at the end."
                        }
                    },
                );
            }
            rules.push(Rule { text: line.trim().to_owned(), line: number, includes, pattern: read });
        }
        Self { rules, faults }
    }

    /// Reads the bytes of a `.dockerignore`, whatever they are: what is no UTF-8 is told as a fault of its line.
    pub fn read(bytes: &[u8]) -> Self {
        let mut ignore = Self::parse(&String::from_utf8_lossy(bytes));
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            if std::str::from_utf8(line).is_err() {
                let message = "The line is not valid UTF-8; save the file in that encoding.".to_owned();
                ignore.faults.push(IgnoreFault { line: number, message });
            }
        }
        ignore.faults.sort_by_key(|fault| fault.line);
        ignore
    }

    /// The lines that mean nothing, in order.
    pub fn faults(&self) -> &[IgnoreFault] {
        &self.faults
    }

    /// The rules in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rule that decides about a path: the last one that speaks about it or about a folder above it.
    ///
    /// Follows Docker to the letter, from the topmost folder down: a rule is not even asked when it would change
    /// nothing, and what was not asked of a folder does not count for what lies in it. After `sub/deep` the line
    /// `!sub` therefore does not bring `sub/deep` back: when `sub` was looked at, nothing had left it out.
    pub fn deciding_rule(&self, path: &str) -> Option<&Rule> {
        let mut above = vec![false; self.rules.len()];
        let mut decided = None;
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        for end in ends {
            let mut excluded = false;
            let mut matched = vec![false; self.rules.len()];
            decided = None;
            for (number, rule) in self.rules.iter().enumerate() {
                matched[number] = above[number] || (rule.includes == excluded && rule.matches(&path[..end]));
                if matched[number] {
                    excluded = !rule.includes;
                    decided = Some(rule);
                }
            }
            above = matched;
        }
        decided
    }

    /// Whether a path is left out.
    pub fn excludes(&self, path: &str) -> bool {
        self.deciding_rule(path).is_some_and(|rule| !rule.includes)
    }
}

impl Rule {
    fn matches(&self, path: &str) -> bool {
        match &self.pattern {
            Pattern::Plain(text) => text == path,
            Pattern::Glob(glob) => glob.matches(path),
            Pattern::Nothing => false,
        }
    }
}

impl Pattern {
    fn read(text: String, room: &mut usize) -> Self {
        if !text.contains(['*', '?', '[', '\\']) {
            return Self::Plain(text);
        }
        match room.checked_sub(text.len()) {
            None => Self::Nothing,
            Some(rest) => {
                *room = rest;
                GoGlob::with_double_star(&text).map_or(Self::Nothing, Self::Glob)
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ".dockerignore:{}: {}", self.line, self.text)
    }
}

/// Takes `./`, `..`, double slashes and slashes at both ends away, as Docker does before it matches.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What a build of a folder sends.
#[derive(Debug, Clone, Default)]
pub struct BuildContext {
    ignore: DockerIgnore,
    dockerfile: String,
}

/// A path of the folder and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContextPath {
    /// The path, relative to the folder.
    pub path: String,
    /// Sent with the build.
    pub included: bool,
    /// The line of `.dockerignore` that decided, if one speaks about it.
    pub rule: Option<String>,
}

impl BuildContext {
    /// A context with these rules, built from a Dockerfile at this path.
    pub fn new(ignore: DockerIgnore, dockerfile: impl Into<String>) -> Self {
        Self { ignore, dockerfile: dockerfile.into() }
    }

    /// Whether a path is part of what `COPY` and `ADD` can take. The Dockerfile and `.dockerignore` are sent to the
    /// engine in any case, but can be copied only when no rule leaves them out.
    pub fn includes(&self, path: &str) -> bool {
        !self.ignore.excludes(path)
    }

    /// The paths that a build sends, in the order given: all that no rule leaves out, and always the Dockerfile and
    /// `.dockerignore`.
    pub fn included<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> Vec<&'p str> {
        paths.into_iter().filter(|path| self.is_always_sent(path) || self.includes(path)).collect()
    }

    /// Every path with what becomes of it and why.
    pub fn explain<'p>(&self, paths: impl IntoIterator<Item = &'p str>) -> Vec<ContextPath> {
        paths
            .into_iter()
            .map(|path| ContextPath {
                path: path.to_owned(),
                included: self.is_always_sent(path) || self.includes(path),
                rule: self.ignore.deciding_rule(path).map(Rule::to_string),
            })
            .collect()
    }

    /// The rule that leaves a path out.
    pub fn left_out_by(&self, path: &str) -> Option<&Rule> {
        self.ignore.deciding_rule(path).filter(|rule| !rule.includes)
    }

    /// The rules.
    pub fn ignore(&self) -> &DockerIgnore {
        &self.ignore
    }

    fn is_always_sent(&self, path: &str) -> bool {
        path == self.dockerfile || path == ".dockerignore"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excludes(rules: &str, path: &str) -> bool {
        DockerIgnore::parse(rules).excludes(path)
    }

    #[test]
    fn a_pattern_stands_from_the_root() {
        assert!(excludes("*.md", "a.md"));
        assert!(!excludes("*.md", "sub/a.md"));
        assert!(excludes("**/*.md", "a.md"));
        assert!(excludes("**/*.md", "deep/er/a.md"));
        assert!(!excludes("__pycache__", "app/__pycache__/x.pyc"));
        assert!(excludes("**/__pycache__", "app/__pycache__/x.pyc"));
        assert!(excludes("*/temp*", "somedir/temporary.txt"));
        assert!(excludes("*/*/temp*", "some/sub/temporary"));
        assert!(!excludes("*/*/temp*", "some/temporary"));
    }

    #[test]
    fn a_folder_takes_all_below_it() {
        for rule in
            ["venv", "venv/", "/venv", "/venv/", "./venv", "venv/**", "ven?", "v*", "[v]env", "**/venv"]
        {
            assert!(excludes(rule, "venv/bin/python"), "{rule}");
        }
        assert!(!excludes("venv", "venv2/bin"));
        assert!(!excludes("venv", "app/venv/bin"));
        assert!(excludes("a/**/z", "a/z"));
        assert!(excludes("a/**/z", "a/b/c/z"));
    }

    #[test]
    fn the_last_match_wins() {
        assert!(!excludes("*.md\n!README.md", "README.md"));
        assert!(excludes("!README.md\n*.md", "README.md"));
        assert!(excludes("*.md\n!README*.md\nREADME-secret.md", "README-secret.md"));
        assert!(!excludes("!venv", "venv/bin"));
        assert!(!excludes("venv\n!venv", "venv/x"));
        assert!(excludes("!venv\nvenv", "venv/x"));
        assert!(!excludes("*\n!app\n!requirements.txt", "app/main.py"));
        assert!(excludes("*\n!app\n!requirements.txt", "venv/x"));
    }

    #[test]
    fn a_rule_that_would_change_nothing_for_a_folder_says_nothing_about_what_is_in_it() {
        assert!(excludes("sub/deep\n!sub", "sub/deep/a"), "nothing had left sub out");
        assert!(!excludes("sub\n!sub\n", "sub/deep/a"));
        assert!(!excludes("*\n!sub/x\nsub", "sub/x"), "sub was left out already");
        assert!(excludes("!sub/x\nsub", "sub/x"));
    }

    #[test]
    fn comments_blanks_and_line_ends_are_no_patterns() {
        assert!(!excludes("# venv\n\n   \n", "venv"));
        assert!(excludes("venv\r\n.git\r\n", "venv/x"));
        assert!(excludes("\u{feff}venv", "venv"));
        assert!(!excludes(".\n/\n", "venv"));
        assert!(excludes("  venv  ", "venv"));
        // Docker knows no comment behind a pattern: this one speaks about a file of that name.
        assert!(!excludes("venv # comment", "venv"));
    }

    #[test]
    fn braces_and_malformed_classes_have_no_meaning() {
        assert!(!excludes("{a,b}", "a"));
        assert!(excludes("{a,b}", "{a,b}"));
        assert!(!excludes("[a", "a"));
        assert!(excludes("[^b]x", "ax"));
        assert!(!excludes("[^b]x", "bx"));
        assert!(excludes("\\*", "*"));
        assert!(!excludes("\\*", "a"));
    }

    #[test]
    fn the_dockerfile_is_always_sent_but_can_be_kept_from_copies() {
        let context = BuildContext::new(DockerIgnore::parse("*"), "Dockerfile");
        assert_eq!(
            context.included(["Dockerfile", ".dockerignore", "app.py"]),
            ["Dockerfile", ".dockerignore"]
        );
        assert!(!context.includes("Dockerfile"));
        let why = &context.explain(["app.py"])[0];
        assert_eq!((why.included, why.rule.as_deref()), (false, Some(".dockerignore:1: *")));
    }

    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_text_makes_the_reader_panic(
            text in "[a-c*?!#/.\\[\\]{}\\\\ \n^-]{0,60}", any_text in any::<String>(), path in "[a-c./]{0,12}",
        ) {
            DockerIgnore::parse(&text).excludes(&path);
            DockerIgnore::parse(&any_text).excludes(&path);
        }

        /// Rules after a catch-all decide; rules before it do not.
        #[test]
        fn a_catch_all_at_the_end_wins(text in "[a-c*!/\n]{0,30}", path in "[a-c]{1,3}(/[a-c]{1,3}){0,2}") {
            let all = format!("{text}\n**");
            prop_assert!(DockerIgnore::parse(&all).excludes(&path));
            let none = format!("{text}\n!**");
            prop_assert!(!DockerIgnore::parse(&none).excludes(&path));
        }
    }
}
