"""A cache on disk (`--cache-dir`): a restart is warm, and a server that was killed while it wrote starts clean, with the same answers."""

import json
import random
import time

from served import Served, smollm2

PREFIX = "The history of the lighthouse begins long before the first keeper came to the island. " * 12
KILLS = 6


def answers(server):
    """Greedy texts of prompts that share a prefix, and the prompt tokens that were computed for them."""
    computed = server.metrics()["trinity_computed_prompt_tokens_total"]
    model = json.loads(server.get("/v1/models")[2])["data"][0]["id"]
    texts = []
    for question in ("Who was the keeper?", "When was it built?", "What is it made of?"):
        request = {"model": model, "prompt": PREFIX + question, "max_tokens": 12, "temperature": 0}
        status, _, reply = server.post("/v1/completions", request)
        assert status == 200, reply
        texts.append(json.loads(reply)["choices"][0]["text"])
    return texts, server.metrics()["trinity_computed_prompt_tokens_total"] - computed


def start(folder, logs):
    return Served("--cache-dir", folder, models=[smollm2()], log=logs / "persistence.log")


def test_a_restart_is_warm(tmp_path, logs):
    server = start(tmp_path, logs)
    texts, cold = answers(server)
    assert server.stop() == 0
    server = start(tmp_path, logs)
    again, warm = answers(server)
    server.stop()
    assert again == texts
    assert warm < cold / 2, f"{warm} prompt tokens computed after a restart, {cold} before"


def test_killed_while_it_writes(tmp_path, logs):
    lonely = Served(models=[smollm2()], log=logs / "persistence.log")
    expected, _ = answers(lonely)
    lonely.stop()
    random.seed(3)
    print("seed 3")
    for kill in range(KILLS):
        server = start(tmp_path, logs)
        texts, _ = answers(server)
        assert texts == expected, f"after {kill} kills"
        if kill % 2:
            # On the way out it writes what it has: into that.
            server.process.terminate()
        time.sleep(random.uniform(0, 0.3))
        server.kill()
    server = start(tmp_path, logs)
    assert answers(server)[0] == expected
    assert server.stop() == 0


def test_a_damaged_cache_is_not_believed(tmp_path, logs):
    server = start(tmp_path, logs)
    expected, _ = answers(server)
    server.stop()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size]
    assert files, "nothing was kept"
    for path in files:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0x55
        path.write_bytes(data[: max(1, len(data) - 7)])
    server = start(tmp_path, logs)
    assert answers(server)[0] == expected
    assert server.stop() == 0
