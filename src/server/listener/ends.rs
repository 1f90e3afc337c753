//! How connections end, seen from the journal and the counts: who was first, when, and what a fault leaves behind.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::tests::{faults, in_time, with_server};
use crate::server::{CloseMode, Config, Counts, TlsConfig, TlsMode};
use crate::tds::{Login7, PacketType, SqlBatch, TdsVersion, packets};
use crate::units::Span;
use crate::wire::{Connection, Deed, Journal, LoginEnd, MessageKind, Party};

const PRELOGIN: [u8; 12] = [0, 0, 6, 0, 6, 0xFF, 0, 0, 0, 0, 0, 0];

fn login() -> Vec<u8> {
    let login = Login7 { tds_version: TdsVersion::V7_4.login(), user: "x".to_owned(), ..Login7::default() };
    login.encode().unwrap()
}

/// Each message after the answer to the one before it; how many bytes the last answer has, none without one.
async fn converse(stream: TcpStream, messages: &[(PacketType, Vec<u8>)]) -> (Connection<TcpStream>, Option<usize>) {
    let mut client = Connection::new(stream, 0);
    let mut answer = None;
    for (kind, payload) in messages {
        client.write_message(*kind, payload).await.unwrap();
        answer = client.read_message(1 << 20).await.ok().flatten().map(|message| message.payload.len());
    }
    (client, answer)
}

/// The first connection's journal and the counts, when a client has done `act` and the connection is over.
async fn of<F: Future<Output = ()>>(config: Config, act: impl FnOnce(TcpStream) -> F) -> (Journal, Counts) {
    let mut journal = None;
    let counts = in_time(with_server(Config { journal: 1, ..config }, async |address, observer| {
        act(TcpStream::connect(address).await.unwrap()).await;
        observer.ended(1).await;
        journal = observer.journal().pop();
    }));
    let counts = counts.await;
    assert_eq!(counts.accepted, counts.ended_by_client + counts.ended_by_server, "{counts:?}");
    (journal.unwrap(), counts)
}

/// They swallowed what a client sent that had read the last byte.
#[tokio::test]
async fn who_waits_for_every_drop_is_served() {
    for fault in ["prelogin-drip:every=2ms", "login-drip:every=2ms"] {
        let batch = SqlBatch { sql: "SELECT 1".to_owned() }.encode(TdsVersion::V7_4);
        let messages =
            [(PacketType::PRELOGIN, PRELOGIN.to_vec()), (PacketType::LOGIN7, login()), (PacketType::SQL_BATCH, batch)];
        let (journal, _) = of(faults(&[fault]), async |stream| {
            let (_client, answer) = converse(stream, &messages).await;
            assert!(answer.is_some(), "{fault}");
        })
        .await;
        assert_eq!(journal.login, Some(LoginEnd::Accepted), "{fault}");
    }
}

#[tokio::test]
async fn what_a_session_asks_is_in_the_journal() {
    let batch = SqlBatch { sql: "SELECT 1 AS one".to_owned() }.encode(TdsVersion::V7_4);
    let messages =
        [(PacketType::PRELOGIN, PRELOGIN.to_vec()), (PacketType::LOGIN7, login()), (PacketType::SQL_BATCH, batch)];
    let (journal, _) = of(Config::default(), async |stream| {
        converse(stream, &messages).await;
    })
    .await;
    let asked = journal.entries.iter().any(|entry| {
        matches!(&entry.deed, Deed::Message { kind: MessageKind::SqlBatch, text, .. } if text == "SELECT 1 AS one")
    });
    assert!(asked, "{journal:?}");
}

/// A login that was only looked at had no end to the wait for it, and one that came with its PRELOGIN was never seen.
#[tokio::test]
async fn an_unread_login_need_not_come_or_may_come_early() {
    let unread = |config| Config { close: CloseMode::Unread, ..config };
    let config = unread(Config { login_timeout: Span::from_millis(50), ..Config::default() });
    let (_, counts) = of(config, async |stream| {
        let (mut client, _) = converse(stream, &[(PacketType::PRELOGIN, PRELOGIN.to_vec())]).await;
        assert!(client.read_message(4096).await.unwrap().is_none());
    })
    .await;
    assert_eq!(counts.timed_out, 1);

    let both = [packets(PacketType::PRELOGIN, 0, 4096, &PRELOGIN), packets(PacketType::LOGIN7, 0, 4096, &login())];
    let (journal, _) = of(unread(faults(&["login-18456"])), async |mut stream| {
        stream.write_all(&both.concat()).await.unwrap();
        // It ends in a reset, whatever of the answer came before.
        while stream.read(&mut [0; 4096]).await.is_ok_and(|count| count > 0) {}
    })
    .await;
    assert_eq!(journal.login, Some(LoginEnd::Refused { number: 18456, state: 8 }));
}

