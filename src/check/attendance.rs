//! Until when every process and thread of the command was seen: pure, over how many were born and how many looks showed.

use crate::sandbox::Births;
use crate::units::Monotonic;

/// Who was born, and who was seen.
#[derive(Debug, Default)]
pub(super) struct Attendance {
    births: Option<Births>,
    /// The end of the look that showed the newest, and how many had been shown then.
    seen: Option<(Monotonic, u32)>,
    all_until: Option<Monotonic>,
}

impl Attendance {
    pub(super) fn born(&mut self, births: Births) {
        self.births = Some(births);
        self.compare();
    }

    pub(super) fn seen(&mut self, seen: (Monotonic, u32)) {
        self.seen = Some(seen);
        self.compare();
    }

    /// None while it is not known of any instant.
    pub(super) const fn all_seen_until(&self) -> Option<Monotonic> {
        self.all_until
    }

    /// Whoever was seen before the births were counted was among them; so where they are as many, they are the same.
    fn compare(&mut self) {
        let (Some(births), Some((newest, seen))) = (self.births, self.seen) else { return };
        if newest <= births.at && seen == births.count {
            self.all_until = Some(births.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_were_seen_while_as_many_were_seen_as_born() {
        let at = Monotonic::from_nanos;
        let mut attendance = Attendance::default();
        let born = |attendance: &mut Attendance, time, count| {
            attendance.born(Births { count, at: at(time) });
            attendance.all_seen_until()
        };
        assert_eq!(born(&mut attendance, 5, 1), None, "nobody was seen yet");
        attendance.seen((at(10), 1));
        assert_eq!(attendance.all_seen_until(), None, "the one may have been born behind the count");
        assert_eq!(born(&mut attendance, 20, 1), Some(at(20)));
        assert_eq!(born(&mut attendance, 30, 3), Some(at(20)), "two came and were not seen yet");
        attendance.seen((at(25), 3));
        assert_eq!(attendance.all_seen_until(), Some(at(30)), "the word of the look came later");
        attendance.seen((at(40), 4));
        assert_eq!(born(&mut attendance, 50, 5), Some(at(30)), "one of two was never seen");
        assert_eq!(born(&mut attendance, 60, 5), Some(at(30)));
    }
}
