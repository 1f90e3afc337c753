//! TLS records in PRELOGIN packets: the same stream gives the same records, however it is split.
#![no_main]

mod pieces;

use closewait::tds::{PacketType, packets};
use closewait::wire::tls::{Framing, Tunnel};
use pieces::{Pieces, at_once};
use tokio::io::AsyncReadExt as _;

/// All records that come, and whether the stream ended well.
fn records(stream: &[u8], sizes: &[u8]) -> (Vec<u8>, bool) {
    let mut tunnel = Tunnel::new(Pieces::new(stream, sizes), Framing::Packets { spid: 0 });
    let mut out = Vec::new();
    let result = at_once(tunnel.read_to_end(&mut out));
    (out, result.is_ok())
}

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((sizes, stream)) = input.split_first_chunk::<4>() else { return };
    let (whole, good) = records(stream, &[u8::MAX; 1]);
    let (split, good_too) = records(stream, sizes);
    // With an error in sight, the last good bytes before it may be lost.
    assert!(good == good_too && (whole == split || !good && (whole.starts_with(&split) || split.starts_with(&whole))));
    let again = packets(PacketType::PRELOGIN, 0, 9 + usize::from(sizes[0]), &whole);
    assert_eq!(records(&again, sizes), (whole, true));
});
