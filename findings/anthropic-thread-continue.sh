#!/usr/bin/env bash
# Who answers the tool runner's thread: {type: create} is sent only what is new afterwards.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check anthropic==2.14.0
"$folder/env/bin/python" - <<'PYTHON'
import http.server
import json
import threading

import anthropic

seen = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris"}}
        content = [call] if len(seen) == 1 else [{"type": "text", "text": "Warm."}]
        body = {
            "id": f"msg_{len(seen)}",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": content,
            "stop_reason": "tool_use" if len(seen) == 1 else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{server.server_port}", api_key="none", max_retries=0)


@anthropic.beta_tool
def weather(city: str) -> str:
    """The weather of a city."""
    return "warm"


ask = [{"role": "user", "content": "Weather?"}]
client.beta.messages.tool_runner(model="m", max_tokens=9, system="Be brief.", messages=ask, tools=[weather]).until_done()
print("anthropic", anthropic.__version__)
first, second = seen
print("first: ", {"thread": first.get("thread"), "messages": len(first["messages"]), "tools": "tools" in first})
print("second:", {"thread": second.get("thread"), "messages": len(second["messages"]), "tools": "tools" in second})
assert first["thread"] == {"type": "create"} and len(first["messages"]) == 1
assert second["thread"] == {"type": "continue", "previous_message_id": "msg_1"}
assert len(second["messages"]) == 1 and "tools" not in second and "system" not in second
PYTHON
