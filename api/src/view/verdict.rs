//! The verdict, and how its figures moved since the attempt before.

use containrlab_domain::lab::Lab;
use containrlab_domain::verdict::{CheckStatus, Finding as StoredFinding, Verdict as StoredVerdict};
use containrlab_store::{AttemptRow, AttemptState, JudgementRow};
use containrlab_web_templates::{
    Change, CheckOutcome, CheckRow, CurrentVerdict, Finding, Metric, ReadMore, Tone, Verdict, words,
};

use super::attempts::{millis, state};
use super::judgements::judged_again;
use crate::narrate;

/// What is told of the newest attempt of a session.
pub(crate) fn current(
    newest: Option<&AttemptRow>,
    previous: Option<&AttemptRow>,
    judgements: &[JudgementRow],
    lab: Option<&Lab>,
) -> CurrentVerdict {
    let Some(attempt) = newest else { return CurrentVerdict::None };
    match (attempt.state, verdict(attempt, previous, judgements, lab)) {
        (AttemptState::Judged, Some(verdict)) => CurrentVerdict::Done(Box::new(verdict)),
        (AttemptState::Submitted, _) => {
            CurrentVerdict::Judging { number: attempt.number, step: "In line for a judge".to_owned() }
        }
        _ => CurrentVerdict::Judging { number: attempt.number, step: "The judge is at work".to_owned() },
    }
}

/// What the judge said of an attempt; `None` while it says nothing yet. `judgements` are all of it, if it was judged again; `lab` as
/// it is now, for what findings refer to.
pub(crate) fn verdict(
    attempt: &AttemptRow,
    previous: Option<&AttemptRow>,
    judgements: &[JudgementRow],
    lab: Option<&Lab>,
) -> Option<Verdict> {
    let said = attempt.verdict.as_ref()?;
    Some(Verdict {
        attempt_id: attempt.attempt_id.to_string(),
        number: attempt.number,
        state: state(attempt),
        sentence: narrate::verdict_words(said),
        submitted_at: attempt.submitted_at,
        millis: millis(attempt),
        again: judged_again(attempt, judgements),
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
        findings: said.failures.iter().map(|said| finding(said, lab)).collect(),
        lab_slug: attempt.lab.slug.to_string(),
        metrics: metrics(said, previous.and_then(|attempt| attempt.verdict.as_ref())),
        notes: said.notes.clone(),
    })
}

fn finding(said: &StoredFinding, lab: Option<&Lab>) -> Finding {
    let place = said.place.as_ref();
    let step =
        lab.zip(said.read_more.as_ref()).and_then(|(lab, id)| lab.steps.iter().find(|step| step.id == *id));
    let has_hints = |check: &&String| lab.is_some_and(|lab| lab.hints_for(Some(check)).next().is_some());
    Finding {
        code: said.code.clone(),
        message: said.message.clone(),
        file: place.map(|place| place.file.clone()),
        line: place.and_then(|place| place.line),
        excerpt: place.and_then(|place| place.excerpt.clone()).unwrap_or_default(),
        why: said.why.clone().unwrap_or_default(),
        hint: said.hint.clone(),
        log: said.log.clone().unwrap_or_default(),
        read_more: step.map(|step| ReadMore { step: step.id.clone(), title: step.title.clone() }),
        hints_of: said.check.as_ref().filter(has_hints).cloned(),
    }
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

/// `image_bytes` → `Image size`: the unit goes with the value. A name that nobody has heard of reads well enough.
fn label(name: &str) -> String {
    match name {
        "build_cached_steps" => return "Cached steps".to_owned(),
        "rebuild_cached_steps" => return "Cached on rebuild".to_owned(),
        _ => {}
    }
    let (stem, unit) = unit(name);
    // "Largest layer size", but "Memory", "Time to healthy" and "Healthy after".
    let says_it = |words: &[&str]| stem.split('_').any(|word| words.contains(&word));
    let what = match unit {
        Unit::Bytes(_) if !says_it(&["size", "memory", "disk"]) => " size",
        Unit::Milliseconds(_) if !says_it(&["time", "after", "within", "until"]) => " time",
        _ => "",
    };
    let text = stem.replace('_', " ");
    let mut letters = text.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}{what}", letters.as_str())
}

/// What a figure is counted in, with the factor that leads to the unit that is shown.
enum Unit {
    Bytes(f64),
    Milliseconds(f64),
    Percent,
    None,
}

/// The name without its last word, and the unit that this word is.
fn unit(name: &str) -> (&str, Unit) {
    let Some((stem, last)) = name.rsplit_once('_') else { return (name, Unit::None) };
    let unit = match last {
        "bytes" => Unit::Bytes(1.0),
        "kib" => Unit::Bytes(1024.0),
        "mib" => Unit::Bytes(1024.0 * 1024.0),
        "kb" => Unit::Bytes(1e3),
        "mb" => Unit::Bytes(1e6),
        "seconds" => Unit::Milliseconds(1e3),
        "ms" | "millis" | "milliseconds" => Unit::Milliseconds(1.0),
        "percent" => Unit::Percent,
        _ => return (name, Unit::None),
    };
    (stem, unit)
}

/// A figure with its unit, which is the last word of its name.
fn in_words(name: &str, value: f64) -> String {
    let whole = |value: f64| value.max(0.0).round() as u64;
    let plain = |value: f64| if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    match unit(name).1 {
        Unit::Bytes(factor) => words::bytes(whole(value * factor)),
        Unit::Milliseconds(factor) => words::millis(whole(value * factor)),
        Unit::Percent => format!("{} %", plain(value)),
        Unit::None => plain(value),
    }
}

/// How a figure moved. Smaller and faster is better; of other figures nobody knows.
fn change(name: &str, old: f64, new: f64) -> Option<Change> {
    let difference = new - old;
    // Within a hundredth it is the same to a person.
    if difference.abs() <= old.abs() * 0.01 {
        return None;
    }
    let less_is_better = matches!(unit(name).1, Unit::Bytes(_) | Unit::Milliseconds(_));
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
    fn a_figure_that_nobody_has_heard_of_reads_well_enough() {
        for (name, value, said) in [
            ("largest_layer_bytes", 41_000_000.0, "Largest layer size: 41.0 MB"),
            ("memory_peak_mib", 64.0, "Memory peak: 67.1 MB"),
            ("healthy_after_seconds", 2.5, "Healthy after: 2.5 s"),
            ("requests_per_second", 12.345, "Requests per second: 12.35"),
            ("cached_percent", 80.0, "Cached: 80 %"),
            ("bytes", 3.0, "Bytes: 3"),
        ] {
            assert_eq!(format!("{}: {}", label(name), in_words(name, value)), said);
        }
        assert_eq!(change("memory_peak_mib", 64.0, 32.0).expect("a change").tone, Tone::Better);
        assert_eq!(change("cached_percent", 10.0, 90.0).expect("a change").tone, Tone::Neutral);
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
