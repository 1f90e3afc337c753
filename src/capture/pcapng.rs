//! The writer of pcapng files: a section, an interface, the secrets of TLS, then a packet each with its comment
//! [draft-ietf-opsawg-pcapng].
//!
//! The choice not taken: the older pcap format, which has neither comments nor secrets.

/// What a file holds, beside what is the same in all of them.
#[derive(Debug, Clone, Copy)]
pub struct Capture<'a> {
    /// The machine, such as `x86_64`.
    pub hardware: &'a str,
    /// The operating system, such as `Linux 6.18.44`.
    pub os: &'a str,
    /// The program that wrote it.
    pub application: &'a str,
    /// Where it was captured.
    pub interface: Interface<'a>,
    /// Secrets of TLS in the form of an SSLKEYLOGFILE; empty where nothing was encrypted.
    pub secrets: &'a str,
    /// The packets, in order.
    pub packets: &'a [Packet<'a>],
}

/// An Ethernet interface.
#[derive(Debug, Clone, Copy)]
pub struct Interface<'a> {
    /// Its name.
    pub name: &'a str,
    /// Of what kind it is, and where.
    pub description: &'a str,
    /// The device.
    pub hardware: &'a str,
    /// The longest packet that is kept whole.
    pub snap_length: u32,
}

/// A packet.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// When it was captured, in nanoseconds since 1970.
    pub at_ns: u64,
    /// Whether it was on its way out.
    pub outgoing: bool,
    /// Its bytes, from the Ethernet header on.
    pub bytes: &'a [u8],
    /// What it is, for a person.
    pub comment: &'a str,
}

/// Block types [4.1, 4.2, 4.3, 4.7].
const SECTION: u32 = 0x0A0D_0D0A;
const INTERFACE: u32 = 1;
const PACKET: u32 = 6;
const SECRETS: u32 = 10;

/// Options; the first two are those of every block, the others of the block that is named [3.5, 4.1, 4.2, 4.3].
const END: u16 = 0;
const COMMENT: u16 = 1;
const SECTION_HARDWARE: u16 = 2;
const SECTION_OS: u16 = 3;
const SECTION_APPLICATION: u16 = 4;
const INTERFACE_NAME: u16 = 2;
const INTERFACE_DESCRIPTION: u16 = 3;
const INTERFACE_RESOLUTION: u16 = 9;
const INTERFACE_OS: u16 = 12;
const INTERFACE_HARDWARE: u16 = 15;
const PACKET_FLAGS: u16 = 2;

/// LINKTYPE_ETHERNET
const ETHERNET: u16 = 1;
/// The secrets of TLS as an SSLKEYLOGFILE has them [4.7].
const TLS_KEY_LOG: u32 = 0x544C_534B;
/// Units of ten to the minus ninth of a second.
const NANOSECONDS: u8 = 9;

/// The file's bytes, in this machine's byte order, which the section says.
#[must_use]
pub fn pcapng(capture: &Capture<'_>) -> Vec<u8> {
    let mut file = Vec::new();
    block(&mut file, SECTION, |body| {
        // The byte-order magic, version 1.0, and a length that is not known beforehand.
        put(body, &0x1A2B_3C4D_u32.to_ne_bytes());
        put(body, &1_u16.to_ne_bytes());
        put(body, &0_u16.to_ne_bytes());
        put(body, &u64::MAX.to_ne_bytes());
        option(body, SECTION_HARDWARE, capture.hardware.as_bytes());
        option(body, SECTION_OS, capture.os.as_bytes());
        option(body, SECTION_APPLICATION, capture.application.as_bytes());
        option(body, END, &[]);
    });
    let interface = capture.interface;
    block(&mut file, INTERFACE, |body| {
        put(body, &ETHERNET.to_ne_bytes());
        put(body, &0_u16.to_ne_bytes());
        put(body, &interface.snap_length.to_ne_bytes());
        option(body, INTERFACE_NAME, interface.name.as_bytes());
        option(body, INTERFACE_DESCRIPTION, interface.description.as_bytes());
        option(body, INTERFACE_RESOLUTION, &[NANOSECONDS]);
        option(body, INTERFACE_OS, capture.os.as_bytes());
        option(body, INTERFACE_HARDWARE, interface.hardware.as_bytes());
        option(body, END, &[]);
    });
    if !capture.secrets.is_empty() {
        // Before every packet that needs them: a reader goes through the file once.
        block(&mut file, SECRETS, |body| {
            put(body, &TLS_KEY_LOG.to_ne_bytes());
            put(body, &length(capture.secrets.len()).to_ne_bytes());
            padded(body, capture.secrets.as_bytes());
        });
    }
    for packet in capture.packets {
        put_packet(&mut file, packet);
    }
    file
}

