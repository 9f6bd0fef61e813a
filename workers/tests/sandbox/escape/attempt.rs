//! An attempt to get out, and what came of it.

/// As whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The learner, through a command.
    Learner,
    /// The learner, at their shell.
    LearnersShell,
    /// Root in the most powerful container that the learner's engine gives.
    InnerRoot,
}

/// How it shows that an attempt was stopped.
#[derive(Debug)]
pub(super) enum Evidence {
    /// It fails, and says one of these.
    Says(&'static [&'static str]),
    /// It looks around, and this is all that there is to find.
    Finds(&'static str),
    /// It goes on until there is no more to be had, and says one of these.
    RunsOut(&'static [&'static str]),
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The part of the document.
    pub(super) group: &'static str,
    /// What is tried.
    pub(super) what: &'static str,
    /// As whom.
    pub(super) by: By,
    /// How: a script for bash, in which names in braces stand for what the stage has, and `reach HOST PORT` says "open" or "closed".
    pub(super) script: &'static str,
    /// What stops it.
    pub(super) stopped_by: &'static str,
    /// How that shows.
    pub(super) evidence: Evidence,
    /// Whether something has to be tidied up before the next one.
    pub(super) leaves_mess: bool,
}

/// What came of one.
#[derive(Debug)]
pub(super) struct Seen {
    /// Its exit code; none when it was killed or its time was up.
    pub(super) code: Option<i32>,
    /// What it said.
    pub(super) output: String,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start: String = self.output.chars().take(300).collect();
        write!(f, "{:?}, {start:?}", self.code)
    }
}

impl By {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Learner | Self::LearnersShell => "learner",
            Self::InnerRoot => "root in a container",
        }
    }
}

impl Attempt {
    pub(super) fn is_stopped(&self, seen: &Seen) -> bool {
        let says = |words: &[&str]| words.iter().any(|word| seen.output.contains(word));
        match self.evidence {
            Evidence::Says(words) => seen.code != Some(0) && says(words),
            Evidence::Finds(all) => seen.output == all,
            Evidence::RunsOut(words) => says(words),
        }
    }

    pub(super) fn evidence_in_words(&self) -> String {
        let quoted =
            |words: &[&str]| words.iter().map(|word| format!("“{word}”")).collect::<Vec<_>>().join(" or ");
        match self.evidence {
            Evidence::Says(words) => format!("it fails with {}", quoted(words)),
            Evidence::Finds(all) => format!("all that it finds is “{all}”"),
            Evidence::RunsOut(words) => format!("it ends in {}", quoted(words)),
        }
    }
}
