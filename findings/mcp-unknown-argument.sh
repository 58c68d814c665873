#!/usr/bin/env bash
# An argument that a tool does not have is dropped in silence, so a misspelt optional one has no effect.
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
def search(query: str, limit: int = 10) -> str:
    return f"{query}, {limit}"


async def text_of(arguments):
    result = await server.call_tool("search", arguments)
    return result.is_error, result.content[0].text


right = asyncio.run(text_of({"query": "a", "limit": 3}))
misspelt = asyncio.run(text_of({"query": "a", "limits": 3}))
schema = asyncio.run(server.list_tools())[0].input_schema
print("mcp", version("mcp"))
print("limit:", right, "limits:", misspelt, "additionalProperties:", schema.get("additionalProperties"))
assert right == (False, "a, 3") and misspelt == (False, "a, 10"), "it has changed"
assert "additionalProperties" not in schema, "it has changed"
PYTHON
