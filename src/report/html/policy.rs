//! The page's Content-Security-Policy: this script and no other, and no network at all.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;

/// The policy under which only a script of exactly this text runs.
///
/// Styles may stand in the page, since places along an axis are style attributes. The hash is that of the TLS library that the
/// program has already.
pub(super) fn policy(script: &str) -> String {
    let hash = TLS13_AES_128_GCM_SHA256.tls13().map(|suite| suite.common.hash_provider.hash(script.as_bytes()));
    let hash = STANDARD.encode(hash.expect("this suite is one of TLS 1.3").as_ref());
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_sha_256() {
        assert!(policy("abc").contains("'sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='"), "{}", policy("abc"));
    }
}
