//! The ring of packets that the kernel fills and this process reads: `PACKET_RX_RING`, with frames of `TPACKET_V2`.
//!
//! A frame is there at once, with the kernel's time in it, for no system call; what arrives unread is bounded by the ring
//! and by no `net.core.rmem_max`. The choices not taken: `recvmsg`, at a call a packet; and `TPACKET_V3`, which packs frames
//! closer and hands them over in blocks, late by a timer: a reader that wants the last FIN would have to wait for it.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};

use libc::{TP_STATUS_KERNEL, TP_STATUS_USER, tpacket_req, tpacket2_hdr};
use socket2::Socket;

use super::filter::SNAP;
use super::frames::SNAP_LENGTH;

/// What the kernel writes before a packet, at the most: its own header, and room that aligns the packet's.
const KERNELS: usize = 96;

/// A frame for headers alone, as a ledger's filter lets them through.
pub(super) const HEADERS: usize = 256;
const _: () = assert!(KERNELS + SNAP <= HEADERS, "no packet is cut off");

/// A frame for a whole packet, of up to [`SNAP_LENGTH`] bytes.
pub(super) const WHOLE: usize = 128 * 1024;
const _: () = assert!(KERNELS + SNAP_LENGTH as usize <= WHOLE && WHOLE <= BLOCK, "no packet is cut off");

/// `linux/if_packet.h`: frames as [`tpacket2_hdr`] begins them.
const TPACKET_V2: libc::c_int = 1;

/// The kernel allocates the ring in such pieces; frames lie in them without a gap.
const BLOCK: usize = 256 * 1024;

/// A ring that is mapped here; unmapped when it is dropped.
#[derive(Debug)]
pub(super) struct Ring {
    start: NonNull<u8>,
    /// The size of one.
    frame: usize,
    frames: usize,
    next: usize,
}

#[expect(unsafe_code, reason = "a pointer is not sent by itself")]
// SAFETY: the mapping belongs to the process, and only the `Ring` that owns it reads it.
unsafe impl Send for Ring {}

impl Ring {
    /// Gives `socket`, which must not be bound yet, a ring of `size` bytes: whole pages, and whole blocks beyond one. A
    /// `frame` is a power of two, so that frames lie without a gap.
    pub(super) fn open(socket: &Socket, frame: usize, size: usize) -> io::Result<Self> {
        set(socket, libc::PACKET_VERSION, &TPACKET_V2)?;
        let (block, frames) = (BLOCK.min(size), size / frame);
        let number = |n: usize| u32::try_from(n).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
        let request = tpacket_req {
            tp_block_size: number(block)?,
            tp_block_nr: number(size / block)?,
            tp_frame_size: number(frame)?,
            tp_frame_nr: number(frames)?,
        };
        set(socket, libc::PACKET_RX_RING, &request)?;
        Ok(Self { start: map(socket, size)?, frame, frames, next: 0 })
    }

    /// Gives what has arrived, in order: the wall clock's stamp in nanoseconds, and the packet from its first header on (of a
    /// `SOCK_DGRAM` socket that of the network).
    /// Never more than the ring holds, so that a flood cannot keep the reader.
    #[expect(unsafe_code, reason = "frames are the kernel's memory")]
    pub(super) fn read(&mut self, each: &mut dyn FnMut(i128, &[u8])) {
        for _ in 0..self.frames {
            // SAFETY: `next` is below `frames`, so that the frame lies within the mapping.
            let frame = unsafe { self.start.add(self.next * self.frame) };
            // SAFETY: a frame begins with its status, aligned to a power of two; the kernel, too, changes it as a whole only.
            let status = unsafe { AtomicU32::from_ptr(frame.cast().as_ptr()) };
            if status.load(Ordering::Acquire) & TP_STATUS_USER == 0 {
                return;
            }
            // SAFETY: the status says that the kernel has written the header and leaves the frame to us.
            let header: tpacket2_hdr = unsafe { ptr::read(frame.cast().as_ptr()) };
            let (at, length) = (usize::from(header.tp_mac), header.tp_snaplen as usize);
            let length = length.min(self.frame.saturating_sub(at));
            let stamp = i128::from(header.tp_sec) * 1_000_000_000 + i128::from(header.tp_nsec);
            // SAFETY: offset and length lie within the frame, which is ours until the status is given back.
            each(stamp, unsafe { std::slice::from_raw_parts(frame.add(at.min(self.frame)).as_ptr(), length) });
            status.store(TP_STATUS_KERNEL, Ordering::Release);
            self.next = (self.next + 1) % self.frames;
        }
    }
}

impl Drop for Ring {
    #[expect(unsafe_code, reason = "munmap is unsafe")]
    fn drop(&mut self) {
        // SAFETY: the mapping is this ring's own, of that size, and nothing borrows from it beyond `read`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.frames * self.frame) };
    }
}

#[expect(unsafe_code, reason = "no crate here sets the options of packet sockets")]
fn set<T>(socket: &Socket, option: libc::c_int, value: &T) -> io::Result<()> {
    let (value, length) = (ptr::from_ref(value).cast(), size_of::<T>() as libc::socklen_t);
    // SAFETY: the pointer and the length are those of `value`, which is borrowed for the call.
    let set = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, length) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[expect(unsafe_code, reason = "mmap is unsafe")]
fn map(socket: &Socket, size: usize) -> io::Result<NonNull<u8>> {
    let (protection, descriptor) = (libc::PROT_READ | libc::PROT_WRITE, socket.as_raw_fd());
    // SAFETY: the kernel picks the place, and no memory of ours is replaced.
    let start = unsafe { libc::mmap(ptr::null_mut(), size, protection, libc::MAP_SHARED, descriptor, 0) };
    if start == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(start.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}
