//! A program that talks to a person: its standard streams are a pseudo-terminal.

use std::{
    fs::File,
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus},
    sync::mpsc,
    time::Instant,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

use crate::server_process::PATIENCE;

/// A running program and the keyboard and screen before it; killed when dropped.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: mpsc::Receiver<Vec<u8>>,
    /// All that was shown.
    pub(crate) shown: String,
}

/// Both ends of a new pseudo-terminal: the window's, and a program's.
pub(crate) fn open() -> (File, File) {
    // Not for other programs: as long as one has it the terminal is not gone.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = PathBuf::from(ptsname(&master, Vec::new()).unwrap().into_string().unwrap());
    let flags = i32::try_from(OpenptFlags::NOCTTY.bits()).unwrap();
    let terminal = File::options().read(true).write(true).custom_flags(flags).open(path).unwrap();
    (File::from(master), terminal)
}

impl Terminal {
    pub(crate) fn start(mut command: Command) -> Self {
        command.env("TERM", "xterm");
        Self::start_as_is(command)
    }

    /// With the environment that the command has.
    pub(crate) fn start_as_is(command: Command) -> Self {
        Self::start_sized(command, 80)
    }

    /// Starts `command` in a terminal of so many columns.
    pub(crate) fn start_sized(mut command: Command, columns: u16) -> Self {
        let (keyboard, terminal) = open();
        tcsetwinsize(&terminal, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let end = || terminal.try_clone().unwrap();
        let child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        // These ends of the terminal must close with the program.
        drop((command, terminal));
        let mut screen = keyboard.try_clone().unwrap();
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails when the program has closed its end.
            while let Ok(n @ 1..) = screen.read(&mut buffer) {
                if send.send(buffer[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen: receive, shown: String::new() }
    }

    /// Types, all at once.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Waits until `text` is shown.
    pub(crate) fn wait_for(&mut self, text: &str) {
        self.wait_for_behind(0, text);
    }

    /// Waits until `text` is shown behind the first `from` bytes that were shown.
    pub(crate) fn wait_for_behind(&mut self, from: usize, text: &str) {
        self.wait_until(text, |shown| shown.get(from..).is_some_and(|shown| shown.contains(text)));
    }

    /// Waits until `text` was shown so many times.
    pub(crate) fn wait_for_times(&mut self, text: &str, times: usize) {
        self.wait_until(text, |shown| shown.matches(text).count() >= times);
    }

    /// Waits until what was shown is as wanted.
    pub(crate) fn wait_until(&mut self, what: &str, is_as_wanted: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_as_wanted(&self.shown) {
            let left = end.saturating_duration_since(Instant::now());
            let more = self.screen.recv_timeout(left).unwrap_or_else(|_| panic!("no {what:?} in {:?}", self.shown));
            self.shown += &String::from_utf8_lossy(&more);
        }
    }

    /// The window's end: what holds there holds for the program.
    pub(crate) fn keyboard(&self) -> &File {
        &self.keyboard
    }

    /// What Ctrl-C does where the program owns its terminal, which is another's here.
    pub(crate) fn interrupt(&self) {
        let killed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Waits for the end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while let Ok(more) = self.screen.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.shown += &String::from_utf8_lossy(&more);
        }
        self.child.wait().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
