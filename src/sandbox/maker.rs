//! The maker: the forked child that makes the namespaces. It runs between `fork` and `_exit` in a copy of a process
//! with threads, so it makes system calls and nothing else: no allocation, no lock, no panic.
//!
//! Everything that it needs (paths, texts, netlink messages) lies ready in a [`Script`].

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Access, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::process::Signal;
use rustix::thread::{NanosleepRelativeResult, UnshareFlags};

use super::report::{Report, TEXT, Texts};
use super::settings::{FILES, wanted};
use super::{Error, Plan, Step, links};

/// The most descriptors that a report carries: two network namespaces and a user namespace.
pub(super) const MOST_DESCRIPTORS: usize = 3;

/// How often, and how many milliseconds apart, the pair is asked whether it runs: 5 s in all.
const CARRIER_LOOKS: u32 = 5000;

/// How large a table of connections a namespace's children get; not there before Linux 6.1.
const TABLE_OF_CHILDREN: &CStr = c"/proc/sys/net/ipv4/tcp_child_ehash_entries";

/// The entries of each host's own table: what Linux gives a machine of 8 GB.
const TABLE: &[u8] = b"65536";

/// What the kernel derives from the size of a namespace's table: without one of its own, from the machine's.
const DERIVED: [&CStr; 2] = [c"/proc/sys/net/ipv4/tcp_max_tw_buckets", c"/proc/sys/net/ipv4/tcp_max_syn_backlog"];

/// A setting to be written: the file and its text.
type Write = (CString, Vec<u8>);

/// What the maker is to do.
pub(super) struct Script {
    /// What to write into `setgroups`, `uid_map` and `gid_map`; `None` where no user namespace is needed.
    user: Option<[Write; 3]>,
    /// Settings of the first host, which is the server's, and also the client's when there is only one.
    first: Vec<Write>,
    loopback_up: Vec<u8>,
    /// Where the settings are read back.
    files: [CString; FILES.len()],
    /// The second host; `None` when there is only one.
    second: Option<Second>,
}

/// The client's host, when it is a host of its own.
struct Second {
    settings: Vec<Write>,
    veth: Vec<u8>,
    /// The number that `veth` calls the first host's namespace by: the maker puts its descriptor there.
    first_namespace: OwnedFd,
    client_address: Vec<u8>,
    client_up: Vec<u8>,
    client_state: Vec<u8>,
    server_address: Vec<u8>,
    server_up: Vec<u8>,
    server_state: Vec<u8>,
}

/// A failure on its way to the parent.
struct Failed(Step, Errno);

trait At<T> {
    fn at(self, step: Step) -> Result<T, Failed>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step) -> Result<T, Failed> {
        self.map_err(|errno| Failed(step, errno))
    }
}

impl Script {
    /// The script for one host or two; `user_namespace` tells whether one must be made first.
    pub(super) fn new(plan: &Plan, two_hosts: bool, user_namespace: bool) -> Result<Self, Error> {
        let owned = |(file, text): (&str, String)| (c_string(file), text.into_bytes());
        let user = user_namespace.then(|| {
            let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            // Capabilities survive an exec only for uid 0, so this user becomes 0. An unprivileged gid_map needs
            // setgroups forbidden first.
            [
                (c_string("/proc/self/setgroups"), b"deny".to_vec()),
                (c_string("/proc/self/uid_map"), format!("0 {uid} 1").into_bytes()),
                (c_string("/proc/self/gid_map"), format!("0 {gid} 1").into_bytes()),
            ]
        });
        Ok(Self {
            user,
            // Of a lone host the client's settings are meant: they hold the server's as well.
            first: wanted(plan, !two_hosts).into_iter().map(owned).collect(),
            loopback_up: links::loopback_up(),
            files: FILES.map(c_string),
            second: if two_hosts { Some(Second::new(plan)?) } else { None },
        })
    }

    /// How many descriptors a successful report carries.
    pub(super) fn descriptors(&self) -> usize {
        1 + usize::from(self.second.is_some()) + usize::from(self.user.is_some())
    }

