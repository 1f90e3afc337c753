//! The terminal: full screen and back, whatever happens.
//!
//! Keys come one by one and unseen, but the terminal still turns Ctrl-C and Ctrl-Z into signals, as for every other
//! program. A panic of any thread gives the screen back before it speaks. The choice not taken: raw mode, in which a
//! program that hangs can be ended from another terminal only.

use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write as _};
use std::sync::{Mutex, Once, PoisonError};

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, queue};
use ratatui::Frame;
use ratatui::backend::CrosstermBackend;
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios};
use rustix::termios::{tcflush, tcgetattr, tcsetattr};

use super::keys::Key;

/// How the terminal was before; none while it is as it was.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
static HOOK: Once = Once::new();

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
    /// When stdin or stdout is none.
    pub fn enter() -> io::Result<Self> {
        HOOK.call_once(|| {
            let earlier = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                earlier(panic);
            }));
        });
        take()?;
        let screen = ratatui::Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(1 << 16, io::stdout())));
        match screen {
            Ok(screen) => Ok(Self { screen }),
            Err(error) => {
                restore();
                Err(error)
            }
        }
    }

    /// Draws one frame: what has changed since the last one alone, and as one whole where the terminal can do that.
    ///
    /// # Errors
    /// When the terminal has gone.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Screen<'_>)) -> io::Result<()> {
        queue!(self.screen.backend_mut(), BeginSynchronizedUpdate)?;
        self.screen.draw(draw)?;
        execute!(self.screen.backend_mut(), EndSynchronizedUpdate)
    }

    /// Gives the terminal back, stops this process until somebody continues it, and takes the terminal again.
    ///
    /// # Errors
    /// When the terminal has gone meanwhile.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        // The handler of this signal only told of it; the signal's own way stops the process.
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        take()?;
        self.redraw()
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
        restore();
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

/// Makes the terminal what it was; does nothing when it is. Whoever ends the process another way calls it before.
pub fn restore() {
    let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    // It may have gone: then there is nothing to restore.
    let _ = execute!(io::stdout(), EndSynchronizedUpdate, LeaveAlternateScreen, cursor::Show);
    let _ = io::stdout().flush();
    // What was typed for this program is not for the shell.
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
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
