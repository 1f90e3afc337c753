//! How a connection begins: PRELOGIN, and what client and server agree on about TLS [MS-TDS 2.2.6.5, 3.2.5.1].

use super::conversation::{Stop, Talk, Wire};
use super::session::BUILD;
use super::{CloseMode, TlsMode};
use crate::fault::{Action, Stage};
use crate::tds::{Encryption, PacketType, Prelogin, packets};
use crate::wire::tls::{Credential, Failure, Framing, Hello, Transport};
use crate::wire::{Deed, Party};

/// What TLS begins with where no packet lies around it: the record type of a handshake [RFC 5246 6.2.1].
const CLIENT_HELLO: PacketType = PacketType(0x16);

/// What is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protection {
    /// Nothing.
    None,
    /// The login packet.
    Login,
    /// Everything from the login on.
    Whole,
    /// Everything from the first byte on: TDS 8.0.
    Strict,
}

/// How far a connection has come before its login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// PRELOGIN was answered; TLS comes next, if any was agreed on.
    Agreed(Protection),
    /// A login of TDS 7.0 or 7.1 comes, whose clients may leave PRELOGIN out.
    Login,
    /// A login of TDS 4.2 or 5.0 comes.
    Legacy,
}

/// What the server answers to a client's ENCRYPTION, and what follows from it [MS-TDS 2.2.6.5].
///
/// Never ON to a client's OFF: .NET SqlClient fails on it. A client that sends no ENCRYPTION knows none.
const fn agree(mode: Option<TlsMode>, asked: Option<Encryption>) -> (Encryption, Protection) {
    use Encryption::{NotSupported, Off, On, Required};
    match (mode, asked) {
        (Some(TlsMode::Off), _) => (NotSupported, Protection::None),
        (_, Some(On | Required)) => (On, Protection::Whole),
        (Some(TlsMode::On | TlsMode::Strict), _) => (Required, Protection::Whole),
        (None | Some(TlsMode::Login), Some(Off)) => (Off, Protection::Login),
        (None | Some(TlsMode::Login), Some(NotSupported) | None) => (NotSupported, Protection::None),
    }
}

/// What follows when a fault answers `answer` to what a client asked, and means it.
const fn insist(answer: Encryption) -> Protection {
    match answer {
        Encryption::NotSupported => Protection::None,
        Encryption::Off => Protection::Login,
        Encryption::On | Encryption::Required => Protection::Whole,
    }
}

impl Talk {
    /// Everything before the login: PRELOGIN and TLS, in the order that the client chooses.
    pub(super) async fn open(&self, wire: &mut Wire) -> Result<Opening, Stop> {
        if let Err(stop) = self.faulted(wire, &Stage::Accepted, Vec::new).await {
            if stop == Stop::Over(CloseMode::Unread) {
                // There must be something to leave unread.
                let _ = self.in_time(wire.stream().socket().readable()).await?;
            }
            return Err(stop);
        }
        let mode = self.config().tls.mode;
        let first = self.in_time(wire.next_claims()).await??.ok_or(Stop::Gone)?;
        match first {
            CLIENT_HELLO if matches!(mode, None | Some(TlsMode::On | TlsMode::Strict)) => {
                Box::pin(self.secure(wire, true)).await?;
                self.agree(wire, true).await.map(Opening::Agreed)
            }
            // What SQL Server calls a client that does not encrypt as it must.
            PacketType::PRELOGIN | PacketType::LOGIN7 if mode == Some(TlsMode::Strict) => Err(Stop::Malformed(17835)),
            PacketType::LOGIN7 if mode == Some(TlsMode::On) => Err(Stop::Malformed(17835)),
            PacketType::PRELOGIN => {
                let protection = self.agree(wire, false).await?;
                if protection != Protection::None {
                    if self.in_time(wire.next_claims()).await?? == Some(PacketType::LOGIN7) {
                        return Err(Stop::Malformed(17835));
                    }
                    // Boxed, so that a connection without TLS does not carry the room for a handshake.
                    Box::pin(self.secure(wire, false)).await?;
                }
                Ok(Opening::Agreed(protection))
            }
            PacketType::LOGIN7 => Ok(Opening::Login),
            PacketType::LEGACY_LOGIN => Ok(Opening::Legacy),
            _ => Err(Stop::Malformed(17836)),
        }
    }

