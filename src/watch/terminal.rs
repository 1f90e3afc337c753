//! The terminal: full screen and back, whatever happens.
//!
//! Keys come one by one and unseen, but the terminal still turns Ctrl-C and Ctrl-Z into signals, as for every other
//! program. A panic of any thread gives the screen back before it speaks. Ctrl-Z is heard here, by a thread of its own, for
//! whatever is on the screen: a run is no loop that waits for signals. The choice not taken: raw mode, in which a
//! program that hangs can be ended from another terminal only.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue};
use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios};
use rustix::termios::{tcflush, tcgetattr, tcsetattr};
use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;

use super::keys::Key;

/// How the terminal was before; none while it is as it was.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
static HOOK: Once = Once::new();
/// Held while a frame is drawn, and from Ctrl-Z until the terminal is taken again.
static DRAWS: Mutex<()> = Mutex::new(());
/// The terminal was the shell's meanwhile: nothing of the last frame is on it.
static STALE: AtomicBool = AtomicBool::new(false);
/// Whether a thread hears Ctrl-Z. It does so to the end: a signal's own way does not come back with a handler's end.
static HEARS: Mutex<bool> = Mutex::new(false);

/// What a terminal draws on.
pub type Screen<'a> = Frame<'a>;

/// The terminal as this program's screen; as it was before once dropped.
pub struct Terminal {
    screen: ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Terminal {
    /// Whether both stdin and stdout are terminals.
    #[must_use]
    pub fn is_there() -> bool {
        io::stdin().is_terminal() && io::stdout().is_terminal()
    }

    /// Takes the terminal.
    ///
    /// # Errors
    /// When stdin or stdout is none, or no thread can hear Ctrl-Z.
    pub fn enter() -> io::Result<Self> {
        HOOK.call_once(|| {
            let earlier = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                let _ = restore();
                earlier(panic);
            }));
        });
        hear_stops()?;
        take()?;
        let screen = ratatui::Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout())));
        match screen {
            Ok(screen) => Ok(Self { screen }),
            Err(error) => {
                let _ = restore();
                Err(error)
            }
        }
    }

    /// Draws one frame: what has changed since the last one alone, and as one whole where the terminal can do that.
    ///
    /// # Errors
    /// When the terminal has gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Screen<'_>)) -> io::Result<()> {
        let _draws = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
        if STALE.swap(false, Ordering::Relaxed) {
            self.redraw()?;
        }
        queue!(self.screen.backend_mut(), BeginSynchronizedUpdate)?;
        self.screen.draw(draw)?;
        execute!(self.screen.backend_mut(), EndSynchronizedUpdate)
    }

    /// Draws everything anew with the next frame.
    ///
    /// # Errors
    /// When the terminal has gone.
    pub fn redraw(&mut self) -> io::Result<()> {
        // Not `clear`, which asks the terminal for the cursor's place and waits for an answer that the keys' thread gets.
        let area = self.screen.size()?.into();
        self.screen.resize(area)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Not between Ctrl-Z and `fg`, after which it would be taken again with nobody to give it back.
        let _draws = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
        restore();
    }
}

fn hear_stops() -> io::Result<()> {
    let mut hears = HEARS.lock().unwrap_or_else(PoisonError::into_inner);
    if !*hears {
        let mut signals = Signals::new([SIGTSTP])?;
        thread::Builder::new()
            .name("closewait-stop".to_owned())
            .spawn(move || signals.forever().for_each(|_| suspend()))?;
        *hears = true;
    }
    Ok(())
}

/// Gives the terminal back, stops this process until somebody continues it, and takes the terminal again.
fn suspend() {
    let _draws = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
    let was_ours = restore();
    // The handler of this signal only told of it; the signal's own way stops the process, all its threads.
    let _ = signal_hook::low_level::emulate_default_handler(SIGTSTP);
    // Where the terminal has gone meanwhile, the next frame finds out.
    if was_ours && take().is_ok() {
        STALE.store(true, Ordering::Relaxed);
    }
}

fn take() -> io::Result<()> {
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut ours = before.clone();
    ours.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
    ours.special_codes[SpecialCodeIndex::VMIN] = 1;
    ours.special_codes[SpecialCodeIndex::VTIME] = 0;
    BEFORE.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(before);
    tcsetattr(&stdin, OptionalActions::Now, &ours)?;
    execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)
}

/// Makes the terminal what it was, and tells whether it was not. Whoever ends the process another way calls it before.
pub fn restore() -> bool {
    let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() else { return false };
    // It may have gone: then there is nothing to restore.
    let _ = execute!(io::stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, cursor::Show);
    let _ = io::stdout().flush();
    // What was typed for this program is not for the shell.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
    true
}

/// The next key; none for what is no key here: a mouse, another size.
pub(super) fn next_key() -> io::Result<Option<Key>> {
    let Event::Key(event) = crossterm::event::read()? else { return Ok(None) };
    if event.kind == KeyEventKind::Release {
        return Ok(None);
    }
    Ok(Some(match event.code {
        KeyCode::Char('l') if event.modifiers.contains(KeyModifiers::CONTROL) => Key::Redraw,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace | KeyCode::Delete => Key::Backspace,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return Ok(None),
    }))
}
