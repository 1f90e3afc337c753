//! tiberius.
//!
//! Its handshake timeout does not cover the TCP connect, and its documentation says to bound that with the runtime's own:
//! so here.

use std::io::{Error as IoError, ErrorKind};

use tiberius::error::Error;
use tiberius::{AuthMethod, Client, Config, EncryptionLevel};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt as _;

use crate::Failure;
use crate::settings::{Settings, TIMEOUT};

pub(crate) async fn select_one(settings: &Settings) -> Result<i64, Failure> {
    answer(settings).await.map_err(|error| Failure {
        number: error.code().map(i64::from),
        text: error.to_string(),
        kind: kind(&error).to_owned(),
    })
}

async fn answer(settings: &Settings) -> Result<i64, Error> {
    let mut config = Config::new();
    config.host(&settings.host);
    config.port(settings.port);
    config.database(&settings.database);
    config.authentication(AuthMethod::sql_server(&settings.user, &settings.password));
    config.handshake_timeout(Some(TIMEOUT));
    config.command_timeout(Some(TIMEOUT));
    config.encryption(match settings.encrypt.as_str() {
        "not-supported" => EncryptionLevel::NotSupported,
        "off" => EncryptionLevel::Off,
        "on" => EncryptionLevel::On,
        "required" => EncryptionLevel::Required,
        "strict" => EncryptionLevel::Strict,
        other => return Err(Error::Protocol(format!("no encryption `{other}`").into())),
    });
    match &settings.certificates {
        Some(pem) => config.trust_cert_ca_bundle(pem.clone()),
        None => config.trust_cert(),
    }
    let mut client = connect(config).await?;
    let row = client.simple_query("SELECT 1").await?.into_row().await?;
    let value = row.and_then(|row| row.get::<i32, _>(0)).ok_or(Error::Protocol("no row".into()))?;
    client.close().await?;
    Ok(value.into())
}

/// As its documentation says: a routed client connects again, where it is sent. One hop is what its examples follow.
async fn connect(config: Config) -> Result<Client<tokio_util::compat::Compat<TcpStream>>, Error> {
    let first = tcp(&config.get_addr()).await?;
    match Client::connect(config.clone(), first.compat_write()).await {
        Err(Error::Routing { host, port }) => {
            let mut routed = config;
            routed.host(&host);
            routed.port(port);
            let second = tcp(&routed.get_addr()).await?;
            Client::connect(routed, second.compat_write()).await
        }
        other => other,
    }
}

async fn tcp(address: &str) -> Result<TcpStream, Error> {
    let connect = tokio::time::timeout(TIMEOUT, TcpStream::connect(address)).await;
    let stream = connect.map_err(|_| IoError::from(ErrorKind::TimedOut)).and_then(|stream| stream)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn kind(error: &Error) -> &'static str {
    match error {
        Error::Io { .. } => "Io",
        Error::Protocol(_) => "Protocol",
        Error::Server(_) => "Server",
        Error::Tls(_) => "Tls",
        Error::Routing { .. } => "Routing",
        _ => "other",
    }
}
