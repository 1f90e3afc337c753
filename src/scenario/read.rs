//! Text to a [`Spec`]: every key on its own, so that one wrong value hides no other.
//!
//! serde stops at the first error of a document. Here each key becomes a table of one key, which is deserialised alone;
//! what is good is laid over what is there already. The choice not taken: a parser of our own for each setting, which
//! would leave serde's derives and the schema behind.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, ValueDeserializer};

use super::explain::{Explained, TOP, refused, unknown_key};
use super::problem::{Errors, Problem, Source};
use super::spec::{ArmSpec, Layer, Spec};
use super::target::TargetSpec;
use super::{Placed, names};

/// The largest scenario that is read.
pub(super) const MOST_BYTES: usize = 1 << 20;

type Key<'a> = Spanned<DeString<'a>>;
type Value<'a> = Spanned<DeValue<'a>>;

impl Spec {
    /// Reads a scenario's text; `name` is what its errors call it, and the scenario's name when it has none of its own.
    ///
    /// # Errors
    /// Everything that is no TOML; or else every key and every value that a scenario does not have.
    pub fn parse(name: &str, text: &str) -> Result<Self, Errors> {
        let source = |text: &str| Source { name: name.to_owned(), text: text.to_owned() };
        if text.len() > MOST_BYTES {
            return Err(Errors::new(source(""), vec![too_large()]));
        }
        let (document, syntax) = DeTable::parse_recoverable(text);
        if !syntax.is_empty() {
            // A value recovered from broken text means nothing: its own errors would only mislead.
            let problems = syntax.iter().map(|error| Problem::new(error.span(), error.message())).collect();
            return Err(Errors::new(source(text), problems));
        }
        let mut reader = Reader { problems: Vec::new(), names_are_known: true };
        let spec = reader.document(document.into_inner());
        let spec = Self { source: source(text), ..spec };
        if reader.problems.is_empty() {
            return Ok(spec);
        }
        if reader.names_are_known {
            names::check(&spec, &mut reader.problems);
        }
        Err(Errors::new(spec.source, reader.problems))
    }
}

/// A scenario above the limit, which was not parsed.
pub(super) fn too_large() -> Problem {
    Problem::new(None, format!("the scenario is larger than {} KiB, and was not parsed", MOST_BYTES >> 10))
        .hint("a scenario is a short TOML file; is this one?")
}

struct Reader {
    problems: Vec<Problem>,
    /// Whether every name and arm could be read, so that one that is missing is truly not there.
    names_are_known: bool,
}

impl Reader {
    fn document(&mut self, table: DeTable<'_>) -> Spec {
        let mut spec = Spec::default();
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => spec.name = self.value(&key, value),
                "seed" => spec.seed = self.value(&key, value),
                "expect" => {
                    let texts = self.elements(&key, value);
                    spec.expect = texts.into_iter().filter_map(|text| self.value(&key, text)).collect();
                }
                "target" => {
                    let span = Some(value.span());
                    let target = self.table(&key, value).map(|table| self.layer::<TargetSpec>(table, "[target]"));
                    spec.target = target.map(|value| Placed { value, span });
                }
                "base" => {
                    spec.base = self.table(&key, value).map(|table| self.layer(table, "[base]")).unwrap_or_default()
                }
                "arm" => {
                    let arms = self.elements(&key, value);
                    spec.arms = arms.into_iter().filter_map(|arm| self.arm(&key, arm)).collect();
                }
                unknown => self.explained(key.span(), unknown_key(unknown, &TOP, "the scenario")),
            }
        }
        spec
    }

    fn arm(&mut self, key: &Key<'_>, value: Value<'_>) -> Option<ArmSpec> {
        let span = Some(value.span());
        let mut table = self.table(key, value)?;
        let name = table.remove_entry("name").and_then(|(key, name)| self.value(&key, name));
        Some(ArmSpec { name, settings: self.layer(table, "[[arm]]"), span })
    }

    /// Each key of a table on its own, the good ones laid over each other.
    fn layer<T: Layer>(&mut self, table: DeTable<'_>, name: &str) -> T {
        table.into_iter().fold(T::default(), |layer, (key, value)| match one_key(&key, value.clone()) {
            Ok(part) => layer.over(part),
            Err(error) => {
                if !self.wrong_elements::<T>(&key, &value, name) {
                    self.refuse(&error, &key, value.span(), name);
                }
                layer
            }
        })
    }

    /// Reports each wrong element of an array; whether there was one.
    fn wrong_elements<T: Layer>(&mut self, key: &Key<'_>, value: &Value<'_>, name: &str) -> bool {
        let DeValue::Array(array) = value.get_ref() else { return false };
        let before = self.problems.len();
        // More would not be shown.
        for element in array.iter().take(Errors::MOST_SHOWN) {
            let alone = DeValue::Array(std::iter::once(element.clone()).collect());
            if let Err(error) = one_key::<T>(key, Spanned::new(element.span(), alone)) {
                self.refuse(&error, key, element.span(), name);
            }
        }
        self.problems.len() > before
    }

    fn value<T: for<'de> Deserialize<'de>>(&mut self, key: &Key<'_>, value: Value<'_>) -> Option<Placed<T>> {
        let span = value.span();
        let read = Placed::deserialize(ValueDeserializer::from(value));
        let read = read.map_err(|error| self.refuse(&error, key, span, "the scenario")).ok();
        self.names_are_known &= read.is_some();
        read
    }

    fn table<'a>(&mut self, key: &Key<'_>, value: Value<'a>) -> Option<DeTable<'a>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(table) => Some(table),
            other => {
                self.names_are_known = false;
                let key = key.get_ref();
                let hint = if key == "arm" { "[[arm]]".to_owned() } else { format!("[{key}]") };
                let message = format!("`{key}` is a table, and not a value ({})", other.type_str());
                self.problems
                    .push(Problem::new(Some(span), message).hint(format!("open it on a line of its own: {hint}")));
                None
            }
        }
    }

    fn elements<'a>(&mut self, key: &Key<'_>, value: Value<'a>) -> Vec<Value<'a>> {
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(array) => array.into_iter().collect(),
            other => {
                self.names_are_known = false;
                let hint = match key.get_ref().as_ref() {
                    "arm" => "open each arm with double brackets: [[arm]]",
                    _ => "write it in brackets: expect = [\"leaky: ports.exhausted == true\"]",
                };
                let message = format!("`{}` is a list, and not a single value ({})", key.get_ref(), other.type_str());
                self.problems.push(Problem::new(Some(span), message).hint(hint));
                Vec::new()
            }
        }
    }

    fn refuse(&mut self, error: &toml::de::Error, key: &Key<'_>, value: Range<usize>, table: &str) {
        let explained = refused(error.message(), key.get_ref(), table);
        self.explained(error.span().unwrap_or(value), explained);
    }

    fn explained(&mut self, span: Range<usize>, explained: Explained) {
        self.problems.push(Problem { span: Some(span), message: explained.message, hint: explained.hint });
    }
}

/// The settings that a table of this one key alone makes.
fn one_key<T: Layer>(key: &Key<'_>, value: Value<'_>) -> Result<T, toml::de::Error> {
    let span = value.span();
    let mut table = DeTable::new();
    table.insert(key.clone(), value);
    T::deserialize(ValueDeserializer::from(Spanned::new(span, DeValue::Table(table))))
}
