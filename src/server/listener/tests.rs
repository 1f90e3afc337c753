//! Real logins over loopback: tiberius as the client, and the kernel's word on the sockets.

use std::future::{Future, pending};
use std::net::Ipv4Addr;
use std::time::Duration;

use futures_io::Compat;
use tiberius::{AuthMethod, Client, EncryptionLevel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::record::TcpState;
use crate::server::{CloseMode, ErrorLog, Login, TlsConfig, TlsMode};
use crate::tds::{Done, Login7, PacketType, Password, TdsVersion, Token};
use crate::units::Span;
use crate::wire::Connection;

/// Futures-io over a tokio socket, which is what tiberius wants.
mod futures_io {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    #[derive(Debug)]
    pub(super) struct Compat<S>(pub(super) S);

    impl<S: AsyncRead + Unpin> futures_util::io::AsyncRead for Compat<S> {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
            let mut buffer = ReadBuf::new(room);
            ready!(Pin::new(&mut self.0).poll_read(cx, &mut buffer))?;
            Poll::Ready(Ok(buffer.filled().len()))
        }
    }

    impl<S: AsyncWrite + Unpin> futures_util::io::AsyncWrite for Compat<S> {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }
}

/// A server that serves while `body` runs; its counts afterwards.
pub(super) async fn with_server<F: Future<Output = ()>>(
    config: Config,
    body: impl FnOnce(SocketAddr, Observer) -> F,
) -> Counts {
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), config).await.unwrap();
    let (address, observer) = (server.address(), server.observer());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(async { stopped.await.unwrap_or(()) }));
    body(address, observer).await;
    stop.send(()).unwrap();
    serving.await.unwrap()
}

pub(super) fn faults(names: &[&str]) -> Config {
    Config { faults: names.iter().map(|name| name.parse().unwrap()).collect(), ..Config::default() }
}

