//! The O(1) counters: four small files, opened once, read again from their start.
//!
//! Columns are found by their names: kernels add them in the middle. A name that a kernel does not have reads as 0.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::Error;
use crate::record::Counters;

/// `netstat` takes 5 KiB on today's kernels; what does not fit is not read.
const BUFFER: usize = 32 * 1024;

/// The counters of one network namespace.
pub(super) struct CounterFiles {
    snmp: File,
    netstat: File,
    sockstat: File,
    /// Absent on a kernel without IPv6.
    sockstat6: Option<File>,
    buffer: Box<[u8]>,
}

impl CounterFiles {
    /// Opens them in the calling thread's network namespace, to which they stay bound.
    pub(super) fn open() -> Result<Self, Error> {
        let open =
            |file| File::open(format!("/proc/thread-self/net/{file}")).map_err(|source| Error::Open { file, source });
        Ok(Self {
            snmp: open("snmp")?,
            netstat: open("netstat")?,
            sockstat: open("sockstat")?,
            sockstat6: open("sockstat6").ok(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
        })
    }

    /// Reads them all.
    pub(super) fn read(&mut self) -> Result<Counters, Error> {
        let mut counters = Counters::default();
        snmp(text(&self.snmp, "snmp", &mut self.buffer)?, &mut counters);
        netstat(text(&self.netstat, "netstat", &mut self.buffer)?, &mut counters);
        sockstat(text(&self.sockstat, "sockstat", &mut self.buffer)?, &mut counters);
        if let Some(file) = &self.sockstat6 {
            sockstat(text(file, "sockstat6", &mut self.buffer)?, &mut counters);
        }
        Ok(counters)
    }
}

/// The file from its start; the kernel gives such a file in one piece.
fn text<'a>(file: &File, name: &'static str, buffer: &'a mut [u8]) -> Result<&'a str, Error> {
    let length = loop {
        match file.read_at(buffer, 0) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            read => break read.map_err(|source| Error::Read { file: name, source })?,
        }
    };
    std::str::from_utf8(&buffer[..length]).map_err(|_| Error::Malformed("counters that are not text"))
}

fn snmp(text: &str, counters: &mut Counters) {
    named(text, "Tcp:", |name, value| match name {
        "CurrEstab" => counters.curr_estab = value,
        "ActiveOpens" => counters.active_opens = value,
        "PassiveOpens" => counters.passive_opens = value,
        "AttemptFails" => counters.attempt_fails = value,
        "EstabResets" => counters.estab_resets = value,
        "RetransSegs" => counters.retrans_segs = value,
        _ => (),
    });
}

fn netstat(text: &str, counters: &mut Counters) {
    named(text, "TcpExt:", |name, value| match name {
        "ListenOverflows" => counters.listen_overflows = value,
        "ListenDrops" => counters.listen_drops = value,
        _ if name.starts_with("TCPAbort") => counters.aborts += value,
        _ => (),
    });
}

/// A line of names, then a line of as many numbers, both behind `prefix`. A number below zero reads as 0.
fn named(text: &str, prefix: &str, mut each: impl FnMut(&str, u64)) {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(prefix));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return };
    for (name, value) in names.split_ascii_whitespace().zip(values.split_ascii_whitespace()) {
        each(name, value.parse().unwrap_or(0));
    }
}

/// `TCP: inuse 1 orphan 0 tw 1 alloc 1 mem 0`, and `TCP6: inuse 1` in `sockstat6`; the other words of the first count
/// both address families.
fn sockstat(text: &str, counters: &mut Counters) {
    for line in text.lines() {
        let Some(("TCP" | "TCP6", pairs)) = line.split_once(':') else { continue };
        let mut words = pairs.split_ascii_whitespace();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            let value: u64 = value.parse().unwrap_or(0);
            match name {
                "inuse" => counters.in_use = counters.in_use.saturating_add(value),
                "tw" => counters.time_wait = value,
                "orphan" => counters.machine_orphans = value,
                "mem" => counters.machine_tcp_pages = value,
                _ => (),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name() {
        let mut counters = Counters::default();
        snmp(
            "Ip: Forwarding\nIp: 1\nTcp: New MaxConn CurrEstab ActiveOpens PassiveOpens AttemptFails EstabResets \
             RetransSegs\nTcp: 99 -1 1 2 3 4 5 6\nUdp: CurrEstab\nUdp: 77\n",
            &mut counters,
        );
        netstat(
            "TcpExt: TCPAbortOnData ListenOverflows TCPAbortOnClose ListenDrops\nTcpExt: 10 7 1 8\n",
            &mut counters,
        );
        sockstat("sockets: used 13\nTCP: inuse 20 orphan 21 tw 22 alloc 1 mem 23\nUDP: inuse 9 mem 9\n", &mut counters);
        sockstat("TCP6: inuse 100\nUDP6: inuse 9\n", &mut counters);
        let expected = Counters {
            curr_estab: 1,
            active_opens: 2,
            passive_opens: 3,
            attempt_fails: 4,
            estab_resets: 5,
            retrans_segs: 6,
            in_use: 120,
            time_wait: 22,
            listen_overflows: 7,
            listen_drops: 8,
            aborts: 11,
            machine_orphans: 21,
            machine_tcp_pages: 23,
        };
        assert_eq!(counters, expected);
    }

    #[test]
    fn what_is_missing_reads_as_zero() {
        let mut counters = Counters::default();
        for text in
            ["", "Tcp:", "Tcp: CurrEstab", "Tcp: CurrEstab\nTcp: x\n", "Tcp: A CurrEstab\nTcp: 1\n", "TCP: inuse"]
        {
            snmp(text, &mut counters);
            netstat(text, &mut counters);
            sockstat(text, &mut counters);
        }
        assert_eq!(counters, Counters::default());
    }

    #[test]
    fn this_kernel_has_every_file() {
        let mut files = CounterFiles::open().unwrap();
        let (first, second) = (files.read().unwrap(), files.read().unwrap());
        assert!(second.active_opens >= first.active_opens);
    }
}
