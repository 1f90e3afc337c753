//! Who the server says that it is: its certificate, and the wrong ones that faults show instead.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::authority::{Authority, Lifetime};

/// Why there is no identity; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("read {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds no certificate in PEM.
    #[error("find a PEM certificate in {}: {problem}", .path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        problem: String,
    },
    /// A file holds no private key in PEM.
    #[error("find a PEM private key in {}: {problem}", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What it holds instead.
        problem: String,
    },
    /// The key has a password.
    #[error(
        "use the private key in {}: it is encrypted; hint: openssl pkey -in {} -out plain.pem",
        .path.display(),
        .path.display()
    )]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// The certificate and the key are not a pair, or of a kind that is not spoken.
    #[error("use the certificate in {} with the key in {}", .certificate.display(), .key.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// A certificate could not be made; a name is no ASCII, for example.
    #[error("make a certificate")]
    Make(#[from] rcgen::Error),
    /// A key that was made is of no use to TLS.
    #[error("use a key")]
    Key(#[from] rustls::Error),
}

/// Which certificate a client is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Credential {
    /// The server's own.
    #[default]
    Good,
    /// For the right names, from an authority that nobody knows.
    Untrusted,
    /// For the right names, from the right authority, expired in January 2020.
    Expired,
    /// From the right authority, for `wrong-name.invalid` only.
    WrongName,
}

impl Credential {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Good, Self::Untrusted, Self::Expired, Self::WrongName];
}

/// A server's certificates and keys, made once, before the first connection. A clone costs nothing.
#[derive(Clone)]
pub struct Identity {
    /// In the order of [`Credential::ALL`].
    keys: [Arc<CertifiedKey>; 4],
}

impl Identity {
    /// An identity made in memory: an authority, and a certificate that it signed for `localhost`, `127.0.0.1`, `::1`,
    /// this host's name and `names`, which may be addresses too. ECDSA with P-256, good from 2020 to 2049.
    ///
    /// # Errors
    /// When one of `names` cannot stand in a certificate.
    pub fn self_signed(names: &[String]) -> Result<Self, IdentityError> {
        let mut all: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        // A host's name need not be one of the DNS; without it the rest is still good.
        let host = Some(host).filter(|host| !host.is_empty() && host.is_ascii());
        for name in host.into_iter().chain(names.iter().cloned()) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        let authority = Authority::new("closewait CA")?;
        let good = authority.leaf(&all, Lifetime::Present)?;
        Self::with_wrong_ones(good, &authority, &all)
    }

    /// The certificate chain in one file, the server's own certificate first, and its key in another; both in PEM.
    ///
    /// The authority's key is not known here, so the expired certificate and the one with the wrong name come from an
    /// authority made in memory: a client refuses them for that as well.
    ///
    /// # Errors
    /// When a file cannot be read, holds no certificate or no key, the key is encrypted, or the two are not a pair.
    pub fn from_pem(certificate_chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        let chain = certificates(certificate_chain)?;
        let private = private_key(key)?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let good = CertifiedKey::from_der(chain, private, &provider).map_err(|source| IdentityError::Unusable {
            certificate: certificate_chain.to_owned(),
            key: key.to_owned(),
            source,
        })?;
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        Self::with_wrong_ones(Arc::new(good), &Authority::new("closewait CA")?, &names)
    }

    fn with_wrong_ones(
        good: Arc<CertifiedKey>,
        authority: &Authority,
        names: &[String],
    ) -> Result<Self, IdentityError> {
        let untrusted = Authority::new("closewait untrusted CA")?.leaf(names, Lifetime::Present)?;
        let expired = authority.leaf(names, Lifetime::Past)?;
        let wrong_name = authority.leaf(&["wrong-name.invalid".to_owned()], Lifetime::Present)?;
        Ok(Self { keys: [good, untrusted, expired, wrong_name] })
    }

    /// The chain of the good certificate in PEM, the server's own first: what a client needs that checks it. It serves as
    /// OpenSSL's `CAfile`, as Node's `ca`, and as the exact certificate of ODBC's `ServerCertificate`.
    #[must_use]
    pub fn pem(&self) -> String {
        self.key(Credential::Good).cert.iter().map(|certificate| pem(certificate)).collect()
    }

    /// The certificate and its key.
    pub(super) const fn key(&self, credential: Credential) -> &Arc<CertifiedKey> {
        let [good, untrusted, expired, wrong_name] = &self.keys;
        match credential {
            Credential::Good => good,
            Credential::Untrusted => untrusted,
            Credential::Expired => expired,
            Credential::WrongName => wrong_name,
        }
    }
}