    /// Plays the script and reports on `report`. Called in the maker only.
    pub(super) fn play(&mut self, report: BorrowedFd<'_>) -> Result<(), Errno> {
        match self.make() {
            Ok(made) => send(report, &made.report(), &made.namespaces()),
            Err(Failed(step, errno)) => send(report, &Report::Failed { step, errno: errno.raw_os_error() }, &[]),
        }
    }

    fn make(&mut self) -> Result<Made, Failed> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).at(Step::DieWithParent)?;
        let user = self.user.as_ref().map(make_user_namespace).transpose()?;
        let parent = Parent::make()?;
        let server = parent.make_network_namespace()?;
        let server_links = links::open().at(Step::Netlink)?;
        let server_texts = set_up_host(&server_links, &self.loopback_up, &self.first, &self.files)?;
        let Some(second) = &mut self.second else {
            return Ok(Made { user, server, server_texts, client: None });
        };
        rustix::io::dup2(&server, &mut second.first_namespace).at(Step::OpenNamespace)?;
        let client = parent.make_network_namespace()?;
        let client_links = links::open().at(Step::Netlink)?;
        let client_texts = set_up_host(&client_links, &self.loopback_up, &second.settings, &self.files)?;
        second.join(&client_links, &server_links)?;
        Ok(Made { user, server, server_texts, client: Some((client, client_texts)) })
    }
}

impl Second {
    fn new(plan: &Plan) -> Result<Self, Error> {
        let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
        let first_namespace = null.map_err(Error::system("reserve a descriptor by opening /dev/null"))?;
        let owned = |(file, text): (&str, String)| (c_string(file), text.into_bytes());
        Ok(Self {
            settings: wanted(plan, true).into_iter().map(owned).collect(),
            veth: links::veth_pair(first_namespace.as_raw_fd()),
            first_namespace,
            client_address: links::end_address(links::CLIENT),
            client_up: links::end_up(links::CLIENT),
            client_state: links::end_state(links::CLIENT),
            server_address: links::end_address(links::SERVER),
            server_up: links::end_up(links::SERVER),
            server_state: links::end_state(links::SERVER),
        })
    }

    /// Joins the two hosts and waits until packets pass: one sent earlier is dropped, and TCP tries again only after a
    /// second. The netlink sockets belong to the namespaces that they were opened in, so nothing is entered again.
    fn join(&self, client: &OwnedFd, server: &OwnedFd) -> Result<(), Failed> {
        links::acknowledged(client, &self.veth).at(Step::Veth)?;
        links::acknowledged(client, &self.client_address).at(Step::Address)?;
        links::acknowledged(server, &self.server_address).at(Step::Address)?;
        links::acknowledged(client, &self.client_up).at(Step::LinkUp)?;
        links::acknowledged(server, &self.server_up).at(Step::LinkUp)?;
        for _ in 0..CARRIER_LOOKS {
            let client_runs = links::is_running(client, &self.client_state).at(Step::Carrier)?;
            if client_runs && links::is_running(server, &self.server_state).at(Step::Carrier)? {
                return Ok(());
            }
            sleep_a_millisecond();
        }
        Err(Failed(Step::Carrier, Errno::TIMEDOUT))
    }
}

/// What was made.
struct Made {
    user: Option<OwnedFd>,
    server: OwnedFd,
    server_texts: Texts,
    client: Option<(OwnedFd, Texts)>,
}

impl Made {
    fn report(&self) -> Report {
        let server = self.server_texts;
        Report::Done { client: self.client.as_ref().map_or(server, |(_, texts)| *texts), server }
    }

    /// Server, client, user; those that there are, at the front.
    fn namespaces(&self) -> [Option<BorrowedFd<'_>>; MOST_DESCRIPTORS] {
        let client = self.client.as_ref().map(|(client, _)| client.as_fd());
        [Some(self.server.as_fd()), client, self.user.as_ref().map(AsFd::as_fd)]
    }
}

fn make_user_namespace(maps: &[Write; 3]) -> Result<OwnedFd, Failed> {
    unshare(UnshareFlags::NEWUSER).at(Step::UserNamespace)?;
    for (file, text) in maps {
        write_file(file, text).at(Step::IdMap)?;
    }
    open(c"/proc/self/ns/user", OFlags::RDONLY).at(Step::OpenNamespace)
}

