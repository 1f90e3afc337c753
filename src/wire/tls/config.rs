//! How TLS is spoken: versions, certificates, ALPN, and no resumption.
//!
//! Nothing can be resumed, neither by ticket nor by session id. A TLS 1.3 ticket leaves after the handshake, where a
//! client with the handshake in packets does not look for it, and a client that closes with an unread ticket in its
//! buffer sends an RST where it meant a FIN: the one thing that this tool must not disturb.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{KeyLog, NoKeyLog, ServerConfig, SupportedProtocolVersion};

use super::{Credential, Disclosure, Framing, Identity, IdentityError};

/// The protocol's name in ALPN [MS-TDS 2.1, TDS 8.0].
pub const ALPN: &[u8] = b"tds/8.0";

/// TLS as a server speaks it, whatever certificate it shows: 1.2 and 1.3 before TDS 8.0, and 1.2 in PRELOGIN packets, as
/// SQL Server does. There most clients leave the packets too early for 1.3, whose last flight is theirs. A clone costs
/// nothing.
#[derive(Debug, Clone)]
pub struct Tls {
    configs: Arc<[Configs; 4]>,
    pub(super) disclosure: Option<Arc<Disclosure>>,
}

/// One certificate's configurations.
#[derive(Debug)]
struct Configs {
    packets: Arc<ServerConfig>,
    raw: Arc<ServerConfig>,
}

impl Tls {
    /// TLS with this identity.
    ///
    /// # Errors
    /// When the cryptography in this build does not know TLS 1.2 and 1.3.
    pub fn new(identity: &Identity) -> Result<Self, IdentityError> {
        Self::with_key_log(identity, Arc::new(NoKeyLog))
    }

    /// Like [`Tls::new`], but keeps what it hides: for tests and traces only.
    ///
    /// # Errors
    /// As [`Tls::new`].
    pub fn disclosing(identity: &Identity, disclosure: Arc<Disclosure>) -> Result<Self, IdentityError> {
        let tls = Self::with_key_log(identity, Arc::clone(&disclosure) as Arc<dyn KeyLog>)?;
        Ok(Self { disclosure: Some(disclosure), ..tls })
    }

    /// Like [`Tls::new`], but tells `key_log` the secrets of each connection, so that a capture of it can be read.
    ///
    /// # Errors
    /// As [`Tls::new`].
    pub fn with_key_log(identity: &Identity, key_log: Arc<dyn KeyLog>) -> Result<Self, IdentityError> {
        let base = |versions: &[&'static SupportedProtocolVersion]| -> Result<ServerConfig, IdentityError> {
            let mut base = ServerConfig::builder_with_provider(Arc::new(default_provider()))
                .with_protocol_versions(versions)?
                .with_no_client_auth()
                .with_cert_resolver(resolver(identity, Credential::Good));
            base.session_storage = Arc::new(NoServerSessionStorage {});
            base.send_tls13_tickets = 0;
            base.key_log = Arc::clone(&key_log);
            Ok(base)
        };
        let (packets, mut raw) = (base(&[&TLS12])?, base(&[&TLS13, &TLS12])?);
        raw.alpn_protocols = vec![ALPN.to_vec()];
        let configs = Credential::ALL.map(|credential| {
            let show = |config: &ServerConfig| {
                let mut config = config.clone();
                config.cert_resolver = resolver(identity, credential);
                Arc::new(config)
            };
            Configs { packets: show(&packets), raw: show(&raw) }
        });
        Ok(Self { configs: Arc::new(configs), disclosure: None })
    }

    pub(super) fn config(&self, credential: Credential, framing: Framing) -> Arc<ServerConfig> {
        let [good, untrusted, expired, wrong_name] = &*self.configs;
        let configs = match credential {
            Credential::Good => good,
            Credential::Untrusted => untrusted,
            Credential::Expired => expired,
            Credential::WrongName => wrong_name,
        };
        match framing {
            Framing::Packets { .. } => configs.packets.clone(),
            Framing::Raw => configs.raw.clone(),
        }
    }
}

fn resolver(identity: &Identity, credential: Credential) -> Arc<SingleCertAndKey> {
    Arc::new(SingleCertAndKey::from(identity.key(credential).as_ref().clone()))
}
