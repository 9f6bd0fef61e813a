//! One instruction: its keyword, flags and arguments, without what they mean together with others.

use serde::Serialize;

use super::diagnostic::Diagnostic;
use super::lines::{HereDoc, LineSpan, LogicalLine};
use super::variables::split_words;
use crate::lab::nearest;

/// An instruction with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instruction {
    /// Its keyword in upper case, such as `COPY`; as written when it is unknown.
    pub keyword: String,
    /// Its lines, here-documents included.
    pub span: LineSpan,
    /// Its flags, such as `--from=builder`, in order.
    pub flags: Vec<Flag>,
    /// What follows the flags, continuations joined, variables not yet filled in.
    pub text: String,
    /// The here-documents that belong to it.
    pub heredocs: Vec<HereDoc>,
    /// What it says.
    pub kind: InstructionKind,
}

/// A flag of an instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// Its name without the hyphens.
    pub name: String,
    /// What follows the `=`.
    pub value: Option<String>,
}

/// A command in one of its two forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// `["program", "argument"]`: run as it stands.
    Exec(Vec<String>),
    /// Text for the shell.
    Shell(String),
}

/// What `COPY` and `ADD` say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transfer {
    /// Paths, patterns, URLs or here-document words, variables not yet filled in.
    pub sources: Vec<String>,
    /// Where to.
    pub destination: String,
}

/// The instruction by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the keywords of the Dockerfile reference, under their own names")]
pub enum InstructionKind {
    From {
        image: String,
        name: Option<String>,
    },
    Run(Command),
    Cmd(Command),
    Entrypoint(Command),
    Copy(Transfer),
    Add(Transfer),
    Env(Vec<(String, String)>),
    Arg(Vec<(String, Option<String>)>),
    Label(Vec<(String, String)>),
    Workdir(String),
    User(String),
    Expose(Vec<String>),
    Volume(Vec<String>),
    Shell(Vec<String>),
    Stopsignal(String),
    /// `None` for `HEALTHCHECK NONE`.
    Healthcheck(Option<Command>),
    Maintainer(String),
    Onbuild(Box<Instruction>),
    /// A keyword that no build knows, or arguments that it can't read: a diagnostic says which.
    Unknown,
}

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

impl Instruction {
    /// The value of the last flag with this name; empty for a flag without one.
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|f| f.name == name).map(|f| f.value.as_deref().unwrap_or_default())
    }

    /// The values of all flags with this name.
    pub fn flag_values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s str> {
        self.flags.iter().filter(move |f| f.name == name).map(|f| f.value.as_deref().unwrap_or_default())
    }

    pub(super) fn read(line: LogicalLine, escape: char, diagnostics: &mut Vec<Diagnostic>) -> Self {
        let LogicalLine { span, text, heredocs } = line;
        let mut reader = ArgumentReader { span, escape, diagnostics };
        reader.instruction(&text, heredocs, false)
    }
}

