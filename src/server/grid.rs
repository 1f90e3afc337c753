//! Every fault of the grid against a client that comes so far: it strikes, the client is not served, and nothing is left.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::{FaultServer, TlsMode};
use crate::fault::{self, Phase};
use crate::tds::{Login7, PacketType, SqlBatch, TdsVersion, Token};
use crate::wire::tls::tests::trusting;
use crate::wire::tls::{Framing, Tunnel};
use crate::wire::{Connection, MessageKind, Party};

/// What the client does about TLS.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Plain,
    LoginOnly,
    Whole,
    Strict,
}

/// How long the client waits for anything: far longer than a server needs, far shorter than a stall.
const PATIENCE: Duration = Duration::from_secs(2);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

type Client = Connection<Box<dyn Stream>>;

async fn tls(
    stream: Box<dyn Stream>,
    framing: Framing,
) -> io::Result<tokio_rustls::client::TlsStream<Tunnel<Box<dyn Stream>>>> {
    let connector = TlsConnector::from(Arc::new(trusting(framing)));
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, Tunnel::new(stream, framing)).await?;
    stream.get_mut().0.end_handshake();
    Ok(stream)
}

/// One exchange; none when the server ends the connection instead, or says what is no TDS.
async fn ask(client: &mut Client, kind: PacketType, payload: &[u8]) -> Option<Vec<u8>> {
    client.write_message(kind, payload).await.ok()?;
    client.read_message(1 << 20).await.ok().flatten().map(|message| message.payload)
}

/// A login; the client, its version and the answer.
async fn arrive(address: SocketAddr, way: Way) -> Option<(Client, TdsVersion, Vec<Token>)> {
    let mut stream: Box<dyn Stream> = Box::new(TcpStream::connect(address).await.ok()?);
    if way == Way::Strict {
        stream = Box::new(tls(stream, Framing::Raw).await.ok()?);
    }
    let mut client = Client::new(stream, 0);
    let encryption = match way {
        Way::Plain | Way::Strict => 2,
        Way::LoginOnly => 0,
        Way::Whole => 1,
    };
    let prelogin = [0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xFF, 16, 0, 0, 0, 0, 0, encryption];
    ask(&mut client, PacketType::PRELOGIN, &prelogin).await?;
    let version = if way == Way::Strict { TdsVersion::V8_0 } else { TdsVersion::V7_4 };
    let login = Login7 { tds_version: version.login(), user: "x".to_owned(), ..Login7::default() };
    let login = login.encode().unwrap();
    let answer = match way {
        Way::Plain | Way::Strict => ask(&mut client, PacketType::LOGIN7, &login).await?,
        Way::LoginOnly | Way::Whole => {
            let mut sealed = Connection::new(tls(client.into_stream(), Framing::Packets { spid: 0 }).await.ok()?, 0);
            sealed.write_message(PacketType::LOGIN7, &login).await.ok()?;
            let sealed = sealed.into_stream();
            let stream: Box<dyn Stream> =
                if way == Way::Whole { Box::new(sealed) } else { Box::new(sealed.into_inner().0.into_plain()) };
            client = Client::new(stream, 0);
            client.read_message(1 << 20).await.ok().flatten()?.payload
        }
    };
    let tokens = Token::decode_all(&answer, version).ok()?;
    Some((client, version, tokens))
}

/// A login and two requests; how many rows came.
async fn visit(address: SocketAddr, way: Way) -> Option<usize> {
    let (mut client, version, tokens) = arrive(address, way).await?;
    if !tokens.iter().any(|token| matches!(token, Token::LoginAck(ack) if ack.tds_version == version)) {
        return None;
    }
    let mut rows = 0;
    for _ in 0..2 {
        let batch = SqlBatch { sql: "SELECT 1".to_owned() }.encode(version);
        let Some(answer) = ask(&mut client, PacketType::SQL_BATCH, &batch).await else { break };
        let tokens = Token::decode_all(&answer, version).unwrap_or_default();
        rows += tokens.iter().filter(|token| matches!(token, Token::Row(_))).count();
    }
    Some(rows)
}

/// Starts a server with the fault, visits it, and looks whether the fault struck and the connection ended.
async fn struck(name: &'static str, way: Way) -> (&'static str, Option<usize>, Vec<String>) {
    let server = FaultServer::builder().fault(name).start().await.unwrap();
    let rows = timeout(PATIENCE, visit(server.address(), way)).await.ok().flatten();
    let journal = server.ended(1, PATIENCE * 5).await;
    let journal = journal.unwrap_or_else(|| panic!("{name}: the server goes on after the client has gone"));
    (name, rows, journal.into_iter().flat_map(|journal| journal.faults).collect())
}

