//! The conductor of a trace: each connection on hosts of its own, from the server's start to the last look.

use std::net::{SocketAddr, SocketAddrV4};
use std::time::Duration;

use super::account::{Gathered, account};
use super::crew::{Crew, Who};
use super::role::{Looked, Order, Role, Told, Word};
use super::{Error, Options, Recording, Subject};
use crate::client::{self, Login};
use crate::record::{Trace, TracedConnection};
use crate::run::{Stop, host_facts};
use crate::sandbox::{Plan, Sandbox};
use crate::server::{self, TlsConfig};
use crate::units::{HostPort, Monotonic, Span};

/// How long frames that never cease are looked at beyond the wait.
const NEVER_CEASING: Duration = Duration::from_secs(5);

/// How long a kernel that seems to differ is looked at, and the time between two of these looks.
const LATE_RECEIVER: Duration = Duration::from_secs(1);
const BETWEEN: Duration = Duration::from_millis(50);

/// Journals that are kept: of the connection, and of what a fault's own connections may leave.
const JOURNALS: usize = 16;

/// Traces every connection; what of each a capture file needs stands in the same order. When `stop` is asked for, the
/// connection under way is looked at once more, and no other begins.
///
/// It must run in a `LocalSet` on the thread that started the program: parts die with the thread that started them.
///
/// # Errors
/// When this machine gives no hosts, no capture, or a part fails.
pub async fn play(options: &Options, stop: &Stop) -> Result<(Trace, Vec<Recording>), Error> {
    let mut trace = Trace {
        schema: Trace::SCHEMA.to_owned(),
        seed: options.seed,
        complete: true,
        host: host_facts(),
        notices: Vec::new(),
        connections: Vec::new(),
        agrees: true,
    };
    let mut recordings = Vec::new();
    for subject in &options.subjects {
        if stop.asked() {
            break;
        }
        let Some((connection, recording)) = one(subject, options, stop, &mut trace.notices).await? else { break };
        trace.agrees &= [connection.client_end, connection.server_end].iter().all(|end| end.agrees != Some(false));
        trace.connections.push(connection);
        recordings.push(recording);
    }
    trace.complete = !stop.asked();
    Ok((trace, recordings))
}

/// One connection; none when `stop` was asked for before it began.
async fn one(
    subject: &Subject,
    options: &Options,
    stop: &Stop,
    notices: &mut Vec<String>,
) -> Result<Option<(TracedConnection, Recording)>, Error> {
    let sandbox = Sandbox::build(&Plan {
        level: subject.sandbox,
        ports: subject.ports,
        tcp_fin_timeout: subject.tcp_fin_timeout,
        tcp_tw_reuse: subject.tcp_tw_reuse,
        seed: options.seed,
        ..Plan::default()
    })?;
    for notice in sandbox.notices() {
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }
    let mut crew = Crew::new(options.diagnostics.clone());
    let server = start(&mut crew, subject, options, &sandbox).await.map_err(|error| hinted(error, &sandbox))?;
    let mut gathered = Gathered {
        server,
        sandbox: sandbox.level().name(),
        tcp_fin_timeout: sandbox.server().settings().tcp_fin_timeout,
        tcp_tw_reuse: sandbox.client().settings().tcp_tw_reuse,
        frames: Vec::new(),
        attempted: None,
        closed: None,
        kept: None,
        broken_off: false,
        looked: Looked::default(),
        told: Told::default(),
        ended: Monotonic::now(),
    };
    if stop.asked() {
        return Ok(None);
    }
    crew.tell(Who::Client, Order::Begin).await;
    watch(&mut crew, &mut gathered, options.wait, stop).await?;
    // The lookout first: what the server says takes time, in which frames could come that nobody would look behind.
    look(&mut crew, subject, &mut gathered).await?;
    gathered.broken_off = stop.asked() && !is_settled(&gathered);
    crew.tell(Who::Server, Order::Tell).await;
    let told = |word| if let Word::Told(told) = word { Ok(*told) } else { Err(word) };
    // Frames that come now were not looked behind.
    gathered.told = crew.await_word(Who::Server, told, &mut |_| ()).await?;
    let connection = account(subject, &gathered);
    let Gathered { frames, looked, told, .. } = gathered;
    Ok(Some((connection, Recording { frames, secrets: told.secrets, interface: looked.interface })))
}