/// Waits until the counts satisfy `until`; a test's own time limit is the harness's.
async fn counts_reach(observer: &Observer, until: impl Fn(&Counts) -> bool) {
    while !until(&observer.counts()) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn driver(address: SocketAddr, user: &str, password: &str) -> tiberius::Config {
    let mut config = tiberius::Config::new();
    config.host(address.ip().to_string());
    config.port(address.port());
    config.authentication(AuthMethod::sql_server(user, password));
    config.encryption(EncryptionLevel::NotSupported);
    config
}

async fn tiberius(address: SocketAddr, user: &str, password: &str) -> tiberius::Result<Client<Compat<TcpStream>>> {
    let stream = TcpStream::connect(address).await.unwrap();
    Client::connect(driver(address, user, password), Compat(stream)).await
}

/// PRELOGIN and LOGIN7 by our own codec, and everything that comes back.
async fn log_in(address: SocketAddr, user: &str) -> (Connection<TcpStream>, Option<Vec<Token>>) {
    let mut connection = Connection::new(TcpStream::connect(address).await.unwrap(), 0);
    let prelogin = [0, 0, 6, 0, 6, 0xFF, 0, 0, 0, 0, 0, 0];
    connection.write_message(PacketType::PRELOGIN, &prelogin).await.unwrap();
    if !matches!(connection.read_message(4096).await, Ok(Some(_))) {
        return (connection, None);
    }
    let login = Login7 {
        tds_version: TdsVersion::V7_4.login(),
        user: user.to_owned(),
        password: Password::new("p".to_owned()),
        ..Login7::default()
    };
    connection.write_message(PacketType::LOGIN7, &login.encode().unwrap()).await.unwrap();
    let reply = connection.read_message(65_536).await.ok().flatten();
    let tokens = reply.map(|message| Token::decode_all(&message.payload, TdsVersion::V7_4).unwrap());
    (connection, tokens)
}

/// The client's own state, from the kernel's table by both ports; a socket that was reset is in no state and not in it.
fn state(stream: &TcpStream, server: SocketAddr) -> TcpState {
    let table = std::fs::read_to_string("/proc/thread-self/net/tcp").unwrap();
    let is_end = |end: &str, port: u16| end.ends_with(&format!(":{port:04X}"));
    let local = stream.local_addr().unwrap().port();
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let mut rows = rows.filter(|row| is_end(row[1], local) && is_end(row[2], server.port()));
    rows.next().map_or(TcpState::Close, |row| TcpState::from_kernel(u8::from_str_radix(row[3], 16).unwrap()).unwrap())
}

async fn state_becomes(stream: &TcpStream, server: SocketAddr, expected: TcpState) {
    while state(stream, server) != expected {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Each test has an end, whatever goes wrong.
pub(super) async fn in_time(test: impl Future<Output = Counts>) -> Counts {
    tokio::time::timeout(Duration::from_secs(20), test).await.expect("the test hangs")
}

/// A client that checks the certificate need not know which of the places it came to.
#[tokio::test]
async fn a_server_in_two_places_is_one() {
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), Config::default()).await.unwrap();
    let other = server.beside((Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
    assert_ne!(server.address(), other.address());
    assert_eq!(server.certificate(), other.certificate());
    let (places, observer) = ([server.address(), other.address()], server.observer());
    let clients = async {
        for (number, place) in (1..).zip(places) {
            let _client = TcpStream::connect(place).await.unwrap();
            counts_reach(&observer, |counts| counts.accepted == number).await;
        }
    };
    tokio::select! {
        _ = server.serve(pending()) => {}
        _ = other.serve(pending()) => {}
        () = clients => {}
    }
}

#[tokio::test]
async fn tiberius_logs_in_and_asks() {
    let counts = in_time(with_server(Config::default(), async |address, _| {
        let mut client = tiberius(address, "sa", "p").await.unwrap();
        for (sql, expected) in [("SELECT 1", 1), ("select  1;", 1)] {
            let row = client.simple_query(sql).await.unwrap().into_row().await.unwrap().unwrap();
            assert_eq!(row.get::<i32, _>(0), Some(expected));
        }
        let row = client.simple_query("SELECT @@VERSION").await.unwrap().into_row().await.unwrap().unwrap();
        assert!(row.get::<&str, _>(0).unwrap().starts_with("Microsoft SQL Server 2022"));
        let row = client.simple_query("SELECT @@SPID").await.unwrap().into_row().await.unwrap().unwrap();
        assert!(row.get::<i16, _>(0).unwrap() > 50);
        let code = client.simple_query("SELECT * FROM orders").await.err().and_then(|error| error.code());
        assert_eq!(code, Some(208));
        let row = client.simple_query("SELECT 1").await.unwrap().into_row().await.unwrap();
        assert!(row.is_some(), "an ordinary error does not end the session");
    }))
    .await;
    assert_eq!((counts.accepted, counts.logins_good), (1, 1));
}

#[tokio::test]
async fn tiberius_sees_every_error_by_its_number() {
    for name in ["login-18456", "login-18486", "login-4060", "login-40613"] {
        let number: u32 = name["login-".len()..].parse().unwrap();
        let counts = in_time(with_server(faults(&[name]), async |address, observer| {
            let error = tiberius(address, "sa", "p").await.unwrap_err();
            assert_eq!(error.code(), Some(number), "{error}");
            counts_reach(&observer, |counts| counts.ended_by_server == 1).await;
        }))
        .await;
        assert_eq!(counts.logins_refused.keys().copied().collect::<Vec<_>>(), [number]);
        assert_eq!((counts.open, counts.held), (0, 0));
    }
}

#[tokio::test]
async fn after_a_refusal_the_client_is_in_close_wait() {
    let _ = in_time(with_server(faults(&["login-18456"]), async |address, _| {
        let (connection, tokens) = log_in(address, "x").await;
        let tokens = tokens.unwrap();
        let Token::Error(error) = &tokens[0] else { panic!("{tokens:?}") };
        assert_eq!((error.number, error.state, error.class), (18456, 1, 14));
        assert_eq!(error.text, "Login failed for user 'x'.");
        assert_eq!(tokens[1..], [Token::Done(Done::of(Done::ERROR))]);
        state_becomes(connection.stream(), address, TcpState::CloseWait).await;
    }))
    .await;
}

#[tokio::test]
async fn every_close_mode_ends_as_it_says() {
    for (mode, expected) in [
        (CloseMode::Orderly, TcpState::CloseWait),
        (CloseMode::Shutdown, TcpState::CloseWait),
        (CloseMode::Abortive, TcpState::Close),
        (CloseMode::Unread, TcpState::Close),
        (CloseMode::Hold, TcpState::Established),
    ] {
        let config = Config { close: mode, ..faults(&["login-18456"]) };
        let _ = in_time(with_server(config, async |address, observer| {
            let (connection, _) = log_in(address, "x").await;
            let held = u64::from(matches!(mode, CloseMode::Shutdown | CloseMode::Hold));
            counts_reach(&observer, |counts| counts.held == held && counts.open == 0).await;
            state_becomes(connection.stream(), address, expected).await;
            drop(connection);
            counts_reach(&observer, |counts| counts.held == 0).await;
            let first = observer.counts();
            let by_client = u64::from(mode == CloseMode::Hold);
            counts_reach(&observer, |counts| counts.ended_by_client == by_client).await;
            assert_eq!(first.logins_refused[&18456][&8], 1);
        }))
        .await;
    }
}

#[tokio::test]
async fn a_faults_own_end_beats_the_servers() {
    let _ = in_time(with_server(faults(&["login-18456:end=reset"]), async |address, _| {
        let (connection, _) = log_in(address, "x").await;
        state_becomes(connection.stream(), address, TcpState::Close).await;
    }))
    .await;
}

#[tokio::test]
async fn an_unread_login_that_is_good_is_served() {
    let config = Config { close: CloseMode::Unread, ..Config::default() };
    let _ = in_time(with_server(config, async |address, _| {
        let mut client = tiberius(address, "sa", "p").await.unwrap();
        assert!(client.simple_query("SELECT 1").await.unwrap().into_row().await.unwrap().is_some());
    }))
    .await;
}

#[tokio::test]
async fn only_the_accepted_login_gets_in_and_the_log_knows_why() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("errorlog");
    let login = Some(Login { user: "sa".to_owned(), password: "p".to_owned() });
    let config =
        Config { login, error_log: Some(ErrorLog::File(path.clone())), failure_audit: true, ..Config::default() };
    let counts = in_time(with_server(config, async |address, _| {
        assert!(tiberius(address, "SA", "p").await.is_ok(), "names have no case");
        assert_eq!(tiberius(address, "sa", "P").await.unwrap_err().code(), Some(18456));
        assert_eq!(tiberius(address, "eve", "p").await.unwrap_err().code(), Some(18456));
    }))
    .await;
    assert_eq!(counts.logins_refused[&18456].clone().into_iter().collect::<Vec<_>>(), [(5, 1), (8, 1)]);
    let log = std::fs::read_to_string(path).unwrap();
    assert_eq!(log.lines().count(), 6, "{log}");
    assert!(log.contains("Error: 18456, Severity: 14, State: 5.") && log.contains("[CLIENT: 127.0.0.1]"), "{log}");
}

#[tokio::test]
async fn connect_faults_say_nothing() {
    let _ = in_time(with_server(faults(&["connect-end"]), async |address, _| {
        let stream = TcpStream::connect(address).await.unwrap();
        state_becomes(&stream, address, TcpState::CloseWait).await;
    }))
    .await;
    let counts = in_time(with_server(faults(&["connect-no-reply"]), async |address, observer| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&[0x12; 500]).await.unwrap();
        let mut room = [0; 1];
        let silent = tokio::time::timeout(Duration::from_millis(50), stream.read(&mut room)).await;
        assert!(silent.is_err(), "{silent:?}");
        drop(stream);
        counts_reach(&observer, |counts| counts.ended_by_client == 1).await;
    }))
    .await;
    assert_eq!(counts.malformed, 0);
}

