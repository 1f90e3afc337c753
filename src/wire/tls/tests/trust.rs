//! What a client of these tests trusts.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion};

use super::identity;

/// What a client trusts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trust {
    /// The authority in the printed PEM.
    Authority,
    /// Everybody, as `TrustServerCertificate=yes`.
    Anything,
    /// Nobody.
    Nothing,
}

impl Trust {
    pub(super) fn client(self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let builder =
            ClientConfig::builder_with_provider(Arc::new(default_provider())).with_protocol_versions(versions).unwrap();
        match self {
            Self::Anything => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Blind)).with_no_client_auth()
            }
            Self::Nothing => builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth(),
            Self::Authority => {
                let mut roots = RootCertStore::empty();
                let pem = identity().pem();
                let chain: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect();
                roots.add(chain[1].clone()).unwrap();
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        }
    }
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
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
