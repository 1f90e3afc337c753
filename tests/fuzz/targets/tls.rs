//! A client's first bytes of TLS, in packets or not: a handshake fails or waits for more, and leaves the transport plain.
#![no_main]

mod pieces;

use std::sync::LazyLock;

use closewait::wire::tls::{Credential, Framing, Hello, Identity, Tls, Transport};
use pieces::{Pieces, at_once};

static TLS: LazyLock<Tls> = LazyLock::new(|| {
    let identity = Identity::self_signed(&[]).expect("an identity");
    Tls::new(&identity).expect("TLS 1.2 and 1.3")
});

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((sizes, stream)) = input.split_first_chunk::<4>() else { return };
    let framing = if sizes[0] % 2 == 0 { Framing::Packets { spid: 51 } } else { Framing::Raw };
    let mut transport = Transport::plain(Pieces::new(stream, sizes));
    let Ok(hello) = at_once(Hello::read(&mut transport, framing)) else { return };
    let _ = (hello.server_name(), hello.offers_tds8() && hello.alpn().is_empty());
    if sizes[0] & 2 == 0 {
        // A server always has something to say, an alert if nothing else.
        let flight = hello.flight(&TLS, Credential::Good);
        let starts = if framing == Framing::Raw { 0x15..=0x16 } else { 0x12..=0x12 };
        assert!(flight.first().is_some_and(|first| starts.contains(first)), "{flight:?}");
    } else {
        // Nobody can finish a handshake without the server's bytes.
        at_once(hello.accept(&mut transport, &TLS, Credential::Good)).expect_err("a handshake of one side");
        assert!(!transport.is_tls());
    }
});
