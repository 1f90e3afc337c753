"""A packet capture of one port on loopback, by nothing but the standard library: who ended each connection first, and when.

`Ledger` is pure: times and bytes in, conversations out. `Capture` is its edge, a packet socket of the kernel (root). The
choice not taken: tcpdump or tshark, which a machine may lack and whose text would have to be read.
"""

import ctypes
import socket
import struct
import threading
from dataclasses import dataclass, field

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
IP, PACKET_OUTGOING = 0x0800, 4
SO_TIMESTAMPNS, SO_ATTACH_FILTER, SOL_PACKET, PACKET_STATISTICS = 35, 26, 263, 6


@dataclass
class Conversation:
    """One connection, by its client's port; times are seconds of the capture's clock."""

    port: int
    opened: float
    answered: bool = False
    # When the server last said something, and each side's first FIN or RST: what and when.
    said: float | None = None
    server: tuple | None = None
    client: tuple | None = None
    # Whether the server reset it, at once or behind its FIN: as its kernel does when something still comes.
    reset: bool = False

    @property
    def first(self):
        """Who ended it first."""
        ends = [(end[1], side + " " + end[0]) for side, end in (("client", self.client), ("server", self.server)) if end]
        return min(ends)[1] if ends else "nobody"

    @property
    def silent(self):
        """Whether packets cannot tell when the client let go: none is sent for a socket that nobody answered or that was reset."""
        return not self.answered or self.client is None and self.reset

    def open_for(self, now):
        """How long the client had it, as far as packets can tell."""
        return (self.client[1] if self.client else now) - self.opened

    def held(self, now):
        """From the server's end to the client's; nothing where the server did not end it first."""
        if not self.server:
            return None
        return max(0.0, (self.client[1] if self.client else now) - self.server[1])

    def document(self, now):
        since = {"server": self.server, "client": self.client}
        ends = {side: "%s at %.2f s" % (end[0], end[1] - self.opened) if end else "never" for side, end in since.items()}
        held = self.held(now)
        return {
            "port": self.port, "first": self.first, **ends, "open": round(self.open_for(now), 2),
            "held": None if held is None else round(held, 2), "silent": self.silent,
            "said": None if self.said is None else round(self.said - self.opened, 2),
        }


@dataclass
class Ledger:
    """The conversations with a server's port, from packets of IPv4."""

    port: int
    conversations: list = field(default_factory=list)
    latest: dict = field(default_factory=dict)

    def take(self, at, packet):
        behind = 4 * (packet[0] & 15)
        source, target = struct.unpack_from("!HH", packet, behind)
        offset, flags = struct.unpack_from("!BB", packet, behind + 12)
        payload = struct.unpack_from("!H", packet, 2)[0] - behind - 4 * (offset >> 4)
        by_server = source == self.port
        one = self.latest.get(target if by_server else source)
        if not by_server and flags & SYN and (one is None or one.client or one.server):
            one = self.latest[source] = Conversation(source, at)
            self.conversations.append(one)
        elif one is not None:
            self.go_on(one, at, by_server, flags, payload)

    def chain(self, now):
        """For how long the last connections have followed each other without a second between them."""
        first = now
        for one in reversed(self.conversations):
            if first - (one.opened + one.open_for(now)) > 1:
                break
            first = min(first, one.opened)
        return now - first

    @staticmethod
    def go_on(one, at, by_server, flags, payload):
        end = "RST" if flags & RST else "FIN" if flags & FIN else None
        if by_server:
            one.answered |= bool(flags & SYN)
            one.said = at if payload > 0 else one.said
            one.server = one.server or (end and (end, at))
            one.reset |= end == "RST" and one.client is None
        else:
            one.client = one.client or (end and (end, at))


def filter_of(port):
    """Classic BPF over an IPv4 packet: TCP from or to the port, its headers alone."""
    lines = (
        (0x30, 0, 0, 9), (0x15, 0, 6, socket.IPPROTO_TCP), (0xB1, 0, 0, 0), (0x48, 0, 0, 0), (0x15, 2, 0, port),
        (0x48, 0, 0, 2), (0x15, 0, 1, port), (0x06, 0, 0, 128), (0x06, 0, 0, 0),
    )
    return b"".join(struct.pack("=HBBI", *line) for line in lines), len(lines)


class Capture:
    """Of a port on `lo`, from `with` to the end of its block."""

    def __init__(self, port):
        self.ledger, self.over, self.lost = Ledger(port), threading.Event(), 0
        # Of no protocol yet: nothing comes before the filter is there.
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
        program, lines = filter_of(port)
        self.program = ctypes.create_string_buffer(program)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", lines, ctypes.addressof(self.program)))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.settimeout(0.2)
        self.socket.bind(("lo", IP))
        self.thread = threading.Thread(target=self.read, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        self.lost = struct.unpack("=II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))[1]
        self.socket.close()

    def read(self):
        while not self.over.is_set():
            try:
                packet, notes, _, address = self.socket.recvmsg(128, socket.CMSG_SPACE(16))
            except TimeoutError:
                continue
            # Each packet of `lo` comes by twice, on its way out and on its way in.
            if address[2] != PACKET_OUTGOING:
                seconds, nanoseconds = struct.unpack("=qq", notes[0][2])
                self.ledger.take(seconds + nanoseconds / 1e9, packet)