fn put_packet(file: &mut Vec<u8>, packet: &Packet<'_>) {
    block(file, PACKET, |body| {
        put(body, &0_u32.to_ne_bytes());
        // The upper half comes first, whatever the byte order.
        let [upper, lower] = [packet.at_ns >> 32, packet.at_ns & u64::from(u32::MAX)];
        for half in [upper, lower] {
            put(body, &u32::try_from(half).unwrap_or(u32::MAX).to_ne_bytes());
        }
        for _captured_and_original in 0..2 {
            put(body, &length(packet.bytes.len()).to_ne_bytes());
        }
        padded(body, packet.bytes);
        if !packet.comment.is_empty() {
            option(body, COMMENT, packet.comment.as_bytes());
        }
        let direction = if packet.outgoing { 2_u32 } else { 1 };
        option(body, PACKET_FLAGS, &direction.to_ne_bytes());
        option(body, END, &[]);
    });
}

/// A block: its type, its length at both ends, its body between.
fn block(file: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let mut inside = Vec::new();
    body(&mut inside);
    let total = length(inside.len() + 12).to_ne_bytes();
    for part in [&kind.to_ne_bytes()[..], &total, &inside, &total] {
        put(file, part);
    }
}

/// An option; text longer than its two bytes of length is cut, at a character's end.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let mut value = value;
    if value.len() > usize::from(u16::MAX) {
        value = &value[..usize::from(u16::MAX)];
        while std::str::from_utf8(value).is_err() && !value.is_empty() {
            value = &value[..value.len() - 1];
        }
    }
    put(body, &code.to_ne_bytes());
    put(body, &u16::try_from(value.len()).unwrap_or(u16::MAX).to_ne_bytes());
    padded(body, value);
}

/// Bytes, and zeroes up to a multiple of four.
fn padded(body: &mut Vec<u8>, bytes: &[u8]) {
    put(body, bytes);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn put(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend_from_slice(bytes);
}

/// What is written here is bounded far below 4 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(secrets: &str, packets: &[Packet<'_>]) -> Vec<u8> {
        let interface = Interface { name: "lo", description: "d", hardware: "h", snap_length: 9 };
        pcapng(&Capture { hardware: "hw", os: "os", application: "app", interface, secrets, packets })
    }

    /// The blocks of a file: type and body.
    fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let word = |bytes: &[u8]| u32::from_ne_bytes(bytes[..4].try_into().unwrap());
        let mut found = Vec::new();
        while !file.is_empty() {
            let total = word(&file[4..]) as usize;
            assert_eq!(total % 4, 0);
            assert_eq!(word(&file[total - 4..]) as usize, total, "the length stands at both ends");
            found.push((word(file), file[8..total - 4].to_vec()));
            file = &file[total..];
        }
        found
    }

    #[test]
    fn the_secrets_stand_before_the_packets_that_need_them() {
        let packet = Packet { at_ns: 5, outgoing: true, bytes: &[1, 2, 3], comment: "SYN" };
        let kinds = |secrets| blocks(&file(secrets, &[packet, packet])).iter().map(|it| it.0).collect::<Vec<_>>();
        assert_eq!(kinds(""), [SECTION, INTERFACE, PACKET, PACKET]);
        assert_eq!(kinds("CLIENT_RANDOM 00 00\n"), [SECTION, INTERFACE, SECRETS, PACKET, PACKET]);
    }

    #[test]
    fn a_packet_is_laid_out_as_the_draft_says() {
        let at_ns = 0x0123_4567_89AB_CDEF;
        let packet = Packet { at_ns, outgoing: false, bytes: &[1, 2, 3, 4, 5], comment: "FIN" };
        let (_, body) = blocks(&file("", &[packet])).pop().unwrap();
        let words = [0, 0x0123_4567, 0x89AB_CDEF, 5, 5].map(u32::to_ne_bytes).concat();
        let half = |value: u16| value.to_ne_bytes();
        let options = [
            [half(COMMENT), half(3)].concat(),
            b"FIN\0".to_vec(),
            [half(PACKET_FLAGS), half(4)].concat(),
            1_u32.to_ne_bytes().to_vec(),
            vec![0; 4],
        ];
        assert_eq!(body, [words, vec![1, 2, 3, 4, 5, 0, 0, 0], options.concat()].concat());
    }

    #[test]
    fn a_comment_longer_than_an_option_is_cut_between_characters() {
        let comment = "ä".repeat(40_000);
        let packet = Packet { at_ns: 0, outgoing: false, bytes: &[], comment: &comment };
        let (_, body) = blocks(&file("", &[packet])).pop().unwrap();
        let cut = u16::from_ne_bytes(body[22..24].try_into().unwrap());
        assert_eq!(cut, u16::MAX - 1);
        assert!(std::str::from_utf8(&body[24..24 + usize::from(cut)]).is_ok());
    }
}
