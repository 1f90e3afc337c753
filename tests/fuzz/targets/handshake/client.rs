//! A real client of TLS, that says one flight after the other, and trusts everybody.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use closewait::tds::{Assembler, PacketType, packets};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group::X25519};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
    SupportedProtocolVersion,
};

/// How a client ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// TLS is over without a word, and plain bytes follow.
    Plain,
    /// It says that TLS is over, and sends more, which nobody is to read.
    Notify,
    /// It closes.
    Close,
    /// It sends what is no TLS.
    Garbage,
}

pub struct Client<'a> {
    pub tls: ClientConnection,
    /// The size of the packets of the handshake, if it goes in packets.
    pub packet: Option<usize>,
    /// Whether it leaves the packets after its first flight.
    pub leaves_early: bool,
    /// So many bytes of what it says go into one record.
    pub record: usize,
    pub secret: &'a [u8],
    pub end: End,
    pub tail: &'a [u8],
    pub finished: bool,
}

impl Client<'_> {
    /// All that it says next; nothing when it has said everything, or has given up.
    pub fn answer(&mut self, heard: &[u8]) -> Vec<u8> {
        let Some(mut said) = self.shake(heard) else { return Vec::new() };
        if let Some(size) = self.packet.filter(|_| !said.is_empty()) {
            said = packets(PacketType::PRELOGIN, 0, size, &said);
            if self.leaves_early {
                self.packet = None;
            }
        }
        if !self.tls.is_handshaking() {
            self.finish(&mut said);
        }
        said
    }

    /// Its part of the handshake; none when there is no more.
    fn shake(&mut self, heard: &[u8]) -> Option<Vec<u8>> {
        if self.finished {
            return None;
        }
        let mut records = heard.to_vec();
        if records.first() == Some(&PacketType::PRELOGIN.0) {
            let mut assembler = Assembler::new();
            assembler.push(heard);
            let message = assembler.next(heard.len()).expect("a server's packets are good").expect("and whole");
            records = message.payload;
        }
        let mut heard = records.as_slice();
        while !heard.is_empty() {
            self.tls.read_tls(&mut heard).ok()?;
            if self.tls.process_new_packets().is_err() {
                break;
            }
        }
        let said = self.pending();
        (!said.is_empty() || !self.tls.is_handshaking()).then_some(said)
    }

    /// All that comes after the handshake.
    fn finish(&mut self, said: &mut Vec<u8>) {
        for part in self.secret.chunks(self.record) {
            self.tls.writer().write_all(part).expect("the handshake is over");
            said.append(&mut self.pending());
        }
        if self.end == End::Notify {
            self.tls.send_close_notify();
            said.append(&mut self.pending());
        }
        if self.end != End::Close {
            said.extend_from_slice(self.tail);
        }
        self.finished = true;
    }

    fn pending(&mut self) -> Vec<u8> {
        let mut records = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut records).expect("a vector takes everything");
        }
        records
    }
}

static CONFIGS: LazyLock<[Arc<ClientConfig>; 2]> = LazyLock::new(|| {
    [&rustls::version::TLS12, &rustls::version::TLS13].map(|version| {
        // One key is enough, and its making is what takes time.
        let provider = CryptoProvider { kx_groups: vec![X25519], ..default_provider() };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .expect("a version of TLS")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Blind))
            .with_no_client_auth();
        config.alpn_protocols = vec![closewait::wire::tls::ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Arc::new(config)
    })
});

/// A client's side before its first flight.
pub fn tls(version: &'static SupportedProtocolVersion) -> ClientConnection {
    let config = &CONFIGS[usize::from(version.version == ProtocolVersion::TLSv1_3)];
    ClientConnection::new(config.clone(), ServerName::try_from("localhost").expect("a name")).expect("a client")
}

#[derive(Debug)]
struct Blind;

impl ServerCertVerifier for Blind {
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
