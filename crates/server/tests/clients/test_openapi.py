"""`schemathesis`: requests made from the OpenAPI document; none may be answered by a 5xx."""

import json
import subprocess
import sys

SECONDS = 150


def test_document(server):
    status, _, body = server.get("/openapi.json")
    document = json.loads(body)
    assert status == 200 and document["openapi"].startswith("3.")
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/embeddings", "/v1/messages", "/api/chat"):
        assert "post" in document["paths"][path], path


def test_no_5xx(server, tmp_path):
    command = [
        sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json",
        "--checks", "not_a_server_error", "--max-examples", "12", "--seed", "5", "--generation-database", "none",
        "--request-timeout", "60", "--workers", "2", "--no-color", "--phases", "examples,coverage,fuzzing",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "passed" in done.stdout or "No issues" in done.stdout, done.stdout[-2000:]
