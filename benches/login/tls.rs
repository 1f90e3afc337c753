//! A client's side of TLS in TDS, blocking: the handshake's records in PRELOGIN packets, then records as they are.
//!
//! Every handshake is a full one: the server resumes none, and drivers that keep no session ask for none.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use closewait::tds::{HEADER_LEN, Header};
use closewait::wire::tls::Framing;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection, Resumption};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme, SupportedProtocolVersion};

/// What a driver with `TrustServerCertificate` does: signatures are checked, names and issuers not.
#[derive(Debug)]
struct Trusting(CryptoProvider);

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A client that speaks this version alone and resumes nothing.
pub(crate) fn config(version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .expect("a version of this build")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting(aws_lc_rs::default_provider())))
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// A whole handshake, from the answer to PRELOGIN on.
pub(crate) fn handshake(stream: &mut TcpStream, config: &Arc<ClientConfig>) -> io::Result<ClientConnection> {
    // As drivers do: the last flight and the login are two small writes, of which the second would wait for an ACK.
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    loop {
        let records = flight(&mut connection)?;
        stream.write_all(&Framing::Packets { spid: 0 }.wrap(&records))?;
        if !connection.is_handshaking() {
            return Ok(connection);
        }
        let mut header = [0; HEADER_LEN];
        stream.read_exact(&mut header)?;
        let mut records = vec![0; usize::from(Header::decode(header).length).saturating_sub(HEADER_LEN)];
        stream.read_exact(&mut records)?;
        let mut records = records.as_slice();
        while !records.is_empty() {
            connection.read_tls(&mut records)?;
            connection.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

/// Sends a packet as records.
pub(crate) fn send(stream: &mut TcpStream, connection: &mut ClientConnection, packet: &[u8]) -> io::Result<()> {
    connection.writer().write_all(packet)?;
    stream.write_all(&flight(connection)?)
}

/// Reads records until they hold a whole packet.
pub(crate) fn receive(stream: &mut TcpStream, connection: &mut ClientConnection) -> io::Result<()> {
    let mut room = [0; 4096];
    let mut waiting = true;
    while waiting {
        if connection.read_tls(stream)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        connection.process_new_packets().map_err(io::Error::other)?;
        match connection.reader().read(&mut room) {
            Ok(count) => waiting = count == 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn flight(connection: &mut ClientConnection) -> io::Result<Vec<u8>> {
    let mut records = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut records)?;
    }
    Ok(records)
}
