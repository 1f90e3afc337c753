//! What TLS hides of a server's connections, kept for whoever captures its packets.
//!
//! The secrets let a reader of the capture decrypt it; the plaintext lets one explain it who does not decrypt. The choice not
//! taken: decrypting the capture here as well, for which a second implementation of TLS would be needed.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::KeyLog;

/// Bytes of plaintext that are kept in each direction, and characters of secrets.
const MOST: usize = 1024 * 1024;

/// The secrets and the plaintext of a server's TLS connections. Those of several are joined in the order in which they came,
/// so that it is of use with one connection at a time.
#[derive(Default)]
pub struct Disclosure(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    secrets: String,
    received: Vec<u8>,
    sent: Vec<u8>,
}

impl Disclosure {
    /// The secrets as an SSLKEYLOGFILE has them, a line each; empty before the first handshake.
    #[must_use]
    pub fn secrets(&self) -> String {
        self.kept().secrets.clone()
    }

    /// What clients sent inside of TLS, as far as the server has read it; at most 1 MiB.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.kept().received.clone()
    }

    /// What the server sent inside of TLS; at most 1 MiB.
    #[must_use]
    pub fn sent(&self) -> Vec<u8> {
        self.kept().sent.clone()
    }

    pub(super) fn has_received(&self, bytes: &[u8]) {
        put(&mut self.kept().received, bytes);
    }

    pub(super) fn has_sent(&self, bytes: &[u8]) {
        put(&mut self.kept().sent, bytes);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // What is kept is whole after every push, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn put(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.extend_from_slice(&bytes[..bytes.len().min(MOST - kept.len())]);
}

impl KeyLog for Disclosure {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let secrets = &mut self.kept().secrets;
        if secrets.len() < MOST {
            let hex = |bytes: &[u8]| {
                bytes.iter().fold(String::new(), |mut text, byte| {
                    // A string takes everything.
                    let _ = write!(text, "{byte:02x}");
                    text
                })
            };
            let _ = writeln!(secrets, "{label} {} {}", hex(client_random), hex(secret));
        }
    }
}

impl fmt::Debug for Disclosure {
    /// Nothing of a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disclosure").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_lines_of_an_sslkeylogfile_and_are_not_shown() {
        let disclosure = Disclosure::default();
        disclosure.log("CLIENT_RANDOM", &[0, 255], &[0x1a]);
        assert_eq!(disclosure.secrets(), "CLIENT_RANDOM 00ff 1a\n");
        assert_eq!(format!("{disclosure:?}"), "Disclosure { .. }");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let disclosure = Disclosure::default();
        for _ in 0..3 {
            disclosure.has_received(&vec![1; MOST / 2 + 1]);
        }
        assert_eq!((disclosure.received().len(), disclosure.sent().len()), (MOST, 0));
    }
}
