//! The filter that runs in the kernel: a classic BPF program that lets through TCP segments with SYN, FIN or RST.
//!
//! The choice not taken: eBPF, which needs more rights than `CAP_NET_RAW` and a loader.

use std::net::{IpAddr, SocketAddr};

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_LDX, BPF_MSH,
    BPF_RET, BPF_W,
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

/// Half a word of TCP's header, behind an IPv4 header whose length is known.
const fn half_of_tcp(at: usize) -> Instruction {
    instruction(BPF_LD | BPF_H | BPF_IND, 0, 0, at as u32)
}

pub(super) const fn equals(operand: u32, yes: u8, no: u8) -> Instruction {
    instruction(BPF_JMP | BPF_JEQ | BPF_K, yes, no, operand)
}

pub(super) const fn any_of(operand: u32, yes: u8, no: u8) -> Instruction {
    instruction(BPF_JMP | BPF_JSET | BPF_K, yes, no, operand)
}

/// A jump whose `no` is not known before what follows is.
const LATER: u8 = u8::MAX;

/// Lets the packet through, and does not.
const PASS: Instruction = instruction(BPF_RET | BPF_K, 0, 0, SNAP as u32);
const DROP: Instruction = instruction(BPF_RET | BPF_K, 0, 0, 0);

/// A program as the kernel takes it.
pub(super) fn attachable(program: &[Instruction]) -> Vec<SockFilter> {
    program.iter().map(|&(code, yes, no, operand)| SockFilter::new(code, yes, no, operand)).collect()
}

/// Every segment that opens or closes.
pub(super) fn everything() -> Vec<Instruction> {
    program([vec![PASS], vec![PASS]])
}

/// Those that go to `server` or come from there.
pub(super) fn towards(server: SocketAddr) -> Vec<Instruction> {
    let ends = |from: usize, words: &[u8], port: [Instruction; 2]| {
        let at = [from, from + words.len()];
        at.into_iter().zip(port).flat_map(|(at, port)| end(at, words, port, server.port())).collect()
    };
    match server.ip() {
        IpAddr::V4(ip) => program([ends(12, &ip.octets(), [0, 2].map(half_of_tcp)), Vec::new()]),
        IpAddr::V6(ip) => program([Vec::new(), ends(8, &ip.octets(), [0, 2].map(|at| half(IPV6_HEADER + at)))]),
    }
}

/// Passes a packet that has this address and this port at one end; goes on where it has not.
fn end(at: usize, address: &[u8], port: Instruction, number: u16) -> Vec<Instruction> {
    let mut end = Vec::new();
    for (n, word) in address.chunks_exact(4).enumerate() {
        let value = word.iter().fold(0, |value, byte| value << 8 | u32::from(*byte));
        end.extend([instruction(BPF_LD | BPF_W | BPF_ABS, 0, 0, (at + 4 * n) as u32), equals(value, 0, LATER)]);
    }
    end.extend([port, equals(number.into(), 0, LATER), PASS]);
    joined(end)
}

/// The program; it sees a packet from its network header on, as a `SOCK_DGRAM` socket does. `passes` are what is done with
/// a segment of IPv4 and of IPv6 that opens or closes; what does not return is dropped.
fn program(passes: [Vec<Instruction>; 2]) -> Vec<Instruction> {
    let [v4, v6] = passes;
    // Loopback shows every packet twice, on its way out and on its way in; elsewhere each copy is the only one.
    let mut program = vec![
        known(libc::SKF_AD_HATYPE),
        equals(libc::ARPHRD_LOOPBACK as u32, 0, 3),
        known(libc::SKF_AD_PKTTYPE),
        equals(PACKET_OUTGOING, 0, 1),
        DROP,
    ];
    program.extend(family(
        libc::ETH_P_IP,
        vec![
            byte(9),
            equals(TCP as u32, 0, LATER),
            half(FRAGMENT_AT),
            // Only a first fragment has the flags.
            instruction(BPF_ALU | BPF_AND | BPF_K, 0, 0, FRAGMENT as u32),
            equals(0, 0, LATER),
            instruction(BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0),
            instruction(BPF_LD | BPF_B | BPF_IND, 0, 0, FLAGS_AT as u32),
        ],
        v4,
    ));
    let head = vec![byte(6), equals(TCP as u32, 0, LATER), byte(IPV6_HEADER + FLAGS_AT)];
    program.extend(family(libc::ETH_P_IPV6, head, v6));
    program.push(DROP);
    program
}

/// The segments of one family: `head` ends with its flags in the accumulator, `passes` follows where they open or close.
fn family(protocol: libc::c_int, head: Vec<Instruction>, passes: Vec<Instruction>) -> Vec<Instruction> {
    let mut family = vec![known(libc::SKF_AD_PROTOCOL), equals(protocol as u32, 0, LATER)];
    family.extend(head);
    family.push(any_of((SYN | FIN | RST) as u32, 0, LATER));
    family.extend(passes);
    joined(family)
}

/// Every jump that was left open leads behind the last instruction.
fn joined(mut part: Vec<Instruction>) -> Vec<Instruction> {
    let length = part.len();
    for (at, (_, _, no, _)) in part.iter_mut().enumerate().filter(|(_, (_, _, no, _))| *no == LATER) {
        *no = u8::try_from(length - at - 1).expect("a part is shorter than a jump");
    }
    part
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
        fn run(&self, program: &[Instruction]) -> Option<u32> {
            let (mut at, mut a, mut x) = (0, 0, 0);
            loop {
                let (code, yes, no, operand) = program[at];
                at += 1;
                let code = u32::from(code);
                let jump = |holds: bool| usize::from(if holds { yes } else { no });
                match code {
                    _ if code == BPF_LD | BPF_W | BPF_ABS => a = self.load(operand, 4)?,
                    _ if code == BPF_LD | BPF_H | BPF_ABS => a = self.load(operand, 2)?,
                    _ if code == BPF_LD | BPF_B | BPF_ABS => a = self.load(operand, 1)?,
                    _ if code == BPF_LD | BPF_B | BPF_IND => a = self.load(x + operand, 1)?,
                    _ if code == BPF_LD | BPF_H | BPF_IND => a = self.load(x + operand, 2)?,
                    _ if code == BPF_ALU | BPF_AND | BPF_K => a &= operand,
                    _ if code == BPF_LDX | BPF_B | BPF_MSH => x = (self.load(operand, 1)? & 0xf) * 4,
                    _ if code == BPF_JMP | BPF_JEQ | BPF_K => at += jump(a == operand),
                    _ if code == BPF_JMP | BPF_JSET | BPF_K => at += jump(a & operand != 0),
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
                assert_eq!(packet.run(&everything()), passes.then_some(128), "hardware {hardware}, kind {kind}");
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
            let packet = Packet { bytes: &bytes, hardware: ETHERNET, kind: 0 };
            let segment = Segment::parse(Monotonic::from_nanos(0), &bytes);
            prop_assert_eq!(packet.run(&everything()).is_some(), segment.is_some());
            for server in ["10.0.0.2:1433", "10.0.0.1:4321", "10.0.0.1:1433", "[fd00::2]:1433", "[fd00::1]:4321"] {
                let server = server.parse().unwrap();
                let is = segment.is_some_and(|it| it.from == server || it.to == server);
                prop_assert_eq!(packet.run(&towards(server)).is_some(), is, "{}: {:?}", server, segment);
            }
        }
    }
}
