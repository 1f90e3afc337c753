//! A password on its way from where it was read to the driver that needs it.

use std::fmt;

/// A password; it cannot be shown, by `{:?}` neither.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The password itself, for whoever logs in with it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(password: String) -> Self {
        Self(password)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use crate::run::{Diagnostics, Options};

    /// They were derived once, and any log of them would have told the password.
    #[test]
    fn options_do_not_show_the_password() {
        let options = Options {
            repeat: 1,
            max_ports: 1,
            max_held: 1,
            allow_remote: false,
            password: Some("hunter2".to_owned().into()),
            diagnostics: Diagnostics { filter: String::new(), json: false },
            command: Vec::new(),
            started_at: String::new(),
        };
        assert!(format!("{options:#?}").contains("Secret(..)") && !format!("{options:?}").contains("hunter2"));
    }
}