impl fmt::Debug for Identity {
    /// Nothing of a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let text = read(path)?;
    let no = |problem: String| IdentityError::NoCertificate { path: path.to_owned(), problem };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|error| no(error.to_string()))?;
    if chain.is_empty() { Err(no(instead(&text).to_owned())) } else { Ok(chain) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, IdentityError> {
    use rustls::pki_types::pem::Error;
    let text = read(path)?;
    // The second is what OpenSSL wrote before PKCS #8, inside of a section that looks like a plain key.
    if contains(&text, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(&text, b"Proc-Type: 4,ENCRYPTED") {
        return Err(IdentityError::Encrypted { path: path.to_owned() });
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let problem = match error {
            Error::NoItemsFound => instead(&text).to_owned(),
            other => other.to_string(),
        };
        IdentityError::NoKey { path: path.to_owned(), problem }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, IdentityError> {
    std::fs::read(path).map_err(|source| IdentityError::Read { path: path.to_owned(), source })
}

/// What a file holds that does not hold what it should.
fn instead(text: &[u8]) -> &'static str {
    if text.is_empty() {
        "it is empty"
    } else if contains(text, b"PRIVATE KEY-----") {
        "it holds a private key; were the two files exchanged?"
    } else if contains(text, b"-----BEGIN CERTIFICATE-----") {
        "it holds a certificate; were the two files exchanged?"
    } else if text.first() == Some(&0x30) {
        "it looks like DER; hint: openssl x509 or openssl pkey with -inform DER makes PEM of it"
    } else {
        "there is no PEM section of that kind in it"
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn pem(certificate: &[u8]) -> String {
    let body = STANDARD.encode(certificate);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = body.as_str();
    // Lines of 64 characters [RFC 7468].
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str("-----END CERTIFICATE-----\n");
    out
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, generate_simple_self_signed};

    use super::*;

    fn section(kind: &str, der: &[u8]) -> String {
        pem(der).replace("CERTIFICATE", kind)
    }

    /// A certificate and its key, in files; and what they hold.
    fn files(directory: &Path) -> (PathBuf, PathBuf, String, String) {
        let made = generate_simple_self_signed(["db.test".to_owned()]).unwrap();
        let (certificate, key) = (pem(made.cert.der()), section("PRIVATE KEY", &made.signing_key.serialize_der()));
        let (certificate_path, key_path) = (directory.join("chain.pem"), directory.join("key.pem"));
        std::fs::write(&certificate_path, &certificate).unwrap();
        std::fs::write(&key_path, &key).unwrap();
        (certificate_path, key_path, certificate, key)
    }

    #[test]
    fn files_come_back_as_they_were() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key, text, _) = files(directory.path());
        assert_eq!(Identity::from_pem(&certificate, &key).unwrap().pem(), text);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key, _, key_text) = files(directory.path());
        let bad = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let other = section("PRIVATE KEY", &KeyPair::generate().unwrap().serialize_der());
        let old = key_text.replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1);
        let says = |certificate: &Path, key: &Path| Identity::from_pem(certificate, key).unwrap_err().to_string();
        let table = [
            (says(&directory.path().join("none.pem"), &key), "none.pem"),
            (says(&key, &key), "it holds a private key; were the two files exchanged?"),
            (says(&certificate, &certificate), "it holds a certificate; were the two files exchanged?"),
            (says(&bad("empty.pem", ""), &key), "empty.pem: it is empty"),
            (says(&bad("text.pem", "hello"), &key), "no PEM section"),
            (says(&bad("der.pem", "0hello"), &key), "-inform DER"),
            (says(&certificate, &bad("enc.pem", &section("ENCRYPTED PRIVATE KEY", b"x"))), "openssl pkey -in"),
            (says(&certificate, &bad("old.pem", &old)), "is encrypted"),
            (says(&certificate, &bad("other.pem", &other)), "with the key in"),
            (says(&bad("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n"), &key), "section end"),
        ];
        for (said, expected) in table {
            assert!(said.contains(expected), "{said:?} does not contain {expected:?}");
        }
    }

    #[test]
    fn a_name_that_is_no_ascii_is_an_error() {
        assert!(matches!(Identity::self_signed(&["dätabase".to_owned()]), Err(IdentityError::Make(_))));
    }

    #[test]
    fn nothing_of_a_key_is_shown() {
        assert_eq!(format!("{:?}", Identity::self_signed(&[]).unwrap()), "Identity { .. }");
    }
}