/// The parent of the hosts' network namespaces, which gives each a table of connections of its own. All others of the machine
/// share one, and whoever asks for a namespace's sockets walks through everybody's; with that alone the sandbox works too.
struct Parent {
    /// The texts of [`DERIVED`] in a namespace that shares the machine's table; `None` before Linux 6.1.
    derived: Option<[[u8; TEXT]; DERIVED.len()]>,
}

impl Parent {
    /// Leaves this process in it: the machine's own setting is not ours to write.
    fn make() -> Result<Self, Failed> {
        if rustix::fs::access(TABLE_OF_CHILDREN, Access::EXISTS).is_err() {
            return Ok(Self { derived: None });
        }
        unshare(UnshareFlags::NEWNET).at(Step::NetworkNamespace)?;
        let mut derived = [[0; TEXT]; DERIVED.len()];
        for (text, file) in derived.iter_mut().zip(DERIVED) {
            *text = read_file(file).at(Step::ReadSetting)?;
        }
        Ok(Self { derived: Some(derived) })
    }

    /// Makes a network namespace, and leaves this process in it.
    fn make_network_namespace(&self) -> Result<OwnedFd, Failed> {
        // Of the namespace that this process is in still: the parent's, or the other host's.
        let derived = self.derived.as_ref().filter(|_| write_file(TABLE_OF_CHILDREN, TABLE).is_ok());
        unshare(UnshareFlags::NEWNET).at(Step::NetworkNamespace)?;
        for (file, text) in DERIVED.iter().zip(derived.into_iter().flatten()) {
            // Cut where the text ends.
            let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
            write_file(file, text).at(Step::WriteSetting)?;
        }
        open(c"/proc/self/ns/net", OFlags::RDONLY).at(Step::OpenNamespace)
    }
}

/// Sets up the host that this process is in, and reads its settings back.
fn set_up_host(
    links: &OwnedFd,
    loopback_up: &[u8],
    settings: &[Write],
    files: &[CString; FILES.len()],
) -> Result<Texts, Failed> {
    links::acknowledged(links, loopback_up).at(Step::Loopback)?;
    for (file, text) in settings {
        write_file(file, text).at(Step::WriteSetting)?;
    }
    let mut texts = Texts::default();
    for (file, text) in files.iter().zip(&mut texts) {
        *text = read_file(file).at(Step::ReadSetting)?;
    }
    Ok(texts)
}

#[expect(unsafe_code, reason = "rustix has no safe unshare, because of CLONE_FILES")]
fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: only a user or a network namespace is unshared, never the descriptor table.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

fn open(path: &CStr, access: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, access | OFlags::CLOEXEC, Mode::empty())
}

fn write_file(path: &CStr, text: &[u8]) -> Result<(), Errno> {
    let file = open(path, OFlags::WRONLY)?;
    let written = rustix::io::write(&file, text)?;
    if written == text.len() { Ok(()) } else { Err(Errno::IO) }
}

fn read_file(path: &CStr) -> Result<[u8; TEXT], Errno> {
    let file = open(path, OFlags::RDONLY)?;
    let mut text = [0; TEXT];
    rustix::io::read(&file, &mut text)?;
    Ok(text)
}

fn sleep_a_millisecond() {
    let span = rustix::thread::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // A sleep cut short by a signal only makes the next look come sooner.
    let _: NanosleepRelativeResult = rustix::thread::nanosleep(&span);
}

/// Sends the report with the namespaces' descriptors beside it, in one message.
fn send(to: BorrowedFd<'_>, report: &Report, namespaces: &[Option<BorrowedFd<'_>>]) -> Result<(), Errno> {
    let mut descriptors = [to; MOST_DESCRIPTORS];
    let mut count = 0;
    for (slot, namespace) in descriptors.iter_mut().zip(namespaces.iter().flatten()) {
        *slot = *namespace;
        count += 1;
    }
    let descriptors = descriptors.get(..count).unwrap_or_default();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::NOBUFS);
    }
    let bytes = report.encode();
    rustix::net::sendmsg(to, &[std::io::IoSlice::new(&bytes)], &mut beside, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("our own paths hold no NUL")
}