#[tokio::test]
async fn an_unread_login_is_in_the_journal_once_and_is_the_clients() {
    let messages = [(PacketType::PRELOGIN, PRELOGIN.to_vec()), (PacketType::LOGIN7, login())];
    for fault in ["login-18456", "none", "login-drip:every=1ms"] {
        let config = Config { close: CloseMode::Unread, ..faults(&[fault]) };
        let (journal, _) = of(config, async |stream| {
            converse(stream, &messages).await;
        })
        .await;
        let logins = journal.entries.iter().filter(|entry| {
            matches!(&entry.deed, Deed::Message { kind: MessageKind::Login7, text, .. }
                if entry.by == Party::Client && text.contains("user 'x'"))
        });
        assert_eq!(logins.count(), 1, "{fault}: {journal:?}");
    }
}

/// Where TLS or a fault has read everything, there was a FIN, and the journal said RST.
#[tokio::test]
async fn unread_is_a_reset_with_nothing_left_to_read_too() {
    for fault in ["prelogin-end", "login-stall:for=1ms"] {
        let messages = [(PacketType::PRELOGIN, PRELOGIN.to_vec()), (PacketType::LOGIN7, login())];
        let count = if fault == "prelogin-end" { 1 } else { 2 };
        let config = Config { close: CloseMode::Unread, ..faults(&[fault]) };
        let (journal, _) = of(config, async |stream| {
            let mut client = Connection::new(stream, 0);
            for (at, (kind, payload)) in messages[..count].iter().enumerate() {
                client.write_message(*kind, payload).await.unwrap();
                let answer = client.read_message(4096).await;
                assert_eq!(answer.is_err(), at + 1 == count, "{fault}: {answer:?}");
            }
        })
        .await;
        assert_eq!(journal.closed_first, Some(Party::Server));
    }
}

#[tokio::test]
async fn who_was_first_is_counted_so() {
    for mode in [CloseMode::Orderly, CloseMode::Shutdown] {
        let config = Config { close: mode, ..faults(&["slow:for=100ms", "prelogin-end"]) };
        let (journal, counts) = of(config, async |mut stream| {
            stream.write_all(&packets(PacketType::PRELOGIN, 0, 4096, &PRELOGIN)).await.unwrap();
        })
        .await;
        assert_eq!((journal.closed_first, counts.ended_by_client), (Some(Party::Client), 1), "{mode:?}");
    }
}

/// Corked as if it were a last answer, each waited up to 200 ms for the next.
#[tokio::test]
async fn what_never_ends_leaves_at_once() {
    let messages = [(PacketType::PRELOGIN, PRELOGIN.to_vec())];
    let (_, _) = of(faults(&["login-info-forever:every=1h"]), async |stream| {
        let (mut client, _) = converse(stream, &messages).await;
        client.write_message(PacketType::LOGIN7, &login()).await.unwrap();
        let mut stream = client.into_stream();
        let info = tokio::time::timeout(Duration::from_millis(150), stream.read(&mut [0; 4096])).await;
        assert!(info.is_ok_and(|read| read.unwrap() > 8));
    })
    .await;
}

/// The login is over with the FIN, and not when the server has listened for a while behind it.
#[tokio::test]
async fn over_is_when_the_fin_was_sent() {
    let tls = TlsConfig { mode: Some(TlsMode::Login), ..TlsConfig::default() };
    let (journal, _) = of(Config { tls, ..faults(&["login-18456"]) }, async |stream| {
        let mut driver = tiberius::Config::new();
        driver.authentication(tiberius::AuthMethod::sql_server("x", "p"));
        driver.encryption(tiberius::EncryptionLevel::Off);
        driver.trust_cert();
        let stream = tokio_util::compat::TokioAsyncWriteCompatExt::compat_write(stream);
        let error = tiberius::Client::connect(driver, stream).await.err().and_then(|error| error.code());
        assert_eq!(error, Some(18456));
    })
    .await;
    let fin = journal.entries.iter().find(|entry| entry.by == Party::Server && entry.deed == Deed::Fin).unwrap();
    let over = journal.over.unwrap();
    let later = journal.entries.iter().find(|entry| entry.by == Party::Client && entry.at > fin.at).unwrap();
    assert!(fin.at <= over && over < later.at, "{journal:?}");
}
