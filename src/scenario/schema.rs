//! The JSON Schema of a scenario, made from the doc comments of its types.

use std::sync::LazyLock;

use serde_json::Value;

use super::Spec;
use super::reference::example;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Spec).to_value());

/// The JSON Schema of a scenario's file.
#[must_use]
pub fn schema() -> Value {
    SCHEMA.clone()
}

/// The schema that `value` is or refers to; what may be left out is not told from what may not.
pub(super) fn followed(value: &Value) -> &Value {
    if let Some(name) = value["$ref"].as_str() {
        return followed(&SCHEMA["$defs"][name.trim_start_matches("#/$defs/")]);
    }
    match value["anyOf"].as_array().and_then(|any| any.iter().find(|one| one["type"] != "null")) {
        Some(one) => followed(one),
        None => value,
    }
}

/// The type of a value, which an optional one shares with null.
pub(super) fn kind(schema: &Value) -> Option<&str> {
    schema["type"].as_str().or_else(|| schema["type"][0].as_str())
}

/// The settings of an arm by key.
pub(super) fn settings() -> &'static serde_json::Map<String, Value> {
    static NONE: LazyLock<serde_json::Map<String, Value>> = LazyLock::new(serde_json::Map::new);
    SCHEMA["$defs"]["Settings"]["properties"].as_object().unwrap_or(&NONE)
}

/// What the value of a setting looks like, in words or by examples, when its type says so.
pub(super) fn form(key: &str) -> Option<String> {
    let schema = followed(settings().get(key)?);
    if let Some(variants) = schema["oneOf"].as_array() {
        return Some(variants.iter().map(example).collect::<Vec<_>>().join(" or "));
    }
    if kind(schema) == Some("array") {
        return followed(&schema["items"])["description"].as_str().map(|one| format!("a list, each {one}"));
    }
    // Only a text with a pattern has a form of its own; any other's description is its key's.
    schema["description"].as_str().filter(|_| schema["pattern"].is_string()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_scenario_fits_it() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        for shipped in crate::scenario::shipped() {
            let document: Value = toml::from_str(shipped.text).unwrap();
            let errors: Vec<_> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", shipped.name);
        }
    }

    #[test]
    fn what_is_wrong_does_not_fit() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        for text in [
            "",
            "arm = []",
            "[[arm]]\nclose = \"leaky\"",
            "[[arm]]\nname = \"a\"\ncolse = \"leaky\"",
            "[[arm]]\nname = \"a\"\nattempts = 0",
            "[[arm]]\nname = \"a\"\n[target]\nuser = \"x\"",
            "sed = 1\n[[arm]]\nname = \"a\"",
        ] {
            assert!(!validator.is_valid(&toml::from_str(text).unwrap()), "{text}");
        }
    }

    /// What the schema calls a default is what an arm has without that setting.
    #[test]
    fn its_defaults_are_the_real_ones() {
        let mut arm: toml::Table = settings()
            .iter()
            .filter_map(|(key, schema)| Some((key.clone(), toml::Value::try_from(schema.get("default")?).ok()?)))
            .collect();
        assert!(arm.len() >= 14, "most settings have one: {arm:?}");
        arm.insert("name".to_owned(), "a".into());
        let document = toml::Table::from_iter([("arm".to_owned(), toml::Value::Array(vec![arm.into()]))]);
        let written =
            crate::scenario::parse("a.toml", &document.to_string()).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(written, crate::scenario::parse("a.toml", "[[arm]]\nname = \"a\"").unwrap());
    }
}
