//! A rustls client against the server's side, over pipes of any width.

mod bad;
mod credentials;
mod modes;
mod openssl;
mod pipe;
mod trust;

use std::io;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use pipe::pipe;
use trust::Trust;

/// A client's packets.
const CLIENT: Framing = Framing::Packets { spid: 0 };
/// The server's.
const SERVER: Framing = Framing::Packets { spid: 51 };

/// The versions that a server speaks in this framing.
fn versions(framing: Framing) -> &'static [&'static SupportedProtocolVersion] {
    static BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];
    match framing {
        Framing::Packets { .. } => &BOTH[..1],
        Framing::Raw => &BOTH,
    }
}

/// A client that accepts every certificate.
pub(crate) fn trusting(framing: Framing) -> ClientConfig {
    let mut config = Trust::Anything.client(versions(framing));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config
}

fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| Identity::self_signed(&["db.test".to_owned()]).unwrap())
}

fn tls() -> &'static Tls {
    static TLS: OnceLock<Tls> = OnceLock::new();
    TLS.get_or_init(|| Tls::new(identity()).unwrap())
}

fn client(version: &'static SupportedProtocolVersion, trust: Trust) -> Arc<ClientConfig> {
    Arc::new(trust.client(&[version]))
}

/// A client's handshake with the host `name`, and the change to bare records after it.
async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    framing: Framing,
    config: Arc<ClientConfig>,
    name: &str,
) -> io::Result<TlsStream<Tunnel<S>>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut stream = TlsConnector::from(config).connect(name, Tunnel::new(stream, framing)).await?;
    stream.get_mut().0.end_handshake();
    Ok(stream)
}

/// A server's handshake.
async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    framing: Framing,
    credential: Credential,
) -> Result<Transport<S>, Failure> {
    let mut transport = Transport::plain(stream);
    let hello = Hello::read(&mut transport, framing).await?;
    hello.accept(&mut transport, tls(), credential).await?;
    Ok(transport)
}

/// A client's greeting as it goes on the wire.
fn greeting(version: &'static SupportedProtocolVersion, framing: Framing) -> Vec<u8> {
    let name = ServerName::try_from("db.test").unwrap();
    let mut connection = rustls::ClientConnection::new(client(version, Trust::Anything), name).unwrap();
    let mut records = Vec::new();
    connection.write_tls(&mut records).unwrap();
    framing.wrap(&records)
}
