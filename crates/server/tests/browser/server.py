"""The real `trinity serve`, on a port of its own."""

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

START_TIMEOUT_S = 120
ROOT = pathlib.Path(__file__).resolve().parents[4]
PROGRAM = os.environ.get("TRINITY_BINARY", ROOT / "target/debug/trinity")
MODEL = os.environ.get("TRINITY_SMOLLM2", ROOT / "target/models/SmolLM2-135M-Instruct.Q4_1.gguf")


class Server:
    """`names`: what its models are called, each a link to the test model; `key`: the API key that it asks for; `more`: arguments
    as they are; `catalogue`: the text of its own catalogue of models to pull."""

    def __init__(self, names=("first",), key=None, more=(), catalogue=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="serve-", dir=ROOT / "target"))
        self.key = key
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self.process = None
        models = [self._model(name) for name in names]
        options = ["--host", "127.0.0.1", "--port", str(self.port)]
        if key:
            (self.folder / "keys").write_text(key + "\n")
            (self.folder / "keys").chmod(0o600)
            options += ["--api-key-file", str(self.folder / "keys")]
        self.command = [str(PROGRAM), "serve", *models, *more, *options]
        self.environment = {**os.environ, "TRINITY_HOME": str(self.folder)}
        if catalogue:
            (self.folder / "catalogue.toml").write_text(catalogue)
        self.start()

    def _model(self, name):
        path = self.folder / f"{name}.gguf"
        try:
            os.link(MODEL, path)
        except OSError:
            # Another file system.
            os.symlink(MODEL, path)
        return str(path)

    def start(self):
        """Starts it (again), and returns when it is ready."""
        self.log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=self.log, stderr=self.log)
        end = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.command}: ended with {self.process.returncode}\n{self.output()}")
            try:
                if urllib.request.urlopen(self.url + "health", timeout=5).status == 200:
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise TimeoutError(f"not ready after {START_TIMEOUT_S} s\n{self.output()}")

    def output(self):
        return (self.folder / "log").read_text(errors="replace")

    def get(self, path, accept="application/json"):
        headers = {"Accept": accept}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=30) as response:
            return json.load(response) if accept == "application/json" else response.read().decode()

    def n_active(self):
        """Requests that the engines work on or that wait for them."""
        return self.get("v1/loads")["aggregate"]["total_reqs"]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
