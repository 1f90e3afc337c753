//! `[target]`: a real server instead of the embedded one.
//!
//! A password never stands in a scenario, only where it is to be found; that also keeps it out of every result.

use std::path::PathBuf;

use super::Placed;
use super::problem::Problem;
use super::redact::is_variable;
use super::spec::layer;
use crate::units::HostPort;

layer! {
    /// A real server.
    pub struct TargetSpec {
        /// Where it is; the port is 1433 when none is written.
        #[schemars(required)]
        pub address: HostPort,
        /// The login's user; the driver `tcp` needs none.
        pub user: String,
        /// The environment variable that holds the password. Without it and `password_file`, it is asked for.
        pub password_env: String,
        /// The file whose first line is the password.
        pub password_file: PathBuf,
        /// The database that the login asks for; without it, the login's default.
        pub database: String,
    }
}

/// A real server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it is.
    pub address: HostPort,
    /// Who logs in; none where every arm's driver is `tcp`.
    pub login: Option<TargetLogin>,
}

/// Who logs in to a real server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetLogin {
    /// The user.
    pub user: String,
    /// Where the password is to be found.
    pub password: PasswordSource,
    /// The database that the login asks for; none takes the login's default.
    pub database: Option<String>,
}

/// Where a password is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// The person is asked for it.
    Prompt,
    /// In this environment variable.
    Env(String),
    /// In this file, as its first line.
    File(PathBuf),
}

/// A `[target]` that is complete; `needs_login` names an arm whose driver logs in, if there is one.
pub(super) fn resolve(
    placed: Placed<TargetSpec>,
    needs_login: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<Target> {
    let Placed { value: spec, span } = placed;
    let Some(address) = spec.address else {
        problems.push(
            Problem::new(span, "[target] has no address").hint("write where the server is: address = \"db.test:1433\""),
        );
        return None;
    };
    if let (None, Some(arm)) = (&spec.user, needs_login) {
        let message = format!("[target] has no user, and the driver of arm `{arm}` logs in");
        problems
            .push(Problem::new(address.span, message).hint(
                "add user = \"...\" (on a command line --user NAME --password-env VAR), or use driver = \"tcp\"",
            ));
        return None;
    }
    let password = match (spec.password_env, spec.password_file) {
        (Some(env), Some(file)) => {
            let hint = "keep either password_env or password_file";
            problems.push(Problem::new(file.span.or(env.span), "the password has two sources").hint(hint));
            return None;
        }
        (Some(env), None) if !is_variable(&env.value) => {
            let message = "password_env is not the name of an environment variable";
            problems.push(
                Problem::new(env.span, message).hint("name the variable that holds the password: \"DB_PASSWORD\""),
            );
            return None;
        }
        (Some(env), None) => PasswordSource::Env(env.value),
        (None, Some(file)) => PasswordSource::File(file.value),
        (None, None) => PasswordSource::Prompt,
    };
    let database = spec.database.map(|database| database.value);
    let login = spec.user.map(|user| TargetLogin { user: user.value, password, database });
    Some(Target { address: address.value, login })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> (Option<Target>, Vec<Problem>) {
        let mut problems = Vec::new();
        let spec: TargetSpec = toml::from_str(text).unwrap();
        (resolve(spec.into(), Some("leaky"), &mut problems), problems)
    }

    #[test]
    fn finds_the_password_where_it_is_said_to_be() {
        for (text, source) in [
            ("password_env = \"DB\"", PasswordSource::Env("DB".to_owned())),
            ("password_file = \"/run/db\"", PasswordSource::File("/run/db".into())),
            ("", PasswordSource::Prompt),
        ] {
            let (target, problems) = target(&format!("address = \"db\"\nuser = \"app\"\n{text}"));
            assert_eq!((target.unwrap().login.unwrap().password, problems.len()), (source, 0), "{text}");
        }
    }

    #[test]
    fn refuses_what_cannot_log_in() {
        for (text, says) in [
            ("user = \"app\"", "no address"),
            ("address = \"db\"", "no user"),
            ("address = \"db\"\nuser = \"app\"\npassword_env = \"A\"\npassword_file = \"B\"", "two sources"),
            ("address = \"db\"\nuser = \"app\"\npassword_env = \"not a name\"", "not the name"),
        ] {
            let (target, problems) = target(text);
            assert!(target.is_none() && problems.len() == 1 && problems[0].message.contains(says), "{problems:?}");
        }
    }
}