/// Below TLS a request is bytes like any other: who took a refusal for a login was not found where it had encrypted.
#[tokio::test]
async fn a_request_behind_a_refusal_is_in_the_journal_however_it_is_encrypted() {
    for way in [Way::Plain, Way::LoginOnly, Way::Whole, Way::Strict] {
        for (fault, asks) in [("login-18456", true), ("login-18456:end=hold", true), ("login-18456", false)] {
            let server = FaultServer::builder().fault(fault).start().await.unwrap();
            let arrived = timeout(PATIENCE, arrive(server.address(), way)).await.ok().flatten();
            let (mut client, version, answer) = arrived.unwrap_or_else(|| panic!("{fault} {way:?}: no answer"));
            assert!(matches!(&answer[..], [Token::Error(_), Token::Done(_)]), "{answer:?}");
            if asks {
                let batch = SqlBatch { sql: "SELECT 1".to_owned() }.encode(version);
                client.write_message(PacketType::SQL_BATCH, &batch).await.unwrap();
            }
            drop(client);
            let journal = server.ended(1, PATIENCE * 5).await.expect("the client has closed").remove(0);
            let asked = journal.messages(Party::Client).any(|kind| kind == MessageKind::SqlBatch);
            assert_eq!(asked, asks, "{fault} {way:?}: {journal:?}");
        }
    }
}

/// A client that accepts every certificate is served behind these.
const SERVED: &[&str] = &[
    "tls-untrusted",
    "tls-expired",
    "tls-wrong-name",
    "strict-untrusted",
    "strict-expired",
    "strict-wrong-name",
    "slow:for=50ms",
];

#[tokio::test]
async fn every_fault_strikes_and_leaves_nothing() {
    let mut visits = JoinSet::new();
    for entry in fault::list() {
        let way = match entry.phase {
            Phase::Tls => Way::Whole,
            Phase::Strict => Way::Strict,
            _ => Way::Plain,
        };
        // Those of the whole listener strike no connection; `none` does nothing.
        if !["none", "connect-refuse", "connect-stall"].contains(&entry.name) {
            let name = if entry.name == "slow" { "slow:for=50ms" } else { entry.name };
            visits.spawn(struck(name, way));
        }
    }
    assert!(visits.len() > 70);
    for (name, rows, faults) in visits.join_all().await {
        assert!(!faults.is_empty() && faults.iter().all(|fault| name.starts_with(fault)), "{name}: {faults:?}");
        let expected = match name {
            _ if SERVED.contains(&name) => Some(2),
            "session-end" | "session-first-end" | "session-first-error" => Some(0),
            "session-later-end" => Some(1),
            // It goes on as if nothing were wrong, but for what this client sees.
            "login-error-then-ack" | "login-route" => Some(0),
            _ => None,
        };
        assert_eq!(rows, expected, "{name}");
    }
}

/// It answers the last byte at once: what it says then was forgotten once, and it waited for ever.
#[tokio::test]
async fn who_waits_for_all_of_a_drip_goes_on() {
    for name in ["prelogin-drip:every=1ms", "login-drip:every=1ms"] {
        let (_, rows, faults) = struck(name, Way::Plain).await;
        assert_eq!((rows, faults.len()), (Some(2), 1), "{name}");
    }
}

#[tokio::test]
async fn a_good_login_and_a_refusal_in_every_way_of_tls() {
    for way in [Way::Plain, Way::LoginOnly, Way::Whole, Way::Strict] {
        let good = FaultServer::builder().start().await.unwrap();
        assert_eq!(timeout(PATIENCE, visit(good.address(), way)).await.unwrap(), Some(2), "{way:?}");
        let handshakes = u64::from(way != Way::Plain);
        assert_eq!((good.counts().tls_handshakes, good.counts().logins_good), (handshakes, 1));
        let (_, rows, faults) = struck("login-18456", way).await;
        assert_eq!((rows, faults), (None, vec!["login-18456".to_owned()]), "{way:?}");
    }
}

#[tokio::test]
async fn a_server_that_must_encrypt_and_one_that_cannot() {
    for (mode, served) in [
        (TlsMode::Off, [Way::Plain].as_slice()),
        (TlsMode::Login, &[Way::Plain, Way::LoginOnly, Way::Whole]),
        (TlsMode::On, &[Way::Whole, Way::Strict]),
        (TlsMode::Strict, &[Way::Strict]),
    ] {
        for way in [Way::Plain, Way::LoginOnly, Way::Whole, Way::Strict] {
            let server = FaultServer::builder().tls(mode).start().await.unwrap();
            let rows = timeout(Duration::from_millis(500), visit(server.address(), way)).await.ok().flatten();
            assert_eq!(rows.is_some(), served.contains(&way), "--tls {mode:?}, {way:?}: {:?}", server.journal());
        }
    }
}