/// The last look, once more while the kernel seems to differ: where processors are busy, a frame is captured some time
/// before its receiver has it.
async fn look(crew: &mut Crew, subject: &Subject, gathered: &mut Gathered) -> Result<(), Error> {
    let until = Monotonic::now().after(LATE_RECEIVER);
    loop {
        crew.tell(Who::Lookout, Order::Tell).await;
        let looked = |word| if let Word::Looked(looked) = word { Ok(*looked) } else { Err(word) };
        gathered.looked = crew.await_word(Who::Lookout, looked, &mut |word| gather(word, gathered)).await?;
        gathered.ended = Monotonic::now();
        let connection = account(subject, gathered);
        let agree = [connection.client_end, connection.server_end].iter().all(|end| end.agrees == Some(true));
        if agree || Monotonic::now() >= until {
            return Ok(());
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Starts the three parts; where the server listens.
async fn start(crew: &mut Crew, subject: &Subject, options: &Options, sandbox: &Sandbox) -> Result<SocketAddr, Error> {
    let (client, host) = (sandbox.client(), sandbox.server());
    // In a host of its own the server takes SQL Server's port; on ports that are the machine's it takes a free one.
    let port = if host.net_ns().is_some() { HostPort::DEFAULT_PORT } else { 0 };
    let config = server::Config {
        faults: subject.faults.clone(),
        close: subject.server_close,
        seed: options.seed,
        tls: TlsConfig { names: vec![host.address().to_string()], ..TlsConfig::default() },
        journal: JOURNALS,
        disclose: true,
        ..server::Config::default()
    };
    let listen = SocketAddr::from((host.address(), port));
    let avoid = client.per_socket_ports();
    crew.start(Who::Server, host, Role::Server { listen, avoid, config: Box::new(config) }, &[])?;
    let (listening, certificate) = ready(crew, Who::Server).await?;
    let server = SocketAddrV4::new(host.address(), listening.map_or(port, |address| address.port()));
    let namespaces: Vec<_> = host.net_ns().into_iter().collect();
    let role = Role::Lookout { server, server_namespace: !namespaces.is_empty() };
    crew.start(Who::Lookout, client, role, &namespaces)?;
    ready(crew, Who::Lookout).await?;
    let config = client::Config {
        target: server.into(),
        server_name: host.address().to_string(),
        driver: subject.driver,
        close: subject.close,
        close_logged_in: subject.close_logged_in,
        timeout: subject.timeout,
        // Credentials that no server knows: the embedded one refuses or accepts whoever comes, as its fault says.
        login: Login { user: "closewait".to_owned(), password: "not-the-password".to_owned(), database: None },
        source: client.source(),
        per_socket_ports: client.per_socket_ports(),
        encryption: subject.encryption,
        authority: (subject.encryption != client::Encryption::Off).then_some(certificate),
    };
    crew.start(Who::Client, client, Role::Client { config: Box::new(config), nofile: subject.nofile }, &[])?;
    ready(crew, Who::Client).await?;
    Ok(server.into())
}

async fn ready(crew: &mut Crew, who: Who) -> Result<(Option<SocketAddr>, String), Error> {
    let ready = |word| match word {
        Word::Ready { listening, certificate } => Ok((listening, certificate)),
        other => Err(other),
    };
    crew.await_word(who, ready, |_| ()).await
}

/// Listens until the client has done with its socket what it does, and no frame has come for `wait`.
async fn watch(crew: &mut Crew, gathered: &mut Gathered, wait: Span, stop: &Stop) -> Result<(), Error> {
    let mut settled: Option<Monotonic> = None;
    loop {
        let until = settled.map(|settled| {
            let last = gathered.frames.last().map_or(settled, |captured| captured.at.max(settled));
            last.after(wait.0).min(settled.after(wait.0 + NEVER_CEASING))
        });
        let over = async {
            match until {
                Some(until) => tokio::time::sleep(until.remaining()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.wait() => return Ok(()),
            heard = crew.hear() => gather(heard?.1, gathered),
            () = over => return Ok(()),
        }
        if is_settled(gathered) {
            settled.get_or_insert_with(Monotonic::now);
        }
    }
}

/// Whether the client has done with its socket what it does.
fn is_settled(gathered: &Gathered) -> bool {
    match gathered.attempted.map(|attempted| attempted.is_open) {
        None => false,
        Some(false) => true,
        Some(true) => gathered.closed.is_some() || gathered.kept.is_some_and(|(_, for_ever)| for_ever),
    }
}

fn gather(word: Word, gathered: &mut Gathered) {
    match word {
        Word::Frames(frames) => gathered.frames.extend(frames),
        Word::Attempted(attempted) => gathered.attempted = Some(attempted),
        Word::Closed(at) => gathered.closed = Some(at),
        Word::Kept { at, for_ever } => gathered.kept = Some((at, for_ever)),
        Word::Ready { .. } | Word::Looked(_) | Word::Told(_) | Word::Failed(_) => {}
    }
}

/// Says why there are no namespaces, where the capture fails for want of them.
fn hinted(error: Error, sandbox: &Sandbox) -> Error {
    match error {
        Error::Failed { why, hint: None } if !sandbox.level().is_isolated() => {
            let refused = sandbox.refusals().first();
            let hint = refused.and_then(|refusal| refusal.hint.clone());
            let why = refused.map_or(why.clone(), |refusal| format!("{why}; {refusal}"));
            Error::Failed { why, hint: hint.or_else(|| Some("run it as root, or allow user namespaces".to_owned())) }
        }
        other => other,
    }
}