#[tokio::test]
async fn what_is_no_tds_gets_no_reply_and_one_log_entry() {
    for (bytes, number) in [
        (b"GET / HTTP/1.1\r\n\r\n".as_slice(), "17836"),
        (&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC], "17836"),
        (&[0x12, 1, 0, 9, 0, 0, 1, 0, 0xFF], "17828"),
        (&[0x12, 1, 0, 3, 0, 0, 1, 0], "17836"),
        (&[0x10, 1, 0, 12, 0, 0, 1, 0, 9, 9, 9, 9], "17832"),
        (&[0x10, 1, 0xFF, 0xFF, 0, 0, 1, 0], ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("errorlog");
        // Without TDS 8.0, so that a ClientHello at once is no beginning.
        let tls = TlsConfig { mode: Some(TlsMode::Login), ..TlsConfig::default() };
        let config = Config { error_log: Some(ErrorLog::File(path.clone())), tls, ..Config::default() };
        let counts = in_time(with_server(config, async |address, observer| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            if number.is_empty() {
                // A packet that is announced and never comes: the client gives up.
                drop(stream);
                counts_reach(&observer, |counts| counts.ended_by_client == 1).await;
                return;
            }
            let mut reply = Vec::new();
            let _ = stream.read_to_end(&mut reply).await;
            assert!(reply.is_empty(), "{reply:?}");
        }))
        .await;
        assert_eq!(counts.malformed, u64::from(!number.is_empty()));
        let log = std::fs::read_to_string(path).unwrap();
        assert!(log.contains(number) && log.lines().count() == if number.is_empty() { 0 } else { 2 }, "{log}");
    }
}

