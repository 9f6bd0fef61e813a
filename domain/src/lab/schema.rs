//! JSON Schemas of `lab.toml` and `expect.toml`, from the very types that read them, so that an editor completes what
//! the reader accepts.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::manifest::{Expectation, Hint, Limits, Manifest, StepEntry};
use crate::judge::{CheckKind, Common};

/// The schema of `lab.toml`.
pub fn manifest_schema() -> Value {
    let mut generator = generator();
    let mut lab = of::<Manifest>(&mut generator);
    let checks: Vec<Value> =
        check_schemas().into_iter().map(|(name, own)| as_table(&mut generator, name, own)).collect();
    let list = |items: Value, what: &str| json!({ "type": "array", "description": what, "items": items });
    let tables = [
        ("limits", of::<Limits>(&mut generator)),
        ("steps", list(of::<StepEntry>(&mut generator), "The text beside the terminal, in order.")),
        ("hints", list(of::<Hint>(&mut generator), "Hints, in steps of strength.")),
        ("checks", list(json!({ "oneOf": checks }), "What the judge asks for, in the order shown.")),
    ];
    for (name, schema) in tables {
        lab["properties"][name] = schema;
    }
    if let Some(required) = lab["required"].as_array_mut() {
        required.extend(["steps".into(), "checks".into()]);
    }
    titled(lab, "lab.toml of ContainrLab")
}

/// The schema of a wrong answer's `expect.toml`.
pub fn expectation_schema() -> Value {
    titled(of::<Expectation>(&mut generator()), "expect.toml of ContainrLab")
}

/// Each type of check with the schema of its own keys, its documentation among them.
pub(super) fn check_schemas() -> Vec<(&'static str, Value)> {
    let schemas = CheckKind::schemas(&mut generator());
    schemas.into_iter().map(|(name, schema)| (name, sorted(plain(schema.to_value())))).collect()
}

/// The schema of the keys that every check may have.
pub(super) fn common_schema() -> Value {
    sorted(of::<Common>(&mut generator()))
}

fn generator() -> SchemaGenerator {
    // Editors know this draft; each table is written out where it stands.
    let mut settings = SchemaSettings::draft07();
    settings.inline_subschemas = true;
    settings.into_generator()
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    plain(T::json_schema(generator).to_value())
}

/// One entry of `[[checks]]`: the keys of its type and those of all.
fn as_table(generator: &mut SchemaGenerator, name: &str, mut own: Value) -> Value {
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({ "const": name }));
    for schema in [&own, &of::<Common>(generator)] {
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            properties.entry(key).or_insert_with(|| value.clone());
        }
    }
    let mut required = vec![json!("type")];
    required.extend(own["required"].as_array().cloned().unwrap_or_default());
    own["title"] = json!(name);
    own["properties"] = Value::Object(properties);
    own["required"] = Value::Array(required);
    own["additionalProperties"] = json!(false);
    own
}

fn titled(mut schema: Value, title: &str) -> Value {
    schema["$schema"] = json!("http://json-schema.org/draft-07/schema#");
    schema["title"] = json!(title);
    sorted(schema)
}

/// Keys in the order of the alphabet, whatever else is built along with this crate: a feature of `serde_json` that
/// another one switches on would keep them as they came.
fn sorted(mut schema: Value) -> Value {
    schema.sort_all_objects();
    schema
}

/// Fits a schema to TOML and to this reader: there is no `null`, no unknown key, and no format of an integer.
fn plain(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(object) => {
            object.remove("$schema");
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(options)) = object.get_mut("anyOf") {
                options.retain(|option| option["type"] != "null");
                if let [only] = options.as_slice() {
                    let only = only.clone();
                    object.remove("anyOf");
                    for (key, value) in only.as_object().into_iter().flatten() {
                        object.entry(key).or_insert_with(|| value.clone());
                    }
                }
            }
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            if object.get("format").is_some_and(|format| format.as_str().is_some_and(|f| f.contains("int"))) {
                object.remove("format");
            }
            if object.contains_key("properties") {
                object.insert("additionalProperties".to_owned(), json!(false));
            }
            for value in object.values_mut() {
                *value = plain(value.take());
            }
        }
        Value::Array(values) => {
            for value in values {
                *value = plain(value.take());
            }
        }
        _ => {}
    }
    schema
}
