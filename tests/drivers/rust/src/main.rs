//! One login with a Rust driver, `SELECT 1`, and one line of JSON about how it went.
//!
//! `closewait-drivers tiberius|mssql-client`; everything else comes from the environment, as for every client of the
//! suite (see `tests/drivers/run.py`). With LOGINS and LINGER, as `check.py` starts it, so many logins one after another,
//! each with its line, and then it stays alive for so many seconds.

mod mssql;
mod settings;
mod tib;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use settings::Settings;

/// What a driver said instead of a row.
struct Failure {
    /// The server's error number, where the driver has one.
    number: Option<i64>,
    text: String,
    kind: String,
}

fn main() -> ExitCode {
    // Both drivers' providers are compiled in, so rustls must be told which one is meant.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("a TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    let driver = std::env::args().nth(1).unwrap_or_default();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("no runtime: {error}");
            return ExitCode::FAILURE;
        }
    };
    let linger: Option<f64> = std::env::var("LINGER").ok().and_then(|seconds| seconds.parse().ok());
    let logins = std::env::var("LOGINS").ok().and_then(|many| many.parse().ok()).unwrap_or(1);
    for _ in 0..logins {
        let started = now();
        let answer = Settings::read().and_then(|settings| match driver.as_str() {
            "tiberius" => Ok(runtime.block_on(tib::select_one(&settings))),
            "mssql-client" => Ok(runtime.block_on(mssql::select_one(&settings))),
            other => Err(format!("no driver `{other}`: tiberius or mssql-client")),
        });
        match answer {
            Ok(answer) => println!("{}", line(answer, started.elapsed().as_secs_f64())),
            Err(why) => {
                eprintln!("{why}");
                return ExitCode::FAILURE;
            }
        }
    }
    if let Some(linger) = linger {
        println!("done");
        // In the runtime: what a driver does in tasks of its own goes on.
        runtime.block_on(async { tokio::time::sleep(Duration::from_secs_f64(linger)).await });
    }
    ExitCode::SUCCESS
}

#[expect(clippy::disallowed_methods, reason = "a client is the edge: it measures the driver")]
fn now() -> Instant {
    Instant::now()
}

fn line(answer: Result<i64, Failure>, seconds: f64) -> Value {
    match answer {
        Ok(value) => json!({"result": "row", "value": value, "seconds": seconds}),
        Err(Failure { number, text, kind }) => {
            json!({"result": "error", "number": number, "text": text, "kind": kind, "seconds": seconds})
        }
    }
}
