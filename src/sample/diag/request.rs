//! The request: which sockets, as ports that the dump compares and bytecode that it runs.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST};
use netlink_packet_sock_diag::constants::{
    AF_INET, AF_INET6, AF_UNSPEC, INET_DIAG_INFO, INET_DIAG_SKMEMINFO, IPPROTO_TCP, SOCK_DESTROY, SOCK_DIAG_BY_FAMILY,
};

use crate::record::Side;
use crate::sample::{Entry, Filter};

/// Every state: the kernel numbers them from 1 to 12.
pub(in crate::sample) const ALL_STATES: u32 = (1 << 13) - 1;
/// Listeners only: the cheapest dump there is, since the table of connections is not walked for it.
pub(in crate::sample) const LISTENERS: u32 = 1 << 10;

const INET_DIAG_REQ_BYTECODE: u16 = 1;
const BC_JMP: u8 = 1;
const BC_S_COND: u8 = 7;
const BC_D_COND: u8 = 8;
/// What a failed condition adds to its jump to land four bytes past the program's end, which means "no".
const REJECT: u16 = 4;

/// What a dump is asked for.
#[derive(Debug, Clone, Copy)]
pub(in crate::sample) struct Dump<'a> {
    /// Whose sockets: those that any of these lets through, or every one where there is none.
    pub(in crate::sample) filters: &'a [Filter],
    /// `AF_INET` or `AF_INET6`.
    pub(in crate::sample) family: u8,
    /// In which states, a bit each.
    pub(in crate::sample) states: u32,
    /// Which attributes ([`MEMORY`], [`INFO`]) each comes with.
    pub(in crate::sample) extensions: u8,
}

/// The attribute that tells a socket's memory.
pub(in crate::sample) const MEMORY: u8 = 1 << (INET_DIAG_SKMEMINFO - 1);
/// The attribute that holds its `tcp_info`: as dear as the rest of it.
pub(in crate::sample) const INFO: u8 = 1 << (INET_DIAG_INFO - 1);

/// Puts a dump request into `buffer`.
pub(in crate::sample) fn request(buffer: &mut Vec<u8>, dump: &Dump<'_>, sequence: u32) {
    let program = bytecode(dump.filters);
    let (local, remote) = match dump.filters {
        // The dump looks at these before it runs any bytecode, and at nothing else of the id.
        [one] if one.side() == Side::Client => (0, one.target().port()),
        [one] => (one.target().port(), 0),
        _ => (0, 0),
    };
    head(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, sequence);
    // struct inet_diag_req_v2
    buffer.extend_from_slice(&[dump.family, IPPROTO_TCP, dump.extensions, 0]);
    buffer.extend_from_slice(&dump.states.to_ne_bytes());
    // struct inet_diag_sockid
    buffer.extend_from_slice(&local.to_be_bytes());
    buffer.extend_from_slice(&remote.to_be_bytes());
    buffer.extend_from_slice(&[0; 16 + 16 + 4]);
    buffer.extend_from_slice(&[0xff; 8]); // no cookie
    if !program.is_empty() {
        let attribute = u16::try_from(4 + program.len()).expect("a filter has some conditions of 28 bytes");
        buffer.extend_from_slice(&attribute.to_ne_bytes());
        buffer.extend_from_slice(&INET_DIAG_REQ_BYTECODE.to_ne_bytes());
        buffer.extend_from_slice(&program);
    }
    finish(buffer);
}

/// Puts a request into `buffer` that asks the kernel to end one socket: `SOCK_DESTROY`, which the owner sees as
/// ECONNABORTED, and the peer as RST where its connection still lives.
pub(in crate::sample) fn destroy(buffer: &mut Vec<u8>, socket: &Entry, sequence: u32) {
    head(buffer, SOCK_DESTROY, NLM_F_REQUEST | NLM_F_ACK, sequence);
    buffer.extend_from_slice(&[socket.handle.family, IPPROTO_TCP, 0, 0]);
    buffer.extend_from_slice(&u32::MAX.to_ne_bytes());
    buffer.extend_from_slice(&socket.local.port().to_be_bytes());
    buffer.extend_from_slice(&socket.remote.port().to_be_bytes());
    for end in [socket.local.ip(), socket.remote.ip()] {
        buffer.extend_from_slice(&as_the_kernel_has_it(end, socket.handle.family));
    }
    buffer.extend_from_slice(&socket.handle.interface.to_ne_bytes());
    // Another socket that has taken these addresses meanwhile has another cookie, and is left alone.
    buffer.extend_from_slice(&socket.handle.cookie.to_ne_bytes());
    finish(buffer);
}

/// An address in the 16 bytes of an `inet_diag_sockid`: an IPv6 socket's IPv4 address is a mapped one there.
fn as_the_kernel_has_it(ip: IpAddr, family: u8) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) if family == AF_INET6 => ip.to_ipv6_mapped().octets(),
        IpAddr::V4(ip) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&ip.octets());
            bytes
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// struct nlmsghdr, its length still to be filled in.
fn head(buffer: &mut Vec<u8>, kind: u16, flags: u16, sequence: u32) {
    buffer.clear();
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&kind.to_ne_bytes());
    buffer.extend_from_slice(&flags.to_ne_bytes());
    buffer.extend_from_slice(&sequence.to_ne_bytes());
    buffer.extend_from_slice(&[0; 4]); // from whom: the kernel fills it in
}

