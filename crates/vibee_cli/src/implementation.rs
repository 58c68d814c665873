//! A process that implements a specification: started by a shell, asked in lines, killed with all that it started.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Once,
        atomic::{AtomicI32, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};
use vibee::{limits::RUNNER_LINE_BYTES_MAX, protocol::Complaint};

/// Lines that may wait to be read: an implementation that says more than it is asked waits, and costs no memory.
const LINES_WAITING_MAX: usize = 16;
/// Time that it has to end by itself after `bye`.
const FAREWELL: Duration = Duration::from_millis(500);

/// The code of a complaint about an answer that does not come.
pub(crate) const SILENCE: &str = "E0604";

/// What came from standard output.
enum Said {
    Line(String),
    TooLong(String),
    NotText(String),
}

/// The process group of the implementation that runs; 0 where none does.
static RUNNING: AtomicI32 = AtomicI32::new(0);
/// The exit code of a command that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Kills a process group.
fn kill_group(group: i32) {
    if let Some(group) = Pid::from_raw(group).filter(|_| group > 0) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

/// Has Ctrl-C, and a wish to terminate, end the implementation too: it is not in this program's process group.
#[expect(clippy::exit, reason = "the signal ends the program; nothing is half written")]
fn end_with_us() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = ctrlc::set_handler(|| {
            kill_group(RUNNING.load(Ordering::SeqCst));
            std::process::exit(INTERRUPTED);
        });
    });
}

/// A running implementation. Its standard error is ours.
pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<Said>,
}

impl Process {
    /// Starts `command` in the shell, in a process group of its own.
    pub(crate) fn start(command: &str) -> io::Result<Self> {
        end_with_us();
        let mut child = Command::new("sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        RUNNING.store(i32::try_from(child.id()).unwrap_or(0), Ordering::SeqCst);
        let (send, lines) = sync_channel(LINES_WAITING_MAX);
        if let Some(output) = child.stdout.take() {
            thread::spawn(move || read_lines(BufReader::new(output), &send));
        }
        Ok(Self { input: child.stdin.take(), child, lines })
    }

    /// Sends a line; an error where the process runs and reads no more. Of one that has ended,
    /// [`receive`](Self::receive) gives what it said before, then how it ended: when it ended makes no difference.
    pub(crate) fn send(&mut self, line: &str) -> Result<(), Complaint> {
        let Some(input) = &mut self.input else { return Err(dead("its input is closed")) };
        let sent = input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n")).and_then(|()| input.flush());
        match sent {
            Ok(()) => Ok(()),
            Err(_) if !self.end().is_empty() => Ok(()),
            Err(e) => Err(dead(&format!("it reads no more ({e})"))),
        }
    }

    /// Waits for the next line, no longer than `patience`.
    pub(crate) fn receive(&mut self, patience: Duration) -> Result<String, Complaint> {
        match self.lines.recv_timeout(patience) {
            Ok(Said::Line(line)) => Ok(line),
            Ok(Said::TooLong(start)) => {
                Err(Complaint::about("E0606", &format!("a line of over {RUNNER_LINE_BYTES_MAX} bytes"), &start))
            }
            Ok(Said::NotText(line)) => Err(Complaint::about("E0601", "no UTF-8", &line)),
            Err(RecvTimeoutError::Timeout) => {
                Err(Complaint { code: SILENCE, message: format!("no answer within {} s", patience.as_secs_f32()) })
            }
            Err(RecvTimeoutError::Disconnected) => Err(dead(&format!("it ended{}", self.end()))),
        }
    }

    /// How it ended, if it has.
    fn end(&mut self) -> String {
        let until = Instant::now() + FAREWELL;
        while Instant::now() < until {
            match self.child.try_wait() {
                Ok(Some(status)) => return format!(", {status}"),
                Ok(None) => thread::sleep(Duration::from_millis(5)),
                Err(_) => break,
            }
        }
        String::new()
    }

    /// Says the last line and lets it end by itself; what does not end is killed.
    pub(crate) fn bye(mut self, line: &str) {
        let _ = self.send(line);
        self.input = None;
        let _ = self.end();
    }
}

impl Drop for Process {
    /// Kills it and all that it started.
    fn drop(&mut self) {
        RUNNING.store(0, Ordering::SeqCst);
        kill_group(i32::try_from(self.child.id()).unwrap_or(0));
        let _ = self.child.wait();
    }
}

fn dead(how: &str) -> Complaint {
    Complaint { code: "E0605", message: how.to_owned() }
}

/// Reads lines until the stream ends or a line is too long.
fn read_lines(mut output: impl BufRead, send: &SyncSender<Said>) {
    loop {
        let mut line = Vec::new();
        // One more than may be, so that a line of just that length is told from a longer one.
        let mut limited = output.by_ref().take(RUNNER_LINE_BYTES_MAX as u64 + 2);
        match limited.read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while line.last().is_some_and(u8::is_ascii_whitespace) {
            line.pop();
        }
        let is_too_long = line.len() > RUNNER_LINE_BYTES_MAX;
        let said = match String::from_utf8(line) {
            Ok(line) if is_too_long => Said::TooLong(line.chars().take(400).collect()),
            Ok(line) => Said::Line(line),
            Err(e) if is_too_long => Said::TooLong(String::from_utf8_lossy(&e.as_bytes()[..400]).into_owned()),
            Err(e) => Said::NotText(String::from_utf8_lossy(e.as_bytes()).into_owned()),
        };
        let is_last = matches!(said, Said::TooLong(_));
        if send.send(said).is_err() || is_last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// What is received of `command` once it reads no more.
    fn after_the_end(command: &str) -> (Result<(), String>, Result<String, String>) {
        let mut process = Process::start(command).unwrap();
        while process.send("{}").is_ok() && process.end().is_empty() {}
        let sent = process.send("{}").map_err(|e| e.message);
        let received = if sent.is_ok() { process.receive(PATIENCE).map_err(|e| e.message) } else { Ok(String::new()) };
        (sent, received)
    }

    #[test]
    fn what_ended_before_it_was_asked_is_said_as_what_ended_after() {
        assert_eq!(after_the_end("exit 3"), (Ok(()), Err("it ended, exit status: 3".to_owned())));
        assert_eq!(after_the_end("echo why; exit 3"), (Ok(()), Ok("why".to_owned())));
        let (sent, _) = after_the_end("exec 0<&-; sleep 1000");
        assert_eq!(sent, Err("it reads no more (Broken pipe (os error 32))".to_owned()));
    }
}
