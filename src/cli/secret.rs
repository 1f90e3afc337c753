//! Passwords: from the environment, a file or a prompt, never from the command line.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::failure::Failure;
use crate::run::Secret;

/// Where a password comes from.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct PasswordArgs {
    /// Read the password from this environment variable
    #[arg(id = "password_env", long = "password-env", value_name = "NAME", help_heading = "Login")]
    pub(super) env: Option<String>,

    /// Read the password from this file; its last line end is cut off
    #[arg(
        id = "password_file",
        long = "password-file",
        value_name = "FILE",
        conflicts_with = "password_env",
        help_heading = "Login"
    )]
    pub(super) file: Option<PathBuf>,
}

impl PasswordArgs {
    /// The password of `user`; asked for when nothing says where it is and a person sits there.
    pub(super) fn read(&self, user: &str) -> Result<Secret, Failure> {
        let password = match (&self.env, &self.file) {
            (Some(name), _) => std::env::var(name)
                .with_context(|| format!("read the password from the environment variable {name}"))
                .map_err(|error| {
                    Failure::usage(error).hint(format!(
                        "set it first, in a way that your shell's history does not keep: read -rs {name}; export {name}"
                    ))
                }),
            (None, Some(path)) => std::fs::read_to_string(path)
                .with_context(|| format!("read the password from {}", path.display()))
                .map(|text| text.trim_end_matches(['\n', '\r']).to_owned())
                .map_err(Failure::usage),
            (None, None) if std::io::stdin().is_terminal() => {
                rpassword::prompt_password(format!("Password of {user}: "))
                    .context("read the password from the terminal")
                    .map_err(Failure::machine)
            }
            (None, None) => {
                Err(Failure::usage(anyhow::anyhow!("read the password of {user}: nothing says where it is"))
                    .hint("--password-env NAME or --password-file FILE"))
            }
        };
        password.map(Secret::from)
    }

    /// Whether anything says where a password is.
    pub(super) const fn is_given(&self) -> bool {
        self.env.is_some() || self.file.is_some()
    }
}
