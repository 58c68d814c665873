//! What a screen can do: its width, and whether it shows what is typed.

use std::{
    io::{self, IsTerminal},
    sync::{Mutex, PoisonError},
};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// Columns of a screen that does not say.
const COLUMNS_DEFAULT: usize = 80;

/// How the terminal of standard input was before it was told to hide what is typed.
static SHOWN: Mutex<Option<Termios>> = Mutex::new(None);

/// Returns whether standard output is a screen.
pub(crate) fn stdout_is_screen() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the screen that standard output is; asked each time, for windows change.
pub(crate) fn columns() -> usize {
    let size = termios::tcgetwinsize(io::stdout());
    size.ok().map(|size| usize::from(size.ws_col)).filter(|n| *n > 0).unwrap_or(COLUMNS_DEFAULT)
}

/// While it lives the terminal keeps what is typed and shows none of it: it is shown when it is read. Ctrl-C still
/// interrupts, and no longer throws away what was typed before it.
pub(crate) struct HiddenTyping(());

impl HiddenTyping {
    /// Hides what a person types at a terminal; elsewhere there is nothing to hide.
    pub(crate) fn begin() -> Option<Self> {
        let before = termios::tcgetattr(io::stdin()).ok()?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO);
        hidden.local_modes.insert(LocalModes::NOFLSH);
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &hidden).ok()?;
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
        Some(Self(()))
    }
}

impl Drop for HiddenTyping {
    fn drop(&mut self) {
        show_typing();
    }
}

/// Ends what [`HiddenTyping`] began, also where nothing is dropped because the program ends.
pub(super) fn show_typing() {
    if let Some(before) = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &before);
    }
}
