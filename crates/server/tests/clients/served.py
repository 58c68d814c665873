"""`trinity serve` as a process: started on a free port, asked, ended."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
STORIES = ROOT / "models/stories260k/stories260K-f32.gguf"
START_SECONDS = 60


def program():
    """The binary under test: TRINITY_PROGRAM, else the release build."""
    path = Path(os.environ.get("TRINITY_PROGRAM", ROOT / "target/release/trinity"))
    assert path.exists(), f"{path} is missing: cargo build --release -p trinity, or TRINITY_PROGRAM names one"
    return path


def smollm2():
    """SmolLM2-135M-Instruct, where `cargo xtask models` puts it."""
    path = Path(os.environ.get("TRINITY_SMOLLM2", ROOT / "target/models/SmolLM2-135M-Instruct.Q4_1.gguf"))
    assert path.exists(), f"{path} is missing: cargo xtask models"
    return path


def npm_folder():
    """The folder with the packages of npm/package-lock.json, where `cargo xtask clients` installs them."""
    path = Path(os.environ.get("TRINITY_NPM", "none"))
    assert (path / "node_modules").exists(), f"TRINITY_NPM={path}: no node_modules; cargo xtask clients sets it"
    return path


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Served:
    """A server that runs until `stop` or `kill`."""

    def __init__(self, *options, models=None, port=None, log=None):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(log or os.devnull, "ab")
        self.process = subprocess.Popen(self.command(options, models), stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.wait_until_ready()

    def command(self, options, models):
        return [program(), "serve", *(models or [smollm2(), STORIES]), "--port", str(self.port), *map(str, options)]

    def wait_until_ready(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the server ended with {self.process.returncode}"
            try:
                if urllib.request.urlopen(f"{self.url}/health", timeout=5).status == 200:
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready after {START_SECONDS} s")

    @property
    def pid(self):
        return self.process.pid

    def stop(self, seconds=40):
        """SIGTERM, and the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        self.log.close()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def get(self, path, headers=None, timeout=30):
        """Status, headers, body of a GET."""
        return exchange(urllib.request.Request(self.url + path, headers=headers or {}), timeout)

    def post(self, path, body, headers=None, timeout=120):
        """Status, headers, body of a POST of JSON (or of bytes as they are)."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"content-type": "application/json", **(headers or {})}
        return exchange(urllib.request.Request(self.url + path, data=data, headers=headers), timeout)

    def metrics(self):
        """Samples of /metrics by name, those of all labels added up."""
        status, _, text = self.get("/metrics")
        assert status == 200, text
        # What nobody has counted yet is not printed: a model that is not loaded has no tokens.
        samples = defaultdict(float)
        for line in text.decode().splitlines():
            match = re.match(r"([a-zA-Z_:][\w:]*)(?:\{.*\})? (\S+)$", line)
            if match:
                samples[match[1]] += float(match[2])
        return samples

    def resident_bytes(self):
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) * 1024


class Existing(Served):
    """A server that somebody else runs: these tests against any address."""

    def __init__(self, url):
        self.url = url.rstrip("/")

    def stop(self, seconds=0):
        pass


def exchange(request, timeout):
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
