//! What one leaked connection costs the kernel.
//!
//! Measured on Linux 6.18 over loopback, 8,000 sockets in CLOSE_WAIT: one object of each slab below for each of them, the
//! first six whatever the client has read, and the last two, with a page of `tcp_mem`, until it reads the end of the stream.
//! A leaky client stops at the refusal, so that the peer's FIN stays unread in its queue: it is counted.

use super::files::{SLABINFO, Texts, Unread};

/// What a connection consists of: the slabs' names, and their objects' sizes on Linux 6.18 (x86-64), in bytes.
const PARTS: [(&str, &[(&str, u64)]); 5] = [
    ("socket", &[("TCP", 2368)]),
    ("inode", &[("sock_inode_cache", 832)]),
    ("file", &[("filp", 192), ("dentry", 192)]),
    ("port", &[("tcp_bind_bucket", 128), ("tcp_bind2_bucket", 128)]),
    ("unread FIN", &[("skbuff_small_head", 576), ("skbuff_head_cache", 256)]),
];

/// Bytes of one connection, and how they are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) bytes: u64,
    pub(super) source: String,
}

/// Sizes from this kernel's own slabs; where a slab does not show, since it is merged with another or not readable, the
/// size that was measured.
pub(super) fn cost(texts: &Texts) -> Cost {
    let size = |(slab, known): &(&str, u64)| {
        let own = texts.text(SLABINFO).ok().and_then(|text| {
            let line = text.lines().find(|line| line.split_whitespace().next() == Some(slab))?;
            line.split_whitespace().nth(3)?.parse::<u64>().ok()
        });
        own.unwrap_or(*known)
    };
    let sizes = PARTS.map(|(part, slabs)| (part, slabs.iter().map(size).sum::<u64>()));
    let parts: Vec<_> = sizes.iter().map(|(part, bytes)| format!("{part} {bytes}")).collect();
    let from = match texts.text(SLABINFO) {
        Ok(_) => "/proc/slabinfo",
        Err(Unread::Denied) => "as on Linux 6.18: /proc/slabinfo is not readable without root",
        Err(_) => "as on Linux 6.18: there is no /proc/slabinfo",
    };
    Cost { bytes: sizes.iter().map(|(_, bytes)| bytes).sum(), source: format!("{} ({from})", parts.join(" + ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernels_own_sizes_go_before_known_ones() {
        let slabs = "slabinfo - version: 2.1\n# name <active_objs> <num_objs> <objsize>\nTCPv6 78 130 2496 13 8\n\
                     TCP   66 130 2400 13 8\nfilp 1281 1281 256 21 1\n";
        let own = cost(&Texts::of(&[(SLABINFO, slabs)]));
        assert_eq!(own.bytes, 2400 + 832 + 256 + 192 + 256 + 832);
        assert!(own.source.starts_with("socket 2400 + inode 832 + file 448 + port 256"), "{}", own.source);
        let known = cost(&Texts::default().with(SLABINFO, Err(Unread::Denied)));
        assert_eq!(known.bytes, 4672);
        assert!(known.source.contains("not readable without root"), "{}", known.source);
    }
}
