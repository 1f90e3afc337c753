//! A whole TLS connection with a real client, whose bytes come in packets and reads of any size, and damaged.
//!
//! Undamaged, the server reads what the client wrote, and finds what follows TLS untouched. Damaged in any way, it may
//! read less of it, and never anything else.
#![no_main]

mod client;
mod damage;
mod line;

use std::sync::LazyLock;

use client::{Client, End};
use closewait::wire::tls::{Credential, Framing, Hello, Identity, Tls, Transport};
use damage::Damage;
use line::{Far, Line};
use tokio::io::AsyncReadExt as _;

static TLS: LazyLock<Tls> = LazyLock::new(|| {
    let identity = Identity::self_signed(&[]).expect("an identity");
    Tls::new(&identity).expect("TLS 1.2 and 1.3")
});

/// What a server has read.
#[derive(Debug, Default)]
struct Served {
    tls: bool,
    secret: Vec<u8>,
    rest: Vec<u8>,
}

/// Reads so many bytes through TLS, leaves it if it should, and reads all that follows.
async fn serve(far: Far, framing: Framing, secret: usize, leave: bool) -> Served {
    let (mut transport, mut served) = (Transport::plain(far), Served::default());
    let Ok(hello) = Hello::read(&mut transport, framing).await else { return served };
    served.tls = hello.accept(&mut transport, &TLS, Credential::Good).await.is_ok();
    assert_eq!(transport.is_tls(), served.tls);
    if served.tls {
        let secret = u64::try_from(secret).expect("an input is short");
        let good = (&mut transport).take(secret).read_to_end(&mut served.secret).await.is_ok();
        if leave {
            transport.leave_tls();
        }
        if good {
            let _ = transport.read_to_end(&mut served.rest).await;
        }
    }
    served
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some(([flags, packet, record, split, read, reads, kind, low, high, value], text)) = input.split_first_chunk()
    else {
        return;
    };
    let (framing, version) = match flags & 3 {
        0 | 1 => (Framing::Packets { spid: 51 }, &rustls::version::TLS12),
        2 => (Framing::Raw, &rustls::version::TLS12),
        _ => (Framing::Raw, &rustls::version::TLS13),
    };
    let end = match flags >> 2 & 3 {
        0 if framing != Framing::Raw => End::Plain,
        0 | 1 => End::Notify,
        2 => End::Close,
        _ => End::Garbage,
    };
    let (secret, tail) = text.split_at(text.len() * usize::from(*split) / 255);
    let mut client = Client {
        tls: client::tls(version),
        packet: (framing != Framing::Raw).then_some(9 + usize::from(*packet) * 2),
        leaves_early: flags & 16 != 0,
        record: 1 + usize::from(*record) * 4,
        secret,
        end,
        tail,
        finished: false,
    };
    let mut damage = Damage::new(*kind, u16::from_le_bytes([*low, *high]), *value);
    let mut line = Line::new([*read, *reads]);
    let mut server = Box::pin(serve(line.far(), framing, secret.len(), end == End::Plain));
    let served = loop {
        if let Some(served) = line.advance(server.as_mut()) {
            break served;
        }
        let said = damage.done_to(client.answer(&line.heard()));
        line.say(&said);
    };
    if damage.was_done() || end == End::Garbage {
        assert!(secret.starts_with(&served.secret), "{served:?}");
        assert!(end == End::Plain || secret[served.secret.len()..].starts_with(&served.rest), "{served:?}");
    } else {
        assert!(served.tls && served.secret == secret, "{served:?}");
        assert_eq!(served.rest, if end == End::Plain { tail } else { &[] });
    }
});
