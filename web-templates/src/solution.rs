//! A lab's solution beside what the learner handed in.

use askama::Template;

use crate::Shell;

/// `/labs/{slug}/solution`, for those to whom it was shown.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "pages/solution.html")]
pub struct SolutionPage {
    /// The frame.
    pub shell: Shell,
    /// The lab's name in URLs.
    pub lab_slug: String,
    /// The lab's title.
    pub lab_title: String,
    /// The attempt that it is held against.
    pub attempt_id: String,
    /// The attempt's number in the lab.
    pub attempt_number: u32,
    /// The solution's files that differ from the learner's first, in the order of their paths.
    pub files: Vec<SolutionFile>,
    /// Files that only the learner has.
    pub only_yours: Vec<String>,
}

/// A file of the solution.
#[derive(Clone, Debug, Default)]
pub struct SolutionFile {
    /// Its path in the workspace.
    pub path: String,
    /// How it stands to the learner's.
    pub standing: FileStanding,
    /// Its text; empty when it is no text.
    pub text: String,
    /// From the learner's file to this one, line by line; empty where there is nothing to compare.
    pub lines: Vec<DiffLine>,
}

/// How a file of the solution stands to the learner's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileStanding {
    /// The same to the last byte.
    #[default]
    Same,
    /// Both have it, and it differs.
    Differs,
    /// The learner has no such file.
    Missing,
    /// It is no text, so nothing of it is shown.
    Binary,
}

/// A line of a comparison.
#[derive(Clone, Debug, Default)]
pub struct DiffLine {
    /// Where it stands.
    pub kind: DiffKind,
    /// Its number in the learner's file.
    pub old: Option<u32>,
    /// Its number in the solution's file.
    pub new: Option<u32>,
    /// Its text.
    pub text: String,
}

/// Where a line of a comparison stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiffKind {
    /// In both.
    #[default]
    Both,
    /// Only in the learner's file.
    Yours,
    /// Only in the solution's.
    Solution,
    /// Lines that are the same in both were left out here.
    Gap,
}

impl SolutionFile {
    fn label(&self) -> &'static str {
        match self.standing {
            FileStanding::Same => "the same as yours",
            FileStanding::Differs => "differs from yours",
            FileStanding::Missing => "you have none",
            FileStanding::Binary => "not a text",
        }
    }

    fn class(&self) -> &'static str {
        match self.standing {
            FileStanding::Same => "same",
            FileStanding::Differs => "differs",
            FileStanding::Missing => "missing",
            FileStanding::Binary => "binary",
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.standing, FileStanding::Differs | FileStanding::Missing)
    }

    fn is_binary(&self) -> bool {
        self.standing == FileStanding::Binary
    }
}

impl DiffLine {
    fn class(&self) -> &'static str {
        match self.kind {
            DiffKind::Both => "both",
            DiffKind::Yours => "yours",
            DiffKind::Solution => "solution",
            DiffKind::Gap => "gap",
        }
    }

    /// The sign before it, which says what the colour says.
    fn sign(&self) -> &'static str {
        match self.kind {
            DiffKind::Both => " ",
            DiffKind::Yours => "−",
            DiffKind::Solution => "+",
            DiffKind::Gap => "⋯",
        }
    }

    /// What a screen reader says before it.
    fn spoken(&self) -> &'static str {
        match self.kind {
            DiffKind::Both => "",
            DiffKind::Yours => "Only yours: ",
            DiffKind::Solution => "Only in the solution: ",
            DiffKind::Gap => "Lines that are the same are left out.",
        }
    }

    fn old_number(&self) -> String {
        self.old.map(|number| number.to_string()).unwrap_or_default()
    }

    fn new_number(&self) -> String {
        self.new.map(|number| number.to_string()).unwrap_or_default()
    }
}
