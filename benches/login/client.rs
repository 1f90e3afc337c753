//! The client: sixteen blocking threads, each one login after the other.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use closewait::tds::Encryption;
use closewait::units::Monotonic;

use super::bytes;
use super::part::{THREADS, this_program};

/// No round takes longer; one that does is ended, and the bench with it.
const LONGEST: Duration = Duration::from_secs(120);

/// Plays `logins` logins against a server, each refused with answers of these lengths; how long they took.
pub(crate) fn play(server: SocketAddr, logins: u32, lengths: [usize; 2]) -> Duration {
    let mut command = this_program("client");
    command.arg(server.to_string()).arg(logins.to_string()).args(lengths.map(|length| length.to_string()));
    let output = command.stderr(Stdio::inherit()).output().expect("start the client");
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
    let argument = |at| std::env::args().nth(at).expect("server, logins, two lengths");
    let server: SocketAddr = argument(1).parse().expect("the server's address");
    let logins: u32 = argument(2).parse().expect("how many logins");
    let lengths = [3, 4].map(|at| argument(at).parse::<usize>().expect("an answer's length"));
    let (prelogin, login) = (bytes::prelogin(Encryption::NotSupported), bytes::login());
    let begun = AtomicU32::new(0);
    let start = Monotonic::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while begun.fetch_add(1, Ordering::Relaxed) < logins {
                    let lengths_seen = refused(server, &prelogin, &login).expect("a login that is refused");
                    assert_eq!(lengths_seen, lengths, "the server's answers");
                }
            });
        }
    });
    println!("{}", Monotonic::now().since(start).as_nanos());
}

/// One login: two round trips, and the server's FIN before ours.
fn refused(server: SocketAddr, prelogin: &[u8], login: &[u8]) -> io::Result<[usize; 2]> {
    let mut stream = TcpStream::connect(server)?;
    let mut room = [0; 4096];
    stream.write_all(prelogin)?;
    let first = bytes::read_packet(&mut stream, &mut room)?;
    stream.write_all(login)?;
    let mut second = 0;
    loop {
        match stream.read(&mut room)? {
            0 => return Ok([first, second]),
            read => second += read,
        }
    }
}
