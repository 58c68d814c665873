#!/usr/bin/env bash
# An array of integers is always written as INT32: one of 2^31 is an error, though the format has UINT32 and INT64.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check gguf==0.19.0
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

import gguf


def written(value):
    writer = gguf.GGUFWriter("file.gguf", "llama")
    writer.add_array("values", value)
    writer.write_header_to_file()
    try:
        writer.write_kv_data_to_file()
    except Exception as error:
        return type(error).__name__, str(error)
    writer.write_tensors_to_file()
    writer.close()
    field = gguf.GGUFReader("file.gguf").fields["values"]
    return [kind.name for kind in field.types], field.contents()


small, large = written([1, 2**31 - 1]), written([1, 2**31])
print("gguf", version("gguf"))
print("2^31 − 1:", small)
print("2^31:", large)
assert small == (["ARRAY", "INT32"], [1, 2**31 - 1]) and large[0] == "error", "it has changed"
PYTHON
