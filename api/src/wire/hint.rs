//! Hints.

use containrlab_domain::lab::Hint;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::services::hints::HintGroup;

/// What a session can know of its lab's hints.
#[derive(Serialize, ToSchema)]
pub(crate) struct HintList {
    /// Those about the whole lab first, then those about each check that isn't known to be met.
    pub(crate) groups: Vec<HintGroupJson>,
}

/// The hints about one thing.
#[derive(Serialize, ToSchema)]
#[schema(as = HintGroup)]
pub(crate) struct HintGroupJson {
    /// The check; null for the whole lab.
    check: Option<String>,
    /// What the check asks for.
    title: Option<String>,
    /// How many there are.
    total: usize,
    /// Those that were shown, weakest first.
    shown: Vec<ShownHintJson>,
}

/// A hint that was shown.
#[derive(Serialize, ToSchema)]
#[schema(as = ShownHint)]
pub(crate) struct ShownHintJson {
    /// What it says.
    #[serde(flatten)]
    hint: HintJson,
    /// When it was shown first.
    shown_at: Timestamp,
}

/// A hint.
#[derive(Serialize, ToSchema)]
#[schema(as = Hint)]
pub(crate) struct HintJson {
    /// Which of those about the same thing, from 1.
    number: u32,
    /// 1 nudges, 2 explains, 3 shows.
    strength: u8,
    /// Its text in Markdown.
    text: String,
}

/// Which hint.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HintRequest {
    /// The check; left out for the whole lab.
    #[serde(default)]
    pub(crate) check: Option<String>,
    /// Which; the next one when it is left out. One that was shown is given once more.
    #[serde(default)]
    pub(crate) number: Option<u32>,
}

impl HintGroupJson {
    /// The hints about one thing.
    pub(crate) fn new(group: &HintGroup<'_>) -> Self {
        Self {
            check: group.check.map(|check| check.id.clone()),
            title: group.check.map(|check| check.title.clone()),
            total: group.total,
            shown: group
                .shown
                .iter()
                .map(|(hint, shown)| ShownHintJson {
                    hint: HintJson::new(hint, shown.number),
                    shown_at: shown.shown_at,
                })
                .collect(),
        }
    }
}

impl HintJson {
    /// A hint and its number.
    pub(crate) fn new(hint: &Hint, number: u32) -> Self {
        Self { number, strength: hint.strength, text: hint.text.clone() }
    }
}
