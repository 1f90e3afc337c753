//! The filter that runs in the kernel: a classic BPF program that lets through TCP segments with SYN, FIN or RST.
//!
//! The choice not taken: eBPF, which needs more rights than `CAP_NET_RAW` and a loader.

use libc::{
    BPF_ABS, BPF_B, BPF_H, BPF_IND, BPF_JA, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_LDX, BPF_MSH, BPF_RET,
};
use socket2::SockFilter;

use super::segment::{FIN, FLAGS_AT, FRAGMENT, FRAGMENT_AT, IPV6_HEADER, RST, SYN, TCP};

/// How much of a packet is kept: the longest headers of IPv4 and TCP are 60 bytes each.
pub(super) const SNAP: usize = 128;

/// `linux/if_packet.h`: the copy of a packet that is on its way out.
pub(super) const PACKET_OUTGOING: u32 = 4;

/// One instruction: its code, how far to jump when its test holds and when not, its operand.
pub(super) type Instruction = (u16, u8, u8, u32);

pub(super) const fn instruction(code: u32, yes: u8, no: u8, operand: u32) -> Instruction {
    (code as u16, yes, no, operand)
}

pub(super) const fn byte(at: usize) -> Instruction {
    instruction(BPF_LD | BPF_B | BPF_ABS, 0, 0, at as u32)
}

pub(super) const fn half(at: usize) -> Instruction {
    instruction(BPF_LD | BPF_H | BPF_ABS, 0, 0, at as u32)
}

/// What the kernel knows of the packet beside its bytes.
pub(super) const fn known(what: libc::c_int) -> Instruction {
    instruction(BPF_LD | BPF_H | BPF_ABS, 0, 0, (libc::SKF_AD_OFF + what) as u32)
}

pub(super) const fn equals(operand: u32, yes: u8, no: u8) -> Instruction {
    instruction(BPF_JMP | BPF_JEQ | BPF_K, yes, no, operand)
}

pub(super) const fn any_of(operand: u32, yes: u8, no: u8) -> Instruction {
    instruction(BPF_JMP | BPF_JSET | BPF_K, yes, no, operand)
}

/// The program; it sees a packet from its network header on, as a `SOCK_DGRAM` socket does.
const PROGRAM: [Instruction; 20] = [
    // Loopback shows every packet twice, on its way out and on its way in; elsewhere each copy is the only one.
    /*  0 */
    known(libc::SKF_AD_HATYPE),
    /*  1 */ equals(libc::ARPHRD_LOOPBACK as u32, 0, 2),
    /*  2 */ known(libc::SKF_AD_PKTTYPE),
    /*  3 */ equals(PACKET_OUTGOING, 15, 0),
    /*  4 */ known(libc::SKF_AD_PROTOCOL),
    /*  5 */ equals(libc::ETH_P_IP as u32, 0, 7),
    /*  6 */ byte(9),
    /*  7 */ equals(TCP as u32, 0, 11),
    /*  8 */ half(FRAGMENT_AT),
    /*  9 */ any_of(FRAGMENT as u32, 9, 0),
    /* 10 */ instruction(BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0),
    /* 11 */ instruction(BPF_LD | BPF_B | BPF_IND, 0, 0, FLAGS_AT as u32),
    /* 12 */ instruction(BPF_JMP | BPF_JA, 0, 0, 4),
    /* 13 */ equals(libc::ETH_P_IPV6 as u32, 0, 5),
    /* 14 */ byte(6),
    /* 15 */ equals(TCP as u32, 0, 3),
    /* 16 */ byte(IPV6_HEADER + FLAGS_AT),
    /* 17 */ any_of((SYN | FIN | RST) as u32, 0, 1),
    /* 18 */ instruction(BPF_RET | BPF_K, 0, 0, SNAP as u32),
    /* 19 */ instruction(BPF_RET | BPF_K, 0, 0, 0),
];

