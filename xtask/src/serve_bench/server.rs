//! Servers that are measured: started, asked, ended.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::client;
use crate::command::{output, root};

/// Longest time from the start to ready.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest time from SIGTERM to the end.
const STOP_TIMEOUT: Duration = Duration::from_mins(1);
/// Unit of the kernel's CPU times: `USER_HZ`, 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// A server that runs until this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Address of the server, `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// Command line of the server, for the receipt.
    pub(crate) command: String,
    /// Key that `/metrics` asks for.
    pub(crate) operator: Option<String>,
}

/// Settings of the peer's server.
#[derive(Clone, Copy)]
pub(crate) struct PeerSettings {
    pub(crate) threads: usize,
    pub(crate) slots: usize,
    /// Number of tokens of context of each slot.
    pub(crate) context: usize,
}

impl Server {
    /// Starts `trinity serve MODEL` on a free port.
    pub(crate) fn trinity(program: &Path, model: &Path, threads: usize, options: &[&str]) -> Result<Self, String> {
        Self::trinity_at(program, model, threads, options, None)
    }

    /// Starts `trinity serve MODEL` on a free port, at the instruction set level that it calls `isa`.
    pub(crate) fn trinity_at(
        program: &Path,
        model: &Path,
        threads: usize,
        options: &[&str],
        isa: Option<&str>,
    ) -> Result<Self, String> {
        let port = free_port()?;
        let mut command = Command::new(program);
        command.arg("serve").arg(model).args([
            "--port",
            &port.to_string(),
            "--threads",
            &threads.to_string(),
            "--any-model-name",
        ]);
        command.args(options);
        if let Some(isa) = isa {
            command.env("TRINITY_ISA", isa);
        }
        Self::start(command, port)
    }

    /// Ends the server as a service manager does, and waits; an error if it does not end well.
    pub(crate) fn terminate(mut self) -> Result<(), String> {
        output(Command::new("kill").arg(self.child.id().to_string()))?;
        let start = Instant::now();
        while start.elapsed() < STOP_TIMEOUT {
            match self.child.try_wait().map_err(|e| e.to_string())? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("{}: ended with {status}", self.command)),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Err(format!("{}: still there {} s after SIGTERM", self.command, STOP_TIMEOUT.as_secs()))
    }

    /// Starts llama.cpp's server, by the Python that `PEER_PYTHON` names.
    pub(crate) fn llama_cpp(model: &Path, settings: PeerSettings) -> Result<Self, String> {
        let port = free_port()?;
        let mut command = peer()?;
        command.arg(model);
        command.args([port as usize, settings.threads, settings.slots, settings.context].map(|n| n.to_string()));
        Self::start(command, port)
    }

    fn start(mut command: Command, port: u16) -> Result<Self, String> {
        let line = format!("{command:?}");
        let log = root().join("target/serve-bench.log");
        let log = fs::File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = child.spawn().map_err(|e| format!("{line}: {e}"))?;
        let mut server = Self { child, address: format!("127.0.0.1:{port}"), command: line, operator: None };
        let start = Instant::now();
        loop {
            if matches!(client::get(&server.address, "/health"), Ok((200, _))) {
                return Ok(server);
            }
            if let Some(status) = server.child.try_wait().map_err(|e| e.to_string())? {
                return Err(format!("{}: {status}, see target/serve-bench.log", server.command));
            }
            if start.elapsed() > START_TIMEOUT {
                return Err(format!("{}: not ready after {} s", server.command, START_TIMEOUT.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the samples of `/metrics` by name, those of all labels added up.
    pub(crate) fn metrics(&self) -> Result<BTreeMap<String, f64>, String> {
        let caller = client::Caller { address: &self.address, key: self.operator.as_deref() };
        let (status, text) = caller.get("/metrics")?;
        if status != 200 {
            return Err(format!("GET /metrics: {status}"));
        }
        Ok(samples(&text))
    }

    /// Returns one sample of `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> Result<f64, String> {
        self.metrics()?.get(name).copied().ok_or_else(|| format!("/metrics has no {name}"))
    }

    /// Returns the CPU time used so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64, String> {
        cpu_seconds(&self.child.id().to_string())
    }

    /// Returns the memory that is resident, in bytes.
    pub(crate) fn resident_bytes(&self) -> Result<u64, String> {
        let path = format!("/proc/{}/status", self.child.id());
        let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        let kilobytes = line.trim().trim_end_matches(" kB").parse::<u64>().map_err(|e| format!("{path}: {e}"))?;
        Ok(kilobytes << 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It runs until killed; that it is gone already is no harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns what the peer says of its build.
pub(crate) fn peer_build() -> Result<String, String> {
    let text = output(peer()?.arg("--info"))?;
    Ok(text.lines().last().unwrap_or_default().to_owned())
}

fn peer() -> Result<Command, String> {
    let python = std::env::var_os("PEER_PYTHON").ok_or("PEER_PYTHON is not set (a Python that has xllamacpp)")?;
    let mut command = Command::new(python);
    command.arg(root().join("benches/peers/llama_cpp_server.py"));
    Ok(command)
}

/// Returns the CPU seconds of a process (`self` for this one).
pub(crate) fn cpu_seconds(process: &str) -> Result<f64, String> {
    let path = format!("/proc/{process}/stat");
    let text = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
    // The name, in parentheses, may hold spaces; user and system time are fields 14 and 15.
    let after = text.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| format!("no free port: {e}"))?;
    Ok(listener.local_addr().map_err(|e| e.to_string())?.port())
}

fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let name = series.split('{').next().unwrap_or(series);
        if let Ok(value) = value.parse::<f64>() {
            *samples.entry(name.to_owned()).or_insert(0.0) += value;
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_all_labels_are_added() {
        let text = "# TYPE a counter\na{model=\"x y\"} 1\na{model=\"z\"} 2.5\nb 4\n";
        let samples = samples(text);
        assert_eq!(samples.get("a"), Some(&3.5));
        assert_eq!(samples.get("b"), Some(&4.0));
    }

    #[test]
    fn our_own_time_grows() {
        assert!(cpu_seconds("self").expect("a number") >= 0.0);
    }
}