fn finish(buffer: &mut [u8]) {
    let length = u32::try_from(buffer.len()).expect("a request is some 200 bytes");
    buffer[..4].copy_from_slice(&length.to_ne_bytes());
}

/// The filters as `inet_diag` bytecode: their conditions, joined by "or"; empty where there is none.
///
/// The kernel's verifier walks the program along the jumps of success and wants every jump of failure to land on that
/// walk. So "A or B" is A, an unconditional jump to the end that failure of A steps over, then B.
fn bytecode(filters: &[Filter]) -> Vec<u8> {
    let mut conditions: Vec<Vec<u8>> = filters.iter().flat_map(conditions).collect();
    conditions.reverse();
    let mut program = Vec::new();
    for (index, mut head) in conditions.into_iter().enumerate() {
        if index > 0 {
            let to_the_end = u16::try_from(4 + program.len()).expect("a filter has some conditions of 28 bytes");
            head.extend_from_slice(&[BC_JMP, 4]);
            head.extend_from_slice(&to_the_end.to_ne_bytes());
        }
        head.append(&mut program);
        program = head;
    }
    program
}

/// One condition for each address that counts.
fn conditions(filter: &Filter) -> Vec<Vec<u8>> {
    let code = match filter.side() {
        Side::Client => BC_D_COND,
        Side::Server => BC_S_COND,
    };
    let port = filter.target().port();
    if filter.any_address() {
        return vec![condition(code, None, port, REJECT)];
    }
    filter.addresses().map(|address| condition(code, Some(address), port, REJECT)).collect()
}

/// One `inet_diag_bc_op` with its `inet_diag_hostcond`; on failure it jumps `beyond` bytes past its own end.
fn condition(code: u8, address: Option<IpAddr>, port: u16, beyond: u16) -> Vec<u8> {
    let (family, octets) = match address {
        None => (AF_UNSPEC, Vec::new()),
        // The kernel matches an IPv4 condition against an IPv6 socket's mapped address, too.
        Some(IpAddr::V4(ip)) => (AF_INET, ip.octets().to_vec()),
        Some(IpAddr::V6(ip)) => (AF_INET6, ip.octets().to_vec()),
    };
    let bytes = u8::try_from(octets.len()).expect("an address has at most 16 bytes");
    let length = 4 + 8 + bytes;
    let mut op = vec![code, length];
    op.extend_from_slice(&(u16::from(length) + beyond).to_ne_bytes());
    op.extend_from_slice(&[family, 8 * bytes, 0, 0]);
    // The kernel's own word for every port is -1.
    op.extend_from_slice(&(if port == 0 { -1 } else { i32::from(port) }).to_ne_bytes());
    op.extend_from_slice(&octets);
    op
}

#[cfg(test)]
mod tests {
    use super::super::{HEADER, u16_at, u32_at};
    use super::*;

    #[test]
    fn the_requests_lengths_are_true_and_its_program_ends() {
        for (side, target) in
            [(Side::Client, "10.0.0.2:1433"), (Side::Server, "10.0.0.2:1433"), (Side::Server, "[fd00::2]:1433")]
        {
            let filter = Filter::new(side, target.parse().unwrap());
            let mut bytes = Vec::new();
            let filters = [filter];
            let dump = Dump { filters: &filters, family: AF_INET, states: ALL_STATES, extensions: MEMORY };
            request(&mut bytes, &dump, 1);
            assert_eq!(u32_at(&bytes, 0).map(|length| length as usize), Some(bytes.len()));
            assert_eq!(u16_at(&bytes, HEADER + 56).map(usize::from), Some(bytes.len() - HEADER - 56));
            assert_walk_ends(&bytes[HEADER + 60..]);
        }
    }

    #[test]
    fn several_filters_are_one_program_and_none_is_no_program() {
        let target = "10.0.0.2:1433".parse().unwrap();
        let both = bytecode(&[Filter::new(Side::Client, target), Filter::new(Side::Server, target)]);
        assert_walk_ends(&both);
        let mut bytes = Vec::new();
        request(&mut bytes, &Dump { filters: &[], family: AF_INET, states: ALL_STATES, extensions: 0 }, 1);
        assert_eq!((bytes.len(), u32_at(&bytes, 0)), (HEADER + 56, Some(72)));
    }

    /// What the kernel's verifier asks: success leads to the end, failure onto the same walk or four bytes past the end.
    fn assert_walk_ends(program: &[u8]) {
        let mut at = 0;
        let (mut steps, mut failures) = (Vec::new(), Vec::new());
        while at < program.len() {
            steps.push(at);
            failures.push(at + usize::from(u16_at(program, at + 2).unwrap()));
            at += usize::from(program[at + 1]);
        }
        assert_eq!(at, program.len());
        steps.extend([program.len(), program.len() + 4]);
        assert!(failures.iter().all(|to| steps.contains(to)), "{failures:?} against {steps:?}");
    }
}
