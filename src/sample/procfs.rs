//! The socket table by text: `/proc/net/tcp` and `tcp6`, where netlink is refused.
//!
//! It costs three times as much as sock_diag, shows the whole namespace to filter here, and knows nothing of memory;
//! but it is there wherever `/proc` is. The choice not taken: the crate `procfs`, which builds a list of the whole table
//! and reads the calling process's namespace only.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileExt;

use super::filter::on_the_wire;
use super::{Error, Filter, Socket, Source};
use crate::record::TcpState;

const BUFFER: usize = 64 * 1024;

/// The kernel's socket table through procfs.
pub struct ProcFs {
    tcp: File,
    /// Absent on a kernel without IPv6.
    tcp6: Option<File>,
    buffer: Box<[u8]>,
}

impl ProcFs {
    /// Opens it in the calling thread's network namespace, to which it stays bound.
    ///
    /// # Errors
    /// When `/proc` is not mounted or may not be read.
    pub fn open() -> Result<Self, Error> {
        let open =
            |file| File::open(format!("/proc/thread-self/net/{file}")).map_err(|source| Error::Open { file, source });
        let tcp6 = match open("tcp6") {
            Ok(file) => Some(file),
            Err(Error::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { tcp: open("tcp")?, tcp6, buffer: vec![0; BUFFER].into_boxed_slice() })
    }
}

impl Source for ProcFs {
    fn sockets(&mut self, filter: &Filter, each: &mut dyn FnMut(Socket)) -> Result<(), Error> {
        let mut take = |socket: Socket| {
            if filter.lets_through(socket.local, socket.remote) {
                each(socket);
            }
        };
        if filter.spans_ipv4() {
            read(&self.tcp, "tcp", &mut self.buffer, &mut take)?;
        }
        if let Some(tcp6) = &self.tcp6 {
            read(tcp6, "tcp6", &mut self.buffer, &mut take)?;
        }
        Ok(())
    }

    fn name(&self) -> &'static str {
        "procfs"
    }
}

/// Reads one table from its beginning; lines that a read cuts are carried over to the next.
fn read(file: &File, name: &'static str, buffer: &mut [u8], each: &mut dyn FnMut(Socket)) -> Result<(), Error> {
    let (mut offset, mut kept) = (0u64, 0usize);
    loop {
        let length = match file.read_at(&mut buffer[kept..], offset) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(Error::Read { file: name, source }),
        };
        if length == 0 {
            return if kept == 0 { Ok(()) } else { Err(Error::Malformed("a table whose last line has no end")) };
        }
        offset += length as u64;
        let filled = kept + length;
        let used = lines(&buffer[..filled], each)?;
        if used == 0 && filled == buffer.len() {
            return Err(Error::Malformed("a line that does not end"));
        }
        buffer.copy_within(used..filled, 0);
        kept = filled - used;
    }
}

/// Takes every whole line of `text`; gives how many bytes they were.
fn lines(text: &[u8], each: &mut dyn FnMut(Socket)) -> Result<usize, Error> {
    let mut used = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        used += line.len() + 1;
        let line = std::str::from_utf8(line).map_err(|_| Error::Malformed("a line that is not text"))?;
        if !line.trim_start().starts_with("sl ") {
            each(socket(line).ok_or(Error::Malformed("a line that is no socket"))?);
        }
    }
    Ok(used)
}

/// `sl: local remote state queues timer retransmits uid timeout inode ...`
fn socket(line: &str) -> Option<Socket> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let (local, remote) = (address(fields.next()?)?, address(fields.next()?)?);
    let state = TcpState::from_kernel(u8::from_str_radix(fields.next()?, 16).ok()?)?;
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Socket { local, remote, state, inode, memory: None })
}

/// `0100007F:0599`: the address as the machine's own words, the port as a number, both in hexadecimal.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let word = |index: usize| {
        let digits = ip.get(8 * index..8 * index + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (index, four) in octets.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(index)?);
            }
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(on_the_wire(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEADER: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";
    const CLOSE_WAIT: &str = "   0: 0100007F:9C40 0200007F:0599 08 00000000:00000001 00:00000000 00000000  1000        0 99 1 0 20 4 30 10 -1";
    const MAPPED: &str = "   1: 0000000000000000FFFF00000100007F:9C40 0000000000000000FFFF00000200007F:0599 06 \
        00000000:00000000 03:000016A8 00000000     0        0 0 3 0";

    fn parsed(text: &str) -> Result<Vec<Socket>, Error> {
        let mut sockets = Vec::new();
        lines(text.as_bytes(), &mut |socket| sockets.push(socket)).map(|_| sockets)
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn reads_the_kernels_lines() {
        let text = format!("{HEADER}\n{CLOSE_WAIT}\n{MAPPED}\n");
        let (local, remote) = ("127.0.0.1:40000".parse().unwrap(), "127.0.0.2:1433".parse().unwrap());
        let close_wait = Socket { local, remote, state: TcpState::CloseWait, inode: 99, memory: None };
        let time_wait = Socket { state: TcpState::TimeWait, inode: 0, ..close_wait };
        assert_eq!(parsed(&text).unwrap(), [close_wait, time_wait]);
    }

    #[test]
    fn garbage_is_an_error() {
        for line in [
            "",
            "0:",
            "   0: 0100007F:9C40",
            &CLOSE_WAIT.replace("0100007F:9C40", "0100007F9C40"),
            &CLOSE_WAIT.replace("0100007F:9C40", "0100007:9C40"),
            &CLOSE_WAIT.replace("0100007F:9C40", "0100007F:19C40"),
            &CLOSE_WAIT.replace("0100007F:9C40", "é00007F:9C40"),
            &CLOSE_WAIT.replace(" 08 ", " 0D "),
            &CLOSE_WAIT.replace(" 99 ", " -1 "),
        ] {
            assert!(matches!(parsed(&format!("{line}\n")), Err(Error::Malformed(_))), "`{line}`");
        }
    }

    #[test]
    fn a_line_without_end_waits_for_the_rest() {
        let text = format!("{HEADER}\n{CLOSE_WAIT}");
        assert_eq!(lines(text.as_bytes(), &mut |_| panic!("no whole socket yet")).unwrap(), HEADER.len() + 1);
    }

    #[test]
    fn reads_of_any_size_give_the_same_table() {
        let file = tempfile::tempfile().unwrap();
        let text = format!("{HEADER}\n{}", format!("{CLOSE_WAIT}\n").repeat(50));
        file.write_all_at(text.as_bytes(), 0).unwrap();
        for size in [HEADER.len() + 60, 300, 1000, BUFFER] {
            let mut count = 0;
            read(&file, "tcp", &mut vec![0; size], &mut |_| count += 1).unwrap();
            assert_eq!(count, 50, "with {size} bytes at once");
        }
        let short = read(&file, "tcp", &mut [0; 40], &mut |_| ());
        assert!(matches!(short, Err(Error::Malformed(_))), "a line longer than the buffer ends the read");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[ 0-9A-F:\n]{0,200}") {
            let _ = parsed(&text);
        }
    }
}
