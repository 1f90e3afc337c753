//! For tests: a machine that leaks, looked at for half a minute, made of nothing but values.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::fold::Look;
use super::model::Model;
use crate::record::TcpState;
use crate::sample::{Entry, Handle, Owner, Owners};
use crate::units::{Monotonic, PortRange};

/// A socket whose inode is its cookie, as far as the state has one.
pub(super) fn entry(cookie: u64, local: &str, remote: &str, state: TcpState) -> Entry {
    let at = |text: &str| text.parse::<SocketAddr>().unwrap();
    let inode = if state == TcpState::TimeWait { 0 } else { cookie };
    let handle = Handle { cookie, interface: 0, family: 2 };
    let (local, remote) = (at(local), at(remote));
    Entry {
        local,
        remote,
        state,
        inode,
        uid: 1000,
        unread: u32::from(state == TcpState::CloseWait),
        unsent: 0,
        quiet: None,
        handle,
    }
}

fn owner(pid: u32, name: &str, command: &str) -> Owner {
    Owner { pid, name: name.to_owned(), command: command.to_owned() }
}

/// Seconds after the machine's start.
pub(super) fn at(seconds: u64) -> Monotonic {
    Monotonic::from_nanos((100_000 + seconds) * 1_000_000_000)
}

/// The sockets at one second: python3 (4242) leaks 20 a second towards 10.0.0.9:1433, nginx (80) serves and closes.
fn sockets(second: u64) -> Vec<Entry> {
    let mut all = vec![
        Entry { unread: 2, unsent: 50, ..entry(1, "0.0.0.0:443", "0.0.0.0:0", TcpState::Listen) },
        entry(2, "10.0.0.1:55000", "10.0.0.7:5432", TcpState::Established),
        entry(3, "[fd00::1]:443", "[fd00::2]:50123", TcpState::Established),
        Entry { uid: 33, ..entry(900_000, "10.0.0.1:50999", "10.0.0.8:8080", TcpState::Established) },
    ];
    for leaked in 0..second * 20 {
        let port = 32_768 + leaked;
        let local = format!("10.0.0.1:{port}");
        let quiet = Some(Duration::from_secs(second));
        all.push(Entry { quiet, ..entry(1000 + leaked, &local, "10.0.0.9:1433", TcpState::CloseWait) });
    }
    for client in 0..10 {
        let (cookie, remote) = (500_000 + second * 10 + client, format!("192.0.2.{client}:{}", 40_000 + second));
        let state = if client < 7 { TcpState::Established } else { TcpState::CloseWait };
        all.push(entry(cookie, "10.0.0.1:443", &remote, state));
        if second > 0 {
            let gone = format!("192.0.2.{client}:{}", 40_000 + second - 1);
            all.push(entry(600_000 + second * 10 + client, "10.0.0.1:443", &gone, TcpState::TimeWait));
        }
    }
    all
}

/// Who holds them: the sockets of user 33 are nobody's to see.
fn owners(second: u64) -> Owners {
    let nginx = [1, 3].into_iter().chain((0..10).map(|client| 500_000 + second * 10 + client));
    Owners::of_these(
        [
            (owner(80, "nginx", "nginx: worker process"), nginx.collect()),
            (
                owner(4242, "python3.11", "/opt/python/3.11.9/bin/python3.11 /srv/apps/pooler.py --pool"),
                (1000..1000 + second * 20).collect(),
            ),
            (owner(5000, "psql", "psql -h 10.0.0.7"), vec![2]),
        ],
        3,
    )
}

/// The model after looks at each of these seconds.
pub(super) fn looked(seconds: impl IntoIterator<Item = u64>) -> Model {
    seconds.into_iter().fold(Model::empty(PortRange::LINUX_DEFAULT), |model, second| {
        let cost = Duration::from_micros(4_200);
        let owners = owners(second);
        model.next(Look {
            at: at(second),
            sockets: sockets(second),
            owners: &owners,
            walked: true,
            only: None,
            ended: false,
            passed_over: &BTreeSet::new(),
            cost,
        })
    })
}

/// The model after half a minute.
pub(super) fn leaking() -> Model {
    looked(2..=32)
}
