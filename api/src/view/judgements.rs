//! The verdicts before the newest one, and what a verdict rests on.

use containrlab_domain::attempt::Basis;
use containrlab_domain::verdict::VerdictStatus;
use containrlab_store::{AttemptRow, JudgementRow};
use containrlab_web_templates::{EarlierVerdict, JudgedAgain};

use crate::narrate;

/// Letters of a hash that are enough to tell it from others.
const SHORT: usize = 12;

/// That an attempt was judged again, and why; `None` when its verdict is the first.
pub(crate) fn judged_again(attempt: &AttemptRow, judgements: &[JudgementRow]) -> Option<JudgedAgain> {
    let at = attempt.rejudged_at?;
    let before = earlier_verdicts(attempt, judgements).into_iter().next();
    let basis_before = before.as_ref().and_then(|before| {
        judgements.iter().find(|one| one.judged_at == Some(before.judged_at))?.basis.as_ref()
    });
    let differences = attempt.basis.as_ref().map(|basis| basis.differences(basis_before));
    Some(JudgedAgain {
        at,
        because: differences.and_then(|differences| narrate::because(&differences)),
        before: before.map(|before| before.sentence),
        stays_passed: attempt.ever_passed && attempt.status != Some(VerdictStatus::Passed),
    })
}

/// What was said of an attempt before its newest verdict; newest first, without what the platform failed to judge.
pub(crate) fn earlier_verdicts(attempt: &AttemptRow, judgements: &[JudgementRow]) -> Vec<EarlierVerdict> {
    let newest = attempt.rejudged_at.or(attempt.judged_at);
    let earlier = |judgement: &JudgementRow| {
        let (verdict, judged_at) = (judgement.verdict.as_ref()?, judgement.judged_at?);
        let is_other = Some(judged_at) != newest && verdict.status != VerdictStatus::Inconclusive;
        is_other.then(|| EarlierVerdict {
            judged_at,
            sentence: narrate::verdict_sentence(verdict),
            codes: verdict.failures.iter().map(|finding| finding.code.clone()).collect(),
        })
    };
    judgements.iter().filter_map(earlier).collect()
}

/// In a line, what a verdict rests on.
pub(crate) fn basis_words(basis: &Basis) -> String {
    let short = |hash: &str| hash.trim_start_matches("sha256:").chars().take(SHORT).collect::<String>();
    let mut words = format!(
        "Files {}, lab {}, judge {}",
        short(basis.tree.as_str()),
        short(basis.lab.as_str()),
        basis.judge
    );
    for (name, id) in &basis.images {
        words.push_str(&format!(", {name} {}", short(id)));
    }
    words
}
