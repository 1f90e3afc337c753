//! Durations, rates, port ranges and addresses: parsed, printed, and nothing else.
//!
//! Every unit is a newtype that reads the text a person types (`"250ms"`, `"500/s"`, `"40000-41999"`) and prints the
//! same text back. The choice not taken: bare numbers with the unit in the name, which a scenario file cannot check.
//! The one clock that the program reads lives here as well ([`Monotonic`]), so that every other room takes time as a
//! value.

mod bytes;
mod clock;
mod count;
mod host_port;
mod lasting;
mod ports;
mod rate;
mod span;

pub use bytes::Bytes;
pub use clock::Monotonic;
pub use count::Count;
pub use host_port::HostPort;
pub use lasting::Lasting;
pub use ports::{PortRange, port_list};
pub use rate::Rate;
pub use span::Span;

/// Why a text is not a unit; completes "failed to read ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(String);

impl ParseError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Makes a type with `FromStr` and `Display` a string in serde and in its JSON Schema.
macro_rules! text_form {
    ($type:ty, $pattern:expr, $description:expr) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}
pub(crate) use text_form;
