//! mssql-client.
//!
//! Its retries stay at their default, as a program that says nothing about them would have it.

use mssql_client::{Client, Config, Credentials, Error, TimeoutConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::Failure;
use crate::settings::{Settings, TIMEOUT};

pub(crate) async fn select_one(settings: &Settings) -> Result<i64, Failure> {
    answer(settings).await.map_err(|error| Failure {
        number: if let Error::Server { number, .. } = &error { Some(i64::from(*number)) } else { None },
        text: error.to_string(),
        kind: kind(&error),
    })
}

async fn answer(settings: &Settings) -> Result<i64, Error> {
    let timeouts = TimeoutConfig::new()
        .connect_timeout(TIMEOUT)
        .tls_timeout(TIMEOUT)
        .login_timeout(TIMEOUT)
        .command_timeout(TIMEOUT);
    let mut config = Config::new()
        .host(&settings.host)
        .port(settings.port)
        .database(&settings.database)
        .credentials(Credentials::sql_server(settings.user.clone(), settings.password.clone()))
        .connect_timeout(TIMEOUT)
        .timeouts(timeouts);
    config = match settings.encrypt.as_str() {
        "no-tls" => config.no_tls(true),
        "false" => config.encrypt(false),
        "true" => config.encrypt(true),
        "strict" => config.strict_mode(true),
        other => return Err(Error::Config(format!("no encryption `{other}`"))),
    };
    config = match &settings.certificates {
        Some(pem) => {
            let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
            let certificates = certificates.map_err(|error| Error::Config(error.to_string()))?;
            config.tls = config.tls.with_root_certificates(certificates);
            config.trust_server_certificate(false)
        }
        None => config.trust_server_certificate(true),
    };
    let mut client = Client::connect(config).await?;
    let mut value = None;
    for row in client.query("SELECT 1", &[]).await? {
        value = Some(row?.get::<i32>(0)?);
    }
    client.close().await?;
    value.map(i64::from).ok_or_else(|| Error::Query("no row".to_owned()))
}

/// The variant's name: what its debug form begins with.
fn kind(error: &Error) -> String {
    format!("{error:?}").chars().take_while(|letter| letter.is_alphanumeric()).collect()
}
