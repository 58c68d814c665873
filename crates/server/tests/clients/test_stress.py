"""Crowds, quitters, garbage, slow readers: afterwards nothing is active, every page is free or can be evicted, memory is what it was."""

import http.client
import json
import random
import socket
import threading
import time

import pytest

from served import STORIES, Served

PARALLEL = 500
DISCONNECTS = 200
# What a second run of the same load may add to resident memory: pages of threads and allocator, not something kept for each request.
GROWTH_BYTES_MAX = 24 << 20
SETTLE_SECONDS = 20
# What is looked at when all is over. A name that is not there would read as nothing leaked.
WATCHED = {
    f"trinity_{name}"
    for name in (
        "requests_active", "requests_running", "requests_waiting", "streams_open", "panics_total",
        "kv_pages", "kv_pages_free", "kv_pages_used", "kv_pages_cached",
    )
}  # fmt: skip


@pytest.fixture(scope="module")
def crowd(logs):
    """A small model: what is tried here is the server."""
    server = Served(models=[STORIES], log=logs / "crowd.log")
    # Loaded, so that what is measured from here on is not the model.
    model = json.loads(server.get("/v1/models")[2])["data"][0]["id"]
    assert server.post("/v1/completions", body(model, 4, stream=False))[0] == 200
    yield server
    assert server.metrics()["trinity_panics_total"] == 0
    assert server.stop() == 0


@pytest.fixture
def model(crowd):
    return json.loads(crowd.get("/v1/models")[2])["data"][0]["id"]


def body(model, max_tokens, **more):
    request = {"model": model, "prompt": "Once upon a time", "max_tokens": max_tokens, "ignore_eos": True, "stream": True}
    return json.dumps({**request, **more}).encode()


def connect(server, data, path="/v1/completions", receive_buffer=None):
    """A socket on which a request was sent."""
    link = socket.socket()
    if receive_buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    link.settimeout(120)
    link.connect(("127.0.0.1", server.port))
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
    link.sendall(head.encode() + data)
    return link


def answer(link):
    reply = http.client.HTTPResponse(link)
    reply.begin()
    return reply


