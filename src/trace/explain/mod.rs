//! The bytes of both directions to what ends in each frame: messages and tokens of TDS, records of TLS.
//!
//! What TLS hides is known from the server, which is ours: each record of data stands for so many bytes of its plaintext,
//! in order. The choice not taken: joining the server's journal by its times, which says nothing of bytes that a fault
//! sent.

mod packets;
mod stream;
mod tls;
mod words;

use crate::record::{Side, TraceMessage};
use crate::tds::TdsVersion;

use packets::{Packets, Unit};
use tls::{Found, Handshakes, Records};

pub(super) use stream::{Stream, Taken};

/// Explains the data of a connection, frame by frame.
#[derive(Debug)]
pub(super) struct Explainer {
    client: Half,
    server: Half,
    shared: Shared,
}

/// What one direction needs to know of the other.
#[derive(Debug)]
struct Shared {
    /// Of the tokens: as the login asked.
    version: TdsVersion,
    /// The next reply answers PRELOGIN.
    prelogin_asked: bool,
    handshakes: Handshakes,
}

/// One direction.
#[derive(Debug)]
struct Half {
    side: Side,
    /// Packets as they lie on the wire, and those inside of TLS.
    clear: Packets,
    hidden: Packets,
    /// Records as they lie on the wire, and those in PRELOGIN packets.
    records: Records,
    /// What TLS hides and no record has stood for yet.
    plaintext: std::collections::VecDeque<u8>,
    /// Tokens of the reply under way that were told already.
    told: usize,
}

impl Explainer {
    /// Of a connection inside of whose TLS the server has received and sent these bytes.
    pub(super) fn new(received: Vec<u8>, sent: Vec<u8>) -> Self {
        Self {
            client: Half::new(Side::Client, received),
            server: Half::new(Side::Server, sent),
            shared: Shared { version: TdsVersion::V7_4, prelogin_asked: false, handshakes: Handshakes::default() },
        }
    }

    /// What ends in the next bytes that `from` has sent.
    pub(super) fn data(&mut self, from: Side, bytes: &[u8]) -> Vec<TraceMessage> {
        let half = match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let mut told = Vec::new();
        half.read(bytes, &mut self.shared, &mut told);
        told
    }
}

impl Half {
    fn new(side: Side, plaintext: Vec<u8>) -> Self {
        Self {
            side,
            clear: Packets::default(),
            hidden: Packets::default(),
            records: Records::default(),
            plaintext: plaintext.into(),
            told: 0,
        }
    }

    fn read(&mut self, bytes: &[u8], shared: &mut Shared, told: &mut Vec<TraceMessage>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            // Between two units the first byte tells records from packets: no packet type is a record's.
            let as_records = self.records.is_inside() || (!self.clear.is_inside() && tls::begins_record(rest));
            if as_records {
                let (used, found) = self.records.take(rest);
                rest = &rest[used..];
                self.found(found, shared, told);
            } else {
                let (used, unit) = self.clear.take(rest);
                rest = &rest[used..];
                self.unit(unit, false, shared, told);
            }
        }
        self.unfinished(false, shared, told);
    }

    /// A record of TLS, or none yet.
    fn found(&mut self, record: Option<tls::Record>, shared: &mut Shared, told: &mut Vec<TraceMessage>) {
        let Some(record) = record else { return };
        match shared.handshakes.meets(self.side, &record) {
            Found::Handshake { text, encrypted } => {
                // The records of one flight are one line.
                if let Some(last) = told.last_mut().filter(|last| last.name == tls::HANDSHAKE) {
                    last.text = format!("{}, {text}", last.text);
                    last.encrypted &= encrypted;
                } else {
                    told.push(TraceMessage { name: tls::HANDSHAKE.to_owned(), text, encrypted });
                }
            }
            Found::Alert { text, encrypted } => {
                told.push(TraceMessage { name: "TLS alert".to_owned(), text, encrypted });
            }
            Found::Data(length) => self.data(length, shared, told),
        }
    }

    /// A record of data, which hides so many bytes.
    fn data(&mut self, length: usize, shared: &mut Shared, told: &mut Vec<TraceMessage>) {
        if self.plaintext.len() < length {
            let text = format!("{length} bytes");
            told.push(TraceMessage { name: "TLS data".to_owned(), text, encrypted: true });
            return;
        }
        let bytes: Vec<u8> = self.plaintext.drain(..length).collect();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (used, unit) = self.hidden.take(rest);
            rest = &rest[used..];
            self.unit(unit, true, shared, told);
        }
        self.unfinished(true, shared, told);
    }

    fn unit(&mut self, unit: Option<Unit>, encrypted: bool, shared: &mut Shared, told: &mut Vec<TraceMessage>) {
        match unit {
            None => {}
            Some(Unit::Tunnelled(bytes)) => {
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    let (used, found) = self.records.take(rest);
                    rest = &rest[used..];
                    self.found(found, shared, told);
                }
            }
            Some(Unit::Garbage(length)) => {
                let text = format!("{length} bytes");
                told.push(TraceMessage { name: "no TDS".to_owned(), text, encrypted });
            }
            Some(Unit::Message { kind, payload }) => {
                let is_prelogin = self.side == Side::Server && std::mem::take(&mut shared.prelogin_asked);
                let (messages, version) = match self.side {
                    Side::Client => words::of_client(kind, &payload, encrypted),
                    Side::Server if is_prelogin => (words::of_prelogin_reply(&payload, encrypted), None),
                    Side::Server => {
                        (words::of_reply(kind, &payload, self.told, true, shared.version, encrypted).0, None)
                    }
                };
                self.told = 0;
                shared.version = version.unwrap_or(shared.version);
                shared.prelogin_asked |= self.side == Side::Client && kind == crate::tds::PacketType::PRELOGIN;
                told.extend(messages);
            }
        }
    }

    /// Says of a message that goes on in a later frame how far it has come, and what of it is whole.
    fn unfinished(&mut self, encrypted: bool, shared: &Shared, told: &mut Vec<TraceMessage>) {
        let packets = if encrypted { &self.hidden } else { &self.clear };
        let Some((kind, so_far, whole)) = packets.under_way() else { return };
        if self.side == Side::Server && !shared.prelogin_asked {
            let (messages, count) = words::of_reply(kind, &so_far, self.told, false, shared.version, encrypted);
            self.told = count;
            told.extend(messages);
        }
        told.push(words::part(kind, self.side, shared.prelogin_asked, so_far.len(), whole, encrypted));
    }
}

#[cfg(test)]
mod tests;
