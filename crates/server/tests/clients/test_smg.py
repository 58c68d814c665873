"""Two servers behind the router `smg`: found, balanced, cached prefixes kept together, one killed under load."""

import json
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from served import Existing, Served, free_port, smollm2

WAIT_SECONDS = 40


@pytest.fixture(scope="module")
def pair(logs):
    """Two servers of one model."""
    servers = [Served(models=[smollm2()], log=logs / f"worker-{i}.log") for i in range(2)]
    yield servers
    for server in servers:
        server.stop()


@contextmanager
def routed(logs, tmp_path, servers, policy, *options):
    """`smg` over the servers that a file names."""
    manifest = tmp_path / "workers.json"
    write(manifest, servers)
    port, metrics_port = free_port(), free_port()
    command = [
        sys.executable, "-m", "smg", "launch", "--host", "127.0.0.1", "--port", str(port), "--policy", policy,
        "--discovery-provider", "file", "--discovery-file", str(manifest), "--discovery-check-interval-secs", "1",
        "--load-monitor-interval", "1", "--health-check-interval-secs", "1", "--health-failure-threshold", "2",
        "--disable-tokenizer-autoload", "--prometheus-host", "127.0.0.1", "--prometheus-port", str(metrics_port), *options,
    ]  # fmt: skip
    with open(logs / "smg.log", "ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    router = Existing(f"http://127.0.0.1:{port}")
    try:
        wait_for(lambda: len(ready(router)) == len(servers), "all servers are found")
        yield SimpleNamespace(router=router, manifest=manifest)
    finally:
        # Told to stop it would wait for balancers in front of it.
        process.kill()
        process.wait(20)


def write(manifest, servers):
    # Whole or not at all: the router reads it as soon as it changes.
    part = Path(f"{manifest}.part")
    part.write_text(json.dumps({"version": 1, "workers": [{"url": server.url} for server in servers]}))
    part.rename(manifest)


def ready(router):
    try:
        status, _, body = router.get("/workers")
    except OSError:
        return []
    return [w["url"] for w in json.loads(body)["workers"] if w["status"] == "ready"] if status == 200 else []


def wait_for(condition, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not after {WAIT_SECONDS} s: {what}"
        time.sleep(0.1)


def model_of(server):
    return json.loads(server.get("/v1/models")[2])["data"][0]["id"]


def ask(router, model, text, max_tokens=4, stream=False):
    request = {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "stream": stream,
    }
    return router.post("/v1/chat/completions", request)


def served(server):
    """Requests whose generation has ended there."""
    return server.metrics()["trinity_engine_requests_total"]


def polls(server):
    """How often the router has asked for the loads."""
    text = server.get("/metrics")[2].decode()
    return sum(int(n) for n in re.findall(r'^trinity_responses_total\{route="/v1/loads",.*\} (\d+)$', text, re.MULTILINE))


def running(router, server):
    """Requests that run or wait on a server, as the router has it from its loads."""
    loads = json.loads(router.get("/get_loads")[2])["loads"]
    return sum(load["num_total_reqs"] for load in loads if load["worker"] == server.url)


def test_discovery(logs, tmp_path, pair):
    with routed(logs, tmp_path, pair[:1], "round_robin") as setup:
        assert ready(setup.router) == [pair[0].url]
        write(setup.manifest, pair)
        wait_for(lambda: len(ready(setup.router)) == 2, "the second server is found")
        write(setup.manifest, pair[1:])
        wait_for(lambda: ready(setup.router) == [pair[1].url], "the first server is forgotten")
        assert ask(setup.router, model_of(pair[1]), "hello")[0] == 200


def test_least_load(logs, tmp_path, pair):
    model = model_of(pair[0])
    with routed(logs, tmp_path, pair, "least_load") as setup:
        # What the router knows of the load is what the servers say.
        wait_for(lambda: len(json.loads(setup.router.get("/get_loads")[2])["loads"]) == 2, "both loads are polled")
        done = threading.Event()

        def keep_busy(k):
            while not done.is_set():
                # Of different lengths: they do not end together, which would look like rest.
                ask(pair[0], model, f"A long story {k}", 100 + 20 * k)

        busy = [threading.Thread(target=keep_busy, args=(k,)) for k in range(6)]
        for thread in busy:
            thread.start()
        try:
            wait_for(lambda: running(setup.router, pair[0]) >= 4, "the router knows that the first server is busy")
            before = served(pair[1])
            for i in range(4):
                # Between two polls this policy counts 1,024 tokens for each request that it sent, and running ones hardly at all; what it was told
                # decides alone after a poll. The second from here on has begun after the answer.
                n_polls = [polls(server) for server in pair]
                wait_for(lambda: all(polls(s) >= n + 2 for s, n in zip(pair, n_polls)), "loads are polled again")
                assert ask(setup.router, model, f"hello {i}")[0] == 200
            assert served(pair[1]) - before == 4, "requests go where there is less to do"
        finally:
            done.set()
            for thread in busy:
                thread.join()


def test_cache_aware(logs, tmp_path, pair):
    model = model_of(pair[0])
    prefix = "You are the keeper of a lighthouse on a small island and answer in few words. " * 10
    with routed(logs, tmp_path, pair, "cache_aware", "--cache-threshold", "0.3") as setup:
        before = [server.metrics() for server in pair]
        for i in range(8):
            assert ask(setup.router, model, f"{prefix} Question {i}")[0] == 200
        after = [server.metrics() for server in pair]
        grown = [b["trinity_engine_requests_total"] - a["trinity_engine_requests_total"] for a, b in zip(before, after)]
        cached = sum(b["trinity_cached_tokens_total"] - a["trinity_cached_tokens_total"] for a, b in zip(before, after))
        prompt = sum(b["trinity_prompt_tokens_total"] - a["trinity_prompt_tokens_total"] for a, b in zip(before, after))
        assert sorted(grown) == [0, 8], f"one server has the prefix: {grown}"
        assert cached > 0.75 * prompt, f"{cached} of {prompt} prompt tokens were cached"


def test_one_killed_under_load(logs, tmp_path, pair):
    victim = Served(models=[smollm2()], log=logs / "victim.log")
    model = model_of(victim)
    with routed(logs, tmp_path, [pair[0], victim], "least_load") as setup:
        killed, stop = threading.Event(), threading.Event()
        failures, late, early = [], [], []

        def client(k):
            i = 0
            while not stop.is_set():
                i += 1
                is_new = killed.is_set()
                status, _, body = ask(setup.router, model, f"{k} {i}", max_tokens=8, stream=i % 2 == 0)
                if not is_new:
                    early.append(status)
                elif status == 200 and (i % 2 or body.rstrip().endswith(b"data: [DONE]")):
                    late.append(status)
                else:
                    failures.append((status, body[-200:]))

        threads = [threading.Thread(target=client, args=(k,)) for k in range(6)]
        for thread in threads:
            thread.start()
        time.sleep(4)
        assert served(victim) > 0, "it had its share of the load"
        victim.kill()
        killed.set()
        time.sleep(8)
        stop.set()
        for thread in threads:
            thread.join()
        assert not failures, f"{len(failures)} new requests failed: {failures[:3]}"
        assert len(late) >= 6 and early
        wait_for(lambda: ready(setup.router) == [pair[0].url], "the dead server is out of the rotation")
