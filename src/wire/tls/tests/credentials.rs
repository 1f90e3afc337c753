//! What a client makes of each certificate, and what the server hears of it.

use rustls::CertificateError;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

/// The client's and the server's view of one handshake; a server that failed still owns a plain transport.
async fn handshake(
    version: &'static SupportedProtocolVersion,
    trust: Trust,
    credential: Credential,
    framing: (Framing, Framing),
) -> (Option<rustls::Error>, Option<Failure>) {
    let (near, far) = duplex(4096);
    let client = async {
        let error = connect(near, framing.0, client(version, trust), "db.test").await.err()?;
        error.into_inner().and_then(|inner| inner.downcast::<rustls::Error>().ok()).map(|error| *error)
    };
    let server = async {
        let mut transport = Transport::plain(far);
        let hello = Hello::read(&mut transport, framing.1).await.unwrap();
        let result = hello.accept(&mut transport, tls(), credential).await;
        assert_eq!(transport.is_tls(), result.is_ok());
        result.err()
    };
    tokio::join!(client, server)
}

#[tokio::test]
async fn each_wrong_certificate_is_refused_for_its_own_reason() {
    for framing in [(CLIENT, SERVER), (Framing::Raw, Framing::Raw)] {
        for version in versions(framing.0) {
            for credential in Credential::ALL {
                let (error, failure) = handshake(version, Trust::Authority, credential, framing).await;
                let reason = match error {
                    Some(rustls::Error::InvalidCertificate(reason)) => reason,
                    None => {
                        assert_eq!(credential, Credential::Good);
                        assert!(failure.is_none());
                        continue;
                    }
                    other => panic!("{other:?}"),
                };
                let right = match credential {
                    Credential::Good => false,
                    Credential::Untrusted => matches!(reason, CertificateError::UnknownIssuer),
                    Credential::Expired => matches!(reason, CertificateError::ExpiredContext { .. }),
                    Credential::WrongName => matches!(reason, CertificateError::NotValidForNameContext { .. }),
                };
                assert!(right, "{credential:?}: {reason:?}");
                let alert = match credential {
                    Credential::Untrusted => "UnknownCA",
                    Credential::Expired => "CertificateExpired",
                    _ => "BadCertificate",
                };
                assert!(matches!(&failure, Some(Failure::Refused(said)) if said == alert), "{failure:?}");
            }
        }
    }
}

#[tokio::test]
async fn who_trusts_anything_takes_every_certificate_and_who_trusts_nobody_none() {
    for version in versions(CLIENT) {
        for credential in Credential::ALL {
            let (error, failure) = handshake(version, Trust::Anything, credential, (CLIENT, SERVER)).await;
            assert!(error.is_none() && failure.is_none(), "{credential:?}: {error:?} {failure:?}");
        }
        let (_, failure) = handshake(version, Trust::Nothing, Credential::Good, (CLIENT, SERVER)).await;
        assert!(matches!(failure, Some(Failure::Refused(_))), "{failure:?}");
    }
}

#[tokio::test]
async fn the_certificate_is_for_addresses_and_this_host_too() {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    for name in ["localhost", "127.0.0.1", "::1", &host] {
        let (near, far) = duplex(4096);
        let config = client(&rustls::version::TLS12, Trust::Authority);
        let (stream, transport) =
            tokio::join!(connect(near, CLIENT, config, name), accept(far, SERVER, Credential::Good));
        assert!(stream.is_ok() && transport.is_ok(), "{name}: {stream:?} {transport:?}");
    }
}

#[tokio::test]
async fn a_flight_is_what_accept_would_send() {
    for framing in [SERVER, Framing::Raw] {
        for version in versions(framing) {
            for credential in Credential::ALL {
                let greeting = greeting(version, framing);
                let (mut near, far) = duplex(64 * 1024);
                near.write_all(&greeting).await.unwrap();
                let mut transport = Transport::plain(far);
                let hello = Hello::read(&mut transport, framing).await.unwrap();
                let flight = hello.flight(tls(), credential);

                // Nothing was sent; the same greeting again is answered, and the client then goes.
                near.write_all(&greeting).await.unwrap();
                let hello = Hello::read(&mut transport, framing).await.unwrap();
                near.shutdown().await.unwrap();
                let result = hello.accept(&mut transport, tls(), credential).await;
                assert!(matches!(result, Err(Failure::Gone)), "{result:?}");
                drop(transport);
                let mut sent = Vec::new();
                near.read_to_end(&mut sent).await.unwrap();

                // An ECDSA signature in DER has 70 to 72 bytes, seldom fewer.
                assert!(flight.len().abs_diff(sent.len()) <= 4, "{} {}", flight.len(), sent.len());
                assert_eq!(flight[0], sent[0]);
                let half = &flight[..flight.len() / 2];
                assert!(whole_records(framing, &flight) && !whole_records(framing, half));
            }
        }
    }
}

/// Whether bytes end where a record ends.
fn whole_records(framing: Framing, bytes: &[u8]) -> bool {
    // One packet holds a flight of these certificates.
    let mut rest = if framing == Framing::Raw { bytes } else { &bytes[crate::tds::HEADER_LEN..] };
    while let [0x14..=0x17, 3, 3, high, low, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some(next) = after.get(length..) else { return false };
        rest = next;
    }
    rest.is_empty()
}