    /// Reads PRELOGIN and answers it; in strict TLS there is nothing left to agree on.
    async fn agree(&self, wire: &mut Wire, strict: bool) -> Result<Protection, Stop> {
        let message = self.read(wire, PacketType::PRELOGIN, 17836).await?;
        let asked = Prelogin::decode(&message.payload).map_err(|_| Stop::Malformed(17828))?;
        let (mut answer, mut protection) = match strict {
            true => (Encryption::NotSupported, Protection::Strict),
            false => agree(self.config().tls.mode, asked.encryption()),
        };
        wire.scribe().explain(|| asked.encryption().map_or("no ENCRYPTION".to_owned(), |asked| format!("{asked:?}")));
        let mut reply = asked.reply(BUILD, answer);
        let (action, mode) = self.consult(wire, &Stage::Prelogin { asked: &asked, reply: &reply }).await?;
        if let Action::Encrypt(insisted) = action {
            answer = insisted;
            reply = asked.reply(BUILD, insisted);
            protection = insist(insisted);
        }
        // The answer to options that fit has the same options, shorter.
        let reply = reply.encode().map_err(|_| Stop::Malformed(17828))?;
        if let Action::Instead(script) = action {
            let good = packets(PacketType::REPLY, wire.spid(), wire.packet_size(), &reply);
            self.perform(wire, script, mode, || good).await?;
        } else {
            wire.write_message(PacketType::REPLY, &reply).await?;
            wire.scribe().explain(|| format!("{answer:?}"));
        }
        Ok(protection)
    }

    /// TLS, from the ClientHello on.
    async fn secure(&self, wire: &mut Wire, strict: bool) -> Result<(), Stop> {
        let framing = if strict { Framing::Raw } else { Framing::Packets { spid: wire.spid() } };
        wire.give_back(Transport::unread);
        let hello = self.in_time(Hello::read(wire.stream_mut(), framing)).await?;
        let hello = hello.map_err(|failure| self.no_tls(wire, &failure))?;
        wire.scribe().note(Party::Client, || Deed::ClientHello { strict });
        let tls = &self.shared.tls;
        let (action, mode) = self.consult(wire, &Stage::Handshake { strict }).await?;
        let credential = match action {
            Action::Instead(script) => {
                self.perform(wire, script, mode, || hello.flight(tls, Credential::Good)).await?;
                return Err(Stop::Over(mode));
            }
            Action::Present(credential) => credential,
            _ => Credential::Good,
        };
        let accepted = self.in_time(hello.accept(wire.stream_mut(), tls, credential)).await?;
        accepted.map_err(|failure| self.no_tls(wire, &failure))?;
        self.observe(|counts| counts.tls_handshakes += 1);
        wire.scribe().note(Party::Server, || Deed::Tls);
        Ok(())
    }

    /// A handshake came to nothing.
    fn no_tls(&self, wire: &Wire, failure: &Failure) -> Stop {
        tracing::debug!(%failure, "no TLS");
        wire.scribe().note(Party::Client, || Deed::NoTls { why: failure.to_string() });
        match failure {
            Failure::Gone => Stop::Gone,
            _ => Stop::NoTls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FACTS' matrix, a row for each of the server's modes: what NOT_SUP, OFF, ON and REQ are answered.
    #[test]
    fn every_cell_of_the_matrix() {
        use Encryption::{NotSupported as N, Off as F, On as O, Required as R};
        use Protection::{Login, None as Plain, Whole};
        for (mode, expected) in [
            (Some(TlsMode::Off), [(N, Plain), (N, Plain), (N, Plain), (N, Plain)]),
            (Some(TlsMode::Login), [(N, Plain), (F, Login), (O, Whole), (O, Whole)]),
            (None, [(N, Plain), (F, Login), (O, Whole), (O, Whole)]),
            (Some(TlsMode::On), [(R, Whole), (R, Whole), (O, Whole), (O, Whole)]),
        ] {
            for (asked, expected) in [N, F, O, R].into_iter().zip(expected) {
                assert_eq!(agree(mode, Some(asked)), expected, "{mode:?}, {asked:?}");
            }
            assert_eq!(agree(mode, None), expected[0], "who sends no ENCRYPTION knows none");
        }
    }
}
