//! User memory of the server for an idle connection: anonymous memory before and after so many of them.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};

use closewait::tds::Encryption;

use super::bytes::{login, negotiated, prelogin, read_packet};
use super::client::Way;
use super::part::ServerProcess;
use super::tls;

const CONNECTIONS: u32 = 5_000;

pub(crate) fn table() {
    println!("user memory of an idle connection: RssAnon of the server before and after {CONNECTIONS}");
    print("nothing sent", &|server| TcpStream::connect(server));
    print("PRELOGIN answered", &|server| opened(server, Encryption::NotSupported).map(|(stream, _)| stream));
    print("logged in", &logged_in);
    let server = ServerProcess::ours(&["--fault", "none"]);
    if negotiated(server.address, Encryption::On).expect("an answer") != Some(Encryption::On) {
        println!("skipped: this server speaks no TLS");
        return;
    }
    let config = Way::Tls.config().expect("a way with TLS");
    print("TLS, logged in", &|server| {
        let mut stream = opened(server, Encryption::On)?.0;
        let mut connection = tls::handshake(&mut stream, &config)?;
        tls::send(&mut stream, &mut connection, &login())?;
        // The socket stays open; what this side knows of TLS is no longer needed.
        tls::receive(&mut stream, &mut connection).map(|()| stream)
    });
}

/// Opens connections one after the other; `open` returns when the server has done its part.
fn print(state: &str, open: &dyn Fn(SocketAddr) -> io::Result<TcpStream>) {
    let server = ServerProcess::ours(&["--fault", "none"]);
    // What the first connection brings into memory is no cost of the others.
    drop(logged_in(server.address).expect("a login"));
    let before = server.memory();
    let idle: Vec<TcpStream> = (0..CONNECTIONS).map(|_| open(server.address).expect("a connection")).collect();
    // The server accepts in turn: when this one is answered, it has accepted all of them.
    let last = logged_in(server.address).expect("a login");
    let grown = server.memory().saturating_sub(before);
    println!("{state:<18} {:>10.2} KiB each", grown as f64 / 1024.0 / f64::from(CONNECTIONS));
    drop((idle, last));
}

fn opened(server: SocketAddr, encryption: Encryption) -> io::Result<(TcpStream, [u8; 4096])> {
    let mut stream = TcpStream::connect(server)?;
    let mut room = [0; 4096];
    stream.write_all(&prelogin(encryption))?;
    read_packet(&mut stream, &mut room)?;
    Ok((stream, room))
}

fn logged_in(server: SocketAddr) -> io::Result<TcpStream> {
    let (mut stream, mut room) = opened(server, Encryption::NotSupported)?;
    stream.write_all(&login())?;
    read_packet(&mut stream, &mut room)?;
    Ok(stream)
}
