//! From rows to types: every value that PostgreSQL gives back is checked once, here.

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::StoreError;

/// A column's value as PostgreSQL's driver knows it.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, name: &str) -> Result<T, StoreError> {
    row.try_get(name).map_err(|error| StoreError::damaged(format!("column {name}"), error))
}

/// A text column that holds one of a type's words, or a name that the type checks.
pub(crate) fn word<T: DeserializeOwned>(row: &Row, name: &str) -> Result<T, StoreError> {
    parse(name, Value::String(column(row, name)?))
}

/// As [`word`], for a column that may be null.
pub(crate) fn word_or_null<T: DeserializeOwned>(row: &Row, name: &str) -> Result<Option<T>, StoreError> {
    column::<Option<String>>(row, name)?.map(|text| parse(name, Value::String(text))).transpose()
}

/// A JSON column.
pub(crate) fn json<T: DeserializeOwned>(row: &Row, name: &str) -> Result<T, StoreError> {
    parse(name, column(row, name)?)
}

/// As [`json`], for a column that may be null.
pub(crate) fn json_or_null<T: DeserializeOwned>(row: &Row, name: &str) -> Result<Option<T>, StoreError> {
    column::<Option<Value>>(row, name)?.map(|value| parse(name, value)).transpose()
}

/// A count or a size, which SQL keeps with a sign.
pub(crate) fn unsigned(row: &Row, name: &str) -> Result<u64, StoreError> {
    u64::try_from(column::<i64>(row, name)?)
        .map_err(|error| StoreError::damaged(format!("column {name}"), error))
}

/// As [`unsigned`], for a column of SQL's `integer`.
pub(crate) fn unsigned_32(row: &Row, name: &str) -> Result<u32, StoreError> {
    u32::try_from(column::<i32>(row, name)?)
        .map_err(|error| StoreError::damaged(format!("column {name}"), error))
}

/// A value as JSON for a `jsonb` parameter.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<Value, StoreError> {
    serde_json::to_value(value).map_err(|error| StoreError::damaged("a value on its way", error))
}

fn parse<T: DeserializeOwned>(name: &str, value: Value) -> Result<T, StoreError> {
    serde_json::from_value(value).map_err(|error| StoreError::damaged(format!("column {name}"), error))
}

/// A length or position as SQL keeps it. Anything over 2^63 is nonsense that no caller means.
pub(crate) fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A duration in seconds as SQL's `make_interval(secs => …)` takes it.
pub(crate) fn seconds(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64()
}
