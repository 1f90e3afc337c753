//! `closewait watch`: live socket states, full screen, or one look as text or JSON.

use std::fs::File;
use std::io::Write as _;
use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;

use super::Exit;
use super::destination::{self, Kind};
use super::failure::Failure;
use super::outputs::{print, write_or_print};
use super::run::{now, stamp};
use super::signals;
use crate::units::HostPort;
use crate::watch::{self, End, Looker as _, MachineLooker, Model, Scope, Terminal, Theme};

const EXAMPLES: &str = "\
Examples:
  closewait watch                      every TCP socket of this network namespace
  closewait watch :1433                those with this port at either end
  closewait watch db.test:1433         those that lead there, or are served there
  closewait watch --pid 4242           those of one process, in its own network namespace
  closewait watch :1433 --once         one look as text, without a full screen
  closewait watch --json - | jq '.processes[] | select(.sockets.states.close_wait > 100)'

Keys: ? shows them; w writes a snapshot; x destroys the marked sockets that show, or the one under the cursor where none
is marked, after a question.
Only root sees whose the sockets of other users' processes are. SOCK_DESTROY needs root (CAP_NET_ADMIN) and a kernel
with CONFIG_INET_DIAG_DESTROY.";

/// Live socket states, full screen.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct WatchArgs {
    /// A port of either end, or a server
    #[arg(value_name = ":PORT|HOST:PORT", conflicts_with = "pid")]
    place: Option<String>,

    /// The sockets of this process, in its network namespace
    #[arg(long, value_name = "N")]
    pid: Option<u32>,

    /// Print one look as text and exit
    #[arg(long)]
    once: bool,

    /// Write one look as JSON (closewait.watch/1) and exit; `-` is stdout, and then nothing else goes there
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(super) fn watch(args: &WatchArgs) -> Result<Exit, Failure> {
    let scope = scope(args)?;
    destination::may_go(args.json.iter().map(|path| (Kind::Json, path.as_path())))?;
    let full_screen = !args.once && args.json.is_none();
    if full_screen && !Terminal::is_there() {
        return Err(Failure::usage(anyhow!("show a full screen: stdin and stdout are not both a terminal"))
            .hint("`closewait watch --once` prints one look as text, `closewait watch --json -` as JSON"));
    }
    let mut looker = MachineLooker::open(&scope).map_err(|error| refused(args, error))?;
    let begin = looker.begin();
    if !full_screen {
        let model = looker.look(&begin).map_err(Failure::machine)?;
        return once(args, &model, &scope);
    }
    let write = {
        let scope = scope.clone();
        move |model: &Model| keep(model, &scope).unwrap_or_else(|error| format!("NOT written: {error:#}"))
    };
    let end = watch::live(Box::new(looker), begin, &scope, Theme::new(colour()), write);
    match end.context("draw on the terminal").map_err(Failure::machine)? {
        End::Quit => Ok(Exit::Passed),
        End::Failed(error) => Err(Failure::machine(error)),
        End::Signal(number) => {
            signals::raise(number);
            Ok(Exit::Passed)
        }
        // The thread has said why; the exit code is that of every panic.
        End::Panicked => std::process::exit(101),
    }
}

fn scope(args: &WatchArgs) -> Result<Scope, Failure> {
    if let Some(pid) = args.pid {
        if !Path::new(&format!("/proc/{pid}")).exists() {
            return Err(Failure::usage(anyhow!("find the process {pid}")).hint("`ps -e` lists those that run"));
        }
        return Ok(Scope::Process(pid));
    }
    let Some(place) = args.place.as_deref() else { return Ok(Scope::All) };
    let digits = place.strip_prefix(':').unwrap_or(place);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let port = digits.parse().ok().filter(|port| *port > 0 && digits.len() < place.len());
        return port.map(Scope::Port).ok_or_else(|| {
            Failure::usage(anyhow!("read `{place}`: it is no port and no server"))
                .hint("a port is written :1433, a server db.test:1433")
        });
    }
    let server: HostPort = place.parse().map_err(|error: crate::units::ParseError| {
        Failure::usage(anyhow!("read what to watch: {error}")).hint("closewait watch :1433 watches a port")
    })?;
    let addresses = (server.host.as_str(), server.port).to_socket_addrs();
    let addresses =
        addresses.with_context(|| format!("find the address of {}", server.host)).map_err(Failure::usage)?;
    Ok(Scope::Place(server, addresses.collect()))
}

fn refused(args: &WatchArgs, error: impl Into<anyhow::Error>) -> Failure {
    let failure = Failure::machine(error);
    match args.pid {
        Some(pid) if rustix::process::geteuid().is_root() => failure.hint(format!(
            "process {pid} has a network namespace of its own, and this root may not enter it: CAP_SYS_ADMIN and \
             CAP_SYS_PTRACE do (docker run --cap-add SYS_ADMIN --cap-add SYS_PTRACE)"
        )),
        Some(pid) => failure.hint(format!(
            "process {pid} has a network namespace of its own or is another user's: sudo closewait watch --pid {pid}"
        )),
        None => failure.hint("it needs NETLINK_SOCK_DIAG, which a seccomp filter or an old kernel may forbid"),
    }
}

fn once(args: &WatchArgs, model: &Model, scope: &Scope) -> Result<Exit, Failure> {
    if let Some(path) = &args.json {
        write_or_print(path, &(document(model, scope)? + "\n"))?;
    }
    if args.once && args.json.as_deref() != Some(Path::new("-")) {
        print(&watch::text(model, scope))?;
    }
    Ok(Exit::Passed)
}

fn document(model: &Model, scope: &Scope) -> Result<String, Failure> {
    let snapshot = watch::snapshot(model, scope, now());
    serde_json::to_string_pretty(&snapshot).context("write the snapshot as JSON").map_err(Failure::machine)
}

/// Keeps a model in a new file of the working directory, and says where.
fn keep(model: &Model, scope: &Scope) -> anyhow::Result<String> {
    let taken_at = now();
    let name = format!("closewait-watch-{}.json", stamp(&taken_at));
    let file = File::create_new(&name).with_context(|| name.clone())?;
    let mut file = std::io::BufWriter::new(file);
    serde_json::to_writer_pretty(&mut file, &watch::snapshot(model, scope, taken_at))?;
    file.flush()?;
    Ok(format!("written: {name} ({} sockets)", model.rows.len()))
}

/// Whether the terminal may have colour.
pub(super) fn colour() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !forbidden && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}