#[tokio::test]
async fn a_login_of_128_kib_is_refused_before_it_is_read() {
    let counts = in_time(with_server(Config::default(), async |address, observer| {
        let mut connection = Connection::new(TcpStream::connect(address).await.unwrap(), 0);
        // The server closes in the middle of it, so the write may fail.
        let _ = connection.write_message(PacketType::LOGIN7, &vec![0; 10 << 20]).await;
        counts_reach(&observer, |counts| counts.malformed == 1).await;
    }))
    .await;
    assert_eq!(counts.logins_good, 0);
}

/// Its own process, since a limit on descriptors is the whole process's: the test binary runs itself again.
#[test]
fn out_of_descriptors_it_waits_and_recovers() {
    const ROLE: &str = "CLOSEWAIT_TEST_FEW_DESCRIPTORS";
    let name = "server::listener::tests::out_of_descriptors_it_waits_and_recovers";
    if std::env::var_os(ROLE).is_none() {
        let this = std::env::current_exe().unwrap();
        let again = std::process::Command::new(this).args(["--exact", name]).env(ROLE, "1").output().unwrap();
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
        return;
    }
    let limit = rustix::process::Rlimit { current: Some(60), maximum: Some(60) };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let counts = runtime.block_on(in_time(with_server(faults(&["login-18456"]), async |address, observer| {
        // Both ends are in this process: as many clients as it takes until there is no descriptor for their server's
        // end.
        let mut clients = Vec::new();
        while let Ok(stream) = TcpStream::connect(address).await {
            clients.push(stream);
        }
        counts_reach(&observer, |counts| counts.accept_pauses > 0).await;
        clients.clear();
        counts_reach(&observer, |counts| counts.open == 0).await;
        assert!(log_in(address, "x").await.1.is_some(), "it serves again");
    })));
    assert_eq!(counts.logins_refused[&18456][&8], 1);
}

#[tokio::test]
async fn who_never_logs_in_is_closed() {
    let config = Config { login_timeout: Span::from_millis(30), ..Config::default() };
    let counts = in_time(with_server(config, async |address, _| {
        let stream = TcpStream::connect(address).await.unwrap();
        state_becomes(&stream, address, TcpState::CloseWait).await;
    }))
    .await;
    assert_eq!((counts.timed_out, counts.ended_by_server), (1, 1));
}

#[tokio::test]
async fn a_port_that_is_taken_is_an_error_with_its_cause() {
    let server = Server::bind((Ipv4Addr::LOCALHOST, 0).into(), Config::default()).await.unwrap();
    let error = Server::bind(server.address(), Config::default()).await.unwrap_err();
    assert!(error.to_string().starts_with("listen on 127.0.0.1:"), "{error}");
    let source = std::error::Error::source(&error).unwrap();
    assert!(source.to_string().contains("in use"), "{source}");
    drop(server.serve(pending::<()>()));
}
