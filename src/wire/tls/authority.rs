//! Certificates made in memory: a certificate authority, and leaves that it signs.
//!
//! Two certificates and not one that signs itself: webpki refuses an authority as a server's certificate, and OpenSSL
//! refuses a server's certificate as an authority, so no single one is trusted by every client. The dates are constants,
//! so no clock is read, and end in 2049, the last year that certificates write with two digits.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::IdentityError;

/// The name of the certificate that SQL Server makes for itself when it was given none.
const LEAF: &str = "SSL_Self_Signed_Fallback";

/// An authority that clients may be told to trust.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    /// A fresh one: its key is never seen again.
    pub(super) fn new(name: &str) -> Result<Self, IdentityError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = common_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2049, 12, 31));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        Ok(Self(CertifiedIssuer::self_signed(params, key)?))
    }

    /// Its own certificate.
    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A server's certificate for `names`, addresses included, with the key that belongs to it.
    pub(super) fn leaf(&self, names: &[String], lifetime: Lifetime) -> Result<Arc<CertifiedKey>, IdentityError> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = common_name(LEAF);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python from 3.13 on refuses a leaf without it.
        params.use_authority_key_identifier_extension = true;
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = match lifetime {
            Lifetime::Present => date_time_ymd(2049, 12, 31),
            Lifetime::Past => date_time_ymd(2020, 1, 31),
        };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.0)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let chain = vec![certificate.der().clone(), self.certificate()];
        Ok(Arc::new(CertifiedKey::new(chain, any_supported_type(&key)?)))
    }
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lifetime {
    /// From 2020 to the end of 2049.
    Present,
    /// In January 2020.
    Past,
}

fn common_name(name: &str) -> DistinguishedName {
    let mut names = DistinguishedName::new();
    names.push(DnType::CommonName, name);
    names
}
