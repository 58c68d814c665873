#!/usr/bin/env bash
# A tool's list becomes a text for each item, and an empty list no text at all, as None does.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check mcp==2.3.0
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import asyncio
from importlib.metadata import version

from mcp.server.mcpserver import MCPServer

server = MCPServer("findings")


@server.tool()
def three() -> list:
    return ["a", 1, {"b": 2}]


@server.tool()
def none_found() -> list:
    return []


@server.tool()
def nothing():
    return None


async def texts_of(name):
    return [part.text for part in (await server.call_tool(name, {})).content]


texts = {name: asyncio.run(texts_of(name)) for name in ("three", "none_found", "nothing")}
print("mcp", version("mcp"))
print("texts of the results:", texts)
assert len(texts["three"]) == 3 and texts["three"][:2] == ["a", "1"], "it has changed"
assert texts["none_found"] == texts["nothing"] == [], "it has changed"
PYTHON
