//! `closewait watch` as its users meet it: one look in a script, a full screen on a terminal that is theirs afterwards.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use closewait::sample::{Entry, Error};
use closewait::units::{Monotonic, PortRange};
use closewait::watch::{Looker, Model, Scope, Terminal, Theme, live};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::harness::{closewait, free_port, program, skipped};
use crate::kill::{kill, wait_until};

/// What leads out of the full screen, and brings the cursor back.
const LEAVES: [&str; 2] = ["\x1b[?1049l", "\x1b[?25h"];
/// Set in the copy of this test program that panics in a terminal.
const PANIC: &str = "CLOSEWAIT_TEST_PANIC";

/// A terminal of 80 columns and 24 lines with a program in it.
struct Screen {
    child: Child,
    keys: File,
    terminal: OwnedFd,
    /// Everything that was written to it.
    written: Arc<Mutex<String>>,
}

impl Screen {
    fn start(mut command: Command) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let terminal: OwnedFd = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap().into();
        tcsetwinsize(&terminal, Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let theirs = || Stdio::from(terminal.try_clone().unwrap());
        let child = command.stdin(theirs()).stdout(theirs()).stderr(theirs()).env("TERM", "xterm").spawn().unwrap();
        let mut output = File::from(ours);
        let keys = output.try_clone().unwrap();
        let written = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&written);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        Self { child, keys, terminal, written }
    }

    fn watch(arguments: &[&str]) -> Self {
        let mut command = Command::new(program());
        command.arg("watch").args(arguments).current_dir(std::env::temp_dir());
        Self::start(command)
    }

    fn written(&self) -> String {
        self.written.lock().unwrap().clone()
    }

    #[track_caller]
    fn shows(&self, text: &str) {
        wait_until(&format!("shows {text:?}"), || self.written().contains(text));
    }

    /// As `shows`, of a text of which a part may have stood there before: only changes are written, and Ctrl-L all anew.
    #[track_caller]
    fn shows_anew(&mut self, text: &str) {
        wait_until(&format!("shows {text:?}"), || {
            self.keys.write_all(b"\x0c").unwrap();
            std::thread::sleep(Duration::from_millis(50));
            self.written.lock().unwrap().contains(text)
        });
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether keys are seen and come as lines, as a shell wants them.
    fn is_a_shells(&self) -> bool {
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// The screen was given back, and what follows is text on the old one.
    #[track_caller]
    fn is_restored(&self) {
        wait_until("the screen is left", || LEAVES.iter().all(|leave| self.written().contains(leave)));
        assert!(self.is_a_shells());
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn without_a_terminal_it_says_what_else_there_is() {
    closewait(&["watch"]).done().exits(2).complains(&["terminal", "hint:", "--once", "--json -"]);
    closewait(&["watch", "1433"]).done().exits(2).complains(&["hint:", ":1433"]);
    closewait(&["watch", "--once", "no such host:1"]).done().exits(2).complains(&["hint:"]);
    closewait(&["watch", "--once", "--pid", "4194305"]).done().exits(2).complains(&["find the process", "hint:"]);
    closewait(&["watch", ":1", "--pid", "1"]).done().exits(2);
    closewait(&["watch", "--json", "no/such/place.json"]).done().exits(2).complains(&["mkdir -p"]);
}

/// Connections of this process to `port`: `established` open, `leaked` in CLOSE_WAIT.
fn connections(port: u16, established: usize, leaked: usize) -> (u16, Vec<TcpStream>) {
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    for at in 0..established + leaked {
        held.push(TcpStream::connect(address).unwrap());
        let (server, _) = listener.accept().unwrap();
        if at < established {
            held.push(server);
        }
    }
    (address.port(), held)
}

#[test]
fn one_look_is_what_there_is() {
    let (port, held) = connections(free_port(), 3, 5);
    let (place, pid) = (format!("127.0.0.1:{port}"), std::process::id());
    for arguments in [[format!(":{port}"), "--json".into(), "-".into()], [place, "--json".into(), "-".into()]] {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let arguments = [&["watch"][..], &arguments].concat();
        let mut document = closewait(&arguments).done().exits(0).json();
        // A FIN may still be on its way.
        for _ in 0..100 {
            if document["states"]["close_wait"] == 5 {
                break;
            }
            document = closewait(&arguments).done().exits(0).json();
        }
        assert_eq!((&document["states"]["close_wait"], &document["states"]["established"]), (&5.into(), &6.into()));
        let own = document["processes"].as_array().unwrap().iter().find(|it| it["pid"] == pid).unwrap();
        assert_eq!(own["sockets"]["states"], serde_json::json!({ "close_wait": 5, "established": 6 }));
        let to =
            document["destinations"].as_array().unwrap().iter().find(|it| it["remote"] == format!("127.0.0.1:{port}"));
        assert_eq!(to.unwrap()["used"], 8);
        let schema = jsonschema::validator_for(&closewait::watch::schema()).unwrap();
        schema.validate(&document).unwrap();
    }
    let text = closewait(&["watch", &format!(":{port}"), "--once"]).done().exits(0).stdout();
    assert!(text.contains("CLOSE_WAIT") && text.contains(&format!("{pid} ")), "{text}");
    let own = closewait(&["watch", "--pid", &pid.to_string(), "--json", "-"]).done().exits(0).json();
    assert!(own["sockets"].as_array().unwrap().iter().all(|it| it["pid"] == pid));
    assert!(own["states"]["close_wait"].as_u64() >= Some(5));
    drop(held);
}

#[test]
fn a_key_ends_it_and_the_terminal_is_the_shells_again() {
    let (port, held) = connections(free_port(), 0, 7);
    let mut screen = Screen::watch(&[&format!(":{port}")]);
    screen.shows("CLOSE_WAIT");
    assert!(!screen.is_a_shells());
    screen.press("?");
    screen.shows("any key goes back");
    screen.press("j");
    tcsetwinsize(&screen.terminal, Winsize { ws_row: 50, ws_col: 160, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    kill(screen.child.id(), "-WINCH");
    // Only a large screen has this column.
    screen.shows("unsent");
    screen.press("q");
    assert_eq!(screen.child.wait().unwrap().code(), Some(0));
    screen.is_restored();
    drop(held);
}

#[test]
fn a_signal_ends_it_is_raised_again_and_the_terminal_is_the_shells_again() {
    for (signal, number) in [("-TERM", 15), ("-INT", 2)] {
        let mut screen = Screen::watch(&[]);
        screen.shows("CLOSE_WAIT");
        kill(screen.child.id(), signal);
        assert_eq!(screen.child.wait().unwrap().signal(), Some(number));
        screen.is_restored();
    }
}

#[test]
fn it_stops_with_the_terminal_given_back_and_goes_on_with_its_own() {
    let stopped = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") T ");
    let mut screen = Screen::watch(&[]);
    screen.shows("CLOSE_WAIT");
    kill(screen.child.id(), "-TSTP");
    wait_until("stopped", || stopped(screen.child.id()));
    screen.is_restored();
    screen.written.lock().unwrap().clear();
    kill(screen.child.id(), "-CONT");
    // Everything is drawn anew.
    screen.shows("CLOSE_WAIT");
    assert!(!screen.is_a_shells());
    screen.press("q");
    assert_eq!(screen.child.wait().unwrap().code(), Some(0));
    screen.is_restored();
}

/// The same of a run, which waits for no signal itself: it left the shell without a cursor, on the run's own screen.
#[test]
fn a_run_on_the_screen_stops_with_the_terminal_given_back_too() {
    let stopped = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") T ");
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.args(["run", "--watch", "--close", "orderly", "--rate", "60/s", "--attempts", "300"]);
    command.current_dir(dir.path());
    let mut screen = Screen::start(command);
    screen.shows("login_rejected");
    assert!(!screen.is_a_shells());
    kill(screen.child.id(), "-TSTP");
    wait_until("stopped", || stopped(screen.child.id()));
    screen.is_restored();
    screen.written.lock().unwrap().clear();
    kill(screen.child.id(), "-CONT");
    // Everything is drawn anew, on the screen that is the run's again.
    for text in ["\x1b[?1049h", "closewait run", "login_rejected", "Ctrl-C ends the run"] {
        screen.shows(text);
    }
    assert!(!screen.is_a_shells());
    assert_eq!(screen.child.wait().unwrap().code(), Some(0));
    screen.is_restored();
}

#[test]
fn the_end_of_the_watched_process_is_said() {
    let mut watched = Command::new("sleep").arg("60").spawn().unwrap();
    let mut screen = Screen::watch(&["--pid", &watched.id().to_string()]);
    screen.shows("0 sockets");
    assert!(!screen.written().contains("HAS ENDED"));
    watched.kill().unwrap();
    // Before anybody has waited for it: a zombie has ended.
    screen.shows_anew("THE PROCESS HAS ENDED");
    watched.wait().unwrap();
    screen.press("q");
    assert_eq!(screen.child.wait().unwrap().code(), Some(0));
}

#[test]
fn it_counts_the_ports_that_doctor_counts() {
    // In the range, and hence no connection's.
    let (port, held) = connections(0, 1, 0);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    wait_until("both look while nobody else begins or ends to listen", || {
        let doctor = closewait(&["doctor", "--json", "-"]).done().json();
        let watch = closewait(&["watch", &format!(":{port}"), "--json", "-"]).done().exits(0).json();
        assert!(watch["usable_ports"].as_u64() < watch["ephemeral_ports"]["count"].as_u64());
        assert_eq!(watch["destinations"][0]["available"], watch["usable_ports"]);
        doctor["ports"]["usable"] == watch["usable_ports"]
    });
    drop((listener, held));
}

#[test]
fn a_stuck_socket_is_destroyed_after_a_yes_and_a_snapshot_is_written() {
    let (port, mut held) = connections(free_port(), 0, 1);
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.args(["watch", &format!(":{port}")]).current_dir(dir.path());
    let mut screen = Screen::start(command);
    screen.shows("127.0.0.1:");
    screen.press("w");
    // What was there already is not drawn again: the file's name is new.
    screen.shows_anew("closewait-watch-");
    let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap().unwrap().path();
    let document: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert_eq!(document["states"]["close_wait"], 1);
    // CLOSE_WAIT alone: on a busy machine the other end may have been in its state for longer, and then stands first.
    screen.press("c");
    screen.press("x");
    screen.shows_anew("Destroy the socket under the cursor: CLOSE_WAIT");
    // Whole, on 80 columns: what it does, and what to press.
    screen.shows_anew("ECONNABORTED");
    screen.shows_anew("y/N");
    screen.press("n");
    screen.shows_anew("nothing was destroyed");
    screen.press("x");
    screen.press("y");
    wait_until("an answer", || {
        screen.press("\x0c");
        std::thread::sleep(Duration::from_millis(50));
        ["1 of 1", "REFUSED"].iter().any(|it| screen.written().contains(it))
    });
    if screen.written().contains("REFUSED") {
        let written = screen.written();
        assert!(written.contains("CAP_NET_ADMIN") || written.contains("CONFIG_INET_DIAG_DESTROY"));
        return skipped("a_stuck_socket_is_destroyed_after_a_yes", "SOCK_DESTROY is refused here");
    }
    // The owner's next call fails.
    let error = held[0].write_all(b"x").and_then(|()| held[0].read(&mut [0]).map(drop)).unwrap_err();
    assert!(!matches!(error.kind(), std::io::ErrorKind::WouldBlock), "{error}");
}

struct Panics(bool);

impl Looker for Panics {
    fn look(&mut self, before: &Model) -> Result<Model, Error> {
        assert!(self.0, "a panic of the test's own");
        self.0 = false;
        Ok(before.clone())
    }

    fn destroy(&mut self, _: &Entry) -> Result<(), Error> {
        Ok(())
    }
}

/// Only in the terminal of the test below.
#[test]
fn panics_in_a_terminal() {
    match std::env::var(PANIC).as_deref() {
        Ok("drawing") => {
            let _terminal = Terminal::enter().unwrap();
            panic!("a panic of the test's own");
        }
        Ok("looking") => {
            let begin = Model::empty(PortRange::LINUX_DEFAULT);
            let end = live(Box::new(Panics(true)), begin, &Scope::All, Theme::new(false), |_| String::new());
            println!("ended: {end:?}");
        }
        _ => {}
    }
}

#[test]
fn after_a_panic_of_any_thread_the_terminal_is_the_shells_again() {
    for (what, then) in [("drawing", "FAILED"), ("looking", "ended: Ok(Panicked)")] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "watch::panics_in_a_terminal", "--nocapture"]).env(PANIC, what);
        let mut screen = Screen::start(command);
        screen.child.wait().unwrap();
        screen.is_restored();
        screen.shows(then);
        let written = screen.written();
        let (left, said) = (written.find(LEAVES[0]).unwrap(), written.find("a panic of the test's own").unwrap());
        assert!(left < said, "it speaks on the screen that stays:\n{written}");
    }
}

/// From a key to what it changes on the screen, while everything else goes on.
#[test]
fn a_key_shows_at_once() {
    let mut screen = Screen::watch(&[]);
    screen.shows("sockets");
    std::thread::sleep(Duration::from_millis(300));
    let start = Monotonic::now();
    screen.press("?");
    screen.shows("any key goes back");
    // It looks every 20 ms; the bench measures closely, this only tells it from a look's period.
    assert!(Monotonic::now().since(start) < Duration::from_millis(500));
    screen.press("qq");
}