def each(n, work):
    """`work(i)` on a thread each, all at once; what they return."""
    results, gate = [None] * n, threading.Barrier(n)

    def run(i):
        gate.wait()
        try:
            results[i] = work(i)
        except Exception as failure:  # told by the assertion that reads it
            results[i] = failure

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def assert_at_rest(server):
    """Waits until nobody is served, then looks at everything that could have leaked."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        metrics = server.metrics()
        assert metrics.keys() >= WATCHED, f"/metrics lacks {WATCHED - metrics.keys()}"
        busy = {
            "active": metrics["trinity_requests_active"],
            "running": metrics["trinity_requests_running"],
            "waiting": metrics["trinity_requests_waiting"],
            "streams": metrics["trinity_streams_open"],
            "pages used": metrics["trinity_kv_pages_used"],
        }
        if not any(busy.values()):
            break
        assert time.monotonic() < deadline, f"still busy: {busy}"
        time.sleep(0.1)
    total, free, cached = (metrics[f"trinity_kv_pages{kind}"] for kind in ("", "_free", "_cached"))
    assert free + cached == total > 0, f"{free} free + {cached} cached of {total} pages"
    assert metrics["trinity_panics_total"] == 0


def parallel_streams(server, model):
    def stream(i):
        with connect(server, body(model, 16, seed=i)) as link:
            reply = answer(link)
            text = reply.read().decode()
            if reply.status == 200:
                assert text.rstrip().endswith("data: [DONE]"), text[-200:]
                return 200
            assert reply.status in (429, 503), (reply.status, text)
            assert int(reply.headers["retry-after"]) >= 1
            return reply.status

    return each(PARALLEL, stream)


def test_500_parallel_streams(crowd, model):
    statuses = parallel_streams(crowd, model)
    assert set(map(str, statuses)) <= {"200", "429", "503"}, [s for s in statuses if not isinstance(s, int)][:3]
    assert statuses.count(200) >= 64
    assert_at_rest(crowd)
    first = crowd.resident_bytes()
    parallel_streams(crowd, model)
    assert_at_rest(crowd)
    assert crowd.resident_bytes() - first < GROWTH_BYTES_MAX, f"{first} → {crowd.resident_bytes()} bytes"


def test_disconnects_in_mid_stream(crowd, model):
    def leave(i):
        with connect(crowd, body(model, 400, seed=i)) as link:
            reply = answer(link)
            if reply.status == 200:
                for _ in range(i % 5 + 1):
                    reply.readline()
            if i % 2:
                # A reset instead of a goodbye.
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return reply.status

    before = crowd.resident_bytes()
    assert set(each(DISCONNECTS, leave)) <= {200, 429, 503}
    assert_at_rest(crowd)
    assert crowd.resident_bytes() - before < GROWTH_BYTES_MAX


def test_a_cancel_storm(crowd, model):
    """Requests whose clients leave before, with and after the first byte."""
    random.seed(7)
    delays = [random.uniform(0, 0.2) for _ in range(300)]
    print("seed 7")

    def leave(i):
        link = connect(crowd, body(model, 400, n=i % 3 + 1))
        time.sleep(delays[i])
        link.close()

    each(len(delays), leave)
    assert_at_rest(crowd)


GARBAGE = [
    b"",
    b"{",
    b"[]",
    b"null",
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'{"model":' * 10_000,
    b'{"prompt": 1e400}',
    b'{"prompt": "a", "prompt": "b"}',
    b'{"prompt": "\\ud800"}',
    b'{"prompt": "a", "max_tokens": ' + b"9" * 400 + b"}",
    b'{"prompt": NaN}',
    b'{"prompt": ["a", {}]}',
    b'{"prompt": "a", "temperature": "hot"}',
    b'{"prompt": "' + b"a" * (9 << 20) + b'"}',
]


def test_garbage_bodies(crowd, model):
    for path in ("/v1/completions", "/v1/chat/completions", "/v1/responses", "/v1/embeddings", "/v1/messages", "/api/chat", "/completion"):
        for garbage in GARBAGE:
            try:
                status, _, reply = crowd.post(path, garbage)
            except (ConnectionError, OSError) as cut:
                # A body over the limit may be cut off while it is being sent.
                assert len(garbage) > 8 << 20, (path, garbage[:40], cut)
                continue
            assert 400 <= status < 500, (path, garbage[:40], status, reply[:200])
            assert "error" in json.loads(reply), (path, garbage[:40], reply[:200])
    assert_at_rest(crowd)


def test_garbage_on_the_wire(crowd):
    for garbage in (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", crowd.port), timeout=40) as link:
            try:
                link.sendall(garbage)
                link.shutdown(socket.SHUT_WR)
                reply = link.recv(100)
            except ConnectionError:
                continue
            assert reply == b"" or reply.startswith(b"HTTP/1.1 4"), (garbage[:40], reply)
    assert_at_rest(crowd)


def test_slow_readers_do_not_hold_up_others(crowd, model):
    """Clients that ask for much and read nothing; those that read are served all the same."""
    slow = [connect(crowd, body(model, 400, n=8), receive_buffer=2048) for _ in range(40)]
    try:
        start = time.monotonic()
        for i in range(10):
            status, _, reply = crowd.post("/v1/completions", body(model, 8, stream=False, seed=i))
            assert status in (200, 429, 503), reply
        assert time.monotonic() - start < 60
        resident = crowd.resident_bytes()
        time.sleep(2)
        assert crowd.resident_bytes() - resident < GROWTH_BYTES_MAX, "what is not read piles up"
    finally:
        for link in slow:
            link.close()
    assert_at_rest(crowd)


def test_a_dribbled_request_is_closed(crowd):
    """A head that never ends does not keep its connection for ever, nor anybody else waiting."""
    with socket.create_connection(("127.0.0.1", crowd.port), timeout=90) as link:
        link.sendall(b"POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        assert crowd.get("/health")[0] == 200
        start = time.monotonic()
        assert link.recv(1000)[:12] in (b"", b"HTTP/1.1 408")
        # Of the 30 s that a head may take, and what a busy machine adds.
        assert time.monotonic() - start < 75


def test_sigterm_lets_streams_finish(logs):
    server = Served("--drain-timeout", 30, models=[STORIES], log=logs / "drain.log")
    model = json.loads(server.get("/v1/models")[2])["data"][0]["id"]
    with connect(server, body(model, 400)) as link:
        reply = answer(link)
        assert reply.status == 200
        reply.readline()
        server.process.terminate()
        text = reply.read().decode()
    assert text.rstrip().endswith("data: [DONE]"), text[-200:]
    assert server.process.wait(20) == 0
