//! The threads: one looks, one waits for keys, one for signals; this one draws whatever has come, and waits for nothing
//! else. A look of 100,000 sockets takes longer than a key may wait.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread;

use signal_hook::consts::{SIGCONT, SIGINT, SIGTERM, SIGWINCH};
use signal_hook::iterator::Signals;

use super::keys::{Effect, Key};
use super::look::{Looker, process_cpu};
use super::model::Model;
use super::pace::rest;
use super::scope::Scope;
use super::terminal::{Terminal, next_key};
use super::theme::Theme;
use super::ui::Ui;
use super::view::draw;
use crate::sample::{Entry, Error};

/// What may wait to be drawn; who has more to say waits.
const QUEUE: usize = 64;

/// How it ended.
#[derive(Debug)]
pub enum End {
    /// Somebody pressed `q`.
    Quit,
    /// This signal came, and is to be raised again.
    Signal(i32),
    /// The kernel's table cannot be read any more.
    Failed(Error),
    /// A thread has panicked, and said so.
    Panicked,
}

enum Message {
    Key(Key),
    Looked(Arc<Model>),
    Told(String),
    Signal(i32),
    Failed(Error),
    Panicked,
}

/// Watches until it is told to end. `write` keeps a model in a file, and returns what is to be said of it.
///
/// # Errors
/// When the terminal is none, or goes.
pub fn live(
    looker: Box<dyn Looker>,
    begin: Model,
    scope: &Scope,
    theme: Theme,
    write: impl Fn(&Model) -> String + Clone + Send + 'static,
) -> io::Result<End> {
    // Before the terminal is taken: from then on each has somebody who gives it back.
    let signals = Signals::new([SIGINT, SIGTERM, SIGCONT, SIGWINCH])?;
    let mut terminal = Terminal::enter()?;
    let begin = Arc::new(begin);
    let mut ui = Ui::new(Arc::clone(&begin));
    ui.tell("looking ...");
    let (sender, messages) = sync_channel(QUEUE);
    let (stuck, to_destroy) = channel();
    start("keys", &sender, keys)?;
    start("signals", &sender, |sender| hear(signals, sender))?;
    start("look", &sender, move |sender| look(looker, begin, &to_destroy, sender))?;
    loop {
        terminal.draw(|frame| draw(frame, &mut ui, scope, theme))?;
        let Ok(mut message) = messages.recv() else { return Ok(End::Panicked) };
        // Everything that has come meanwhile is one frame.
        loop {
            match message {
                Message::Key(key) => match ui.key(key) {
                    Effect::None => {}
                    Effect::Quit => return Ok(End::Quit),
                    Effect::Redraw => terminal.redraw()?,
                    Effect::Destroy(sockets) => drop(stuck.send(sockets)),
                    Effect::Snapshot => {
                        ui.tell("writing ...");
                        let (model, write) = (Arc::clone(ui.model()), write.clone());
                        start("write", &sender, move |sender| drop(sender.send(Message::Told(write(&model)))))?;
                    }
                },
                Message::Looked(model) => {
                    if ui.model().looks == 0 {
                        ui.note = None;
                    }
                    ui.looked(model);
                }
                Message::Told(text) => ui.tell(text),
                // Another size, or stopped until now: only a frame is due.
                Message::Signal(SIGWINCH | SIGCONT) => {}
                Message::Signal(number) => return Ok(End::Signal(number)),
                Message::Failed(error) => return Ok(End::Failed(error)),
                Message::Panicked => return Ok(End::Panicked),
            }
            match messages.try_recv() {
                Ok(next) => message = next,
                Err(_) => break,
            }
        }
    }
}

/// Starts a thread that sends messages, the last of them if it panics.
fn start(
    name: &str,
    sender: &SyncSender<Message>,
    body: impl FnOnce(&SyncSender<Message>) + Send + 'static,
) -> io::Result<()> {
    struct Alarm(SyncSender<Message>);
    impl Drop for Alarm {
        fn drop(&mut self) {
            if thread::panicking() {
                let _ = self.0.send(Message::Panicked);
            }
        }
    }
    let alarm = Alarm(sender.clone());
    thread::Builder::new().name(format!("closewait-{name}")).spawn(move || body(&alarm.0)).map(drop)
}

