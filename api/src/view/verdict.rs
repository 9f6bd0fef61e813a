//! The verdict, and how its figures moved since the attempt before.

use containrlab_domain::verdict::{CheckStatus, Verdict as StoredVerdict};
use containrlab_store::{AttemptRow, AttemptState};
use containrlab_web_templates::{
    Change, CheckOutcome, CheckRow, CurrentVerdict, Finding, Metric, Tone, Verdict, words,
};

use super::attempts::{millis, state};
use crate::narrate;

/// What is told of the newest attempt of a session.
pub(crate) fn current(newest: Option<&AttemptRow>, previous: Option<&AttemptRow>) -> CurrentVerdict {
    let Some(attempt) = newest else { return CurrentVerdict::None };
    match (attempt.state, verdict(attempt, previous)) {
        (AttemptState::Judged, Some(verdict)) => CurrentVerdict::Done(Box::new(verdict)),
        (AttemptState::Submitted, _) => {
            CurrentVerdict::Judging { number: attempt.number, step: "In line for a judge".to_owned() }
        }
        _ => CurrentVerdict::Judging { number: attempt.number, step: "The judge is at work".to_owned() },
    }
}

/// What the judge said of an attempt; `None` while it says nothing yet.
pub(crate) fn verdict(attempt: &AttemptRow, previous: Option<&AttemptRow>) -> Option<Verdict> {
    let said = attempt.verdict.as_ref()?;
    Some(Verdict {
        attempt_id: attempt.attempt_id.to_string(),
        number: attempt.number,
        state: state(attempt),
        sentence: narrate::verdict_words(said),
        submitted_at: attempt.submitted_at,
        millis: millis(attempt),
        checks: said
            .checks
            .iter()
            .map(|check| CheckRow {
                title: check.title.clone(),
                outcome: match check.status {
                    CheckStatus::Passed => CheckOutcome::Passed,
                    CheckStatus::Failed => CheckOutcome::Failed,
                    CheckStatus::Skipped => CheckOutcome::Skipped,
                },
            })
            .collect(),
        findings: said
            .failures
            .iter()
            .map(|finding| Finding {
                code: finding.code.clone(),
                message: finding.message.clone(),
                file: finding.place.as_ref().map(|place| place.file.clone()),
                line: finding.place.as_ref().and_then(|place| place.line),
                why: finding.why.clone().unwrap_or_default(),
                hint: finding.hint.clone(),
                log: finding.log.clone().unwrap_or_default(),
            })
            .collect(),
        metrics: metrics(said, previous.and_then(|attempt| attempt.verdict.as_ref())),
        notes: said.notes.clone(),
    })
}

fn metrics(verdict: &StoredVerdict, previous: Option<&StoredVerdict>) -> Vec<Metric> {
    // A build that stopped half-way was quick for the wrong reason: its figures compare with nothing.
    let previous = previous
        .filter(|verdict| !verdict.failures.iter().any(|finding| finding.code.starts_with("docker_build")));
    let metric = |(name, value): (&String, &f64)| {
        let before = previous.and_then(|verdict| verdict.metrics.get(name)).copied();
        Metric {
            label: label(name),
            value: in_words(name, *value),
            change: before.and_then(|old| change(name, old, *value)),
        }
    };
    verdict.metrics.iter().map(metric).collect()
}

/// `image_bytes` → `Image size`: the unit goes with the value.
fn label(name: &str) -> String {
    match name {
        "build_cached_steps" => return "Cached steps".to_owned(),
        "rebuild_cached_steps" => return "Cached on rebuild".to_owned(),
        _ => {}
    }
    let (stem, what) = match name.rsplit_once('_') {
        Some((stem, "bytes")) => (stem, " size"),
        Some((stem, "seconds" | "ms" | "millis" | "milliseconds")) => (stem, " time"),
        _ => (name, ""),
    };
    let text = stem.replace('_', " ");
    let mut letters = text.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}{what}", letters.as_str())
}

/// A figure with its unit, which is the last word of its name.
fn in_words(name: &str, value: f64) -> String {
    let whole = |value: f64| value.max(0.0).round() as u64;
    match name.rsplit('_').next() {
        Some("bytes") => words::bytes(whole(value)),
        Some("seconds") => words::millis(whole(value * 1000.0)),
        Some("ms" | "millis" | "milliseconds") => words::millis(whole(value)),
        _ if value.fract() == 0.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

/// How a figure moved. Smaller and faster is better; of other figures nobody knows.
fn change(name: &str, old: f64, new: f64) -> Option<Change> {
    let difference = new - old;
    // Within a hundredth it is the same to a person.
    if difference.abs() <= old.abs() * 0.01 {
        return None;
    }
    let less_is_better =
        matches!(name.rsplit('_').next(), Some("bytes" | "seconds" | "ms" | "millis" | "milliseconds"));
    let tone = match (less_is_better, difference < 0.0) {
        (false, _) => Tone::Neutral,
        (true, true) => Tone::Better,
        (true, false) => Tone::Worse,
    };
    let sign = if difference < 0.0 { '−' } else { '+' };
    Some(Change { text: format!("{sign}{}", in_words(name, difference.abs())), tone })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_carry_their_unit_in_words() {
        assert_eq!(label("image_bytes"), "Image size");
        assert_eq!(label("build_seconds"), "Build time");
        assert_eq!(label("layers"), "Layers");
        assert_eq!(in_words("image_bytes", 128_400_000.0), "128 MB");
        assert_eq!(in_words("build_seconds", 1.24), "1.2 s");
        assert_eq!(in_words("layers", 7.0), "7");
    }

    #[test]
    fn a_smaller_image_is_better_and_noise_is_no_change() {
        let smaller = change("image_bytes", 200e6, 117e6).expect("a change");
        assert_eq!((smaller.text.as_str(), smaller.tone), ("−83.0 MB", Tone::Better));
        assert_eq!(change("build_seconds", 1.0, 2.0).expect("a change").tone, Tone::Worse);
        assert!(change("build_seconds", 1.0, 1.005).is_none());
        assert_eq!(change("layers", 3.0, 4.0).expect("a change").tone, Tone::Neutral);
    }
}
