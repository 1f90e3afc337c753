//! What TLS costs. Ignored, since the figures are a machine's: `cargo test --lib wire::tls::tests::measure -- --ignored
//! --nocapture --test-threads 1`.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::time::Instant;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::*;

/// Anonymous memory of this process, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// A connection: the client's bare socket, and a server's task that waits for its first request.
async fn idle(
    listener: &TcpListener,
    tls: Option<(Framing, Framing, Arc<ClientConfig>)>,
) -> (TcpStream, JoinHandle<()>) {
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (near, (far, _)) = (near.unwrap(), far.unwrap());
    let theirs = tls.as_ref().map(|(_, theirs, _)| *theirs);
    let task = tokio::spawn(async move {
        let mut transport = match theirs {
            Some(framing) => accept(far, framing, Credential::Good).await.unwrap(),
            None => Transport::plain(far),
        };
        let _ = transport.read(&mut [0; 8]).await;
    });
    let near = match tls {
        Some((mine, _, config)) => {
            // Its TLS is thrown away at once: only the server's stays.
            connect(near, mine, config, "db.test").await.unwrap().into_inner().0.into_plain().into_socket()
        }
        None => near,
    };
    (near, task)
}

#[tokio::test]
#[ignore = "a measurement"]
async fn an_idle_connection_costs_less_than_20_kb() {
    const COUNT: usize = 1500;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // All are kept to the end: memory that one row let go would be what the next one has. So 16,000 descriptors are open.
    let mut kept = Vec::with_capacity(6 * (COUNT + 100));
    for version in VERSIONS {
        let config = client(version, Trust::Anything);
        let strict = (Framing::Raw, Framing::Raw, config.clone());
        let tunnelled = (CLIENT, SERVER, config);
        for (name, tls) in [("plain", None), ("tunnelled", Some(tunnelled)), ("strict", Some(strict))] {
            if name == "plain" && version.version == rustls::ProtocolVersion::TLSv1_3 {
                continue;
            }
            for _ in 0..100 {
                kept.push(idle(&listener, tls.clone()).await);
            }
            let before = memory();
            for _ in 0..COUNT {
                kept.push(idle(&listener, tls.clone()).await);
            }
            tokio::task::yield_now().await;
            let each = (memory() - before) / COUNT;
            println!("{:?}, {name}: {each} bytes a connection, the client's socket included", version.version);
            assert!(each < 20 * 1024, "{each}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn handshakes_a_second() {
    const COUNT: u32 = 2000;
    let listener = Arc::new(TcpListener::bind("127.0.0.1:0").await.unwrap());
    for version in VERSIONS {
        let config = client(version, Trust::Anything);
        let start = Instant::now();
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (listener, config) = (listener.clone(), config.clone());
            clients.spawn(async move {
                for _ in 0..COUNT / 8 {
                    let (near, task) = idle(&listener, Some((CLIENT, SERVER, config.clone()))).await;
                    drop(near);
                    task.await.unwrap();
                }
            });
        }
        clients.join_all().await;
        let seconds = start.elapsed().as_secs_f64();
        println!("{:?}, tunnelled: {:.0} handshakes a second", version.version, f64::from(COUNT) / seconds);
    }
}
