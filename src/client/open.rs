//! A connection whose attempt has its outcome, and that is still to be closed.

use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::net::TcpStream;

use super::Close;
use crate::units::Monotonic;

/// A connection after its attempt's outcome; dropped unplayed it is closed like any socket.
#[derive(Debug)]
pub struct Open {
    pub(super) stream: TcpStream,
    /// What becomes of it: a failed login's strategy, or a good one's.
    pub(super) close: Close,
    /// When the outcome was known.
    pub(super) at: Monotonic,
    /// What is left of the attempt's time: a close that waits for the peer waits no longer.
    pub(super) left: Duration,
}

/// What became of a connection.
#[derive(Debug)]
pub enum Closed {
    /// It was closed, this long after its outcome.
    After(Duration),
    /// The strategy keeps it open.
    Held(Close, OwnedFd),
}

impl Open {
    /// Does with the connection what its strategy says.
    pub async fn close(self) -> Closed {
        match self.close.apply(self.stream, self.left).await {
            Some(socket) => Closed::Held(self.close, socket),
            None => Closed::After(Monotonic::now().since(self.at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpListener;

    use crate::client::{Client, Close, Closed, Config, Driver, Encryption, Login};
    use crate::record::Outcome;
    use crate::units::Span;

    fn config(listener: &TcpListener, close: Close) -> Config {
        Config {
            target: listener.local_addr().unwrap(),
            server_name: "test".into(),
            driver: Driver::Tcp,
            close,
            close_logged_in: Close::Orderly,
            timeout: Span::from_secs(30),
            login: Login { user: "u".into(), password: "p".into(), database: None },
            source: None,
            per_socket_ports: None,
            encryption: Encryption::Off,
            authority: None,
        }
    }

    #[tokio::test]
    async fn a_close_has_what_the_attempt_left_of_its_time() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(config(&listener, Close::Drain));
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            stream.shutdown().await.unwrap();
            stream
        };
        let (ended, _stream) = tokio::join!(client.attempt(), server);
        let open = ended.open.unwrap();
        assert!(open.left <= Span::from_millis(29_950).0, "{:?}", open.left);
    }

    #[tokio::test]
    async fn a_good_login_has_a_strategy_of_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let config = config(&listener, Close::Leaky);
        assert_eq!(config.close_after(Outcome::LoggedIn), Close::Orderly);
        let client = Client::new(config);
        let server = async { drop(listener.accept().await.unwrap()) };
        let (ended, ()) = tokio::join!(client.attempt(), server);
        assert_eq!(ended.outcome, Outcome::ClosedEarly);
        assert!(matches!(ended.open.unwrap().close().await, Closed::Held(Close::Leaky, _)));
    }
}
