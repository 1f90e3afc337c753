//! A server's counts over HTTP, as Prometheus scrapes them: `GET /metrics`, and nothing else.
//!
//! One request a connection, a few connections at a time, each bounded in time and in size, so that whoever scrapes badly
//! disturbs nobody's login. The choice not taken: an HTTP parser of our own, which would be short and wrong.

mod text;

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Error, Observer};

/// Connections that are answered at a time; more wait in the kernel's queue.
const MOST: usize = 8;

/// How long one may take from accept to its end.
const LIMIT: Duration = Duration::from_secs(5);

/// The longest request line and headers in bytes, which is also the least that hyper takes.
const LONGEST: usize = 8192;

/// How long to wait when no descriptor is left.
const PAUSE: Duration = Duration::from_millis(100);

/// Prometheus' text format.
const FORMAT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// A metrics endpoint that listens and does not yet answer.
#[derive(Debug)]
pub struct Metrics {
    listener: TcpListener,
    address: SocketAddr,
    observer: Observer,
}

impl Metrics {
    /// Listens on `address`, port 0 picks one, for who wants to know what `observer` sees.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(address: SocketAddr, observer: Observer) -> Result<Self, Error> {
        let listen = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen.await.map_err(|source| Error::Listen { address, source })?;
        Ok(Self { listener, address, observer })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until it is dropped.
    pub async fn serve(self) -> Infallible {
        let mut scrapes = JoinSet::new();
        loop {
            if scrapes.len() >= MOST {
                scrapes.join_next().await;
            }
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    scrapes.spawn(scrape(stream, self.observer.clone()));
                }
                Err(error) => {
                    tracing::debug!(%error, "no connection for the metrics");
                    sleep(PAUSE).await;
                }
            }
            while scrapes.try_join_next().is_some() {}
        }
    }
}

/// One request and its answer.
async fn scrape(stream: TcpStream, observer: Observer) {
    let service = service_fn(|request| ready(Ok::<_, Infallible>(answer(&request, &observer))));
    let connection =
        http1::Builder::new().keep_alive(false).max_buf_size(LONGEST).serve_connection(TokioIo::new(stream), service);
    match timeout(LIMIT, connection).await {
        Ok(Ok(())) => {}
        // Whoever speaks no HTTP, or goes away, is told nothing and is no event of the server's.
        Ok(Err(error)) => tracing::debug!(%error, "a scrape failed"),
        Err(_) => tracing::debug!("a scrape took too long"),
    }
}

fn answer(request: &Request<Incoming>, observer: &Observer) -> Response<String> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) || request.uri().path() != "/metrics" {
        let mut response = Response::new("the metrics are at GET /metrics\n".to_owned());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let mut response = Response::new(text::page(&observer.counts()));
    response.headers_mut().insert(CONTENT_TYPE, FORMAT);
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn metrics() -> (SocketAddr, Observer, JoinSet<Infallible>) {
        let observer = Observer::default();
        let metrics = Metrics::bind(SocketAddr::from(([127, 0, 0, 1], 0)), observer.clone()).await.unwrap();
        let address = metrics.address();
        let mut serving = JoinSet::new();
        serving.spawn(metrics.serve());
        (address, observer, serving)
    }

    /// What is answered to these bytes until the end of the connection; nothing where it is reset.
    async fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut answer = Vec::new();
        // The server may have enough before everything is sent.
        let _ = stream.write_all(request).await;
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn the_counts_of_now_are_told() {
        let (address, observer, _serving) = metrics().await;
        for expected in ["closewait_connections_accepted_total 0\n", "closewait_connections_accepted_total 1\n"] {
            let answer = ask(address, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{answer}");
            assert!(answer.contains("connection: close\r\n"), "{answer}");
            assert!(answer.contains(expected), "{answer}");
            observer.update(|counts| counts.accepted += 1);
        }
        let head = ask(address, b"HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    }

    #[tokio::test]
    async fn anything_else_is_not_found_and_what_is_no_http_is_ended() {
        let (address, _observer, _serving) = metrics().await;
        for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n"] {
            let answer = ask(address, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        }
        assert!(!ask(address, b"\x12\x01\x00\x2f\x00\x00\x01\x00").await.contains("closewait_"));
        let large = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
        let answer = ask(address, large.as_bytes()).await;
        assert!(!answer.contains("closewait_") && !answer.contains(" 200 "), "{answer}");
    }

    /// On a clock that stands still: time passes only when nobody has anything to do.
    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_ended_and_lets_others_in() {
        let (address, _observer, _serving) = metrics().await;
        let mut silent = Vec::new();
        for _ in 0..MOST {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let answer = ask(address, b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        for mut stream in silent {
            assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 0, "it was ended without a word");
        }
    }
}
