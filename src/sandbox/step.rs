//! The steps in which the maker can fail: one byte on the wire, a sentence for a person.

/// Declares the steps, their wire bytes (by position) and their texts, which complete "failed to ...".
macro_rules! steps {
    ($($(#[$meta:meta])* $variant:ident = $text:literal,)+) => {
        /// What the maker of the namespaces was doing when a kernel said no.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Step { $($(#[$meta])* $variant,)+ }

        impl Step {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What was tried; completes "failed to ...".
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
    };
}

steps! {
    /// `prctl(PR_SET_PDEATHSIG)`.
    DieWithParent = "tie the namespaces' maker to this process",
    /// `unshare(CLONE_NEWUSER)`.
    UserNamespace = "create a user namespace",
    /// Writing `setgroups`, `uid_map`, `gid_map`.
    IdMap = "map this user into the user namespace",
    /// `unshare(CLONE_NEWNET)`.
    NetworkNamespace = "create a network namespace",
    /// Opening `/proc/self/ns/...`.
    OpenNamespace = "open a namespace that was just made",
    /// An rtnetlink socket.
    Netlink = "open a netlink socket in a network namespace",
    /// Setting `lo` up.
    Loopback = "bring a loopback interface up",
    /// Creating the veth pair.
    Veth = "join two network namespaces by a veth pair",
    /// Adding an address.
    Address = "give a veth interface its address",
    /// Setting a veth end up.
    LinkUp = "bring a veth interface up",
    /// Waiting until both ends run.
    Carrier = "see both ends of the veth pair running",
    /// Writing `/proc/sys/net/ipv4/...`.
    WriteSetting = "write a namespace's TCP settings",
    /// Reading them back.
    ReadSetting = "read a namespace's TCP settings",
}

impl Step {
    pub(super) const fn byte(self) -> u8 {
        self as u8
    }

    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_name_the_step_that_they_came_from() {
        for step in Step::ALL {
            assert_eq!(Step::from_byte(step.byte()), Some(*step));
        }
        assert_eq!(Step::from_byte(u8::try_from(Step::ALL.len()).unwrap()), None);
    }
}
