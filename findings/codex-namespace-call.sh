#!/usr/bin/env bash
# A call of a namespaced function reaches Codex only with namespace and name apart. Needs npm.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --prefix "$folder" @openai/codex@0.171.0
FOLDER="$folder" python3 - <<'PYTHON'
import http.server
import json
import os
import subprocess
import threading

folder = os.environ["FOLDER"]
codex = f"{folder}/node_modules/.bin/codex"
environment = {**os.environ, "HOME": folder, "CODEX_HOME": folder}
requests = []
# Three spellings of one function, then a text.
spellings = [
    {"name": "close_agent"},
    {"name": "multi_agent_v1__close_agent"},
    {"namespace": "multi_agent_v1", "name": "close_agent"},
]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        requests.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        turn = len(requests) - 1
        if turn < len(spellings):
            arguments = json.dumps({"target": "none"})
            item = {"type": "function_call", "id": f"fc_{turn}", "call_id": f"call_{turn}", "arguments": arguments, **spellings[turn]}
        else:
            text = {"type": "output_text", "text": "done", "annotations": []}
            item = {"type": "message", "id": "msg", "role": "assistant", "content": [text]}
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        response = {"id": f"resp_{turn}", "object": "response", "status": "completed", "output": [item], "usage": usage}
        events = [
            {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": response},
        ]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in events:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def do_GET(self):
        self.send_error(404)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
with open(f"{folder}/config.toml", "w") as config:
    config.write(
        'model = "m"\nmodel_provider = "local"\n[model_providers.local]\nname = "local"\n'
        f'base_url = "http://127.0.0.1:{server.server_port}/v1"\nwire_api = "responses"\n'
    )
print(subprocess.run([codex, "--version"], env=environment, capture_output=True, text=True).stdout.strip())
subprocess.run(
    [codex, "exec", "--skip-git-repo-check", "Say hi"], env=environment, cwd=folder, stdin=subprocess.DEVNULL,
    capture_output=True, timeout=120,
)
offered = [tool for tool in requests[0]["tools"] if tool["type"] == "namespace"]
print("namespaces:", {tool["name"]: [function["name"] for function in tool["tools"]] for tool in offered})
outputs = {}
for item in requests[-1]["input"]:
    if item["type"] == "function_call_output":
        outputs[item["call_id"]] = item["output"]
answers = [str(outputs[f"call_{turn}"]) for turn in range(len(spellings))]
for spelling, answer in zip(spellings, answers):
    print(spelling, "→", answer[:120])
assert ["unsupported call" in answer for answer in answers] == [True, True, False]
PYTHON
