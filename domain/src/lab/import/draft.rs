//! A lab under way.

use std::fmt::Write;

use super::{ImportKind, ImportNote, ImportReport, ImportSource, Imported};
use crate::lab::LabFiles;

/// The parts of a lab as they are found.
#[derive(Debug)]
pub(super) struct Draft {
    source: ImportSource,
    pub(super) title: String,
    pub(super) summary: String,
    pub(super) level: &'static str,
    pub(super) minutes: u32,
    pub(super) order: u32,
    pub(super) images: Vec<String>,
    /// Id, heading and text of each step.
    steps: Vec<(String, String, String)>,
    /// The `[[checks]]` tables.
    checks: String,
    /// The `[[hints]]` tables.
    hints: String,
    pub(super) files: LabFiles,
    notes: Vec<ImportNote>,
}

impl Draft {
    pub(super) fn new(source: ImportSource, order: u32) -> Self {
        Self {
            source,
            title: String::new(),
            summary: String::new(),
            level: "beginner",
            minutes: 20,
            order,
            images: Vec::new(),
            steps: Vec::new(),
            checks: String::new(),
            hints: String::new(),
            files: LabFiles::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, kind: ImportKind, place: &str, what: impl Into<String>) {
        self.notes.push(ImportNote { kind, place: place.to_owned(), what: what.into() });
    }

    /// Adds a step; its anchor is made of its heading.
    pub(super) fn step(&mut self, title: &str, text: String) -> String {
        let base = anchor(title);
        let taken = |id: &str| self.steps.iter().any(|(known, _, _)| known == id);
        let numbered = (2_u32..).map(|number| format!("{base}-{number}"));
        let id = std::iter::once(base.clone()).chain(numbered).find(|id| !taken(id)).unwrap_or_default();
        self.steps.push((id.clone(), title.to_owned(), text));
        id
    }

    /// Adds a check: its type and further keys, values written as TOML.
    pub(super) fn check(&mut self, kind: &str, keys: &[(&str, String)]) {
        let _ = write!(self.checks, "\n[[checks]]\ntype = {}\n", quoted(kind));
        for (key, value) in keys {
            let _ = writeln!(self.checks, "{key} = {value}");
        }
    }

    /// Adds the strongest kind of hint, for a check.
    pub(super) fn answer(&mut self, check: &str, text: &str) {
        let _ = write!(
            self.hints,
            "\n[[hints]]\ncheck = {}\nstrength = 3\ntext = {}\n",
            quoted(check),
            quoted(text)
        );
    }

    pub(super) fn has_checks(&self) -> bool {
        !self.checks.is_empty()
    }

    /// Puts all together. What a lab must have and the source has not is added, and told.
    pub(super) fn finish(mut self, description: String) -> Imported {
        if !self.files.keys().any(|path| path.starts_with("starter/")) {
            let text = format!("# {}\n", self.title);
            self.files.insert("starter/README.md".to_owned(), text.into_bytes());
            self.note(
                ImportKind::Added,
                "starter/README.md",
                "There are no files to start from, so this one stands there.",
            );
        }
        if !self.files.keys().any(|path| path.starts_with("solution/")) {
            let text = "Replace this file by what the solution changes in starter/.\n";
            self.files.insert("solution/SOLUTION.md".to_owned(), text.as_bytes().to_vec());
            self.note(
                ImportKind::Added,
                "solution/",
                "There is no solution: write one, then `containrlab lab verify` says whether it passes.",
            );
        }
        self.note(
            ImportKind::Added,
            "wrong/",
            "There are no wrong answers: they are what shows that the checks can tell right from wrong.",
        );
        let mut manifest = format!(
            "#:schema ../lab.schema.json\ntitle = {}\nsummary = {}\nlevel = {}\nminutes = {}\ntags = [\"imported\"]\norder = {}\n\
             prerequisites = []\nimages = [{}]\n",
            quoted(&self.title),
            quoted(&self.summary),
            quoted(self.level),
            self.minutes,
            self.order,
            self.images.iter().map(|image| quoted(image)).collect::<Vec<_>>().join(", "),
        );
        for (number, (id, title, text)) in (1..).zip(&self.steps) {
            let file = format!("steps/{number:02}-{id}.md");
            let _ = write!(
                manifest,
                "\n[[steps]]\nid = {}\ntitle = {}\nfile = {}\n",
                quoted(id),
                quoted(title),
                quoted(&file)
            );
            self.files.insert(file, text.clone().into_bytes());
        }
        manifest.push_str(&self.checks);
        manifest.push_str(&self.hints);
        self.files.insert("lab.toml".to_owned(), manifest.into_bytes());
        self.files.insert("description.md".to_owned(), description.into_bytes());
        Imported { files: self.files, report: ImportReport { source: self.source, notes: self.notes } }
    }
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Letters and digits of a heading, in lower case, with hyphens between its words.
fn anchor(title: &str) -> String {
    let words: Vec<String> = title
        .to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(6)
        .map(str::to_owned)
        .collect();
    if words.is_empty() { "step".to_owned() } else { words.join("-") }
}
