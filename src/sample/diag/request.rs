//! The request: which sockets, as ports that the dump compares and bytecode that it runs.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};
use netlink_packet_sock_diag::constants::{
    AF_INET, AF_INET6, AF_UNSPEC, INET_DIAG_SKMEMINFO, IPPROTO_TCP, SOCK_DIAG_BY_FAMILY,
};

use crate::record::Side;
use crate::sample::Filter;

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

/// Puts a dump request for the sockets of `family` in one of `states` that `filter` lets through into `buffer`.
pub(in crate::sample) fn request(buffer: &mut Vec<u8>, filter: &Filter, family: u8, states: u32, sequence: u32) {
    let (program, port) = (bytecode(filter), filter.target().port().to_be_bytes());
    let (local, remote) = match filter.side() {
        Side::Client => ([0, 0], port),
        Side::Server => (port, [0, 0]),
    };
    buffer.clear();
    buffer.extend_from_slice(&[0; 4]); // the length, set below
    buffer.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    buffer.extend_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    buffer.extend_from_slice(&sequence.to_ne_bytes());
    buffer.extend_from_slice(&[0; 4]); // from whom: the kernel fills it in
    // struct inet_diag_req_v2
    buffer.extend_from_slice(&[family, IPPROTO_TCP, 1 << (INET_DIAG_SKMEMINFO - 1), 0]);
    buffer.extend_from_slice(&states.to_ne_bytes());
    // struct inet_diag_sockid: the dump looks at its ports before it runs any bytecode, and at nothing else of it.
    buffer.extend_from_slice(&local);
    buffer.extend_from_slice(&remote);
    buffer.extend_from_slice(&[0; 16 + 16 + 4]);
    buffer.extend_from_slice(&[0xff; 8]); // no cookie
    let attribute = u16::try_from(4 + program.len()).expect("a filter has at most three conditions");
    buffer.extend_from_slice(&attribute.to_ne_bytes());
    buffer.extend_from_slice(&INET_DIAG_REQ_BYTECODE.to_ne_bytes());
    buffer.extend_from_slice(&program);
    let length = u32::try_from(buffer.len()).expect("a request is some 200 bytes");
    buffer[..4].copy_from_slice(&length.to_ne_bytes());
}

/// The filter as `inet_diag` bytecode: its addresses, joined by "or".
///
/// The kernel's verifier walks the program along the jumps of success and wants every jump of failure to land on that
/// walk. So "A or B" is A, an unconditional jump to the end that failure of A steps over, then B.
fn bytecode(filter: &Filter) -> Vec<u8> {
    let code = match filter.side() {
        Side::Client => BC_D_COND,
        Side::Server => BC_S_COND,
    };
    let port = filter.target().port();
    if filter.any_address() {
        return condition(code, None, port, REJECT);
    }
    let mut addresses: Vec<IpAddr> = filter.addresses().collect();
    addresses.reverse();
    let mut program = Vec::new();
    for (index, address) in addresses.into_iter().enumerate() {
        let mut head = condition(code, Some(address), port, REJECT);
        if index > 0 {
            let to_the_end = u16::try_from(4 + program.len()).expect("a filter has at most three conditions");
            head.extend_from_slice(&[BC_JMP, 4]);
            head.extend_from_slice(&to_the_end.to_ne_bytes());
        }
        head.append(&mut program);
        program = head;
    }
    program
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
            request(&mut bytes, &filter, AF_INET, ALL_STATES, 1);
            assert_eq!(u32_at(&bytes, 0).map(|length| length as usize), Some(bytes.len()));
            assert_eq!(u16_at(&bytes, HEADER + 56).map(usize::from), Some(bytes.len() - HEADER - 56));
            assert_walk_ends(&bytes[HEADER + 60..]);
        }
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
