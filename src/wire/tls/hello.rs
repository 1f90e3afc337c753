//! The handshake, in two steps: a client's greeting, and what becomes of it.
//!
//! A fault may strike between the two. Whatever has begun lives in the [`Hello`] and in the future that works on it, never
//! in the [`Transport`]: when a handshake fails, or is given up because it took too long, the transport is plain, whole,
//! and can still be ended in any way.

use std::future::poll_fn;
use std::io;

use rustls::ServerConnection;
use rustls::server::{Accepted, AcceptedAlert, Acceptor};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::records::Records;
use super::transport::{Session, Source, Transport, poll_blocking};
use super::{ALPN, Credential, Failure, Framing, Tls};

/// The most that a greeting may take, in records. Those of real clients have 200 to 2,000 bytes.
const LIMIT: usize = 64 * 1024;

/// A client's greeting, whole and not yet answered. Dropped, it was never said anything about.
#[derive(Debug)]
pub struct Hello {
    accepted: Accepted,
    records: Records,
    framing: Framing,
}

impl Hello {
    /// Waits for a whole ClientHello on a plain transport. It may be dropped while it waits: what was read is then lost,
    /// the transport is not.
    ///
    /// # Errors
    /// When what comes is no ClientHello or one of more than 64 KiB (a TLS server's alert has then been sent), or the
    /// client goes.
    pub async fn read<S>(transport: &mut Transport<S>, framing: Framing) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut acceptor, mut records) = (Acceptor::default(), Records::new(framing));
        let mut taken = 0;
        loop {
            let count = poll_fn(|context| {
                let stream = &mut transport.stream;
                poll_blocking(acceptor.read_tls(&mut Source { stream, records: &mut records, context }))
            })
            .await?;
            taken += count;
            if count == 0 {
                return Err(Failure::Gone);
            }
            match acceptor.accept() {
                Ok(Some(accepted)) => return Ok(Self { accepted, records, framing }),
                Ok(None) if taken <= LIMIT => {}
                Ok(None) => return Err(Failure::Malformed("a ClientHello of more than 64 KiB".to_owned())),
                Err((error, alert)) => {
                    // The error is what matters; a client that does not take the alert has gone.
                    let _ = send(transport, framing, &of_alert(alert)).await;
                    return Err(error.into());
                }
            }
        }
    }

    /// The host that the client wants to speak with, as it sends it.
    pub fn server_name(&self) -> Option<String> {
        self.accepted.client_hello().server_name().map(str::to_owned)
    }

    /// The protocols that the client offers in ALPN, in its order; none when it does not speak ALPN.
    pub fn alpn(&self) -> Vec<Vec<u8>> {
        self.accepted.client_hello().alpn().map(|names| names.map(<[u8]>::to_vec).collect()).unwrap_or_default()
    }

    /// Whether the client offers TDS 8.0 in ALPN.
    pub fn offers_tds8(&self) -> bool {
        self.accepted.client_hello().alpn().is_some_and(|mut names| names.any(|name| name == ALPN))
    }

    /// Finishes the handshake; the transport is TLS then. It may be dropped while it waits: the transport is plain then.
    ///
    /// # Errors
    /// When the client refuses what it sees, sends what is no TLS, or goes; or when the two have nothing in common. The
    /// transport stays plain, and the alert that a TLS server owes has been sent.
    pub async fn accept<S>(self, transport: &mut Transport<S>, tls: &Tls, credential: Credential) -> Result<(), Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Self { accepted, records, framing } = self;
        let connection = match accepted.into_connection(tls.config(credential, framing)) {
            Ok(connection) => connection,
            Err((error, alert)) => {
                let _ = send(transport, framing, &of_alert(alert)).await;
                return Err(Failure::NothingInCommon(error.to_string()));
            }
        };
        // Made where it will live: it is large.
        let mut session = Box::new(Session { connection, records, disclosure: tls.disclosure.clone() });
        loop {
            let result = session.connection.process_new_packets();
            let sent = send(transport, framing, &flight(&mut session.connection)).await;
            result?;
            sent?;
            if !session.connection.is_handshaking() {
                transport.session = Some(session);
                return Ok(());
            }
            if !poll_fn(|context| session.poll_take(&mut transport.stream, context)).await? {
                return Err(Failure::Gone);
            }
        }
    }

    /// What [`Hello::accept`] would send first, as it goes on the wire, and does not send: for faults that send a part of
    /// it. With nothing in common that is an alert.
    #[must_use]
    pub fn flight(self, tls: &Tls, credential: Credential) -> Vec<u8> {
        let Self { accepted, framing, .. } = self;
        framing.wrap(&match accepted.into_connection(tls.config(credential, framing)) {
            Ok(mut connection) => flight(&mut connection),
            Err((_, alert)) => of_alert(alert),
        })
    }
}

/// One flight, whole: as one message, in one write where the stream takes it.
async fn send<S>(transport: &mut Transport<S>, framing: Framing, records: &[u8]) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if records.is_empty() {
        return Ok(());
    }
    transport.stream.write_all(&framing.wrap(records)).await?;
    transport.stream.flush().await
}

/// All that a connection has to say.
fn flight(connection: &mut ServerConnection) -> Vec<u8> {
    let mut records = Vec::new();
    while connection.wants_write() {
        // A vector takes everything.
        let _ = connection.write_tls(&mut records);
    }
    records
}

fn of_alert(mut alert: AcceptedAlert) -> Vec<u8> {
    let mut records = Vec::new();
    // A vector takes everything.
    let _ = alert.write_all(&mut records);
    // The library says nothing to a client that knows no signature of the certificate's kind.
    if records.is_empty() { Framing::Raw.alert() } else { records }
}
