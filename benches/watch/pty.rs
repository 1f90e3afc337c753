//! A program on a terminal of its own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use closewait::units::Monotonic;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A program on a terminal; ended when dropped.
pub(crate) struct Screen {
    child: Child,
    keys: File,
    output: Receiver<(Monotonic, Vec<u8>)>,
    seen: Vec<u8>,
}

impl Screen {
    pub(crate) fn start(mut command: Command, columns: u16, lines: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&ours).and_then(|()| unlockpt(&ours)).expect("the terminal is ours");
        let name = ptsname(&ours, Vec::new()).expect("its name");
        let theirs =
            File::options().read(true).write(true).open(name.to_str().expect("a path")).expect("its other end");
        let theirs: OwnedFd = theirs.into();
        tcsetwinsize(&theirs, Winsize { ws_row: lines, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let end = || Stdio::from(theirs.try_clone().expect("a descriptor"));
        command.stdin(end()).stdout(end()).stderr(end()).env("TERM", "xterm");
        let child = command.spawn().expect("it starts");
        let mut reader = File::from(ours);
        let keys = reader.try_clone().expect("a descriptor");
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if sender.send((Monotonic::now(), buffer[..length].to_vec())).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, output, seen: Vec::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a text is written, and tells when it was.
    pub(crate) fn wait_for(&mut self, text: &str) -> Monotonic {
        loop {
            let (at, bytes) = self.output.recv_timeout(Duration::from_secs(60)).expect("it writes");
            self.seen.extend(bytes);
            if self.seen.windows(text.len()).any(|part| part == text.as_bytes()) {
                self.seen.clear();
                return at;
            }
        }
    }

    /// From a key to what it changes: help comes, help goes.
    pub(crate) fn delay(&mut self, nth: usize) -> Duration {
        // At all phases of a look.
        std::thread::sleep(Duration::from_millis(37 * (nth as u64 % 29) + 50));
        let delay = self.delay_of("?", "any key goes back");
        self.keys.write_all(b"?").expect("a key");
        delay
    }

    /// From these keys to this text.
    pub(crate) fn delay_of(&mut self, keys: &str, text: &str) -> Duration {
        std::thread::sleep(Duration::from_millis(200));
        while self.output.try_recv().is_ok() {}
        self.seen.clear();
        let pressed = Monotonic::now();
        self.keys.write_all(keys.as_bytes()).expect("a key");
        self.wait_for(text).since(pressed)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.keys.write_all(b"q");
        let _ = self.child.wait();
    }
}