fn keys(sender: &SyncSender<Message>) {
    loop {
        let message = match next_key() {
            Ok(Some(key)) => Message::Key(key),
            Ok(None) => continue,
            // The terminal has gone: nobody can quit any more.
            Err(_) => Message::Signal(SIGTERM),
        };
        let last = matches!(message, Message::Signal(_));
        if sender.send(message).is_err() || last {
            return;
        }
    }
}

fn hear(mut signals: Signals, sender: &SyncSender<Message>) {
    for number in signals.forever() {
        if sender.send(Message::Signal(number)).is_err() {
            return;
        }
    }
}

fn look(
    mut looker: Box<dyn Looker>,
    mut model: Arc<Model>,
    to_destroy: &Receiver<Vec<Entry>>,
    sender: &SyncSender<Message>,
) {
    let mut spent = process_cpu();
    loop {
        match looker.look(&model) {
            Ok(next) => model = Arc::new(next),
            Err(Error::Torn) => {}
            Err(error) => return drop(sender.send(Message::Failed(error))),
        }
        if sender.send(Message::Looked(Arc::clone(&model))).is_err() {
            return;
        }
        let now = process_cpu();
        match to_destroy.recv_timeout(rest(now.saturating_sub(spent))) {
            Ok(sockets) => {
                let said = destroy(looker.as_mut(), &sockets);
                if sender.send(Message::Told(said)).is_err() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        spent = now;
    }
}

/// Destroys each, and says what came of it.
fn destroy(looker: &mut dyn Looker, sockets: &[Entry]) -> String {
    let (mut done, mut gone, mut refused) = (0, 0, None);
    for socket in sockets {
        match looker.destroy(socket) {
            Ok(()) => done += 1,
            Err(Error::Refused(error)) if error.kind() == io::ErrorKind::NotFound => gone += 1,
            Err(error) => {
                refused = Some(why(&error));
                break;
            }
        }
    }
    let gone = if gone > 0 { format!(", {gone} had gone already") } else { String::new() };
    let refused = refused.map_or(String::new(), |why| format!("; REFUSED: {why}"));
    format!("{done} of {} destroyed{gone}{refused}", sockets.len())
}

/// Why a socket cannot be destroyed, and what would help.
fn why(error: &Error) -> String {
    let Error::Refused(source) = error else { return error.to_string() };
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "it needs root (CAP_NET_ADMIN): start it with sudo, or end the process that holds them".to_owned()
        }
        io::ErrorKind::Unsupported => {
            "this kernel was built without CONFIG_INET_DIAG_DESTROY: end the process that holds them".to_owned()
        }
        _ => source.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testbed::{entry, leaking};
    use super::*;
    use crate::record::TcpState;

    struct Refuses(Vec<i32>);

    impl Looker for Refuses {
        fn look(&mut self, _: &Model) -> Result<Model, Error> {
            Ok(leaking())
        }

        fn destroy(&mut self, _: &Entry) -> Result<(), Error> {
            match self.0.pop() {
                None | Some(0) => Ok(()),
                Some(errno) => Err(Error::Refused(io::Error::from_raw_os_error(errno))),
            }
        }
    }

    #[test]
    fn what_came_of_it_is_said() {
        let three = [1, 2, 3].map(|cookie| entry(cookie, "10.0.0.1:40000", "10.0.0.9:1433", TcpState::CloseWait));
        let said = |errnos: &[i32]| destroy(&mut Refuses(errnos.iter().rev().copied().collect()), &three);
        assert_eq!(said(&[]), "3 of 3 destroyed");
        assert_eq!(said(&[0, 2, 0]), "2 of 3 destroyed, 1 had gone already");
        let refused = said(&[1, 1, 1]);
        assert!(refused.starts_with("0 of 3 destroyed; REFUSED: ") && refused.contains("CAP_NET_ADMIN"), "{refused}");
        assert!(said(&[95]).contains("CONFIG_INET_DIAG_DESTROY"));
        assert!(said(&[5]).contains("os error 5"));
    }
}
