//! The client: sixteen blocking threads, each one login after the other.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use closewait::tds::Encryption;
use closewait::units::Monotonic;
use rustls::ClientConfig;
use rustls::version::TLS12;

use super::part::{THREADS, this_program};
use super::{bytes, tls};

/// No round takes longer; one that does is ended, and the bench with it.
const LONGEST: Duration = Duration::from_secs(120);

/// How a login travels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Plain,
    /// The login packet alone is encrypted; the answer comes in clear.
    Tls,
}

impl Way {
    const ALL: [(&'static str, Self); 2] = [("plain", Self::Plain), ("tls", Self::Tls)];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, way)| *way == self).map_or("", |(name, _)| name)
    }

    pub(crate) fn config(self) -> Option<Arc<ClientConfig>> {
        match self {
            Self::Plain => None,
            Self::Tls => Some(tls::config(&TLS12)),
        }
    }

    const fn encryption(self) -> Encryption {
        match self {
            Self::Plain => Encryption::NotSupported,
            Self::Tls => Encryption::Off,
        }
    }
}

/// Plays `logins` logins against a server, each refused with answers of these lengths; how long they took.
pub(crate) fn play(server: SocketAddr, way: Way, logins: u32, lengths: [usize; 2]) -> Duration {
    let mut command = this_program("client");
    command.args([server.to_string(), way.name().to_owned(), logins.to_string()]);
    let output = command.args(lengths.map(|length| length.to_string())).stderr(Stdio::inherit()).output();
    let output = output.expect("start the client");
    assert!(output.status.success(), "the client ended with {}", output.status);
    let nanos = String::from_utf8_lossy(&output.stdout).trim().parse().expect("nanoseconds");
    Duration::from_nanos(nanos)
}

/// The client's process.
pub(crate) fn run() {
    std::thread::spawn(|| {
        std::thread::sleep(LONGEST);
        eprintln!("the logins take longer than {LONGEST:?}");
        std::process::exit(1);
    });
    let argument = |at| std::env::args().nth(at).expect("server, way, logins, two lengths");
    let server: SocketAddr = argument(1).parse().expect("the server's address");
    let (_, way) = Way::ALL.into_iter().find(|(name, _)| *name == argument(2)).expect("a way");
    let logins: u32 = argument(3).parse().expect("how many logins");
    let lengths = [4, 5].map(|at| argument(at).parse::<usize>().expect("an answer's length"));
    let (prelogin, login, config) = (bytes::prelogin(way.encryption()), bytes::login(), way.config());
    let begun = AtomicU32::new(0);
    let start = Monotonic::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while begun.fetch_add(1, Ordering::Relaxed) < logins {
                    let seen = refused(server, &prelogin, &login, config.as_ref()).expect("a login that is refused");
                    assert_eq!(seen, lengths, "the server's answers");
                }
            });
        }
    });
    println!("{}", Monotonic::now().since(start).as_nanos());
}

/// One login: two round trips and those of TLS, and the server's FIN before ours.
fn refused(
    server: SocketAddr,
    prelogin: &[u8],
    login: &[u8],
    config: Option<&Arc<ClientConfig>>,
) -> io::Result<[usize; 2]> {
    let mut stream = TcpStream::connect(server)?;
    let mut room = [0; 4096];
    stream.write_all(prelogin)?;
    let first = bytes::read_packet(&mut stream, &mut room)?;
    match config {
        None => stream.write_all(login)?,
        Some(config) => {
            let mut connection = tls::handshake(&mut stream, config)?;
            tls::send(&mut stream, &mut connection, login)?;
        }
    }
    let mut second = 0;
    loop {
        match stream.read(&mut room)? {
            0 => return Ok([first, second]),
            read => second += read,
        }
    }
}
