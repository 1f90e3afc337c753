//! The reference of every key as Markdown tables, made from the schema, so that it cannot say anything else.

use std::fmt::Write as _;

use serde_json::Value;

use super::schema::{followed, kind, schema, settings};

/// Every key of a scenario's file: type, default, meaning.
#[must_use]
pub fn reference() -> String {
    let schema = schema();
    let mut page = String::from("# Every key of a scenario\n");
    let top = schema["properties"].as_object().into_iter().flatten();
    section(&mut page, "At the top of the file", top.filter(|(_, schema)| !is_table(schema)));
    let target = schema["$defs"]["TargetSpec"]["properties"].as_object().into_iter().flatten();
    section(&mut page, "`[target]`: a real server instead of the embedded one", target);
    let name = schema["$defs"]["Arm"]["properties"].as_object().into_iter().flatten().filter(|(key, _)| *key == "name");
    section(&mut page, "`[base]` and, over it, each `[[arm]]`", name.chain(settings()));
    for (name, key) in [("Arrivals", "arrivals"), ("Retry", "retry")] {
        let _ = write!(page, "\n## What `{key}` may be\n\n| value | meaning |\n|---|---|\n");
        for variant in schema["$defs"][name]["oneOf"].as_array().into_iter().flatten() {
            let _ = writeln!(page, "| {} | {} |", example(variant), words(variant));
        }
    }
    page
}

fn section<'a>(page: &mut String, title: &str, keys: impl Iterator<Item = (&'a String, &'a Value)>) {
    let _ = write!(page, "\n## {title}\n\n| key | type | default | meaning |\n|---|---|---|---|\n");
    for (key, schema) in keys {
        let default = match &schema["default"] {
            Value::Null => String::new(),
            default => format!("`{}`", toml(default)),
        };
        let _ = writeln!(page, "| `{key}` | {} | {default} | {} |", label(schema), words(schema));
    }
}

/// Whether a key of the top is a table, which has a section of its own.
fn is_table(schema: &Value) -> bool {
    let schema = followed(schema);
    schema["type"] == "object" || followed(&schema["items"])["type"] == "object"
}

/// What a value is, in a few words.
fn label(schema: &Value) -> String {
    let schema = followed(schema);
    match kind(schema) {
        Some("integer") => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(least), Some(most)) => format!("number, {least} to {most}"),
            _ => "number".to_owned(),
        },
        Some("array") => format!("list of: {}", label(&schema["items"])),
        Some("string") if schema["enum"].is_array() => choices(schema["enum"].as_array().into_iter().flatten()),
        // Only a text with a pattern has a form of its own; any other's description is its key's.
        Some("string") if schema["pattern"].is_string() => schema["description"].as_str().unwrap_or("text").to_owned(),
        Some("string") => "text".to_owned(),
        _ => match schema["oneOf"].as_array() {
            Some(variants) if variants.iter().all(|it| it["const"].is_string()) => {
                choices(variants.iter().map(|variant| &variant["const"]))
            }
            _ => "see below".to_owned(),
        },
    }
}

fn choices<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    values.map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

/// The doc comment, on one line of a table.
fn words(schema: &Value) -> String {
    let words = schema["description"].as_str().unwrap_or_default();
    words.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// A variant of an externally tagged enum as TOML.
pub(super) fn example(variant: &Value) -> String {
    if let Some(name) = variant["const"].as_str() {
        return format!("`\"{name}\"`");
    }
    let tables = variant["properties"].as_object().into_iter().flatten();
    let tables = tables.map(|(name, table)| {
        let fields = table["properties"].as_object().into_iter().flatten();
        let fields: Vec<_> = fields.map(|(field, schema)| format!("{field} = {}", sample(schema))).collect();
        format!("`{{ {name} = {{ {} }} }}`", fields.join(", "))
    });
    tables.collect::<Vec<_>>().join(", ")
}

/// A value that a field could have.
fn sample(schema: &Value) -> &'static str {
    match schema["$ref"].as_str() {
        Some("#/$defs/Rate") => "\"500/s\"",
        Some("#/$defs/Span") => "\"2s\"",
        _ => "3",
    }
}

fn toml(value: &Value) -> String {
    toml::Value::try_from(value).map_or_else(|_| value.to_string(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/scenario/REFERENCE.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap();
        assert_eq!(committed, reference(), "{path} is stale; renew it: UPDATE=1 cargo test --lib scenario::reference");
    }

    #[test]
    fn has_every_key() {
        let reference = reference();
        for key in ["name", "seed", "expect", "address", "password_env", "max_held", "pool_blocking", "in_flight"] {
            assert!(reference.contains(key), "{key}");
        }
    }
}
