//! Sandboxes on the real kernel. A test that needs code inside a host starts this test binary again, in the host, with
//! [`acts_inside_a_host`] as the only test and the task in its environment.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;
use crate::units::{Monotonic, PortRange, Span};

const TASK: &str = "CLOSEWAIT_TEST_TASK";
const MARK: &str = "task: ";

/// A sandbox at exactly this level, or the reason why this machine cannot have it.
fn sandbox(test: &str, plan: &Plan) -> Option<Sandbox> {
    match Sandbox::build(plan) {
        Ok(sandbox) => Some(sandbox),
        Err(error) => {
            assert!(error.is_of_this_machine() && plan.level.is_some(), "{error}");
            crate::skipped(test, error.chain());
            None
        }
    }
}

fn two_hosts() -> Plan {
    Plan {
        level: Some(Level::TwoHosts),
        ports: Some(PortRange::new(40000, 40009).unwrap()),
        tcp_fin_timeout: Some(Span::from_secs(7)),
        tcp_tw_reuse: Some(0),
        ..Plan::default()
    }
}

fn start_inside(host: &Host, task: &str) -> Child {
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", "sandbox::tests::acts_inside_a_host", "--nocapture"]).env(TASK, task);
    host.enter(&mut command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// The line that the task prints.
fn answer(child: &mut Child) -> String {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let line = lines.map(Result::unwrap).find_map(|line| line.split_once(MARK).map(|(_, text)| text.to_owned()));
    line.expect("the task prints a line")
}

fn cat_inside(host: &Host, file: &str) -> String {
    let mut command = Command::new("cat");
    host.enter(command.arg(file));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn each_host_has_a_table_of_connections_of_its_own() {
    let test = "each_host_has_a_table_of_connections_of_its_own";
    if !std::path::Path::new("/proc/sys/net/ipv4/tcp_child_ehash_entries").exists() {
        return crate::skipped(test, "Linux before 6.1 has one table for all namespaces");
    }
    let Some(sandbox) = sandbox(test, &two_hosts()) else { return };
    // The kernel tells a table that is shared by a negative number.
    let machines = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_ehash_entries").unwrap();
    let machines = machines.trim().parse::<i64>().unwrap().abs();
    for host in [sandbox.client(), sandbox.server()] {
        for (name, value) in [
            ("tcp_ehash_entries", 65536),
            // As the kernel derives them from the machine's table, and not from this one.
            ("tcp_max_tw_buckets", machines / 2),
            ("tcp_max_syn_backlog", (machines / 128).max(128)),
        ] {
            assert_eq!(cat_inside(host, &format!("/proc/sys/net/ipv4/{name}")), value.to_string(), "{name}");
        }
    }
}

/// Not a test by itself: the code that other tests run inside a host.
#[test]
fn acts_inside_a_host() {
    let Ok(task) = std::env::var(TASK) else { return };
    let mut words = task.split(' ');
    match (words.next(), words.next()) {
        (Some("listen"), Some(address)) => {
            let listener = TcpListener::bind((address.parse::<Ipv4Addr>().unwrap(), 0)).unwrap();
            println!("{MARK}{}", listener.local_addr().unwrap());
            // The peers are held until the test closes our standard input.
            let accept = move || listener.incoming().map(Result::unwrap).collect::<Vec<_>>();
            std::thread::spawn(accept);
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        }
        (Some("exhaust"), Some(address)) => {
            let (address, mut held, begun) = (address.parse::<SocketAddrV4>().unwrap(), Vec::new(), Monotonic::now());
            let error = loop {
                match TcpStream::connect_timeout(&address.into(), Duration::from_secs(20)) {
                    Ok(stream) => held.push(stream),
                    Err(error) => break error,
                }
            };
            let took = Monotonic::now().since(begun).as_millis();
            println!("{MARK}{} {:?} {took}", held.len(), error.raw_os_error());
        }
        _ => panic!("unknown task {task}"),
    }
}

#[test]
fn two_hosts_have_settings_of_their_own_and_leave_ours_alone() {
    let before = settings::Settings::of_this_machine().unwrap();
    let Some(sandbox) = sandbox("two_hosts_have_settings_of_their_own_and_leave_ours_alone", &two_hosts()) else {
        return;
    };
    assert_eq!(sandbox.level(), Level::TwoHosts);
    assert_eq!((sandbox.refusals(), sandbox.notices().len()), (&[][..], 0));
    let (client, server) = (sandbox.client(), sandbox.server());
    assert_eq!(cat_inside(client, "/proc/sys/net/ipv4/ip_local_port_range"), "40000\t40009");
    assert_eq!(cat_inside(server, "/proc/sys/net/ipv4/ip_local_port_range"), "32768\t60999");
    for host in [client, server] {
        assert_eq!(cat_inside(host, "/proc/sys/net/ipv4/tcp_fin_timeout"), "7");
        assert_eq!((host.settings().tcp_fin_timeout, host.settings().tcp_tw_reuse), (Duration::from_secs(7), 0));
        assert!(host.source().is_none() && host.per_socket_ports().is_none());
    }
    assert_eq!((client.settings().ports.count(), server.settings().ports.count()), (10, 28_232));
    assert_eq!(settings::Settings::of_this_machine().unwrap(), before);
}

#[test]
fn two_hosts_reach_each_other_at_once_until_the_ports_are_gone() {
    let name = "two_hosts_reach_each_other_at_once_until_the_ports_are_gone";
    let Some(sandbox) = sandbox(name, &two_hosts()) else { return };
    let mut server = start_inside(sandbox.server(), "listen 198.18.0.2");
    let listening = answer(&mut server);
    let mut client = start_inside(sandbox.client(), &format!("exhaust {listening}"));
    let answer = answer(&mut client);
    let words: Vec<&str> = answer.split(' ').collect();
    assert_eq!(words[..2], ["10", "Some(99)"], "ten ports, then EADDRNOTAVAIL");
    // A SYN lost on a link that does not run yet is sent again after 1,000 ms.
    assert!(words[2].parse::<u64>().unwrap() < 900, "connects took {} ms", words[2]);
    assert!(client.wait().unwrap().success());
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
}

#[test]
fn one_host_is_one_namespace_with_a_loopback() {
    let plan = Plan { level: Some(Level::OneHost), ..two_hosts() };
    let Some(sandbox) = sandbox("one_host_is_one_namespace_with_a_loopback", &plan) else { return };
    let inode = |host: &Host| rustix::fs::fstat(host.net_ns().unwrap()).unwrap().st_ino;
    assert_eq!(inode(sandbox.client()), inode(sandbox.server()));
    assert_ne!(inode(sandbox.client()), rustix::fs::stat("/proc/self/ns/net").unwrap().st_ino);
    let mut server = start_inside(sandbox.server(), "listen 127.0.0.1");
    let listening = answer(&mut server);
    let mut client = start_inside(sandbox.client(), &format!("exhaust {listening}"));
    let answer = answer(&mut client);
    // The listener may sit on one of the ten.
    assert!(answer.starts_with("10 Some(99)") || answer.starts_with("9 Some(99)"), "{answer}");
    assert!(client.wait().unwrap().success());
    drop(server.stdin.take());
    assert!(server.wait().unwrap().success());
}

/// The network namespaces that any process of this machine, as far as we may look, is in or holds.
fn namespaces_in_use() -> BTreeSet<u64> {
    let inode = |path: std::path::PathBuf| {
        let target = std::fs::read_link(path).ok()?.into_os_string().into_string().ok()?;
        target.strip_prefix("net:[")?.strip_suffix(']')?.parse::<u64>().ok()
    };
    let mut seen = BTreeSet::new();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        seen.extend(inode(process.path().join("ns/net")));
        let held = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        seen.extend(held.filter_map(|entry| inode(entry.path())));
    }
    seen
}

#[test]
fn a_dropped_sandbox_leaves_no_namespace() {
    let Some(sandbox) = sandbox("a_dropped_sandbox_leaves_no_namespace", &two_hosts()) else { return };
    let inode = |host: &Host| rustix::fs::fstat(host.net_ns().unwrap()).unwrap().st_ino;
    let (client, server) = (inode(sandbox.client()), inode(sandbox.server()));
    let mut inside = start_inside(sandbox.server(), "listen 198.18.0.2");
    answer(&mut inside);
    drop(sandbox);
    wait_until_unused(client);
    assert!(namespaces_in_use().contains(&server), "a process inside keeps its own host");
    drop(inside.stdin.take());
    assert!(inside.wait().unwrap().success());
    wait_until_unused(server);
}

/// Other tests fork: for an instant their children hold copies of our descriptors.
fn wait_until_unused(namespace: u64) {
    let deadline = Monotonic::now().after(Duration::from_secs(20));
    while namespaces_in_use().contains(&namespace) {
        assert!(Monotonic::now() < deadline, "the namespace stays");
    }
}

#[test]
fn the_best_level_is_taken_and_every_better_one_explained() {
    let sandbox = Sandbox::build(&Plan::default()).unwrap();
    let refused: Vec<Level> = sandbox.refusals().iter().map(|refusal| refusal.level).collect();
    let better: Vec<Level> = Level::ALL.into_iter().take_while(|level| *level != sandbox.level()).collect();
    assert_eq!(refused, better);
    assert!(sandbox.refusals().iter().all(|refusal| refusal.reason.starts_with("failed to ")));
}

#[test]
fn a_port_range_changes_nothing_and_says_what_it_could_not_do() {
    let plan = Plan { level: Some(Level::PortRange), ports: None, max_ports: 50, ..two_hosts() };
    let Some(sandbox) = sandbox("a_port_range_changes_nothing_and_says_what_it_could_not_do", &plan) else { return };
    let own = settings::Settings::of_this_machine().unwrap();
    let client = sandbox.client();
    let ports = client.per_socket_ports().unwrap();
    assert_eq!((ports, ports.count()), (client.settings().ports, 50));
    assert!(own.ports.holds(ports.low()) && own.ports.holds(ports.high()));
    assert_eq!(client.source(), Some(client.address()));
    assert!(client.address().is_loopback() && client.address() != sandbox.server().address());
    assert!(client.net_ns().is_none() && sandbox.server().per_socket_ports().is_none());
    let notices = sandbox.notices().join("\n");
    for words in ["TIME_WAIT may stay for 60 s", "tcp_fin_timeout = 7s was asked for", "tcp_tw_reuse = 0 was asked for"]
    {
        assert!(notices.contains(words), "{words}: {notices}");
    }
}

#[test]
fn a_wide_range_is_narrowed_where_the_ports_are_this_machines_own() {
    let own = settings::Settings::of_this_machine().unwrap().ports;
    let plan = Plan { level: Some(Level::PortRange), ports: Some(own), max_ports: 7, ..Plan::default() };
    let name = "a_wide_range_is_narrowed_where_the_ports_are_this_machines_own";
    let Some(sandbox) = sandbox(name, &plan) else { return };
    assert_eq!(sandbox.client().settings().ports.count(), 7);
    assert!(sandbox.notices()[1].contains("at most 7"), "{:?}", sandbox.notices());
}

#[test]
fn without_a_sandbox_a_command_still_starts() {
    let plan = Plan { level: Some(Level::None), kernel_search: true, ..two_hosts() };
    let sandbox = Sandbox::build(&plan).unwrap();
    assert_eq!(cat_inside(sandbox.client(), "/proc/self/ns/../comm"), "cat");
    assert!(sandbox.notices().iter().any(|notice| notice.contains("ports 40000-40009 were asked for")));
}

/// Every client of a real server once used all of this machine's range, whatever `max_ports` said.
#[test]
fn without_a_sandbox_no_more_ports_are_used_than_was_said() {
    let own = settings::Settings::of_this_machine().unwrap().ports;
    let none = |max_ports, ports| Plan { level: Some(Level::None), max_ports, ports, ..Plan::default() };
    let used = |plan: &Plan| Sandbox::build(plan).unwrap().client().per_socket_ports();
    if sandbox(
        "without_a_sandbox_no_more_ports_are_used_than_was_said",
        &Plan { level: Some(Level::PortRange), ..Plan::default() },
    )
    .is_none()
    {
        return;
    }
    let bounded = Sandbox::build(&none(7, None)).unwrap();
    let ports = bounded.client().per_socket_ports().unwrap();
    assert_eq!((ports.count(), ports), (7, bounded.client().settings().ports));
    assert!(own.holds(ports.low()) && own.holds(ports.high()));
    assert!(bounded.client().source().is_none() && bounded.server().per_socket_ports().is_none());
    let asked = PortRange::new(own.low(), own.low()).unwrap();
    assert!(used(&none(7, Some(asked))).is_none_or(|ports| ports == asked), "what was asked for, if it is free");
    // A container's narrow range is its own bound, and there the kernel searches as it does for any application.
    assert_eq!(used(&none(own.count(), None)), None);
    assert_eq!(used(&none(own.count(), Some(own))), None);
    assert_eq!(used(&Plan { kernel_search: true, ..none(7, None) }), None);
}

#[test]
fn descriptors_of_a_sandbox_close_on_exec() {
    let Some(sandbox) = sandbox("descriptors_of_a_sandbox_close_on_exec", &two_hosts()) else { return };
    for host in [sandbox.client(), sandbox.server()] {
        let flags = rustix::io::fcntl_getfd(host.net_ns().unwrap().as_fd()).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }
}
