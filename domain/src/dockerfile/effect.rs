//! What a stage's image is set up to do: the instructions that count in the end.

use super::graph::{StageGraph, Step};
use super::instruction::{Command, InstructionKind};
use super::lines::LineSpan;

/// A setting with the place that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect<T> {
    /// What was set.
    pub value: T,
    /// The lines of the instruction.
    pub span: LineSpan,
}

/// The settings of a stage that its own instructions and those of the stages below it make. What an image from
/// elsewhere sets is not known here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects<'f> {
    /// The last `USER`, variables filled in.
    pub user: Option<Effect<String>>,
    /// The last `ENTRYPOINT`; `None` when it was emptied.
    pub entrypoint: Option<Effect<&'f Command>>,
    /// The last `CMD`. An `ENTRYPOINT` takes away the one that a stage below had set.
    pub cmd: Option<Effect<&'f Command>>,
    /// The last `HEALTHCHECK`; its value is `None` for `HEALTHCHECK NONE`.
    pub healthcheck: Option<Effect<Option<&'f Command>>>,
}

impl<'f> Effects<'f> {
    /// What holds at the end of a stage.
    ///
    /// ```
    /// use containrlab_domain::dockerfile::{Dockerfile, Effects, StageGraph};
    ///
    /// let file = Dockerfile::parse(b"FROM a AS base\nARG U=app\nUSER $U\nCMD [\"x\"]\nFROM base\nENTRYPOINT [\"y\"]\n");
    /// let effects = Effects::of(&StageGraph::new(&file), 1);
    /// assert_eq!(effects.user.map(|user| (user.value, user.span.first)), Some(("app".to_owned(), 3)));
    /// assert!(effects.cmd.is_none());
    /// ```
    pub fn of(graph: &StageGraph<'f>, stage: usize) -> Self {
        let mut effects = Self::default();
        let mut entry_stage = None;
        for (at, step) in graph.steps_back(stage, usize::MAX) {
            let span = step.instruction.span;
            match &step.instruction.kind {
                InstructionKind::User(user) if effects.user.is_none() => {
                    let value = graph.scope(at, step.index).expand(user);
                    effects.user = Some(Effect { value, span });
                }
                InstructionKind::Entrypoint(value) if effects.entrypoint.is_none() => {
                    effects.entrypoint = Some(Effect { value, span });
                    entry_stage = Some(at);
                }
                InstructionKind::Cmd(value)
                    if effects.cmd.is_none() && entry_stage.is_none_or(|entry| entry == at) =>
                {
                    effects.cmd = Some(Effect { value, span });
                }
                InstructionKind::Healthcheck(value) if effects.healthcheck.is_none() => {
                    effects.healthcheck = Some(Effect { value: value.as_ref(), span });
                }
                _ => {}
            }
        }
        effects.entrypoint = effects.entrypoint.filter(|entry| !entry.value.is_empty());
        effects.cmd = effects.cmd.filter(|cmd| !cmd.value.is_empty());
        effects
    }
}

impl Command {
    /// Whether it says nothing: `CMD []`.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Exec(words) => words.is_empty(),
            Self::Shell(text) => text.trim().is_empty(),
        }
    }
}

impl Step<'_> {
    /// Whether it runs commands.
    pub fn is_run(&self) -> bool {
        matches!(self.instruction.kind, InstructionKind::Run(_))
    }
}