/// The program as the kernel takes it.
pub(super) fn program() -> [SockFilter; PROGRAM.len()] {
    PROGRAM.map(|(code, yes, no, operand)| SockFilter::new(code, yes, no, operand))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Segment;
    use super::super::segment::tests::{v4, v6};
    use super::*;
    use crate::units::Monotonic;

    /// A packet as the kernel knows it.
    struct Packet<'a> {
        bytes: &'a [u8],
        hardware: u32,
        kind: u32,
    }

    impl Packet<'_> {
        fn load(&self, at: u32, width: usize) -> Option<u32> {
            match at.wrapping_sub(libc::SKF_AD_OFF as u32) {
                0 => {
                    let version = self.bytes.first()? >> 4;
                    return Some(if version == 4 { libc::ETH_P_IP as u32 } else { libc::ETH_P_IPV6 as u32 });
                }
                4 => return Some(self.kind),
                28 => return Some(self.hardware),
                _ => (),
            }
            let at = at as usize;
            let bytes = self.bytes.get(at..at + width)?;
            Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
        }

        /// Runs the program: how many bytes it lets through. A load from beyond the packet ends it, as in the kernel.
        fn run(&self) -> Option<u32> {
            let (mut at, mut a, mut x) = (0, 0, 0);
            loop {
                let (code, yes, no, operand) = PROGRAM[at];
                at += 1;
                let code = u32::from(code);
                let jump = |holds: bool| usize::from(if holds { yes } else { no });
                match code {
                    _ if code == BPF_LD | BPF_H | BPF_ABS => a = self.load(operand, 2)?,
                    _ if code == BPF_LD | BPF_B | BPF_ABS => a = self.load(operand, 1)?,
                    _ if code == BPF_LD | BPF_B | BPF_IND => a = self.load(x + operand, 1)?,
                    _ if code == BPF_LDX | BPF_B | BPF_MSH => x = (self.load(operand, 1)? & 0xf) * 4,
                    _ if code == BPF_JMP | BPF_JEQ | BPF_K => at += jump(a == operand),
                    _ if code == BPF_JMP | BPF_JSET | BPF_K => at += jump(a & operand != 0),
                    _ if code == BPF_JMP | BPF_JA => at += operand as usize,
                    _ if code == BPF_RET | BPF_K => return (operand > 0).then_some(operand),
                    _ => panic!("an instruction that nobody wrote: {code:#x}"),
                }
            }
        }
    }

    const ETHERNET: u32 = 1;
    const LOOPBACK: u32 = libc::ARPHRD_LOOPBACK as u32;

    #[test]
    fn only_the_outgoing_copy_on_loopback_is_dropped() {
        let rows = [(LOOPBACK, 0, true), (LOOPBACK, 4, false), (ETHERNET, 0, true), (ETHERNET, 4, true)];
        for (hardware, kind, passes) in rows {
            for bytes in [v4(SYN, 0), v4(RST, 10), v6(FIN)] {
                let packet = Packet { bytes: &bytes, hardware, kind };
                assert_eq!(packet.run(), passes.then_some(128), "hardware {hardware}, kind {kind}");
            }
        }
    }

    proptest! {
        /// The kernel lets through exactly what becomes a segment here.
        #[test]
        fn the_filter_agrees_with_the_parser(
            base in prop_oneof![
                (any::<u8>(), 0u8..=10).prop_map(|(flags, options)| v4(flags, options)),
                any::<u8>().prop_map(v6),
            ],
            changes in prop::collection::vec((1usize..80, any::<u8>()), 0..3),
            length in 1usize..100,
        ) {
            let mut bytes = base;
            for (at, byte) in changes {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            bytes.truncate(length);
            let passes = Packet { bytes: &bytes, hardware: ETHERNET, kind: 0 }.run().is_some();
            prop_assert_eq!(passes, Segment::parse(Monotonic::from_nanos(0), &bytes).is_some());
        }
    }
}
