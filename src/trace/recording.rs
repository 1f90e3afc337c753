//! The capture file of a traced connection.

use crate::capture::{Capture, Captured, Interface, Packet, SNAP_LENGTH, pcapng};
use crate::record::{HostFacts, Side, TracedConnection};

/// What a capture file is made of, beside the record.
#[derive(Debug, Clone)]
pub struct Recording {
    pub(super) frames: Vec<Captured>,
    pub(super) secrets: String,
    pub(super) interface: String,
}

impl Recording {
    /// A pcapng file of the connection: each frame with what the record says of it as its comment, and the secrets of TLS
    /// before the first.
    #[must_use]
    pub fn pcapng(&self, connection: &TracedConnection, host: &HostFacts) -> Vec<u8> {
        let comments: Vec<String> = connection.frames.iter().map(comment).collect();
        let packets: Vec<Packet<'_>> = self
            .frames
            .iter()
            .zip(&comments)
            .zip(&connection.frames)
            .map(|((captured, comment), frame)| Packet {
                at_ns: captured.wall_ns,
                outgoing: frame.from == Side::Client,
                bytes: &captured.bytes,
                comment,
            })
            .collect();
        let uname = rustix::system::uname();
        let description = format!(
            "the client's side of a closewait sandbox ({}); checksums on the way out are left to hardware that is not there",
            connection.sandbox
        );
        let hardware = if self.interface == "lo" { "loopback" } else { "veth, virtual Ethernet" };
        pcapng(&Capture {
            hardware: &uname.machine().to_string_lossy(),
            os: &format!("Linux {}", host.kernel),
            application: concat!("closewait ", env!("CARGO_PKG_VERSION"), " trace"),
            interface: Interface {
                name: &self.interface,
                description: &description,
                hardware,
                snap_length: SNAP_LENGTH,
            },
            secrets: &self.secrets,
            packets: &packets,
        })
    }
}

/// What a frame is, and in which states it leaves the two ends.
fn comment(frame: &crate::record::TraceFrame) -> String {
    format!("{} | client {}, server {}", frame.what, frame.client, frame.server)
}
