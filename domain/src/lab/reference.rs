//! The page that lists all types of checks, from their own documentation.

use std::fmt::Write;

use serde_json::Value;

use super::schema::{check_schemas, common_schema};

/// The introduction of the page.
const TOP: &str = "\
# Checks

What a lab can ask for, type by type. This page is made from the types themselves: `containrlab lab reference` prints
it. `labs/README.md` says how to write a lab.

Each check is a `[[checks]]` table of `lab.toml`. Beside `type` and the keys of its type it may have these:

";

/// All types of checks, each with what it asks for, its keys with their types and defaults, its codes and an example,
/// as Markdown.
pub fn checks_reference() -> String {
    let mut page = TOP.to_owned();
    table(&mut page, &common_schema(), &["type"]);
    let schemas = check_schemas();
    let names: Vec<String> = schemas.iter().map(|(name, _)| format!("[`{name}`](#{name})")).collect();
    let _ = write!(page, "\nThe types: {}.\n", names.join(", "));
    for (name, schema) in &schemas {
        let _ = write!(page, "\n## {name}\n\n{}\n", described(schema));
        if schema["properties"].as_object().is_some_and(|keys| !keys.is_empty()) {
            page.push('\n');
            table(&mut page, schema, &[]);
        }
    }
    page
}

/// Keys as a Markdown table.
fn table(page: &mut String, schema: &Value, left_out: &[&str]) {
    page.push_str("| key | type | default | |\n|---|---|---|---|\n");
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (key, value) in schema["properties"].as_object().into_iter().flatten() {
        if left_out.contains(&key.as_str()) {
            continue;
        }
        let default = match &value["default"] {
            _ if required.contains(&key.as_str()) => "required".to_owned(),
            Value::Null => "none".to_owned(),
            default => format!("`{default}`"),
        };
        let about = described(value).replace('\n', " ").replace('|', "\\|");
        let _ = writeln!(page, "| `{key}` | {} | {default} | {about} |", kind(value).replace('|', "\\|"));
    }
}

fn described(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

/// A type in the words of TOML.
fn kind(schema: &Value) -> String {
    if let Some(Value::Array(options)) = schema.get("oneOf").or_else(|| schema.get("anyOf")) {
        return options.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(name) => match name.as_str() {
            "array" => format!("array of {}", kind(&schema["items"])),
            "object" => match schema["properties"].as_object() {
                Some(keys) => {
                    let keys: Vec<String> = keys.keys().map(|key| format!("`{key}`")).collect();
                    format!("table with {}", keys.join(", "))
                }
                None => format!("table of {}", kind(&schema["additionalProperties"])),
            },
            name => name.to_owned(),
        },
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    }
}
