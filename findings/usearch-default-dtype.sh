#!/usr/bin/env bash
# What an index keeps of float32 vectors, unless told, is what the CPU is fast at: bfloat16, float16 or float32.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check usearch==2.26.6 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import numpy
import usearch
from usearch.compiled import hardware_acceleration
from usearch.index import Index, MetricKind, ScalarKind

vector = numpy.array([0.1, 1000.1], numpy.float32)
index, exact = Index(ndim=2), Index(ndim=2, dtype="f32")
index.add(1, vector)
exact.add(1, vector)
is_fast = {
    kind: hardware_acceleration(dtype=kind, ndim=2, metric_kind=MetricKind.Cos) not in ("", "auto", "serial")
    for kind in (ScalarKind.BF16, ScalarKind.F16)
}
print("usearch", usearch.__version__, {str(kind): fast for kind, fast in is_fast.items()})
print("given", vector.tolist(), "kept", index.dtype, index.get(1).tolist())
is_narrow = index.dtype in (ScalarKind.BF16, ScalarKind.F16)
assert is_narrow or not any(is_fast.values()), "it has changed"
assert (index.get(1) == vector).all() != is_narrow
assert (exact.get(1) == vector).all()
PYTHON
