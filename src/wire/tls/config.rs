//! How TLS is spoken: versions, certificates, ALPN, and no resumption.
//!
//! Nothing can be resumed, neither by ticket nor by session id. A TLS 1.3 ticket leaves after the handshake, where a
//! client with the handshake in packets does not look for it, and a client that closes with an unread ticket in its
//! buffer sends an RST where it meant a FIN: the one thing that this tool must not disturb.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::{KeyLog, NoKeyLog, ServerConfig};

use super::{Credential, Framing, Identity, IdentityError};

/// The protocol's name in ALPN [MS-TDS 2.1, TDS 8.0].
pub const ALPN: &[u8] = b"tds/8.0";

/// TLS as a server speaks it: 1.2 and 1.3, whatever certificate it shows. A clone costs nothing.
#[derive(Debug, Clone)]
pub struct Tls {
    configs: Arc<[Configs; 4]>,
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

    /// Like [`Tls::new`], but tells `key_log` the secrets of each connection, so that a capture of it can be read.
    ///
    /// # Errors
    /// As [`Tls::new`].
    pub fn with_key_log(identity: &Identity, key_log: Arc<dyn KeyLog>) -> Result<Self, IdentityError> {
        let mut base = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver(identity, Credential::Good));
        base.session_storage = Arc::new(NoServerSessionStorage {});
        base.send_tls13_tickets = 0;
        base.key_log = key_log;
        let configs = Credential::ALL.map(|credential| {
            let mut packets = base.clone();
            packets.cert_resolver = resolver(identity, credential);
            let mut raw = packets.clone();
            raw.alpn_protocols = vec![ALPN.to_vec()];
            Configs { packets: Arc::new(packets), raw: Arc::new(raw) }
        });
        Ok(Self { configs: Arc::new(configs) })
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
