//! Clients that send what is no handshake, stop in the middle of one, or never come to its end.

use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadBuf, duplex};

use super::*;

async fn greet(bytes: &[u8], framing: Framing) -> (Result<Hello, Failure>, Vec<u8>) {
    let (mut near, far) = duplex(1024 * 1024);
    near.write_all(bytes).await.unwrap();
    near.shutdown().await.unwrap();
    let mut transport = Transport::plain(far);
    let result = Hello::read(&mut transport, framing).await;
    assert!(!transport.is_tls());
    drop(transport);
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.unwrap();
    (result, answer)
}

#[tokio::test]
async fn garbage_is_malformed() {
    let huge = [&[0x16, 3, 1, 0x40, 0, 1, 0x02, 0, 0][..], &[0; 0x4000]].concat();
    let drops = [0x16, 3, 1, 0, 0].repeat(100_000);
    let alerts = [0x15, 3, 3, 0, 2, 1, 0].repeat(1000);
    let table: [(&str, Vec<u8>); 6] = [
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("zeros", vec![0; 100]),
        ("no greeting", vec![0x16, 3, 1, 0, 4, 99, 0, 0, 0]),
        ("a greeting of 128 KiB", huge.repeat(9)),
        ("records of nothing", drops),
        ("alerts for ever", alerts),
    ];
    for (name, bytes) in table {
        for framing in [SERVER, Framing::Raw] {
            for stream in [bytes.clone(), framing.wrap(&bytes)] {
                let (result, _) = greet(&stream, framing).await;
                let right = matches!(result, Err(Failure::Malformed(_) | Failure::Refused(_)));
                assert!(right, "{name}, {framing:?}: {result:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_tls_server_owes_an_alert_in_its_own_framing() {
    let no_greeting = [0x16, 3, 1, 0, 4, 1, 0, 0, 0];
    let (_, answer) = greet(&SERVER.wrap(&no_greeting), SERVER).await;
    assert!(matches!(answer[..], [0x12, 1, 0, 15, 0, 51, 1, 0, 0x15, 3, 3, 0, 2, 2, _]), "{answer:?}");
    let (_, answer) = greet(&no_greeting, Framing::Raw).await;
    assert!(matches!(answer[..], [0x15, 3, 3, 0, 2, 2, _]), "{answer:?}");
}

#[tokio::test]
async fn a_greeting_cut_at_any_byte_is_a_client_that_has_gone() {
    for framing in [CLIENT, Framing::Raw] {
        let whole = greeting(&rustls::version::TLS13, framing);
        for cut in 0..whole.len() {
            let (result, answer) = greet(&whole[..cut], framing).await;
            assert!(matches!(result, Err(Failure::Gone)) && answer.is_empty(), "{cut}: {result:?}");
        }
        assert!(greet(&whole, framing).await.0.is_ok());
    }
}

/// A client's stream that breaks after so many bytes written.
struct Breaking(DuplexStream, usize);

impl AsyncRead for Breaking {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.1 == 0 {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let most = bytes.len().min(self.1);
        let result = Pin::new(&mut self.0).poll_write(cx, &bytes[..most]);
        if let Poll::Ready(Ok(count)) = result {
            self.1 -= count;
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn tls_1_3_in_packets_is_nothing_in_common() {
    let (near, far) = duplex(4096);
    let config = client(&rustls::version::TLS13, Trust::Anything);
    let (stream, result) =
        tokio::join!(connect(near, CLIENT, config, "db.test"), accept(far, SERVER, Credential::Good));
    assert!(matches!(result, Err(Failure::NothingInCommon(_))), "{result:?}");
    assert!(stream.unwrap_err().to_string().contains("ProtocolVersion"), "it is told by an alert");
}

#[tokio::test]
async fn a_handshake_cut_at_any_byte_is_a_client_that_has_gone() {
    for version in versions(CLIENT) {
        let mut whole = 0;
        for cut in 0.. {
            let (near, far) = duplex(4096);
            let config = client(version, Trust::Anything);
            let (stream, result) = tokio::join!(
                async { connect(Breaking(near, cut), CLIENT, config, "db.test").await.ok() },
                accept(far, SERVER, Credential::Good)
            );
            if let Some(stream) = stream {
                assert!(result.is_ok(), "{cut}: {result:?}");
                whole = cut;
                drop(stream);
                break;
            }
            assert!(matches!(result, Err(Failure::Gone)), "{cut}: {result:?}");
        }
        assert!(whole > 250, "{whole}");
    }
}

#[tokio::test]
async fn a_client_with_nothing_in_common_is_told() {
    let (near, far) = duplex(4096);
    let mut config = Trust::Anything.client(&[&rustls::version::TLS13]);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (stream, transport) = tokio::join!(
        connect(near, Framing::Raw, Arc::new(config), "db.test"),
        accept(far, Framing::Raw, Credential::Good)
    );
    assert!(matches!(transport, Err(Failure::NothingInCommon(_))), "{transport:?}");
    let said = stream.unwrap_err().to_string();
    assert!(said.contains("NoApplicationProtocol"), "{said}");
}

#[tokio::test]
async fn a_handshake_that_is_given_up_leaves_a_plain_transport() {
    let (mut near, far) = duplex(4096);
    let mut transport = Transport::plain(far);
    {
        let mut waiting = pin!(Hello::read(&mut transport, SERVER));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending());
    }
    near.write_all(&greeting(&rustls::version::TLS12, CLIENT)).await.unwrap();
    let hello = Hello::read(&mut transport, SERVER).await.unwrap();
    {
        let mut accepting = pin!(hello.accept(&mut transport, tls(), Credential::Good));
        assert!(futures_util::poll!(accepting.as_mut()).is_pending());
    }
    assert!(!transport.is_tls());
    near.write_all(b"rest").await.unwrap();
    let mut read = [0; 4];
    transport.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"rest");
}

#[tokio::test]
async fn garbage_after_the_handshake_is_an_error() {
    let (near, far) = duplex(4096);
    let config = client(&rustls::version::TLS12, Trust::Anything);
    let (stream, transport) =
        tokio::join!(connect(near, CLIENT, config, "db.test"), accept(far, SERVER, Credential::Good));
    let (mut stream, mut transport) = (stream.unwrap(), transport.unwrap());
    stream
        .get_mut()
        .0
        .write_all(&[0x17, 3, 3, 0, 30].iter().copied().chain([9; 30]).collect::<Vec<_>>())
        .await
        .unwrap();
    let error = transport.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}
