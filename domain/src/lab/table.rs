//! TOML tables into Rust types, with every unknown key told by its line and the key that was probably meant.

use std::cell::Cell;
use std::ops::Range;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use super::nearest;
use super::problem::LabProblem;

/// Reads tables of one TOML file and collects what is wrong with them.
#[derive(Debug)]
pub(crate) struct TableReader<'t> {
    file: String,
    text: &'t str,
    pub(crate) problems: Vec<LabProblem>,
}

impl<'t> TableReader<'t> {
    pub(crate) fn new(file: impl Into<String>, text: &'t str) -> Self {
        Self { file: file.into(), text, problems: Vec::new() }
    }

    /// The whole file as a table; `None` when it is no TOML.
    pub(crate) fn root(&mut self) -> Option<Spanned<DeTable<'t>>> {
        match DeTable::parse(self.text) {
            Ok(table) => Some(table),
            Err(error) => {
                self.error(&error, 0..0);
                None
            }
        }
    }

    pub(crate) fn problem(
        &mut self,
        span: Range<usize>,
        what: impl Into<String>,
        suggestion: Option<String>,
    ) {
        let line = Some(self.line(span.start));
        self.problems.push(LabProblem { file: self.file.clone(), line, what: what.into(), suggestion });
    }

    fn line(&self, offset: usize) -> u32 {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        before.iter().filter(|b| **b == b'\n').count() as u32 + 1
    }

    fn error(&mut self, error: &toml::de::Error, around: Range<usize>) {
        let span = error.span().unwrap_or(around);
        let message = error.message().trim().to_owned();
        let suggestion = unknown_variant(&message);
        self.problem(span, message, suggestion);
    }

    /// Removes the keys that are not known, and tells each.
    pub(crate) fn keep_known(&mut self, table: &mut DeTable<'t>, known: &[&str], place: &str) {
        let unknown: Vec<_> = table
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .map(|key| (key.span(), key.get_ref().to_string()))
            .collect();
        for (span, key) in unknown {
            let meant = nearest(&key, known.iter().copied()).map(|meant| format!("did you mean {meant}?"));
            let suggestion = meant.or_else(|| Some(format!("{place} knows {}", known.join(", "))));
            self.problem(span, format!("{place} has no key {key}"), suggestion);
            table.remove(key.as_str());
        }
    }

    /// Reads a table as a `T`, whose fields are the keys that it may have.
    pub(crate) fn read<T: DeserializeOwned>(
        &mut self,
        table: Spanned<DeTable<'t>>,
        place: &str,
    ) -> Option<T> {
        let span = table.span();
        let mut table = table.into_inner();
        self.keep_known(&mut table, field_names::<T>(), place);
        let value = Spanned::new(span.clone(), DeValue::Table(table));
        match T::deserialize(ValueDeserializer::from(value)) {
            Ok(read) => Some(read),
            Err(error) => {
                self.error(&error, span);
                None
            }
        }
    }

    /// Takes a list of tables out of a table.
    pub(crate) fn take_tables(&mut self, table: &mut DeTable<'t>, key: &str) -> Vec<Spanned<DeTable<'t>>> {
        let Some(value) = table.remove(key) else { return Vec::new() };
        let span = value.span();
        let DeValue::Array(values) = value.into_inner() else {
            self.problem(span, format!("{key} is a list of tables"), Some(format!("write it as [[{key}]]")));
            return Vec::new();
        };
        let mut tables = Vec::new();
        for value in values {
            let span = value.span();
            match value.into_inner() {
                DeValue::Table(table) => tables.push(Spanned::new(span, table)),
                _ => self.problem(
                    span,
                    format!("{key} is a list of tables"),
                    Some(format!("write it as [[{key}]]")),
                ),
            }
        }
        tables
    }
}

/// For "unknown variant `x`, expected one of `a`, `b`": the nearest of them.
fn unknown_variant(message: &str) -> Option<String> {
    let rest = message.strip_prefix("unknown variant `")?;
    let (word, rest) = rest.split_once('`')?;
    let candidates: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    nearest(word, candidates).map(|meant| format!("did you mean {meant}?"))
}

/// The names of a struct's fields as serde knows them, so that they stand in one place only.
pub(crate) fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let names = Cell::new(&[][..]);
    // The probe always answers with an error: it is there to be asked, not to give values.
    let _ = T::deserialize(FieldProbe(&names));
    names.get()
}

struct FieldProbe<'n>(&'n Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for FieldProbe<'_> {
    type Error = de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("no struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.set(fields);
        Err(de::Error::custom("only the names were asked for"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
