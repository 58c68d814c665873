//! An implementation in conversation: asked function by function, stopped where it does not keep to the protocol,
//! started once more, and given up after that.

use std::time::Duration;

use vibee::{
    protocol::{Complaint, Hello, Reply, Session},
    typed::{FunctionId, Program},
    value::Value,
};

use crate::implementation::{Process, SILENCE};

/// Times that a process is started after it was stopped.
const RESTARTS_MAX: usize = 1;

/// An implementation under test.
pub(crate) struct Implementation<'p> {
    command: String,
    session: Session<'p>,
    process: Option<Process>,
    /// What it said of itself when it was first started.
    pub(crate) hello: Hello,
    n_restarts: usize,
    patience: Patience,
}

/// How long an implementation is waited for.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// Until it has started and greeted.
    pub(crate) start: Duration,
    /// For the answer to a call.
    pub(crate) call: Duration,
}

impl<'p> Implementation<'p> {
    /// Starts `command` in the shell and greets it.
    pub(crate) fn start(command: &str, program: &'p Program, patience: Patience) -> Result<Self, Complaint> {
        let mut implementation = Self {
            command: command.to_owned(),
            session: Session::new(program),
            process: None,
            hello: Hello::default(),
            n_restarts: 0,
            patience,
        };
        implementation.hello = implementation.greet()?;
        Ok(implementation)
    }

    fn greet(&mut self) -> Result<Hello, Complaint> {
        let process = Process::start(&self.command)
            .map_err(|e| Complaint { code: "E0605", message: format!("{}: {e}", self.command) })?;
        let process = self.process.insert(process);
        let (id, line) = self.session.hello();
        process.send(&line)?;
        let answer = process
            .receive(self.patience.start)
            .map_err(|complaint| late(complaint, "to the greeting", "--start-timeout"))?;
        self.session.read_hello(id, &answer)
    }

    /// Calls a function. What breaks the conversation stops the process; the next call starts it again, once.
    pub(crate) fn call(&mut self, function: FunctionId, args: &[Value]) -> Result<Reply, Complaint> {
        if self.process.is_none() {
            if self.n_restarts == RESTARTS_MAX {
                return Err(Complaint { code: "E0605", message: "not asked: it was stopped twice".to_owned() });
            }
            self.n_restarts += 1;
            if let Err(complaint) = self.greet() {
                self.process = None;
                return Err(complaint);
            }
        }
        let reply = self.ask(function, args);
        // A value of a wrong type, or a line that is no JSON, leaves the conversation as it was.
        if reply.as_ref().is_err_and(|complaint| !matches!(complaint.code, "E0601" | "E0603")) {
            self.process = None;
        }
        reply
    }

    fn ask(&mut self, function: FunctionId, args: &[Value]) -> Result<Reply, Complaint> {
        let Some(process) = &mut self.process else {
            return Err(Complaint { code: "E0605", message: "it does not run".to_owned() });
        };
        let (id, line) = self.session.call(function, args)?;
        process.send(&line)?;
        let answer =
            process.receive(self.patience.call).map_err(|complaint| late(complaint, "to the call", "--timeout"))?;
        self.session.read_reply(id, function, &answer)
    }

    /// Why the function is known not to be right yet, if it is.
    pub(crate) fn pending(&self, function: FunctionId) -> Option<&str> {
        let name = self.session.full_name(function);
        self.hello.pending.iter().find(|(of, _)| *of == name).map(|(_, why)| why.as_str())
    }

    /// Says goodbye, and lets it end.
    pub(crate) fn bye(mut self) {
        if let Some(process) = self.process.take() {
            let line = self.session.bye();
            process.bye(&line);
        }
    }
}

/// Says of silence what was waited for, and what allows more.
fn late(complaint: Complaint, to_what: &str, option: &str) -> Complaint {
    if complaint.code != SILENCE {
        return complaint;
    }
    Complaint { message: format!("{} {to_what} ({option} SECONDS allows more)", complaint.message), ..complaint }
}
