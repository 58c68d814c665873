"""Measures Trinity's package and wllama in headless Chromium, in turns, on one file; prints a line of JSON.

Arguments: the folder of the package, that of wllama, a model, the native program, the number of rounds, how many aborts. Every measurement
has a browser process of its own; the profiles stay, so that each finds its model where it has stored it."""

import gzip
import http.server
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "web/driver"))

import chromium  # noqa: E402
from chromium import Chromium  # noqa: E402

# On a busy machine the peer's prompt takes minutes.
chromium.TIMEOUT_S = 1200

CONTEXT = 1024
CONTEXT_LONG = 2304
PREFILL_WORDS = 250
PREFILL_TOKENS = 256
LONG_WORDS = 1900
DECODE_TOKENS = 32
SAMPLE_S = 0.1
TYPES = {".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html", ".map": "application/json"}
WORDS = "river stone light market winter garden paper engine silver window bridge letter forest summer kitchen music".split()


def text(seed, n_words):
    chosen = random.Random(seed)
    return " ".join(chosen.choice(WORDS) for _ in range(n_words))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files = {}
    model = None
    asked = set()

    def do_GET(self):
        path = self.path.split("?")[0].lstrip("/")
        self.asked.add(path)
        file = self.model if path == "model.gguf" else self.files.get(path)
        if path.endswith(".html"):
            script = path.removesuffix(".html") + ".js"
            body = f'<!doctype html><meta charset="utf-8"><body><script type="module" src="{script}"></script>'.encode()
        elif file:
            body = file.read_bytes()
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", TYPES.get(pathlib.PurePath(path).suffix, "application/octet-stream"))
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        for name, value in [("Opener-Policy", "same-origin"), ("Embedder-Policy", "require-corp"), ("Resource-Policy", "same-origin")]:
            self.send_header(f"Cross-Origin-{name}", value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


class Renderer:
    """The process that computes: its processor time, and the most memory that it had."""

    def __init__(self, browser):
        self.browser = browser
        self.peak = 0
        self.is_over = False
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def pids(self):
        children = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        found, rest = [], [self.browser.process.pid]
        while rest:
            pid = rest.pop()
            rest += children.get(pid, [])
            try:
                if b"--type=renderer" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    found.append(pid)
            except OSError:
                pass
        return found

    def pss(self, pid):
        try:
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
        except (OSError, ValueError):
            pass
        return 0

    def watch(self):
        while not self.is_over:
            self.peak = max([self.peak, *map(self.pss, self.pids())])
            time.sleep(SAMPLE_S)

    def seconds(self):
        """Processor seconds of all renderers; the others are idle."""
        total = 0
        for pid in self.pids():
            try:
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return total / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.is_over = True
        self.thread.join()


class Session:
    """A browser on the page of one engine, whose profile is kept."""

    def __init__(self, who, url, profile):
        self.browser = Chromium(profile=profile)
        self.page = self.browser.page(in_first_profile=True)
        self.page.go(f"{url}{who}.html")
        self.page.wait("document.body?.dataset.ready === 'true'")
        self.renderer = Renderer(self.browser)

    def timed(self, expression):
        """What the expression gives, seconds on the wall, and processor seconds."""
        processor, start = self.renderer.seconds(), time.monotonic()
        value = self.page.run(expression)
        return value, time.monotonic() - start, self.renderer.seconds() - processor

    def close(self):
        self.renderer.stop()
        self.browser.close()


def call(name, *arguments):
    return f"window.bench.{name}({', '.join(map(json.dumps, arguments))})"


def measured(who, url, profile, seed):
    """One cold start and what follows it."""
    session = Session(who, url, profile)
    try:
        about, load_s, load_cpu = session.timed(call("load", "model.gguf", CONTEXT))
        first, first_s, first_cpu = session.timed(call("complete", "Once upon a time", 1))
        prefill, prefill_s, prefill_cpu = session.timed(call("complete", text(seed, PREFILL_WORDS), 1))
        # A token of its own begins each prompt: no part of another's keys is of use.
        decode, _, decode_cpu = session.timed(call("complete", text(seed + 1, 8), DECODE_TOKENS))
    finally:
        session.close()
    times = decode["times"]
    n = decode["tokens"]
    return {
        "about": about,
        "text": decode["text"],
        "prompt tokens": prefill["prompt"],
        "rows": {
            "stored model to first token, s": load_s + first_s,
            "stored model to first token, processor s": load_cpu + first_cpu,
            "prefill, tokens/s": prefill["prompt"] / (prefill["times"][0] / 1000),
            "prefill, tokens per processor s": prefill["prompt"] / max(prefill_cpu, 0.01),
            "decode, tokens/s": (len(times) - 1) / ((times[-1] - times[0]) / 1000),
            "decode, tokens per processor s": n / max(decode_cpu, 0.01),
            "peak memory beyond the file, MB": (session.renderer.peak - Handler.model.stat().st_size) / 1e6,
        },
    }


def aborts(url, profile, n):
    """Milliseconds that aborts took, in the midst of a long prompt."""
    session = Session("ours", url, profile)
    chosen = random.Random(5)
    try:
        session.page.run(call("load", "model.gguf", CONTEXT_LONG))
        took = []
        for i in range(n):
            end = session.page.run(call("abort", text(1000 + i, LONG_WORDS), chosen.randrange(20, 1000)))
            if end["finishReason"] == "aborted":
                took.append(end["ms"])
    finally:
        session.close()
    return sorted(took)


def native(program):
    """Speeds of the program itself on one thread, without the instructions that few machines have."""
    command = [program, "bench", Handler.model, "--threads", "1", "-p", str(PREFILL_TOKENS), "-n", str(DECODE_TOKENS), "-r", "1", "--json"]
    done = subprocess.run(list(map(str, command)), env={**os.environ, "TRINITY_ISA": "avx2"}, capture_output=True, text=True, check=True)
    speeds = {row["test"]: row["tokens_per_second"] for row in json.loads(done.stdout)}
    rows = {"prefill, tokens/s": speeds[f"pp{PREFILL_TOKENS}"], "decode, tokens/s": speeds[f"tg{DECODE_TOKENS}"]}
    return {"who": "native, AVX2", "rows": rows}


def compressed(*files):
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


def main():
    dist, peer, model, program = map(pathlib.Path, sys.argv[1:5])
    rounds, n_aborts = map(int, sys.argv[5:7])
    Handler.model = model
    ours = [file for file in dist.iterdir() if file.suffix in (".js", ".wasm")]
    Handler.files = {file.name: file for file in ours}
    Handler.files.update({name: HERE / name for name in ("ours.js", "wllama.js")})
    theirs = {"index.min.js": peer / "esm/index.min.js", "wllama.wasm": peer / "esm/wasm/wllama.wasm"}
    Handler.files.update({f"wllama/{name}": file for name, file in theirs.items()})
    http_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http_server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{http_server.server_address[1]}/"
    profiles = {who: tempfile.mkdtemp(prefix=f"bench-{who}-") for who in ("ours", "wllama")}
    result = {"rounds": []}
    try:
        for who, profile in profiles.items():
            # The first visit, which stores the model.
            session = Session(who, url, profile)
            session.page.run(call("load", "model.gguf", CONTEXT))
            result["browser"] = session.browser.send("Browser.getVersion")["product"]
            session.close()
        for i in range(rounds):
            for who, name in [("ours", "trinity"), ("wllama", "wllama")][:: 1 if i % 2 == 0 else -1]:
                print(f"round {i + 1} of {rounds}: {name}", file=sys.stderr)
                result["rounds"].append({"who": name, **measured(who, url, profiles[who], 10 * i)})
            result["rounds"].append(native(program))
        result["aborts, ms"] = aborts(url, profiles["ours"], n_aborts)
        result["bytes before the weights, gzip"] = {
            # One of two modules, and no scripts of the finished page.
            "trinity": compressed(*[file for file in ours if file.name in Handler.asked]),
            "wllama": compressed(*theirs.values()),
        }
    finally:
        for profile in profiles.values():
            shutil.rmtree(profile, ignore_errors=True)
    print(json.dumps(result))


main()
