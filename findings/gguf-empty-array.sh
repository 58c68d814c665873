#!/usr/bin/env bash
# The writer leaves out a key whose list is empty, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check gguf==0.19.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import importlib.metadata

from gguf import GGUFReader, GGUFWriter

writer = GGUFWriter("empty.gguf", "llama")
writer.add_array("test.empty", [])
writer.add_array("test.one", [1])
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.close()
fields = [name for name in GGUFReader("empty.gguf").fields if name.startswith("test.")]
print("gguf", importlib.metadata.version("gguf"), "keys", fields)
assert fields == ["test.one"], "it has changed"
PYTHON
