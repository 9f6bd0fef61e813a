//! Logical lines: what BuildKit hands to one instruction.

use serde::Serialize;

use super::diagnostic::Diagnostic;
use super::variables::{split_words, unquote};

/// The longest line that BuildKit's reader takes.
const MAX_LINE_BYTES: usize = 65_535;

/// Lines of a file, counted from 1, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LineSpan {
    /// First line.
    pub first: u32,
    /// Last line.
    pub last: u32,
}

/// A here-document: text in the Dockerfile that stands for a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HereDoc {
    /// The word that ends it, and its file name in a `COPY`.
    pub name: String,
    /// Whether variables are filled in: not so when the word is quoted.
    pub expand: bool,
    /// Its text, with leading tabs removed for `<<-`.
    pub content: String,
}

/// One instruction's text, continuations joined, with the here-documents that follow it.
#[derive(Debug)]
pub(super) struct LogicalLine {
    pub(super) span: LineSpan,
    pub(super) text: String,
    pub(super) heredocs: Vec<HereDoc>,
}

/// Cuts a file into logical lines.
#[derive(Debug)]
pub(super) struct Reader {
    lines: Vec<String>,
    /// Lines that were no UTF-8, counted from 0.
    bad: Vec<usize>,
    next: usize,
    escape: char,
    syntax: Option<String>,
    /// Directives stand at the very top; the first other line ends them.
    in_directives: bool,
    seen_directives: Vec<String>,
    told_crlf: bool,
    has_crlf: bool,
}

