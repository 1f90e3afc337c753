//! A server from its start to the signal that ends it.

use std::io::ErrorKind;
use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::ServeArgs;
use crate::cli::failure::Failure;
use crate::cli::outputs::print;
use crate::cli::signals::Signals;
use crate::server::{self, Config, Metrics, Ready, Served, Server};

/// Serves until a signal, and says which; must be called inside a `LocalSet`.
pub(super) async fn until_signal(args: &ServeArgs, config: Config) -> Result<Option<i32>, Failure> {
    let signals = Signals::listen().context("listen for signals").map_err(Failure::machine)?;
    let mut wanted = signal(SignalKind::user_defined1()).context("listen for SIGUSR1").map_err(Failure::machine)?;
    let failed = |option| {
        move |error: server::Error| {
            let hint = hint(&error, option);
            Failure::machine(error).maybe_hint(hint)
        }
    };
    let server = Server::bind(args.listen, config).await.map_err(failed("--listen"))?;
    let observer = server.observer();
    let mut beside = JoinSet::new();
    let metrics = match args.metrics {
        Some(address) => {
            let metrics = Metrics::bind(address, observer.clone()).await.map_err(failed("--metrics"))?;
            let address = metrics.address();
            beside.spawn(metrics.serve());
            Some(address)
        }
        None => None,
    };
    args.tls.write_certificate(&server)?;
    say(&Ready::new(server.address()).with_metrics(metrics)).await?;
    let stop = signals.stop.clone();
    // In a task of its own: it serves on while this one waits for a reader of stdout.
    let mut serving = tokio::task::spawn_local(server.serve(async move { stop.wait().await }));
    let counts = loop {
        tokio::select! {
            biased;
            ended = &mut serving => break ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())),
            Some(()) = wanted.recv() => {
                // Who cannot be told is no reason to stop serving.
                if let Err(failure) = say(&Served::new(observer.counts())).await {
                    failure.say();
                }
            }
        }
    };
    drop(beside);
    say(&Served::new(counts)).await?;
    Ok(signals.received().await)
}

/// Prints one line, away from the thread that serves and hears the signals: nobody may be reading stdout.
async fn say(document: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(document).context("write a document").map_err(Failure::machine)?;
    let printed = tokio::task::spawn_blocking(move || print(&format!("{text}\n"))).await;
    printed.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// What may help, by what the kernel said; `option` is the one that takes the address.
fn hint(error: &server::Error, option: &str) -> Option<String> {
    let (address, source) = match error {
        server::Error::Listen { address, source } => (address, source),
        server::Error::ErrorLog { .. } => {
            return Some("--errorlog FILE takes a file that can be written, or `-`".into());
        }
        server::Error::Certificate(_) => {
            return Some(
                "--certificate and --key take PEM files, the key without a passphrase; without them one is made".into(),
            );
        }
        server::Error::Fault(_) => return Some("closewait serve --list-faults tells them all".into()),
        server::Error::Thread { .. } => return None,
    };
    match source.kind() {
        ErrorKind::AddrInUse => {
            let free = SocketAddr::new(address.ip(), 0);
            Some(format!("another server is there (ss -ltnp); {option} {free} picks a free port"))
        }
        ErrorKind::PermissionDenied if (1..1024).contains(&address.port()) => {
            let free = SocketAddr::new(address.ip(), if option == "--metrics" { 9464 } else { 1433 });
            Some(format!("ports below 1024 need CAP_NET_BIND_SERVICE; try {option} {free}"))
        }
        ErrorKind::AddrNotAvailable => {
            Some("that is no address of this machine (ip address lists them); 127.0.0.1 and 0.0.0.0 always are".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_a_hint_of_its_own() {
        let hint = |address: &str, errno, option| {
            let source = std::io::Error::from_raw_os_error(errno);
            hint(&server::Error::Listen { address: address.parse().unwrap(), source }, option).unwrap_or_default()
        };
        assert!(hint("[::1]:1433", libc::EADDRINUSE, "--listen").contains("--listen [::1]:0 picks a free port"));
        assert!(hint("127.0.0.1:443", libc::EACCES, "--listen").contains("ports below 1024"));
        assert!(hint("127.0.0.1:80", libc::EACCES, "--metrics").ends_with("try --metrics 127.0.0.1:9464"));
        assert!(hint("192.0.2.1:1433", libc::EADDRNOTAVAIL, "--listen").contains("no address of this machine"));
        assert_eq!(hint("127.0.0.1:1433", libc::EACCES, "--listen"), "");
    }
}
