//! The kernel's time of a packet, on the one clock.
//!
//! The kernel stamps packets with the wall clock only (`SO_TIMESTAMPNS`), so that the distance of the two clocks is read
//! with every batch. The choice not taken: the time of the reading, which tells of the reader and not of the packet.

use rustix::time::{ClockId, clock_gettime};

use crate::units::Monotonic;

/// `struct cmsghdr` as the kernel writes it: its length, which covers the header, then level and type.
const HEADER: usize = WORD + 4 + 4;
const WORD: usize = size_of::<usize>();
/// What the kernel may write for one packet: a header and a `struct timespec`.
pub(super) const CONTROL: usize = HEADER + 2 * WORD;

/// How often the two clocks are read against each other: once would trust that nobody interrupts the reading.
const READINGS: u32 = 3;

/// How far the wall clock is ahead of the monotonic one, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Offset(i128);

impl Offset {
    /// The distance now, of several readings the one that took the shortest.
    pub(super) fn read() -> Self {
        let reading = |_| {
            let (before, wall) = (Monotonic::now(), wall());
            let width = Monotonic::now().since(before);
            (width, wall - i128::from(before.after(width / 2).as_nanos()))
        };
        let (_, offset) = (0..READINGS).map(reading).min_by_key(|(width, _)| *width).expect("READINGS is not zero");
        Self(offset)
    }

    /// The instant of the wall clock's `stamp`, which cannot lie beyond `now`; `now` itself when there is no stamp.
    pub(super) fn instant(self, stamp: Option<i128>, now: Monotonic) -> Monotonic {
        let stamped = stamp.and_then(|stamp| u64::try_from(stamp - self.0).ok());
        // A wall clock that was set between the stamp and this reading would put the packet into the future.
        stamped.map_or(now, |nanos| Monotonic::from_nanos(nanos).min(now))
    }
}

/// The wall clock's reading, in nanoseconds.
pub(super) fn wall() -> i128 {
    let wall = clock_gettime(ClockId::Realtime);
    nanos(wall.tv_sec, wall.tv_nsec)
}

fn nanos(seconds: impl Into<i128>, nanoseconds: impl Into<i128>) -> i128 {
    seconds.into() * 1_000_000_000 + nanoseconds.into()
}

/// The stamp among a packet's control messages, in nanoseconds of the wall clock.
pub(super) fn stamp(mut control: &[u8]) -> Option<i128> {
    loop {
        let (length, rest) = control.split_first_chunk()?;
        let (level, rest) = rest.split_first_chunk()?;
        let (kind, _) = rest.split_first_chunk()?;
        let length = usize::from_ne_bytes(*length);
        let data = control.get(HEADER..length)?;
        let is = (i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind));
        if is == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
            let (seconds, rest) = data.split_first_chunk()?;
            let nanoseconds = rest.first_chunk()?;
            let [seconds, nanoseconds] = [isize::from_ne_bytes(*seconds), isize::from_ne_bytes(*nanoseconds)];
            return Some(nanos(seconds as i64, nanoseconds as i64));
        }
        control = control.get(length.checked_next_multiple_of(WORD)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        let mut message = (HEADER + data.len()).to_ne_bytes().to_vec();
        message.extend([level.to_ne_bytes(), kind.to_ne_bytes()].concat());
        message.extend(data);
        message.resize(message.len().next_multiple_of(WORD), 0);
        message
    }

    fn time() -> Vec<u8> {
        let data = [3isize.to_ne_bytes(), 500isize.to_ne_bytes()].concat();
        message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &data)
    }

    #[test]
    fn the_stamp_is_found_among_control_messages() {
        let other = message(libc::SOL_PACKET, 8, &[1, 2, 3]);
        let rows = [
            ("alone", time(), Some(3_000_000_500)),
            ("behind another", [other.clone(), time()].concat(), Some(3_000_000_500)),
            ("absent", other, None),
            ("nothing at all", Vec::new(), None),
            ("cut off", time()[..CONTROL - 1].to_vec(), None),
            ("without data", message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &[]), None),
            ("a length of nothing", vec![0; CONTROL], None),
        ];
        for (name, control, expected) in rows {
            assert_eq!(stamp(&control), expected, "{name}");
        }
        assert_eq!(time().len(), CONTROL);
    }

    #[test]
    fn an_instant_is_the_stamp_less_the_offset_and_never_later_than_now() {
        let now = Monotonic::from_nanos(900);
        let rows = [(Some(1_500), 500), (Some(1_950), 900), (Some(10), 900), (None, 900)];
        for (stamp, expected) in rows {
            assert_eq!(Offset(1_000).instant(stamp, now), Monotonic::from_nanos(expected), "{stamp:?}");
        }
    }

    proptest! {
        #[test]
        fn control_bytes_never_panic(control in prop::collection::vec(any::<u8>(), 0..80)) {
            stamp(&control);
        }
    }
}