impl Reader {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut lines = Vec::new();
        let mut bad = Vec::new();
        let mut has_crlf = false;
        for (number, raw) in bytes.split(|b| *b == b'\n').enumerate() {
            let line = match raw.strip_suffix(b"\r") {
                Some(line) => {
                    has_crlf = true;
                    line
                }
                None => raw,
            };
            if std::str::from_utf8(line).is_err() {
                bad.push(number);
            }
            lines.push(String::from_utf8_lossy(line).into_owned());
        }
        // The newline at the end of the file ends its last line and starts no other.
        if lines.last().is_some_and(String::is_empty) {
            lines.pop();
        }
        Self {
            lines,
            bad,
            next: 0,
            escape: '\\',
            syntax: None,
            in_directives: true,
            seen_directives: Vec::new(),
            told_crlf: false,
            has_crlf,
        }
    }

    pub(super) fn escape(&self) -> char {
        self.escape
    }

    pub(super) fn syntax(&self) -> Option<&str> {
        self.syntax.as_deref()
    }

    pub(super) fn line_count(&self) -> u32 {
        self.lines.len() as u32
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.lines
    }

    /// The next instruction's text; `None` at the end of the file.
    pub(super) fn next_line(&mut self, diagnostics: &mut Vec<Diagnostic>) -> Option<LogicalLine> {
        loop {
            let at = self.next;
            let raw = self.take_line(diagnostics)?;
            let trimmed = raw.trim_start();
            if let Some(comment) = trimmed.strip_prefix('#') {
                self.directive(comment, at as u32 + 1, diagnostics);
                self.tell_bad_text(at, true, diagnostics);
                continue;
            }
            self.in_directives = false;
            if trimmed.trim_end().is_empty() {
                continue;
            }
            self.tell_bad_text(at, false, diagnostics);
            let trimmed = trimmed.to_owned();
            let (piece, mut continues) = self.without_continuation(&trimmed);
            let mut text = piece.to_owned();
            if text.is_empty() && !continues {
                continue;
            }
            while continues {
                let at = self.next;
                let Some(raw) = self.take_line(diagnostics) else { break };
                if raw.trim_start().starts_with('#') {
                    self.tell_bad_text(at, true, diagnostics);
                    continue;
                }
                if raw.trim().is_empty() {
                    continue;
                }
                self.tell_bad_text(at, false, diagnostics);
                let (piece, goes_on) = self.without_continuation(&raw);
                text.push_str(piece);
                continues = goes_on;
            }
            if text.trim().is_empty() {
                continue;
            }
            let first = at as u32 + 1;
            let heredocs = self.heredocs(&text, first, diagnostics);
            return Some(LogicalLine { span: LineSpan { first, last: self.next as u32 }, text, heredocs });
        }
    }

    fn take_line(&mut self, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
        let line = self.lines.get(self.next)?.clone();
        self.next += 1;
        if line.len() > MAX_LINE_BYTES {
            diagnostics.push(Diagnostic::error(
                "line_too_long",
                self.next as u32,
                format!("The line is longer than the {MAX_LINE_BYTES} bytes that a build accepts."),
            ));
        }
        Some(line)
    }

    fn without_continuation<'l>(&self, line: &'l str) -> (&'l str, bool) {
        let end = line.trim_end_matches([' ', '\t']);
        match end.strip_suffix(self.escape) {
            // Two escapes are one literal escape, and continue nothing.
            Some(rest) if !rest.ends_with(self.escape) => (rest, true),
            _ => (line, false),
        }
    }

    fn tell_bad_text(&self, at: usize, in_comment: bool, diagnostics: &mut Vec<Diagnostic>) {
        if self.bad.binary_search(&at).is_err() {
            return;
        }
        let line = at as u32 + 1;
        let message = "The line is not valid UTF-8; save the file in that encoding.";
        diagnostics.push(if in_comment {
            Diagnostic::warning("bad_utf8", line, message)
        } else {
            Diagnostic::error("bad_utf8", line, message)
        });
    }

    fn directive(&mut self, comment: &str, line: u32, diagnostics: &mut Vec<Diagnostic>) {
        if !self.in_directives {
            return;
        }
        let Some((name, value)) = comment.split_once('=') else {
            self.in_directives = false;
            return;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric());
        if !is_name || value.is_empty() {
            self.in_directives = false;
            return;
        }
        if !matches!(name.as_str(), "escape" | "syntax" | "check") {
            return;
        }
        if self.seen_directives.contains(&name) {
            diagnostics.push(Diagnostic::error(
                "directive_twice",
                line,
                format!("The directive {name} may stand only once."),
            ));
            return;
        }
        match name.as_str() {
            "escape" => match value {
                "\\" => self.escape = '\\',
                "`" => self.escape = '`',
                _ => diagnostics.push(
                    Diagnostic::error("bad_escape", line, format!("The escape character can't be {value}."))
                        .suggest("# escape=\\ or # escape=`"),
                ),
            },
            "syntax" => {
                self.syntax = Some(value.to_owned());
                let name = value.strip_prefix("docker.io/").unwrap_or(value);
                if !name.starts_with("docker/dockerfile") {
                    diagnostics.push(Diagnostic::warning(
                        "foreign_syntax",
                        line,
                        format!("The file asks for {value} to read it. It is read here as Docker's own syntax, and may mean something else there."),
                    ));
                }
            }
            _ => {}
        }
        self.seen_directives.push(name);
    }

    fn heredocs(&mut self, text: &str, first: u32, diagnostics: &mut Vec<Diagnostic>) -> Vec<HereDoc> {
        if !text.contains("<<") {
            return Vec::new();
        }
        let keyword = text.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        if !matches!(keyword.as_str(), "RUN" | "COPY" | "ADD" | "ONBUILD") {
            return Vec::new();
        }
        let mut found = Vec::new();
        for word in split_words(text, self.escape) {
            let Some((chomp, expand, name)) = heredoc_start(&word, self.escape) else { continue };
            let mut content = String::new();
            let mut ended = false;
            while let Some(raw) = self.take_line(diagnostics) {
                self.tell_bad_text(self.next - 1, false, diagnostics);
                let line = if chomp { raw.trim_start_matches('\t') } else { &raw };
                if line == name {
                    ended = true;
                    break;
                }
                content.push_str(line);
                content.push('\n');
            }
            if self.has_crlf && !self.told_crlf {
                self.told_crlf = true;
                diagnostics.push(Diagnostic::warning(
                    "crlf",
                    first,
                    "The file has Windows line ends (CRLF): a script in a here-document keeps them, and shells stumble.",
                ).suggest("save the file with LF line ends"));
            }
            if !ended {
                diagnostics.push(
                    Diagnostic::error(
                        "unterminated_heredoc",
                        first,
                        format!("The here-document that starts here never ends: no line holds just {name}."),
                    )
                    .up_to(self.next as u32)
                    .suggest(format!("a line with {name} alone, at its start")),
                );
            }
            found.push(HereDoc { name, expand, content });
        }
        found
    }
}

/// Reads a word such as `<<EOF`, `<<-EOF` or `3<<"EOF"`: tabs stripped, variables filled in, the ending word.
fn heredoc_start(word: &str, escape: char) -> Option<(bool, bool, String)> {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix("<<")?;
    let (chomp, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let name = unquote(rest, escape);
    (!name.is_empty()).then(|| (chomp, name == rest, name))
}
