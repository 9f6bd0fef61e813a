//! The `--mount` flags of a `RUN`.

use super::instruction::Instruction;

/// One `--mount` of a `RUN`.
#[derive(Debug)]
pub(crate) struct Mount<'i> {
    fields: Vec<(&'i str, &'i str)>,
}

impl<'i> Mount<'i> {
    pub(crate) fn get(&self, name: &str) -> Option<&'i str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    pub(crate) fn kind(&self) -> &'i str {
        self.get("type").unwrap_or("bind")
    }

    pub(crate) fn source(&self) -> Option<&'i str> {
        self.get("source").or_else(|| self.get("src"))
    }

    pub(crate) fn target(&self) -> Option<&'i str> {
        self.get("target").or_else(|| self.get("dst")).or_else(|| self.get("destination"))
    }
}

/// The mounts of a `RUN`.
pub(crate) fn mounts(instruction: &Instruction) -> impl Iterator<Item = Mount<'_>> {
    instruction.flag_values("mount").map(|text| Mount {
        fields: text
            .split(',')
            .map(|field| {
                let (name, value) = field.split_once('=').unwrap_or((field, ""));
                (name.trim(), value.trim())
            })
            .collect(),
    })
}
