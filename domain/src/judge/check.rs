//! A check: one rule of a lab.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;
use toml::de::DeTable;

use super::checks::CheckKind;
use crate::lab::{TableReader, field_names, nearest};

/// One rule of a lab.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Its name within the lab; the type's name unless the lab gives another.
    pub id: String,
    /// What it asks for, in words for the learner.
    pub title: String,
    /// The lab's own hint, in place of the type's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The lab's own reason, in place of the type's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The step of the text that explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_more: Option<String>,
    /// The rule itself.
    #[serde(flatten)]
    pub kind: CheckKind,
}

/// The keys that every check may have beside those of its type.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Common {
    /// The type of the check.
    #[serde(rename = "type")]
    kind: String,
    /// Its name within the lab; the type's name unless given.
    id: Option<String>,
    /// What it asks for, in words for the learner, in place of the type's own.
    title: Option<String>,
    /// How to go on when it is not met, in place of the type's own hint.
    hint: Option<String>,
    /// Why it matters, in place of the type's own reason.
    why: Option<String>,
    /// The id of the step of the text that explains it.
    read_more: Option<String>,
}

impl Check {
    /// The codes that it can give.
    pub fn codes(&self) -> Vec<&str> {
        self.kind.rule().codes()
    }

    pub(crate) fn read<'t>(reader: &mut TableReader<'t>, table: Spanned<DeTable<'t>>) -> Option<Self> {
        let span = table.span();
        let mut table = table.into_inner();
        let name = match table.get("type").map(|value| value.get_ref().as_str()) {
            Some(Some(name)) => name.to_owned(),
            _ => {
                let suggestion = format!("type = one of {}", CheckKind::TYPES.join(", "));
                reader.problem(span, "the check has no type", Some(suggestion));
                return None;
            }
        };
        let Some(fields) = CheckKind::fields(&name) else {
            let at = table.get("type").map_or(span, Spanned::span);
            let meant = nearest(&name, CheckKind::TYPES.iter().copied());
            let suggestion = match meant {
                Some(meant) => format!("did you mean {meant}?"),
                None => format!("the types are {}", CheckKind::TYPES.join(", ")),
            };
            reader.problem(at, format!("there is no check of the type {name}"), Some(suggestion));
            return None;
        };
        let common = field_names::<Common>();
        let known = [common, fields].concat();
        reader.keep_known(&mut table, &known, &format!("the check {name}"));
        let mut own = DeTable::new();
        for field in fields {
            if let Some((key, value)) = table.remove_entry(*field) {
                own.insert(key, value);
            }
        }
        let common: Common = reader.read(Spanned::new(span.clone(), table), "a check")?;
        let kind = CheckKind::read(reader, &name, Spanned::new(span, own))?;
        Some(Self {
            id: common.id.unwrap_or(common.kind),
            title: common.title.unwrap_or_else(|| kind.rule().title()),
            hint: common.hint,
            why: common.why,
            read_more: common.read_more,
            kind,
        })
    }
}
