//! The modes that speak TLS.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::*;

const WIDTHS: [usize; 4] = [1, 7, 64, 4096];

#[tokio::test]
async fn a_whole_connection_in_tls_over_any_pipe() {
    for version in versions(CLIENT) {
        for width in WIDTHS {
            let (near, far) = pipe(width);
            // Several records where that takes no time.
            let sent: Vec<u8> = (0..if width < 64 { 600 } else { 40_000_u32 }).map(|at| at.to_le_bytes()[0]).collect();
            let client = async {
                let mut stream = connect(near, CLIENT, client(version, Trust::Authority), "db.test").await.unwrap();
                stream.write_all(&sent).await.unwrap();
                stream.flush().await.unwrap();
                let mut back = Vec::new();
                // An end without the closing alert would be an error here.
                stream.read_to_end(&mut back).await.unwrap();
                (stream, back)
            };
            let server = async {
                let mut transport = accept(far, SERVER, Credential::Good).await.unwrap();
                assert!(transport.is_tls());
                let mut read = vec![0; sent.len()];
                transport.read_exact(&mut read).await.unwrap();
                transport.write_all(&read).await.unwrap();
                transport.flush().await.unwrap();
                transport.close_notify().await.unwrap();
                transport
            };
            let ((mut stream, back), mut transport) = tokio::join!(client, server);
            assert!(back == sent, "{version:?} {width}");
            let (_, connection) = stream.get_ref();
            assert_eq!(connection.protocol_version(), Some(version.version));
            // No FIN has been sent: the client still speaks, and is heard below TLS.
            transport.leave_tls();
            stream.get_mut().0.write_all(b"on").await.unwrap();
            let mut read = [0; 2];
            transport.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"on");
        }
    }
}

#[tokio::test]
async fn only_the_login_packet_in_tls() {
    for version in versions(CLIENT) {
        for width in WIDTHS {
            let (near, far) = pipe(width);
            let client = async {
                let mut stream = connect(near, CLIENT, client(version, Trust::Anything), "db.test").await.unwrap();
                stream.write_all(b"login").await.unwrap();
                stream.flush().await.unwrap();
                // It does not wait for the answer with what comes next.
                let mut plain = stream.into_inner().0.into_plain();
                plain.write_all(b"batch").await.unwrap();
                let mut read = [0; 5];
                plain.read_exact(&mut read).await.unwrap();
                read
            };
            let server = async {
                let mut transport = accept(far, SERVER, Credential::Good).await.unwrap();
                let mut read = [0; 5];
                transport.read_exact(&mut read).await.unwrap();
                assert_eq!(&read, b"login");
                transport.leave_tls();
                assert!(!transport.is_tls());
                transport.write_all(b"reply").await.unwrap();
                transport.read_exact(&mut read).await.unwrap();
                assert_eq!(&read, b"batch");
            };
            let (reply, ()) = tokio::join!(client, server);
            assert_eq!(&reply, b"reply", "{version:?} {width}");
        }
    }
}

#[tokio::test]
async fn what_came_encrypted_behind_the_login_is_not_hidden() {
    let (near, far) = duplex(4096);
    let client = async {
        let config = client(&rustls::version::TLS12, Trust::Anything);
        let mut stream = connect(near, CLIENT, config, "db.test").await.unwrap();
        stream.write_all(b"loginmore").await.unwrap();
        stream.flush().await.unwrap();
        stream.get_mut().0.write_all(b"plain").await.unwrap();
        stream
    };
    let server = async {
        let mut transport = accept(far, SERVER, Credential::Good).await.unwrap();
        let mut read = [0; 5];
        transport.read_exact(&mut read).await.unwrap();
        transport.leave_tls();
        let mut rest = [0; 9];
        transport.read_exact(&mut rest).await.unwrap();
        rest
    };
    let (_stream, rest) = tokio::join!(client, server);
    assert_eq!(&rest, b"moreplain");
}

