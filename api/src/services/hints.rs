//! Hints, one after the other: those that were shown, and the next one.

use containrlab_domain::judge::Check;
use containrlab_domain::lab::{Hint, Lab};
use containrlab_domain::session::{Session, SessionCommand};
use containrlab_domain::verdict::{CheckStatus, Verdict};
use containrlab_store::{SessionRow, ShownHint};

use crate::Error;
use crate::extract::Asker;
use crate::state::App;

/// The hints of a lab about one thing, for one session.
pub(crate) struct HintGroup<'l> {
    /// The check that they are about; none when they are about the whole lab.
    pub(crate) check: Option<&'l Check>,
    /// Those that were shown, weakest first, with when.
    pub(crate) shown: Vec<(&'l Hint, &'l ShownHint)>,
    /// How many there are.
    pub(crate) total: usize,
}

/// What a session may see of a lab's hints: about the whole lab, and about each check that isn't known to be met or that was
/// asked about. A hint that was not asked for is counted and not told.
pub(crate) fn groups<'l>(
    lab: &'l Lab,
    shown: &'l [ShownHint],
    verdict: Option<&Verdict>,
) -> Vec<HintGroup<'l>> {
    let is_met = |check: &Check| {
        let results = verdict.map(|verdict| verdict.checks.as_slice()).unwrap_or_default();
        results.iter().any(|result| result.check == check.id && result.status == CheckStatus::Passed)
    };
    let about = std::iter::once(None).chain(lab.checks.iter().map(Some));
    about
        .map(|check| group(lab, shown, check))
        .filter(|group| group.total > 0)
        .filter(|group| !group.shown.is_empty() || group.check.is_none_or(|check| !is_met(check)))
        .collect()
}

fn group<'l>(lab: &'l Lab, shown: &'l [ShownHint], check: Option<&'l Check>) -> HintGroup<'l> {
    let id = check.map(|check| check.id.as_str());
    let hints: Vec<&Hint> = lab.hints_for(id).collect();
    let mut seen: Vec<&ShownHint> = shown.iter().filter(|shown| shown.check.as_deref() == id).collect();
    seen.sort_by_key(|shown| shown.number);
    // A lab that was changed since may have fewer than were shown.
    let shown =
        seen.into_iter().filter_map(|shown| Some((*hints.get(shown.number as usize - 1)?, shown))).collect();
    HintGroup { check, shown, total: hints.len() }
}

/// Shows a hint: the next one about a check or about the whole lab, or the one of this number if that is next. One that was shown
/// already is shown again.
///
/// # Errors
/// [`Error::NoSuchHint`] when the lab has no more, a refusal of the session when it has ended or the hint is out of turn.
pub(crate) async fn show<'l>(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    lab: &'l Lab,
    check: Option<&str>,
    number: Option<u32>,
) -> Result<(&'l Hint, u32), Error> {
    let number = match number {
        Some(number) => number,
        None => {
            let shown = app.store.hints_shown(session.session_id).await?;
            shown.iter().filter(|shown| shown.check.as_deref() == check).count() as u32 + 1
        }
    };
    let place = (number as usize).checked_sub(1).ok_or(Error::NoSuchHint)?;
    let hint = lab.hints.iter().filter(|hint| hint.check.as_deref() == check).nth(place);
    let hint = hint.ok_or(Error::NoSuchHint)?;
    let command = SessionCommand::ShowHint { check: hint.check.clone(), number, strength: hint.strength };
    app.store.execute::<Session>(session.session_id.0, command, &asker.provenance()).await?;
    Ok((hint, number))
}

/// The lab of a session, as it is now.
pub(crate) fn lab_of<'a>(app: &'a App, session: &SessionRow) -> Result<&'a Lab, Error> {
    let loaded =
        app.labs.get(&session.lab.slug).ok_or_else(|| Error::NoSuchLab(session.lab.slug.to_string()))?;
    Ok(&loaded.lab)
}
