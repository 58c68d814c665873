#!/usr/bin/env bash
# The reader's contents() of an array of arrays is one flat list.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check gguf==0.19.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import importlib.metadata

from gguf import GGUFReader, GGUFWriter

writer = GGUFWriter("nested.gguf", "llama")
writer.add_array("test.nested", [[1, 2], [3]])
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.close()
field = GGUFReader("nested.gguf").fields["test.nested"]
print("gguf", importlib.metadata.version("gguf"))
print("written [[1, 2], [3]], types", [type.name for type in field.types], "read", field.contents())
assert [type.name for type in field.types] == ["ARRAY", "ARRAY", "INT32"]
assert field.contents() == [1, 2, 3], "it has changed"
PYTHON