struct ArgumentReader<'d> {
    span: LineSpan,
    escape: char,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl ArgumentReader<'_> {
    fn instruction(&mut self, text: &str, heredocs: Vec<HereDoc>, triggered: bool) -> Instruction {
        let (word, rest) = split_once_blank(text.trim());
        let keyword = word.to_ascii_uppercase();
        let known = KEYWORDS.contains(&keyword.as_str());
        if !known {
            self.unknown(word);
        }
        let (flags, text) = if known { read_flags(rest, self.escape) } else { (Vec::new(), rest) };
        let text = text.trim().to_owned();
        let kind = if known {
            self.kind(&keyword, &text, &heredocs, triggered).unwrap_or(InstructionKind::Unknown)
        } else {
            InstructionKind::Unknown
        };
        let keyword = if known { keyword } else { word.to_owned() };
        Instruction { keyword, span: self.span, flags, text, heredocs, kind }
    }

    fn unknown(&mut self, word: &str) {
        let shown: String = word.chars().take(40).collect();
        let mut diagnostic = Diagnostic::error(
            "unknown_instruction",
            self.span.first,
            format!("A Dockerfile knows no instruction {shown}."),
        )
        .up_to(self.span.last);
        if let Some(meant) = nearest(&shown.to_ascii_uppercase(), KEYWORDS.iter().copied()) {
            diagnostic = diagnostic.suggest(meant);
        }
        self.diagnostics.push(diagnostic);
    }

    fn fault(&mut self, message: String) {
        let span = self.span;
        self.diagnostics.push(Diagnostic::error("bad_arguments", span.first, message).up_to(span.last));
    }

    /// `None` when the arguments can't be read; a diagnostic then says why.
    fn kind(
        &mut self,
        keyword: &str,
        text: &str,
        heredocs: &[HereDoc],
        triggered: bool,
    ) -> Option<InstructionKind> {
        use InstructionKind as Kind;
        // CMD and ENTRYPOINT may be emptied; all others need an argument.
        if text.is_empty() && !matches!(keyword, "CMD" | "ENTRYPOINT") {
            self.fault(format!("{keyword} needs at least one argument."));
            return None;
        }
        Some(match keyword {
            "FROM" => return self.from(text),
            "RUN" => Kind::Run(self.command(keyword, text)),
            "CMD" => Kind::Cmd(self.command(keyword, text)),
            "ENTRYPOINT" => Kind::Entrypoint(self.command(keyword, text)),
            "COPY" => Kind::Copy(self.transfer(keyword, text, heredocs)?),
            "ADD" => Kind::Add(self.transfer(keyword, text, heredocs)?),
            "ENV" => Kind::Env(self.pairs(keyword, text)?),
            "LABEL" => Kind::Label(self.pairs(keyword, text)?),
            "ARG" => Kind::Arg(
                split_words(text, self.escape)
                    .into_iter()
                    .map(|word| match word.split_once('=') {
                        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                        None => (word, None),
                    })
                    .collect(),
            ),
            "WORKDIR" => Kind::Workdir(text.to_owned()),
            "USER" => Kind::User(text.to_owned()),
            "STOPSIGNAL" => Kind::Stopsignal(text.to_owned()),
            "MAINTAINER" => Kind::Maintainer(text.to_owned()),
            "EXPOSE" => Kind::Expose(text.split_whitespace().map(str::to_owned).collect()),
            "VOLUME" => Kind::Volume(
                json_list(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect()),
            ),
            "SHELL" => match json_list(text) {
                Some(words) if !words.is_empty() => Kind::Shell(words),
                _ => {
                    self.fault("SHELL needs a list such as [\"/bin/bash\", \"-c\"].".to_owned());
                    return None;
                }
            },
            "HEALTHCHECK" => return self.healthcheck(text),
            "ONBUILD" => return self.onbuild(text, heredocs, triggered),
            _ => return None,
        })
    }

    fn from(&mut self, text: &str) -> Option<InstructionKind> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (image, name) = match words.as_slice() {
            [image] => (image, None),
            [image, word, name] if word.eq_ignore_ascii_case("as") => {
                (image, Some(name.to_ascii_lowercase()))
            }
            _ => {
                self.fault(
                    "FROM takes an image, and AS with a name after it: FROM <image> AS <name>.".to_owned(),
                );
                return None;
            }
        };
        if let Some(name) = name.as_deref() {
            let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
                && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c));
            if !fits || matches!(name, "context" | "scratch") {
                self.fault(format!(
                    "A stage can't be called {name}: a name starts with a letter and holds letters, digits, - _ and ."
                ));
            }
        }
        Some(InstructionKind::From { image: (*image).to_owned(), name })
    }

    fn command(&mut self, keyword: &str, text: &str) -> Command {
        if let Some(words) = json_list(text) {
            return Command::Exec(words);
        }
        if keyword != "RUN" && text.starts_with('[') && text.ends_with(']') {
            self.diagnostics.push(
                Diagnostic::warning(
                    "exec_form_quotes",
                    self.span.first,
                    format!("{keyword} looks like a list but is no JSON, so a shell gets it as text, brackets and all."),
                )
                .up_to(self.span.last)
                .suggest("double quotes around each word, and commas between them"),
            );
        }
        Command::Shell(text.to_owned())
    }

    fn transfer(&mut self, keyword: &str, text: &str, heredocs: &[HereDoc]) -> Option<Transfer> {
        let mut words =
            json_list(text).unwrap_or_else(|| text.split_whitespace().map(str::to_owned).collect());
        // A quoted word of a here-document may hold blanks; BuildKit splits there too.
        let destination = words.pop();
        match destination {
            Some(destination) if !words.is_empty() || !heredocs.is_empty() => {
                Some(Transfer { sources: words, destination })
            }
            _ => {
                self.fault(format!("{keyword} needs what to copy and where to: two words at least."));
                None
            }
        }
    }

    fn pairs(&mut self, keyword: &str, text: &str) -> Option<Vec<(String, String)>> {
        let words = split_words(text, self.escape);
        if !words.first()?.contains('=') {
            let (name, value) = split_once_blank(text);
            if value.is_empty() {
                self.fault(format!("{keyword} needs a name and a value: {keyword} NAME=value."));
                return None;
            }
            return Some(vec![(name.to_owned(), value.to_owned())]);
        }
        let mut pairs = Vec::new();
        for word in words {
            match word.split_once('=') {
                Some((name, value)) => pairs.push((name.to_owned(), value.to_owned())),
                None => {
                    self.fault(format!(
                        "{keyword} can't read {word}: each part is NAME=value, and a value with blanks needs quotes."
                    ));
                    return None;
                }
            }
        }
        Some(pairs)
    }

    fn healthcheck(&mut self, text: &str) -> Option<InstructionKind> {
        let (word, rest) = split_once_blank(text);
        match word.to_ascii_uppercase().as_str() {
            "NONE" => Some(InstructionKind::Healthcheck(None)),
            "CMD" if !rest.is_empty() => {
                Some(InstructionKind::Healthcheck(Some(self.command("HEALTHCHECK", rest))))
            }
            _ => {
                self.fault("HEALTHCHECK takes CMD with a command, or NONE.".to_owned());
                None
            }
        }
    }

    fn onbuild(&mut self, text: &str, heredocs: &[HereDoc], triggered: bool) -> Option<InstructionKind> {
        let word = split_once_blank(text).0.to_ascii_uppercase();
        if triggered || matches!(word.as_str(), "ONBUILD" | "FROM" | "MAINTAINER") {
            self.fault(format!("ONBUILD can't hold {word}."));
            return None;
        }
        Some(InstructionKind::Onbuild(Box::new(self.instruction(text, heredocs.to_vec(), true))))
    }
}

fn split_once_blank(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((head, tail)) => (head, tail.trim()),
        None => (text, ""),
    }
}

fn json_list(text: &str) -> Option<Vec<String>> {
    text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten()
}

/// Takes leading `--name=value` words off; quotes and escapes in them are resolved.
fn read_flags(text: &str, escape: char) -> (Vec<Flag>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let mut word = String::new();
        let mut quote = None;
        let mut end = rest.len();
        let mut chars = rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match quote {
                Some(q) if c == q => quote = None,
                None if c == '"' || c == '\'' => quote = Some(c),
                None if c.is_whitespace() => {
                    end = at;
                    break;
                }
                _ if c == escape && quote != Some('\'') => word.extend(chars.next().map(|(_, c)| c)),
                _ => word.push(c),
            }
        }
        rest = rest[end..].trim_start();
        if word == "--" {
            break;
        }
        let flag = word.trim_start_matches("--");
        flags.push(match flag.split_once('=') {
            Some((name, value)) => Flag { name: name.to_owned(), value: Some(value.to_owned()) },
            None => Flag { name: flag.to_owned(), value: None },
        });
    }
    (flags, rest)
}