#[tokio::test]
async fn strict_is_tls_from_the_first_byte_and_agrees_on_tds_8() {
    for version in versions(Framing::Raw) {
        for width in WIDTHS {
            for alpn in [vec![ALPN.to_vec()], vec![]] {
                let (near, far) = pipe(width);
                let mut config = Trust::Authority.client(&[version]);
                config.alpn_protocols.clone_from(&alpn);
                let server = async {
                    let mut transport = Transport::plain(far);
                    let mut first = [0];
                    transport.read_exact(&mut first).await.unwrap();
                    assert_eq!(first, [0x16]);
                    transport.unread(&first);
                    let hello = Hello::read(&mut transport, Framing::Raw).await.unwrap();
                    assert_eq!((hello.alpn(), hello.offers_tds8()), (alpn.clone(), !alpn.is_empty()));
                    assert_eq!(hello.server_name().as_deref(), Some("db.test"));
                    hello.accept(&mut transport, tls(), Credential::Good).await.unwrap();
                    transport.write_all(b"reply").await.unwrap();
                    // The closing alert, then a FIN.
                    transport.shutdown().await.unwrap();
                };
                let client = async {
                    let mut stream = connect(near, Framing::Raw, Arc::new(config), "db.test").await.unwrap();
                    let mut read = Vec::new();
                    stream.read_to_end(&mut read).await.unwrap();
                    assert_eq!(read, b"reply");
                    let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
                    assert_eq!(agreed.as_ref(), alpn.first());
                };
                tokio::join!(client, server);
            }
        }
    }
}

#[tokio::test]
async fn nothing_is_offered_for_a_resumption() {
    for (version, ours, theirs) in
        [(&rustls::version::TLS12, CLIENT, SERVER), (&rustls::version::TLS13, Framing::Raw, Framing::Raw)]
    {
        // One store of sessions for both connections.
        let config = client(version, Trust::Authority);
        for _ in 0..2 {
            let (near, far) = duplex(4096);
            let (stream, transport) =
                tokio::join!(connect(near, ours, config.clone(), "db.test"), accept(far, theirs, Credential::Good));
            let (mut stream, mut transport) = (stream.unwrap(), transport.unwrap());
            transport.shutdown().await.unwrap();
            let mut read = Vec::new();
            stream.read_to_end(&mut read).await.unwrap();
            let (_, connection) = stream.get_ref();
            assert_eq!(connection.tls13_tickets_received(), 0);
            assert_eq!(connection.handshake_kind(), Some(rustls::HandshakeKind::Full));
        }
    }
}

#[tokio::test]
async fn a_client_that_just_closes_has_closed() {
    let (near, far) = duplex(4096);
    let config = client(&rustls::version::TLS12, Trust::Anything);
    let (stream, transport) =
        tokio::join!(connect(near, CLIENT, config, "db.test"), accept(far, SERVER, Credential::Good));
    drop(stream.unwrap().into_inner());
    assert_eq!(transport.unwrap().read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn secrets_go_to_the_key_log() {
    #[derive(Debug, Default)]
    struct Labels(std::sync::Mutex<Vec<String>>);
    impl KeyLog for Labels {
        fn log(&self, label: &str, _: &[u8], _: &[u8]) {
            self.0.lock().unwrap().push(label.to_owned());
        }
    }
    let labels = Arc::new(Labels::default());
    let tls = Tls::with_key_log(identity(), labels.clone()).unwrap();
    let (near, far) = duplex(4096);
    let server = async {
        let mut transport = Transport::plain(far);
        let hello = Hello::read(&mut transport, SERVER).await.unwrap();
        hello.accept(&mut transport, &tls, Credential::Good).await.unwrap();
    };
    let config = client(&rustls::version::TLS12, Trust::Anything);
    let (stream, ()) = tokio::join!(connect(near, CLIENT, config, "db.test"), server);
    stream.unwrap();
    assert_eq!(*labels.0.lock().unwrap(), ["CLIENT_RANDOM"]);
}
