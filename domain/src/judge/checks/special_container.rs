//! An app that must also work in a container that is started in a special way.

use super::Answer;
use super::running::{gone, is_answered, run_failure};
use crate::judge::container_spec::ContainerSpec;
use crate::judge::facts::Facts;
use crate::judge::http_expectation::{Expected, HttpExpectation};
use crate::judge::observation::{ContainerState, HttpObserved, Observed};
use crate::judge::plan::StepId;
use crate::judge::planner::{Planner, http_step, run_step};
use crate::verdict::Finding;

/// A container of its own, which is asked the same as the plain one, so that a fault of the app itself is not taken for one of
/// the special way.
pub(super) struct SpecialContainer {
    /// The step that starts it.
    run: StepId,
    expect: HttpExpectation,
    within_seconds: u32,
}

/// What goes wrong in a container.
struct Trouble {
    /// In a sentence.
    what: String,
    /// The last of its output.
    log: String,
}

impl SpecialContainer {
    /// One whose step has this name, and which must answer with this status.
    pub(super) fn new(run: String, port: u16, path: &str, status: u16, within_seconds: u32) -> Self {
        let expected = Expected { status: Some(status), ..Expected::default() };
        Self { run: StepId(run), expect: HttpExpectation::get(port, path, expected), within_seconds }
    }

    /// Asks the plain container, and once that has answered this one. `how` is what is special about it.
    pub(super) fn plan(&self, planner: &mut Planner<'_>, how: ContainerSpec) {
        let Some(plain) = planner.run(&[self.expect.port]) else { return };
        let answered = planner.ask(&plain, &self.expect, self.within_seconds);
        let container = ContainerSpec { ports: vec![self.expect.port], ..how };
        let Some(own) = planner.run_own(self.run.clone(), container) else { return };
        planner.need(&own, &answered);
        planner.ask(&own, &self.expect, self.within_seconds);
    }

    /// Met when it answers. Skipped when the app does not even work in a plain container, because another check tells that.
    /// Otherwise `tell` makes a finding of the sentence that says what goes wrong.
    pub(super) fn judge(&self, facts: &Facts<'_>, tell: impl FnOnce(&str) -> Finding) -> Answer {
        if let Some(answer) = run_failure(facts, &run_step()) {
            return answer;
        }
        match facts.observed(&http_step(&run_step(), &self.expect)) {
            Some(Observed::Http(plain)) if self.is_answered(plain) => {}
            _ => return Answer::Skipped,
        }
        let own = (facts.observed(&self.run), facts.observed(&http_step(&self.run, &self.expect)));
        let trouble = match own {
            (Some(Observed::Run(seen)), _) if seen.state != ContainerState::Running => {
                Trouble { what: gone(&seen.state, &seen.log).message, log: seen.log.clone() }
            }
            (Some(Observed::Run(_)), Some(Observed::Http(seen))) if self.is_answered(seen) => {
                return Answer::Met;
            }
            (Some(Observed::Run(_)), Some(Observed::Http(seen))) => self.trouble(seen),
            _ => return Answer::Skipped,
        };
        let mut found = tell(&trouble.what);
        found.log = (!trouble.log.is_empty()).then_some(trouble.log);
        found.into()
    }

    fn is_answered(&self, seen: &HttpObserved) -> bool {
        is_answered(seen, &self.expect, self.within_seconds)
    }

    fn trouble(&self, seen: &HttpObserved) -> Trouble {
        let what = match &seen.response {
            _ if seen.container != ContainerState::Running => gone(&seen.container, &seen.log).message,
            Some(response) => {
                self.expect.is_met(response).err().unwrap_or_else(|| "It answers too late.".to_owned())
            }
            None => {
                format!("Nothing answers {} within {} seconds.", self.expect.asked(), self.within_seconds)
            }
        };
        Trouble { what, log: seen.log.clone() }
    }
}
